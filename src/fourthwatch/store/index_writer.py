"""Writing the index: a batch of rows, sorted, with the position that they lead to, all or nothing."""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec

from fourthwatch.store.index_file import IndexFile, as_damage
from fourthwatch.store.index_rows import LINE_COLUMNS, IndexBatch, Mark, OrderLine, line_of
from fourthwatch.store.index_segments import grow, young_of

_COLUMNS = ", ".join(LINE_COLUMNS)
_KEPT_UP = ", ".join(f"{name} = excluded.{name}" for name in LINE_COLUMNS if name not in ("no", "tenant", "order_id"))
_PUT = f"INSERT INTO line ({_COLUMNS})"
_OVER = f" ON CONFLICT (tenant, order_id) DO UPDATE SET {_KEPT_UP}"


class IndexWriter:
    """Between `begin` and `finish` lies one transaction; `abandon` undoes it."""

    def __init__(self, directory: Path) -> None:
        self._file = IndexFile(directory)
        self._connection = self._file.connection
        self._has_marks: bool | None = None
        """Whether there may be any; unknown until somebody asks."""

    def position(self) -> tuple[int, bytes]:
        """The position that the index has come to, and the chain hash of the event there."""
        return self._file.position()

    def begin(self) -> None:
        """Raises `IndexDamaged`, as every method does."""
        with as_damage():
            self._connection.execute("BEGIN IMMEDIATE")

    def lines(self, wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], OrderLine]:
        """Orders as they stand, by tenant and id; those that are not there are left out."""
        by_tenant: dict[int, list[str]] = {}
        for tenant, order_id in wanted:
            by_tenant.setdefault(tenant, []).append(order_id)
        with as_damage():
            found = [
                line_of(row)
                for tenant, ids in by_tenant.items()
                for row in self._connection.execute(
                    f"SELECT {_COLUMNS} FROM line WHERE tenant = ? AND order_id IN (SELECT value FROM json_each(?))",
                    (tenant, msgspec.json.encode(ids).decode()),
                ).fetchall()
            ]
        return {(line.tenant, line.order_id): line for line in found}

    def put(self, lines: Sequence[OrderLine]) -> None:
        """Let these orders stand as they are handed over."""
        with as_damage():
            self._file.insert(_PUT, len(LINE_COLUMNS), [msgspec.structs.astuple(line) for line in lines], _OVER)

    def mark(self, mark: Mark) -> None:
        """Take a mark of a user, and let the user's orders know."""
        self._has_marks = True
        with as_damage():
            if mark.bad is not None:
                self._connection.execute(
                    "INSERT INTO mark VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET bad = excluded.bad,"
                    " ms = CASE WHEN bad = excluded.bad THEN ms ELSE excluded.ms END",
                    (mark.tenant, mark.user_id, mark.abuse or "", mark.bad, mark.at_ms),
                )
            else:
                self._connection.execute(
                    "DELETE FROM mark WHERE tenant = ? AND user_id = ? AND (?3 IS NULL OR abuse = ?3)",
                    (mark.tenant, mark.user_id, mark.abuse),
                )
            bad, at_ms = self.marked(mark.tenant, mark.user_id)
            self._connection.execute(
                "UPDATE line SET bad = ?, bad_ms = ? WHERE tenant = ? AND user_id = ? AND bad IS NOT ?",
                (bad, at_ms, mark.tenant, mark.user_id, bad),
            )

    def marked(self, tenant: int, user_id: str) -> tuple[int | None, int | None]:
        """Whether some mark says that the user is bad (1), all say good (0), or none stands; and since when."""
        with as_damage():
            if self._has_marks is None:
                self._has_marks = bool(self._connection.execute("SELECT 1 FROM mark LIMIT 1").fetchall())
            if not self._has_marks:
                return None, None
            row: Any = self._connection.execute(
                "SELECT max(bad), min(ms) FILTER (WHERE bad = (SELECT max(bad) FROM mark WHERE tenant = ?1"
                " AND user_id = ?2)) FROM mark WHERE tenant = ?1 AND user_id = ?2",
                (tenant, user_id),
            ).fetchone()
        return row[0], row[1]

    def finish(self, batch: IndexBatch, chain: bytes) -> None:
        """Write what a batch brings besides orders, and the position; then all of it counts."""
        mentions = _by_segment(batch.mentions, itemgetter(1))
        links = _by_segment(batch.links, itemgetter(3))
        things = _by_segment(batch.named, itemgetter(4))
        names = sorted([(young, kind, tenant, value, key, seq) for young, key, tenant, kind, value, seq in things])
        segments = sorted({row[0] for row in mentions})
        tallies = sorted((tenant, what, day, name, n) for (tenant, day, what, name), n in batch.tallies.items())
        with as_damage():
            self._file.insert("INSERT OR IGNORE INTO segment", 1, [(n,) for n in segments])
            self._file.insert("INSERT OR IGNORE INTO mention", 3, mentions)
            self._file.insert("INSERT OR IGNORE INTO thing", 6, things)
            self._file.insert("INSERT OR IGNORE INTO name", 6, names)
            self._file.insert("INSERT OR IGNORE INTO link", 6, links)
            self._file.insert(
                "INSERT INTO tally", 5, tallies, " ON CONFLICT DO UPDATE SET count = count + excluded.count"
            )
            grow(self._connection, self.position()[0], batch.last_seq)
            self._connection.execute("UPDATE progress SET seq = ?, chain = ?", (batch.last_seq, chain))
            self._connection.execute("COMMIT")
        self._file.checkpoint_when_due()

    def abandon(self) -> None:
        """Undo what was begun."""
        with as_damage():
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _by_segment(rows: Sequence[tuple[Any, ...]], seq_of: Callable[[Any], int]) -> list[tuple[Any, ...]]:
    """Rows behind the number of their segment, those of one segment in the order of their keys.

    Nearly in the order of the file is as good as in it, and comparing keys alone costs a third.
    """
    by_key = sorted(rows, key=itemgetter(0))
    found = [(young_of(seq_of(row)), *row) for row in by_key]
    found.sort(key=itemgetter(0))
    return found
