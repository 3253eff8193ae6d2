"""What goes on beside the batches so that the files stay short: snapshots in slices, and checkpoints of the data file.

On the owner's thread but for what waits for the disk. A snapshot begins only between two batches, when all that walked
is durable; the corridor asks for the rest a slice at a time.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from fourthwatch.engine.checkpoints import Checkpoints
from fourthwatch.engine.recovery import SnapshotInSlices
from fourthwatch.engine.walk import Walk
from fourthwatch.errors import LedgerError
from fourthwatch.logs import log
from fourthwatch.metrics import SNAPSHOT_SEQ


class Upkeep:
    """One for a corridor; `on_broken` hears on another thread that the data file could not be written."""

    def __init__(self, directory: Path, snapshot_every_events: int, on_broken: Callable[[LedgerError], object]) -> None:
        self._directory = directory
        self._every_events = snapshot_every_events
        self._background = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._checkpoints = Checkpoints(directory, self._background, on_broken)
        self._snapshot: SnapshotInSlices | None = None
        self._finishing: Future[None] | None = None
        self.snapshot_seq = 0
        """Position of the newest snapshot, be it under way."""
        self.has_new_past = False
        """Whether a past came in that the newest snapshot lacks."""

    @property
    def is_writing_a_snapshot(self) -> bool:
        """Whether `advance` has something to do."""
        return self._snapshot is not None

    def is_due(self, walk: Walk) -> bool:
        """Whether a snapshot should begin."""
        is_due = walk.ledger.last_seq - self.snapshot_seq >= self._every_events or self.has_new_past
        return self._snapshot is None and is_due and (self._finishing is None or self._finishing.done())

    def begin_when_due(self, walk: Walk) -> None:
        """Begin a snapshot, if it is time; all that walked must be durable."""
        if not self.is_due(walk):
            return
        self.snapshot_seq = walk.ledger.last_seq
        self.has_new_past = False
        try:
            self._snapshot = SnapshotInSlices(walk, self._directory)
        except (OSError, LedgerError) as error:
            log.warning("snapshot_failed", reason=str(error))

    def advance(self) -> None:
        """Write a slice of the snapshot that is under way, if one is."""
        snapshot = self._snapshot
        if snapshot is None:
            return
        try:
            if snapshot.advance():
                self._snapshot = None
                self._finishing = self._background.submit(self._finish, snapshot)
        except OSError as error:
            log.warning("snapshot_failed", reason=str(error))
            self.drop()

    def drop(self) -> None:
        """Give the snapshot up that is under way; the older one stays."""
        if self._snapshot is not None:
            self._snapshot.abandon()
            self._snapshot = None

    def checkpoint_when_due(self, walk: Walk) -> None:
        """Move pages of the log file on, if there are many."""
        self._checkpoints.begin_when_due(walk.ledger.log_pages)

    def close(self) -> None:
        """Finish what waits for the disk; nothing may be asked of it afterwards but `last_snapshot`."""
        self._background.shutdown()
        self._checkpoints.close()
        self.drop()

    def last_snapshot(self, walk: Walk) -> None:
        """All of a snapshot at once, unless the newest holds everything."""
        if walk.ledger.last_seq <= self.snapshot_seq and not self.has_new_past:
            return  # what was written since the newest one began would be in it
        try:
            self._snapshot = SnapshotInSlices(walk, self._directory)
            while not self._snapshot.advance():
                pass
            self._snapshot.finish()
        except (OSError, LedgerError) as error:
            log.warning("snapshot_failed", reason=str(error))
            self.drop()

    def _finish(self, snapshot: SnapshotInSlices) -> None:
        """On a thread of its own: syncing a large file takes its time."""
        try:
            snapshot.finish()
            SNAPSHOT_SEQ.set(snapshot.seq)
        except OSError as error:
            log.warning("snapshot_failed", reason=str(error))
