"""A copy of the data file while a server writes it: one moment of it, whole, with every event acknowledged before.

Pages are copied inside one read transaction, so what is written meanwhile is not in it and does not begin it anew.
Beside the copy lies the key that opens sealed secrets. The list of erasures is kept apart on purpose (ADR 19).
"""

import hashlib
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import apsw
import msgspec

from fourthwatch.clock import SECOND_MS, Millis
from fourthwatch.errors import LedgerFull, LedgerUnusable
from fourthwatch.store.file import FILE_NAME, free_bytes, ledger_error, open_file, register_checksums
from fourthwatch.store.seal import SEAL_NAME

BACKUPS_NAME = "backups"
"""Directory beside the data file in which a server puts them, each in one of its own."""
_PAGES_AT_ONCE = 2_000
_PARTIAL = ".partial"
_NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z(-[0-9a-f]{16})?")
"""Of what a server makes; others may copy to places beside it."""


class Backup(msgspec.Struct, frozen=True):
    """A copy that is whole."""

    name: str
    bytes: int
    events: int
    """Position of the newest event in it."""


def back_up(directory: Path, target: Path, *, reserve_bytes: int = 0) -> Backup:
    """Copy into a directory that is not there yet; it has its name only when everything in it is on the disk.

    Raises `LedgerUnusable` when there is something at `target`, `LedgerFull` when less than the reserve would be left.
    """
    if target.exists():
        raise LedgerUnusable(f"there is something at {target} already; a backup is made in a new directory")
    partial = target.with_name(target.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    source = open_file(directory, read_only=True)
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        needed = int(str(source.pragma("page_count"))) * int(str(source.pragma("page_size")))
        if free_bytes(target.parent) < needed + reserve_bytes:
            raise LedgerFull(f"a backup needs {needed:,} bytes; there is not enough room beside {target}")
        partial.mkdir(mode=0o700)
        events = _copy(source, partial / FILE_NAME)
        if (directory / SEAL_NAME).exists():
            shutil.copyfile(directory / SEAL_NAME, partial / SEAL_NAME)
            os.chmod(partial / SEAL_NAME, 0o600)
        for path in (*partial.iterdir(), partial):
            _sync(path)
        partial.rename(target)
        _sync(target.parent)
    except apsw.Error as error:
        raise ledger_error(error) from error
    except OSError as error:
        raise LedgerUnusable(f"the backup could not be written: {error}") from error
    finally:
        source.close()
        shutil.rmtree(partial, ignore_errors=True)
    return Backup(target.name, _bytes_of(target), events)


def backups_in(directory: Path) -> list[Backup]:
    """Those that a server made beside its data file, the newest first; how many events are in them is not looked up."""
    there = directory / BACKUPS_NAME
    if not there.is_dir():
        return []
    whole = [path for path in there.iterdir() if path.is_dir() and not path.name.endswith(_PARTIAL)]
    return [Backup(path.name, _bytes_of(path), 0) for path in sorted(whole, key=lambda path: path.name, reverse=True)]


def backup_of(directory: Path, key: str) -> Backup | None:
    """The whole one that was asked for under a key; how many events are in it is not looked up."""
    return next((one for one in backups_in(directory) if one.name.endswith(_mark_of(key))), None)


def clear_partial(directory: Path) -> None:
    """Remove what a server that was killed had copied of one; while none is being made."""
    there = directory / BACKUPS_NAME
    for path in there.glob("*" + _PARTIAL) if there.is_dir() else ():
        if _NAME.fullmatch(path.name.removesuffix(_PARTIAL)):
            shutil.rmtree(path, ignore_errors=True)


def name_at(at_ms: Millis, key: str | None = None) -> str:
    """What a backup that is begun at a moment, and asked for under a key, is called.

    >>> name_at(1_795_820_400_250), name_at(1_795_820_400_250, "nightly")
    ('20261127T230000.250Z', '20261127T230000.250Z-f5bc0b35a51447a4')
    """
    at = datetime.fromtimestamp(at_ms // SECOND_MS, UTC)
    return f"{at:%Y%m%dT%H%M%S}.{at_ms % SECOND_MS:03}Z" + ("" if key is None else _mark_of(key))


def _mark_of(key: str) -> str:
    return "-" + hashlib.blake2b(key.encode(), digest_size=8).hexdigest()


def bytes_kept(directory: Path) -> dict[str, int]:
    """Sizes of the files of a data directory, by name; backups together."""
    sizes = {path.name: path.stat().st_size for path in directory.iterdir() if path.is_file()}
    there = sum(backup.bytes for backup in backups_in(directory))
    return {**sizes, BACKUPS_NAME: there} if there else sizes


def _copy(source: apsw.Connection, path: Path) -> int:
    """All pages as of one moment; returns the position of the newest event."""
    register_checksums()
    copy = apsw.Connection(str(path))
    try:
        os.chmod(path, 0o600)
        copy.pragma("synchronous", "OFF")  # it is synced once, when it is whole
        source.execute("BEGIN")
        row = source.execute("SELECT max(seq) FROM event").fetchone()
        with copy.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(_PAGES_AT_ONCE)
        source.execute("COMMIT")
    finally:
        copy.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return 0 if row is None or row[0] is None else int(row[0])


def _bytes_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir() if path.is_file())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
