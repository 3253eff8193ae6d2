"""Opening the data file: only with a SQLite that is safe, with page checksums, WAL and a sync at each commit.

Each thread has its own connection; one thread of one process writes events.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO

import apsw
import apsw.sqlite_extra

from fourthwatch.errors import LedgerBroken, LedgerBusy, LedgerError, LedgerFull, LedgerUnusable
from fourthwatch.store.schema import APPLICATION_ID, STEPS, migrate
from fourthwatch.store.snapshots import FILE_NAME as SNAPSHOT_NAME

FILE_NAME = "fourthwatch.db"
LOCK_NAME = "serve.lock"
SAFE_SQLITE = (3, 51, 3)
"""The WAL-reset race that can lose commits is in 3.7.0 to 3.51.2."""

_CHECKSUM_BYTES = 8
_PAGE_BYTES = 8_192
"""Of a new file: of a page of 4 KiB an order leaves nearly half empty (ADR 33). A file that is there keeps its own."""
BUSY_MS = 10_000
"""How long another program is waited for that writes."""
_ROOM_TO_OPEN_BYTES = 65_536
_registering = Lock()


def open_file(directory: Path, *, read_only: bool = False) -> apsw.Connection:
    """A connection to the data file in `directory`, made and brought up to date when needed.

    Raises `LedgerUnusable` with what to do about it.
    """
    _refuse_unsafe_sqlite()
    register_checksums()
    path = directory / FILE_NAME
    refuse_lost(directory)
    if read_only and not path.exists():
        raise LedgerUnusable(f"there is no data file in {directory}; is --data right?")
    try:
        _make_directory(directory)
        connection = apsw.Connection(str(path), statementcachesize=128)
        # Else statements with an ORDER BY or MIN, as far as looked at, are compiled anew each time they are executed.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        connection.set_busy_timeout(BUSY_MS)
        if not read_only:
            with _alone_in(directory):
                _prepare(connection, path)
        _check_ours(connection)
        connection.pragma("synchronous", "FULL")
        connection.pragma("foreign_keys", "ON")
        connection.pragma("cache_size", -65_536)  # KiB
        connection.pragma("wal_autocheckpoint", 0)
        if read_only:
            connection.pragma("query_only", "ON")
    except (apsw.Error, OSError) as error:
        # Without room for the file that its readers share SQLite knows of an I/O error only.
        is_full = directory.is_dir() and free_bytes(directory) < _ROOM_TO_OPEN_BYTES
        why = "the disk is full; make room and start again" if is_full else why_not(error)
        raise LedgerUnusable(f"the data file {path} cannot be opened: {why}") from error
    return connection


def refuse_lost(directory: Path) -> None:
    """Raise `LedgerUnusable` where there was a data file and is none, or an empty one, now: a snapshot is left of it.

    A new one made in its place would hide the loss.
    """
    path = directory / FILE_NAME
    if (directory / SNAPSHOT_NAME).exists() and not (path.exists() and path.stat().st_size):
        raise LedgerUnusable(
            f"{path} is lost: it is not there or empty, and {SNAPSHOT_NAME} was made from it. Restore a backup; "
            f"or, to begin anew without what was stored, remove {SNAPSHOT_NAME}"
        )


@contextmanager
def writing(connection: apsw.Connection) -> Iterator[None]:
    """A transaction that has its place among writers before it reads anything; within another one a part of it.

    A connection's own `with` reads first, and fails when another has written before it comes to write. Raises
    `LedgerFull` or `LedgerBusy`; all else that goes wrong is left as it is.
    """
    is_part = connection.in_transaction
    if is_part:
        yield
        return
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except (apsw.FullError, apsw.BusyError) as error:
        raise ledger_error(error) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def lock_directory(directory: Path, name: str = LOCK_NAME) -> IO[str]:
    """Take the directory for this process; the lock goes with the process. Raises `LedgerUnusable` if it is taken."""
    try:
        _make_directory(directory)
        handle = (directory / name).open("w")
    except OSError as error:
        raise LedgerUnusable(f"{directory} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise LedgerUnusable(f"another server is running on {directory}; stop it first") from error
        raise LedgerUnusable(f"{directory} cannot be locked: {error}") from error
    return handle


def ledger_error(error: apsw.Error) -> LedgerError:
    """What a failed write means for us."""
    if isinstance(error, apsw.FullError):
        return LedgerFull("the disk is full")
    if isinstance(error, apsw.BusyError):
        return LedgerBusy("another program holds the data file")
    return LedgerBroken(f"the data file could not be written: {error}")


def is_damage(error: apsw.Error) -> bool:
    """Whether a place of the file is damaged; else the disk gives nothing now, or the fault is ours."""
    return isinstance(error, apsw.CorruptError) or _has_wrong_checksum(error)


def why_not(error: Exception) -> str:
    """Why the file cannot be read; of a page with a wrong checksum SQLite itself says "disk I/O error"."""
    return "a page of it fails its checksum" if _has_wrong_checksum(error) else str(error)


def _has_wrong_checksum(error: Exception) -> bool:
    fault: int = getattr(error, "extendedresult", 0)  # which the stubs do not know
    return isinstance(error, apsw.IOError) and fault == apsw.SQLITE_IOERR_DATA


def free_bytes(directory: Path) -> int:
    """Room left for us on the disk of the data file."""
    space = os.statvfs(directory)
    return space.f_bavail * space.f_frsize


def _make_directory(directory: Path) -> None:
    """Make it unless it is there, and its name durable: SQLite syncs what is in it, but not where it is."""
    if directory.is_dir():
        return
    _make_directory(directory.parent)
    directory.mkdir(exist_ok=True, mode=0o700)
    around = os.open(directory.parent, os.O_RDONLY)
    try:
        os.fsync(around)
    finally:
        os.close(around)


def _refuse_unsafe_sqlite() -> None:
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < SAFE_SQLITE:
        wanted = ".".join(map(str, SAFE_SQLITE))
        raise LedgerUnusable(f"SQLite {apsw.sqlite_lib_version()} can lose commits in WAL mode; {wanted} is needed")


def register_checksums() -> None:
    """Make SQLite keep and look at a checksum on every page of files that have room for it."""
    with _registering:
        if "cksmvfs" not in apsw.vfs_names():
            scratch = apsw.Connection(":memory:")
            apsw.sqlite_extra.load(scratch, "cksumvfs")
            scratch.close()


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """One at a time: of several programs that start on a new directory, one makes the file and the others find it."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _prepare(connection: apsw.Connection, path: Path) -> None:
    if path.stat().st_size == 0:
        os.chmod(path, 0o600)
        connection.pragma("page_size", _PAGE_BYTES)
        connection.reserve_bytes(None, _CHECKSUM_BYTES)
    elif any(connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")):
        _check_ours(connection)  # before anything is written into it
    if connection.pragma("journal_mode", "WAL") != "wal":
        raise LedgerUnusable(f"{path} cannot be put into WAL mode; is it on a network file system?")
    connection.pragma("synchronous", "FULL")
    migrate(connection)


def _check_ours(connection: apsw.Connection) -> None:
    if int(str(connection.pragma("application_id"))) != APPLICATION_ID:
        raise LedgerUnusable("this SQLite file is not a data file of Fourthwatch")
    version = int(str(connection.pragma("user_version")))
    if version > len(STEPS):
        raise LedgerUnusable(f"the data file is of a newer version ({version}); this program knows {len(STEPS)}")
