"""Reading the index: what leads where, and what is called how. Every question names a tenant or a key made with one.

A reader that meets damage says so and opens the file anew at the next question; by then it may have been made again.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from fourthwatch.errors import IndexDamaged
from fourthwatch.store.index_file import FILE_NAME, VERSION, open_index
from fourthwatch.store.index_rows import LINE_COLUMNS, OrderLine, line_of
from fourthwatch.store.index_segments import ALL_OLD, OLD_OF, YOUNG_OF

_LINE = ", ".join(LINE_COLUMNS)
_AFTER_ALL_TEXT = "\U0010ffff"


class Found(msgspec.Struct, frozen=True):
    """A thing by its name."""

    key: int
    kind: int
    value: str
    seq: int
    """Position of the first event that it was part of."""


class Joined(msgspec.Struct, frozen=True):
    """Another end of a link."""

    key: int
    kind: int
    first_seq: int
    first_ms: int
    last_ms: int
    """Within a segment of the ledger only the first event counts, so this may be somewhat before the last one."""


class IndexReader:
    """One reading connection; use it from one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._connection: apsw.Connection | None = None
        self._inode = 0

    def rows(self, statement: str, bindings: Sequence[Any] | dict[str, Any] = ()) -> list[Any]:
        """All rows of a question; raises `IndexDamaged`. For the modules beside this one."""
        try:
            return self._opened().execute(statement, bindings).fetchall()
        except (apsw.Error, OSError) as error:
            self.close()
            raise IndexDamaged(f"the index could not be read: {error}") from error

    def position(self) -> int:
        """The position of the ledger that the index has come to."""
        return int(self.rows("SELECT seq FROM progress")[0][0])

    def events_with(self, keys: Sequence[int], before_seq: int, limit: int, from_seq: int = 0) -> list[int]:
        """Positions of events that all of these things were part of, newest first."""
        first, *others = keys
        rows: list[int] = []
        # Segment by segment: most timelines end in the first few.
        either = f"({OLD_OF.format(seq='m.seq')}, {YOUNG_OF.format(seq='m.seq')})"
        also = "".join(
            f" AND EXISTS (SELECT 1 FROM mention o WHERE o.segment IN {either} AND o.key = ?{5 + n} AND o.seq = m.seq)"
            for n in range(len(others))
        )
        found = self.rows(
            "SELECT m.seq FROM segment s CROSS JOIN mention m ON m.segment = s.n AND m.key = ?1"
            f" WHERE s.n >> 1 <= ?2 AND s.n >= {OLD_OF.format(seq='?4')} AND m.seq < ?2 AND m.seq >= ?4{also}"
            " ORDER BY s.n DESC, m.seq DESC LIMIT ?3",
            (first, before_seq, limit, from_seq, *others),
        )
        rows += [row[0] for row in found]
        return rows

    def named(self, keys: Iterable[int]) -> dict[int, Found]:
        """Things by key."""
        found: dict[int, Found] = {}
        missing = list(keys)
        for segments in ((ALL_OLD,), self._young(), (ALL_OLD,)):  # the last for those that became old meanwhile
            if not missing:
                break
            rows = self.rows(
                "SELECT key, kind, value, min(seq) FROM thing WHERE segment IN (SELECT value FROM json_each(?))"
                " AND key IN (SELECT value FROM json_each(?)) GROUP BY key",
                (_json(segments), _json(missing)),
            )
            found |= {row[0]: Found(*row) for row in rows}
            missing = [key for key in missing if key not in found]
        return found

    def starting_with(self, tenant: int, kind: int, text: str, limit: int) -> list[Found]:
        """Things of a kind whose value begins with a text (ASCII letters in either case), in order."""
        of_one = (
            "SELECT * FROM (SELECT key, kind, value, seq FROM name WHERE segment = {} AND kind = ?2 AND tenant = ?1"
            " AND value >= ?3 AND value < ?4 ORDER BY value LIMIT ?5)"
        )
        of_all = " UNION ALL ".join([of_one.format(n) for n in (ALL_OLD, *self._young())])
        rows = self.rows(
            f"SELECT key, kind, value, min(seq) FROM ({of_all}) GROUP BY key ORDER BY value LIMIT ?5",
            (tenant, kind, text, text + _AFTER_ALL_TEXT, limit),
        )
        return [Found(*row) for row in rows]

    def _young(self) -> tuple[int, ...]:
        """Numbers of the young segments. One that has become old meanwhile is empty."""
        return tuple([n for (n,) in self.rows("SELECT n FROM segment WHERE n & 1")])

    def joined(self, key: int, kind: int, *, until_seq: int, until_ms: int, limit: int) -> list[Joined]:
        """What a thing is linked with, of one kind, as far as it was known then; the newest links first."""
        rows = self.rows(
            "SELECT l.other, l.kind, min(l.seq), min(l.ms), max(l.ms) FROM segment s CROSS JOIN link l"
            " ON l.segment = s.n AND l.key = ?1 AND l.kind = ?2"
            " WHERE s.n >> 1 <= ?3 AND l.seq <= ?3 AND l.ms <= ?4"
            " GROUP BY l.other ORDER BY max(l.seq) DESC LIMIT ?5",
            (key, kind, until_seq, until_ms, limit),
        )
        return [Joined(*row) for row in rows]

    def crowd(self, key: int, kind: int, *, from_ms: int, until_seq: int, until_ms: int, at_most: int) -> int:
        """How many others of a kind a thing was linked with within some time, counted up to a bound."""
        rows = self.rows(
            "SELECT count(*) FROM (SELECT DISTINCT l.other FROM segment s CROSS JOIN link l"
            " ON l.segment = s.n AND l.key = ?1 AND l.kind = ?2"
            " WHERE s.n >> 1 <= ?3 AND l.seq <= ?3 AND l.ms BETWEEN ?4 AND ?5 LIMIT ?6)",
            (key, kind, until_seq, from_ms, until_ms, at_most),
        )
        return int(rows[0][0])

    def line(self, tenant: int, order_id: str) -> OrderLine | None:
        """An order as it stands."""
        rows = self.rows(f"SELECT {_LINE} FROM line WHERE tenant = ? AND order_id = ?", (tenant, order_id))
        return line_of(rows[0]) if rows else None

    def lines(self, tenant: int, order_ids: Iterable[str]) -> dict[str, OrderLine]:
        """Orders as they stand, by id; those that are not there are left out."""
        wanted = msgspec.json.encode(list(order_ids)).decode()
        rows = self.rows(
            f"SELECT {_LINE} FROM line WHERE tenant = ? AND order_id IN (SELECT value FROM json_each(?))",
            (tenant, wanted),
        )
        return {line.order_id: line for line in map(line_of, rows)}

    def close(self) -> None:
        """Close the connection; the next question opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> apsw.Connection:
        inode = os.stat(self._directory / FILE_NAME).st_ino
        if self._connection is None or inode != self._inode:
            self.close()
            connection = open_index(self._directory, read_only=True)
            if connection.execute("SELECT version FROM progress").fetchall() != [(VERSION,)]:
                connection.close()
                raise IndexDamaged("the index is being made")
            self._connection, self._inode = connection, inode
        return self._connection


def _json(values: Iterable[int]) -> str:
    return msgspec.json.encode(list(values)).decode()
