"""What follows decisions that are durable, as far as it fits: what the newest want done, and orders to decide in full.

While more comes than can be decided every order may have something put off, and nobody is at leisure to make up for it.
Then it is only noted where such orders stand, and they are found again in the ledger when there is time. A start looks
at the newest `UNFINISHED_LOOKED_MAX` events alone: of those noted before a stop the older stay as they were decided.
"""

from collections import deque
from pathlib import Path

from fourthwatch.clock import Clock
from fourthwatch.engine.flight import NOBODY, Batch
from fourthwatch.engine.following import following
from fourthwatch.engine.queues import Queues
from fourthwatch.engine.roster import Roster
from fourthwatch.engine.unfinished import Unfinished, unfinished
from fourthwatch.engine.walk import Submission, Taken, Walk
from fourthwatch.limits import QUEUE_MAX
from fourthwatch.logs import log
from fourthwatch.metrics import NOT_FOLLOWED

_LOOKED_AT_ONCE = 200
"""Positions; looking at them takes as long as a few decisions."""


class Aftermath:
    """Used on the corridor owner's thread alone."""

    def __init__(self, queues: Queues, directory: Path, clock: Clock) -> None:
        self._queues = queues
        self._directory = directory
        self._clock = clock
        self._noted: tuple[int, int] | None = None
        """Positions between which orders may be left to decide in full, both included."""
        self._faulty: set[tuple[int, str | None]] = set()
        """Tenants and keys of events of our own that met a fault of ours."""

    def follow(self, walk: Walk, roster: Roster, left: Taken | Unfinished) -> None:
        """Queue all that is wanted behind everybody who waits now; in full only what is not too much."""
        degraded, wishes = left.degraded, left.wishes
        if degraded and len(self._queues.bulk) >= QUEUE_MAX:
            first = degraded[0].seq if self._noted is None else self._noted[0]
            self._noted = (first, degraded[-1].seq)
            degraded = []
        if degraded or wishes:
            edits, events = following(Unfinished(degraded, wishes), roster, walk.ledger, self._clock)
            self._queues.add_own(edits, [one for one in events if _key(one[0]) not in self._faulty])

    def leave_out(self, batch: Batch) -> None:
        """A batch met a fault: what is one event that nobody waits for is not done again by this process.

        It would be found by the look at the past that comes behind a fault, and meet the same one for ever.
        """
        if len(batch) == 1 and batch[0][1] is NOBODY:
            self._faulty.add(_key(batch[0][0]))
            log.error("not_followed", what=batch[0][0].idempotency_key)
            NOT_FOLLOWED.inc()
            self._queues.bulk = deque(one for one in self._queues.bulk if _key(one[0]) not in self._faulty)

    def catch_up(self, walk: Walk, roster: Roster) -> bool:
        """When nobody waits: look for the next orders that are left to decide in full; whether there was where to look.

        What is found is queued, and done before it is looked any further.
        """
        if self._noted is None or self._queues.bulk:
            return False
        first, last = self._noted
        until = min(first + _LOOKED_AT_ONCE - 1, last)
        self._noted = None if until == last else (until + 1, last)
        self.follow(walk, roster, unfinished(walk, roster, self._directory, first - 1, until))
        return True


def _key(submission: Submission) -> tuple[int, str | None]:
    return submission.tenant, submission.idempotency_key
