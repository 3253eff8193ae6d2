"""Coming back: the newest snapshot, then every event after it, gives the windows as they were; and making snapshots.

A snapshot is taken in slices between batches, so histories in it are as of different positions, none before its head's.
Each history knows the last event added to it, so reading the log again from the head's position adds nothing twice.
"""

from collections.abc import Callable
from pathlib import Path

from fourthwatch.engine.walk import Walk
from fourthwatch.events import KIND_OF_NUMBER
from fourthwatch.features.windows import WINDOWS_VERSION, Windows
from fourthwatch.store.ledger import Ledger
from fourthwatch.store.snapshots import Chunk, Head, SnapshotWriter, read_snapshot
from fourthwatch.wire.decode import read_stored

Progress = Callable[[int, int], None]
"""Events read again, events to read."""

_SLICE_HISTORIES = 500
_PROGRESS_EVERY = 20_000


def recover_windows(ledger: Ledger, directory: Path) -> tuple[Windows, int]:
    """The windows of the newest usable snapshot, and the position from which the log has to be read again."""

    def is_wanted(head: Head) -> bool:
        return head.version == WINDOWS_VERSION and head.last_chain == ledger.chain_at(head.seq)

    windows = Windows()
    found = read_snapshot(directory, is_wanted)
    if found is None:
        return windows, 0
    head, chunks = found
    for chunk in chunks:
        for name, packed in zip(chunk.names, chunk.packed, strict=True):
            windows.restore(name, packed)
        windows.restore_session_users(chunk.session_users)
    return windows, head.seq


def read_again(walk: Walk, after_seq: int, progress: Progress) -> int:
    """Let every event after a position count again; returns how many there were."""
    total = walk.ledger.last_seq - after_seq
    done = 0
    for row in walk.ledger.read_after(after_seq):
        kind = KIND_OF_NUMBER[row.kind]
        walk.replay(row, kind, read_stored(kind, row.body, from_go=row.from_go))
        done += 1
        if done % _PROGRESS_EVERY == 0:
            progress(done, total)
    return done


class SnapshotInSlices:
    """A snapshot under way: call `advance` between batches until all is written, then `finish`."""

    def __init__(self, walk: Walk, directory: Path) -> None:
        self._windows = walk.windows
        self.seq = walk.ledger.last_seq
        self._writer = SnapshotWriter(directory, Head(WINDOWS_VERSION, self.seq, walk.ledger.chain_at(self.seq)))
        self._names = walk.windows.names()
        self._at = 0
        # The links go first, whole, as of the head: a later link would stand where an earlier one is needed when the
        # events between the two are read again.
        self._writer.add(Chunk([], [], walk.windows.session_users()))

    def advance(self) -> bool:
        """Write the next slice; true when all is written and only `finish` is left."""
        if self._at < len(self._names):
            names = self._names[self._at : self._at + _SLICE_HISTORIES]
            self._at += len(names)
            self._writer.add(Chunk(names, [packed for _, packed in self._windows.packed(names)], {}))
            return False
        return True

    def finish(self) -> None:
        """Let the snapshot take its place; waits for the disk, and touches nothing but the file."""
        self._writer.finish()

    def abandon(self) -> None:
        """Give up; the older snapshot stays."""
        self._writer.abandon()
