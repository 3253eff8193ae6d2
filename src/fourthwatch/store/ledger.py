"""The ledger: events and their decisions, appended in one order, durable before anybody is answered.

The event log is the truth; everything else can be rebuilt from it. Only this file and its neighbours know SQL.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import apsw
import msgspec

from fourthwatch.clock import Millis
from fourthwatch.errors import LedgerBroken, LedgerUnreadable
from fourthwatch.limits import CHECKPOINT_EVERY_PAGES, LOG_PAGES_MAX, SEQ_MAX
from fourthwatch.store import chain
from fourthwatch.store.about import (
    Submission,
    bits_of,
    first_about,
    newest_about_statement,
    order_before_statement,
    submission_of,
)
from fourthwatch.store.chain import CHAIN_START
from fourthwatch.store.changes import Change, Write, apply_alone, write_change
from fourthwatch.store.draws import DrawRow, draw_of, spent
from fourthwatch.store.file import BUSY_MS, ledger_error, open_file, why_not
from fourthwatch.store.outbox import CaseMove, Occasion, OpenCase, move_cases, open_cases, write_occasions


class EventRow(msgspec.Struct, frozen=True, gc=False):
    """One event as it is stored, in the order of `EVENT_COLUMNS`."""

    seq: int
    tenant: int
    nonce: bytes
    identity: bytes
    """16 bytes; unique within the tenant for as long as the event is kept."""
    fingerprint: bytes
    kind: int
    name: str | None
    subject: str | None
    occurred_ms: int
    received_ms: int
    body: bytes
    warnings: bytes | None
    from_go: bool = False
    """Sent by the Go client, whose absent booleans are false."""

    @property
    def event_id(self) -> str:
        """As shown to shops; leads to the row without an index and cannot be guessed."""
        return f"ev_{self.seq:012x}{self.nonce.hex()}"

    @property
    def is_own(self) -> bool:
        """Whether we made it, or somebody who may speak for us: its identity is one that nobody else can have."""
        return self.identity.startswith(OWN_IDENTITY)


class DecisionRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One decision as it is stored."""

    seq: int
    """Of the event that it was made on."""
    tenant: int
    score: int
    flag: str
    verdict: str
    answered: bool
    detail: bytes
    """JSON; see `fourthwatch.engine.walk`."""


NONCE_BYTES = 10
OWN_IDENTITY = b"\xfd"
"""First byte of the identities of our own events."""
EVENT_COLUMNS = (
    "seq, tenant, nonce, identity, fingerprint, kind, name, subject, occurred_ms, received_ms, body, warnings, from_go"
)
DECISION_COLUMNS = "seq, tenant, score, flag, verdict, answered, detail"
_NEWEST_ABOUT = newest_about_statement(EVENT_COLUMNS)
_EVENT, _DECISION = 1, 2
_TABLES = {_EVENT: ("event", f"{EVENT_COLUMNS}, chain"), _DECISION: ("decision", DECISION_COLUMNS)}
"""What a batch is written to, in this order; by the number that its rows begin with."""
_WIDTH = max(columns.count(",") for _, columns in _TABLES.values()) + 1
_STATEMENT_ROWS = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 512)
_CHAIN_AT = _WIDTH
"""Where the chain's hash stands among the bindings of an event."""


def _inbox() -> str:
    """A view that lets one statement write to all tables: its rows go where their first column says."""
    columns = ", ".join(f"NULL AS v{place}" for place in range(_WIDTH))
    steps = ["PRAGMA temp_store = MEMORY", f"CREATE TEMP VIEW inbox AS SELECT NULL AS what, {columns}"]
    for number, (table, names) in _TABLES.items():
        values = ", ".join(f"NEW.v{place}" for place in range(names.count(",") + 1))
        steps.append(
            f"CREATE TEMP TRIGGER inbox_{table} INSTEAD OF INSERT ON inbox WHEN NEW.what = {number}"
            f" BEGIN INSERT INTO {table} ({names}) VALUES ({values}); END"
        )
    return "; ".join(steps)


_INBOX = _inbox()


@cache
def _insertion(rows: int) -> str:
    row = "(" + ",".join("?" * (_WIDTH + 1)) + ")"
    return "INSERT INTO temp.inbox VALUES " + ",".join([row] * rows)


class Sealed(msgspec.Struct, frozen=True, gc=False):
    """A batch as the data file takes it, but for its chain hashes."""

    statement: str
    bindings: list[Any]
    hashed: tuple[bytes, ...]
    """What the chain is made of, event by event."""
    last_seq: int
    occasions: Sequence[Occasion] = ()
    case_moves: Sequence[CaseMove] = ()
    also: tuple[Write, ...] = ()
    """What else the transaction writes, behind the rows; nearly always nothing."""
    spoken: Sequence[tuple[Change, Millis]] = ()
    """Rows of the audit trail, behind all that."""


class Ledger:
    """The one end that writes, on one thread; the questions have a connection of their own and another thread.

    A question is answered from what was durable when it was asked.
    """

    def __init__(self, directory: Path) -> None:
        self._connection = open_file(directory)
        self._connection.execute(_INBOX)
        self._reading = open_file(directory, read_only=True)
        self.log_pages = 0
        """At most so many lie in SQLite's log file; they are moved on by a `Checkpointer`."""
        self._log_pages_wanted = LOG_PAGES_MAX
        self._pages_written = self._count_written()
        self.last_seq, self._chain = self._head()

    def append(self, events: Sequence[EventRow], decisions: Sequence[DecisionRow]) -> None:
        """`sealed` and `write` in one, for whoever has no other thread."""
        self.write(self.sealed(events, decisions))

    def sealed(
        self,
        events: Sequence[EventRow],
        decisions: Sequence[DecisionRow],
        occasions: Sequence[Occasion] = (),
        case_moves: Sequence[CaseMove] = (),
        also: tuple[Write, ...] = (),
        spoken: Sequence[tuple[Change, Millis]] = (),
    ) -> Sealed:
        """A batch made ready to be written next, behind all that is durable."""
        bindings: list[Any] = []
        for event in events:
            bindings.append(_EVENT)
            bindings += msgspec.structs.astuple(event)
            bindings.append(None)
        blank = (None,) * (_WIDTH - len(DecisionRow.__struct_fields__))
        for decision in decisions:
            bindings.append(_DECISION)
            bindings += msgspec.structs.astuple(decision)
            bindings += blank
        rows = len(events) + len(decisions)
        size = next((size for size in _STATEMENT_ROWS if size >= rows), rows)
        bindings += (None,) * ((_WIDTH + 1) * (size - rows))
        hashed = tuple([_hashed(event) for event in events])
        return Sealed(_insertion(size), bindings, hashed, events[-1].seq, occasions, case_moves, also, spoken)

    def write(self, batch: Sealed) -> None:
        """Make a batch durable, all or nothing; returns after the sync.

        As a rule one statement, and so a transaction of its own: the interpreter's lock is let go and waited for once.
        Raises `LedgerFull` or `LedgerBroken`; then nothing of the batch may be acknowledged.
        """
        connection = self._connection
        links = chain.links(self._chain, batch.hashed)
        batch.bindings[_CHAIN_AT : (_WIDTH + 1) * len(links) : _WIDTH + 1] = links
        try:
            if self.log_pages >= self._log_pages_wanted:
                self._start_log_anew()
            if batch.occasions or batch.case_moves or batch.also or batch.spoken:
                self._write_with_consequences(batch)
            else:
                connection.execute(batch.statement, batch.bindings)
        except apsw.Error as error:
            with suppress(apsw.Error):  # the first error is the one that counts; this connection is not used again
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            raise ledger_error(error) from error
        self._chain = links[-1]
        self.last_seq = batch.last_seq
        written = self._count_written()
        self.log_pages, self._pages_written = self.log_pages + written - self._pages_written, written

    def apply(self, change: Change, at_ms: Millis) -> None:
        """Make a change durable in the order of the batches; raises as `append` does."""
        try:
            apply_alone(self._connection, change, at_ms)
        except apsw.ConstraintError as error:  # it was checked: this is a fault of ours
            raise LedgerBroken(f"a change could not be written: {error}") from error

    def _count_written(self) -> int:
        """Pages, ever: asked for, since a hook would have each commit wait for the interpreter's lock once more."""
        return self._connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE)[0]

    def _start_log_anew(self) -> None:
        """Under steady load the log file has no end of its own; nearly all of it has been moved by now.

        Whoever reads for long, an export or a backup, is not waited for: the log file grows meanwhile.
        """
        self._log_pages_wanted = self.log_pages + CHECKPOINT_EVERY_PAGES
        self._connection.set_busy_handler(None)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
            self.log_pages, self._log_pages_wanted = 0, LOG_PAGES_MAX
        except apsw.BusyError:
            pass  # somebody reads; next time
        finally:
            self._connection.set_busy_timeout(BUSY_MS)

    def _write_with_consequences(self, batch: Sealed) -> None:
        """The same as a transaction of several statements."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(batch.statement, batch.bindings)
        if batch.occasions:
            write_occasions(self._connection, batch.occasions)
        if batch.case_moves:
            move_cases(self._connection, batch.case_moves)
        for statement, bindings in batch.also:
            self._connection.execute(statement, bindings)
        for change, at_ms in batch.spoken:
            write_change(self._connection, change, at_ms)
        self._connection.execute("COMMIT")

    def open_cases(self) -> dict[tuple[int, str], OpenCase]:
        """The queue of every open case, by tenant and order."""
        return open_cases(self._reading)

    def draw_of(self, tenant: int, order_id: str) -> DrawRow | None:
        """What chance has drawn for an order that would be declined; raises `LedgerUnreadable`."""
        try:
            return draw_of(self._reading, tenant, order_id)
        except apsw.Error as error:
            raise LedgerUnreadable(f"the data file could not be read: {why_not(error)}") from error

    def spent(self) -> list[tuple[int, int, int, int]]:
        """Of each tenant that ever drew: its newest day, and orders and money that were let pass on it."""
        return spent(self._reading)

    def find(self, tenant: int, identity: bytes) -> tuple[int, bytes] | None:
        """Position and fingerprint of the event with this identity."""
        return self._pair("SELECT seq, fingerprint FROM event WHERE tenant = ? AND identity = ?", tenant, identity)

    def greatest_identity(self, tenant: int, below: bytes) -> bytes | None:
        """The greatest identity of the tenant's events that sorts below another."""
        row = self._one(
            "SELECT identity FROM event WHERE tenant = ? AND identity < ? ORDER BY identity DESC LIMIT 1", tenant, below
        )
        return None if row is None else row[0]

    def newest_of_subject(self, tenant: int, subject: str, kinds: Sequence[int]) -> tuple[int, bytes] | None:
        """Position and fingerprint of the newest event of these kinds about the subject."""
        marks = ",".join("?" * len(kinds))
        return self._pair(
            f"SELECT seq, fingerprint FROM event WHERE tenant = ? AND subject = ? AND kind IN ({marks})"
            " ORDER BY seq DESC LIMIT 1",
            tenant, subject, *kinds,
        )  # fmt: skip

    def newest_about(
        self, tenant: int, subject: str, kinds: Sequence[int], limit: int, before_seq: int = SEQ_MAX
    ) -> list[EventRow]:
        """The newest events of these kinds about the subject before a position, newest first."""
        try:
            rows = self._reading.execute(_NEWEST_ABOUT, (tenant, subject, before_seq, bits_of(kinds), limit))
            return [event_row(row) for row in rows]
        except apsw.Error as error:
            raise LedgerUnreadable(f"the data file could not be read: {why_not(error)}") from error

    def first_about(self, tenant: int, subjects: Collection[str]) -> dict[str, int]:
        """Of those subjects of which any event tells, the position of the first one."""
        return first_about(self._reading, tenant, subjects)

    def order_before(
        self, tenant: int, subject: str, kinds: Sequence[int], before_seq: int, *, decided: bool = False
    ) -> Submission | None:
        """The newest event of these kinds about the subject, before a position; `decided`: with what was decided."""
        row = self._one(order_before_statement(kinds, decided=decided), tenant, subject, before_seq, *kinds)
        return None if row is None else submission_of(row)

    def stored(self, seq: int) -> tuple[EventRow, DecisionRow | None]:
        """The event at a position that is known to exist, and its decision."""
        row = self._one(f"SELECT {EVENT_COLUMNS} FROM event WHERE seq = ?", seq)
        made = self._one(f"SELECT {DECISION_COLUMNS} FROM decision WHERE seq = ?", seq)
        assert row is not None
        return event_row(row), None if made is None else decision_row(made)

    def decided_with_more(self, after_seq: int, until_seq: int) -> list[int]:
        """Positions of decisions after one, up to another, in which something was put off or that want something done.

        Oldest first; they may be a few too many.
        """
        marks = " OR ".join(f"instr(detail, CAST('\"{word}\":[' AS BLOB)) > 0" for word in ("degraded", "actions"))
        try:
            rows = self._reading.execute(
                f"SELECT seq FROM decision WHERE seq > ? AND seq <= ? AND ({marks}) ORDER BY seq",
                (after_seq, until_seq),
            )
            return [row[0] for row in rows]
        except apsw.Error as error:
            raise LedgerBroken(f"the data file could not be read: {why_not(error)}") from error

    def read_after(self, seq: int) -> Iterator[EventRow]:
        """Every event after a position, in order, that was durable when the first was asked for."""
        try:
            for row in self._reading.execute(f"SELECT {EVENT_COLUMNS} FROM event WHERE seq > ? ORDER BY seq", (seq,)):
                event = event_row(row)
                yield event
                seq = event.seq
        except apsw.Error as error:
            raise LedgerBroken(f"the events behind position {seq:,} cannot be read: {why_not(error)}") from error

    def chain_at(self, seq: int) -> bytes:
        """Chain hash of the event at a position; sixteen zero bytes where there is none."""
        try:
            row = self._one("SELECT chain FROM event WHERE seq = ?", seq)
        except LedgerUnreadable as damage:
            raise LedgerUnreadable(f"the event at position {seq:,} cannot be read: {damage}") from damage
        return CHAIN_START if row is None else row[0]

    def close(self) -> None:
        """Close the file; what was appended is safe with or without it."""
        self._reading.close()
        self._connection.close()

    def _head(self) -> tuple[int, bytes]:
        """Position and hash of the newest event, which the next one is chained to."""
        try:
            row: tuple[int, bytes] | None = self._one("SELECT seq, chain FROM event ORDER BY seq DESC LIMIT 1")
        except LedgerUnreadable as damage:
            place = ""
            with suppress(LedgerUnreadable):
                place = f" (position {self._one('SELECT max(seq) FROM event INDEXED BY event_identity')[0]:,})"
            told = f"the newest event{place}, which the next one is chained to, cannot be read: {damage}"
            raise LedgerUnreadable(told) from damage
        return row or (0, CHAIN_START)

    def _pair(self, statement: str, *bindings: Any) -> tuple[int, bytes] | None:
        row: tuple[int, bytes] | None = self._one(statement, *bindings)
        return row

    def _one(self, statement: str, *bindings: Any) -> Any:
        try:
            for row in self._reading.execute(statement, bindings):
                return row
        except apsw.Error as error:
            raise LedgerUnreadable(f"the data file could not be read: {why_not(error)}") from error
        return None


def chain_hash(before: bytes, event: EventRow) -> bytes:
    """16 bytes that stand for this event and all before it: shows lost, changed and swapped rows."""
    return chain.links(before, (_hashed(event),))[0]


def _hashed(event: EventRow) -> bytes:
    numbers = (
        f"{event.seq} {event.tenant} {event.kind} {event.occurred_ms} {event.received_ms}"
        f" {len(event.body)} {event.from_go:d}"
    )
    head = f"{numbers} {event.name!a} {event.subject!a}".encode()
    warnings = b"" if event.warnings is None else event.warnings
    return b"".join((head, event.nonce, event.identity, event.fingerprint, event.body, warnings))


def event_row(row: Sequence[Any]) -> EventRow:
    """A row of `EVENT_COLUMNS`."""
    seq, tenant, nonce, identity, fingerprint, kind, name, subject, occurred_ms, received_ms, body, warnings, go = row
    return EventRow(  # by place: by name takes twice as long, and a rebuild reads millions
        seq, tenant, nonce, identity, fingerprint, kind, name, subject, occurred_ms, received_ms, body, warnings,
        go != 0,
    )  # fmt: skip


def decision_row(row: Sequence[Any]) -> DecisionRow:
    """A row of `DECISION_COLUMNS`."""
    seq, tenant, score, flag, verdict, answered, detail = row
    return DecisionRow(
        seq=seq, tenant=tenant, score=score, flag=flag, verdict=verdict, answered=bool(answered), detail=detail
    )
