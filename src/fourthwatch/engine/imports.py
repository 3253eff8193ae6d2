"""Many entries of a list at once, from CSV: which rows can be taken, which cannot and why, which say the same twice."""

import csv
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from fourthwatch.engine.roster import Wanted
from fourthwatch.errors import Malformed
from fourthwatch.features.list_types import LIST_TYPES, form_of
from fourthwatch.limits import AT_MS_MAX, IMPORT_ROWS_MAX, LIST_NOTE_CHARS_MAX
from fourthwatch.wire.cells import csv_rows

COLUMNS = ("value", "reason", "expires_at")
_TOLD_MAX = 100


class RowFault(msgspec.Struct, frozen=True):
    """A row that is not taken."""

    line: int
    why: str
    """Holds no value of the row."""


class Import(msgspec.Struct, frozen=True):
    """What a file holds for one list."""

    entries: tuple[Wanted, ...]
    rows: int
    invalid: tuple[RowFault, ...]
    """The first of them."""
    invalid_count: int
    duplicates: tuple[RowFault, ...]
    """Rows whose value stands in an earlier row already; the later one counts."""
    duplicate_count: int


def read_import(type_name: str, text: str) -> Import:
    """The rows of a CSV text with a head line; raises `Malformed` when it has none, or is too long."""
    try:
        rows = csv_rows(text)
    except csv.Error as error:
        raise Malformed(f"this is not CSV: {error}", pointer="/csv", code="bad_csv") from None
    head = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    if "value" not in head or len(set(head)) != len(head) or not set(head) <= {*COLUMNS, *_PASSED_OVER}:
        raise Malformed(
            "the first line names the columns: value, and if wanted reason and expires_at", pointer="/csv",
            code="bad_csv",
        )  # fmt: skip
    if len(rows) - 1 > IMPORT_ROWS_MAX:
        raise Malformed(f"an import has up to {IMPORT_ROWS_MAX:,} rows; send several", pointer="/csv", code="bad_csv")
    found: dict[str, Wanted] = {}
    lines: dict[str, int] = {}
    invalid: list[RowFault] = []
    duplicates: list[RowFault] = []
    for line, cells in rows[1:]:
        if len(cells) != len(head):
            invalid.append(RowFault(line, f"this row has {len(cells)} cells, and the head {len(head)}"))
            continue
        wanted = entry_of(type_name, dict(zip(head, cells, strict=True)))
        if isinstance(wanted, dict):
            invalid.append(RowFault(line, "; ".join(wanted.values())))
            continue
        if wanted.value in found:
            duplicates.append(RowFault(line, f"the same thing stands in line {lines[wanted.value]}; this one counts"))
        found[wanted.value], lines[wanted.value] = wanted, line
    return Import(
        tuple(found.values()), len(rows) - 1, tuple(invalid[:_TOLD_MAX]), len(invalid),
        tuple(duplicates[:_TOLD_MAX]), len(duplicates),
    )  # fmt: skip


_PASSED_OVER = ("author", "added_at", "hits", "last_hit_at", "sent")
"""Columns of an export that an import does not read."""


def entry_of(type_name: str, told: Mapping[str, str]) -> Wanted | dict[str, str]:
    """An entry from its cells, or what is wrong with which of them."""
    sent, reason, ends = told["value"], told.get("reason", ""), told.get("expires_at", "").strip()
    form, expires_ms = form_of(type_name, sent), time_ms(ends) if ends else None
    wrong: dict[str, str] = {}
    if form is None:
        wrong["value"] = f"value has to be {LIST_TYPES[type_name].wanted}"
    if len(reason) > LIST_NOTE_CHARS_MAX:
        wrong["reason"] = f"a reason has at most {LIST_NOTE_CHARS_MAX} characters"
    if ends and expires_ms is None:
        wrong["expires_at"] = "expires_at has to be a time as 2027-01-31T12:00:00Z, or a day as 2027-01-31"
    return wrong if form is None or wrong else Wanted(form, sent, reason, expires_ms)


def time_ms(text: str) -> int | None:
    """A time in ISO-8601 in milliseconds, in UTC where it does not say; `None` when it is none.

    >>> time_ms("1970-01-02"), time_ms("1970-01-01T01:00:00+01:00"), time_ms("1970-01-01t00:00:01z"), time_ms("soon")
    (86400000, 0, 1000, None)
    """
    try:
        told = datetime.fromisoformat(text.upper())  # which knows no `z`, where RFC 3339 does
        told = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
        ms = round(told.timestamp() * 1_000)
    except (ValueError, OverflowError):
        return None
    return ms if 0 <= ms < AT_MS_MAX else None
