"""What is known has two times: it is as of the event's own, and from what had been received by then.

Told for features, for data sets with their labels, for decisions made again, and for decisions that are explained.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.house import FORGET_AFTER_DAYS
from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.engine.explaining import Explained, rule_set_then
from fourthwatch.engine.subjects import Subjects
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.features.catalogue import INDEX
from fourthwatch.store.history import History
from fourthwatch.workbench.again import decide_again
from fourthwatch.workbench.dataset import Wanted, build
from fourthwatch.workbench.table import groups_of
from workbench.walked import START_MS, Shop

EARLY, LATE, LATER, PAST = "o-early", "o-late", "o-later", "o-past"
TOLD_LATE_MS = START_MS + 11 * DAY_MS
NAMES = ("failed_transactions_24h", "chargebacks_ever", "delivered_ever", "bad_tags", "orders_by_user_24h")
SEEN = {
    EARLY: (0, 0, 0, 0, 0),
    LATE: (0, 0, 0, 0, 0),  # all that is told below happened before it, and nobody had heard of it
    LATER: (1, 1, 1, 1, 2),  # the same two minutes later by its own time, received when all had been heard
    PAST: (0, 0, 0, 0, 0),  # received last of all, and nothing of that had happened by its own time
}


def happened(ms: int, **fields: Any) -> dict[str, Any]:
    return {"_userId": "asha", "_deviceIp": "203.0.113.9", "_originTimestamp": str(ms), **fields}


def order(order_id: str, ms: int) -> dict[str, Any]:
    return happened(ms, _orderId=order_id, _amount="500", _currencyCode="INR")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An order, another, what had happened between them, told a day late, and two orders that come after it."""
    shop, now = Shop(tmp_path), START_MS + 10 * DAY_MS
    shop.take("createOrder", order(EARLY, START_MS), START_MS)
    shop.take("createOrder", order(LATE, now), now)
    paid = {"_orderId": LATE, "_transactionId": "t-1", "_transactionStatus": "_failure"}
    shop.take("transaction", happened(now - HOUR_MS, **paid), TOLD_LATE_MS)
    shop.take("chargeback", happened(START_MS + 5 * DAY_MS, _orderId=EARLY, _chargebackReason="_fraud"), TOLD_LATE_MS)
    shop.take("order_status", happened(START_MS + 3 * DAY_MS, _orderId=EARLY, _orderStatus="_fulfilled"), TOLD_LATE_MS)
    shop.take("tag", happened(START_MS + 6 * DAY_MS, _isBad=True, _abuseType="_accountAbuse"), TOLD_LATE_MS)
    shop.take("createOrder", order("o-between", now + MINUTE_MS), TOLD_LATE_MS + 1)
    shop.take("createOrder", order(LATER, now + 2 * MINUTE_MS), TOLD_LATE_MS + 2)
    shop.take("createOrder", order(PAST, START_MS + 2 * DAY_MS), TOLD_LATE_MS + 3)
    shop.close()
    return tmp_path


def stored(directory: Path) -> dict[str, tuple[float | None, ...]]:
    """Of each order what its decision saw."""
    history, found = History(directory), {}
    for entry in history.entries():
        if entry.decision is not None and entry.event.kind == KIND_OF_NAME["createOrder"].number:
            vector = msgspec.json.decode(entry.decision.detail)["vector"]
            body = msgspec.json.decode(entry.event.body)
            found[body["_orderId"]] = tuple(vector[INDEX[name]] for name in NAMES)
    history.close()
    return found


def rows_of(directory: Path, wanted: Wanted) -> dict[str, dict[str, Any]]:
    out = directory / "out.parquet"
    build(directory, out, wanted, lambda _done, _total: None)
    return {
        row["order_id"]: row
        for group in groups_of(out)
        for row in (dict(zip(group, cells, strict=True)) for cells in zip(*group.values(), strict=True))
    }


def test_a_decision_sees_what_had_happened_by_its_own_time_and_been_received(directory: Path) -> None:
    found = stored(directory)
    assert {name: found[name] for name in SEEN} == SEEN


def test_a_data_set_has_in_each_row_what_had_been_received_before_it(directory: Path) -> None:
    rows = rows_of(directory, Wanted(features=NAMES))
    assert {name: tuple(rows[name][one] for one in NAMES) for name in SEEN} == SEEN


def test_a_label_has_both_times_and_is_untold_in_a_data_set_of_before_it_arrived(directory: Path) -> None:
    now = rows_of(directory, Wanted(features=NAMES))[EARLY]
    told = [now[f"label_chargeback{end}"] for end in ("", "_received_ms", "_occurred_ms")]
    assert told == [1, TOLD_LATE_MS, START_MS + 5 * DAY_MS]
    then = rows_of(directory, Wanted(features=NAMES, known_by_ms=TOLD_LATE_MS))[EARLY]
    assert then["label_chargeback"] is None


def test_decisions_made_again_when_all_is_known_see_what_they_saw(directory: Path) -> None:
    again = list(decide_again(directory, FORGET_AFTER_DAYS))
    assert len(again) >= len(SEEN)
    assert all(one.identical for one in again)


def test_a_decision_explained_when_all_is_known_is_told_with_what_it_saw(directory: Path) -> None:
    shop = Shop(directory)  # has read the log again: late events are in the windows
    event, made = shop.walk.ledger.stored(2)
    then = rule_set_then(1, 0, None)
    assert made is not None
    assert then is not None
    told = {line.rule: line for line in Explained(shop.walk, event, made, then).lines()}
    assert told["failed_payments_several"].says == "failed_transactions_24h 0 >= 4: miss"
    assert told["disputed_before"].says == "chargebacks_ever 0 >= 1: miss"
    assert told["tagged_bad"].result == "miss"
    # By its own time alone, the same question asked now is answered otherwise: that is what must not be told.
    now = shop.walk.windows.vector(Subjects(shop.walk.ledger, shop.walk.windows).stored(event))
    assert tuple(now[INDEX[name]] for name in NAMES) == (1, 1, 1, 1, 0)
    shop.close()
