"""How far what comes is from what a model was trained on: the population stability index, by feature and score."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from fourthwatch.model.manifest import SCORE_GROUPS, Manifest, Use

ALARM = 0.25
"""From here on much has changed; below 0.1 little has (the usual reading in credit scoring)."""
ROWS_MIN = 200
"""With fewer the index is chance."""
_LEAST = 1e-4
_NEAR, _NEAR_GROUPS = 15.0, 7
"""Points of a score that are near, and in how many groups these can lie."""
_SEEN_BEFORE = 0.5
"""So many rows are thought to be in each group of scores besides: of few rows an empty group says little."""


class Drift(msgspec.Struct, frozen=True):
    """Of the newest decisions of one model."""

    model: str
    decisions: int
    score: float | None
    """`None`: too few decisions, or the model was not measured."""
    features: dict[str, float]
    """By name; the greatest first."""

    @property
    def alarms(self) -> tuple[str, ...]:
        """What has moved by more than may be let pass."""
        moved = [name for name, value in self.features.items() if value >= ALARM]
        return (*(("score",) if self.score is not None and self.score >= ALARM else ()), *moved)


def drift_of(manifest: Manifest, vectors: Sequence[Sequence[float | None]], scores: Sequence[int]) -> Drift:
    """From the newest vectors that a model was handed, and the scores it gave."""
    if len(vectors) < ROWS_MIN:
        return Drift(manifest.id, len(vectors), None, {})
    found = {
        use.name: round(population_stability(use.shares, _shares(use, [row[at] for row in vectors])), 4)
        for at, use in enumerate(manifest.features)
        if use.shares
    }
    ordered = dict(sorted(found.items(), key=lambda one: -one[1]))
    score = population_stability(manifest.score_shares, score_shares(scores)) if manifest.score_shares else None
    return Drift(manifest.id, len(vectors), None if score is None else round(score, 4), ordered)


def score_shares(scores: Iterable[float]) -> tuple[float, ...]:
    """Shares of rows by score, from 0 to 100. A score counts for every group whose middle is near, the nearer the more:
    most orders of a quiet shop have nearly one score, and a few points further they are no other orders.

    >>> [round(one, 2) for one in score_shares([10.0] * 1_000)[:6]]
    [0.18, 0.29, 0.29, 0.18, 0.06, 0.0]
    """
    counts = [_SEEN_BEFORE] * SCORE_GROUPS
    width = 100 / SCORE_GROUPS
    for score in scores:
        first = max(0, int((score - _NEAR) / width))
        near = [max(0.0, 1 - abs(score - (at + 0.5) * width) / _NEAR) for at in range(first, first + _NEAR_GROUPS)]
        near = near[: SCORE_GROUPS - first]
        whole = sum(near)
        for at, part in enumerate(near, start=first):
            counts[at] += part / whole
    total = sum(counts)
    return tuple(count / total for count in counts)


def chance_stability(groups: int, before: int, now: int) -> float:
    """What the index stays below in 19 of 20 cases when nothing has changed, with so many rows before and now.

    It is distributed as chi-square over the harmonic mean of the rows (Yurdakul, 2018).
    """
    free = groups - 1
    return (free + 1.645 * math.sqrt(2 * free)) * (1 / max(1, before) + 1 / max(1, now))


def population_stability(expected: Sequence[float], found: Sequence[float]) -> float:
    """PSI of two distributions over the same groups.

    >>> round(population_stability([0.5, 0.5], [0.5, 0.5]), 6), round(population_stability([0.5, 0.5], [0.9, 0.1]), 3)
    (0.0, 0.879)
    """
    total = 0.0
    for before, now in zip(expected, found, strict=True):
        one, other = max(before, _LEAST), max(now, _LEAST)
        total += (other - one) * math.log(other / one)
    return total


def _shares(use: Use, values: Sequence[float | None]) -> list[float]:
    counts = [0] * (len(use.edges) + 2)
    for value in values:
        counts[-1 if value is None else bisect_right(use.edges, value)] += 1
    return [count / len(values) for count in counts]
