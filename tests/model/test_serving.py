"""A model as it judges: the stated score map, contributions with sentences, drift."""

from random import Random

import pytest

from fourthwatch.errors import ModelRefused
from fourthwatch.model.manifest import Calibration, ScoreMap, Use, read_manifest
from fourthwatch.model.score import exact_score, probability_at, probability_of, score_of
from fourthwatch.model.serving import LiveModel, worth_telling
from fourthwatch.model.stability import ALARM, drift_of, population_stability, score_shares
from small_model import WIDTH, package_of, small_model, without_answers


@pytest.mark.parametrize("at_70", [0.01, 0.1, 0.3, 0.7])
def test_70_means_what_was_said_and_the_score_never_falls_with_the_probability(at_70: float) -> None:
    score_map = ScoreMap(at_70)
    assert score_of(at_70, score_map) == 70
    scores = [exact_score(at / 1_000, score_map) for at in range(1_001)]
    assert scores == sorted(scores)
    assert (scores[0], scores[-1]) == (0.0, 100.0)
    assert probability_at(70, score_map) == pytest.approx(at_70)


def test_two_models_with_one_map_give_one_score_to_one_probability() -> None:
    first, second = Calibration(1.0, 0.0), Calibration(2.0, -1.0)
    margin = 0.4
    same = probability_of(margin, first)
    assert probability_of((margin + 1.0) / 2.0, second) == pytest.approx(same)


@pytest.mark.parametrize("leaf", [b"nan", b"inf", b"-inf"])
def test_what_is_no_number_is_no_probability(leaf: bytes) -> None:
    good = small_model()
    package = package_of(without_answers(good.body, leaf), good.golden, 300)
    live = LiveModel.of(read_manifest(package), package)
    with pytest.raises(ModelRefused, match=rf"^the model gives {leaf.decode()} for a row, which is no margin$"):
        live.judge([-2.0, *[0.0] * (WIDTH - 1)])
    assert 0 < live.judge([2.0, *[0.0] * (WIDTH - 1)]).probability < 1
    live.close()


def test_contributions_come_strongest_first_with_the_manifests_sentences() -> None:
    package = small_model()
    live = LiveModel.of(read_manifest(package), package)
    told = live.contributions([3.0, 2.0, 2.0, 0.0, 0.0, None, 0.0, 0.0])
    assert len(told) == WIDTH
    assert [abs(one.log_odds) for one in told] == sorted([abs(one.log_odds) for one in told], reverse=True)
    assert {one.says for one in told} == {f"thing {at}" for at in range(WIDTH)}
    assert len(worth_telling(told)) <= 6
    live.close()


def test_what_a_manifest_does_not_say_of_a_feature_of_the_catalogue_stands_in_the_catalogue() -> None:
    good = small_model()
    names = ["amount", "address_length", "amount_too", "mine", *[f"f{at}" for at in range(WIDTH - 4)]]
    uses = [Use(name=name) for name in names]
    uses[1] = Use(name="address_length", says="a word of the shop's own", reason="own_code")
    uses[2] = Use(name="amount_too", text="amount * 2")
    package = package_of(good.body, good.golden, 300, features=tuple(uses))
    live = LiveModel.of(read_manifest(package), package)
    told = {one.feature: (one.reason, one.says) for one in live.contributions([1.0] * WIDTH)}
    assert told["amount"] == ("high_purchase_amount", "total of the order")
    assert told["address_length"] == ("own_code", "a word of the shop's own")
    assert told["amount_too"] == ("amount_too", "amount_too")
    assert told["mine"] == ("mine", "mine")
    live.close()


def test_drift_is_seen_where_it_is_and_nowhere_else() -> None:
    good = small_model()
    edges = (-0.5, 0.5)
    uses = tuple(Use(name=f"f{at}", edges=edges, shares=(0.31, 0.38, 0.31, 0.0)) for at in range(WIDTH))
    shares = tuple(0.05 for _ in range(20))
    manifest = read_manifest(package_of(good.body, good.golden, 300, features=uses, score_shares=shares))
    random = Random(4)
    rows: list[list[float | None]] = [[random.gauss(0, 1) for _ in range(WIDTH)] for _ in range(1_000)]
    for row in rows:
        row[3] = None if random.random() < 0.5 else 2.0
    drift = drift_of(manifest, rows, [at % 100 for at in range(1_000)])
    assert drift.alarms == ("f3",)
    assert drift.score is not None
    assert drift.score < 0.01
    assert drift_of(manifest, rows[:50], [1] * 50).score is None


def test_scores_that_all_move_by_three_points_are_no_drift_and_by_ten_they_are() -> None:
    before = score_shares([*[9.9] * 900, *[90.0] * 100])
    for points, is_drift in ((0.2, False), (3.0, False), (10.0, True)):
        moved = population_stability(before, score_shares([*[9.9 + points] * 900, *[90.0] * 100]))
        assert (moved >= ALARM) is is_drift, points
    assert population_stability(before, score_shares([*[9.9] * 600, *[90.0] * 400])) >= ALARM
