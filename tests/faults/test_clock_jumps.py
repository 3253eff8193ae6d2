"""Clocks that jump and times that cannot be: everything lands, in the order of its arrival, and no count is spoiled."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from faults.history import check_file, differing, seeded, stored_in
from faults.load import Made, probe, shopping
from faults.walking import Desk
from fourthwatch.api.management import event_view
from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS, ManualClock
from fourthwatch.engine.walk import Answer
from fourthwatch.errors import Malformed
from fourthwatch.limits import FUTURE_SLACK_MS
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import LedgerReader
from fourthwatch.wire import decode

NOON_MS = 1_750_000_000_000
IP = "203.0.113.7"
_ODD = (
    "0",
    "-1",
    "",
    "now",
    "1e400",
    "2025-02-30T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "9" * 30,
    "12345-01-01",
    None,
    True,
)


def test_a_late_order_counts_at_its_own_time_and_not_now(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ManualClock(NOON_MS))
    desk.take_one(order("now", NOON_MS))
    desk.take_one(order("late", NOON_MS - 2 * DAY_MS))
    assert orders_seen(desk, order("probe-now", NOON_MS)) == 1
    assert orders_seen(desk, order("probe-then", NOON_MS - 2 * DAY_MS + MINUTE_MS)) == 1
    desk.close()
    assert differing(tmp_path) == []


def test_an_order_from_the_future_counts_at_the_time_of_its_receipt(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ManualClock(NOON_MS))
    assert poisons_no_window(desk)
    desk.close()


def test_a_build_that_believes_any_future_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "FUTURE_SLACK_MS", 100 * 365 * DAY_MS)
    desk = Desk(tmp_path, ManualClock(NOON_MS))
    assert not poisons_no_window(desk)
    desk.close()


@pytest.mark.parametrize("jump_ms", [-2 * HOUR_MS, 30 * DAY_MS], ids=["two hours back", "thirty days on"])
def test_a_jump_of_the_clock_and_back_loses_doubles_and_forgets_nothing(tmp_path: Path, jump_ms: int) -> None:
    clock = ManualClock(NOON_MS)
    desk = Desk(tmp_path, clock)
    before, meanwhile, after = (
        list_of(source, 40) for source in (shopping(Random(at), at, NOON_MS) for at in (1, 2, 3))
    )
    desk.take([*before, *(untimed(f"before-{number}") for number in range(3))])
    clock.jump(jump_ms)
    desk.take(meanwhile)
    desk.take_one(untimed("meanwhile"))
    desk.take_snapshot()
    for outcome in desk.take(before):
        assert isinstance(outcome, Answer)
        assert outcome.replayed, "a retry is known again whatever the clock says"
    clock.jump(-jump_ms)
    clock.advance(MINUTE_MS)
    desk.take(after)
    expected = 4 if jump_ms < 0 else 3
    assert orders_seen(desk, untimed("probe")) == expected, "the orders of before the jump are still known"
    desk.close()
    marks = [row.mark for row in stored_in(tmp_path)]
    wanted = [made.mark for made in before] + ["before-0", "before-1", "before-2"]
    wanted += [made.mark for made in meanwhile] + ["meanwhile"] + [made.mark for made in after] + ["probe"]
    assert marks == wanted, "the ledger's order is the order of arrival"
    check_file(tmp_path)
    assert differing(tmp_path) == []


@pytest.mark.slow
def test_any_time_is_stored_or_refused_and_never_spoils_what_others_count(tmp_path: Path) -> None:
    random = seeded("absurd times")
    desk = Desk(tmp_path, ManualClock(NOON_MS))
    desk.take_one(order("first", NOON_MS - MINUTE_MS))
    times: list[object] = [*_ODD, *(random.randrange(-(2**63), 2**63) for _ in range(100))]
    times += [random.uniform(-1e20, 1e20) for _ in range(50)] + [10**18, 2**63 - 1, 0.5, 1e308]
    for number, at in enumerate(times):
        try:
            answer = desk.take_one(order(f"odd-{number}", at, ip="198.51.100.9"))
        except Malformed:
            continue
        entry = event_of(desk, answer)
        assert 0 < entry.occurred_ms <= NOON_MS + FUTURE_SLACK_MS
    assert orders_seen(desk, order("probe", NOON_MS)) == 1
    desk.close()
    assert differing(tmp_path) == []


def poisons_no_window(desk: Desk) -> bool:
    """Whether an order of tomorrow counts today, and no longer when tomorrow has come and gone."""
    answer = desk.take_one(order("future", NOON_MS + DAY_MS))
    warned = "future_time" in [warning.code for warning in answer.receipt.warnings]
    counted = orders_seen(desk, order("probe", NOON_MS)) == 1
    return warned and counted and event_of(desk, answer).occurred_ms == NOON_MS


def order(mark: str, at: object, ip: str = IP) -> Made:
    """An order whose sender says that it happened at this time."""
    made = probe(ip, mark)
    body = json.loads(made.body) | {"_originTimestamp": at}
    return made._replace(body=json.dumps(body).encode())


def untimed(mark: str) -> Made:
    """An order that counts at the time of its receipt."""
    return probe(IP, mark)


def list_of(source: Iterator[Made], events: int) -> list[Made]:
    """The first events of it that the server can know again."""
    found: list[Made] = []
    for made in source:
        if made.repeatable:
            found.append(made)
        if len(found) == events:
            break
    return found


def orders_seen(desk: Desk, made: Made) -> float | None:
    """Other orders of its IP in 24 hours, as the order was judged by."""
    reader = LedgerReader(desk.directory)
    try:
        entry = reader.event(1, desk.take_one(made).receipt.event_id)
    finally:
        reader.close()
    assert entry is not None
    decision = event_view(entry).decision
    assert decision is not None
    return decision.features["orders_by_ip_24h"]


def event_of(desk: Desk, answer: Answer) -> EventRow:
    """What was stored of it."""
    reader = LedgerReader(desk.directory)
    try:
        entry = reader.event(1, answer.receipt.event_id)
    finally:
        reader.close()
    assert entry is not None
    return entry.event
