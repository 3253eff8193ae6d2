"""A judgement to a decision: score, flag, verdict, reasons, and everything they were made of.

Pure, and the one place where points become a probability (0 to 1), a probability a score (0 to 100), a score a colour.
Classes go before points: allow over block over review over the score.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from fourthwatch.decision.exploration import Exploration, Explored
from fourthwatch.decision.opinion import Foretold, Opinion, pack
from fourthwatch.entities.version import ENRICHMENT_VERSION, NORMALISER_VERSION
from fourthwatch.features.catalogue import FEATURES_VERSION, Vector
from fourthwatch.features.windows import WINDOWS_VERSION
from fourthwatch.language import Value
from fourthwatch.limits import POINTS_BOUND, REASONS_MAX
from fourthwatch.rules.rule import Action, Rule
from fourthwatch.rules.ruling import UNKNOWN, Judgement
from fourthwatch.rules.starter import STARTER_VERSION
from fourthwatch.wire.reply import Reason

Flag = Literal["red", "green"]
Verdict = Literal["approve", "review", "decline"]
_SEVERITY: dict[str, int] = {"approve": 0, "review": 1, "decline": 2}


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it costs to be wrong, and to look, in minor units; comparisons are made in it, no decision is."""

    currency: str = ""
    """Of the amounts here; empty while nobody has said what anything costs."""
    review_minor: int = 0
    """A person's look at one order."""
    chargeback_minor: int = 0
    """The bank's fee for a dispute, beside the amount."""
    return_minor: int = 0
    """A parcel that comes back."""
    margin_percent: int = 0
    """Of an order's amount that is lost when a good one is turned away."""


class Policy(msgspec.Struct, frozen=True):
    """A tenant's thresholds."""

    red_above: int = 70
    """Scores above this are red and go to review; 70 itself is green (contract, section 9, row 22)."""
    decline_above: int = 94
    """Scores above this are declined."""
    deadline_ms: int = 50
    """How long an order may have waited, from its receipt, before parts of its decision are put off."""
    costs: Costs = Costs()
    four_eyes: bool = False
    """Whether a rule set is published only when a second key has approved it."""
    version: int = 0
    """Of the tenant's; 0 while it has set none."""
    exploration: Exploration = Exploration()


class Versions(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What has to be put back to come to the same decision again."""

    rules: int = 0
    """Version of the tenant's rule set; 0 while it has published none and is judged by the starter set."""
    starter: int = 0
    """Version of the starter set, when that judged."""
    features: int = 0
    windows: int = 0
    normalisers: int = 0
    enrichment: str = ""
    """Of the tables that come with libraries: phone plans, public suffixes, disposable mail domains, time zones."""
    files: Mapping[str, str] = {}
    """Files of the operator's that facts are looked up in, by name."""


def versions_of(rules: int, files: Mapping[str, str] | None = None) -> Versions:
    """Of this program, with a version of a rule set and those of the operator's files."""
    return Versions(
        rules,
        0 if rules else STARTER_VERSION,
        FEATURES_VERSION,
        WINDOWS_VERSION,
        NORMALISER_VERSION,
        ENRICHMENT_VERSION,
        files or {},
    )


class Decision(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A verdict with what it was made of."""

    score: int
    """0 to 100."""
    flag: Flag
    verdict: Verdict
    probability: float
    """0 to 1: the model's, or without one that of the points alone, of which the score is then the percentage."""
    reasons: tuple[Reason, ...]
    vector: Vector
    """In the order of the catalogue of this features' version."""
    unknown: int
    """Rules that were unknown."""
    versions: Versions
    thresholds: tuple[int, int] = (70, 94)
    """Of the tenant then: red above the first, declined above the second."""
    results: str = ""
    """A letter per evaluated rule of the set, in its order: h(it), m(iss), u(nknown)."""
    given: tuple[Any, ...] = ()
    """What rules read beside vector and event; see `given_inputs`."""
    by: str = ""
    """The rule that decided; empty when the score did."""
    over: tuple[str, ...] = ()
    """Rules of lower classes that hit, and were overruled."""
    actions: tuple[Action, ...] = ()
    """What is to be done, beside the verdict."""
    lacking: tuple[str, ...] = ()
    """Features and aggregates that were unknown because their past was not in."""
    own: dict[str, Value | None] | msgspec.UnsetType = msgspec.UNSET
    """The tenant's own features by name; absent when it has none."""
    model: str = ""
    """The model whose probability and score these are; empty when the points of the rules judged."""
    model_vector: tuple[float | None, ...] = ()
    """What the model was handed, in its manifest's order."""
    shadows: tuple[tuple[str, float], ...] = ()
    """Models that looked on, and the probability of each."""
    judged_on: int = 0
    """Position of the order's submission, when model, probability and `model_vector`, and of shadows those that looked
    on then, are taken on from the decision on it; 0: models judged the event itself."""
    micros: tuple[int, ...] = ()
    """What it took, in microseconds: reading, then judging. No part of what is compared."""
    policy: int = 0
    """Version of the tenant's policy; 0 while it has set none."""
    degraded: tuple[str, ...] = ()
    """Stages that were skipped because the order had waited for too long."""
    explored: Explored | msgspec.UnsetType = msgspec.UNSET
    """What chance did, of an order that the score would have declined while exploration was on."""


def decide(
    judgement: Judgement,
    rules: Sequence[Rule],
    policy: Policy,
    versions: Versions,
    lacking: tuple[str, ...] = (),
    micros: tuple[int, ...] = (),
    degraded: tuple[str, ...] = (),
    opinion: Opinion | None = None,
) -> Decision:
    """The answer to one order; `rules` are those that were evaluated. A champion's `opinion` goes before points."""
    opinion = _NO_OPINION if opinion is None else opinion
    if opinion.model:
        probability, score = opinion.probability, opinion.score
    else:
        probability = 1 / (1 + math.pow(10, -max(-POINTS_BOUND, min(POINTS_BOUND, judgement.points)) / 10))
        score = round(probability * 100)
    verdict = _verdict_of(score, policy)
    counted = judgement.counted
    by = ""
    over: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    if counted:
        first = rules[counted[0]]
        acting = [rule for at in counted if (rule := rules[at]).actions]
        if first.rule_class != "score":
            by = first.name
            over = tuple([rules[at].name for at in counted if rules[at].rule_class not in (first.rule_class, "score")])
            verdict = _VERDICT_OF[first.rule_class]
        elif acting:
            by, verdict = _wished(acting, verdict)
        if by:
            score = _score_for(verdict, score, policy)
        actions = tuple(dict.fromkeys([one for rule in acting for one in rule.actions if one.do != "verdict"]))
    return Decision(
        score=score,
        flag="green" if verdict == "approve" else "red",
        verdict=verdict,
        probability=probability,
        reasons=merged(judgement.reasons, opinion.reasons),
        vector=judgement.vector,
        unknown=judgement.results.count(UNKNOWN),
        versions=versions,
        thresholds=(policy.red_above, policy.decline_above),
        results=judgement.results,
        given=judgement.given,
        by=by,
        over=over,
        actions=actions,
        lacking=lacking,
        own=msgspec.UNSET if judgement.own is None else judgement.own,
        model=opinion.model,
        model_vector=opinion.vector,
        shadows=opinion.shadows,
        judged_on=opinion.judged_on,
        micros=micros,
        policy=policy.version,
        degraded=degraded,
    )


def let_pass(decision: Decision, told: Explored) -> Decision:
    """A decision to decline with what chance did to it."""
    if not told.released:
        return msgspec.structs.replace(decision, explored=told)
    score = min(decision.score, decision.thresholds[0])
    return msgspec.structs.replace(decision, score=score, flag="green", verdict="approve", explored=told)


class _Actions(msgspec.Struct):
    actions: tuple[Action, ...] = ()


_actions = msgspec.json.Decoder(_Actions)


def actions_in(detail: bytes) -> tuple[Action, ...]:
    """What a stored decision's rules want done, beside the verdict; nothing for those from before there were rules."""
    return _actions.decode(detail).actions


class _Foretelling(msgspec.Struct):
    model: str = ""
    probability: float = 0.0
    model_vector: tuple[int | float | None, ...] = ()
    shadows: tuple[tuple[str, float], ...] = ()
    degraded: tuple[str, ...] = ()


_foretelling = msgspec.json.Decoder(_Foretelling)


def foretold_by(seq: int, made: Opinion | None, degraded: tuple[str, ...]) -> Foretold:
    """What events behind a submission take on from what models made of it: nothing of one that some features were put
    off for, since what comes behind it can be judged in full."""
    if degraded and not set(degraded) <= _NOT_READ:
        return Foretold()
    if made is None or not (made.model or made.shadows):
        return Foretold(seq)
    return Foretold(seq, made.model, made.probability, pack(made.vector), made.shadows)


def foretold_in(seq: int, detail: bytes | None) -> Foretold:
    """The same of a stored decision; nothing of none."""
    if detail is None:
        return Foretold()
    told = _foretelling.decode(detail)
    opinion = Opinion(told.model, told.probability, vector=told.model_vector, shadows=told.shadows)
    return foretold_by(seq, opinion, told.degraded)


_NOT_READ = frozenset({"explanation"})
"""Stages that no model reads anything of."""
_NO_OPINION = Opinion()


def merged(of_rules: tuple[Reason, ...], of_model: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """The rules' reasons, and behind them what the model saw that no rule says."""
    if not of_model:
        return of_rules
    told = {reason.name for reason in of_rules}
    return (*of_rules, *(reason for reason in of_model if reason.name not in told))[:REASONS_MAX]


def why(decision: Decision, rules: Sequence[Rule], policy: Policy) -> str:
    """Why the verdict is what it is, in a sentence."""
    if decision.explored is not msgspec.UNSET and decision.explored.released:
        return "it would be declined, and was let pass by chance, to measure how many of such orders are good"
    if not decision.by:
        if decision.verdict == "approve":
            return f"the score of {decision.score} is not above {policy.red_above}"
        limit = policy.red_above if decision.verdict == "review" else policy.decline_above
        return f"the score of {decision.score} is above {limit}"
    rule = next((one for one in rules if one.name == decision.by), None)
    which = "a rule" if rule is None else f"the {rule.rule_class} rule"
    told = f"{which} {decision.by} decides, whatever the score"
    return told + (f", and goes before {', '.join(decision.over)}" if decision.over else "")


_VERDICT_OF: dict[str, Verdict] = {"allow": "approve", "block": "decline", "review": "review"}


def _verdict_of(score: int, policy: Policy) -> Verdict:
    return "decline" if score > policy.decline_above else "review" if score > policy.red_above else "approve"


def _wished(rules: Sequence[Rule], verdict: Verdict) -> tuple[str, Verdict]:
    """The severest verdict that a score rule names, where one does, and the rule."""
    by, found = "", verdict
    for rule in rules:
        for action in rule.actions:
            if action.do == "verdict" and (not by or _SEVERITY[action.to] > _SEVERITY[found]):
                by, found = rule.name, action.to  # type: ignore[assignment]
    return by, found


def _score_for(verdict: Verdict, score: int, policy: Policy) -> int:
    """The nearest score that has the colour of a verdict which a rule decided."""
    if verdict == "approve":
        return min(score, policy.red_above)
    if verdict == "review":
        return min(100, max(score, policy.red_above + 1))
    return min(100, max(score, policy.decline_above + 1))
