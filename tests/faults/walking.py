"""The walk without HTTP: a desk that takes events in one thread, with a clock of the test's own."""

import os
from collections.abc import Sequence
from pathlib import Path
from random import Random

from faults.load import Made, shopping
from fourthwatch.clock import Clock, ManualClock
from fourthwatch.decision import Policy
from fourthwatch.engine.recovery import SnapshotInSlices, read_again, recover_windows
from fourthwatch.engine.walk import Answer, Outcome, Submission, Walk
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.store.ledger import Ledger
from fourthwatch.wire.decode import decode_event


class Desk:
    """Takes batches of events; what is on the disk is read first, as a server does."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.directory = directory
        self.clock = clock
        ledger = Ledger(directory)
        windows, self.from_snapshot = recover_windows(ledger, directory)
        self.walk = Walk(ledger, windows, Policy(), os.urandom)
        self.read_again = read_again(self.walk, self.from_snapshot, lambda done, total: None)

    def take(self, batch: Sequence[Made]) -> list[Outcome]:
        """One batch; returns when it is durable."""
        now_ms = self.clock.now_ms()
        return self.walk.run(
            [
                Submission(
                    tenant=1,
                    decoded=decode_event(made.body, KIND_OF_NAME[made.event], now_ms),
                    received_ms=now_ms,
                    idempotency_key=made.idempotency_key,
                    wants_score=True,
                )
                for made in batch
            ]
        )

    def take_one(self, made: Made) -> Answer:
        """One event, which must be taken."""
        (outcome,) = self.take([made])
        assert isinstance(outcome, Answer)
        return outcome

    def take_snapshot(self) -> None:
        """A whole snapshot, at once."""
        snapshot = SnapshotInSlices(self.walk, self.directory)
        while not snapshot.advance():
            pass
        snapshot.finish()

    def close(self) -> None:
        self.walk.ledger.close()


def shop(desk: Desk, random: Random, events: int, who: int = 1) -> None:
    """So many events of ordinary shopping, in small batches, a minute apart."""
    source = shopping(random, who, desk.clock.now_ms())
    taken = 0
    while taken < events:
        batch = [next(source) for _ in range(min(random.randrange(1, 6), events - taken))]
        desk.take(batch)
        taken += len(batch)
        if isinstance(desk.clock, ManualClock):
            desk.clock.advance(60_000)
