"""What tenants' own features name and nobody ever sends: fields, and events of the shop's own.

Looks at the newest events only. A feature over something that never comes is not wrong, it is always unknown or zero.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from fourthwatch.clock import Clock
from fourthwatch.engine.definitions import Shelf, stored_features
from fourthwatch.entities import involved_in
from fourthwatch.entities.supplied import Supplied
from fourthwatch.errors import LedgerError
from fourthwatch.events import KIND_OF_NUMBER, CreateOrder
from fourthwatch.features.definition import Book, Defined
from fourthwatch.features.fields import reader_of
from fourthwatch.features.subject import Subject
from fourthwatch.features.things import THINGS
from fourthwatch.features.vocabulary import OUR_FUNCTIONS
from fourthwatch.language import FieldInput, compile_expression, compile_filter
from fourthwatch.limits import DOCTOR_EVENTS_MAX
from fourthwatch.store.diagnosis import Finding
from fourthwatch.store.file import FILE_NAME
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import LedgerReader
from fourthwatch.store.snapshots import Head, read_snapshot
from fourthwatch.wire.decode import read_stored

FieldPath = tuple[str, ...]


def own_features(directory: Path, clock: Clock, supplied: Supplied | None = None) -> list[Finding]:
    """What there is to say of all tenants' own features; nothing when there are none, or no file that can be read.

    `supplied` are the operator's files, in which fields may be looked up.
    """
    if not (directory / FILE_NAME).exists():
        return []
    try:
        shelf = Shelf(stored_features(directory, clock))
        reader = LedgerReader(directory)
    except LedgerError:  # told by those who look at the file itself
        return []
    if not shelf.books:
        return []
    findings = [
        Finding("features", "warning", f"{one.feature.name} does not hold any more: {one.why}")
        for one in shelf.rejected.values()
    ]
    try:
        for tenant, book in shelf.books.items():
            rows = reader.newest(tenant, DOCTOR_EVENTS_MAX)
            findings += [Finding("features", "warning", said) for said in never_sent(book, tenant, rows, supplied)]
    finally:
        reader.close()
    findings += [Finding("features", "warning", said) for said in _not_counted(directory, shelf)]
    total = sum(len(book.own()) for book in shelf.books.values())
    return findings or [Finding("features", "ok", f"{total:,} of your own; all that they name was sent lately")]


def never_sent(book: Book, tenant: int, rows: Iterable[EventRow], supplied: Supplied | None = None) -> Iterator[str]:
    """A sentence for each field, and each of the shop's own events, that features name and that no event has."""
    wanted: dict[FieldPath, set[str]] = defaultdict(set)
    named: dict[str, set[str]] = defaultdict(set)
    for one in book.own():
        for path in _fields_of(one):
            wanted[path].add(one.feature.name)
        for series in one.series:
            for name in series.custom:
                named[name].add(one.feature.name)
    reads = {path: reader_of(path) for path in wanted}
    looked_at = 0
    for row in rows:
        looked_at += 1
        named.pop(row.name or "", None)
        if reads:
            subject = _subject_of(row, tenant, supplied)
            for path in [path for path, read in reads.items() if read(subject) is not None]:
                del reads[path]
        if not reads and not named:
            return
    lately = f"in the newest {looked_at:,} events"
    for path in sorted(reads):
        yield f"{', '.join(sorted(wanted[path]))}: no event had the field {'.'.join(path)} {lately}"
    for name in sorted(named):
        yield f"{', '.join(sorted(named[name]))}: no event was called {name!r} {lately}"


def _fields_of(one: Defined) -> Iterator[FieldPath]:
    """Fields of the present event and of those remembered."""
    assert one.checked is not None
    for each in compile_expression(one.checked).inputs:
        if isinstance(each, FieldInput):
            yield each.path
    for series in one.series:
        if series.of is not None and not (len(series.of) == 1 and series.of[0] in THINGS):
            yield series.of
        if series.where is not None:
            for field in compile_filter(series.where, OUR_FUNCTIONS).inputs:
                assert isinstance(field, FieldInput)
                yield field.path


def _subject_of(row: EventRow, tenant: int, supplied: Supplied | None) -> Subject:
    kind = KIND_OF_NUMBER[row.kind]
    event = read_stored(kind, row.body, from_go=row.from_go)
    return Subject(
        tenant=tenant, seq=row.seq, kind=kind, event=event, occurred_ms=row.occurred_ms, involved=involved_in(event),
        order=event if isinstance(event, CreateOrder) else None, name=row.name, supplied=supplied,
    )  # fmt: skip


def _not_counted(directory: Path, shelf: Shelf) -> Iterator[str]:
    """Features whose past the newest snapshot does not hold."""
    heads: list[Head] = []
    read_snapshot(directory, lambda head: bool(heads.append(head)))  # type: ignore[func-returns-value]
    if not heads:
        return
    complete = {text for _, _, text, is_complete in heads[0].series if is_complete}
    for book in shelf.books.values():
        lacking = [one.feature.name for one in book.own() if any(each.text not in complete for each in one.series)]
        if lacking:
            yield f"{', '.join(lacking)}: the past is not in the newest snapshot; a server counts it after its start"
