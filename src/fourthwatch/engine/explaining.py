"""A stored decision opened up: its rule set, what the rules read, and the event as it was judged."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from fourthwatch.decision import Opinion, Policy, decide, versions_of
from fourthwatch.engine.rule_shelf import book_as_it_was, holding
from fourthwatch.engine.rulings import starter_in_force
from fourthwatch.engine.subjects import Subjects
from fourthwatch.engine.walk import Walk
from fourthwatch.features.catalogue import DECIDING, built_in
from fourthwatch.features.definition import Book
from fourthwatch.features.fields import reader_of
from fourthwatch.features.inputs import text_of
from fourthwatch.features.subject import Subject
from fourthwatch.language import FieldInput, Input, ListInput, NameInput, inputs_of
from fourthwatch.model.serving import LiveModel
from fourthwatch.rules.check import CheckedSet
from fourthwatch.rules.counterfactual import Flip, Rejudge, counts, flip
from fourthwatch.rules.rule import Rule, decoded
from fourthwatch.rules.ruling import HIT, MISS, Judgement, given_inputs
from fourthwatch.rules.trace import ReadValue, Result, read_values, sentence
from fourthwatch.store.ledger import DecisionRow, EventRow
from fourthwatch.store.rule_sets import RuleSetRow

_PLACE = {name: place for place, name in enumerate(DECIDING)}


class ReadThen(Protocol):
    """What an input was."""

    def __call__(self, one: Input, otherwise: Any = None) -> Any: ...


class RuleLine(msgspec.Struct, frozen=True, rename={"rule_class": "class"}):
    """What one rule said of the event."""

    rule: str
    rule_class: str
    state: str
    result: Result
    counted: bool
    """Whether it had a say in the decision: hit, live, and among its share of customers."""
    weight: float
    reason: str
    says: str
    """The condition with its values put in, and the result."""
    read: tuple[ReadValue, ...]
    """What it read."""


class RuleSetThen(msgspec.Struct, frozen=True):
    """The rule set that made a decision, with the features that it was made of."""

    version: int
    checked: CheckedSet
    rules: tuple[Rule, ...]
    """All of the set, also those that do not hold any more."""
    book: Book


def rule_set_then(tenant: int, version: int, row: RuleSetRow | None) -> RuleSetThen | None:
    """`row` is what is stored of the version; `None` for one that is not there. May be called on any thread."""
    if version == 0:
        starter = starter_in_force().checked
        return RuleSetThen(0, starter, starter.rule_set.rules, built_in())
    if row is None:
        return None
    book = book_as_it_was(row.features, built_in())
    rule_set = decoded(row.content)
    return RuleSetThen(version, holding(tenant, rule_set, book), rule_set.rules, book)


def version_of(made: DecisionRow) -> int:
    """Of the rule set that a decision was made with; 0 also for those from before there were rules."""
    return int(msgspec.json.decode(made.detail).get("versions", {}).get("rules", 0))


class Explained:
    """One decision, the event and the set that made it."""

    def __init__(self, walk: Walk, event: EventRow, made: DecisionRow, then: RuleSetThen) -> None:
        """On the walk's thread."""
        self.subject: Subject = Subjects(walk.ledger, walk.windows).stored(event).subject
        self._detail: dict[str, Any] = msgspec.json.decode(made.detail)
        self._then = then
        self._policy = Policy(*self._detail.get("thresholds", (70, 94)))
        self._values = self._read()

    def lines(self) -> list[RuleLine]:
        """Every rule of the set, in its order."""
        letters = iter(self._detail.get("results", ""))
        holding_now = {one.rule.name: one for one in self._then.checked.rules}
        lacking = self._detail.get("lacking", ())
        lines = []
        for rule in self._then.rules:
            letter = next(letters, "") if rule.is_evaluated else ""
            result: Result = "not evaluated" if not letter else "hit" if letter == HIT else (
                "miss" if letter == MISS else "unknown"
            )  # fmt: skip
            one = holding_now.get(rule.name)
            says = f"{rule.when}: {result}"
            read: tuple[ReadValue, ...] = ()
            if one is not None:
                says = sentence(one, self._values, result, self.subject, self._then.book, lacking)
                read = read_values(one, self._values)
            counted = result == "hit" and counts(rule, self.subject)
            lines.append(
                RuleLine(rule.name, rule.rule_class, rule.state, result, counted, rule.weight, rule.code, says, read)
            )
        return lines

    @property
    def model(self) -> str:
        """Whose probability the decision has; empty: that of the rules' points."""
        return str(self._detail.get("model", ""))

    def asked_lists(self) -> list[tuple[ListInput, bool | None]]:
        """What the rules asked of lists, each once, and what they heard."""
        return [(one, value) for one, value in self._values.items() if isinstance(one, ListInput)]

    def flip(self, model: LiveModel | None = None) -> Flip | None:
        """The smallest change of what was known that gives another verdict. The `model` that judged is asked again,
        on this thread, for what it makes of a change."""
        again = Rejudge(self._then.checked)
        is_of_event = not self._detail.get("judged_on")
        opinion_of = _opinion_of(again, model, self._detail.get("model_vector", ()), is_of_event=is_of_event)
        is_let_pass = self._detail.get("explored", {}).get("released", False)

        def verdict(judgement: Judgement, values: Sequence[Any]) -> str:
            made = decide(
                judgement, again.rules, self._policy, versions_of(self._then.version), opinion=opinion_of(values)
            )
            return "approve" if is_let_pass and made.verdict == "decline" and not made.by else made.verdict

        return flip(self._then.checked, again, self._values, self.subject, verdict)

    def _read(self) -> dict[Input, Any]:
        """By input, what the rules read: from the vector, from what was stored besides, and from the event."""
        read = values_then(self._detail, given_inputs(self._then.checked), self.subject)
        return {
            each: read(each)
            for one in self._then.checked.asking
            if one.checked is not None
            for each in inputs_of(one.checked)
        }


def _opinion_of(
    again: Rejudge, model: LiveModel | None, vector: Sequence[float | None], *, is_of_event: bool
) -> Callable[[Sequence[Any]], Opinion | None]:
    """What the model says over values of the inputs: those that it reads, too, stand in for what it was handed.

    Not for what it was handed of another event, the order's submission: of that it says what it said.
    """
    if model is None:
        return lambda _: None
    places = {text: place for place, use in enumerate(model.manifest.features) for text in (use.name, use.text) if text}
    read = [(at, places[text_of(one)]) for at, one in enumerate(again.inputs) if is_of_event and text_of(one) in places]

    def opinion(values: Sequence[Any]) -> Opinion:
        handed = list(vector)
        for at, place in read:
            if isinstance(values[at], int | float):
                handed[place] = float(values[at])
        judged = model.judge(handed)
        return Opinion(judged.model, judged.probability, judged.score)

    return opinion


def values_then(detail: Mapping[str, Any], given: Sequence[Input], subject: Subject) -> ReadThen:
    """Tells what an input was when a decision was made: from the event, the vector, and what is kept besides.

    `given` are the `given_inputs` of the set that made it. What is nowhere there is the reading's `otherwise`.
    """
    vector: Sequence[Any] = detail.get("vector", ())
    stored = dict(zip(given, detail.get("given", ()), strict=False))

    def read(one: Input, otherwise: Any = None) -> Any:
        if isinstance(one, FieldInput):
            return reader_of(one.path)(subject)
        if isinstance(one, NameInput) and one.name in _PLACE:
            place = _PLACE[one.name]
            return vector[place] if place < len(vector) else otherwise
        return stored.get(one, otherwise)

    return read
