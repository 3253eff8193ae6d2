"""What waits for whom when much waits: decisions before history, and parts of a decision put off rather than late."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.test_corridor import Owner
from engine.till import submission
from fourthwatch.clock import ManualClock
from fourthwatch.decision import Policy
from fourthwatch.engine import aftermath
from fourthwatch.engine.again import AGAIN
from fourthwatch.engine.corridor import Ticket
from fourthwatch.engine.judging import STAGES
from fourthwatch.engine.walk import Answer, Submission
from fourthwatch.errors import Unavailable
from fourthwatch.limits import BULK_QUEUE_MAX, PRESSED_QUEUE
from fourthwatch.store.reader import LedgerReader
from story import NOW_MS


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    made = Owner(tmp_path, policy=Policy())
    made.corridor.start()
    yield made
    made.stop()


def order(number: int, **body: Any) -> Submission:
    return submission("createOrder", NOW_MS, _orderId=f"o-{number}", _userId="asha", _amount="10", **body)


def history(number: int) -> Submission:
    return msgspec.structs.replace(submission("login", NOW_MS + number, _userId=f"u-{number}"), is_bulk=True)


def places_of_orders(owner: Owner, bulk: Callable[[int], Submission]) -> list[int]:
    """When 200 events of history wait and five orders come behind them: whose turn it was when the orders' came."""
    for number in range(200):
        owner.corridor.submit(bulk(number), Ticket(number))
    for number in range(5):
        owner.corridor.submit(order(number), Ticket(1_000 + number))
    owner.work(205)
    return [place for place, (ticket, _) in enumerate(owner.settled) if int(str(ticket)) >= 1_000]


def test_orders_are_decided_before_history_that_came_first(owner: Owner) -> None:
    assert places_of_orders(owner, history) == [0, 1, 2, 3, 4]


def test_a_build_that_lets_history_wait_in_the_same_queue_would_be_noticed(owner: Owner) -> None:
    def as_if_urgent(number: int) -> Submission:
        return msgspec.structs.replace(history(number), is_bulk=False)

    assert places_of_orders(owner, as_if_urgent) == [200, 201, 202, 203, 204]


def test_history_fills_its_own_queue_and_never_that_of_orders(owner: Owner) -> None:
    for number in range(BULK_QUEUE_MAX):
        owner.corridor.submit(history(number), Ticket(number))
    with pytest.raises(Unavailable) as refused:
        owner.corridor.submit(history(9_999), Ticket(9_999))
    assert refused.value.retry_after_s == 1
    assert not owner.corridor.is_pressed
    for number in range(PRESSED_QUEUE):
        owner.corridor.submit(order(number), Ticket(10_000 + number))
    pressed = [owner.corridor.is_pressed]
    owner.work(BULK_QUEUE_MAX + PRESSED_QUEUE)
    assert [*pressed, owner.corridor.is_pressed] == [True, False]


def decided_after(owner: Owner, waited_ms: int) -> Answer:
    clock = owner.corridor._clock
    assert isinstance(clock, ManualClock)
    owner.submit(order(1, _originTimestamp=str(NOW_MS)))
    clock.advance(waited_ms)
    (outcome,) = owner.work(1)
    assert isinstance(outcome, Answer)
    return outcome


@pytest.mark.parametrize(
    ("waited_ms", "skipped"), [(0, 0), (24, 0), (25, 1), (37, 1), (38, 2), (49, 2), (50, 3), (5_000, 3)]
)
def test_the_longer_an_order_has_waited_the_more_of_its_decision_is_put_off(
    owner: Owner, waited_ms: int, skipped: int
) -> None:
    receipt = decided_after(owner, waited_ms).receipt
    if skipped == 0:
        assert receipt.degraded is msgspec.UNSET
        return
    assert receipt.degraded == STAGES[:skipped]
    assert (receipt.reasons == ()) == (skipped == 3)
    assert receipt.verdict in ("approve", "review", "decline")


def test_an_order_of_whose_decision_something_was_put_off_is_decided_again_in_full_and_stays_so(
    owner: Owner, tmp_path: Path
) -> None:
    first = decided_after(owner, 60).receipt
    assert first.degraded == STAGES
    while owner.stored() < 2:
        owner.do_what_is_posted()
    reader = LedgerReader(tmp_path)
    newest = reader.newest_decision(1, "o-1")
    assert newest is not None
    assert newest.decision is not None
    detail = msgspec.json.decode(newest.decision.detail)
    assert newest.event.name == AGAIN
    assert msgspec.json.decode(newest.event.body)["_customInfo"] == {"event_id": first.event_id}
    assert "degraded" not in detail
    assert detail["reasons"]
    assert detail["vector"] != []
    reader.close()
    owner.submit(order(1, _originTimestamp=str(NOW_MS)))
    again = owner.work(3)[-1]  # that of the event that nobody waited for came before
    assert isinstance(again, Answer)
    assert (again.receipt, again.replayed) == (first, True)
    assert owner.stored() == 2


def test_a_deadline_of_nothing_puts_nothing_off(owner: Owner) -> None:
    walk = owner.corridor.definitions.walk
    policy = msgspec.structs.replace(walk.judging.policies.of(1), deadline_ms=0)
    walk.judging.policies.put(1, policy, "somebody", NOW_MS, 1)
    assert decided_after(owner, 10_000).receipt.degraded is msgspec.UNSET


def test_history_is_decided_in_full_however_long_it_has_waited(owner: Owner) -> None:
    late = msgspec.structs.replace(order(1), received_ms=NOW_MS - 10_000, is_bulk=True)
    owner.submit(late)
    (outcome,) = owner.work(1)
    assert isinstance(outcome, Answer)
    assert outcome.receipt.degraded is msgspec.UNSET
    assert outcome.receipt.reasons


def test_orders_to_decide_in_full_that_are_too_many_are_found_again_when_there_is_time(
    owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aftermath, "QUEUE_MAX", 3)
    monkeypatch.setattr(aftermath, "_LOOKED_AT_ONCE", 4)
    clock = owner.corridor._clock
    assert isinstance(clock, ManualClock)
    clock.advance(60)
    most, orders = 0, 40
    owner.submit(order(0, _originTimestamp=str(NOW_MS)))
    for number in range(1, orders):  # the next is there before one is answered: nobody is ever at leisure
        owner.corridor.submit(order(number, _originTimestamp=str(NOW_MS)), Ticket(number))
        owner.work(number)
        most = max(most, len(owner.corridor._queues.bulk))
    owner.work(orders)
    assert most < orders // 2, "all of them wait in memory"
    while owner.stored() < 2 * orders:
        owner.work_once()
    owner.do_what_is_posted()
    reader = LedgerReader(tmp_path)
    named = [msgspec.json.decode(event.body) for event in reader.newest(1, 10**6) if event.name == AGAIN]
    reader.close()
    assert sorted(body["_orderId"] for body in named) == sorted(f"o-{number}" for number in range(orders))
