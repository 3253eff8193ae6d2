"""Lists while the server runs: each edit is checked and takes effect between two events, and is written from there on.

Lives with the walk, on its thread. The position that an edit is given is that of the first event that sees it.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from fourthwatch.errors import NameTaken, NotFound, TooManyEntries
from fourthwatch.features.list_types import form_of
from fourthwatch.features.lists import Entry, List, Lists
from fourthwatch.limits import LIST_ENTRIES_MAX, LISTS_MAX
from fourthwatch.store.changes import Write
from fourthwatch.store.file import open_file
from fourthwatch.store.lists import (
    EntryRow,
    ListReader,
    ListRow,
    entries_in,
    entry_added,
    entry_ended,
    list_created,
    list_edited,
    list_removed,
    lists_in,
    newest_ids,
)


class Wanted(msgspec.Struct, frozen=True):
    """An entry to be: a value that has a normal form, and what is said of it."""

    value: str
    """In its normal form."""
    sent: str
    reason: str = ""
    expires_ms: int | None = None


class Roster:
    """Every tenant's lists, and the edits of them."""

    def __init__(self, directory: Path) -> None:
        """Reads what is in force."""
        connection = open_file(directory, read_only=True)
        try:
            rows = lists_in(connection)
            self.lists = lists_of(rows, entries_in(connection))
            self._newest_list, self._newest_entry = newest_ids(connection)
        finally:
            connection.close()
        self._rows = {(row.tenant, row.name): row for row in rows}
        self.users_of: Callable[[int, str], list[str]] = lambda _tenant, _name: []
        """Rules that ask a list or put things into it; who knows them puts that here."""

    def all(self, tenant: int) -> list[ListRow]:
        """A tenant's lists, by name."""
        return sorted((row for (owner, _), row in self._rows.items() if owner == tenant), key=lambda row: row.name)

    def row(self, tenant: int, name: str) -> ListRow:
        """One list; raises `NotFound`."""
        row = self._rows.get((tenant, name))
        if row is None:
            raise NotFound("there is no list of this name")
        return row

    def held(self, tenant: int, name: str) -> List:
        """Its entries; raises `NotFound`."""
        self.row(tenant, name)
        return self.lists.of(tenant)[name]

    def create(self, row: ListRow) -> tuple[ListRow, Write]:
        """A new list, whose id is given here; raises `NameTaken` or `TooManyEntries`."""
        if (row.tenant, row.name) in self._rows:
            raise NameTaken("there is a list of this name already")
        if len(self.lists.of(row.tenant)) >= LISTS_MAX:
            raise TooManyEntries(f"you have {LISTS_MAX} lists, and that is all there may be")
        self._newest_list += 1
        row = msgspec.structs.replace(row, id=self._newest_list)
        self._rows[row.tenant, row.name] = row
        self.lists.put(row.tenant, List(row.id, row.name, row.type, row.kind, row.version))
        return row, list_created(row)

    def edit(self, row: ListRow, kind: str, says: str) -> tuple[ListRow, Write]:
        """Another kind or sentence."""
        row = self._next(row, kind=kind, says=says)
        return row, list_edited(row.id, row.version, kind, says)

    def remove(self, row: ListRow, at_ms: int, seq: int) -> tuple[Write, ...]:
        """Take a list out, with its entries."""
        del self._rows[row.tenant, row.name]
        self.lists.drop(row.tenant, row.name)
        return list_removed(row.id, at_ms, seq)

    def add(
        self, row: ListRow, wanted: Sequence[Wanted], author: str, at_ms: int, seq: int
    ) -> tuple[list[EntryRow], tuple[Write, ...]]:
        """Take entries in, each in the place of one of the same value; raises `TooManyEntries`. Values differ."""
        held = self.lists.of(row.tenant)[row.name]
        new = sum(held.entry_of(one.value) is None for one in wanted)
        if self.lists.entries_of(row.tenant) + new > LIST_ENTRIES_MAX:
            raise TooManyEntries(f"your lists hold up to {LIST_ENTRIES_MAX:,} entries together; remove some")
        rows: list[EntryRow] = []
        writes: list[Write] = []
        for one in wanted:
            before = held.entry_of(one.value)
            if before is not None:
                writes.append(entry_ended(before.id, at_ms, seq))
            self._newest_entry += 1
            entry = EntryRow(
                id=self._newest_entry, list=row.id, tenant=row.tenant, value=one.value, sent=one.sent,
                reason=one.reason, author=author, expires_ms=one.expires_ms, added_ms=at_ms, from_seq=seq,
            )  # fmt: skip
            held.put(Entry(entry.id, entry.value, entry.expires_ms))
            rows.append(entry)
            writes.append(entry_added(entry))
        row = self._next(row)
        return rows, (*writes, list_edited(row.id, row.version))

    def take_out(self, row: ListRow, values: Sequence[str], at_ms: int, seq: int) -> tuple[int, tuple[Write, ...]]:
        """Take entries out by their values; how many there were."""
        held = self.lists.of(row.tenant)[row.name]
        writes: list[Write] = []
        for value in values:
            before = held.entry_of(value)
            if before is not None:
                held.drop(value)
                writes.append(entry_ended(before.id, at_ms, seq))
        if not writes:
            return 0, ()
        row = self._next(row)
        return len(writes), (*writes, list_edited(row.id, row.version))

    def _next(self, row: ListRow, **changed: str) -> ListRow:
        row = msgspec.structs.replace(row, version=row.version + 1, **changed)
        self._rows[row.tenant, row.name] = row
        self.lists.of(row.tenant)[row.name].version = row.version
        return row


def lists_of(rows: Iterable[ListRow], entries: Iterable[tuple[int, int, str, int | None]]) -> Lists:
    """Lists in memory, from their rows."""
    made = {row.id: (row.tenant, List(row.id, row.name, row.type, row.kind, row.version)) for row in rows}
    for number, entry_id, value, expires_ms in entries:
        if number in made:
            made[number][1].put(Entry(entry_id, value, expires_ms))
    return Lists(made.values())


def lists_at(directory: Path, seq: int) -> Lists:
    """Lists as they were for the event at a position: to recompute what was decided on it."""
    reader = ListReader(directory)
    try:
        return lists_of(reader.lists(seq), reader.all_entries(seq))
    finally:
        reader.close()


def normal_form(row: ListRow, value: str) -> str | None:
    """The form of a value in this list; `None` when it has none."""
    return form_of(row.type, value)
