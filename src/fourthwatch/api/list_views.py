"""What `/api/v1/lists` shows: lists, entries, what they were, and what an import would do or did."""

from collections.abc import Sequence

import msgspec

from fourthwatch.clock import iso_ms
from fourthwatch.engine.imports import RowFault
from fourthwatch.store.lists import EntryRow, ListRow
from fourthwatch.wire.cells import csv_text


class ListDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list to be."""

    name: str
    """Small letters, digits and underscores, beginning with a letter; at most 64."""
    type: str
    """What it holds: user, email, email_domain, phone, card, bin, ip, device, address, postcode, item or text."""
    kind: str = "watch"
    """block, allow, watch, or another word of yours; it decides nothing by itself."""
    says: str = ""
    """A sentence about it."""


class ListEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a list can change; what is absent stays."""

    kind: str | msgspec.UnsetType = msgspec.UNSET
    says: str | msgspec.UnsetType = msgspec.UNSET


class ListView(msgspec.Struct, frozen=True):
    """A list."""

    name: str
    type: str
    kind: str
    says: str
    entries: int
    """In force, those that have expired and were not taken out included."""
    version: int
    """Counts edits, those of entries included."""
    created_at: str


class ListsView(msgspec.Struct, frozen=True):
    """A page of lists."""

    lists: tuple[ListView, ...]
    next: str | None
    """Send as `cursor` for the rest; null at the end."""


class NewEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry to be."""

    value: str
    """Brought into its normal form, as events are."""
    reason: str = ""
    expires_at: str | msgspec.UnsetType = msgspec.UNSET
    """ISO-8601; it holds for events that are received before."""


class ListEntryView(msgspec.Struct, frozen=True):
    """An entry."""

    value: str
    """In its normal form."""
    sent: str
    reason: str
    author: str
    """Id of the key, or the rule, that it came by."""
    added_at: str
    expires_at: str | None
    removed_at: str | None
    hits: int
    """Decisions that asked for it and found it."""
    last_hit_at: str | None


class EntriesView(msgspec.Struct, frozen=True):
    """A page of entries."""

    entries: tuple[ListEntryView, ...]
    next: str | None
    """Send as `cursor` for the rest; null at the end."""


class EntryView(msgspec.Struct, frozen=True):
    """A value and a list."""

    value: str
    """In its normal form."""
    is_in: bool
    """Now, or as of the time that was asked for."""
    entry: ListEntryView | None
    """By which it is in: its own, or the narrowest network around it."""
    history: tuple[ListEntryView, ...]
    """What this value was in the list, newest first."""


class ImportDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Entries to be, as a file."""

    csv: str
    """A head line with value, and if wanted reason and expires_at; then one line per entry."""


class ImportView(msgspec.Struct, frozen=True):
    """What an import does, or would do."""

    preview: bool
    rows: int
    added: int
    replaced: int
    """Values that were in the list already."""
    invalid: tuple[RowFault, ...]
    """The first 100."""
    invalid_count: int
    duplicates: tuple[RowFault, ...]
    """The first 100 rows whose value stands in an earlier row; the later one counts."""
    duplicate_count: int


def list_view(row: ListRow, entries: int) -> ListView:
    """A list as the API shows it."""
    return ListView(row.name, row.type, row.kind, row.says, entries, row.version, iso_ms(row.created_ms))


def entry_view(row: EntryRow) -> ListEntryView:
    """An entry as the API shows it."""
    return ListEntryView(
        value=row.value,
        sent=row.sent,
        reason=row.reason,
        author=row.author,
        added_at=iso_ms(row.added_ms),
        expires_at=None if row.expires_ms is None else iso_ms(row.expires_ms),
        removed_at=None if row.removed_ms is None else iso_ms(row.removed_ms),
        hits=row.hits,
        last_hit_at=None if row.last_hit_ms is None else iso_ms(row.last_hit_ms),
    )


_CSV_HEAD = ("value", "reason", "expires_at", "author", "added_at", "hits", "last_hit_at")


def entries_csv(entries: Sequence[ListEntryView]) -> str:
    """Entries as a file that an import takes back."""
    cells = [
        (one.value, one.reason, one.expires_at or "", one.author, one.added_at, str(one.hits), one.last_hit_at or "")
        for one in entries
    ]
    return csv_text([_CSV_HEAD, *cells])
