"""Many deliveries in order per entity, some of which fail: `PYTHONPATH=tests python -m webhooks.in_order COUNT`.

The network is played and time is simulated; the queue, its file and the sender are the real ones. A test runs some
thousands of them, a release a million (R-15).
"""

import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from random import Random

from fourthwatch.clock import DAY_MS, MINUTE_MS
from fourthwatch.store.file import writing
from fourthwatch.store.outbox import announce
from fourthwatch.webhooks.transport import Replied, Transport
from webhooks.world import World

ENDPOINTS = 10
ENTITIES = 40
FAILING = 0.1
_AT_ONCE = 4_000
_URL = "https://shop.example.com/"


class Failing(Transport):
    """In place of the network: one in ten fails, and always what is about one entity. Keeps no more than it must."""

    def __init__(self, seed: int, dead: str) -> None:
        super().__init__()
        self._random = Random(seed)
        self._dead = dead
        self.reached: defaultdict[tuple[str, str], int] = defaultdict(int)
        """The newest sequence by address and entity."""
        self.wrong: list[tuple[str, str, int]] = []
        """What came out of order, or twice after an answer."""
        self.arrived = self.failed = 0

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, plain_is_right: bool) -> Replied:
        for _ in range(self._random.randrange(3)):
            await asyncio.sleep(0)  # others come between
        message = json.loads(body)
        entity, sequence = message["entity"], message["sequence"]
        if entity == self._dead or self._random.random() < FAILING:
            self.failed += 1
            return Replied(400, None, b"", "192.0.2.1")
        if sequence != self.reached[url, entity] + 1:
            self.wrong.append((url, entity, sequence))
        self.reached[url, entity] = sequence
        self.arrived += 1
        return Replied(200, None, b"", "192.0.2.1")


def run(directory: Path, count: int, *, dead: str = "", seed: int = 1) -> tuple[Failing, int]:
    """So many deliveries; what came of them, and how many turns it took to bring home all that was not dead."""
    world, transport, turns = World(directory), Failing(seed, dead), 0
    for number in range(ENDPOINTS):
        world.endpoint(f"{_URL}{number}", ("list.changed",), ordering="entity")
    waiting = count // ENDPOINTS
    connection = world.endpoints._connection

    async def sending() -> None:
        nonlocal waiting, turns
        sender = world.sender(transport)
        made, turn = 0, sender.turn

        def counted() -> int:
            nonlocal turns
            started = turn()
            turns += started > 0
            return started

        while waiting:
            some = min(waiting, _AT_ONCE // ENDPOINTS)
            with writing(connection):
                for number in range(made, made + some):
                    entity = f"list:{number % ENTITIES}"
                    announce(connection, 1, "list.changed", entity, b"{}", world.clock.now_ms())
            waiting, made = waiting - some, made + some
            sender.turn = counted  # type: ignore[method-assign]
            await world.send(sender, 5 * MINUTE_MS)
            sender.turn = turn  # type: ignore[method-assign]
        await world.send(sender, DAY_MS)
        sender.close()

    asyncio.run(sending())
    world.close()
    return transport, turns


def lacking(transport: Failing, count: int, *, dead: str = "") -> dict[tuple[str, str], int]:
    """What every endpoint should have heard of every entity, and did not."""
    wanted = {f"list:{entity}": len(range(entity, count // ENDPOINTS, ENTITIES)) for entity in range(ENTITIES)}
    return {
        (url, entity): number
        for url in (f"{_URL}{number}" for number in range(ENDPOINTS))
        for entity, number in wanted.items()
        if entity != dead and transport.reached[url, entity] != number
    }


if __name__ == "__main__":
    deliveries = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        played, taken = run(Path(scratch), deliveries)
    print(f"{played.arrived:,} arrived, {played.failed:,} attempts failed, {taken:,} turns")
    print(f"out of order: {len(played.wrong)}, lacking: {len(lacking(played, deliveries))}")
    sys.exit(bool(played.wrong or lacking(played, deliveries)))
