"""What would have had to be otherwise: the smallest change of known inputs that flips the verdict, decided again.

Inputs are what the rules read, each moved by itself while all others stay as they were. Unknown ones stay unknown:
nothing is invented. Few changes are better than small ones. A review rule goes before the score, so an order that its
score declines would get away with a review if one more rule spoke against it: such a flip is told only where there is
no other.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any

import msgspec

from fourthwatch.features.inputs import text_of
from fourthwatch.features.subject import Subject
from fourthwatch.language import FieldInput, Input, compile_at, format_expression, inputs_of
from fourthwatch.language.tree import Compare, ListOf, Membership, Name, Number, Text, Truth
from fourthwatch.limits import COUNTERFACTUAL_CHANGES_MAX, COUNTERFACTUAL_PAIRS_MAX
from fourthwatch.rules.check import CheckedSet
from fourthwatch.rules.rule import CLASSES, Rule
from fourthwatch.rules.ruling import HIT, MISS, UNKNOWN, Judgement, counts_for
from fourthwatch.rules.trace import Values

Decide = Callable[[Judgement, Sequence[Any]], str]
"""A judgement over values of the inputs to a verdict, by the thresholds and the model of then."""

_SEVERITY = ("approve", "review", "decline")
"""Verdicts, the mildest first."""

Move = tuple[int, Any]
"""Place of an input, and another value for it."""


class Change(msgspec.Struct, frozen=True):
    """One input, as it was and as it would have had to be."""

    what: str
    was: Any
    would_be: Any


class Flip(msgspec.Struct, frozen=True):
    """Changes that together give another verdict."""

    verdict: str
    changes: tuple[Change, ...]


class Rejudge:
    """A checked set over given values of its inputs, without windows."""

    def __init__(self, checked: CheckedSet) -> None:
        self.rules = tuple(one.rule for one in checked.rules if one.rule.is_evaluated)
        self.inputs = tuple(
            dict.fromkeys(
                each
                for one in checked.rules
                if one.rule.is_evaluated and one.when.checked is not None
                for each in inputs_of(one.when.checked)
            )
        )
        places = {one: at for at, one in enumerate(self.inputs)}
        self._runs = [
            compile_at(one.when.checked, places)
            for one in checked.rules
            if one.rule.is_evaluated and one.when.checked is not None
        ]
        self._prior = checked.rule_set.prior

    def judged(self, values: Sequence[Any], subject: Subject) -> Judgement:
        """What the set says of an event; without reasons and vector, which no verdict is made of."""
        told = [run(values) for run in self._runs]
        hits = [at for at, one in enumerate(told) if one and counts(self.rules[at], subject)]
        hits.sort(key=lambda at: (CLASSES.index(self.rules[at].rule_class), -abs(self.rules[at].weight), at))
        points = self._prior + sum(self.rules[at].weight for at in hits)
        letters = "".join(HIT if one else MISS if one is False else UNKNOWN for one in told)
        return Judgement(letters, tuple(hits), points, (), (), None, ())

    def against(self, values: Sequence[Any], subject: Subject) -> int:
        """How many rules of the classes block and review count."""
        counted = self.judged(values, subject).counted
        return sum(self.rules[at].rule_class in ("block", "review") for at in counted)


def counts(rule: Rule, subject: Subject) -> bool:
    """Whether the rule has a say when it hits."""
    return rule.state == "live" or (rule.state == "percentage" and counts_for(rule, subject))


def flip(checked: CheckedSet, again: Rejudge, values: Values, subject: Subject, decide: Decide) -> Flip | None:
    """The smallest change that was found to give another verdict; `None` when none was found.

    One change, else two, else as many as a walk towards another verdict takes, less those that are not needed.
    `again` is of the checked set, and `decide` gets values in the order of its inputs.
    """
    now = [values.get(one) for one in again.inputs]
    verdict = decide(again.judged(now, subject), now)
    against = again.against(now, subject)
    moves = list(_moves(checked, again.inputs, now))

    def with_moves(chosen: Sequence[Move]) -> str:
        changed = _moved(now, chosen)
        return decide(again.judged(changed, subject), changed)

    def is_natural(chosen: Sequence[Move], would_be: str) -> bool:
        more = again.against(_moved(now, chosen), subject) - against
        return more <= 0 if _SEVERITY.index(would_be) < _SEVERITY.index(verdict) else more >= 0

    odd: list[Sequence[Move]] = []
    for size in (1, 2):
        tried = moves if size == 1 else moves[:COUNTERFACTUAL_PAIRS_MAX]
        found = [
            (chosen, told)
            for chosen in combinations(tried, size)
            if len({at for at, _ in chosen}) == size and (told := with_moves(chosen)) != verdict
        ]
        natural = [chosen for chosen, told in found if is_natural(chosen, told)]
        if natural:
            best = _least(natural, now)
            return _flip(best, now, again.inputs, with_moves(best))
        odd = odd or [chosen for chosen, _ in found]
    walked: Sequence[Move] | None = _walked(again, subject, now, moves, with_moves, verdict)
    if odd and (walked is None or not is_natural(walked, with_moves(walked))):
        walked = _least(odd, now)
    return None if walked is None else _flip(walked, now, again.inputs, with_moves(walked))


def _least(found: Sequence[Sequence[Move]], now: list[Any]) -> Sequence[Move]:
    return min(found, key=lambda chosen: sum(_distance(now[at], value) for at, value in chosen))


def _walked(
    again: Rejudge, subject: Subject, now: list[Any], moves: list[Move],
    with_moves: Callable[[Sequence[Move]], str], verdict: str,
) -> list[Move] | None:  # fmt: skip
    """Step by step towards more or fewer points, whichever leads elsewhere sooner."""
    for towards in (-1, 1) if verdict != "approve" else (1, -1):
        chosen: list[Move] = []
        for _ in range(COUNTERFACTUAL_CHANGES_MAX):
            left = [move for move in moves if move[0] not in {at for at, _ in chosen}]
            if not left:
                break
            chosen.append(max(left, key=lambda move: towards * _points(again, subject, now, [*chosen, move])))
            if with_moves(chosen) != verdict:
                for move in list(chosen):
                    rest = [one for one in chosen if one is not move]
                    if rest and with_moves(rest) != verdict:
                        chosen = rest
                return chosen
    return None


def _points(again: Rejudge, subject: Subject, now: list[Any], chosen: Sequence[Move]) -> float:
    judgement = again.judged(_moved(now, chosen), subject)
    heavy = {"allow": -1_000.0, "block": 1_000.0, "review": 500.0, "score": 0.0}
    return judgement.points + sum(heavy[again.rules[at].rule_class] for at in judgement.counted)


def _moved(now: list[Any], chosen: Sequence[Move]) -> list[Any]:
    changed = list(now)
    for at, value in chosen:
        changed[at] = value
    return changed


def _flip(chosen: Sequence[Move], now: list[Any], inputs: Sequence[Input], verdict: str) -> Flip:
    return Flip(verdict, tuple(Change(text_of(inputs[at]), now[at], value) for at, value in chosen))


def _moves(checked: CheckedSet, inputs: Sequence[Input], now: list[Any]) -> Iterator[Move]:
    """Values on the other side of what conditions ask, for every input that is known."""
    limits: dict[str, set[Any]] = {}
    for one in checked.rules:
        if one.rule.is_evaluated and one.when.checked is not None:
            for text, value in _asked(one.when.checked.tree):
                limits.setdefault(text, set()).add(value)
    for at, each in enumerate(inputs):
        was = now[at]
        if isinstance(was, bool):
            yield at, not was
        elif isinstance(was, int | float):
            step = 1 if float(was).is_integer() else 0.01
            around = {value for limit in limits.get(text_of(each), ()) if isinstance(limit, int | float)
                      for value in (limit, limit - step, limit + step)}  # fmt: skip
            for value in sorted(around, key=lambda value: abs(value - was)):
                if value != was and (value >= 0 or was < 0):
                    yield at, round(value, 6)
        elif isinstance(was, str) and isinstance(each, FieldInput):
            for value in sorted(v for v in limits.get(text_of(each), ()) if isinstance(v, str) and v != was):
                yield at, value


def _asked(tree: Any) -> Iterator[tuple[str, Any]]:
    """Inputs, by their text, with the constants that they are compared with."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Compare):
            for side, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(other, Number | Text | Truth):
                    yield _text(side), other.value
                elif hasattr(other, "ms"):
                    yield _text(side), other.ms / 1_000
        elif isinstance(node, Membership) and isinstance(node.container, ListOf):
            for item in node.container.items:
                yield _text(node.item), getattr(item, "value", None)
        for name in node.__struct_fields__:
            value = getattr(node, name)
            waiting += [
                one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, msgspec.Struct)
            ]


def _text(node: Any) -> str:
    return node.dotted if isinstance(node, Name) else format_expression(node)


def _distance(was: Any, value: Any) -> float:
    """How far a change goes, against the size of what is changed."""
    if isinstance(was, bool) or not isinstance(was, int | float):
        return 1.0
    return float(abs(value - was) / (abs(was) + 1))
