"""Events that have just become durable, on their way to the index; what is too much is read from the ledger instead."""

from collections import deque
from collections.abc import Iterator

import msgspec

from fourthwatch.engine.walk import Taken
from fourthwatch.features.observe import Present
from fourthwatch.limits import FEED_EVENTS_MAX
from fourthwatch.store.ledger import DecisionRow, EventRow


class Fresh(msgspec.Struct, frozen=True, gc=False):
    """One event with everything that its walk found out."""

    event: EventRow
    decision: DecisionRow | None
    present: Present


class Feed:
    """Lives on the walk's thread."""

    def __init__(self) -> None:
        self._batches: deque[Taken] = deque()
        self._events = 0

    def add(self, taken: Taken) -> None:
        """A batch that is durable; the oldest are let go when nobody comes for them."""
        if not taken.events:
            return
        self._batches.append(taken)
        self._events += len(taken.events)
        while self._events > FEED_EVENTS_MAX:
            self._events -= len(self._batches.popleft().events)

    def first_seq(self) -> int | None:
        """Position of the oldest event that is here."""
        return self._batches[0].events[0].seq if self._batches else None

    def take(self, after_seq: int, at_least: int) -> list[Fresh]:
        """Whole batches from right behind a position, until there are enough; empty when that position is not here."""
        found: list[Fresh] = []
        while self._batches and len(found) < at_least:
            batch = self._batches[0]
            if batch.events[0].seq > after_seq + 1:
                break
            self._batches.popleft()
            self._events -= len(batch.events)
            found += [one for one in _joined(batch) if one.event.seq > after_seq]
            after_seq = max(after_seq, batch.events[-1].seq)
        return found


def _joined(taken: Taken) -> Iterator[Fresh]:
    decisions = {made.seq: made for made in taken.decisions}
    for event, present in zip(taken.events, taken.presents, strict=True):
        yield Fresh(event, decisions.get(event.seq), present)
