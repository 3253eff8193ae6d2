"""The index: a file beside the ledger in which things lead to their events and orders stand in order.

Derived, so it may be thrown away: one that is missing, damaged, of another version or of another ledger is begun anew.
It is written in the background, many events at a time and never in an event's transaction (ADR 14); the position that
it has come to is in the same transaction as the rows.
"""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

import apsw

from fourthwatch.errors import IndexDamaged, LedgerFull
from fourthwatch.store.file import register_checksums

FILE_NAME = "index.db"
VERSION = 12
"""Raised when rows would be made differently."""
_CHECKSUM_BYTES = 8
_CHECKPOINT_PAGES = 2_000
_ROWS_PER_STATEMENT = (256, 32, 8, 1)
"""Many rows in one statement: the interpreter's lock is let go once for all of them."""
_BUSY_MS = 5_000

_TABLES = """
CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    seq INTEGER NOT NULL,               -- every event up to here is in it, and none after it
    chain BLOB NOT NULL                 -- of the event at seq: ties it to one ledger
) STRICT;
CREATE TABLE segment (n INTEGER PRIMARY KEY) STRICT;  -- see index_segments; old ones are even, young ones odd
INSERT INTO segment VALUES (0);
CREATE TABLE mention (
    segment INTEGER NOT NULL,
    key INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (segment, key, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE thing (
    segment INTEGER NOT NULL,           -- 0 for all that are old
    key INTEGER NOT NULL,
    tenant INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    value TEXT NOT NULL COLLATE NOCASE,
    seq INTEGER NOT NULL,               -- of the first event
    PRIMARY KEY (segment, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE name (                     -- the same in another order
    segment INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    tenant INTEGER NOT NULL,
    value TEXT NOT NULL COLLATE NOCASE,
    key INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (segment, kind, tenant, value, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE link (
    segment INTEGER NOT NULL,
    key INTEGER NOT NULL,
    kind INTEGER NOT NULL,              -- of the other
    other INTEGER NOT NULL,
    seq INTEGER NOT NULL,               -- of the first event of this segment
    ms INTEGER NOT NULL,
    PRIMARY KEY (segment, key, kind, other)
) STRICT, WITHOUT ROWID;
CREATE TABLE line (
    no INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL, order_id TEXT NOT NULL, user_id TEXT,
    placed_seq INTEGER, placed_ms INTEGER NOT NULL, updated_seq INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
    amount_minor INTEGER, currency TEXT, payment_type TEXT, on_delivery INTEGER,
    city TEXT, postcode TEXT, country TEXT,
    score INTEGER, flag TEXT, verdict TEXT, probability REAL, risk_minor INTEGER,
    asked_score INTEGER, asked_verdict TEXT, by_rule TEXT, model TEXT, foretold REAL,
    reasons TEXT NOT NULL, reds TEXT NOT NULL,
    status TEXT, state TEXT, analyst_decision TEXT, analyst TEXT, analyst_ms INTEGER,
    chargeback INTEGER, chargeback_ms INTEGER, rto INTEGER, rto_ms INTEGER,
    returned INTEGER, returned_ms INTEGER, fraud INTEGER, fraud_ms INTEGER,
    confirmed INTEGER, confirmed_ms INTEGER, bad INTEGER, bad_ms INTEGER,
    queue TEXT, is_open INTEGER NOT NULL, is_held INTEGER NOT NULL,
    UNIQUE (tenant, order_id)
) STRICT;
CREATE INDEX line_user ON line (tenant, user_id, placed_ms) WHERE user_id IS NOT NULL;
CREATE INDEX line_placed ON line (tenant, placed_ms);
CREATE INDEX line_amount ON line (tenant, amount_minor);
CREATE INDEX line_risk ON line (tenant, risk_minor);
CREATE INDEX line_verdict ON line (tenant, verdict, placed_ms);
CREATE INDEX line_state ON line (tenant, state, placed_ms);
CREATE INDEX line_open ON line (tenant, risk_minor) WHERE is_open = 1;
CREATE INDEX line_analyst ON line (tenant, analyst_ms) WHERE analyst_ms IS NOT NULL;
CREATE TABLE mark (
    tenant INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    abuse TEXT NOT NULL,                -- '' where none was named
    bad INTEGER NOT NULL,
    ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id, abuse)
) STRICT, WITHOUT ROWID;
CREATE TABLE tally (
    tenant INTEGER NOT NULL,
    what TEXT NOT NULL,
    day INTEGER NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (tenant, what, day, name)
) STRICT, WITHOUT ROWID;
"""


def open_index(directory: Path, *, read_only: bool = False) -> apsw.Connection:
    """A connection to the index; raises `IndexDamaged` when there is none, or it cannot be read."""
    register_checksums()
    path = directory / FILE_NAME
    with as_damage():
        if read_only:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=128)
            connection.pragma("query_only", "ON")
        else:
            is_new = not path.exists()
            connection = apsw.Connection(str(path), statementcachesize=128)
            if is_new:
                path.chmod(0o600)
                connection.reserve_bytes(None, _CHECKSUM_BYTES)
            connection.pragma("journal_mode", "WAL")
        connection.set_busy_timeout(_BUSY_MS)
        connection.pragma("synchronous", "NORMAL")
        connection.pragma("wal_autocheckpoint", 0)
        connection.pragma("cache_size", -32_768)  # KiB
        connection.pragma("temp_store", "MEMORY")  # what a statement would undo it by is thrown away with the statement
    return connection


@contextmanager
def as_damage() -> Iterator[None]:
    """Whatever goes wrong with the index means the same: it has to be made again. A full disk alone is no damage.

    Raises `IndexDamaged`, or `LedgerFull`.
    """
    try:
        yield
    except apsw.FullError as error:
        raise LedgerFull("the disk is full: the index waits") from error
    except (apsw.Error, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise LedgerFull("the disk is full: the index waits") from error
        raise IndexDamaged(f"the index cannot be used: {error}") from error


class IndexFile:
    """The one end that writes; used by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.connection = self._opened()
        self._log_pages = 0
        self.connection.set_wal_hook(self._note_log_pages)

    def _opened(self) -> apsw.Connection:
        with suppress(IndexDamaged):
            connection = open_index(self._directory)
            with suppress(apsw.Error):
                if connection.execute("SELECT version FROM progress").fetchall() == [(VERSION,)]:
                    return connection
            connection.close()
        discard(self._directory)
        connection = open_index(self._directory)
        with as_damage(), connection:
            connection.execute(_TABLES)
            connection.execute("INSERT INTO progress VALUES (1, ?, 0, zeroblob(16))", (VERSION,))
        return connection

    def position(self) -> tuple[int, bytes]:
        """The position that it has come to, and the chain hash of the event there."""
        with as_damage():
            row: Any = self.connection.execute("SELECT seq, chain FROM progress").fetchone()
        return row[0], row[1]

    def insert(self, head: str, width: int, rows: Sequence[tuple[Any, ...]], tail: str = "") -> None:
        """Many rows at a time, inside the transaction that is open."""
        at = 0
        for size in _ROWS_PER_STATEMENT:
            while len(rows) - at >= size:
                part = rows[at : at + size]
                values = ",".join(["(" + ",".join("?" * width) + ")"] * size)
                self.connection.execute(f"{head} VALUES {values}{tail}", tuple(chain.from_iterable(part)))
                at += size

    def checkpoint_when_due(self) -> None:
        """Move what was written into the file, when there is much of it."""
        if self._log_pages >= _CHECKPOINT_PAGES:
            is_long = self._log_pages >= 8 * _CHECKPOINT_PAGES  # readers were always in the way: wait for them
            mode = apsw.SQLITE_CHECKPOINT_RESTART if is_long else apsw.SQLITE_CHECKPOINT_PASSIVE
            with as_damage(), suppress(apsw.BusyError):
                self.connection.wal_checkpoint(mode=mode)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def _note_log_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK


def discard(directory: Path) -> None:
    """Throw the index away; whoever has it open reads on in what is no longer there."""
    for suffix in ("", "-wal", "-shm"):
        (directory / (FILE_NAME + suffix)).unlink(missing_ok=True)
