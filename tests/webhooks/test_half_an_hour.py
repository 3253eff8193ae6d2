"""A hundred receivers for half an hour, in simulated time: one that accepts and never answers hurts no other (R-16)."""

import asyncio
import gc
import json
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from fourthwatch.limits import RECEIVER_CONNECTIONS_FIRST, SENDER_CONNECTIONS_MAX
from fourthwatch.store.outbox import announce
from fourthwatch.webhooks.sender import Sender
from fourthwatch.webhooks.transport import NotReplied, Replied, Transport
from webhooks.virtual import LoopClock, VirtualLoop
from webhooks.world import World

pytestmark = pytest.mark.slow
RECEIVERS = 100
MINUTES, LESS = 30, 4
EVERY_S = 15.0
ANSWERS_S = 0.02
HANGS_S = 15.0
BAD = "https://shop.example.com/0"
PAGE_KIB = 4


class Crowd(Transport):
    """A hundred receivers that answer after a moment; the first may hang until the deadline."""

    def __init__(self, clock: LoopClock, *, hangs: bool) -> None:
        super().__init__()
        self._clock = clock
        self._hangs = hangs
        self.delays_ms: list[int] = []
        """From what happened to its arrival at a good receiver."""
        self.at_bad = self.most_at_bad = self.tried_bad = 0

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, plain_is_right: bool) -> Replied:
        if url == BAD and self._hangs:
            self.at_bad += 1
            self.tried_bad += 1
            self.most_at_bad = max(self.most_at_bad, self.at_bad)
            await asyncio.sleep(HANGS_S)
            self.at_bad -= 1
            raise NotReplied("no whole reply within 15 s")
        await asyncio.sleep(ANSWERS_S)
        if url != BAD:
            self.delays_ms.append(self._clock.now_ms() - json.loads(body)["data"]["at_ms"])
        return Replied(200, None, b"", "192.0.2.1")


class Lived(NamedTuple):
    """What came of half an hour."""

    crowd: Crowd
    p99_ms: float
    grown_kib: int
    """Of this process, over the second half."""
    states: Counter[str]


@pytest.fixture
def directories(tmp_path: Path) -> Iterator[Path]:
    numbers = iter(range(10))
    return (tmp_path / str(number) for number in numbers)


def lived(directory: Path, minutes: int, *, hangs: bool) -> Lived:
    world = World(directory)
    for number in range(RECEIVERS):
        world.endpoint(f"https://shop.example.com/{number}", ("list.changed",))
    loop = VirtualLoop()
    clock = LoopClock(loop)
    crowd = Crowd(clock, hangs=hangs)
    connection = world.endpoints._connection
    grown: list[int] = []

    async def happen(stop: asyncio.Event) -> None:
        for number in range(int(minutes * 60 / EVERY_S)):
            await asyncio.sleep(EVERY_S)
            with connection:
                detail = json.dumps({"at_ms": clock.now_ms()}).encode()
                announce(connection, 1, "list.changed", f"list:{number % 7}", detail, clock.now_ms())
            if number * EVERY_S in (minutes * 30, minutes * 60 - EVERY_S * 2):
                gc.collect()
                grown.append(int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KIB)
        await asyncio.sleep(10)
        stop.set()

    async def live() -> None:
        stop = asyncio.Event()
        sender = Sender(directory, clock, Random(1), crowd)
        asyncio.get_running_loop().create_task(happen(stop))
        await sender.run(stop)

    try:
        loop.run_until_complete(live())
    finally:
        loop.close()
    states = Counter(row.state for row in world.deliveries())
    world.close()
    return Lived(crowd, statistics.quantiles(crowd.delays_ms, n=100)[98], grown[1] - grown[0], states)


def test_of_a_hundred_receivers_one_that_never_answers_slows_no_other_and_takes_no_memory(
    directories: Iterator[Path],
) -> None:
    normal = lived(next(directories), LESS, hangs=False)
    one_hangs = lived(next(directories), MINUTES, hangs=True)
    happened = int(MINUTES * 60 / EVERY_S)
    assert normal.states == {"delivered": RECEIVERS * int(LESS * 60 / EVERY_S)}
    assert len(one_hangs.crowd.delays_ms) == (RECEIVERS - 1) * happened
    print(f"99 %: {normal.p99_ms:.0f} ms, beside one that hangs {one_hangs.p99_ms:.0f}; {one_hangs.grown_kib} KiB more")
    assert one_hangs.p99_ms <= 2 * normal.p99_ms
    assert one_hangs.crowd.most_at_bad <= RECEIVER_CONNECTIONS_FIRST
    assert 5 < one_hangs.crowd.tried_bad < happened, "it is tried now and then, and not for each delivery"
    assert one_hangs.grown_kib < 2_048
    assert one_hangs.states["waiting"] + one_hangs.states["sending"] == happened


def test_without_a_bound_per_receiver_the_others_would_wait(
    directories: Iterator[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken on purpose: one receiver may have every place, and is never left alone."""
    monkeypatch.setattr("fourthwatch.webhooks.pace.RECEIVER_CONNECTIONS_FIRST", SENDER_CONNECTIONS_MAX)
    monkeypatch.setattr("fourthwatch.webhooks.pace.Pace.note", lambda *_: None)
    monkeypatch.setattr("fourthwatch.webhooks.sender.SENDER_CONNECTIONS_MAX", 4)
    normal = lived(next(directories), LESS, hangs=False)
    one_hangs = lived(next(directories), LESS, hangs=True)
    assert one_hangs.p99_ms > 2 * normal.p99_ms
