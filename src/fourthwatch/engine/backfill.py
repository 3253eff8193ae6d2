"""A past for features that were defined today: stored events counted again, in the new series alone, a few at a time.

Events that come in meanwhile count in the new series at once; the order does not matter to them.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from fourthwatch.engine.subjects import Subjects
from fourthwatch.engine.walk import Walk
from fourthwatch.features.series import Series
from fourthwatch.store.ledger import EventRow

_ROWS_AT_ONCE = 64
"""Read from the ledger in one question, so that no reading is open for long and none holds up an event."""


class Backfill:
    """On its way through the ledger; lives on the walk's thread and is given a little time between batches.

    Every event counts once: those up to `total` here, those after it when they walk. The windows must have been told of
    the series before the event after `total` walked.
    """

    def __init__(self, walk: Walk, all_series: Sequence[Series], total: int | None = None) -> None:
        """`total` is the position up to which the series lack their past; `None`: all that has walked by now."""
        self.series = tuple(all_series)
        self.total = walk.last_seq if total is None else total
        """Events that were there when it began; those may still be on their way to the disk."""
        self.done = 0
        self._walk = walk
        self._subjects = Subjects(walk.ledger, walk.windows)
        self.rewire()
        self._rows: Iterator[EventRow] = iter(())

    def rewire(self, gone: Collection[str] = ()) -> None:
        """Features came or went, and with them the numbers of combinations; `gone` are texts of series not wanted."""
        self.series = tuple(one for one in self.series if one.text not in gone)
        self._backfiller = self._walk.windows.backfiller(self.series)

    def advance(self, events: int) -> bool:
        """Count up to so many events; true when all that was stored is in."""
        for _ in range(events):
            if self.done >= self.total or not self.series:
                break
            row = next(self._rows, None)
            if row is None:
                self._rows = iter(list(islice(self._walk.ledger.read_after(self.done), _ROWS_AT_ONCE)))
                row = next(self._rows, None)
                if row is None:  # on its way to the disk
                    return False
            self.done = row.seq
            if row.seq <= self.total:
                self._backfiller.add(self._subjects.stored(row), self._walk.others)
        if self.series and self.done < self.total:
            return False
        self._walk.windows.completed(self.series)
        return True
