"""What one event adds to whose history, compiled from the series that features ask for.

A pure function of the subject, so that live, replayed, backfilled and rebuilt histories are the same.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple

import msgspec

from fourthwatch.events import (
    KINDS,
    RULE_SOURCE,
    Chargeback,
    CreateAccount,
    CreateOrder,
    CustomEvent,
    ItemStatus,
    OrderStatus,
    Tag,
    Untag,
    UpdateAccount,
)
from fourthwatch.events.kinds import KIND_OF_TYPE
from fourthwatch.features.fields import Read, number_of, reader_of
from fourthwatch.features.keyer import Apart, Keyer, apart, heard, signed_keys
from fourthwatch.features.modes import ALL, Entity, Mode, Observation
from fourthwatch.features.series import HEARD, TAGS, Numbered, Series
from fourthwatch.features.subject import Subject, mark_of
from fourthwatch.features.things import KEYERS, MARKERS, THINGS, Thing
from fourthwatch.features.vocabulary import OUR_FUNCTIONS
from fourthwatch.language import compile_filter

AMOUNT_SCALE = 1_000_000
"""Amounts in histories are whole millionths."""
NO_AMOUNT = -(1 << 63)
"""Stands in histories for the amount of what is no number; no amount comes so far down."""
_AMOUNT_MAX = 9_000_000_000_000.0
_COMBINED_KIND_FIRST = 32
_TAG_KIND, _UNTAG_KIND, _CUSTOM_KIND = (KIND_OF_TYPE[one].number for one in (Tag, Untag, CustomEvent))
_MARKED_BY_ORDER = (CreateOrder, OrderStatus, ItemStatus, Chargeback)

TOLD_AGAIN_KINDS: tuple[int, ...] = tuple(
    kind.number
    for kind in KINDS
    if issubclass(kind.type, (*_MARKED_BY_ORDER, CustomEvent, CreateAccount)) and kind.type is not UpdateAccount
)
"""Of events that may count as something of which others told before; see `event_mark`."""

By = tuple[str, ...]
"""Names of the things whose combination has a history."""


class Present(msgspec.Struct, gc=False):
    """A subject with the keys of what it involves, each computed once for reading and adding."""

    subject: Subject
    keys: dict[str, tuple[int, ...]]
    """By name of the thing, most important first."""
    told: dict[str, tuple[int, ...]] = {}
    """The same as they are told apart in another's history."""
    own_mark: int | None = None
    """See `mark`."""
    own_order: int | None = None
    """See `order`."""

    @property
    def mark(self) -> int:
        """What the event counts as, worked out once."""
        mark = self.own_mark
        if mark is None:
            mark = self.own_mark = event_mark(self.subject, self.order)
        return mark

    @property
    def order(self) -> int:
        """The mark of the order that the event is about, worked out once; 0, which leaves nothing out, for none."""
        mark = self.own_order
        if mark is None:
            mark = self.own_order = order_mark(self.subject)
        return mark

    @property
    def comes_again(self) -> bool:
        """Whether it counts, and counts as something of which other events may tell, too."""
        mark = self.own_mark
        return mark is not None and mark != self.subject.seq + 2

    def of(self, name: str) -> tuple[int, ...]:
        """Keys of the things of a kind."""
        keys = self.keys.get(name)
        if keys is None:
            keys = self.keys[name] = KEYERS[name](self.subject)
        return keys

    def marks(self, name: str) -> tuple[int, ...]:
        """The things of a kind as they are told apart in another's history."""
        marks = self.told.get(name)
        if marks is None:
            counted = MARKERS.get(name)
            marks = signed_keys(self.of(name) if counted is None else counted(self.subject))
            self.told[name] = marks
        return marks


def first_of(by: By) -> Callable[[Present], int]:
    """Key of the entity that a feature is by; 0 when it was not said. Of several the most important one."""
    if len(by) > 1:
        return lambda present: _combined([keys[0] for keys in map(present.of, by)]) if all(map(present.of, by)) else 0
    (name,) = by

    def first(present: Present) -> int:
        keys = present.keys.get(name)
        if keys is None:
            keys = present.of(name)
        return keys[0] if keys else 0

    return first


def _combined(keys: Sequence[int]) -> int:
    mixed = 0
    for key in keys:
        mixed = (mixed * 0x9E3779B97F4A7C15 + key + 1) & 0xFFFF_FFFF_FFFF_FFFF
        mixed ^= mixed >> 29
    return mixed or 1


def event_mark(subject: Subject, order: int) -> int:
    """What an event counts as: an order, its state and its dispute count once, an account once, all else each time."""
    event = subject.event
    if isinstance(event, CreateAccount) and not isinstance(event, UpdateAccount):
        person = subject.person
        return subject.seq + 2 if person is None else mark_of("account:" + person)
    if isinstance(event, _MARKED_BY_ORDER) or (isinstance(event, CustomEvent) and event.order_status is not None):
        return order or subject.seq + 2
    return subject.seq + 2  # 0 and 1 mean something else in histories


def order_mark(subject: Subject) -> int:
    """The mark of the order that the event is about; 0, which leaves nothing out, when it is about none."""
    order_id = subject.event.order_id
    return 0 if order_id is None else mark_of("order:" + order_id)


def field_mark(value: object) -> int:
    """The mark of a field's value; numbers that are equal have the same."""
    return mark_of(f"{type(value).__name__}:{value}" if isinstance(value, bool | str) else f"number:{float(value)}")  # type: ignore[arg-type]


def scaled(value: float) -> int:
    """A number in millionths, within what histories hold."""
    return round(max(-_AMOUNT_MAX, min(_AMOUNT_MAX, value)) * AMOUNT_SCALE)


def _historian(name: str) -> str:
    return THINGS[name].history_of or name


Observe = Callable[[Present], Iterable[tuple[int, int]]]
"""Marks and amounts that an event brings to one series."""


class _Writer(NamedTuple):
    """What is worked out of an event once, for all series that remember the same of it."""

    numbers: tuple[int, ...]
    condition: Callable[[Subject], bool] | None
    observe: Observe
    names: frozenset[str] | None
    """Of custom events; `None`: whatever they are called."""


class _Watch:
    """What is looked at in an event: of every tenant's, or of one tenant's besides."""

    def __init__(self) -> None:
        self.counted: dict[int, list[int]] = {}
        """By kind of event, the series in which each counts, whatever is in it."""
        self.told_apart: dict[int, tuple[Apart, ...]] = {}
        """By kind of event, each kind of thing with the series that tell its things apart."""
        self.writers: dict[int, dict[str, _Writer]] = {}
        """By kind of event all other series, those that remember the same of it together."""
        self.things: tuple[tuple[str, ...], tuple[Keyer, ...], tuple[int, ...]] = ((), (), ())
        """Names, what makes the keys of each, and the kinds of histories that they have."""
        self.combinations: list[tuple[int, By]] = []

    def hear(self, thing: Thing) -> None:
        """Look at things of this kind, too."""
        names, keyers, kinds = self.things
        self.things = ((*names, thing.name), (*keyers, KEYERS[thing.name]), (*kinds, thing.number))

    def tell_apart(self, kind_number: int, name: str, number: int) -> None:
        """Let a series remember the things of this name, in events of this kind."""
        all_of_kind = {each[0]: each for each in self.told_apart.get(kind_number, ())}
        numbers = all_of_kind[name][3] if name in all_of_kind else ()
        all_of_kind[name] = (name, KEYERS[name], MARKERS.get(name), (*numbers, number))
        self.told_apart[kind_number] = tuple(all_of_kind.values())

    def write(self, kind_number: int, series: Series, number: int, names: frozenset[str] | None = None) -> None:
        """Let a series remember what it does, in events of this kind."""
        writers = self.writers.setdefault(kind_number, {})
        told = _told_by(series) if names is None else f"{_told_by(series)} named {sorted(names)}"
        same = writers.get(told)
        if same is None:
            condition = None if series.where is None else condition_of(series)
            writers[told] = _Writer((number,), condition, _observe_of(series), names)
        else:
            writers[told] = same._replace(numbers=(*same.numbers, number))

    def entities(self, present: Present) -> list[Entity]:
        names, keyers, kinds = self.things
        found = heard(names, keyers, kinds, present.keys, present.subject)
        for number, by in self.combinations:
            parts = [present.of(name) for name in by]
            if all(parts):
                found += [(number, _combined(keys)) for keys in product(*[part[:4] for part in parts])]
        return found

    def observations(self, present: Present, kind_number: int) -> list[Observation]:
        subject = present.subject
        counted = self.counted.get(kind_number)
        found: list[Observation] = []
        if counted is not None:
            mark = present.mark
            found = [(number, mark, 0) for number in counted]
        told_apart = self.told_apart.get(kind_number)
        if told_apart is not None:
            apart(told_apart, present.keys, present.told, subject, found)
        writers = self.writers.get(kind_number)
        if writers is not None:
            for numbers, condition, observe, names in writers.values():
                if (names is None or subject.name in names) and (condition is None or condition(subject)):
                    found += [(number, mark, amount) for mark, amount in observe(present) for number in numbers]
        return found


class Observer:
    """All series at once: hand it an event, get what the kernel is to be told.

    What a tenant has of its own is looked at in that tenant's events alone, so it costs the others nothing.
    """

    def __init__(self, all_series: Iterable[Numbered], routes: dict[By, set[int]]) -> None:
        """`routes` names every combination of the windows, kept or not: their numbers go by it."""
        self._shared = _Watch()
        self._own: dict[int, _Watch] = {}
        self.kinds: list[tuple[int, set[int], bool]] = []
        """What the kernel's routes are to be: kind, series, whether heard even if nothing of an event is kept.

        All are: when a thing was first heard of, and when it is forgotten, must not depend on what features ask."""
        self.number_of: dict[By, int] = {}
        """Number of the kind whose histories a thing or a combination has."""
        tenant_of: dict[int, int] = {}
        for one in all_series:
            tenant_of[one.number] = one.series.tenant
            self._add_writers(one)
        for thing in THINGS.values():
            if thing.history_of is not None:
                continue
            series = set().union(
                *[kept for by, kept in routes.items() if len(by) == 1 and _historian(by[0]) == thing.name]
            )
            if series or thing.is_always_heard:
                self.kinds.append((thing.number, series, True))
                self.number_of[(thing.name,)] = thing.number
                for watch in self._watches({tenant_of[number] for number in series}, always=thing.is_always_heard):
                    watch.hear(thing)
        for number, by in enumerate(sorted(by for by in routes if len(by) > 1), _COMBINED_KIND_FIRST):
            self.kinds.append((number, routes[by], True))
            self.number_of[by] = number
            for watch in self._watches({tenant_of[each] for each in routes[by]}, always=False):
                watch.combinations.append((number, by))

    def _watches(self, tenants: set[int], *, always: bool) -> list[_Watch]:
        """Who has to look: everybody's watch, or else those of the tenants alone."""
        return [self._shared] if always or 0 in tenants else [self._watch_of(tenant) for tenant in sorted(tenants)]

    def _watch_of(self, tenant: int) -> _Watch:
        return self._shared if tenant == 0 else self._own.setdefault(tenant, _Watch())

    def entities(self, present: Present) -> list[Entity]:
        """Whom the event involves, as far as anything is kept of them."""
        own = self._own.get(present.subject.tenant)
        found = self._shared.entities(present)
        return found if own is None else found + own.entities(present)

    def observations(self, present: Present, kind_number: int) -> list[Observation]:
        """What there is to remember of the event."""
        own = self._own.get(present.subject.tenant)
        found = self._shared.observations(present, kind_number)
        return found if own is None else found + own.observations(present, kind_number)

    def _add_writers(self, one: Numbered) -> None:
        series = one.series
        watch = self._watch_of(series.tenant)
        if series.special == HEARD:
            return
        is_plain = series.where is None and not series.custom and (series.of is None or _is_of_things(series))
        for number in (_TAG_KIND, _UNTAG_KIND) if series.special == TAGS else series.kinds:
            if series.special == TAGS or not is_plain:
                watch.write(number, series, one.number)
            elif series.of is None:
                watch.counted.setdefault(number, []).append(one.number)
            else:
                watch.tell_apart(number, series.of[0], one.number)
        if series.custom and _CUSTOM_KIND not in series.kinds:
            watch.write(_CUSTOM_KIND, series, one.number, frozenset(series.custom))


def _told_by(series: Series) -> str:
    """What a series remembers of an event that it selects by its kind; the same text, the same observations."""
    mode = series.mode if series.of is not None and series.mode in (Mode.DISTINCT, Mode.LATEST) else Mode.ADD
    return msgspec.structs.replace(series, mode=mode, kinds=(), custom=(), tenant=0, by=()).text


def condition_of(series: Series) -> Callable[[Subject], bool]:
    """Whether an event is among the selected; what is unknown is not."""
    assert series.where is not None
    compiled = compile_filter(series.where, OUR_FUNCTIONS)
    reads = [reader_of(field.path) for field in compiled.inputs]  # type: ignore[union-attr]
    run = compiled.run
    if len(reads) == 1:
        (read,) = reads
        return lambda subject: run((read(subject),)) is True
    return lambda subject: run([read(subject) for read in reads]) is True


def _is_of_things(series: Series) -> bool:
    return series.mode is Mode.DISTINCT and series.of is not None and len(series.of) == 1 and series.of[0] in THINGS


def _observe_of(series: Series) -> Observe:
    if series.special == TAGS:
        return _tags
    if series.of is None:
        return lambda present: ((present.mark, 0),)
    if series.mode is Mode.DISTINCT:
        if _is_of_things(series):
            name = series.of[0]
            return lambda present: [(mark, 0) for mark in present.marks(name)]
        return _distinct_field(reader_of(series.of))
    if series.mode is Mode.LATEST:
        return _latest_field(reader_of(series.of))
    return _amount_field(reader_of(series.of), -1 if series.negated else 1)


def _distinct_field(read: Read) -> Observe:
    def observe(present: Present) -> Iterable[tuple[int, int]]:
        value = read(present.subject)
        return ((field_mark(value), 0),) if isinstance(value, str | bool | int | float) else ()

    return observe


def _latest_field(read: Read) -> Observe:
    def observe(present: Present) -> Iterable[tuple[int, int]]:
        value: Any = read(present.subject)
        if isinstance(value, str | bool):
            return ((field_mark(value), NO_AMOUNT),)
        return ((field_mark(value), scaled(value)),) if isinstance(value, int | float) else ()

    return observe


def _amount_field(read: Read, sign: int) -> Observe:
    def observe(present: Present) -> Iterable[tuple[int, int]]:
        value = number_of(read(present.subject))
        return () if value is None else ((present.mark, sign * scaled(value)),)

    return observe


def _tags(present: Present) -> Iterable[tuple[int, int]]:
    """One mark per kind of abuse, standing while its amount is 1; an untag of no kind ends all of them.

    A rule's own tag is none: what rules think is not what they go by.
    """
    event = present.subject.event
    if present.subject.is_own and isinstance(event, Tag) and event.source == RULE_SOURCE:
        return ()
    if isinstance(event, Tag):
        return ((mark_of("tag:" + (event.abuse_type or "")), 1 if event.is_bad else 0),)
    assert isinstance(event, Untag)
    return ((ALL if event.abuse_type is None else mark_of("tag:" + event.abuse_type), 0),)
