"""A feature is data: a name, an expression or a fact, a unit, a sentence for a merchant and a reason code.

The book holds those that come with the program and, of each tenant, its own; whoever needs some of them compiled gets a
`Reading`, which asks the kernel once for all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

import msgspec

from fourthwatch.features.facts import FACT_OF_NAME, FACTS, Fact
from fourthwatch.features.facts import UNITS as FACT_UNITS
from fourthwatch.features.fields import reader_of
from fourthwatch.features.kernel import Kernel
from fourthwatch.features.observe import By, Present
from fourthwatch.features.questions import Answers, Questions
from fourthwatch.features.recollections import RECOLLECTION_OF, RECOLLECTIONS, Recollection
from fourthwatch.features.series import Registry, Series, series_of
from fourthwatch.features.vocabulary import schema_with
from fourthwatch.language import (
    NUMERIC,
    Aggregate,
    AggregateInput,
    Call,
    Checked,
    Compiled,
    FieldInput,
    Input,
    ListInput,
    Schema,
    Type,
    Value,
    children,
    compile_expression,
    inputs_of,
    read,
)

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

    @property
    def series(self) -> list[Series]:
        """What has to be remembered for it."""
        found: dict[str, Series] = {}
        for node in self.aggregates:
            for series in self.asked(node):
                found[series.text] = series
        for recollection in self.recollections:
            found |= {series.text: series for series in recollection.series}
        return list(found.values())

    @cached_property
    def needs(self) -> tuple[tuple[By, tuple[Series, ...]], ...]:
        """Whose histories have to keep what for it; worked out once, since windows ask for all features at once."""
        found = [(by_of(node), self.asked(node)) for node in self.aggregates]
        found += [(by, (kept,)) for recollection in self.recollections for by, kept in recollection.keeps]
        return tuple(found)

    def asked(self, node: Aggregate) -> tuple[Series, ...]:
        """The series that one of its aggregates asks: its own, unless the very same is kept for everybody."""
        found = series_of(node)
        if self.shared is None:
            return found
        by, tenant = by_of(node), self.feature.tenant
        kept = self.shared.get(by, ())
        return tuple(one if one.text in kept else msgspec.structs.replace(one, tenant=tenant, by=by) for one in found)

    @property
    def recollections(self) -> list[Recollection]:
        """Named readings of the past that it is made of."""
        named = frozenset() if self.checked is None else self.checked.named
        return [one for one in RECOLLECTIONS if not named.isdisjoint(one.names)]

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        return () if self.checked is None else inputs_of(self.checked)

    @property
    def names(self) -> frozenset[str]:
        return frozenset() if self.checked is None else self.checked.named - RECOLLECTION_OF.keys()


def by_of(node: Aggregate) -> By:
    """Whose history an aggregate asks."""
    return tuple(sorted(entity.name for entity in node.by))


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
        """A feature against this book; raises `LanguageError` with every fault and its place."""
        checked = read(row.text, self.schema)
        if checked.type not in NUMERIC | {"truth"}:
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


def _as_number(told: Value | None) -> float | None:
    """Yes and no as 1 and 0: a vector is numbers."""
    return None if told is None else 1.0 if told else 0.0


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


Step = Callable[[Answers, Present, list[Any]], Any]
"""How one feature comes about: from the kernel's answers, the present event, and the features made before it; or the
numbers of a named reading of the past, of which there are several."""


class Reading:
    """Some features, compiled to be read together."""

    def __init__(self, features: Sequence[Defined], wanted: Sequence[str], registry: Registry, kernel: Kernel) -> None:
        self.questions = Questions(registry)
        self._registry = registry
        self._kernel = kernel
        self._steps: list[Step] = []
        self._answered: dict[str, int] = {}
        """Features that are no more than an answer of the kernel's, and which."""
        self._made: dict[str, int] = {}
        """The others, and the step that makes them."""
        self._unfinished: set[str] = set()
        """Features whose past is not in, or that of a part of theirs."""
        self._recalled: dict[str, int | Step] = {}
        """Named readings of the past."""
        for one in features:
            self._take_in(one)
        first = len(self.questions.queries)
        places = [self._answered[name] if name in self._answered else first + self._made[name] for name in wanted]
        self._pick: Callable[[list[Any]], Any] = itemgetter(*places, *places[:1])  # one more, so that it is a tuple
        self._wanted = len(places)

    def values(self, answers: list[int | float | None], present: Present) -> tuple[float | None, ...]:
        """The wanted features in their order, from the kernel's answers: numbers, and 1 and 0 for yes and no.

        `None` is unknown.
        """
        made: list[Any] = []
        for step in self._steps:
            made.append(step(answers, present, made))
        values: tuple[float | None, ...] = self._pick([*answers, *made])
        return values[: self._wanted]

    def _take_in(self, one: Defined) -> None:
        name = one.feature.name
        unfinished = self._unfinished & one.names or not all(self._registry.is_complete(each) for each in one.series)
        if one.checked is not None and not unfinished:
            for recollection in one.recollections:
                self._recall(recollection)
            compiled = compile_expression(one.checked)
            inputs = [self._input(each, one) for each in compiled.inputs]
            if isinstance(one.checked.tree, Aggregate) and isinstance(inputs[0], int):
                self._answered[name] = inputs[0]
                return
            step = _step(compiled, inputs, one.checked)
        elif one.checked is not None:
            step = _unknown
            self._unfinished.add(name)
        else:
            step = _of_fact(FACT_OF_NAME[name])
        self._made[name] = len(self._steps)
        self._steps.append(step)

    def _recall(self, recollection: Recollection) -> None:
        """Its numbers come about in a step of their own, once for all who use them."""
        if recollection.names[0] in self._recalled:
            return
        prepared = recollection.prepare(self.questions, self._kernel)
        if not callable(prepared):
            self._recalled |= zip(recollection.names, prepared, strict=True)
            return
        recall, at = prepared, len(self._steps)
        self._steps.append(lambda _answers, present, _made: recall(present))
        for number, name in enumerate(recollection.names):
            self._recalled[name] = _part_of(at, number)

    def _input(self, one: Input, owner: Defined) -> int | Step:
        """The place of an answer that is taken as it is, or how the input comes about."""
        assert not isinstance(one, ListInput)  # a feature asks no list
        if isinstance(one, AggregateInput):
            asked = self.questions.ask(one.node, owner.asked(one.node))
            answer = asked.answer
            return asked.place if asked.place >= 0 else lambda answers, present, _: answer(answers, present)
        if isinstance(one, FieldInput):
            get = reader_of(one.path)
            return lambda _answers, present, _made: get(present.subject)
        if one.name in self._recalled:
            return self._recalled[one.name]
        if one.name in self._answered:
            return self._answered[one.name]
        at = self._made[one.name]
        return lambda _answers, _present, made: made[at]


def _part_of(at: int, number: int) -> Step:
    return lambda _answers, _present, made: made[at][number]


def _unknown(_answers: Answers, _present: Present, _made: list[Any]) -> None:
    """A feature whose past is not in yet."""


def _of_fact(fact: Fact) -> Step:
    compute = fact.compute
    return lambda _answers, present, _made: compute(present.subject)


def _step(compiled: Compiled, inputs: list[int | Step], checked: Checked) -> Step:
    tree, run = checked.tree, compiled.run
    places = [one for one in inputs if isinstance(one, int)]
    if isinstance(tree, Call) and tree.function == "greatest" and len(places) == len(inputs) == len(tree.arguments) > 1:
        return _greatest_of(places)
    gets = [_answer_at(one) if isinstance(one, int) else one for one in inputs]
    if checked.type == "truth":
        return lambda answers, present, made: _as_number(run([get(answers, present, made) for get in gets]))
    return lambda answers, present, made: run([get(answers, present, made) for get in gets])


def _answer_at(place: int) -> Step:
    return lambda answers, _present, _made: answers[place]


def _greatest_of(places: Sequence[int]) -> Step:
    """The most frequent form, without going through the expression."""
    pick: Callable[[Answers], tuple[Any, ...]] = itemgetter(*places)

    def step(answers: Answers, _present: Present, _made: list[Any]) -> Value | None:
        known = [value for value in pick(answers) if value is not None]
        return max(known) if known else None

    return step
