"""How well a model's order of cases puts the bad ones first, with bootstrap intervals; NumPy twins of `measures`.

What cannot be measured, because one of the two kinds is absent, is NaN.
"""

from collections.abc import Callable, Sequence

import numpy as np

from fourthwatch.clock import DAY_MS
from fourthwatch.model.manifest import Measured
from fourthwatch.workbench.matrix import Floats, Wholes

Figure = Callable[[Wholes, Floats], float]
"""From outcomes (1 is bad) and scores."""

BOOTSTRAPS = 200
_INTERVAL = (2.5, 97.5)
CARDS_PER_DAY = 100
AUC_SLACK = 0.005
"""An AUC that is worse by up to this much is not called worse."""


def auc_of(bad: Wholes, scores: Floats) -> float:
    """The chance that a bad case scores higher than a good one, ties counting half."""
    count = int(bad.sum())
    if count in (0, len(bad)):
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[bad == 1].sum() - count * (count + 1) / 2) / (count * (len(bad) - count)))


def average_precision(bad: Wholes, scores: Floats) -> float:
    """Precision, averaged over the bad cases from the highest score down; among ties all count as one step."""
    count = int(bad.sum())
    if count == 0:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(bad[order])
    is_last = np.append(np.diff(scores[order]) != 0, True)
    at = np.flatnonzero(is_last)
    precision = hits[at] / (at + 1)
    gained = np.diff(np.concatenate(([0], hits[at])))
    return float((precision * gained).sum() / count)


def recall_at_false_positives(bad: Wholes, scores: Floats, share: float = 0.01) -> float:
    """The share of the bad above the threshold that `share` of the good exceed at most."""
    good = np.sort(scores[bad == 0])
    if len(good) == 0 or len(good) == len(bad):
        return float("nan")
    threshold = good[len(good) - 1 - int(share * len(good))]
    return float((scores[bad == 1] > threshold).mean())


def card_precision(
    bad: Wholes, scores: Floats, users: Sequence[str], occurred_ms: Wholes, *, known_bad: frozenset[str] = frozenset(),
    per_day: int = CARDS_PER_DAY, remove_found: bool = True,
) -> float:  # fmt: skip
    """Card precision at `per_day`, as the Fraud Detection Handbook defines it: of each day's so many cards of highest
    score the share that is bad, averaged over days. A card that was found on a day is left out from the next day on,
    as are those known before.
    """
    names = np.array(users, dtype=object)
    day = occurred_ms // DAY_MS
    gone = set(known_bad)
    precisions = []
    for today in np.unique(day):
        on_day = np.flatnonzero(day == today)
        best: dict[str, float] = {}
        outcome: dict[str, int] = {}
        for at in on_day:
            name = names[at]
            if name not in gone:
                best[name] = max(best.get(name, -1e300), float(scores[at]))
                outcome[name] = max(outcome.get(name, 0), int(bad[at]))
        top = sorted(best, key=best.__getitem__, reverse=True)[:per_day]
        found = [name for name in top if outcome[name]]
        precisions.append(len(found) / per_day)
        if remove_found:
            gone.update(found)
    return float(np.mean(precisions)) if precisions else float("nan")


def log_loss(bad: Wholes, probabilities: Floats, weight: Floats | None = None) -> float:
    """Mean negative log-likelihood; lower is better."""
    p = np.clip(probabilities, 1e-12, 1 - 1e-12)
    return float(np.average(-np.where(bad == 1, np.log(p), np.log1p(-p)), weights=weight))


def calibration_error(bad: Wholes, probabilities: Floats, groups: int = 10) -> float:
    """Mean distance between what is foretold and what came, over groups of as many rows by rising probability."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, groups) if len(part)]
    return float(sum(len(part) * abs(probabilities[part].mean() - bad[part].mean()) for part in parts) / len(bad))


def measured(figure: Figure, bad: Wholes, scores: Floats, seed: int = 1) -> Measured:
    """A figure with its 95 % interval: the bad and the good are drawn anew, each with replacement. An error that grows
    by being drawn anew is not below its own interval."""
    chance = np.random.default_rng(seed)
    which = (np.flatnonzero(bad == 1), np.flatnonzero(bad == 0))
    drawn = []
    for _ in range(BOOTSTRAPS):
        rows = np.concatenate([chance.choice(part, len(part)) for part in which if len(part)])
        drawn.append(figure(bad[rows], scores[rows]))
    low, high = np.percentile(drawn, _INTERVAL)
    value = float(figure(bad, scores))
    return Measured(value, min(value, float(low)), max(value, float(high)))


def precision_lost(bad: Wholes, best: Floats, other: Floats, seed: int = 1) -> tuple[float, float]:
    """How much less average precision other scores have, and the standard error of that: the bad and the good are drawn
    anew, each with replacement, the same for both.
    """
    chance = np.random.default_rng(seed)
    which = (np.flatnonzero(bad == 1), np.flatnonzero(bad == 0))
    sides = _Descending(bad, best), _Descending(bad, other)
    drawn = []
    for _ in range(BOOTSTRAPS):
        rows = np.concatenate([chance.choice(part, len(part)) for part in which])
        times = np.bincount(rows, minlength=len(bad))
        drawn.append(sides[0].average_precision(times) - sides[1].average_precision(times))
    return average_precision(bad, best) - average_precision(bad, other), float(np.std(drawn))


class _Descending:
    """Cases from the highest score down, sorted once for all draws."""

    def __init__(self, bad: Wholes, scores: Floats) -> None:
        self._order = np.argsort(-scores, kind="stable")
        self._bad = bad[self._order]
        self._last = np.flatnonzero(np.append(np.diff(scores[self._order]) != 0, True))

    def average_precision(self, times: Wholes) -> float:
        """As `average_precision`, when each case counts so many times."""
        counts = times[self._order]
        hits, rows = np.cumsum(counts * self._bad)[self._last], np.cumsum(counts)[self._last]
        gained = np.diff(np.concatenate(([0], hits)))
        return float((hits / np.maximum(rows, 1) * gained).sum() / hits[-1])
