"""Order per entity where it is wanted (R-15), and one bad receiver that hurts nobody (R-16)."""

import asyncio
import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.limits import RECEIVER_CONNECTIONS_MAX, SENDER_CONNECTIONS_MAX
from fourthwatch.store import deliveries
from fourthwatch.store.endpoints import EndpointStore
from fourthwatch.store.file import writing
from fourthwatch.store.outbox import announce
from fourthwatch.webhooks.transport import NotReplied, Replied, Transport
from webhooks.in_order import lacking, run
from webhooks.world import World

URL = "https://shop.example.com/"
COUNT = 12_000
"""A million by `python -m webhooks.in_order`."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def happen(world: World, entities: int, times: int) -> None:
    """Something happens to each entity so many times, all mixed."""
    connection = world.endpoints._connection
    with connection:
        for number in range(times):
            for entity in range(entities):
                detail = json.dumps({"number": number}).encode()
                announce(connection, 1, "list.changed", f"list:{entity}", detail, world.clock.now_ms())


class Failing(Transport):
    """In place of the network: fails at random, and always for what is about one entity."""

    def __init__(self, seed: int, dead: str = "") -> None:
        super().__init__()
        self._random = Random(seed)
        self._dead = dead
        self.arrived: defaultdict[str, list[int]] = defaultdict(list)
        self.at_once = self.most_at_once = 0

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, plain_is_right: bool) -> Replied:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)
        self.at_once -= 1
        message = json.loads(body)
        if message["entity"] == self._dead or self._random.random() < 0.1:
            return Replied(400, None, b"", "192.0.2.1")
        self.arrived[message["entity"]].append(message["sequence"])
        return Replied(200, None, b"", "192.0.2.1")


def delivered(world: World, transport: Failing, for_ms: int = 2 * DAY_MS) -> None:
    async def sending() -> None:
        sender = world.sender(transport)
        await world.send(sender, for_ms)
        sender.close()

    asyncio.run(sending())


def test_what_is_about_one_entity_arrives_in_order_when_that_is_wanted(world: World) -> None:
    world.endpoint(URL, ("list.changed",), ordering="entity")
    happen(world, entities=20, times=15)
    transport = Failing(1)
    delivered(world, transport)
    assert len(transport.arrived) == 20
    assert all(line == list(range(1, 16)) for line in transport.arrived.values())
    assert transport.most_at_once > 1, "other entities go beside"


@pytest.mark.slow
def test_thousands_of_which_one_in_ten_fails_arrive_in_order_and_a_dead_entity_slows_no_other(tmp_path: Path) -> None:
    transport, turns = run(tmp_path / "all well", COUNT)
    assert transport.wrong == []
    assert lacking(transport, COUNT) == {}
    assert transport.failed > COUNT / 12
    beside, more = run(tmp_path / "one dead", COUNT, dead="list:3")
    assert beside.wrong == []
    assert lacking(beside, COUNT, dead="list:3") == {}
    assert beside.arrived / more >= 0.9 * transport.arrived / turns, "deliveries per turn of the sender"


def test_without_it_things_overtake_each_other(world: World) -> None:
    """So the test above can fail."""
    world.endpoint(URL, ("list.changed",))
    happen(world, entities=20, times=15)
    transport = Failing(1)
    delivered(world, transport)
    assert all(sorted(line) == list(range(1, 16)) for line in transport.arrived.values())
    assert any(line != sorted(line) for line in transport.arrived.values())


@pytest.mark.slow
def test_an_entity_that_never_arrives_holds_up_no_other(world: World) -> None:
    world.endpoint(URL, ("list.changed",), ordering="entity")
    happen(world, entities=10, times=50)
    transport = Failing(2, dead="list:3")
    delivered(world, transport, HOUR_MS)
    assert set(transport.arrived) == {f"list:{number}" for number in range(10)} - {"list:3"}
    assert all(line == list(range(1, 51)) for line in transport.arrived.values())
    (made,) = world.endpoints.of(1)
    waiting = world.deliveries(entity="list:3")
    assert [one.state for one in waiting] == ["waiting"] + ["queued"] * 49
    world.change(made, ordering="none")
    assert {one.state for one in world.deliveries(entity="list:3")} == {"waiting"}, "nothing waits for it any more"


def test_when_the_first_in_line_is_parked_the_next_one_goes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.endpoint(URL, ("list.changed",), ordering="entity")
    happen(world, entities=1, times=2)
    transport = Failing(2, dead="list:0")
    delivered(world, transport, 8 * DAY_MS)
    first, second = world.deliveries()
    assert (first.state, second.state) == ("parked", "parked")
    assert second.attempts >= 1, "it had its turn"


def test_the_sender_works_beside_a_server_that_writes_all_the_time(world: World) -> None:
    world.endpoint(URL, ("list.changed",), ordering="entity")
    written = threading.Event()

    def write() -> None:
        other = EndpointStore(world.directory, world.clock)
        try:
            for number in range(100):
                with writing(other._connection):
                    announce(other._connection, 1, "list.changed", f"list:{number % 7}", b"{}", world.clock.now_ms())
        finally:
            other.close()
            written.set()

    async def sending(transport: Failing) -> None:
        sender = world.sender(transport)
        while not written.is_set() or world.log_has_work():
            sender.turn()
            await sender.settled()
        await world.send(sender, DAY_MS)
        sender.close()

    transport = Failing(3)
    writer = threading.Thread(target=write)
    writer.start()
    asyncio.run(sending(transport))
    writer.join()
    assert sum(map(len, transport.arrived.values())) == 100


class Hanging(Transport):
    """One of many receivers accepts and never answers; the others answer at once."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()
        self.hanging = self.most_hanging = 0
        self.arrived: list[str] = []

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, plain_is_right: bool) -> Replied:
        if "/bad" not in url:
            self.arrived.append(url)
            return Replied(200, None, b"", "192.0.2.1")
        self.hanging += 1
        self.most_hanging = max(self.most_hanging, self.hanging)
        await self.released.wait()
        self.hanging -= 1
        raise NotReplied("no whole reply within 15 s")


GOOD, BAD, TIMES = 60, 10, 30


@pytest.mark.slow
def test_receivers_that_hang_keep_nobody_waiting(world: World) -> None:
    for number in range(GOOD):
        world.endpoint(f"{URL}good/{number}", ("list.changed",))
    for number in range(BAD):
        world.endpoint(f"{URL}bad/{number}", ("list.changed",))
    happen(world, entities=1, times=TIMES)

    async def sending() -> Hanging:
        transport = Hanging()
        sender = world.sender(transport)
        for _ in range(10 * TIMES):  # time stands still: whoever hangs, hangs
            sender.turn()
            for _ in range(5):
                await asyncio.sleep(0)
        assert len(transport.arrived) == GOOD * TIMES
        assert transport.most_hanging <= BAD * RECEIVER_CONNECTIONS_MAX < SENDER_CONNECTIONS_MAX
        transport.released.set()
        await sender.settled()
        for _ in range(50):  # they have shown what they are like: from now on one attempt at a time
            transport.released.clear()
            transport.most_hanging = 0
            sender.turn()
            for _ in range(5):
                await asyncio.sleep(0)
            transport.released.set()
            await sender.settled()
            world.clock.advance(60_000)
        assert transport.most_hanging <= BAD
        sender.close()
        return transport

    asyncio.run(sending())


def test_without_a_bound_per_receiver_they_would(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken on purpose: one receiver may take the whole sender."""
    monkeypatch.setattr("fourthwatch.webhooks.pace.RECEIVER_CONNECTIONS_FIRST", SENDER_CONNECTIONS_MAX)
    monkeypatch.setattr("fourthwatch.webhooks.pace.RECEIVER_CONNECTIONS_MAX", SENDER_CONNECTIONS_MAX)
    for number in range(BAD):
        world.endpoint(f"{URL}bad/{number}", ("list.changed",))
    happen(world, entities=1, times=TIMES)

    async def sending() -> int:
        transport = Hanging()
        sender = world.sender(transport)
        for _ in range(10):
            sender.turn()
            await asyncio.sleep(0)
        happen(world, entities=1, times=1)
        world.endpoint(f"{URL}good/1", ("list.changed",))
        happen(world, entities=1, times=1)
        for _ in range(10):
            sender.turn()
            await asyncio.sleep(0)
        sender.close()
        return len(transport.arrived)

    assert asyncio.run(sending()) == 0


def test_what_is_claimed_at_once_is_bounded(world: World) -> None:
    for number in range(50):
        world.endpoint(f"{URL}bad/{number}", ("list.changed",))
    happen(world, entities=1, times=TIMES)

    async def sending() -> int:
        transport = Hanging()
        sender = world.sender(transport)
        for _ in range(20):
            sender.turn()
            await asyncio.sleep(0)
        claimed = len(world.deliveries(state="sending"))
        sender.close()
        return claimed

    assert asyncio.run(sending()) <= SENDER_CONNECTIONS_MAX
    assert len(deliveries.OPEN) == 3
