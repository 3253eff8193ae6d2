"""A demo shop's events, some of them late, taken by a real walk into a real ledger; it can restart from a snapshot."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from fourthwatch.clock import HOUR_MS, ManualClock, Millis
from fourthwatch.decision import Policy
from fourthwatch.engine.definitions import Shelf, stored_features
from fourthwatch.engine.recovery import SnapshotInSlices, read_again, recover_windows
from fourthwatch.engine.walk import Answer, Submission, Walk
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.store.ledger import Ledger
from fourthwatch.wire.decode import decode_event
from fourthwatch.workbench.simulator import DemoShop

START_MS = 1_790_000_000_000
"""In 2026."""
_TRANSIT_MS = 40
_BATCH = 16


class Shop:
    """The taking end; `restart` comes back from what is on the disk, as a server does."""

    def __init__(self, directory: Path, seed: int = 1) -> None:
        self._directory = directory
        self._random = Random(seed)
        self.read_again = 0
        self.from_snapshot = 0
        self._open()

    def take(self, event: str, body: dict[str, Any], received_ms: int, *, tenant: int = 1) -> Answer:
        """One event, which must be new."""
        (answer,) = self.walk.run([self.submission(event, body, received_ms, tenant)])
        assert isinstance(answer, Answer)
        assert not answer.replayed
        return answer

    def take_all(self, events: Sequence[tuple[str, dict[str, Any], int]]) -> None:
        """Events with the time of their receipt, in batches."""
        for first in range(0, len(events), _BATCH):
            part = events[first : first + _BATCH]
            self.walk.run([self.submission(event, body, at_ms, 1) for event, body, at_ms in part])

    def snapshot(self) -> None:
        """A whole one."""
        slices = SnapshotInSlices(self.walk, self._directory)
        while not slices.advance():
            pass
        slices.finish()

    def restart(self) -> None:
        """Forget everything that is not on the disk."""
        self.close()
        self._open()

    def close(self) -> None:
        """Close the ledger."""
        self.walk.ledger.close()

    def _open(self) -> None:
        ledger = Ledger(self._directory)
        own = Shelf(stored_features(self._directory, ManualClock(START_MS))).books
        windows, self.from_snapshot = recover_windows(ledger, self._directory, own)
        self.walk = Walk(ledger, windows, Policy(), self._random.randbytes)
        self.read_again = read_again(self.walk, self.from_snapshot, lambda done, total: None)

    def submission(self, event: str, body: dict[str, Any], received_ms: int, tenant: int = 1) -> Submission:
        """One event on its way in."""
        decoded = decode_event(msgspec.json.encode(body), KIND_OF_NAME[event], Millis(received_ms))
        return Submission(tenant=tenant, decoded=decoded, received_ms=Millis(received_ms))


def demo_traffic(seed: int, days: float, orders_per_hour: float) -> Iterator[tuple[str, dict[str, Any], int]]:
    """A seeded shop's events in the order of their receipt: one in thirty is up to nine hours late."""
    random = Random(seed)
    shop = DemoShop(seed=seed, start_ms=START_MS, orders_per_hour=orders_per_hour)
    received: list[tuple[int, int, str, dict[str, Any]]] = []
    for number, event in enumerate(shop.events(START_MS + int(days * 24 * HOUR_MS))):
        late_ms = random.randrange(HOUR_MS, 9 * HOUR_MS) if random.random() < 1 / 30 else _TRANSIT_MS
        received.append((event.at_ms + late_ms, number, event.event, dict(event.body)))
    for received_ms, _, name, body in sorted(received, key=lambda one: one[:2]):
        yield name, body, received_ms
