"""Lists and their entries, with all that they ever were: a row holds from one position of the ledger to another.

What is changed is never overwritten: the old row ends where the new one begins, so membership is known as of any event.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from fourthwatch.store.changes import Write
from fourthwatch.store.file import open_file

_LIST_COLUMNS = "id, tenant, name, type, kind, says, version, created_ms, from_seq"
_ENTRY_COLUMNS = (
    "id, list, tenant, value, sent, reason, author, expires_ms, added_ms, from_seq, removed_ms, until_seq, hits,"
    " last_hit_ms"
)


class ListRow(msgspec.Struct, frozen=True, kw_only=True):
    """A list."""

    id: int
    tenant: int
    name: str
    type: str
    kind: str
    says: str
    version: int
    created_ms: int
    from_seq: int


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry, in force or not any more."""

    id: int
    list: int
    tenant: int
    value: str
    sent: str
    reason: str
    author: str
    expires_ms: int | None
    added_ms: int
    from_seq: int
    removed_ms: int | None = None
    until_seq: int | None = None
    hits: int = 0
    last_hit_ms: int | None = None


class ListReader:
    """Lists, read; one connection, used from one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._connection = open_file(directory, read_only=True)

    def lists(self, seq: int | None = None) -> list[ListRow]:
        """Every tenant's lists in force, or as they were for the event at a position (but for kind, says, version)."""
        return lists_in(self._connection, seq)

    def all_entries(self, seq: int | None = None) -> Iterator[tuple[int, int, str, int | None]]:
        """List, id, value and end of every entry in force, or as of the event at a position."""
        return entries_in(self._connection, seq)

    def entries(self, list_id: int, behind: str, limit: int, as_of_ms: int | None = None) -> list[EntryRow]:
        """Entries in the order of their values; `as_of_ms`: those that were in force then, by when edits came."""
        if as_of_ms is None:
            return self._rows("list = ? AND value > ? AND until_seq IS NULL", (list_id, behind), limit)
        held = "list = ? AND value > ? AND added_ms <= ? AND (removed_ms IS NULL OR removed_ms > ?)"
        return self._rows(held, (list_id, behind, as_of_ms, as_of_ms), limit)

    def entry(self, entry_id: int) -> EntryRow | None:
        """The entry of this id."""
        return next(iter(self._rows("id = ?", (entry_id,), 1)), None)

    def history(self, list_id: int, value: str, limit: int) -> list[EntryRow]:
        """What this value ever was in the list, newest first."""
        rows = self._connection.execute(
            f"SELECT {_ENTRY_COLUMNS} FROM list_entry WHERE list = ? AND value = ?"
            " ORDER BY from_seq DESC, id DESC LIMIT ?",
            (list_id, value, limit),
        )
        return [_entry(row) for row in rows]

    def holding(self, list_id: int, values: Sequence[str], at_ms: int, seq: int | None = None) -> EntryRow | None:
        """The entry by which one of the values was in the list at a time; the first one's goes before others'.

        By when edits came; or with `seq` for the event at a position, which was received then.
        """
        among = f"value IN ({', '.join('?' * len(values))})"
        edited = ("added_ms", "removed_ms") if seq is None else ("from_seq", "until_seq")
        held = f"{edited[0]} <= ? AND ({edited[1]} IS NULL OR {edited[1]} > ?)"
        at = at_ms if seq is None else seq
        rows = self._connection.execute(
            f"SELECT {_ENTRY_COLUMNS} FROM list_entry WHERE list = ? AND {among} AND {held}"
            " AND (expires_ms IS NULL OR expires_ms > ?) ORDER BY id DESC",
            (list_id, *values, at, at, at_ms),
        )
        return min(map(_entry, rows), key=lambda row: values.index(row.value), default=None)

    def is_edited_after(self, list_id: int, value: str, seq: int) -> bool:
        """Whether the value came into the list, or went out of it, after the event at a position."""
        rows = self._connection.execute(
            "SELECT 1 FROM list_entry WHERE list = ? AND value = ? AND (from_seq > ? OR until_seq > ?) LIMIT 1",
            (list_id, value, seq, seq),
        )
        return rows.fetchone() is not None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _rows(self, condition: str, bindings: tuple[Any, ...], limit: int) -> list[EntryRow]:
        rows = self._connection.execute(
            f"SELECT {_ENTRY_COLUMNS} FROM list_entry WHERE {condition} ORDER BY value, id LIMIT ?", (*bindings, limit)
        )
        return [_entry(row) for row in rows]


def lists_in(connection: apsw.Connection, seq: int | None = None) -> list[ListRow]:
    """Lists in force, or as they were for the event at a position."""
    held, bindings = _held(seq)
    rows = connection.execute(f"SELECT {_LIST_COLUMNS} FROM list WHERE {held} ORDER BY id", bindings)
    return [ListRow(**dict(zip(ListRow.__struct_fields__, row, strict=True))) for row in rows]


def entries_in(connection: apsw.Connection, seq: int | None = None) -> Iterator[tuple[int, int, str, int | None]]:
    """List, id, value and end of each entry in force, or as of the event at a position."""
    held, bindings = _held(seq)
    yield from connection.execute(f"SELECT list, id, value, expires_ms FROM list_entry WHERE {held}", bindings)


def newest_ids(connection: apsw.Connection) -> tuple[int, int]:
    """The greatest id of a list and of an entry; 0 where there is none."""
    row = connection.execute(
        "SELECT (SELECT coalesce(max(id), 0) FROM list), (SELECT coalesce(max(id), 0) FROM list_entry)"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def list_created(row: ListRow) -> Write:
    """A new list."""
    return Write(
        (f"INSERT INTO list ({_LIST_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(row))
    )


def list_edited(list_id: int, version: int, kind: str | None = None, says: str | None = None) -> Write:
    """Another version; what is given changes with it."""
    statement = "UPDATE list SET version = ?, kind = coalesce(?, kind), says = coalesce(?, says) WHERE id = ?"
    return Write((statement, (version, kind, says, list_id)))


def list_removed(list_id: int, at_ms: int, seq: int) -> tuple[Write, ...]:
    """The list and its entries hold no longer, from the event at a position on."""
    ended = "SET removed_ms = ?, until_seq = ? WHERE until_seq IS NULL AND"
    return (
        Write((f"UPDATE list {ended} id = ?", (at_ms, seq, list_id))),
        Write((f"UPDATE list_entry {ended} list = ?", (at_ms, seq, list_id))),
    )


def entry_added(row: EntryRow) -> Write:
    """A new entry."""
    marks = ", ".join("?" * len(EntryRow.__struct_fields__))
    return Write((f"INSERT INTO list_entry ({_ENTRY_COLUMNS}) VALUES ({marks})", msgspec.structs.astuple(row)))


def entry_ended(entry_id: int, at_ms: int, seq: int) -> Write:
    """An entry holds no longer, from the event at a position on."""
    return Write(("UPDATE list_entry SET removed_ms = ?, until_seq = ? WHERE id = ?", (at_ms, seq, entry_id)))


def entries_hit(hits: Mapping[int, tuple[int, int]]) -> tuple[Write, ...]:
    """Count hits: by entry how many more, and when the newest was received."""
    statement = "UPDATE list_entry SET hits = hits + ?, last_hit_ms = max(coalesce(last_hit_ms, 0), ?) WHERE id = ?"
    return tuple(Write((statement, (count, last_ms, entry))) for entry, (count, last_ms) in hits.items())


def _held(seq: int | None) -> tuple[str, tuple[Any, ...]]:
    if seq is None:
        return "until_seq IS NULL", ()
    return "from_seq <= ? AND (until_seq IS NULL OR until_seq > ?)", (seq, seq)


def _entry(row: tuple[Any, ...]) -> EntryRow:
    return EntryRow(**dict(zip(EntryRow.__struct_fields__, row, strict=True)))
