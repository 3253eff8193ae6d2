"""From a judgement to a score, a flag, a verdict and reasons in the contract's shape."""

import math
from typing import Any

import msgspec
import pytest

from fourthwatch.decision import Decision, Policy, actions_in, decide, versions_of, why
from fourthwatch.entities.version import ENRICHMENT_VERSION, NORMALISER_VERSION
from fourthwatch.features.catalogue import DECIDING, FEATURES_VERSION
from fourthwatch.features.windows import WINDOWS_VERSION
from fourthwatch.rules.rule import Action, Rule
from fourthwatch.rules.ruling import Judgement
from fourthwatch.rules.starter import STARTER_VERSION
from fourthwatch.wire.reply import Reason
from rules.judging import Judge, rule

VECTOR = tuple(float(number) if number % 3 else None for number in range(len(DECIDING)))
RULES = (
    rule("good", rule_class="allow"),
    rule("bad", rule_class="block"),
    rule("look", rule_class="review"),
    rule("some", weight=3.0),
)
ALLOW, BLOCK, REVIEW, SCORE = range(4)


def judgement(points: float, counted: tuple[int, ...] = ()) -> Judgement:
    return Judgement("hmu", counted, points, (), VECTOR, None, (1, "a"))


def points_of(probability: float) -> float:
    return 10 * math.log10(probability / (1 - probability))


def decided(points: float, counted: tuple[int, ...] = (), policy: Policy | None = None, rules: Any = RULES) -> Decision:
    return decide(judgement(points, counted), rules, policy or Policy(), versions_of(0))


def answer(probability: float, policy: Policy | None = None) -> tuple[int, str, str]:
    decision = decided(points_of(probability), (), policy)
    return decision.score, decision.flag, decision.verdict


@pytest.mark.parametrize(
    ("probability", "told"),
    [
        (0.004, (0, "green", "approve")),
        (0.699, (70, "green", "approve")),
        (0.70, (70, "green", "approve")),
        (0.7049, (70, "green", "approve")),
        (0.7051, (71, "red", "review")),
        (0.71, (71, "red", "review")),
        (0.94, (94, "red", "review")),
        (0.95, (95, "red", "decline")),
        (0.99999, (100, "red", "decline")),
    ],
)
def test_seventy_is_green_and_seventy_one_red(probability: float, told: tuple[int, str, str]) -> None:
    assert answer(probability) == told


@pytest.mark.parametrize(("red_above", "flag"), [(50, "red"), (51, "green"), (0, "red"), (100, "green")])
def test_the_shop_chooses_what_is_red(red_above: int, flag: str) -> None:
    assert answer(0.51, Policy(red_above=red_above, decline_above=100))[1] == flag


def test_scores_are_whole_from_0_to_100_and_rise_with_the_points() -> None:
    scores = [decided(points / 10).score for points in range(-600, 601)]
    assert all(type(score) is int for score in scores)
    assert scores == sorted(scores)
    assert set(scores) == set(range(101))


def test_no_number_of_signs_makes_a_certainty() -> None:
    assert 0 < decided(-1e6).probability < 1e-5
    assert 1 - 1e-5 < decided(1e6).probability < 1


# Precedence.


@pytest.mark.parametrize("points", [-60.0, -5.0, 5.0, 60.0])
def test_allow_goes_before_block_before_review_before_the_score(points: float) -> None:
    every = (ALLOW, BLOCK, REVIEW, SCORE)
    told = [(one.verdict, one.by, one.over) for one in (decided(points, every[first:]) for first in range(3))]
    assert told == [
        ("approve", "good", ("bad", "look")),
        ("decline", "bad", ("look",)),
        ("review", "look", ()),
    ]
    assert decided(points, (SCORE,)).by == ""


@pytest.mark.parametrize("points", [-60.0, -5.0, 3.0, 9.0, 60.0])
@pytest.mark.parametrize("first", range(4))
def test_a_review_or_a_refusal_is_always_red_and_an_approval_green_and_the_score_agrees(
    first: int, points: float
) -> None:
    one = decided(points, (first,))
    assert (one.flag == "red") == (one.verdict != "approve")
    assert (one.score > 70) == (one.flag == "red")
    assert (one.score > 94) == (one.verdict == "decline") or one.verdict == "review"


def test_a_score_that_agrees_already_is_left_alone() -> None:
    assert decided(points_of(0.97), (BLOCK,)).score == 97
    assert decided(points_of(0.20), (ALLOW,)).score == 20
    assert decided(points_of(0.20), (REVIEW,)).score == 71


def test_the_severest_verdict_that_a_score_rule_names_goes_before_the_score() -> None:
    named = tuple(
        rule(name, actions=(Action("verdict", name), Action("queue", "all")))
        for name in ("approve", "review", "decline")
    )
    assert decided(points_of(0.99), (0,), rules=named).verdict == "approve"
    one = decided(points_of(0.01), (0, 1), rules=named)
    assert (one.verdict, one.by, one.actions) == ("review", "review", (Action("queue", "all"),))
    assert decided(points_of(0.01), (1, 2, 0), rules=named).by == "decline"


@pytest.mark.parametrize(
    ("decision", "sentence"),
    [
        (decided(-15), "the score of 3 is not above 70"),
        (decided(points_of(0.8)), "the score of 80 is above 70"),
        (decided(points_of(0.99)), "the score of 99 is above 94"),
        (decided(-15, (BLOCK, REVIEW)), "the block rule bad decides, whatever the score, and goes before look"),
        (decided(-15, (REVIEW,)), "the review rule look decides, whatever the score"),
    ],
)
def test_each_precedence_has_its_reason(decision: Decision, sentence: str) -> None:
    assert why(decision, RULES, Policy()) == sentence


# What is kept.


def test_reasons_have_the_contracts_shape_with_values_as_text() -> None:
    judge = Judge(*[rule(f"r{n}", f"amount > {n}", weight=n + 1.0, reason=f"_code{n}") for n in range(15)])
    decision = decide(judge.judge(), judge.ruling.rules, Policy(), versions_of(1))
    told = msgspec.json.decode(msgspec.json.encode(decision.reasons))
    assert [reason["name"] for reason in told] == [f"_code{n}" for n in range(14, 2, -1)]
    for reason in told:
        assert reason.keys() == {"name", "display_name", "flag", "value", "is_display"}
        assert reason["flag"] in ("red", "green", "grey")
        assert type(reason["value"]) is str
        assert reason["is_display"] is True


def test_a_decision_holds_everything_it_was_made_of() -> None:
    decision = decide(judgement(-15), RULES, Policy(), versions_of(7), ("km_moved",), (40, 20))
    assert (decision.vector, decision.results, decision.given) == (VECTOR, "hmu", (1, "a"))
    assert (decision.unknown, decision.lacking, decision.micros) == (1, ("km_moved",), (40, 20))
    assert msgspec.to_builtins(decision.versions) == {
        "rules": 7,
        "features": FEATURES_VERSION,
        "windows": WINDOWS_VERSION,
        "normalisers": NORMALISER_VERSION,
        "enrichment": ENRICHMENT_VERSION,
    }
    assert msgspec.to_builtins(versions_of(0))["starter"] == STARTER_VERSION


def test_a_stored_decision_reads_back_as_it_was() -> None:
    reason = Reason("a", "A", "red", "1")
    one = Judgement("h", (BLOCK,), 3.0, (reason,), VECTOR, {"km": None}, ())
    rules: tuple[Rule, ...] = (*RULES[:1], rule("bad", rule_class="block", actions=(Action("tag", "x"),)))
    decision = decide(one, rules, Policy(), versions_of(3))
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision


def test_what_rules_want_done_is_read_from_a_stored_decision() -> None:
    tag, queue = Action("tag", "x"), Action("queue", "senior")
    rules = (rule("one", actions=(tag, queue)), rule("two", actions=(tag,)))
    stored = msgspec.json.encode(decided(-15, (0, 1), rules=rules))
    assert actions_in(stored) == (tag, queue)
    assert actions_in(b'{"score":3,"versions":{"scorecard":"scorecard-2"}}') == ()
