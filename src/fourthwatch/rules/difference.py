"""What differs between two rule sets, rule by rule; an expression that is only written otherwise does not differ."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal

import msgspec

from fourthwatch.rules.files import in_canonical_form
from fourthwatch.rules.rule import Rule, RuleSet

Kind = Literal["added", "removed", "changed", "moved"]


class Difference(msgspec.Struct, frozen=True):
    """One rule that is not the same in both."""

    rule: str
    kind: Kind
    """`moved`: the same, but elsewhere: of the rules of both as few as leave the others in their order."""
    keys: tuple[str, ...] = ()
    """Of a changed one, what of it changed; `place` when it moved, too."""
    before: Rule | None = None
    after: Rule | None = None


def differences(before: RuleSet, after: RuleSet) -> list[Difference]:
    """From one set to another, in the order of the later one; removed rules stand at the end."""
    found: list[Difference] = []
    old = {rule.name: rule for rule in before.rules}
    new = {rule.name: rule for rule in after.rules}
    places = {rule.name: place for place, rule in enumerate(before.rules)}
    stayed = _longest_rising([places[rule.name] for rule in after.rules if rule.name in old])
    for rule in after.rules:
        was = old.get(rule.name)
        if was is None:
            found.append(Difference(rule.name, "added", after=rule))
            continue
        has_moved = places[rule.name] not in stayed
        if keys := _changed(was, rule):
            found.append(Difference(rule.name, "changed", (*keys, "place") if has_moved else keys, was, rule))
        elif has_moved:
            found.append(Difference(rule.name, "moved", (), was, rule))
    found += [Difference(rule.name, "removed", before=rule) for rule in before.rules if rule.name not in new]
    if before.prior != after.prior:
        found.append(Difference("", "changed", ("prior",)))
    return found


def _longest_rising(numbers: Sequence[int]) -> frozenset[int]:
    """Of different numbers a longest selection that rises in their order."""
    ends: list[int] = []  # by length, the lowest number that a rising selection can end with
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(ends, number)
        before[number] = ends[at - 1] if at else None
        ends[at : at + 1] = [number]
    chosen: list[int] = []
    last = ends[-1] if ends else None
    while last is not None:
        chosen.append(last)
        last = before[last]
    return frozenset(chosen)


def _changed(before: Rule, after: Rule) -> tuple[str, ...]:
    if before == after:
        return ()
    was, now = (msgspec.to_builtins(in_canonical_form(one)) for one in (before, after))
    return tuple(key for key in dict.fromkeys([*was, *now]) if was.get(key) != now.get(key))
