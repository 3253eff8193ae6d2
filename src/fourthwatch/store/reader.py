"""Reading the ledger for the API and the command line, beside the writer and never in its way.

Every question names a tenant; what belongs to another tenant is answered like what does not exist.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from fourthwatch.errors import LedgerBroken, LedgerUnreadable
from fourthwatch.events import KINDS
from fourthwatch.limits import COUNTED_ROWS_MAX, SEQ_MAX
from fourthwatch.store.draws import DrawRow, draws_between
from fourthwatch.store.file import open_file, why_not
from fourthwatch.store.ledger import (
    DECISION_COLUMNS,
    EVENT_COLUMNS,
    NONCE_BYTES,
    DecisionRow,
    EventRow,
    chain_hash,
    decision_row,
    event_row,
)

_ID_CHARS = len("ev_") + 12 + 2 * NONCE_BYTES
_EVENTS = ", ".join("e." + column.strip() for column in EVENT_COLUMNS.split(","))
_DECISIONS = ", ".join("d." + column.strip() for column in DECISION_COLUMNS.split(","))
_EVENT_WIDTH = len(EventRow.__struct_fields__)
_EXPORTED_AT_ONCE = 500


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An event with the decision that was made on it, if one was."""

    event: EventRow
    decision: DecisionRow | None


_DECIDED = tuple([kind.number for kind in KINDS if kind.decided])


class LedgerReader:
    """One reading connection; use it from one thread at a time. What cannot be read raises `LedgerUnreadable`."""

    def __init__(self, directory: Path) -> None:
        self._connection = open_file(directory, read_only=True)

    def event(self, tenant: int, event_id: str) -> Entry | None:
        """The event with this id."""
        if len(event_id) != _ID_CHARS or not event_id.startswith("ev_"):
            return None
        try:
            seq, nonce = int(event_id[3:15], 16), bytes.fromhex(event_id[15:])
        except ValueError:
            return None
        found = self._entry("e.seq = ? AND e.tenant = ? AND e.nonce = ?", seq, tenant, nonce)
        # Python reads more spellings of a number than we write: an event has one id.
        return found if found is not None and found.event.event_id == event_id else None

    def order_events(self, tenant: int, order_id: str, after_seq: int, limit: int) -> list[Entry]:
        """An order's timeline, oldest first."""
        return list(
            self._entries(
                "e.tenant = ? AND e.subject = ? AND e.seq > ? ORDER BY e.seq LIMIT ?",
                tenant, order_subject(order_id), after_seq, limit,
            )
        )  # fmt: skip

    def newest_order(self, tenant: int, order_id: str, kinds: tuple[int, ...]) -> Entry | None:
        """The newest event that submitted the order."""
        marks = ",".join("?" * len(kinds))
        return self._entry(
            f"e.tenant = ? AND e.subject = ? AND e.kind IN ({marks}) ORDER BY e.seq DESC LIMIT 1",
            tenant, order_subject(order_id), *kinds,
        )  # fmt: skip

    def newest_decision(self, tenant: int, order_id: str) -> Entry | None:
        """The newest decision on the order, with the event that it was made on."""
        return self._entry(
            "e.tenant = ? AND e.subject = ? AND d.seq IS NOT NULL ORDER BY e.seq DESC LIMIT 1",
            tenant, order_subject(order_id),
        )  # fmt: skip

    def decision_before(self, tenant: int, subject: str, seq: int) -> DecisionRow | None:
        """The newest decision on an order before a position."""
        found = self._entry(
            "e.tenant = ? AND e.subject = ? AND e.seq < ? AND d.seq IS NOT NULL ORDER BY e.seq DESC LIMIT 1",
            tenant, subject, seq,
        )  # fmt: skip
        return None if found is None else found.decision

    def event_at(self, tenant: int, seq: int) -> Entry | None:
        """The event at a position."""
        return self._entry("e.seq = ? AND e.tenant = ?", seq, tenant)

    def of_kinds(self, tenant: int, subject: str, kinds: tuple[int, ...], limit: int) -> list[EventRow]:
        """The newest events of these kinds about a subject, newest first."""
        marks = ",".join("?" * len(kinds))
        condition = f"e.tenant = ? AND e.subject = ? AND e.kind IN ({marks}) ORDER BY e.seq DESC LIMIT ?"
        return [entry.event for entry in self._entries(condition, tenant, subject, *kinds, limit)]

    def newest_status(self, tenant: int, order_id: str) -> str | None:
        """The newest `_orderStatus` that was sent about the order."""
        row = self._row(
            "SELECT json_extract(body, '$._orderStatus') AS status FROM event"
            " WHERE tenant = ? AND subject = ? AND status IS NOT NULL AND status <> '' ORDER BY seq DESC LIMIT 1",
            (tenant, order_subject(order_id)),
        )
        return None if row is None else str(row[0])

    def between(self, tenant: int, from_seq: int, before_seq: int) -> list[Entry]:
        """A tenant's events from one position and before another, newest first."""
        return list(
            self._entries("e.tenant = ? AND e.seq >= ? AND e.seq < ? ORDER BY e.seq DESC", tenant, from_seq, before_seq)
        )

    def at(self, tenant: int, seqs: Iterable[int]) -> list[Entry]:
        """A tenant's events at some positions, newest first."""
        wanted = msgspec.json.encode(sorted(seqs, reverse=True)).decode()
        # From the positions to the events; asked the other way round SQLite walks through the whole table.
        rows = self._rows(
            f"SELECT {_EVENTS}, {_DECISIONS} FROM json_each(?) AS wanted CROSS JOIN event e ON e.seq = wanted.value"
            " LEFT JOIN decision d ON d.seq = e.seq WHERE e.tenant = ? ORDER BY wanted.key",
            (wanted, tenant),
        )
        return list(map(_entry_of, rows))

    def first_received_from(self, at_ms: int) -> int:
        """Position of the first event that was received at or after a time; behind the last one when there is none.

        Positions and receipts rise together, but for a clock that was set back: then some are told before the time.
        """
        low, high = 1, self.count() + 1
        while low < high:
            middle = (low + high) // 2
            received_ms = self.received_ms(middle)
            if received_ms is not None and received_ms < at_ms:
                low = middle + 1
            else:
                high = middle
        return low

    def received_ms(self, seq: int) -> int | None:
        """When the event at a position was received; `None` when there is none."""
        row = self._row("SELECT received_ms FROM event WHERE seq = ?", (seq,))
        return None if row is None else int(row[0])

    def behind(self, tenant: int, seq: int) -> tuple[int, int | None]:
        """How many of a tenant's events lie behind a position, among the next `COUNTED_ROWS_MAX` of all, and when the
        first of them was received."""
        row = self._row(
            "SELECT count(*), min(received_ms) FROM (SELECT tenant, received_ms FROM event WHERE seq > ? ORDER BY seq"
            " LIMIT ?) WHERE tenant = ?",
            (seq, COUNTED_ROWS_MAX, tenant),
        )
        assert row is not None
        return int(row[0]), row[1]

    def newest(self, tenant: int, limit: int) -> Iterator[EventRow]:
        """A tenant's newest events, newest first."""
        for row in self._rows(
            f"SELECT {_EVENTS} FROM event e WHERE e.tenant = ? ORDER BY e.seq DESC LIMIT ?", (tenant, limit)
        ):
            yield event_row(row)

    def export(self, tenant: int, after_seq: int = 0) -> Iterator[EventRow]:
        """All events of a tenant after a position that are stored now, in ledger order.

        In pieces: whoever reads all of it at once keeps the log file from being begun anew, for as long as it takes.
        Raises `LedgerUnreadable` behind the last that can be read.
        """
        try:
            last_seq = self.count()
        except LedgerUnreadable:  # the newest; those before it are there
            last_seq = SEQ_MAX
        while True:
            rows: list[Any] = []
            try:
                rows.extend(
                    self._rows(
                        f"SELECT {_EVENTS} FROM event e WHERE +e.tenant = ? AND e.seq > ? AND e.seq <= ?"
                        " ORDER BY e.seq LIMIT ?",
                        (tenant, after_seq, last_seq, _EXPORTED_AT_ONCE),
                    )
                )
            except LedgerUnreadable:  # which has left those before it there
                yield from map(event_row, rows)
                raise
            if not rows:
                return
            for row in rows:
                event = event_row(row)
                after_seq = event.seq
                yield event

    def count(self) -> int:
        """Events stored, of all tenants; positions have no gaps."""
        row = self._row("SELECT coalesce(max(seq), 0) FROM event")
        return int(row[0]) if row is not None else 0

    def verify(self) -> Iterator[tuple[int, int]]:
        """Walk the whole chain, yielding position and receipt of each event; raises `LedgerBroken` where it breaks.

        An erased event cannot be hashed again: its hash is taken as it stands, and what follows was made with it.
        """
        erased = self._erased()
        chain, expected = bytes(16), 1
        for row in self._rows(f"SELECT {_EVENTS}, e.chain FROM event e ORDER BY e.seq"):
            event = event_row(row[:_EVENT_WIDTH])
            is_blank = event.seq in erased and event.body == b"{}"
            try:
                chain = row[_EVENT_WIDTH] if is_blank else chain_hash(chain, event)
            except (TypeError, AttributeError, ValueError):  # a row of another table, from a page that was swapped
                chain = b""
            if event.seq != expected or chain != row[_EVENT_WIDTH]:
                raise LedgerBroken(f"the chain of events breaks at position {expected}")
            yield event.seq, event.received_ms
            expected += 1

    def first_undecided(self) -> int | None:
        """Position of the first event that must have been decided, and of whose decision there is nothing."""
        marks = ",".join("?" * len(_DECIDED))
        row = self._row(
            f"SELECT min(e.seq) FROM event e LEFT JOIN decision d ON d.seq = e.seq WHERE e.kind IN ({marks})"
            " AND d.seq IS NULL",
            _DECIDED,
        )
        return None if row is None else row[0]

    def _erased(self) -> set[int]:
        """Positions of erased events; none in a file from before there were any."""
        if self._row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'erased'") is None:
            return set()
        return {row[0] for row in self._rows("SELECT seq FROM erased")}

    def pragma(self, name: str) -> Any:
        """A setting of the file, for diagnosis, or the first finding of a check; `None` when there is none."""
        row = self._row(f"PRAGMA {name}")
        return None if row is None else row[0]

    def draws(self, tenant: int, from_ms: int, to_ms: int, limit: int) -> list[DrawRow]:
        """Orders of a span that chance was drawn for, the newest first."""
        return draws_between(self._connection, tenant, from_ms, to_ms, limit)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _rows(self, statement: str, bindings: Sequence[Any] = ()) -> Iterator[Any]:
        try:
            yield from self._connection.execute(statement, bindings)
        except apsw.ConnectionClosedError:  # nothing of the file: a fault of whoever asks
            raise
        except apsw.Error as error:
            raise LedgerUnreadable(f"the data file could not be read: {why_not(error)}") from error

    def _row(self, statement: str, bindings: Sequence[Any] = ()) -> Any:
        return next(self._rows(statement, bindings), None)

    def _entry(self, condition: str, *bindings: Any) -> Entry | None:
        return next(self._entries(condition, *bindings), None)

    def _entries(self, condition: str, *bindings: Any) -> Iterator[Entry]:
        for row in self._rows(
            f"SELECT {_EVENTS}, {_DECISIONS} FROM event e LEFT JOIN decision d ON d.seq = e.seq WHERE {condition}",
            bindings,
        ):
            yield _entry_of(row)


def _entry_of(row: Any) -> Entry:
    decided = row[_EVENT_WIDTH] is not None
    return Entry(event_row(row[:_EVENT_WIDTH]), decision_row(row[_EVENT_WIDTH:]) if decided else None)


def order_subject(order_id: str) -> str:
    """The subject under which everything about an order stands."""
    return "order:" + order_id


def user_subject(user_id: str) -> str:
    """The subject under which what sets a user's state stands."""
    return "user:" + user_id
