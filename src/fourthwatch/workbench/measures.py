"""How well scores tell bad from good. What cannot be measured is None, never 0.5."""

from collections.abc import Sequence


def auc(scores: Sequence[float], bad: Sequence[bool]) -> float | None:
    """The chance that a bad case scores higher than a good one, ties counting half: 0 to 1, 0.5 is guessing.

    None when one of the two kinds is absent. Raises ValueError when the lengths differ or a score is NaN.
    Source: Mann and Whitney, 1947; computed from mid-ranks in O(n log n).

    >>> auc([10, 20, 30, 40], [False, False, True, True])
    1.0
    >>> auc([10, 20, 20, 40], [False, False, True, True])
    0.875
    >>> auc([10, 20], [False, False]) is None
    True
    """
    if len(scores) != len(bad):
        raise ValueError(f"{len(scores)} scores for {len(bad)} outcomes: they must be as many")
    if any(score != score for score in scores):
        raise ValueError("a score is not a number (NaN): leave unknown scores out")
    bad_count = sum(1 for is_bad in bad if is_bad)
    good_count = len(bad) - bad_count
    if bad_count == 0 or good_count == 0:
        return None
    order = sorted(range(len(scores)), key=scores.__getitem__)
    twice_rank_sum = 0  # of the bad ones; doubled, so that mid-ranks stay integers
    first = 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and scores[order[last + 1]] == scores[order[first]]:
            last += 1
        twice_mid_rank = first + last + 2
        twice_rank_sum += twice_mid_rank * sum(1 for at in order[first : last + 1] if bad[at])
        first = last + 1
    return (twice_rank_sum - bad_count * (bad_count + 1)) / (2 * bad_count * good_count)
