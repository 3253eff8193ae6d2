"""A shop with rules: events told to real windows, each judged before it counts."""

from typing import Any

from fourthwatch.features.catalogue import built_in
from fourthwatch.features.observe import Present
from fourthwatch.features.windows import Windows
from fourthwatch.rules.check import check_set
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.rules.ruling import Judgement, Ruling
from story import NOW_MS, Story

TENANT = 1
ORDER: dict[str, Any] = {"_orderId": "o-1", "_userId": "asha", "_amount": "500", "_currencyCode": "INR"}


def rule(name: str = "one", when: str = "amount > 400", rule_class: Any = "score", **different: Any) -> Rule:
    """A rule, with a weight when it is one that has it."""
    different.setdefault("weight", 5.0 if rule_class == "score" else 0.0)
    return Rule(name=name, rule_class=rule_class, when=when, says="A sentence", **different)


class Judge:
    """A rule set over windows that are told a story."""

    def __init__(self, *rules: Rule, prior: float = -15.0) -> None:
        checked = check_set(RuleSet(rules, prior), built_in().for_tenant(), TENANT)
        self.windows = Windows(asked={TENANT: checked.asking})
        self.ruling = Ruling(checked, self.windows)
        self._story = Story(TENANT, self.windows)

    def judge(self, kind: str = "createOrder", at_ms: int = NOW_MS, **body: Any) -> Judgement:
        """What the rules say; the event counts from then on."""
        present = Present(self._story.subject(kind, at_ms, **(body or ORDER)), {})
        judgement = self.ruling.judge(present)
        self.windows.add(present)
        self._story.seq += 1
        return judgement
