"""What orders that chance let pass stand for: each counts by one over its propensity, or the share would be off."""

from random import Random

from fourthwatch.api.exploration import estimated

SEEDS = 200


def _released(random: Random) -> tuple[list[tuple[float, bool]], float]:
    """Weights and ends of those let pass, and the share of good ones among all that would have been declined.

    While the policy let pass 20 % most of them were good; then it let pass 2 %, and hardly any were.
    """
    ends, good = [], 0
    for number in range(6_000):
        propensity, is_good = (0.2, random.random() < 0.6) if number < 2_000 else (0.02, random.random() < 0.1)
        good += is_good
        if random.random() < propensity:
            ends.append((1 / propensity, not is_good))
    return ends, good / 6_000


def test_the_share_of_good_ones_is_that_of_all_would_be_declines_and_not_of_those_let_pass() -> None:
    off, plainly = [], []
    for seed in range(SEEDS):
        ends, truth = _released(Random(seed))
        share, _, _ = estimated(ends)
        assert share is not None
        off.append(share - truth)
        plainly.append(sum(not bad for _, bad in ends) / len(ends) - truth)
    assert abs(sum(off) / SEEDS) < 0.01
    assert sum(plainly) / SEEDS > 0.2  # what counting them alike would say


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(SEEDS):
        ends, truth = _released(Random(seed))
        _, low, high = estimated(ends)
        assert low is not None
        assert high is not None
        held += low <= truth <= high
    assert held >= 0.9 * SEEDS
