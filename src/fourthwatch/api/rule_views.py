"""Rules and rule sets as the management API shows and takes them."""

from collections.abc import Sequence

import msgspec

from fourthwatch.clock import iso_ms
from fourthwatch.engine.rulings import InForce
from fourthwatch.errors import Finding
from fourthwatch.rules.difference import Difference
from fourthwatch.rules.rule import Rule, RuleSet, decoded
from fourthwatch.rules.starter import STARTER_VERSION
from fourthwatch.store.rule_sets import ProposalRow, RuleSetRow

NOTE_CHARS_MAX = 300


class RuleSetSent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole set, to be checked or published."""

    rules: tuple[Rule, ...]
    prior: float = -15.0
    presets: tuple[str, ...] = ()
    note: str = ""
    """Why; kept with the version."""

    @property
    def rule_set(self) -> RuleSet:
        """Without the note."""
        return RuleSet(self.rules, self.prior, self.presets)


class NoteSent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why something is published."""

    note: str = ""


class DifferenceView(msgspec.Struct, frozen=True):
    """One rule that is not the same in two sets."""

    rule: str
    """Its name; empty when it is the prior that differs."""
    kind: str
    """added, removed, changed or moved."""
    keys: tuple[str, ...]
    """Of a changed one, what of it changed."""
    before: Rule | None
    after: Rule | None


class RuleSetHead(msgspec.Struct, frozen=True):
    """A version, without its rules."""

    version: int
    """0 is the starter set."""
    in_force: bool
    author: str
    """Id of the key that it was published with; `brake` when a rule was taken out of force by itself."""
    approver: str | None
    """Id of the second key, where two are wanted."""
    note: str
    created_at: str | None
    from_position: int | None
    """Position in the ledger from which it holds; null for the starter set."""
    rules: int


class RuleSetView(msgspec.Struct, frozen=True):
    """A version with all its rules."""

    version: int
    in_force: bool
    author: str
    approver: str | None
    note: str
    created_at: str | None
    from_position: int | None
    prior: float
    presets: tuple[str, ...]
    rules: tuple[Rule, ...]


class RuleSetsView(msgspec.Struct, frozen=True):
    """A page of versions."""

    rule_sets: tuple[RuleSetHead, ...]
    """Newest first."""
    next: str | None


class CheckedView(msgspec.Struct, frozen=True):
    """A set that was checked and holds, with what publishing it would change."""

    rules: int
    examples: int
    """Tried, and all as they should be."""
    aggregates: int
    """Different questions to the past that are written inline."""
    differences: tuple[DifferenceView, ...]
    findings: tuple[Finding, ...]
    """What looks wrong, and is no reason to refuse it: as `fourthwatch rules lint --json` tells it."""
    warnings: tuple[str, ...]
    """The same as sentences, each with the name of its rule."""


class PublishedView(msgspec.Struct, frozen=True):
    """What became of a set that was sent."""

    version: int | None
    """Null when it waits for a second pair of eyes."""
    proposal: int | None
    """Its number, when it waits."""
    differences: tuple[DifferenceView, ...]
    findings: tuple[Finding, ...]
    """What looks wrong about the set, and was no reason to refuse it: as `fourthwatch rules lint --json` tells it."""


class DifferencesView(msgspec.Struct, frozen=True):
    """What differs between two versions."""

    version: int
    against: int
    differences: tuple[DifferenceView, ...]


class RuleView(msgspec.Struct, frozen=True):
    """A rule in force."""

    rule: Rule
    version: int
    """Of the set that it stands in."""
    tree: msgspec.Raw
    """The condition as a tree, for builders; `when` may be sent as such a tree, too."""


class RulesView(msgspec.Struct, frozen=True):
    """A page of the rules in force."""

    version: int
    rules: tuple[Rule, ...]
    next: str | None


class RuleCount(msgspec.Struct, frozen=True):
    """How often a rule came out how."""

    rule: str
    state: str
    hits: int
    misses: int
    unknown: int


class StatisticsView(msgspec.Struct, frozen=True):
    """What a version said of its newest decisions."""

    version: int
    decisions: int
    """Of this version among the tenant's newest 20,000."""
    rules: tuple[RuleCount, ...]


class ProposalView(msgspec.Struct, frozen=True):
    """A set that waits for somebody else than its author."""

    proposal: int
    base: int
    """Version that was in force when it was made."""
    author: str
    note: str
    created_at: str
    differences: tuple[DifferenceView, ...]


class ProposalsView(msgspec.Struct, frozen=True):
    """A page of those that wait, the oldest first."""

    proposals: tuple[ProposalView, ...]
    next: str | None
    """Send as `cursor` for newer ones; null when there are none."""


def head_of(row: RuleSetRow, newest: int) -> RuleSetHead:
    """A stored version."""
    return RuleSetHead(
        row.version, row.version == newest, row.author, row.approver, row.note, iso_ms(row.created_ms), row.from_seq,
        len(decoded(row.content).rules),
    )  # fmt: skip


def starter_head(in_force: InForce, newest: int) -> RuleSetHead:
    """Version 0."""
    note = f"the starter set, version {STARTER_VERSION}"
    return RuleSetHead(0, newest == 0, "", None, note, None, None, len(in_force.checked.rule_set.rules))


def view_of(head: RuleSetHead, rule_set: RuleSet) -> RuleSetView:
    """A version with its rules."""
    told = {name: getattr(head, name) for name in head.__struct_fields__ if name != "rules"}
    return RuleSetView(**told, prior=rule_set.prior, presets=rule_set.presets, rules=rule_set.rules)


def difference_views(found: list[Difference]) -> tuple[DifferenceView, ...]:
    """Differences as they are shown."""
    return tuple(DifferenceView(one.rule, one.kind, one.keys, one.before, one.after) for one in found)


def proposal_view(row: ProposalRow, found: list[Difference]) -> ProposalView:
    """A proposal as it is shown."""
    return ProposalView(row.id, row.base, row.author, row.note, iso_ms(row.created_ms), difference_views(found))


def statistics_of(version: int, rule_set: RuleSet, told: Sequence[str]) -> StatisticsView:
    """Counts by rule, from results of decisions."""
    evaluated = [rule for rule in rule_set.rules if rule.is_evaluated]
    whole = [results for results in told if len(results) == len(evaluated)]
    columns = ["".join(column) for column in zip(*whole, strict=True)] or [""] * len(evaluated)
    counts = tuple(
        RuleCount(rule.name, rule.state, column.count("h"), column.count("m"), column.count("u"))
        for rule, column in zip(evaluated, columns, strict=True)
    )
    return StatisticsView(version, len(whole), counts)
