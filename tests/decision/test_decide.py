"""From a probability to a score, a flag, a verdict and reasons in the contract's shape."""

import msgspec
import pytest

from fourthwatch.decision import Policy, decide
from fourthwatch.entities.version import NORMALISER_VERSION
from fourthwatch.features.catalogue import DECIDING, FEATURES_VERSION, INDEX, built_in
from fourthwatch.features.windows import WINDOWS_VERSION
from fourthwatch.rules.scorecard import SCORECARD, SCORECARD_VERSION, Assessment, assess

BOOK = built_in()


def unit_of(name: str) -> str:
    found = BOOK.get(name)
    assert found is not None
    return found.feature.unit


VECTOR = tuple(float(number) if number % 3 else None for number in range(len(DECIDING)))


def decided(probability: float, policy: Policy | None = None) -> tuple[int, str, str]:
    decision = decide(Assessment(probability, (), 0), VECTOR, policy or Policy())
    return decision.score, decision.flag, decision.verdict


@pytest.mark.parametrize(
    ("probability", "answer"),
    [
        (0.0, (0, "green", "approve")),
        (0.004, (0, "green", "approve")),
        (0.699, (70, "green", "approve")),
        (0.70, (70, "green", "approve")),
        (0.7049, (70, "green", "approve")),
        (0.7051, (71, "red", "review")),
        (0.71, (71, "red", "review")),
        (0.94, (94, "red", "review")),
        (0.95, (95, "red", "decline")),
        (1.0, (100, "red", "decline")),
    ],
)
def test_seventy_is_green_and_seventy_one_red(probability: float, answer: tuple[int, str, str]) -> None:
    assert decided(probability) == answer


@pytest.mark.parametrize(("red_above", "flag"), [(50, "red"), (51, "green"), (0, "red"), (100, "green")])
def test_the_shop_chooses_what_is_red(red_above: int, flag: str) -> None:
    assert decided(0.51, Policy(red_above=red_above, decline_above=100))[1] == flag


def test_scores_are_whole_from_0_to_100_and_rise_with_the_probability() -> None:
    scores = [decided(thousandth / 1_000)[0] for thousandth in range(1_001)]
    assert all(type(score) is int for score in scores)
    assert scores == sorted(scores)
    assert set(scores) == set(range(101))


def test_only_red_and_green_leave_the_system() -> None:
    flags = {decided(thousandth / 1_000)[1] for thousandth in range(1_001)}
    assert flags == {"red", "green"}


def test_a_review_or_a_refusal_is_always_red_and_an_approval_green() -> None:
    pairs = {decided(thousandth / 1_000)[1:] for thousandth in range(1_001)}
    assert pairs == {("green", "approve"), ("red", "review"), ("red", "decline")}


def test_reasons_have_the_contracts_shape_with_values_as_text() -> None:
    vector = tuple(1.0 if unit_of(name) == "0 or 1" else 6.0 for name in DECIDING)
    decision = decide(assess(vector), vector, Policy())
    told = msgspec.json.decode(msgspec.json.encode(decision.reasons))
    assert len(told) == 12
    names = {reason.name: reason.display_name for reason in SCORECARD}
    for reason in told:
        assert reason.keys() == {"name", "display_name", "flag", "value", "is_display"}
        assert names[reason["name"]] == reason["display_name"]
        assert reason["flag"] in ("red", "green", "grey")
        assert type(reason["value"]) is str
        assert reason["is_display"] is True


def test_failed_payments_are_told_under_their_documented_name_with_their_number() -> None:
    values: list[float | None] = [None] * len(DECIDING)
    values[INDEX["failed_transactions_24h"]] = 5.0
    decision = decide(assess(tuple(values)), tuple(values), Policy())
    assert [(reason.name, reason.flag, reason.value) for reason in decision.reasons] == [
        ("_numOfFailedTransactions", "red", "5")
    ]


def test_a_decision_holds_everything_it_was_made_of() -> None:
    decision = decide(Assessment(0.25, (), 7), VECTOR, Policy())
    assert (decision.vector, decision.probability, decision.unknown) == (VECTOR, 0.25, 7)
    assert msgspec.to_builtins(decision.versions) == {
        "scorecard": SCORECARD_VERSION,
        "features": FEATURES_VERSION,
        "windows": WINDOWS_VERSION,
        "normalisers": NORMALISER_VERSION,
    }


def test_a_stored_decision_reads_back_with_its_unknowns() -> None:
    decision = decide(Assessment(0.25, (), 7), VECTOR, Policy())
    assert msgspec.json.decode(msgspec.json.encode(decision))["vector"] == list(VECTOR)
