"""A rule set at work: every condition a closure over one list of values, which the windows fill with one question.

Three-valued: a rule hits, misses or is unknown, and one rule's unknown stops no other. Pure.
"""

import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
import xxhash

from fourthwatch.features.catalogue import DECIDING, Vector
from fourthwatch.features.definition import Book
from fourthwatch.features.observe import Present
from fourthwatch.features.reading import picking
from fourthwatch.features.subject import Subject
from fourthwatch.features.wanted import WantedFeatures
from fourthwatch.features.windows import Windows
from fourthwatch.language import FieldInput, Input, NameInput, Run, compile_at
from fourthwatch.language.machine import HIT, MISS, UNKNOWN, Line, Signal, results, signals
from fourthwatch.language.operators import number_text
from fourthwatch.limits import REASONS_MAX
from fourthwatch.rules.check import CheckedRule, CheckedSet
from fourthwatch.rules.rule import CLASSES, Action, Rule
from fourthwatch.wire.reply import Reason

__all__ = ["HIT", "MISS", "UNKNOWN", "Judgement", "Ruling", "counts_for", "customer_of", "given_inputs", "shown"]
_INDEX = {name: place for place, name in enumerate(DECIDING)}


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """What a rule set says of one event."""

    results: str
    """A letter per evaluated rule."""
    counted: tuple[int, ...]
    """Places, among the evaluated rules, of those that hit and count, the weightiest class and weight first."""
    points: float
    """The prior and the weights of the score rules that count."""
    reasons: tuple[Reason, ...]
    """Strongest first, in the contract's shape."""
    vector: Vector
    own: dict[str, Any] | None
    """The tenant's own features; `None` when it has none."""
    given: tuple[Any, ...]
    """Values that rules read and that stand neither in the vector nor in the event; see `Ruling.given_inputs`."""
    handed: tuple[Vector, ...] = ()
    """What each of those wants that read beside the rules; see `Ruling`."""


class Ruling:
    """A checked set, compiled over windows; to be compiled anew when their generation changes."""

    def __init__(
        self,
        checked: CheckedSet,
        windows: Windows,
        book: Book | None = None,
        lacking: Collection[str] = (),
        readers: Sequence[WantedFeatures] = (),
    ) -> None:
        """`book` has the tenant's own features, which are read with the same question.

        `lacking` names what is to be unknown whatever the windows know: its past was not in yet. `readers` want to be
        handed features of the same event, for which nothing is read twice.
        """
        book = windows.own.get(checked.tenant, windows.book) if book is None else book
        own = tuple([one.feature.name for one in book.own()])
        self.checked = checked
        self.evaluated: tuple[CheckedRule, ...] = tuple(one for one in checked.rules if one.rule.is_evaluated)
        self.windows = windows
        self.generation = windows.generation
        self._inputs, self._plan = windows.inputs_of(book, [*DECIDING, *own], checked.asking, lacking, readers)
        self._own = own
        self._pick_vector = self._inputs.picking(DECIDING)
        self._pick_own = self._inputs.picking(own)
        self._picks = self._inputs.picks
        self.given_inputs: tuple[Input, ...] = given_inputs(checked)
        self._pick_given = picking([self._inputs.places[one] for one in self.given_inputs])
        self._runs: tuple[Run, ...] = tuple([self._compiled(one) for one in self.evaluated])
        self._book = book
        rules = [one.rule for one in self.evaluated]
        self.rules: tuple[Rule, ...] = tuple(rules)
        ranks = sorted(range(len(rules)), key=lambda at: _rank(rules[at], at))
        self._rank = {at: rank for rank, at in enumerate(ranks)}
        self._rank_of: Callable[[int], int] = self._rank.__getitem__
        self._weights = [rule.weight for rule in rules]
        self._lines: tuple[Line, ...] = tuple(
            (sys.intern(one.rule.code), one.rule.weight, _SPEAKS.get(one.rule.rule_class), self._shows(one))
            for one in self.evaluated
        )
        self._kept: dict[Signal, Reason] = {}
        self._always = frozenset(at for at, rule in enumerate(rules) if rule.state == "live")
        self._sometimes = {at: rule for at, rule in enumerate(rules) if rule.state == "percentage"}

    @property
    def lacking(self) -> tuple[str, ...]:
        """Features and aggregates that are unknown because their past is not in."""
        return self._inputs.lacking

    def judge(self, present: Present) -> Judgement:
        """What the set says of an event, before the event itself counts."""
        return self.judged(self.values(present), present.subject)

    def values(self, present: Present) -> list[Any]:
        """Everything that the set reads, each value at its place."""
        return self.read(self.answers(present), present)

    def answers(self, present: Present) -> list[Any]:
        """What the histories answer to all that the set reads, before the event itself counts."""
        return self.windows.answers(self._inputs, self._plan, present)

    def read(self, answers: list[Any], present: Present) -> list[Any]:
        """Everything that the set reads, each value at its place, for which the list of answers is made use of."""
        return self._inputs.read_from(answers, present)

    def judged(self, values: list[Any], subject: Subject) -> Judgement:
        """What the set says of these values."""
        letters, hits = results(self._runs, values)
        counted = self._counting(hits, subject)
        counted.sort(key=self._rank_of)
        points = self.checked.rule_set.prior
        for at in counted:
            points += self._weights[at]
        return Judgement(
            letters,
            tuple(counted),
            points,
            () if "explanation" in subject.skipped else self._reasons(counted, values),
            self._pick_vector(values),
            dict(zip(self._own, self._pick_own(values), strict=True)) if self._own else None,
            self._pick_given(values),
            tuple([pick(values) for pick in self._picks]),
        )

    def place_of(self, one: Input) -> int:
        """Where the value of an input lies."""
        return self._inputs.places[one]

    def actions(self, counted: Sequence[int]) -> tuple[Action, ...]:
        """What the rules that count want done, each once, the weightiest rule's first."""
        return tuple(dict.fromkeys(action for at in counted for action in self.rules[at].actions))

    def _counting(self, hits: list[int], subject: Subject) -> list[int]:
        always, sometimes = self._always, self._sometimes
        if not sometimes:
            return hits if len(always) == len(self.rules) else [at for at in hits if at in always]
        return [at for at in hits if at in always or (at in sometimes and counts_for(sometimes[at], subject))]

    def _reasons(self, counted: list[int], values: list[Any]) -> tuple[Reason, ...]:
        """One for each code, with the points of all rules of that code."""
        kept, told = self._kept, signals(counted, self._lines, values, REASONS_MAX)
        try:
            return tuple([kept.get(one) or self._kept_reason(one) for one in told])
        except TypeError:  # a list or an object, of an event of the shop's own, is no key
            return tuple([self._reason(one) for one in told])

    def _kept_reason(self, signal: Signal) -> Reason:
        """Most are given again and again."""
        reason, value = self._reason(signal), signal[-1]
        if not isinstance(value, str) or len(value) <= _SHOWN_CHARS_MAX:
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            self._kept[signal] = reason
        return reason

    def _reason(self, signal: Signal) -> Reason:
        at, sign, _, value = signal
        return Reason(self.rules[at].code, self.rules[at].says, _FLAGS[sign], shown(value))

    def _compiled(self, one: CheckedRule) -> Run:
        assert one.when.checked is not None
        return compile_at(one.when.checked, self._inputs.places)

    def _shows(self, one: CheckedRule) -> Run:
        if one.shows is not None:
            assert one.shows.checked is not None
            return compile_at(one.shows.checked, self._inputs.places)
        assert one.when.checked is not None
        read = one.when.inputs
        if not read:
            return lambda _: True
        place = self._inputs.places[read[0]]
        named = self._book.get(read[0].name) if isinstance(read[0], NameInput) else None
        if named is not None and named.feature.unit == "0 or 1":
            return lambda values: None if values[place] is None else values[place] == 1
        return lambda values: values[place]


_SPEAKS = {"allow": -1, "block": 1, "review": 1}
_FLAGS = {1: "red", -1: "green", 0: "grey"}


def given_inputs(checked: CheckedSet) -> tuple[Input, ...]:
    """What the rules read beside the vector and the event's own fields, each once, in the order of the set.

    The values of these are stored with a decision; those of the fields stand in the event.
    """
    found: dict[Input, None] = {}
    for one in checked.asking:
        assert one.checked is not None
        for each in one.inputs:
            if not isinstance(each, FieldInput) and not (isinstance(each, NameInput) and each.name in _INDEX):
                found[each] = None
    return tuple(found)


def counts_for(rule: Rule, subject: Subject) -> bool:
    """Whether a rule of the state `percentage` counts for the customer; the same for each of the customer's events."""
    who = customer_of(subject)
    return xxhash.xxh3_64_intdigest(f"{rule.name}|{who}".encode()) % 100 < rule.percentage


def customer_of(subject: Subject) -> str:
    """Who is judged, as well as can be told: account or e-mail, else visit, device, IP, order."""
    involved = subject.involved
    return (
        subject.person
        or involved.session
        or involved.device
        or involved.ip
        or subject.event.order_id
        or str(subject.seq)
    )


def shown(value: Any) -> str:
    """A value as a reason shows it.

    >>> shown(4.0), shown(0.66666), shown(True), shown("COD"), shown(None)
    ('4', '0.67', 'true', 'COD', 'unknown')
    """
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(round(value, 2) if isinstance(value, float) else value)
    return str(value)[:_SHOWN_CHARS_MAX]


_SHOWN_CHARS_MAX = 100
_KEPT_MAX = 4_096
"""Reasons kept by one set; a busy one gives about a thousand different ones."""


def _rank(rule: Rule, at: int) -> tuple[int, float, int]:
    return CLASSES.index(rule.rule_class), -abs(rule.weight), at
