"""Coming back: the newest snapshot, then every event after it, gives the windows as they were; and making snapshots.

A snapshot shows the windows as of one position, though it is written in slices while events go on being added. It names
the series that it holds, so a program that asks other features knows which of them still need their past.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from fourthwatch.engine.walk import Walk
from fourthwatch.entities.supplied import Supplied
from fourthwatch.features.definition import Book, Defined
from fourthwatch.features.forgetting import Passed
from fourthwatch.features.series import SeriesHead
from fourthwatch.features.wanted import WantedFeatures
from fourthwatch.features.windows import WINDOWS_VERSION, Windows
from fourthwatch.limits import FORGET_AFTER_DAYS
from fourthwatch.store.ledger import Ledger
from fourthwatch.store.snapshots import Chunk, Head, SnapshotWriter, read_snapshot

Progress = Callable[[int, int], None]
"""Events read again, events to read."""

_SLICE_BYTES = 128 * 1024
_AT_ONCE = 200
_LOOKED_AT = 8
"""Per event so many entities are looked at for whether their memory can be given back."""
_PROGRESS_EVERY = 100 * _AT_ONCE


def recover_windows(
    ledger: Ledger,
    directory: Path,
    own: Mapping[int, Book] | None = None,
    forget_after_days: int = FORGET_AFTER_DAYS,
    supplied: Supplied | None = None,
    asked: Mapping[int, Sequence[Defined]] | None = None,
    wanted: Mapping[str, WantedFeatures] | None = None,
) -> tuple[Windows, int]:
    """The windows of the newest usable snapshot, and the position from which the log has to be read again.

    Series that the snapshot lacks want their past up to that position; `own` are the books of tenants, `asked` what
    their rules ask, `wanted` what models read.
    """

    def is_wanted(head: Head) -> bool:
        is_ours = head.version == WINDOWS_VERSION and head.last_chain == ledger.chain_at(head.seq)
        return is_ours and _passed(head).days == forget_after_days

    def empty() -> Windows:
        return Windows(own=own, forget_after_days=forget_after_days, supplied=supplied, asked=asked, wanted=wanted)

    found = read_snapshot(directory, is_wanted)
    if found is None:
        return empty(), 0
    head, chunks = found
    windows = Windows(
        heads=_series_heads(head),
        up_to=head.seq,
        own=own,
        forget_after_days=forget_after_days,
        supplied=supplied,
        asked=asked,
        wanted=wanted,
    )
    windows.restore_passed(_passed(head))
    try:
        for chunk in chunks:
            if chunk.piece:
                windows.load(chunk.piece)
            windows.restore_session_users(chunk.session_users)
    except ValueError:  # whole, and yet not what the kernel wrote: the log knows better
        return empty(), 0
    windows.loaded()
    return windows, head.seq


def _passed(head: Head) -> Passed:
    return msgspec.convert(head.passed, Passed)


def _series_heads(head: Head) -> list[SeriesHead]:
    kept_by = head.kept_by or [()] * len(head.series)
    return [SeriesHead(*one, kept) for one, kept in zip(head.series, kept_by, strict=True)]


def read_again(walk: Walk, after_seq: int, progress: Progress) -> int:
    """Let every event after a position count again; returns how many there were."""
    total = walk.ledger.last_seq - after_seq
    done = 0
    stored = walk.ledger.read_after(after_seq)
    while rows := list(islice(stored, _AT_ONCE)):
        walk.replay(rows)
        done += len(rows)
        walk.windows.give_back(_LOOKED_AT * len(rows))
        if done % _PROGRESS_EVERY == 0:
            progress(done, total)
    return done


class SnapshotInSlices:
    """A snapshot under way: call `advance` between batches until all is written, then `finish`.

    Begun when all that walked is durable; then it is of the position that the ledger has come to.
    """

    def __init__(self, walk: Walk, directory: Path) -> None:
        assert walk.last_seq == walk.ledger.last_seq
        self._windows = windows = walk.windows
        self.seq = walk.ledger.last_seq
        heads = windows.heads()
        series = [(one.number, one.mode, one.text, one.complete) for one in heads]
        head = Head(
            WINDOWS_VERSION,
            self.seq,
            walk.ledger.chain_at(self.seq),
            series,
            [one.kept_by for one in heads],
            msgspec.to_builtins(windows.passed()),
        )
        self._writer = SnapshotWriter(directory, head)
        self._writer.add(Chunk(b"", windows.session_users()))
        windows.begin_snapshot()

    def advance(self) -> bool:
        """Write the next slice; true when all is written and only `finish` is left."""
        piece = self._windows.next_slice(_SLICE_BYTES)
        if piece:
            self._writer.add(Chunk(piece, {}))
            return False
        self._windows.end_snapshot()
        return True

    def finish(self) -> None:
        """Let the snapshot take its place; waits for the disk, and touches nothing but the file."""
        self._writer.finish()

    def abandon(self) -> None:
        """Give up; the older snapshot stays."""
        self._windows.end_snapshot()
        self._writer.abandon()
