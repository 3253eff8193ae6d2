"""What looks wrong about rules that hold: dead, contradictory, never known, subsumed by others, or wide as a barn door.

Sound and small: it looks at comparisons of one input with constants, joined by and, or and not; what it cannot tell it
leaves alone. A warning is no reason to refuse a set.
"""

from collections.abc import Iterator
from functools import cache
from itertools import chain, product
from typing import Any

import msgspec

from fourthwatch.errors import Finding
from fourthwatch.events import KINDS
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.fields import FIELDS
from fourthwatch.language import FieldInput, compile_expression, format_expression
from fourthwatch.language.tree import (
    Aggregate,
    Call,
    Compare,
    Duration,
    ListOf,
    Logic,
    Membership,
    Name,
    Not,
    Number,
    Text,
    Truth,
)
from fourthwatch.limits import LINT_PRODUCTS_MAX
from fourthwatch.rules.check import CheckedRule, CheckedSet
from fourthwatch.rules.rule import CLASSES

_INFINITY = float("inf")
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


class Range(msgspec.Struct, frozen=True):
    """What one input may be: numbers between two ends, or one of some values, or anything but some."""

    low: float = -_INFINITY
    low_open: bool = False
    high: float = _INFINITY
    high_open: bool = False
    one_of: frozenset[Any] | None = None
    none_of: frozenset[Any] = frozenset()

    def meet(self, other: "Range") -> "Range":
        """What both allow."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, high_closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        one_of = other.one_of if self.one_of is None else self.one_of
        if self.one_of is not None and other.one_of is not None:
            one_of = self.one_of & other.one_of
        return Range(low, low_open, high, not high_closed, one_of, self.none_of | other.none_of)

    @property
    def is_empty(self) -> bool:
        """Whether nothing fits."""
        if self.one_of is not None:
            return not any(self.holds(value) for value in self.one_of)
        closed = not (self.low_open or self.high_open or self.low in self.none_of)
        return self.low > self.high or (self.low == self.high and not closed)

    def holds(self, value: Any) -> bool:
        """Whether a value fits."""
        if value in self.none_of or (self.one_of is not None and value not in self.one_of):
            return False
        if isinstance(value, bool | str):
            return self.low == -_INFINITY and self.high == _INFINITY
        above = value > self.low or (value == self.low and not self.low_open)
        return above and (value < self.high or (value == self.high and not self.high_open))

    def within(self, other: "Range") -> bool:
        """Whether whatever fits here fits there."""
        if self.one_of is not None:
            return all(other.holds(value) for value in self.one_of if self.holds(value))
        if other.one_of is not None or not other.none_of <= self.none_of:
            return False
        low = self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open))
        high = self.high < other.high or (self.high == other.high and (self.high_open or not other.high_open))
        return low and high


Ways = list[dict[str, Range]]
"""A condition as alternatives, each of which asks something of some inputs."""


class _Asked(msgspec.Struct, frozen=True):
    """A rule whose condition can be told in alternatives; at least one of them is possible."""

    one: CheckedRule
    ways: Ways
    always: frozenset[str]
    """Inputs that every alternative asks of: a rule that it is to cover asks of them, too."""


def lint(checked: CheckedSet) -> list[Finding]:
    """Everything that looks wrong, in the order of the set."""
    findings: list[Finding] = []
    asked: list[_Asked] = []
    for one in checked.rules:
        tree = None if one.when.checked is None else one.when.checked.tree
        ways = None if tree is None else _ways(tree)
        own = list(_of_one(one, ways))
        findings += own
        if ways and not own:
            asked.append(_Asked(one, ways, frozenset.intersection(*map(frozenset, ways))))
    live = [other for other in asked if other.one.rule.state == "live"]
    for mine in asked:
        rule = mine.one.rule
        if not rule.is_evaluated or rule.actions or rule.rule_class == "score":
            continue
        covering = (other for other in live if other.always <= mine.always and _covers(other, mine))
        first = next(covering, None)
        if first is None:
            continue
        covered_by = (other.one.rule for other in chain([first], covering))
        beside = next((above for above in covered_by if above.rule_class == rule.rule_class), None)
        if beside is not None:
            message = f"whenever it hits, {beside.name} of the same class hits too, so it changes nothing"
            findings.append(Finding(rule.name, "subsumed", message))
        else:
            above = first.one.rule
            message = f"whenever it hits, {above.name} of the class {above.rule_class} goes before it: it never decides"
            findings.append(Finding(rule.name, "dead", message))
    return findings


def _of_one(one: CheckedRule, ways: Ways | None) -> Iterator[Finding]:
    checked, name = one.when.checked, one.rule.name
    assert checked is not None
    compiled = compile_expression(checked)
    if not compiled.inputs:
        told = compiled.run(())
        if told is True and one.rule.rule_class != "allow":
            yield Finding(name, "over_wide", "its condition is always true: it hits every event")
        elif told is True:
            yield Finding(name, "over_wide", "its condition is always true: it lets every event pass")
        else:
            yield Finding(name, "dead", "its condition is never true")
        return
    told = compiled.run([None] * len(compiled.inputs))
    if told is not None and all(function.strict for function in checked.functions.values()):
        code, how = ("over_wide", "true") if told else ("dead", "false")
        yield Finding(name, code, f"its condition is {how} whatever is known")
        return
    if ways is not None and not ways:
        yield Finding(name, "contradictory", "its parts exclude each other: it can never hit")
    elif _ways(checked.tree, negated=True) == []:
        yield Finding(name, "over_wide", "it can never miss: whatever it reads, if it is known, fits")
    for each in compiled.inputs:
        if isinstance(each, FieldInput) and each.path[0] != "custom" and not _is_ever_decided(each.path):
            told_where = "only in events that are decided when that is asked for"
            yield Finding(name, "always_unknown", f"`{'.'.join(each.path)}` stands {told_where}: else it is unknown")


def _covers(other: _Asked, mine: _Asked) -> bool:
    """Whether a rule adds nothing beside another of its class or of one that goes before, which is in force for all."""
    mine_at, theirs_at = CLASSES.index(mine.one.rule.rule_class), CLASSES.index(other.one.rule.rule_class)
    if other is mine or theirs_at > mine_at or not _within(mine.ways, other.ways):
        return False
    # Of two alike in one class one is told.
    is_alike = theirs_at == mine_at and _within(other.ways, mine.ways)
    return not is_alike or other.one.rule.name < mine.one.rule.name


def _within(mine: Ways, theirs: Ways) -> bool:
    return all(
        any(all(name in way and way[name].within(range_) for name, range_ in their.items()) for their in theirs)
        for way in mine
    )


def _ways(tree: Any, *, negated: bool = False) -> Ways | None:
    """The alternatives of a condition, those that are impossible left out; `None` when it cannot be told."""
    match tree:
        case Truth(value):
            return [{}] if value is not negated else []
        case Not(operand):
            return _ways(operand, negated=not negated)
        case Logic(operator, operands):
            parts = [_ways(operand, negated=negated) for operand in operands]
            if any(part is None for part in parts):
                return None
            told = [part for part in parts if part is not None]
            return [way for part in told for way in part] if (operator == "or") is not negated else _joined(told)
        case Compare(operator, left, right):
            return _compared(operator, left, right, negated=negated)
        case Membership(item, ListOf(items), inverted) if all(isinstance(one, Number | Text) for one in items):
            values = frozenset(one.value for one in items if isinstance(one, Number | Text))
            asked = Range(none_of=values) if inverted is not negated else Range(one_of=values)
            range_ = asked.meet(_domain(item))
            return [] if range_.is_empty else [{_key(item): range_}]
        case Name():
            return [{_key(tree): Range(one_of=frozenset({not negated}))}]
        case Call("known" | "missing" as function, (asked,)):
            return [{_known(_key(asked)): Range(one_of=frozenset({(function == "known") is not negated}))}]
        case _:
            return [{_key(tree): Range(one_of=frozenset({not negated}))}]


def _joined(parts: list[Ways]) -> Ways | None:
    count = 1
    for part in parts:
        count *= len(part)
    if count > LINT_PRODUCTS_MAX:
        return None
    found: Ways = []
    for chosen in product(*parts):
        way: dict[str, Range] = {}
        for one in chosen:
            for name, range_ in one.items():
                way[name] = way.get(name, Range()).meet(range_)
        unsaid = any(way.get(_known(name)) == _MISSING for name in way)  # and compared all the same
        if not unsaid and not any(range_.is_empty for range_ in way.values()):
            found.append(way)
    return found


def _compared(operator: str, left: Any, right: Any, *, negated: bool) -> Ways:
    if isinstance(left, Number | Text | Truth | Duration):
        left, right, operator = right, left, _TURNED[operator]
    if not isinstance(right, Number | Text | Truth | Duration):
        return [{f"{_key(left)} {operator} {_key(right)}": Range(one_of=frozenset({not negated}))}]
    if negated:
        operator = _NEGATED[operator]
    value: Any = right.ms / 1_000 if isinstance(right, Duration) else right.value
    by_operator = {
        "==": Range(one_of=frozenset({value})),
        "!=": Range(none_of=frozenset({value})),
    }
    ends = {
        **by_operator,
        "<": Range(high=value, high_open=True), "<=": Range(high=value),
        ">": Range(low=value, low_open=True), ">=": Range(low=value),
    }  # fmt: skip
    range_ = ends[operator].meet(_domain(left))
    return [] if range_.is_empty else [{_key(left): range_}]


def _domain(tree: Any) -> Range:
    """What an input can be at all: numbers of things are never negative, shares lie between 0 and 1, as the catalogue
    has it of features by their unit."""
    if isinstance(tree, Aggregate):
        return _COUNTS if tree.function in ("count", "distinct") else _SHARES if tree.function == "share" else Range()
    if isinstance(tree, Name) and len(tree.path) == 1 and tree.dotted not in FIELDS:
        return _domain_of(tree.dotted)
    return Range()


@cache
def _domain_of(name: str) -> Range:
    defined = built_in().get(name)
    unit = "" if defined is None else defined.feature.unit
    return _SHARES if unit == "0 or 1" else _COUNTS if unit in _COUNTED else Range()


_COUNTS, _SHARES = Range(low=0), Range(low=0, high=1)
_COUNTED = frozenset({
    "IPs", "accounts", "addresses", "bins", "cards", "categories", "changes", "characters", "cities", "devices",
    "digits", "e-mails", "failures", "items", "letters", "logins", "messages", "names", "networks", "orders",
    "payments", "phones", "promotions", "reports", "reviews", "sellers", "sessions", "tags", "times", "users", "words",
})  # fmt: skip


def _key(tree: Any) -> str:
    return format_expression(tree)


def _known(key: str) -> str:
    return f"known({key})"


_MISSING = Range(one_of=frozenset({False}))


def _is_ever_decided(path: tuple[str, ...]) -> bool:
    """Whether a field stands in an event that is always decided, or in the order that such an event is about."""
    field = FIELDS.get(".".join(path))
    return field is None or bool(field.kinds & _DECIDED)


_DECIDED = frozenset(kind.number for kind in KINDS if kind.decided or kind.rescores)
