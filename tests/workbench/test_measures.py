from random import Random

import pytest

from fourthwatch.workbench.measures import auc


def auc_by_pairs(scores: list[float], bad: list[bool]) -> float:
    bads = [s for s, b in zip(scores, bad, strict=True) if b]
    goods = [s for s, b in zip(scores, bad, strict=True) if not b]
    won = sum(1.0 if b > g else 0.5 if b == g else 0.0 for b in bads for g in goods)
    return won / (len(bads) * len(goods))


def test_auc_equals_counting_all_pairs_with_and_without_ties() -> None:
    checked = 0
    for seed in range(300):
        random = Random(seed)
        count, levels = random.randint(2, 40), random.choice((2, 5, 1_000_000))
        scores = [random.randrange(levels) / 7 for _ in range(count)]
        bad = [random.random() < 0.4 for _ in range(count)]
        if 0 < sum(bad) < count:
            found = auc(scores, bad)
            assert found is not None
            assert found == pytest.approx(auc_by_pairs(scores, bad), abs=1e-12)
            checked += 1
    assert checked > 250


def test_auc_of_equal_scores_is_one_half() -> None:
    assert auc([3.0] * 10, [True, False] * 5) == 0.5


def test_auc_of_one_kind_alone_is_unknown() -> None:
    assert auc([1, 2], [True, True]) is None
    assert auc([], []) is None


def test_auc_refuses_what_is_no_pairing() -> None:
    with pytest.raises(ValueError, match="3 scores for 1 outcomes"):
        auc([1, 2, 3], [True])
    with pytest.raises(ValueError, match="NaN"):
        auc([1, float("nan")], [True, False])
