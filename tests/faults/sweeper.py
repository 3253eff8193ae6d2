"""A script of 200 events, to be killed at any call; `faults.nursery` runs it.

Writes mark and id of each event to standard output once its batch is durable. With `early` before it is, with `normal`
and `off` SQLite syncs too seldom: all three are wrong on purpose. Run
again on the same directory, it sends everything again from the first event on.
"""

import os
from pathlib import Path
from random import Random

from faults.load import Made, shopping
from faults.walking import Desk
from fourthwatch.clock import ManualClock
from fourthwatch.engine import recovery
from fourthwatch.engine.walk import Answer

EVENTS = 200
_NOON_MS = 1_750_000_000_000
_SNAPSHOT_EVERY_BATCHES = 12
_CHECKPOINT_PAGES = 60


def script() -> list[Made]:
    """The events, the same each time."""
    source = shopping(Random(7), 1, _NOON_MS)
    events: list[Made] = []
    while len(events) < EVENTS:
        made = next(source)
        if made.repeatable:
            events.append(made)
    return events


def main(directory: Path, way: str = "") -> None:
    """Run it to its end; `way` is one of the three, or nothing."""
    early = way == "early"
    recovery._SLICE_BYTES = 2_000
    desk = Desk(directory, ManualClock(_NOON_MS + 1_000))
    desk.walk.ledger._connection.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
    desk.walk.ledger._connection.pragma("synchronous", way if way in ("normal", "off") else "full")
    random, events, batches = Random(8), script(), 0
    snapshot: recovery.SnapshotInSlices | None = None
    while events:
        size = random.randrange(1, 5)
        batch, events = events[:size], events[size:]
        if early:
            _say([f"{made.mark} early" for made in batch])
        outcomes = desk.take(batch)
        if not early:
            answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
            _say([f"{made.mark} {answer.receipt.event_id}" for made, answer in zip(batch, answers, strict=True)])
        batches += 1
        if snapshot is None and batches % _SNAPSHOT_EVERY_BATCHES == 0:
            snapshot = recovery.SnapshotInSlices(desk.walk, directory)
        elif snapshot is not None and snapshot.advance():
            snapshot.finish()
            snapshot = None
    desk.close()


def _say(lines: list[str]) -> None:
    os.write(1, "".join(line + "\n" for line in lines).encode())
