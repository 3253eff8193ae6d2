"""Ledgers with a past: made once by the real walk, kept under .cache/bench, copied for each measurement.

The directory's name tells everything that what is in it depends on; another version of the program makes a new one.
"""

import hashlib
import os
import shutil
import sys
import time
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench.load import LOAD_VERSION, Load
from bench.program import new_key
from bench.tools import CACHE
from fourthwatch.clock import DAY_MS, Millis, SystemClock
from fourthwatch.decision import Policy
from fourthwatch.engine.recovery import SnapshotInSlices
from fourthwatch.engine.walk import Submission, Walk
from fourthwatch.entities.version import NORMALISER_VERSION
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.features.windows import WINDOWS_VERSION, Windows
from fourthwatch.store.ledger import Ledger
from fourthwatch.store.schema import STEPS
from fourthwatch.wire.decode import decode_event

SMALL = 10_000
_TENANT = 1
_BATCH = 128
_SPAN_MS = 30 * DAY_MS
_SAY_EVERY_S = 10.0
_KEY_FILE = "bench.key"


class Stored(NamedTuple):
    """A data directory and a key for it."""

    directory: Path
    key: str


def prepared(events: int, *, anew: bool = False) -> Path:
    """The kept directory with this many events and a snapshot at its end; made when there is none."""
    place = CACHE / "bench" / f"stored-{events}-{_version()}"
    if anew:
        shutil.rmtree(place, ignore_errors=True)
    if place.exists():
        return place
    for older in place.parent.glob(f"stored-{events}-*"):
        shutil.rmtree(older)
    partial = place.with_name(f"partial-{events}-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        (partial / _KEY_FILE).write_text(new_key(partial))
        _fill(partial, events)
        partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return place


def copied(source: Path, target: Path) -> Stored:
    """A copy to measure on."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    os.sync()  # the copy's pages shall not be written out under the measurement
    return Stored(target, (target / _KEY_FILE).read_text())


def _version() -> str:
    parts = (LOAD_VERSION, STEPS, WINDOWS_VERSION, NORMALISER_VERSION)
    return hashlib.blake2b(repr(parts).encode(), digest_size=6).hexdigest()


def _fill(directory: Path, events: int) -> None:
    walk = Walk(Ledger(directory), Windows(), Policy(), os.urandom)
    load = Load(Random(events), f"stored-{events}")
    began, said = time.monotonic(), time.monotonic()
    first_ms = SystemClock().now_ms() - _SPAN_MS
    waiting: list[tuple[str, bytes]] = []
    done = 0
    while done < events:
        at_ms = first_ms + _SPAN_MS * done // events
        while len(waiting) < _BATCH:
            waiting += load.visit(at_ms)
        count = min(_BATCH, events - done)
        received_ms = Millis(at_ms + 10_000)
        walk.run([_submission(name, body, received_ms) for name, body in waiting[:count]])
        del waiting[:count]
        done += count
        if time.monotonic() - said > _SAY_EVERY_S:
            said = time.monotonic()
            left_s = (said - began) / done * (events - done)
            print(f"  storing events: {done:,} of {events:,}, {left_s:.0f} s to go", file=sys.stderr, flush=True)
    snapshot = SnapshotInSlices(walk, directory)
    while not snapshot.advance():
        pass
    snapshot.finish()
    walk.ledger.close()


def _submission(name: str, body: bytes, received_ms: Millis) -> Submission:
    decoded = decode_event(body, KIND_OF_NAME[name], received_ms)
    return Submission(tenant=_TENANT, decoded=decoded, received_ms=received_ms)
