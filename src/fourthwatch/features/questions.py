"""Aggregates as questions to the kernel: which series, of whom, over which window, and what the answers mean.

Read before the event is added, so it never counts in its own features; nor does the order it is about. `including this`
adds what the event itself would bring.
"""

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import msgspec

from fourthwatch.features.fields import number_of, reader_of
from fourthwatch.features.keyer import Apart, Keyer, first_marks, firsts
from fourthwatch.features.modes import Op, Query
from fourthwatch.features.observe import AMOUNT_SCALE, NO_AMOUNT, By, Present, condition_of, field_mark, first_of
from fourthwatch.features.series import HEARD, Registry, Series
from fourthwatch.features.things import KEYERS, MARKERS, THINGS
from fourthwatch.language import Aggregate, Run, Value
from fourthwatch.language.machine import calculated, constant, equal, taken
from fourthwatch.language.operators import ARITHMETIC, calculate

Answers = Sequence[int | float | None]
Answer = Callable[[Answers, Present], Value | None]
MarkOf = Callable[[Present], int]


class Asked(msgspec.Struct, frozen=True):
    """An aggregate, ready to be answered in one of three ways."""

    answer: Answer | None = None
    """From the kernel's answers and the present event."""
    run: Run | None = None
    """From the kernel's answers alone."""
    place: int = -1
    """Where the answer stands among the kernel's, when it is no more than that."""


class Questions:
    """Gathers what several aggregates ask, each query once."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._queries: dict[Query, int] = {}
        self._sources: dict[By, int] = {}
        self._things: tuple[str, ...] = ()
        self._keyers: tuple[Keyer, ...] = ()
        self._combinations: list[tuple[int, Callable[[Present], int]]] = []
        """By place among the sources."""
        self._marks: tuple[Apart | MarkOf, ...] = (attrgetter("order"),)
        self._own_marks: dict[tuple[str, ...], int] = {}

    @property
    def queries(self) -> list[Query]:
        """For the kernel's plan."""
        return list(self._queries)

    def keys(self, present: Present) -> list[int]:
        """The entities that are asked about, in the order of the plan's sources."""
        found = firsts(self._things, self._keyers, present.keys, present.subject)
        for place, combined in self._combinations:
            found[place] = combined(present)
        return found

    def marks(self, present: Present) -> list[int]:
        """The marks that queries name, in the order of the plan."""
        return first_marks(self._marks, present.keys, present.told, present.subject, present)

    def ask_standing(self, series: Series) -> int:
        """Take in how many marks of a series stand against the user; the place of the answer."""
        source = self._source(("user",))
        return self._query(source, self.registry.number_of(series), Op.STANDING, 0, 0, -1)

    def ask(self, node: Aggregate, all_series: Sequence[Series]) -> Asked:
        """Take an aggregate in, with the series that it asks."""
        by = tuple(sorted(entity.name for entity in node.by))
        source = self._source(by)
        series = all_series[0]
        if series.special == HEARD:
            return _scaled(self._query(source, 0, Op.AGE, 0, 0, -1), 1 / 1_000)
        number = self.registry.number_of(series)
        from_ms, to_ms = node.last_ms or 0, node.until_ms or 0
        match node.function:
            case "count":
                place = self._query(source, number, Op.COUNT, from_ms, to_ms, 0)
                return _including(place, series) if node.including_this else _plain(place)
            case "sum":
                place = self._query(source, number, Op.SUM, from_ms, to_ms, 0)
                return _sum_including(place, series) if node.including_this else _scaled(place, 1 / AMOUNT_SCALE)
            case "mean":
                if node.including_this:
                    counted = self._query(source, number, Op.COUNT, from_ms, to_ms, 0)
                    return _mean_including(self._query(source, number, Op.SUM, from_ms, to_ms, 0), counted, series)
                return _scaled(self._query(source, number, Op.MEAN, from_ms, to_ms, 0), 1 / AMOUNT_SCALE)
            case "max" | "min":
                place = self._query(source, number, Op.PEAK, from_ms, to_ms, 0)
                if node.including_this:
                    return _peak_including(place, series, first_of(by))
                return _scaled(place, (-1 if series.negated else 1) / AMOUNT_SCALE)
            case "distinct":
                return self._distinct(node, series, source, number)
            case "seen":
                place = self._query(source, number, Op.HOLDS, from_ms, 0, self._own_mark(series))
                return Asked(run=equal(taken(place), constant(1), True))
            case "since_first":
                return _scaled(self._query(source, number, Op.SINCE_FIRST, 0, 0, -1), 1 / 1_000)
            case "since_last":
                return _scaled(self._query(source, number, Op.SINCE_LAST, 0, 0, -1), 1 / 1_000)
            case "share":
                whole = self.registry.number_of(all_series[1])
                part = self._query(source, number, Op.COUNT, from_ms, to_ms, 0)
                return _share(part, self._query(source, whole, Op.COUNT, from_ms, to_ms, 0))
            case "previous":
                which = node.nth - 1
                amount = self._query(source, number, Op.LATEST_AMOUNT, 0, which, -1)
                return _previous(amount, self._query(source, number, Op.LATEST_MARK, 0, which, -1), series)

    def _source(self, by: By) -> int:
        if by not in self._sources:
            if len(by) > 1:
                self._combinations.append((len(self._sources), first_of(by)))
            self._sources[by] = len(self._sources)
            self._things += by[:1]
            self._keyers += (KEYERS[by[0]],)
        return self._sources[by]

    def _query(self, source: int, series: int, op: Op, from_ms: int, to_ms: int, without: int) -> int:
        return self._queries.setdefault((source, series, int(op), from_ms, to_ms, without), len(self._queries))

    def _distinct(self, node: Aggregate, series: Series, source: int, number: int) -> Asked:
        leaves_own_out = node.other or node.including_this
        own = self._own_mark(series) if leaves_own_out else -1
        place = self._query(source, number, Op.COUNT, node.last_ms or 0, node.until_ms or 0, own)
        if not node.including_this or node.other:
            return _plain(place)
        selected = _selects(series)
        maker = (self._marks[own],)

        def answer(answers: Answers, present: Present) -> Value | None:
            counted = answers[place]
            if counted is None:
                return None
            (mark,) = first_marks(maker, present.keys, present.told, present.subject, present)
            return counted + (mark != 0 and selected(present))

        return Asked(answer)

    def _own_mark(self, series: Series) -> int:
        """Place of the mark that the present event itself has in a series of different things; 0 for none."""
        assert series.of is not None
        place = self._own_marks.get(series.of)
        if place is None:
            place = self._own_marks[series.of] = len(self._marks)
            self._marks += (_own_mark_of(series.of),)
        return place


def _own_mark_of(of: tuple[str, ...]) -> Apart | MarkOf:
    if len(of) == 1 and of[0] in THINGS:
        (name,) = of
        return name, KEYERS[name], MARKERS.get(name), ()
    read = reader_of(of)

    def field(present: Present) -> int:
        value = read(present.subject)
        return field_mark(value) if isinstance(value, str | bool | int | float) else 0

    return field


def _plain(place: int) -> Asked:
    return Asked(place=place)


def _scaled(place: int, factor: float) -> Asked:
    return Asked(run=calculated("*", _TIMES, taken(place), constant(factor)))


def _share(part: int, whole: int) -> Asked:
    """Unknown where there is no whole."""
    return Asked(run=calculated("/", _OVER, taken(part), taken(whole)))


_TIMES = partial(calculate, ARITHMETIC["*"])
_OVER = partial(calculate, ARITHMETIC["/"])


def _selects(series: Series) -> Callable[[Present], bool]:
    """Whether the present event is one of those that the series remembers."""
    condition = (lambda _: True) if series.where is None else condition_of(series)

    def selects(present: Present) -> bool:
        subject = present.subject
        counted = subject.kind.number in series.kinds or (subject.name is not None and subject.name in series.custom)
        return counted and condition(subject)

    return selects


def _including(place: int, series: Series) -> Asked:
    selects = _selects(series)

    def answer(answers: Answers, present: Present) -> Value | None:
        value = answers[place]
        return None if value is None else value + selects(present)

    return Asked(answer)


def _own_amount(series: Series) -> Callable[[Present], float | None]:
    assert series.of is not None
    read, selects = reader_of(series.of), _selects(series)
    return lambda present: number_of(read(present.subject)) if selects(present) else None


def _sum_including(place: int, series: Series) -> Asked:
    own = _own_amount(series)

    def answer(answers: Answers, present: Present) -> Value | None:
        value = answers[place]
        return None if value is None else value / AMOUNT_SCALE + (own(present) or 0)

    return Asked(answer)


def _mean_including(summed: int, counted: int, series: Series) -> Asked:
    own = _own_amount(series)

    def answer(answers: Answers, present: Present) -> Value | None:
        total, things, mine = answers[summed], answers[counted], own(present)
        if total is None or things is None:
            return None
        total, things = total / AMOUNT_SCALE + (mine or 0), things + (mine is not None)
        return total / things if things else None

    return Asked(answer)


def _peak_including(place: int, series: Series, first: Callable[[Present], int]) -> Asked:
    own, sign = _own_amount(series), -1 if series.negated else 1

    def answer(answers: Answers, present: Present) -> Value | None:
        mine, value = own(present), answers[place]
        if first(present) == 0:  # whose, was not said
            return None
        known = [] if mine is None else [sign * mine]
        if value is not None:
            known.append(value / AMOUNT_SCALE)
        return sign * max(known) if known else None

    return Asked(answer)


ANOTHER = "(another)"
"""What `previous` gives for a text that is not the present event's own: texts are told apart, not kept."""


def _previous(amount: int, mark: int, series: Series) -> Asked:
    assert series.of is not None
    read = reader_of(series.of)

    def answer(answers: Answers, present: Present) -> Value | None:
        was = answers[mark]
        if was is None:
            return None
        own: Any = read(present.subject)
        if isinstance(own, str | bool) and field_mark(own) == was:
            return own
        told = answers[amount]
        if told != NO_AMOUNT:
            return None if told is None else told / AMOUNT_SCALE
        return ANOTHER if isinstance(own, str) else not own if isinstance(own, bool) else None

    return Asked(answer)
