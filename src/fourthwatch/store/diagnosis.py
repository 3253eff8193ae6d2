"""Looking a data file and its disk over: versions, checksums, the chain of events, the disk's honesty."""

import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import apsw
import msgspec

from fourthwatch.clock import Clock, iso_ms
from fourthwatch.errors import LedgerError, LedgerUnreadable
from fourthwatch.store.damage import damaged_pages, named
from fourthwatch.store.file import FILE_NAME, SAFE_SQLITE, free_bytes, refuse_lost
from fourthwatch.store.reader import LedgerReader
from fourthwatch.store.seal import SEAL_NAME, refuse_damaged

Grade = Literal["ok", "warning", "finding"]

_SYNCS = 60
_HONEST_SYNC_US = 25
"""A sync that returns faster than this has reached no medium: the quickest NVMe drives need about as long."""
_SYNC_BYTES = b"\0" * 4096


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at."""

    name: str
    grade: Grade
    says: str


def sqlite_version() -> Finding:
    """Whether the library is one that cannot lose commits."""
    version = apsw.sqlite_lib_version()
    safe = tuple(int(part) for part in version.split(".")) >= SAFE_SQLITE
    return Finding("sqlite", "ok" if safe else "finding", f"SQLite {version}, apsw {apsw.apsw_version()}")


def disk_sync(directory: Path, clock: Clock) -> Finding:
    """Whether a sync takes as long as a disk needs; one that does not may be a lie that power loss brings out."""
    took_us = []
    try:
        with tempfile.NamedTemporaryFile(dir=directory, prefix="sync-probe-") as file:
            for number in range(_SYNCS):
                os.pwrite(file.fileno(), _SYNC_BYTES, number * len(_SYNC_BYTES))
                began_s = clock.monotonic_s()
                os.fdatasync(file.fileno())
                took_us.append((clock.monotonic_s() - began_s) * 1e6)
    except OSError as error:
        return Finding("disk sync", "finding", f"{directory} cannot be written, as a server must: {error.strerror}")
    median_us = statistics.median(took_us)
    says = f"fdatasync takes {median_us:,.0f} µs in the median, {max(took_us):,.0f} µs at most"
    if median_us < _HONEST_SYNC_US:
        return Finding("disk sync", "warning", says + ": too fast for a disk; is it ignored (tmpfs, eatmydata, a VM)?")
    return Finding("disk sync", "ok", says)


def disk_space(directory: Path, reserve_bytes: int) -> Finding:
    """Whether there is room beyond the reserve."""
    free = free_bytes(directory)
    says = f"{free / 2**20:,.0f} MiB free, {reserve_bytes / 2**20:,.0f} MiB kept in reserve"
    return Finding(
        "disk space", "ok" if free > 2 * reserve_bytes else "finding" if free < reserve_bytes else "warning", says
    )


def data_file(directory: Path, clock: Clock, progress: Callable[[int], None]) -> list[Finding]:
    """The file itself: opened read-only, every page and every link of the chain looked at.

    This process must not have it open.
    """
    try:
        refuse_lost(directory)
    except LedgerError as error:
        return [Finding("data file", "finding", str(error))]
    if not (directory / FILE_NAME).exists():
        return [Finding("data file", "ok", f"there is none in {directory} yet; `serve` makes it")]
    findings = _as_read(directory, clock, progress)
    if any(one.grade == "finding" for one in findings):
        findings += _damaged(directory / FILE_NAME)
    return findings


def _as_read(directory: Path, clock: Clock, progress: Callable[[int], None]) -> list[Finding]:
    try:
        reader = LedgerReader(directory)
    except LedgerError as error:
        return [Finding("data file", "finding", str(error))]
    findings = [_whole(directory, reader), *(_looked_at(name, look, reader) for name, look in _LOOKS)]
    last_ms = last_seq = 0
    try:
        for last_seq, received_ms in reader.verify():
            last_ms = max(last_ms, received_ms)
            progress(last_seq)
        findings.append(Finding("chain", "ok", f"{reader.count():,} events, each in its place"))
    except LedgerUnreadable as error:
        findings.append(Finding("chain", "finding", f"behind position {last_seq:,} {error}"))
    except LedgerError as error:
        findings.append(Finding("chain", "finding", str(error)))
    findings.append(_clock(last_ms, clock))
    reader.close()
    return findings


def _damaged(path: Path) -> list[Finding]:
    """Which pages, when some are."""
    numbers = damaged_pages(path)
    if not numbers:
        return []
    fails = "fails its" if len(numbers) == 1 else "fail their"
    says = (
        f"{named(numbers)} of {path.name} {fails} checksum, and what was there is lost. Stop the server, keep this"
        " directory, and start on a copy of the newest backup in which doctor finds nothing; `events export --after`"
        " gives what came in since, as far as it can be read"
    )
    return [Finding("damaged pages", "finding", says)]


def seal_key(directory: Path) -> Finding:
    """The key that opens receivers' secrets: as long as one is, or not made yet."""
    try:
        refuse_damaged(directory)
    except LedgerError as error:
        return Finding("secrets' key", "finding", str(error))
    made = (directory / SEAL_NAME).exists()
    return Finding(
        "secrets' key", "ok", "there; back it up with the data file" if made else "none yet; `serve` makes it"
    )


def _whole(directory: Path, reader: LedgerReader) -> Finding:
    """A page that is there in part is read as if the rest were zeros, and its checksum is not looked at."""
    size, page = (directory / FILE_NAME).stat().st_size, int(str(reader.pragma("page_size")))
    rest = size % page
    says = f"{size:,} bytes" + (f": {rest:,} more than whole pages; its end is cut off" if rest else "")
    return Finding("size", "finding" if rest else "ok", says)


def _looked_at(name: str, look: Callable[[LedgerReader], str], reader: LedgerReader) -> Finding:
    """`look` says what is wrong, and nothing when nothing is."""
    try:
        told = look(reader)
    except LedgerError as error:
        told = str(error)
    return Finding(name, "finding" if told else "ok", told or "ok")


def _checksums(reader: LedgerReader) -> str:
    on = str(reader.pragma("checksum_verification")) == "1"
    return "" if on else "off: damage would go unnoticed"


def _pages(reader: LedgerReader) -> str:
    """Every page, and every index against its table: a page as it was before has a checksum that is right."""
    told = str(reader.pragma("integrity_check"))
    return "" if told == "ok" else told.removeprefix("*** in database main ***\n").replace("\n", "; ")


def _decisions(reader: LedgerReader) -> str:
    seq = reader.first_undecided()
    return "" if seq is None else f"the decision on the event at position {seq} is lost"


_LOOKS: tuple[tuple[str, Callable[[LedgerReader], str]], ...] = (
    ("page checksums", _checksums),
    ("pages", _pages),
    ("decisions", _decisions),
)


def _clock(last_ms: int, clock: Clock) -> Finding:
    now_ms = clock.now_ms()
    if now_ms < last_ms:
        return Finding(
            "clock", "warning", f"it is before the newest event was received ({iso_ms(last_ms)}); was it set back?"
        )
    return Finding("clock", "ok", iso_ms(now_ms))
