"""A feature is data: a name, an expression or a fact, a unit, a sentence for a merchant and a reason code.

The book holds those that come with the program and, of each tenant, its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from fourthwatch.features.facts import FACTS
from fourthwatch.features.facts import UNITS as FACT_UNITS
from fourthwatch.features.modes import slack_ms
from fourthwatch.features.observe import By
from fourthwatch.features.recollections import RECOLLECTION_OF, RECOLLECTIONS, Recollection
from fourthwatch.features.series import Series, series_of
from fourthwatch.features.vocabulary import schema_with
from fourthwatch.language import (
    NUMERIC,
    Aggregate,
    Checked,
    Input,
    Schema,
    Type,
    children,
    inputs_of,
    read,
)
from fourthwatch.limits import WINDOW_MS_MAX

UNITS: frozenset[str] = FACT_UNITS | {
    "accounts",
    "addresses",
    "bins",
    "changes",
    "cities",
    "devices",
    "e-mails",
    "failures",
    "IPs",
    "logins",
    "messages",
    "names",
    "networks",
    "orders",
    "reports",
    "reviews",
    "seconds",
    "sessions",
    "tags",
    "users",
}
"""What the features that come with the program are counted in."""


class Feature(msgspec.Struct, frozen=True):
    """One row of a catalogue."""

    name: str
    text: str
    """In the language; of a fact its own name."""
    unit: str
    says: str
    reason: str = ""
    """Code that a decision shows; the name when there is none of its own."""
    tenant: int = 0
    """Whose it is; 0 comes with the program."""

    def __post_init__(self) -> None:
        if not self.reason:
            msgspec.structs.force_setattr(self, "reason", self.name)


class Window(msgspec.Struct, frozen=True):
    """What an aggregate looks through, and how exactly once somebody has more than its newest 64 things."""

    last_ms: int | None
    until_ms: int | None
    slack_ms: int
    """How far from its place an edge may lie."""
    is_estimated: bool
    """Whether older different things are estimated from a sample."""


class Defined(msgspec.Struct, frozen=True, dict=True):
    """A feature that was checked."""

    feature: Feature
    checked: Checked | None
    """`None` for a fact."""
    shared: Mapping[By, set[str]] | None = None
    """Series that are kept for everybody, by whose histories keep them; what else a feature asks is kept for it alone.
    `None`: of what is kept for everybody itself."""

    @cached_property
    def aggregates(self) -> list[Aggregate]:
        return [] if self.checked is None else list(_aggregates(self.checked))

    @cached_property
    def series(self) -> tuple[Series, ...]:
        """What has to be remembered for it; worked out once, since every reading asks."""
        found: dict[str, Series] = {}
        for node in self.aggregates:
            for series in self.asked(node):
                found[series.text] = series
        for recollection in self.recollections:
            found |= {series.text: series for series in recollection.series}
        return tuple(found.values())

    @cached_property
    def needs(self) -> tuple[tuple[By, tuple[Series, ...]], ...]:
        """Whose histories have to keep what for it; worked out once, since windows ask for all features at once."""
        found = [(by_of(node), self.asked(node)) for node in self.aggregates]
        found += [(by, (kept,)) for recollection in self.recollections for by, kept in recollection.keeps]
        return tuple(found)

    @cached_property
    def windows(self) -> tuple["Window", ...]:
        """Each window that it looks through, once, with how exact that is; the shortest first."""
        found = {window_of(node) for node in self.aggregates if node.last_ms or node.until_ms}
        return tuple(sorted(found, key=lambda one: (one.last_ms or WINDOW_MS_MAX + 1, one.until_ms or 0, one.slack_ms)))

    def asked(self, node: Aggregate) -> tuple[Series, ...]:
        """The series that one of its aggregates asks: its own, unless the very same is kept for everybody."""
        told = self._asked.get(node)
        if told is None:
            told = self._asked[node] = self._asked_anew(node)
        return told

    @cached_property
    def _asked(self) -> dict[Aggregate, tuple[Series, ...]]:
        return {}

    def _asked_anew(self, node: Aggregate) -> tuple[Series, ...]:
        found = series_of(node)
        if self.shared is None:
            return found
        by, tenant = by_of(node), self.feature.tenant
        kept = self.shared.get(by, ())
        return tuple(one if one.text in kept else msgspec.structs.replace(one, tenant=tenant, by=by) for one in found)

    @cached_property
    def recollections(self) -> list[Recollection]:
        """Named readings of the past that it is made of."""
        named = frozenset() if self.checked is None else self.checked.named
        return [one for one in RECOLLECTIONS if not named.isdisjoint(one.names)]

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        return () if self.checked is None else inputs_of(self.checked)

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset() if self.checked is None else self.checked.named - RECOLLECTION_OF.keys()


def by_of(node: Aggregate) -> By:
    """Whose history an aggregate asks."""
    return tuple(sorted(entity.name for entity in node.by))


def window_of(node: Aggregate) -> Window:
    """The window of an aggregate that has one."""
    is_kept_whole = node.function in ("distinct", "seen", "previous")
    slack = 0 if is_kept_whole else max(slack_ms(node.last_ms or 0), slack_ms(node.until_ms or 0))
    return Window(node.last_ms, node.until_ms, slack, node.function == "distinct")


def _aggregates(checked: Checked) -> Iterator[Aggregate]:
    waiting: list[Any] = [checked.tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Aggregate):
            yield node
        else:
            waiting.extend(children(node))


class Book:
    """Every feature by name: those that come with the program and one tenant's own."""

    def __init__(self, rows: Iterable[Feature], own: Iterable[Feature] = (), kept: Sequence[str] | None = None) -> None:
        """`kept` names those rows that windows are to keep whether or not somebody asks; `None`: all."""
        self._defined: dict[str, Defined] = {
            fact.name: Defined(Feature(fact.name, fact.name, fact.unit, fact.says, fact.reason), None) for fact in FACTS
        }
        self.lists: Callable[[], Mapping[str, frozenset[str]]] | None = None
        """Lists that the tenant's rules can ask, with what can be looked up in each; `None`: nobody knows."""
        self._shared: Mapping[By, set[str]] | None = None
        for row in rows:
            self.add(row)
        self._kept = tuple(self._defined) if kept is None else tuple(kept)
        self._shared = needs_of(self.kept())[1]
        for name, one in self._defined.items():
            self._defined[name] = msgspec.structs.replace(one, shared=self._shared)
        for row in own:
            self.add(row)

    def for_tenant(self) -> "Book":
        """A book with the same features, to which a tenant's own can be added."""
        book = Book(())
        book._defined, book._kept, book._shared = dict(self._defined), self._kept, self._shared
        return book

    def kept(self) -> list["Defined"]:
        """What comes with the program and is kept whether or not somebody asks, each behind its parts.

        The rest is at rest: its past is in the ledger, and comes in when a feature that is kept is made of it.
        """
        return self.with_parts(self._kept)

    def own(self) -> list[Defined]:
        """The tenant's own features, each behind its parts."""
        return [one for one in self if one.feature.tenant != 0]

    def __contains__(self, name: str) -> bool:
        return name in self._defined

    def __iter__(self) -> Iterator[Defined]:
        return iter(self._defined.values())

    def get(self, name: str) -> Defined | None:
        return self._defined.get(name)

    @property
    def schema(self) -> Schema:
        """What an expression that uses these features may speak of."""
        types: dict[str, Type] = {
            name: "number" if one.checked is None or one.checked.type == "truth" else one.checked.type
            for name, one in self._defined.items()
        }
        return schema_with({**types, **dict.fromkeys(RECOLLECTION_OF, "number")})

    @property
    def rule_schema(self) -> Schema:
        """What a rule may speak of: all that, and lists. Features may not: lists change, and a past is counted once."""
        lists = {} if self.lists is None else self.lists()
        return msgspec.structs.replace(self.schema, lists=lists, any_list=self.lists is None)

    def check(self, row: Feature) -> Defined:
        """A feature against this book; raises `LanguageError` with every fault and its place.

        Of a field that may be anything only numbers are its values.
        """
        checked = read(row.text, self.schema)
        if checked.type == "any" or checked.type not in NUMERIC | {"truth"}:
            checked = read(row.text, self.schema, "number")  # which says why it is none
        return Defined(row, checked, self._shared)

    def asking(self, row: Feature, checked: Checked) -> Defined:
        """An expression that was checked against `schema`, as something that asks the histories; it is not taken in."""
        return Defined(row, checked, self._shared)

    def add(self, row: Feature) -> Defined:
        """Take a feature in; it may use those that are in already."""
        defined = self._defined[row.name] = self.check(row)
        return defined

    def remove(self, name: str) -> None:
        """Take a feature out."""
        del self._defined[name]

    def users_of(self, name: str) -> list[str]:
        return [one.feature.name for one in self if name in one.names]

    def with_parts(self, names: Iterable[str]) -> list[Defined]:
        """Features and whatever they are made of, each behind its parts."""
        found: dict[str, Defined] = {}

        def visit(name: str) -> None:
            if name not in found:
                one = self._defined[name]
                for part in sorted(one.names):
                    visit(part)
                found[name] = one

        for name in names:
            visit(name)
        return list(found.values())


def needs_of(features: Iterable[Defined]) -> tuple[dict[str, Series], dict[By, set[str]]]:
    """Series that features ask by their text, and which of them histories of which entities keep."""
    series: dict[str, Series] = {}
    routes: dict[By, set[str]] = {}
    for one in features:
        for by, asked in one.needs:
            kept = routes.setdefault(by, set())
            for each in asked:
                series[each.text] = each
                kept.add(each.text)
    return series, routes
