"""A series: one selection of events, and what is remembered of each in the histories of the entities that it involves.

Features that look at the same events share a series, whatever their windows. A series is known by its text, which says
all of it: equal texts, equal histories. Numbers are given out when a series is first needed and live in snapshots.
"""

from collections import deque
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import msgspec

from fourthwatch.errors import Malformed
from fourthwatch.features.modes import Mode
from fourthwatch.features.vocabulary import KINDS_OF_WORD
from fourthwatch.language import Aggregate, Events, Expression, Name, format_expression, without_places
from fourthwatch.limits import SERIES_MAX

TAGS = "tags"
"""A series that no text describes: marks put on users and taken off again, by kind of abuse."""
HEARD = "heard"
"""Another: nothing but that something was heard of, whatever happened; it has no entries."""


class Series(msgspec.Struct, frozen=True, dict=True):
    """What is remembered of which events."""

    mode: Mode
    kinds: tuple[int, ...]
    """Numbers of the kinds, rising."""
    custom: tuple[str, ...] = ()
    """Names of the shop's own events, besides the kinds."""
    where: Expression | None = None
    of: tuple[str, ...] | None = None
    """Path of the field, or name of the thing, that is added up or told apart; `None` when events are counted."""
    negated: bool = False
    """Whether the field goes in with the other sign, so that the least is the greatest."""
    special: str | None = None
    tenant: int = 0
    """Whose events count; 0 for all tenants'. A shop's own features look at its own events alone."""
    by: tuple[str, ...] = ()
    """The one combination of things whose histories keep it; empty: whichever histories a feature that comes with the
    program asks. A shop's own series has one, so that a past is whole or not, and never whole for some things only."""

    @cached_property
    def text(self) -> str:
        """All of it, in one line."""
        if self.special is not None:
            return f"{self.tenant} {self.special} by {'+'.join(self.by)}" if self.by else self.special
        events = [str(number) for number in self.kinds] + [f'"{name}"' for name in self.custom]
        where = "" if self.where is None else " where " + format_expression(self.where)
        of = "" if self.of is None else ("-" if self.negated else "") + ".".join(self.of) + " of "
        by = "" if not self.by else " by " + "+".join(self.by)
        return f"{self.tenant} {self.mode.name} {of}{'|'.join(events)}{where}{by}"


TAG_SERIES = Series(Mode.DISTINCT, (), special=TAGS)


def series_of(node: Aggregate) -> tuple[Series, ...]:
    """The series that an aggregate asks; two for a share."""
    if node.function in ("since_first", "since_last") and not node.events.names:
        by = tuple(sorted(entity.name for entity in node.by))
        heard = Series(Mode.FIRST, (), special=HEARD, by=by)
        return (heard if node.function == "since_first" else _series(Mode.LATEST, node.events, None),)
    match node.function:
        case "count" | "since_last":
            return (_series(Mode.ADD, node.events, None),)
        case "share":
            assert node.whole is not None
            return (_series(Mode.ADD, node.events, None), _series(Mode.ADD, node.whole, None))
        case "sum" | "mean":
            return (_series(Mode.ADD, node.events, node.of),)
        case "max":
            return (_series(Mode.PEAK, node.events, node.of),)
        case "min":
            return (_series(Mode.PEAK, node.events, node.of, negated=True),)
        case "distinct" | "seen":
            return (_series(Mode.DISTINCT, node.events, node.of),)
        case "since_first":
            return (_series(Mode.FIRST, node.events, None),)
        case "previous":
            return (_series(Mode.LATEST, node.events, node.of),)


def _series(mode: Mode, events: Events, of: Name | None, *, negated: bool = False) -> Series:
    kinds: set[int] = set()
    custom: set[str] = set()
    for event in events.names:
        if event.custom:
            custom.add(event.name)
        else:
            kinds |= KINDS_OF_WORD[event.name]
    return Series(
        mode=mode,
        kinds=tuple(sorted(kinds if events.names else KINDS_OF_WORD_ALL)),
        custom=tuple(sorted(custom)),
        where=None if events.where is None else without_places(events.where),
        of=None if of is None else of.path,
        negated=negated,
    )


KINDS_OF_WORD_ALL: frozenset[int] = frozenset().union(*KINDS_OF_WORD.values())


class Numbered(NamedTuple):
    """A series that has a number; `complete` once all that was ever stored is in it."""

    number: int
    series: Series
    complete: bool


class SeriesHead(msgspec.Struct, frozen=True, array_like=True):
    """One series as a snapshot knows it."""

    number: int
    mode: int
    text: str
    complete: bool
    kept_by: tuple[str, ...] = ()
    """Whose histories have it, `card+user`; one that a newer program wants by others, too, begins anew."""


class Registry:
    """Which series there are, by text; a number that was given up is given out again when all others were."""

    def __init__(self) -> None:
        self._by_text: dict[str, Numbered] = {}
        self._next = 1
        self._given_up: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._by_text)

    def all(self) -> Mapping[str, Numbered]:
        """Every series by text."""
        return self._by_text

    def number_of(self, series: Series) -> int:
        """The number of a series that is there."""
        return self._by_text[series.text].number

    def is_complete(self, series: Series) -> bool:
        """Whether all that was stored is in it; one that is not there yet has nothing."""
        found = self._by_text.get(series.text)
        return found is not None and found.complete

    def need(self, series: Series, *, complete: bool) -> Numbered:
        """The series under its number; a new one gets the next. Raises `Malformed` when there are too many."""
        found = self._by_text.get(series.text)
        if found is None:
            found = self._by_text[series.text] = Numbered(self._fresh_number(), series, complete)
        return found

    def _fresh_number(self) -> int:
        if self._next <= SERIES_MAX:
            self._next += 1
            return self._next - 1
        if not self._given_up:
            raise Malformed(
                f"more than {SERIES_MAX} different selections of events cannot be kept", code="too_many_features"
            )
        return self._given_up.popleft()

    def adopt(self, series: Series, number: int) -> None:
        """A series that a snapshot has, whole, under a number."""
        self._by_text[series.text] = Numbered(number, series, complete=True)

    def start_after(self, number: int) -> None:
        """Numbers up to here were given out before; those that nobody has are free after all others."""
        self._next = max(self._next, number + 1)

    def free(self, number: int) -> None:
        """A number that was given out before is free; its entries are dropped."""
        self._given_up.append(number)

    def completed(self, series: Series) -> None:
        """All that was stored is in it now."""
        self._by_text[series.text] = self._by_text[series.text]._replace(complete=True)

    def give_up(self, series: Series) -> int:
        """Nobody needs it any more; returns its number."""
        number = self._by_text.pop(series.text).number
        self._given_up.append(number)
        return number
