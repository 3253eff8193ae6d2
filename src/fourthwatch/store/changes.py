"""What people change: one transaction for a change, its row in the audit trail, and the answer that a retry gets.

The trail is a chain of its own per tenant, only added to: triggers refuse anything else. Its rows are also what others
follow who want to hear of changes: their `id` grows in the order of commits.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any, NewType

import apsw
import msgspec

from fourthwatch.clock import Clock, Millis
from fourthwatch.errors import LedgerBroken, NameTaken
from fourthwatch.store.file import ledger_error, open_file
from fourthwatch.store.outbox import announce

Write = NewType("Write", tuple[str, tuple[Any, ...]])
"""A statement and what is bound to it; made in this room and opaque to every other."""

COMMAND_LINE = "command line"
_NO_END = 2**62
"""Who changes things beside the API."""

_CHAIN_START = bytes(16)
_TOLD = {"list": "list.changed", "rule.braked": "rule.braked", "model.drifted": "model.drifted"}
"""Types of webhooks by action, or by what stands before its dot."""
_ANSWER = "key, fingerprint, status, headers, body, entity"
_KEEP = f"INSERT INTO kept_answer (tenant, {_ANSWER}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = "id, tenant, number, at_ms, actor, action, thing, before, after, chain"


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered to the first request with an `Idempotency-Key`."""

    key: bytes
    """Hash of the key; unique within the tenant."""
    fingerprint: bytes
    """Hash of method, path and body."""
    status: int
    headers: dict[str, str]
    body: bytes
    entity: str | None = None
    """The order or user that it is about, as `order:1001`: it goes with an erasure."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody changes."""

    tenant: int
    actor: str
    """Id of the key, or `command line`."""
    action: str
    """What is done, as `list.created`; what it is done to stands before the dot."""
    thing: str
    """To what, as its path below `/api/v1`: `lists/vip`."""
    before: Any = None
    """As the API shows it, or the part that changes; `None` when there was nothing."""
    after: Any = None
    """The same afterwards; `None` when there is nothing any more."""
    writes: tuple[Write, ...] = ()
    answer: KeptAnswer | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the trail."""

    id: int
    """Grows over all tenants."""
    tenant: int
    number: int
    """1, 2, 3… within the tenant."""
    at_ms: int
    actor: str
    action: str
    thing: str
    before: bytes | None
    """JSON."""
    after: bytes | None
    chain: bytes
    """Hash over this row and the chain before it."""


class Configuration:
    """One connection for changes that are transactions of their own; may be used from several threads."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock
        self._lock = Lock()

    def apply(self, change: Change, *also: Change) -> None:
        """Make them durable, all or nothing; raises `NameTaken` where the data file will not have it beside what is
        there, `LedgerFull` or `LedgerBroken`."""
        with self._lock:
            try:
                apply_alone(self._connection, change, self._clock.now_ms(), *also)
            except apsw.ConstraintError as error:  # another program was quicker
                raise NameTaken("this cannot be kept beside what is there now; look again") from error

    def kept_answer(self, tenant: int, key: bytes) -> KeptAnswer | None:
        """What was answered before under this key."""
        with self._lock:
            row = self._connection.execute(
                f"SELECT {_ANSWER} FROM kept_answer WHERE tenant = ? AND key = ?", (tenant, key)
            ).fetchone()
        if row is None:
            return None
        answer = dict(zip(KeptAnswer.__struct_fields__, row, strict=True))
        return KeptAnswer(**{**answer, "headers": msgspec.json.decode(answer["headers"])})

    def keep(self, tenant: int, answer: KeptAnswer) -> None:
        """Keep an answer to what changed nothing here, or what is durable elsewhere; raises as `apply` does."""
        with self._lock:
            try:
                self._connection.execute(_KEEP, _row_of(tenant, answer))
            except apsw.Error as error:
                raise ledger_error(error) from error

    def secret(self, name: str) -> bytes:
        """A secret of this data file, made with it."""
        with self._lock:
            row = self._connection.execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()
        assert row is not None
        value: bytes = row[0]
        return value

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class AuditTrail:
    """The trail, read; one connection, used from one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._connection = open_file(directory, read_only=True)

    def page(
        self, tenant: int, before_number: int, limit: int, *, action: str | None = None, thing: str | None = None
    ) -> list[AuditEntry]:
        """A tenant's entries before a number, newest first; `action` may end with a dot to mean all that begin so."""
        told = ""
        bindings: list[int | str] = [tenant, before_number]
        if action is not None:
            told += " AND substr(action, 1, ?) = ?" if action.endswith(".") else " AND action = ?"
            bindings += [len(action), action] if action.endswith(".") else [action]
        if thing is not None:
            told += " AND thing = ?"
            bindings.append(thing)
        return self._entries(f"WHERE tenant = ? AND number < ?{told} ORDER BY number DESC LIMIT ?", (*bindings, limit))

    def after(self, entry_id: int, limit: int) -> list[AuditEntry]:
        """Every tenant's entries behind an id, oldest first: for those who follow what changes."""
        return self._entries("WHERE id > ? ORDER BY id LIMIT ?", (entry_id, limit))

    def person_behind(self, tenant: int, actor: str) -> str:
        """Who made a key: a console user, or the first in a line of keys, which the command line made."""
        while made := self.page(tenant, _NO_END, 1, action="key.created", thing=f"keys/{actor}"):
            if made[0].actor == COMMAND_LINE:
                break
            actor = made[0].actor
        return actor

    def verify(self) -> Iterator[AuditEntry]:
        """Walk every tenant's chain, yielding each entry; raises `LedgerBroken` where one breaks."""
        tenant, number, chain = 0, 0, _CHAIN_START
        for row in self._connection.execute(f"SELECT {_COLUMNS} FROM audit_entry ORDER BY tenant, number"):
            entry = _entry(row)
            if entry.tenant != tenant:
                tenant, number, chain = entry.tenant, 0, _CHAIN_START
            number += 1
            chain = audit_hash(chain, entry)
            if entry.number != number or entry.chain != chain:
                raise LedgerBroken(f"the audit trail of tenant {tenant} breaks at entry {number}")
            yield entry

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _entries(self, condition: str, bindings: tuple[Any, ...]) -> list[AuditEntry]:
        return [
            _entry(row) for row in self._connection.execute(f"SELECT {_COLUMNS} FROM audit_entry {condition}", bindings)
        ]


def apply_alone(connection: apsw.Connection, change: Change, at_ms: Millis, *also: Change) -> None:
    """Changes as one transaction; raises what SQLite says of a constraint, `LedgerFull` or `LedgerBroken`."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for one in (change, *also):
                write_change(connection, one, at_ms)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except apsw.ConstraintError:
        raise
    except apsw.Error as error:
        raise ledger_error(error) from error


def write_change(connection: apsw.Connection, change: Change, at_ms: Millis) -> None:
    """A change inside the transaction that is open: what it writes, its row in the trail, its answer."""
    for statement, bindings in change.writes:
        connection.execute(statement, bindings)
    row = connection.execute(
        "SELECT number, chain FROM audit_entry WHERE tenant = ? ORDER BY number DESC LIMIT 1", (change.tenant,)
    ).fetchone()
    number, chain = (0, _CHAIN_START) if row is None else row
    entry = AuditEntry(
        id=0, tenant=change.tenant, number=number + 1, at_ms=at_ms, actor=change.actor, action=change.action,
        thing=change.thing, before=_json(change.before), after=_json(change.after), chain=b"",
    )  # fmt: skip
    connection.execute(
        "INSERT INTO audit_entry (tenant, number, at_ms, actor, action, thing, before, after, chain)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*msgspec.structs.astuple(entry)[1:-1], audit_hash(chain, entry)),
    )
    _announce(connection, change, at_ms)
    if change.answer is not None:
        connection.execute(_KEEP, _row_of(change.tenant, change.answer))


def _row_of(tenant: int, answer: KeptAnswer) -> tuple[Any, ...]:
    headers = msgspec.json.encode(answer.headers)
    return tenant, answer.key, answer.fingerprint, answer.status, headers, answer.body, answer.entity


def _announce(connection: apsw.Connection, change: Change, at_ms: Millis) -> None:
    """Tell endpoints of what they may have chosen to hear of; the thing is named as the audit trail names it."""
    what = _TOLD.get(change.action, _TOLD.get(change.action.partition(".")[0]))
    if what is not None:
        kind, _, rest = change.thing.partition("/")
        if what == "rule.braked" and isinstance(change.after, dict) and "rule" in change.after:
            kind, rest = "rule", change.after["rule"]  # what was published is a set; what it is about is the rule
        detail = {
            "action": change.action, "actor": change.actor, "thing": change.thing, "before": change.before,
            "after": change.after,
        }  # fmt: skip
        announce(connection, change.tenant, what, f"{kind.removesuffix('s')}:{rest}", _json(detail), at_ms)


def audit_hash(before: bytes, entry: AuditEntry) -> bytes:
    """16 bytes that stand for this entry and all of the tenant's before it."""
    told = (
        entry.tenant, entry.number, entry.at_ms, entry.actor, entry.action, entry.thing, entry.before, entry.after
    )  # fmt: skip
    return hashlib.blake2b(repr(told).encode("ascii", "backslashreplace"), digest_size=16, key=before).digest()


def _json(value: Any) -> bytes | None:
    return None if value is None else msgspec.json.encode(value)


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    return AuditEntry(**dict(zip(AuditEntry.__struct_fields__, row, strict=True)))
