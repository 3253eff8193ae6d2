"""The ledger read from its beginning by a program that only reads: for data sets, beside a running server.

It shows the ledger as of the position that it had when it was opened. Pages are short, so that no reading is open for
long: while one is, SQLite's log file cannot be begun anew.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from fourthwatch.errors import LedgerBroken, LedgerUnreadable
from fourthwatch.limits import HISTORY_PAGE_ROWS
from fourthwatch.store.about import Submission, bits_of, newest_about_statement, order_before_statement, submission_of
from fourthwatch.store.features import FeatureRow, feature_rows
from fourthwatch.store.file import is_damage, open_file, why_not
from fourthwatch.store.ledger import (
    DECISION_COLUMNS,
    EVENT_COLUMNS,
    EventRow,
    decision_row,
    event_row,
)
from fourthwatch.store.reader import Entry
from fourthwatch.store.rule_sets import RuleSetRow, rule_set_rows

_NEWEST_ABOUT = newest_about_statement(EVENT_COLUMNS)
_EVENTS = ", ".join("e." + column.strip() for column in EVENT_COLUMNS.split(","))
_DECISIONS = ", ".join("d." + column.strip() for column in DECISION_COLUMNS.split(","))
_EVENT_WIDTH = len(EventRow.__struct_fields__)


class ModelFilesRow(msgspec.Struct, frozen=True):
    """A model's files."""

    id: str
    manifest: bytes
    body: bytes
    golden: bytes


class History:
    """One reading connection; use it from one thread."""

    def __init__(self, directory: Path, cache_kib: int | None = None, up_to: int | None = None) -> None:
        """`up_to`: a position behind which nothing is looked at; `None`: as far as there is anything now.

        Raises `LedgerUnusable` when there is no data file in the directory.
        """
        self.directory = directory
        self._connection = open_file(directory, read_only=True)
        if cache_kib is not None:
            self._connection.pragma("cache_size", -cache_kib)
        newest: int = self._rows("SELECT coalesce(max(seq), 0) FROM event")[0][0]
        self.last_seq = newest if up_to is None else min(newest, up_to)
        """The newest position that is looked at; what comes in later is not."""

    def entries(self) -> Iterator[Entry]:
        """Every event with the decision that was made on it, if one was, in the order of the ledger."""
        done = 0
        while page := self.page(done, self.last_seq, HISTORY_PAGE_ROWS):
            yield from page
            done = page[-1].event.seq

    def page(self, after_seq: int, until_seq: int, limit: int) -> list[Entry]:
        """The next so many of them behind a position, and none behind another.

        Raises `LedgerUnreadable` where a page of them is damaged, and `LedgerBroken` when the disk gives nothing now.
        """
        rows = self._rows(
            f"SELECT {_EVENTS}, {_DECISIONS} FROM event e LEFT JOIN decision d ON d.seq = e.seq"
            " WHERE e.seq > ? AND e.seq <= ? ORDER BY e.seq LIMIT ?",
            after_seq, until_seq, limit,
        )  # fmt: skip
        return [
            Entry(
                event_row(row[:_EVENT_WIDTH]), None if row[_EVENT_WIDTH] is None else decision_row(row[_EVENT_WIDTH:])
            )
            for row in rows
        ]

    def chain_at(self, seq: int) -> bytes:
        """Chain hash of the event at a position, which must be there."""
        chain: bytes = self._rows("SELECT chain FROM event WHERE seq = ?", seq)[0][0]
        return chain

    def order_before(
        self, tenant: int, subject: str, kinds: Sequence[int], before_seq: int, *, decided: bool = False
    ) -> Submission | None:
        """As `Ledger.order_before`: the newest submission of an order before a position."""
        rows = self._rows(order_before_statement(kinds, decided=decided), tenant, subject, before_seq, *kinds)
        return submission_of(rows[0]) if rows else None

    def newest_about(
        self, tenant: int, subject: str, kinds: Sequence[int], limit: int, before_seq: int
    ) -> list[EventRow]:
        """As `Ledger.newest_about`."""
        before_seq = min(before_seq, self.last_seq + 1)
        rows = self._rows(_NEWEST_ABOUT, tenant, subject, before_seq, bits_of(kinds), limit)
        return [event_row(row) for row in rows]

    def about(self, tenant: int, subject: str, kinds: Sequence[int]) -> list[EventRow]:
        """Events of these kinds about an order or a user, oldest first."""
        marks = ",".join("?" * len(kinds))
        rows = self._rows(
            f"SELECT {_EVENTS} FROM event e WHERE e.tenant = ? AND e.subject = ? AND e.seq <= ?"
            f" AND e.kind IN ({marks}) ORDER BY e.seq",
            tenant, subject, self.last_seq, *kinds,
        )  # fmt: skip
        return [event_row(row) for row in rows]

    def of_kinds(self, tenant: int, kinds: Sequence[int]) -> Iterator[EventRow]:
        """A tenant's events of some kinds, in the order of the ledger."""
        marks, done = ",".join("?" * len(kinds)), 0
        while True:
            rows = self._rows(
                f"SELECT {_EVENTS} FROM event e WHERE e.seq > ? AND e.seq <= ? AND e.tenant = ? AND e.kind IN ({marks})"
                " ORDER BY e.seq LIMIT ?",
                done, self.last_seq, tenant, *kinds, HISTORY_PAGE_ROWS,
            )  # fmt: skip
            if not rows:
                return
            yield from (event_row(row) for row in rows)
            done = rows[-1][0]

    def models(self, tenant: int) -> list[ModelFilesRow]:
        """A tenant's models that were ever in use, with their files; none in a file from before there were any."""
        if not self._rows("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'model'"):
            return []
        rows = self._rows(
            "SELECT id, manifest, body, golden FROM model WHERE tenant = ? AND state <> 'candidate' ORDER BY id", tenant
        )
        return [ModelFilesRow(*row) for row in rows]

    def mark(self) -> str:
        """Stands for everything up to the position that is looked at: the chain's last hash."""
        rows = self._rows("SELECT hex(chain) FROM event WHERE seq = ?", self.last_seq)
        return f"{self.last_seq}-{rows[0][0] if rows else ''}"

    def tenant_id(self, name: str) -> int | None:
        """Number of a tenant; `None` when there is none of that name."""
        rows = self._rows("SELECT id FROM tenant WHERE name = ?", name)
        return int(rows[0][0]) if rows else None

    def policy(self, tenant: int) -> bytes | None:
        """A tenant's policy in force, as JSON; `None` when it has set none, as in a file from before there were any."""
        if not self._rows("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'policy'"):
            return None
        rows = self._rows("SELECT content FROM policy WHERE tenant = ? ORDER BY version DESC LIMIT 1", tenant)
        return rows[0][0] if rows else None

    def tenant_ids(self) -> list[int]:
        """Numbers of all tenants."""
        return [int(row[0]) for row in self._rows("SELECT id FROM tenant ORDER BY id")]

    def features(self) -> list[FeatureRow]:
        """Every tenant's own features, oldest first; none in a file from before there were any."""
        if not self._rows("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'feature'"):
            return []
        return feature_rows(self._connection)

    def list_edits(self) -> list[int]:
        """Positions, rising, of the events for which lists began to be otherwise; none where there are no lists."""
        if not self._rows("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'list_entry'"):
            return []
        rows = self._rows(
            "SELECT from_seq FROM list UNION SELECT until_seq FROM list UNION SELECT from_seq FROM list_entry"
            " UNION SELECT until_seq FROM list_entry ORDER BY 1"
        )
        return [int(row[0]) for row in rows if row[0] is not None]

    def rule_sets(self) -> list[RuleSetRow]:
        """Every version of every tenant; none in a file from before there were any."""
        if not self._rows("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'rule_set'"):
            return []
        return rule_set_rows(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _rows(self, statement: str, *bindings: Any) -> list[Any]:
        try:
            return self._connection.execute(statement, bindings).fetchall()
        except apsw.Error as error:
            told = f"the data file could not be read: {why_not(error)}"
            raise (LedgerUnreadable if is_damage(error) else LedgerBroken)(told) from error
