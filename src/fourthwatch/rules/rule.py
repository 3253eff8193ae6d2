"""A rule, and a set of rules, as values: what is stored, sent, kept in files and shown.

A set is changed as a whole and never in place; two sets are equal when they decide alike and say the same.
"""

from typing import Any, Literal, get_args

import msgspec

RuleClass = Literal["allow", "block", "review", "score"]
CLASSES: tuple[RuleClass, ...] = get_args(RuleClass)
"""In the order of precedence."""
RuleState = Literal["draft", "shadow", "percentage", "live", "paused"]
Expected = Literal["hit", "miss", "unknown"]
Doing = Literal["verdict", "list", "tag", "label", "queue", "webhook"]


GOOD = "good"


class Action(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Something that is done when the rule hits and counts; recorded with the decision."""

    do: Doing
    to: str
    """The verdict, or the name of the list, label, queue or webhook; of `tag` the kind of abuse."""
    thing: str = ""
    """Of `list`: what goes in, as behind `by`: `card`, `email`, …; of `tag`: `good` where the mark is no bad one."""
    days: int = 0
    """Of `list`: after how many days the entry expires; 0 for never."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An event of an example that comes before the one that is judged."""

    event: str
    """The kind, as in the path it is sent to."""
    body: dict[str, Any] = {}
    seconds_before: int = 0
    """How long before the event that is judged."""


class Example(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An event, and what the rule must say of it."""

    expect: Expected
    event: str = "createOrder"
    body: dict[str, Any] = {}
    given: dict[str, int | float | str | bool] = {}
    """Values of features, or of aggregates by their text, that are taken as known without a past."""
    before: tuple[Told, ...] = ()
    """What happened earlier, in this order."""


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename={"rule_class": "class"}):
    """One condition, and what follows when it holds."""

    name: str
    """Small letters, digits and underscores, beginning with a letter."""
    rule_class: RuleClass
    when: str
    """In the language; true, false or unknown."""
    says: str
    """A sentence for the merchant, shown with the reason."""
    weight: float = 0.0
    """Points, of a score rule: 10 make the odds of fraud ten times as high, 3 double them, negative ones lower them."""
    reason: str = ""
    """The code shown with a decision; the name when there is none of its own."""
    shows: str = ""
    """An expression whose value the reason shows; the first thing that the condition reads when there is none."""
    state: RuleState = "live"
    percentage: int = 100
    """Of the state `percentage`: for how many customers of a hundred it counts; the same ones every time."""
    actions: tuple[Action, ...] = ()
    owner: str = ""
    examples: tuple[Example, ...] = ()
    brake: float = 0.0
    """How many times its usual rate it may hit before it drops to shadow by itself; 0 for no brake."""

    @property
    def code(self) -> str:
        """Of the reason."""
        return self.reason or self.name

    @property
    def is_evaluated(self) -> bool:
        """Whether events are held against it at all."""
        return self.state in ("shadow", "percentage", "live")


class RuleSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of a tenant, as they hold together."""

    rules: tuple[Rule, ...]
    prior: float = -15.0
    """Points that an order begins with: -15 are three bad orders in a hundred."""
    presets: tuple[str, ...] = ()
    """Groups of the starter set that it was made of, for people."""

    def named(self, name: str) -> Rule | None:
        """The rule of this name."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def with_rule(self, rule: Rule) -> "RuleSet":
        """The set with a rule in the place of the one of its name, or behind all others."""
        if self.named(rule.name) is None:
            return msgspec.structs.replace(self, rules=(*self.rules, rule))
        return msgspec.structs.replace(self, rules=tuple(rule if one.name == rule.name else one for one in self.rules))

    def without(self, name: str) -> "RuleSet":
        """The set with this rule taken out."""
        return msgspec.structs.replace(self, rules=tuple(one for one in self.rules if one.name != name))


def encoded(rule_set: RuleSet) -> bytes:
    """A set as it is stored; equal sets give equal bytes."""
    return msgspec.json.encode(rule_set)


def decoded(content: bytes) -> RuleSet:
    """A stored set; raises `msgspec.ValidationError` for what is none."""
    return msgspec.json.decode(content, type=RuleSet)
