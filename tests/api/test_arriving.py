"""Bodies that come in by one look at the sockets: read together, each answered once, no more than may wait."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import msgspec
import pytest

from fourthwatch.api.access import Access, Caller
from fourthwatch.api.intake import Admitted, Intake, settle
from fourthwatch.api.throttle import Throttle
from fourthwatch.clock import ManualClock
from fourthwatch.decision import Policy
from fourthwatch.engine import queues
from fourthwatch.engine.corridor import Corridor, CorridorSettings
from fourthwatch.engine.walk import Answer
from fourthwatch.errors import Internal, Malformed, Refused, Unavailable
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.store.keys import KeyStore
from story import NOW_MS

Outcome = Answer | Refused


class Counter:
    """An intake with its corridor on the loop that runs, and what each sender heard, in the order of hearing."""

    def __init__(self, directory: Path) -> None:
        clock, loop = ManualClock(NOW_MS), asyncio.get_running_loop()
        self._keys = KeyStore(directory, clock)
        settings = CorridorSettings(
            directory=directory, policy=Policy(deadline_ms=0), disk_reserve_bytes=0, snapshot_every_events=10**6
        )
        self.corridor = Corridor(
            settings, clock, Random(1).randbytes, settle, lambda: None,
            loop.call_soon_threadsafe,
        )  # fmt: skip
        self.corridor.start()
        self.intake = Intake(Access(self._keys, clock), Throttle(None, clock), self.corridor, clock)
        self.heard: list[tuple[int, Outcome]] = []
        self._event = asyncio.Event()

    def take(self, number: int, body: bytes | None = None, *, kind: str = "login", is_bulk: bool = False) -> None:
        """As a connection hands it on."""
        admitted = Admitted(
            kind=KIND_OF_NAME[kind], caller=Caller("key", 1, frozenset({"ingest"})), idempotency_key=None,
            encoding=None, user_agent="", wants_score=False, is_bulk=is_bulk,
        )  # fmt: skip
        if body is None:
            body = msgspec.json.encode({"_userId": f"u-{number}"})
        self.intake.take(admitted, body, lambda outcome: self._hear(number, outcome))

    async def hear(self, count: int) -> list[tuple[int, Outcome]]:
        """Wait for so many."""
        while len(self.heard) < count:
            self._event.clear()
            await self._event.wait()
        return self.heard

    async def stop(self) -> None:
        stopping = threading.Thread(target=self.corridor.stop)
        stopping.start()
        while stopping.is_alive():
            await asyncio.sleep(0.001)
        self._keys.close()

    def _hear(self, number: int, outcome: Outcome) -> None:
        self.heard.append((number, outcome))
        self._event.set()


def at_the_counter(directory: Path, act: Callable[[Counter], Awaitable[None]]) -> None:
    async def run() -> None:
        counter = Counter(directory)
        await act(counter)
        await counter.stop()

    asyncio.run(run())


@pytest.mark.parametrize("is_bulk", [False, True])
def test_no_more_are_taken_by_one_look_than_may_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_bulk: bool
) -> None:
    monkeypatch.setattr(queues, "BULK_QUEUE_MAX" if is_bulk else "QUEUE_MAX", 3)

    async def act(counter: Counter) -> None:
        for number in range(3):
            assert not counter.intake.is_crowded(is_bulk=is_bulk)
            counter.take(number, is_bulk=is_bulk)
        assert counter.intake.is_crowded(is_bulk=is_bulk)
        assert not counter.intake.is_crowded(is_bulk=not is_bulk)
        for body in (None, b"{"):  # also what cannot be read is refused because too many wait
            with pytest.raises(Unavailable, match="too many events are waiting") as caught:
                counter.take(3, body, is_bulk=is_bulk)
            assert caught.value.retry_after_s == 1
        counter.take(4, is_bulk=not is_bulk)
        heard = await counter.hear(4)
        assert {number for number, outcome in heard if isinstance(outcome, Answer)} == {0, 1, 2, 4}
        assert not counter.intake.is_crowded(is_bulk=is_bulk)
        counter.take(5, is_bulk=is_bulk)
        assert isinstance((await counter.hear(5))[-1][1], Answer)

    at_the_counter(tmp_path, act)


def test_each_body_has_its_own_answer_whatever_the_others_are(tmp_path: Path) -> None:
    async def act(counter: Counter) -> None:
        counter.take(0)
        counter.take(1, b"{")
        counter.take(2, b"{}", kind="createOrder")
        counter.take(3)
        assert counter.heard == []
        heard = dict(await counter.hear(4))
        assert [type(heard[number]) for number in range(4)] == [Answer, Malformed, Malformed, Answer]
        assert [one.event for one in counter.intake.refusals.of(1)] == ["createOrder", "login"]

    at_the_counter(tmp_path, act)


def test_a_fault_of_ours_in_one_body_keeps_no_other_from_being_read(tmp_path: Path) -> None:
    async def act(counter: Counter) -> None:
        counter.take(0)
        counter.take(1, kind="createOrder")
        admitted, body, received_ms, told = counter.intake._arrived[1]
        broken = msgspec.structs.replace(admitted, kind=None)
        counter.intake._arrived[1] = broken, body, received_ms, told
        counter.take(2)
        heard = dict(await counter.hear(3))
        assert [type(heard[number]) for number in range(3)] == [Answer, Internal, Answer]

    at_the_counter(tmp_path, act)


def test_what_had_arrived_when_the_corridor_broke_is_refused(tmp_path: Path) -> None:
    async def act(counter: Counter) -> None:
        counter.take(0)
        counter.corridor._give_up(OSError("a sync failed"))
        ((_, outcome),) = await counter.hear(1)
        assert isinstance(outcome, Unavailable)
        with pytest.raises(Unavailable):
            counter.take(1)

    at_the_counter(tmp_path, act)
