"""The corridor: a bounded queue, every ticket settled once and after its commit, faults that stay where they are."""

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from engine.till import Till, submission
from fourthwatch.clock import ManualClock
from fourthwatch.decision import Policy
from fourthwatch.engine import corridor as corridors
from fourthwatch.engine import queues
from fourthwatch.engine.corridor import Corridor, CorridorSettings, Settled, Ticket
from fourthwatch.engine.pace import FULL_REST_S
from fourthwatch.engine.walk import Answer, Submission
from fourthwatch.errors import Internal, LedgerUnusable, Refused, Unavailable
from fourthwatch.store.ledger import Sealed
from fourthwatch.store.reader import LedgerReader
from fourthwatch.store.snapshots import FILE_NAME as SNAPSHOT_NAME
from story import NOW_MS

PATIENCE_S = 60.0
"""A test that waits longer than this for a commit fails; nothing is measured against it."""


UNHURRIED = Policy(deadline_ms=0)
"""Decides in full, however long an event has waited: what these tests submit was received long ago."""


class Owner:
    """The thread that a corridor lives on: this one. Work is done when `work` is called, and not before."""

    def __init__(
        self,
        directory: Path,
        *,
        disk_reserve_bytes: int = 0,
        snapshot_every_events: int = 10_000,
        policy: Policy = UNHURRIED,
        heard: frozenset[int] = frozenset(),
    ) -> None:
        self.directory = directory
        self.settled: list[tuple[object, object]] = []
        self.broken = 0
        self.stored_when_settled: list[int] = []
        self._posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._reader: LedgerReader | None = None
        self._byte = 0
        settings = CorridorSettings(
            directory=directory,
            policy=policy,
            disk_reserve_bytes=disk_reserve_bytes,
            snapshot_every_events=snapshot_every_events,
            heard=heard,
        )
        self.clock = ManualClock(NOW_MS)
        self.corridor = Corridor(
            settings, self.clock, self._some_bytes, self._settle, self._on_broken, self._posted.put
        )

    def submit(self, *submissions: Submission) -> None:
        for number, one in enumerate(submissions, len(self.settled)):
            self.corridor.submit(one, Ticket(number))

    def work(self, until: int) -> list[object]:
        """Do what is posted until so many tickets are settled; the outcomes in the order of settling."""
        while len(self.settled) < until:
            self.work_once()
        return [outcome for _, outcome in self.settled]

    def work_once(self) -> None:
        """Do the next thing that is posted, as soon as it is."""
        self._posted.get(timeout=PATIENCE_S)()

    def do_what_is_posted(self) -> None:
        while not self._posted.empty():
            self._posted.get()()

    def stop(self) -> None:
        """Stop as the server does, from another thread, while this one goes on working."""
        stopping = threading.Thread(target=self.corridor.stop, daemon=True)
        stopping.start()
        waited_s = 0.0
        while stopping.is_alive() or not self._posted.empty():
            try:
                self._posted.get(timeout=0.01)()
            except queue.Empty:
                waited_s += 0.01
                assert waited_s < PATIENCE_S, "the stop does not end"

    def stored(self) -> int:
        if self._reader is None:
            self._reader = LedgerReader(self.directory)
        return self._reader.count()

    def _settle(self, settled: Settled) -> None:
        self.settled += settled
        self.stored_when_settled += [self.stored()] * len(settled)

    def _on_broken(self) -> None:
        self.broken += 1

    def _some_bytes(self, number: int) -> bytes:
        self._byte += 1
        return self._byte.to_bytes(number, "big")


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    made = Owner(tmp_path)
    made.corridor.start()
    yield made
    made.stop()


def login(number: int) -> Submission:
    return submission("login", NOW_MS + number, _userId=f"user-{number % 7}", _deviceId="dv-1")


def poisoned(number: int) -> Submission:
    """An event that no event can be: whatever looks at it raises."""
    one = login(number)
    return msgspec.structs.replace(one, decoded=msgspec.structs.replace(one.decoded, event=cast(Any, None)))


def test_every_ticket_is_settled_once_in_order_and_after_its_commit(owner: Owner) -> None:
    owner.submit(*[login(number) for number in range(300)])
    outcomes = owner.work(300)
    assert [ticket for ticket, _ in owner.settled] == list(range(300))
    assert all(isinstance(outcome, Answer) and not outcome.replayed for outcome in outcomes)
    for position, stored in enumerate(owner.stored_when_settled, 1):
        assert stored >= position


def test_a_batch_is_bounded(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corridors, "BATCH_MAX", 10)
    owner.submit(*[login(number) for number in range(35)])
    owner.work(35)
    assert [owner.stored_when_settled.count(stored) for stored in (10, 20, 30, 35)] == [10, 10, 10, 5]


def test_a_full_queue_refuses_at_once_and_takes_again_when_there_is_room(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "QUEUE_MAX", 5)
    owner.submit(*[login(number) for number in range(5)])
    with pytest.raises(Unavailable, match="too many events are waiting") as refused:
        owner.submit(login(5))
    assert refused.value.retry_after_s == 1
    owner.work(5)
    owner.corridor.submit(login(6), Ticket(5))
    assert len(owner.work(6)) == 6
    assert owner.stored() == 6


def test_whoever_asks_before_decoding_hears_of_a_full_queue_and_bulk_has_a_queue_of_its_own(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "QUEUE_MAX", 5)
    owner.corridor.look(is_bulk=False)
    owner.submit(*[login(number) for number in range(5)])
    with pytest.raises(Unavailable, match="waiting"):
        owner.corridor.look(is_bulk=False)
    owner.corridor.look(is_bulk=True)
    owner.work(5)
    owner.corridor.look(is_bulk=False)


def test_the_more_wait_the_more_walk_between_two_looks_at_the_sockets(owner: Owner) -> None:
    number = 0
    for waiting, walk in ((15, 15), (40, 32), (1_600, 100)):
        owner.submit(*[login(number + more) for more in range(waiting)])
        number += waiting
        owner._posted.get(timeout=PATIENCE_S)()
        assert waiting - len(owner.corridor._queues.waiting) == walk
        owner.work(number)


def test_nothing_is_taken_before_the_past_is_read(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    assert owner.corridor.state == "starting"
    with pytest.raises(Unavailable, match="still reading its log"):
        owner.submit(login(1))
    assert owner.settled == []


def test_nothing_is_taken_after_the_stop(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    owner.corridor.start()
    owner.stop()
    assert owner.corridor.state == "stopped"
    with pytest.raises(Unavailable, match="is stopping"):
        owner.submit(login(1))
    assert owner.settled == []


def test_a_stop_finishes_what_waits_and_leaves_a_snapshot(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    owner.corridor.start()
    owner.submit(*[login(number) for number in range(400)])
    owner.stop()
    assert len(owner.settled) == 400
    assert owner.stored() == 400
    assert (tmp_path / SNAPSHOT_NAME).exists()


def test_a_stop_with_nothing_to_do_ends(tmp_path: Path) -> None:
    owner = Owner(tmp_path)
    owner.corridor.start()
    owner.stop()
    assert not (tmp_path / SNAPSHOT_NAME).exists()


def test_a_started_corridor_knows_what_came_before(tmp_path: Path) -> None:
    for start in range(3):
        owner = Owner(tmp_path, snapshot_every_events=15)
        owner.corridor.start()
        owner.submit(*[login(number) for number in range(20)])
        replayed = [outcome.replayed for outcome in owner.work(20) if isinstance(outcome, Answer)]
        assert replayed == [start > 0] * 20
        assert owner.stored() == 20
        owner.stop()


def test_a_poison_event_is_refused_alone(owner: Owner, tmp_path: Path) -> None:
    batch = [login(number) for number in range(20)]
    batch[7] = poisoned(7)
    owner.submit(*batch)
    owner.work(20)
    by_ticket = dict(owner.settled)
    assert len(by_ticket) == len(owner.settled) == 20
    refused = by_ticket.pop(7)
    assert isinstance(refused, Internal)
    assert "user-" not in refused.message
    assert all(isinstance(outcome, Answer) for outcome in by_ticket.values())
    assert owner.stored() == 19
    owner.corridor.submit(login(50), Ticket(20))
    assert isinstance(owner.work(21)[-1], Answer)
    assert owner.broken == 0


def test_an_event_that_is_poison_once_it_was_judged_is_refused_alone(owner: Owner, tmp_path: Path) -> None:
    event = submission("custom_event", NOW_MS, _eventName="note_left", _userId="user-1", is_own=True)
    spoilt = msgspec.structs.replace(event.decoded.event, custom_info=cast(Any, "no object"))
    poison = msgspec.structs.replace(
        event, decoded=msgspec.structs.replace(event.decoded, event=spoilt), actor="key_1"
    )  # the audit trail looks at what nothing before it does
    orders = [
        submission("createOrder", NOW_MS + number, _orderId=f"o-{number}", _userId="user-1") for number in range(4)
    ]
    paid = submission("transaction", NOW_MS + 9, _orderId="o-1", _transactionStatus="_success")
    owner.submit(*orders[:2], poison, *orders[2:], paid)
    owner.work(6)
    by_ticket = dict(owner.settled)
    assert isinstance(by_ticket.pop(2), Internal)
    assert all(isinstance(outcome, Answer) and not outcome.replayed for outcome in by_ticket.values())
    assert owner.stored() == 5
    assert owner.broken == 0
    owner.stop()
    clean, again = Till(tmp_path / "clean"), Till(tmp_path)
    clean.take(*orders, paid)
    assert again.vector() == clean.vector()
    assert again.memory() == clean.memory()
    again.close()
    clean.close()


def test_after_a_poison_event_the_windows_hold_what_the_ledger_holds(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "poisoned")
    owner.corridor.start()
    owner.submit(*[login(0), login(1), poisoned(2), login(3)])
    owner.work(4)
    owner.submit(submission("createOrder", NOW_MS + 10, _orderId="ord-1", _userId="user-0", _deviceId="dv-1"))
    owner.work(5)
    owner.stop()
    clean = Till(tmp_path / "clean")
    clean.take(login(0), login(1), login(3))
    clean.tell("createOrder", NOW_MS + 10, _orderId="ord-1", _userId="user-0", _deviceId="dv-1")
    again = Till(tmp_path / "poisoned")
    assert again.vector() == clean.vector()
    assert again.memory() == clean.memory()
    again.close()
    clean.close()


@pytest.mark.slow
def test_nothing_but_poison_is_refused_one_by_one_and_the_corridor_goes_on(owner: Owner) -> None:
    owner.submit(*[poisoned(number) for number in range(400)], login(1))
    outcomes = owner.work(401)
    assert [type(outcome) for outcome in outcomes] == [Internal] * 400 + [Answer]
    assert owner.stored() == 1
    assert (owner.broken, owner.corridor.state) == (0, "ready")


class Held:
    """Holds back the commits of a corridor until it is told to let one through."""

    def __init__(self, owner: Owner) -> None:
        walk = owner.corridor._walk
        assert walk is not None
        self._write = walk.ledger.write
        self._may = threading.Semaphore(0)
        self.began = threading.Semaphore(0)
        walk.ledger.write = self._held  # type: ignore[method-assign]

    def _held(self, batch: Sealed) -> None:
        self.began.release()
        assert self._may.acquire(timeout=PATIENCE_S)
        self._write(batch)

    def let_through(self, commits: int) -> None:
        self._may.release(commits)


def turn_while_writing(owner: Owner, held: Held) -> None:
    """Let everything walk that may, while the first batch is being written."""
    for _ in range(int(PATIENCE_S / 0.01)):
        owner.do_what_is_posted()
        if held.began.acquire(timeout=0.01):  # the thread that commits may take its time, with nothing posted meanwhile
            break
    else:
        raise AssertionError("no commit began")
    owner.do_what_is_posted()


def test_the_next_batch_walks_while_one_is_written_and_is_answered_after_its_own_commit(owner: Owner) -> None:
    held = Held(owner)
    owner.submit(login(0))
    turn_while_writing(owner, held)
    for number in range(1, 4):
        owner.corridor.submit(login(number), Ticket(number))
    owner.do_what_is_posted()
    walk = owner.corridor._walk
    assert walk is not None
    assert walk.last_seq == 4
    assert (owner.settled, owner.stored()) == ([], 0)
    held.let_through(1)
    assert len(owner.work(1)) == 1
    assert owner.stored_when_settled == [1]
    held.let_through(1)
    owner.work(4)
    assert owner.stored_when_settled == [1, 4, 4, 4]


def test_a_retry_of_an_event_that_is_being_written_is_the_same_event(owner: Owner) -> None:
    held = Held(owner)
    owner.submit(login(0))
    turn_while_writing(owner, held)
    owner.corridor.submit(login(0), Ticket(1))
    owner.do_what_is_posted()
    held.let_through(2)
    first, again = owner.work(2)
    assert isinstance(first, Answer)
    assert isinstance(again, Answer)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.receipt.event_id == again.receipt.event_id
    assert owner.stored() == 1


def test_poison_that_walks_while_a_batch_is_written_harms_neither_that_batch_nor_the_others(owner: Owner) -> None:
    held = Held(owner)
    owner.submit(login(0))
    turn_while_writing(owner, held)
    for number, one in enumerate((login(1), poisoned(2), login(3)), 1):
        owner.corridor.submit(one, Ticket(number))
    owner.do_what_is_posted()
    held.let_through(1)
    owner.work(4)
    kinds = {ticket: type(outcome) for ticket, outcome in owner.settled}
    assert kinds == {0: Answer, 1: Answer, 2: Internal, 3: Answer}
    assert (owner.stored(), owner.broken) == (3, 0)


def test_when_a_batch_does_not_fit_what_walked_behind_it_is_refused_too(owner: Owner) -> None:
    held = Held(owner)
    owner.submit(submission("login", NOW_MS, _userId="asha", _note="x" * 200_000))
    turn_while_writing(owner, held)
    owner.corridor.submit(login(1), Ticket(1))
    owner.do_what_is_posted()
    only_so_many_pages(owner, 1)
    held.let_through(1)
    assert [type(outcome) for outcome in owner.work(2)] == [Unavailable, Unavailable]
    assert owner.stored() == 0
    with pytest.raises(Unavailable, match="nearly full"):
        owner.corridor.submit(login(1), Ticket(2))
    owner.clock.advance(int(FULL_REST_S * 1_000))
    owner.corridor.submit(login(1), Ticket(2))
    answer = owner.work(3)[-1]
    assert isinstance(answer, Answer)
    assert not answer.replayed


def test_a_disk_without_room_refuses_and_says_when_to_come_again(tmp_path: Path) -> None:
    owner = Owner(tmp_path, disk_reserve_bytes=1 << 62)
    owner.corridor.start()
    owner.submit(login(1), login(2))
    for outcome in owner.work(2):
        assert isinstance(outcome, Unavailable)
        assert outcome.retry_after_s == 5
    assert owner.corridor.state == "full"
    with pytest.raises(Unavailable, match="nearly full"):
        owner.submit(login(3))
    assert owner.stored() == 0
    owner.stop()


def test_when_the_room_ends_while_a_batch_is_written_that_batch_is_answered_by_what_becomes_of_it(owner: Owner) -> None:
    held = Held(owner)
    owner.submit(login(0))
    turn_while_writing(owner, held)
    owner.corridor._settings = msgspec.structs.replace(owner.corridor._settings, disk_reserve_bytes=1 << 62)
    owner.corridor.submit(login(1), Ticket(1))
    owner.do_what_is_posted()
    assert [(ticket, type(outcome)) for ticket, outcome in owner.settled] == [(1, Unavailable)]
    held.let_through(1)
    assert [type(outcome) for outcome in owner.work(2)] == [Unavailable, Answer]
    assert owner.stored() == 1


def only_so_many_pages(owner: Owner, pages: int) -> None:
    walk = owner.corridor._walk
    assert walk is not None
    walk.ledger._connection.pragma("max_page_count", pages)


def test_a_file_that_is_full_refuses_the_batch_and_those_who_wait_and_goes_on(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corridors, "BATCH_MAX", 10)
    only_so_many_pages(owner, 1)
    big = [submission("login", NOW_MS + number, _userId="asha", _note="x" * 5_000) for number in range(25)]
    owner.submit(*big)
    outcomes = owner.work(25)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert owner.stored() == 0
    owner.clock.advance(int(FULL_REST_S * 1_000))
    for number, one in enumerate(big, 25):
        owner.corridor.submit(one, Ticket(number))
    assert all(isinstance(outcome, Answer) for outcome in owner.work(50)[25:])
    assert owner.stored() == 25
    assert owner.broken == 0


def test_a_file_that_cannot_be_written_ends_it_and_everyone_hears(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corridors, "BATCH_MAX", 10)
    owner.submit(login(1))
    owner.work(1)
    walk = owner.corridor._walk
    assert walk is not None
    walk.ledger._connection.pragma("query_only", "ON")
    for number in range(1, 26):
        owner.corridor.submit(login(100 + number), Ticket(number))
    outcomes = owner.work(26)[1:]
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert [ticket for ticket, _ in owner.settled] == list(range(26))
    assert (owner.broken, owner.corridor.state) == (1, "broken")
    with pytest.raises(Unavailable, match="has to be started again"):
        owner.submit(login(999))
    assert owner.stored() == 1


def test_a_past_that_cannot_be_read_again_ends_it_and_everyone_hears(owner: Owner) -> None:
    owner.submit(login(1))
    owner.work(1)
    walk = owner.corridor._walk
    assert walk is not None
    walk.ledger._connection.pragma("user_version", 999)
    owner.corridor.submit(poisoned(2), Ticket(1))
    owner.corridor.submit(login(3), Ticket(2))
    outcomes = owner.work(3)[1:]
    assert all(isinstance(outcome, Refused) for outcome in outcomes)
    assert (owner.broken, owner.corridor.state) == (1, "broken")


def test_a_past_that_cannot_be_read_keeps_it_from_starting(tmp_path: Path) -> None:
    Till(tmp_path).close()
    till = Till(tmp_path)
    till.ledger._connection.pragma("user_version", 999)
    till.close()
    owner = Owner(tmp_path)
    with pytest.raises(LedgerUnusable, match="newer version"):
        owner.corridor.start()
    assert owner.corridor.state == "starting"
