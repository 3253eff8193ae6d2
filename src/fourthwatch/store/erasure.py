"""Erasing what a person sent, with the chain of events still whole (ADR 19): done while no server runs.

The chain hash of an event is salted with its nonce. An erased row keeps its place, its times and its hash, and loses
everything that the hash was made of; the nonce with it, so that nobody can tell by trying what it was.
"""

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import msgspec

from fourthwatch.clock import Clock
from fourthwatch.errors import LedgerUnusable
from fourthwatch.store.changes import Change, write_change
from fourthwatch.store.file import ledger_error, open_file
from fourthwatch.store.index_file import discard
from fourthwatch.store.ledger import NONCE_BYTES
from fourthwatch.store.snapshots import FILE_NAME as SNAPSHOT_NAME

LIST_NAME = "erasures.jsonl"
"""What was erased, by position and chain hash alone: done again on a data file that was put back from a backup."""
SCRUB_NAME = "erasure.unfinished"
"""Stands beside the data file until it has been written anew: what was moved about in it before is in no row any more,
but may be in what is left over between them."""
ERASED_NAME = "erased"
_CUSTOM_EVENT = 20
_ROWS_AT_ONCE = 500


class Erased(msgspec.Struct, frozen=True):
    """One line of the list."""

    id: str
    tenant: int
    at_ms: int
    events: tuple[tuple[int, str], ...]
    """Position and chain hash of each."""


class Erasure(msgspec.Struct, frozen=True):
    """What is to be erased."""

    tenant: int
    seqs: tuple[int, ...]
    subjects: tuple[str, ...]
    """`order:…` and `user:…`: what else is kept about these goes, too."""


def erase(directory: Path, erasure: Erasure, actor: str, clock: Clock) -> Erased:
    """Erase; the caller holds the lock of the directory. Killed at any point it is not done, or done at the next start.

    Raises `LedgerFull` or `LedgerBroken`.
    """
    connection = _opened(directory)
    try:
        erased = Erased(
            id="er_" + secrets.token_hex(10),
            tenant=erasure.tenant,
            at_ms=clock.now_ms(),
            events=tuple((seq, chain.hex()) for seq, chain in _chains(connection, erasure.tenant, erasure.seqs)),
        )
        (directory / SCRUB_NAME).touch()
        _noted(directory, erased)  # which syncs the directory, too
        _blank(connection, erased, erasure.subjects, actor, clock)
        _scrub(connection, directory)
    finally:
        connection.close()
    _forget_derived(directory)
    return erased


def erase_again(directory: Path, clock: Clock) -> int:
    """Erase what the list names and the data file still holds: one that was put back, or an erasure that was cut off.

    Returns how many events were erased. The caller holds the lock of the directory.
    """
    listed = list(read_list(directory))
    if not listed:
        (directory / SCRUB_NAME).unlink(missing_ok=True)
        return 0
    connection = _opened(directory)
    done = 0
    try:
        for erased in listed:
            here = dict(_chains(connection, erased.tenant, [seq for seq, _ in erased.events]))
            lacking = tuple((seq, chain) for seq, chain in erased.events if seq in here and here[seq].hex() == chain)
            known = {row[0] for row in connection.execute("SELECT seq FROM erased WHERE erasure = ?", (erased.id,))}
            lacking = tuple(one for one in lacking if one[0] not in known)
            if lacking:
                (directory / SCRUB_NAME).touch()
                subjects = _subjects(connection, [seq for seq, _ in lacking])
                again = msgspec.structs.replace(erased, events=lacking)
                _blank(connection, again, subjects, "the list of erasures", clock)
                done += len(lacking)
        if (directory / SCRUB_NAME).exists():
            _scrub(connection, directory)
    finally:
        connection.close()
    if done:
        _forget_derived(directory)
    return done


def read_list(directory: Path) -> Iterator[Erased]:
    """What was ever erased; a line that was cut off by a crash was never done and is passed over."""
    with suppress(FileNotFoundError), (directory / LIST_NAME).open("rb") as file:
        for line in file:
            with suppress(msgspec.MsgspecError):
                yield msgspec.json.decode(line, type=Erased)


def _opened(directory: Path) -> apsw.Connection:
    connection = open_file(directory)
    connection.pragma("secure_delete", "ON")  # what is replaced is written over, and not left in free space
    return connection


def _chains(connection: apsw.Connection, tenant: int, seqs: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    for at in range(0, len(seqs), _ROWS_AT_ONCE):
        wanted = msgspec.json.encode(seqs[at : at + _ROWS_AT_ONCE]).decode()
        rows: list[Any] = connection.execute(
            "SELECT seq, chain FROM event WHERE tenant = ? AND seq IN (SELECT value FROM json_each(?)) ORDER BY seq",
            (tenant, wanted),
        ).fetchall()
        yield from rows


def _subjects(connection: apsw.Connection, seqs: Sequence[int]) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT DISTINCT subject FROM event WHERE seq IN (SELECT value FROM json_each(?)) AND subject IS NOT NULL",
        (msgspec.json.encode(seqs).decode(),),
    )
    return tuple(str(row[0]) for row in rows)


def _noted(directory: Path, erased: Erased) -> None:
    """The list first: what stands there will be done, whatever happens to us."""
    path = directory / LIST_NAME
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            os.write(descriptor, b"\n")
        os.write(descriptor, msgspec.json.encode(erased) + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _blank(connection: apsw.Connection, erased: Erased, subjects: Iterable[str], actor: str, clock: Clock) -> None:
    """One transaction, then everything that was written over leaves SQLite's log file as well."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        for seq, _ in erased.events:
            nonce = secrets.token_bytes(NONCE_BYTES)
            connection.execute(
                "UPDATE event SET nonce = ?, identity = ?, fingerprint = randomblob(16), kind = ?, name = ?,"
                " subject = NULL, body = CAST('{}' AS BLOB), warnings = NULL, from_go = 0 WHERE seq = ? AND tenant = ?",
                (nonce, (b"\xfe" + nonce).ljust(16, b"\0"), _CUSTOM_EVENT, ERASED_NAME, seq, erased.tenant),
            )
            connection.execute("DELETE FROM decision WHERE seq = ?", (seq,))
            connection.execute("INSERT OR IGNORE INTO erased VALUES (?, ?, ?)", (seq, erased.tenant, erased.id))
        for table in ("outbox", "delivery"):
            connection.execute(
                f"DELETE FROM {table} WHERE tenant = ? AND seq IN (SELECT value FROM json_each(?))",
                (erased.tenant, msgspec.json.encode([seq for seq, _ in erased.events]).decode()),
            )
        _purge(connection, erased.tenant, list(subjects))
        change = Change(
            tenant=erased.tenant, actor=actor, action="user.erased", thing=f"erasures/{erased.id}",
            after={"events": len(erased.events)},
        )  # fmt: skip
        write_change(connection, change, clock.now_ms())
        connection.execute("COMMIT")
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as error:
        with suppress(apsw.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise ledger_error(error) from error


def _scrub(connection: apsw.Connection, directory: Path) -> None:
    """Write the data file anew, so that nothing is left of what was ever moved, shortened or deleted in it."""
    try:
        connection.execute("VACUUM")
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as error:
        raise ledger_error(error) from error
    (directory / SCRUB_NAME).unlink()


def _purge(connection: apsw.Connection, tenant: int, subjects: list[str]) -> None:
    """Whatever other table keeps about these orders and users, by the names of its columns."""
    ids = {
        kind: [one.partition(":")[2] for one in subjects if one.startswith(kind + ":")] for kind in ("order", "user")
    }
    told = {"entity": subjects, "order_id": ids["order"], "user_id": ids["user"]}
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    for table in tables:
        columns = {row[1] for row in connection.execute(f"SELECT * FROM pragma_table_info('{table}')")}
        for column in sorted(told.keys() & columns):
            if "tenant" in columns:
                connection.execute(
                    f"DELETE FROM {table} WHERE tenant = ? AND {column} IN (SELECT value FROM json_each(?))",
                    (tenant, msgspec.json.encode(told[column]).decode()),
                )


def _forget_derived(directory: Path) -> None:
    """Histories and the index are made again from what is left."""
    discard(directory)
    for name in (SNAPSHOT_NAME, SNAPSHOT_NAME + ".partial"):
        (directory / name).unlink(missing_ok=True)


def check_tenant(directory: Path, name: str) -> int:
    """Number of a tenant; raises `LedgerUnusable` when there is none of this name."""
    connection = open_file(directory, read_only=True)
    try:
        row = connection.execute("SELECT id FROM tenant WHERE name = ?", (name,)).fetchone()
    finally:
        connection.close()
    if row is None:
        raise LedgerUnusable("there is no tenant of this name")
    return int(str(row[0]))
