"""The brake: a rule that hits far more often than it used to drops to shadow, and says which orders it touched.

Looks at decisions that are durable, of tenants whose rules have a brake. What is usual is learned from the decisions
before the newest ones; after a start from those that are stored. A rule that was braked begins anew: whoever puts it
back has seen what it hit, and is not contradicted by the same hits.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import msgspec

from fourthwatch.clock import Clock
from fourthwatch.engine.flight import Edit, Edited
from fourthwatch.engine.leaving_out import leaving_out
from fourthwatch.engine.rule_shelf import features_used
from fourthwatch.engine.rulings import InForce
from fourthwatch.engine.walk import Walk
from fourthwatch.limits import (
    BRAKE_HITS_MIN,
    BRAKE_LEARNED_MIN,
    BRAKE_RECENT,
    BRAKE_STORED_MAX,
    BRAKE_USUAL_MAX,
)
from fourthwatch.logs import log
from fourthwatch.metrics import RULES_BRAKED
from fourthwatch.rules.rule import Rule, encoded
from fourthwatch.rules.ruling import HIT
from fourthwatch.store.ledger import DecisionRow
from fourthwatch.store.rule_sets import BRAKE, RuleSetReader, RuleSetRow, rule_set_published

Publish = Callable[[int, InForce], None]


class _Results(msgspec.Struct):
    results: str = ""


_results = msgspec.json.Decoder(_Results)


class Habit:
    """How often one rule hits: lately, and before that."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.decisions = 0
        self.hits = 0
        self.recent: deque[tuple[int, bool]] = deque()
        """Position and result of the newest decisions."""

    def note(self, seq: int, *, hit: bool) -> None:
        """One decision more; the oldest of the recent ones becomes part of what is usual."""
        self.recent.append((seq, hit))
        if len(self.recent) > BRAKE_RECENT:
            self.decisions += 1
            self.hits += self.recent.popleft()[1]
            if self.decisions > BRAKE_USUAL_MAX:  # what was long ago counts for less and less
                self.decisions, self.hits = self.decisions // 2, self.hits // 2

    @property
    def touched(self) -> list[int]:
        """Positions of the recent hits."""
        return [seq for seq, hit in self.recent if hit]

    def is_unusual(self) -> bool:
        """Whether it hits more than so many times as often as it used to."""
        hits = len(self.touched)
        if self.decisions < BRAKE_LEARNED_MIN or hits < BRAKE_HITS_MIN:
            return False
        usual = max(self.hits, 1) / self.decisions
        return hits / len(self.recent) > self.rule.brake * usual


class Brake:
    """Lives with the corridor, on the walk's thread."""

    def __init__(self, directory: Path, clock: Clock, publish: Publish) -> None:
        self._directory = directory
        self._clock = clock
        self._publish = publish
        self._habits: dict[tuple[int, str], Habit] = {}

    def learn(self, walk: Walk, tenants: Iterable[int]) -> None:
        """From what is stored, at a start; raises what kept it from it."""
        reader = RuleSetReader(self._directory)
        try:
            for tenant in tenants:
                in_force = walk.rulings.in_force(tenant)
                if _has_a_brake(walk, tenant):
                    for seq, version, results in reversed(reader.results(tenant, 0, BRAKE_STORED_MAX)):
                        if version == in_force.version:
                            self._note(walk, tenant, seq, results)
        finally:
            reader.close()

    def after(self, walk: Walk, decisions: Collection[DecisionRow]) -> Iterator[Edit]:
        """Look at decisions that have become durable; what is to be changed because of them."""
        braked = {tenant for tenant in {made.tenant for made in decisions} if _has_a_brake(walk, tenant)}
        for made in decisions if braked else ():
            if made.tenant in braked:
                for habit in self._note(walk, made.tenant, made.seq, _results.decode(made.detail).results):
                    if habit.is_unusual():
                        yield self._braking(walk, made.tenant, habit)

    def _note(self, walk: Walk, tenant: int, seq: int, results: str) -> Iterator[Habit]:
        """The rules with a brake, each with one decision more; a rule that was changed begins anew."""
        evaluated = [one.rule for one in walk.rulings.in_force(tenant).checked.rules if one.rule.is_evaluated]
        noted = []
        if len(evaluated) == len(results):
            for rule, letter in zip(evaluated, results, strict=True):
                if rule.brake and rule.state != "shadow":
                    habit = self._habits.get((tenant, rule.name))
                    if habit is None or habit.rule != rule:
                        habit = self._habits[tenant, rule.name] = Habit(rule)
                    habit.note(seq, hit=letter == HIT)
                    noted.append(habit)
        return iter(noted)

    def _braking(self, walk: Walk, tenant: int, habit: Habit) -> Edit:
        name, touched = habit.rule.name, habit.touched
        told = f"{name} hit {len(touched)} of the last {len(habit.recent)} decisions, and usually" + (
            f" {100 * habit.hits / habit.decisions:.1f} of 100; it is in shadow now"
        )

        def edit(seq: int) -> Edited | object:
            in_force = walk.rulings.in_force(tenant)
            rule = in_force.checked.rule_set.named(name)
            if rule != habit.rule or self._habits.get((tenant, name)) is not habit:
                return None  # somebody was faster, or it was braked for these hits already
            shadow = msgspec.structs.replace(habit.rule, state="shadow", percentage=100)
            checked = msgspec.structs.replace(
                in_force.checked,
                rule_set=in_force.checked.rule_set.with_rule(shadow),
                rules=tuple(
                    msgspec.structs.replace(one, rule=shadow) if one.rule.name == name else one
                    for one in in_force.checked.rules
                ),
            )
            book = walk.windows.own.get(tenant, walk.windows.book)
            row = RuleSetRow(
                tenant=tenant, version=in_force.version + 1, content=encoded(checked.rule_set),
                features=msgspec.json.encode(features_used(checked, book)), note=told, author=BRAKE, approver=None,
                created_ms=self._clock.now_ms(), from_seq=seq,
            )  # fmt: skip
            orders: list[str] = []
            for position in touched:
                with leaving_out("brake", position):
                    orders.append(walk.ledger.stored(position)[0].event_id)
            self._publish(tenant, InForce(row.version, checked))
            del self._habits[tenant, name]
            log.warning("rule_braked", tenant=tenant, rule=name, hits=len(touched), of=len(habit.recent))
            RULES_BRAKED.inc()
            after = {"rule": name, "state": "shadow", "why": told, "touched": orders}
            return Edited(rule_set_published(row, "rule.braked", {"rule": name, "state": rule.state}, after), None)

        return edit


def _has_a_brake(walk: Walk, tenant: int) -> bool:
    return any(rule.brake for rule in walk.rulings.in_force(tenant).checked.rule_set.rules)
