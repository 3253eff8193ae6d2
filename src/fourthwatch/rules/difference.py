"""What differs between two rule sets, rule by rule; an expression that is only written otherwise does not differ."""

from typing import Literal

import msgspec

from fourthwatch.rules.files import in_canonical_form
from fourthwatch.rules.rule import Rule, RuleSet

Kind = Literal["added", "removed", "changed", "moved"]


class Difference(msgspec.Struct, frozen=True):
    """One rule that is not the same in both."""

    rule: str
    kind: Kind
    """`moved`: the same, among the rules of both in another order."""
    keys: tuple[str, ...] = ()
    """Of a changed one, what of it changed."""
    before: Rule | None = None
    after: Rule | None = None


def differences(before: RuleSet, after: RuleSet) -> list[Difference]:
    """From one set to another, in the order of the later one; removed rules stand at the end."""
    found: list[Difference] = []
    old = {rule.name: rule for rule in before.rules}
    new = {rule.name: rule for rule in after.rules}
    order_before = [rule.name for rule in before.rules if rule.name in new]
    order_after = [rule.name for rule in after.rules if rule.name in old]
    places = {name: place for place, name in enumerate(order_before)}
    for rule in after.rules:
        was = old.get(rule.name)
        if was is None:
            found.append(Difference(rule.name, "added", after=rule))
        elif keys := _changed(was, rule):
            found.append(Difference(rule.name, "changed", keys, was, rule))
        elif places[rule.name] != order_after.index(rule.name):
            found.append(Difference(rule.name, "moved", (), was, rule))
    found += [Difference(rule.name, "removed", before=rule) for rule in before.rules if rule.name not in new]
    if before.prior != after.prior:
        found.append(Difference("", "changed", ("prior",)))
    return found


def _changed(before: Rule, after: Rule) -> tuple[str, ...]:
    if before == after:
        return ()
    was, now = (msgspec.to_builtins(in_canonical_form(one)) for one in (before, after))
    return tuple(key for key in dict.fromkeys([*was, *now]) if was.get(key) != now.get(key))
