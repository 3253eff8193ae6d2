"""A recording taken into a data file by this process, without HTTP: for pasts of a million events.

Each event goes through the product's own doors (decoding, identity, walk, ledger) and is taken as received when it
happened, so that the past is as it would have been live. No server may run on the data file meanwhile.
"""

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from fourthwatch.clock import Millis, SystemClock
from fourthwatch.decision import Policy
from fourthwatch.engine.flight import CorridorSettings
from fourthwatch.engine.opening import open_walk
from fourthwatch.engine.panel import Panel
from fourthwatch.engine.recovery import SnapshotInSlices
from fourthwatch.engine.walk import Answer, Submission, Walk
from fourthwatch.errors import Malformed, RecordingError
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.limits import BATCH_MAX
from fourthwatch.store.file import lock_directory
from fourthwatch.store.keys import KeyStore
from fourthwatch.wire.decode import decode_event
from fourthwatch.wire.times import read_timestamp_ms
from fourthwatch.workbench.recording import Recorded, Recording

TENANT = 1
_PROGRESS_EVERY = 8_192
_NO_SNAPSHOTS = 2**62


class Taken(msgspec.Struct, frozen=True):
    """What came of a recording."""

    events: int
    new: int
    """Those that were not in the data file before."""


class _Sent(msgspec.Struct):
    at: str | int | float | None = msgspec.field(default=None, name="_originTimestamp")


_sent = msgspec.json.Decoder(_Sent)


def take_recording(
    recording: Path, directory: Path, progress: Callable[[float], None], *, panel: Panel | None = None
) -> Taken:
    """Take every event in; `progress` gets the share that is done. What is there already has no second effect.

    `panel` has models that are to judge.

    Raises `RecordingError` naming the line of an event that a server would refuse or that does not say when it
    happened, and `LedgerUnusable` when the data file is in use.
    """
    clock = SystemClock()
    lock = lock_directory(directory)
    try:
        KeyStore(directory, clock).close()
        settings = CorridorSettings(
            directory=directory,
            policy=Policy(),
            disk_reserve_bytes=0,
            snapshot_every_events=_NO_SNAPSHOTS,
            panel=Panel() if panel is None else panel,
        )
        walk = open_walk(settings, clock, os.urandom).walk
        with Recording(recording) as recorded:
            taken = _take(walk, recorded, progress)
        snapshot = SnapshotInSlices(walk, directory)
        while not snapshot.advance():
            pass
        snapshot.finish()
        walk.ledger.close()
    finally:
        lock.close()
    return taken


def _take(walk: Walk, recorded: Recording, progress: Callable[[float], None]) -> Taken:
    events = new = 0
    for batch in _batches(_submission(recorded.path, one) for one in recorded):
        for outcome in walk.run(batch):
            new += isinstance(outcome, Answer) and not outcome.replayed
        events += len(batch)
        if events % _PROGRESS_EVERY == 0:
            progress(recorded.bytes_read / max(1, recorded.bytes_total))
    progress(1.0)
    return Taken(events, new)


def _batches(submissions: Iterator[Submission]) -> Iterator[list[Submission]]:
    while batch := list(islice(submissions, BATCH_MAX)):
        yield batch


def _submission(path: Path, one: Recorded) -> Submission:
    kind = KIND_OF_NAME.get(one.event)
    if kind is None:
        raise RecordingError(f"{path}, line {one.line}: there is no event of this name")
    try:
        sent = _sent.decode(one.body).at
        at_ms = None if sent is None else read_timestamp_ms(str(sent))
        if at_ms is None:
            raise RecordingError(f"{path}, line {one.line}: _originTimestamp should say when it happened")
        return Submission(tenant=TENANT, decoded=decode_event(one.body, kind, Millis(at_ms)), received_ms=Millis(at_ms))
    except (Malformed, msgspec.DecodeError) as error:
        raise RecordingError(f"{path}, line {one.line}: a server would refuse it: {error}") from error
