"""A data set for learning and for looking: what was known as of each order, and what became of it.

The ledger is walked from its beginning on the code path of live scoring, so a row holds what a decision of these
features would have seen, to the bit. It is only read, in short pages: the server may go on beside it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

import msgspec

from fourthwatch.clock import SECOND_MS
from fourthwatch.engine.definitions import Shelf
from fourthwatch.engine.identity import ORDER_KINDS
from fourthwatch.engine.subjects import Subjects
from fourthwatch.entities.supplied import Supplied
from fourthwatch.errors import DatasetError, LanguageError, UsageError
from fourthwatch.events import KIND_OF_NUMBER
from fourthwatch.features.catalogue import DECIDING, built_in
from fourthwatch.features.definition import Book, Feature
from fourthwatch.features.observe import Present
from fourthwatch.features.repeats import Others
from fourthwatch.features.subject import Subject
from fourthwatch.features.things import THINGS, key_of
from fourthwatch.features.wanted import WantedFeatures
from fourthwatch.features.windows import Windows
from fourthwatch.language.diagnose import did_you_mean
from fourthwatch.limits import FORGET_AFTER_DAYS
from fourthwatch.store.history import History
from fourthwatch.store.ledger import DecisionRow, EventRow
from fourthwatch.store.reader import Entry
from fourthwatch.workbench.labels import LABEL_KINDS, LabelBook, Labels, was_sent_late
from fourthwatch.workbench.table import Cell, Column, TableWriter

Events = Literal["orders", "all-decided"]
EVENTS: tuple[Events, ...] = get_args(Events)
DECIDING_FEATURES = "deciding"
"""In place of names: those that the first scorecard reads."""

FIXED: tuple[Column, ...] = (
    Column("position", "whole"),
    Column("event_id", "text"),
    Column("event", "text"),
    Column("order_id", "text"),
    Column("user_id", "text"),
    Column("occurred_ms", "whole"),
    Column("received_ms", "whole"),
    Column("day", "text"),
    Column("person_bucket", "whole"),
    Column("score", "whole"),
    Column("flag", "text"),
    Column("verdict", "text"),
    Column("payment", "text"),
)
"""Before the features. `day` is UTC, of `occurred_ms`; `person_bucket` is 0 to 99, the same for all rows of one account
or e-mail address, so that a split by it puts nobody on both sides; unknown when neither was said. `payment` is `cash`,
or the type of the first payment method as it was sent."""
LABEL_PREFIX, KEY_PREFIX = "label_", "key_"

_BUCKETS = 100
_PAYMENT_CHARS_MAX = 32
_PROGRESS_EVERY = 1_000
_GIVE_BACK_EVERY = 16

Progress = Callable[[int, int], None]
"""Events walked, events to walk."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be in a data set."""

    tenant: str = "default"
    from_ms: int | None = None
    """First moment, by the event's own time; `None` for no bound."""
    to_ms: int | None = None
    """The moment before which events lie."""
    features: tuple[str, ...] = ()
    """Names; empty for all, `deciding` for those that the first scorecard reads."""
    events: Events = "orders"
    """`orders`: submissions of orders; `all-decided`: payments, states and custom events too, if decided."""
    keys: tuple[str, ...] = ()
    """Things whose normal form gets a column `key_<thing>`: `device`, `email`, … Personal, so nothing by itself."""
    forget_after_days: int = FORGET_AFTER_DAYS
    """As the server has it, or the rows are not what it saw."""
    supplied: Supplied | None = None
    """The same."""
    definitions: tuple[Feature, ...] = ()
    """Features besides those that are there, as if the tenant had defined them; among `features` if that is empty. One
    of the name of another goes before it, as it does live for the model that brings it."""
    kept: tuple[str, ...] | None = None
    """Features whose past is kept besides what a server keeps; those of `features` among them are then read from
    histories of exactly that. `None`: none besides."""
    known_by_ms: int | None = None
    """Labels that arrived from this moment on are untold; `None`: all that are there."""
    up_to: int | None = None
    """A position of the ledger behind which nothing is looked at; `None`: as far as there is anything."""


class Built(msgspec.Struct, frozen=True):
    """What came of it."""

    rows: int
    columns: int
    features: int
    events: int
    """Events walked, of all tenants."""
    labels: dict[str, int]
    """Rows whose label is 1, by kind."""
    told: dict[str, int]
    """Rows whose label is known, by kind."""


def build(directory: Path, out: Path, wanted: Wanted, progress: Progress) -> Built:
    """Write the data set of a data directory to `out` (.csv, else Parquet); it appears whole or not at all.

    Raises `UsageError` for a name that is not there, `DatasetError` when there is no such row or no such form,
    `LedgerUnusable` and `LedgerBroken`.
    """
    history = History(directory, up_to=wanted.up_to)
    try:
        names, columns, walk = opened(history, wanted)
        with TableWriter(out, columns) as table:
            table.open()
            for row in walk.rows(progress):
                table.add(row)
            if table.rows == 0:
                raise DatasetError(walk.why_empty())
            table.finish()
        return Built(table.rows, len(columns), len(names), walk.walked, walk.ones, walk.told)
    finally:
        history.close()


def opened(history: History, wanted: Wanted) -> tuple[tuple[str, ...], tuple[Column, ...], "LedgerWalk"]:
    """What is wanted of a ledger: names of the features, all columns, and the walk that gives the rows.

    Raises `UsageError` for a name that is not there, `DatasetError` for a tenant that is not, an empty range, or a
    definition that does not hold.
    """
    _check_keys(wanted)
    if wanted.from_ms is not None and wanted.to_ms is not None and wanted.from_ms >= wanted.to_ms:
        raise DatasetError("the range is empty: --from should lie before --to")
    tenant = history.tenant_id(wanted.tenant)
    if tenant is None:
        raise DatasetError(f"there is no tenant {wanted.tenant!r} in this data file")
    shelf = Shelf(_stored_features(history))
    for one in wanted.definitions:
        try:
            shelf.of(tenant).add(msgspec.structs.replace(one, tenant=tenant))
        except LanguageError as error:
            raise DatasetError(f"the feature {one.name} does not hold: {error}") from error
    names = _feature_names(shelf.of(tenant), wanted)
    known = _Known(shelf, tenant, names, wanted)
    return names, columns_of(names, wanted), LedgerWalk(history, tenant, known, wanted)


def columns_of(names: Sequence[str], wanted: Wanted) -> tuple[Column, ...]:
    """All columns in their order; raises `DatasetError` when a feature has the name of another column."""
    found = [*FIXED, *(Column(KEY_PREFIX + name, "text") for name in wanted.keys)]
    found += [Column(name, "number") for name in names]
    for kind in LABEL_KINDS:
        name = LABEL_PREFIX + kind
        found += [Column(name, "whole"), Column(f"{name}_received_ms", "whole"), Column(f"{name}_occurred_ms", "whole")]
    seen: set[str] = set()
    for column in found:
        if column.name in seen:
            raise DatasetError(f"the feature {column.name!r} has the name of another column; leave it out")
        seen.add(column.name)
    return tuple(found)


def is_feature(name: str) -> bool:
    """Whether a column of a data set holds a feature."""
    return name not in _FIXED_NAMES and not name.startswith((LABEL_PREFIX, KEY_PREFIX))


_FIXED_NAMES = frozenset(column.name for column in FIXED)


def _feature_names(book: Book, wanted: Wanted) -> tuple[str, ...]:
    there = [one.feature.name for one in book]
    if not wanted.features:
        return tuple(there)
    names: dict[str, None] = {}
    for name in wanted.features:
        if name == DECIDING_FEATURES:
            names.update(dict.fromkeys(DECIDING))
        elif name in book:
            names[name] = None
        else:
            raise UsageError(_unknown("feature", name, there))
    return tuple(names)


def _check_keys(wanted: Wanted) -> None:
    for name in wanted.keys:
        if name not in THINGS:
            raise UsageError(_unknown("kind of key", name, list(THINGS)))


def _unknown(what: str, name: str, there: Sequence[str]) -> str:
    hint = did_you_mean(name, there)
    return f"there is no {what} {name!r}" + ("" if hint is None else f"; {hint}")


def _stored_features(history: History) -> list[Feature]:
    """Every tenant's, as `stored_features` gives them to a server."""
    return [Feature(one.name, one.text, one.unit, one.says, one.reason, one.tenant) for one in history.features()]


class _Known:
    """What is known as of an event. Features that a server keeps are read from histories of exactly what it keeps.

    That something was first heard of, and whether it was at all, depends on what is kept; so features that rest at a
    server have histories of their own here, in which the whole catalogue is kept.
    """

    def __init__(self, shelf: Shelf, tenant: int, names: Sequence[str], wanted: Wanted) -> None:
        book = shelf.of(tenant)
        days, supplied = wanted.forget_after_days, wanted.supplied
        read = {} if wanted.kept is None else {"": WantedFeatures(book, wanted.kept)}
        self.live = Windows(shelf.built_in, own=shelf.books, forget_after_days=days, supplied=supplied, wanted=read)
        own = book.with_parts([*(one.feature.name for one in book.own()), *(wanted.kept or ())])
        kept = {one.feature.name for one in (*shelf.built_in.kept(), *own)}
        kept |= {one.feature.name for one in book if one.checked is None}
        awake, resting = [name for name in names if name in kept], [name for name in names if name not in kept]
        self._awake = self.live.reading_of(book, awake) if awake else None
        self._rest = Windows(built_in(kept=None), forget_after_days=days) if resting else None
        self._resting = None if self._rest is None else self._rest.reading_of(self._rest.book, resting)
        together = {name: place for place, name in enumerate([*awake, *resting])}
        self._places = [together[name] for name in names]

    def pass_to(self, event: EventRow) -> None:
        """The next event of the ledger, whoever's it is."""
        for windows in (self.live, self._rest):
            if windows is not None:
                windows.pass_to(event.seq, event.received_ms)
                if event.seq % _GIVE_BACK_EVERY == 0:
                    windows.give_back()

    def values(self, present: Present) -> list[float | None]:
        """The features in the order in which they were asked for; unknown is `None`."""
        found: list[float | None] = []
        if self._awake is not None:
            found += self.live.read(*self._awake, present)
        if self._rest is not None and self._resting is not None:
            found += self._rest.read(*self._resting, present)
        return [found[place] for place in self._places]

    def add(self, present: Present, others: Others) -> None:
        """Let the event count from now on; `others` finds those before it about the same thing."""
        self.live.add(present, others)
        if self._rest is not None:
            self._rest.add(present, others)

    def pass_over(self, seq: int) -> None:
        """Another tenant's event, which touches nothing of this one's."""
        self.live.applied.add(seq)
        if self._rest is not None:
            self._rest.applied.add(seq)


class LedgerWalk:
    """Through the whole ledger once: what is wanted becomes a row, all else counts."""

    def __init__(self, history: History, tenant: int, known: _Known, wanted: Wanted) -> None:
        self.walked = 0
        self.ones: dict[str, int] = dict.fromkeys(LABEL_KINDS, 0)
        self.told: dict[str, int] = dict.fromkeys(LABEL_KINDS, 0)
        self._history = history
        self._tenant = tenant
        self._wanted = wanted
        self._known = known
        self._subjects = Subjects(history, known.live)
        self._key_names = wanted.keys
        self._labels = LabelBook(history, wanted.known_by_ms)
        self.currency = ""
        """Of the amount of the row that was given last, in capitals; empty when it is not said."""
        self._first_ms: int | None = None
        self._last_ms: int | None = None

    def rows(self, progress: Progress) -> Iterator[list[Cell]]:
        """Every row in ledger order. What an event is worth is read before it counts itself."""
        total = self._history.last_seq
        known = self._known
        for entry in self._history.entries():
            event, decision = entry.event, entry.decision
            known.pass_to(event)
            if event.tenant == self._tenant:
                present = self._subjects.stored(event)
                if decision is not None and self._is_wanted(event):
                    yield self._row(entry, decision, present, known.values(present))
                known.add(present, self._subjects.others)
            else:
                known.pass_over(event.seq)
            self.walked += 1
            if self.walked % _PROGRESS_EVERY == 0:
                progress(self.walked, total)
        progress(total, total)

    def why_empty(self) -> str:
        """Why there was no row, in a sentence."""
        name = self._wanted.tenant
        if self._first_ms is None or self._last_ms is None:
            return f"there is no decided event of the tenant {name!r} in this data file"
        return (
            f"there is no decided event of the tenant {name!r} in this range: the first happened at"
            f" {_moment(self._first_ms)}, the last at {_moment(self._last_ms)}"
        )

    def _is_wanted(self, event: EventRow) -> bool:
        wanted, at_ms = self._wanted, event.occurred_ms
        if wanted.events == "orders" and event.kind not in ORDER_KINDS:
            return False
        self._first_ms = at_ms if self._first_ms is None else min(self._first_ms, at_ms)
        self._last_ms = at_ms if self._last_ms is None else max(self._last_ms, at_ms)
        return (wanted.from_ms is None or wanted.from_ms <= at_ms) and (wanted.to_ms is None or at_ms < wanted.to_ms)

    def _row(self, entry: Entry, decision: DecisionRow, present: Present, values: Sequence[float | None]) -> list[Cell]:
        event, subject = entry.event, present.subject
        order_id, user, person = subject.event.order_id, subject.involved.user, subject.person
        self.currency = "" if subject.order is None else (subject.order.currency_code or "").upper()
        row: list[Cell] = [
            event.seq,
            event.event_id,
            KIND_OF_NUMBER[event.kind].name,
            order_id,
            user,
            event.occurred_ms,
            event.received_ms,
            _moment(event.occurred_ms)[:10],
            None if person is None else key_of(event.tenant, person) % _BUCKETS,
            decision.score,
            decision.flag,
            decision.verdict,
            payment_of(subject),
        ]
        for name in self._key_names:
            texts = THINGS[name].texts(subject)
            row.append(texts[0].partition(":")[2] if texts else None)
        row += [None if value is None else float(value) for value in values]
        self._add_labels(row, self._labels.of(event.tenant, order_id, user, sent_late=was_sent_late(event)))
        return row

    def _add_labels(self, row: list[Cell], labels: Labels) -> None:
        for kind in LABEL_KINDS:
            label = labels.get(kind)
            if label is None:
                row += (None, None, None)
            else:
                row += (int(label.value), label.received_ms, label.occurred_ms)
                self.told[kind] += 1
                self.ones[kind] += label.value


def payment_of(subject: Subject) -> str | None:
    """How an order is paid: `cash`, or the type of its first payment method in small letters; `None`: not said."""
    if subject.paid_on_delivery():
        return "cash"
    types = [method.payment_type for method in subject.payment_methods() if method.payment_type]
    return types[0].strip().lower().removeprefix("_")[:_PAYMENT_CHARS_MAX] if types else None


def _moment(ms: int) -> str:
    """UTC, to the second.

    >>> _moment(1_524_585_600_000)
    '2018-04-24T16:00:00Z'
    """
    return datetime.fromtimestamp(ms // SECOND_MS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
