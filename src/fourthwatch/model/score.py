"""From a margin to a probability, from a probability to a score: both monotone, both stated in the manifest.

The score moves along the log-odds so that 70 has the probability that the tenant gave it; so 70 means the same under
every model that is calibrated and has the same map.
"""

import math

from fourthwatch.errors import ModelRefused
from fourthwatch.model.manifest import Calibration, ScoreMap

_LOG_ODDS_BOUND = 30.0
_AT_70 = math.log(0.7 / 0.3)


def probability_of(margin: float, calibration: Calibration) -> float:
    """0 to 1, never either; raises `ModelRefused` of a margin that is no number, or infinite.

    >>> probability_of(0.0, Calibration())
    0.5
    """
    if not math.isfinite(margin):
        raise ModelRefused(f"the model gives {margin} for a row, which is no margin")
    log_odds = calibration.slope * margin + calibration.intercept
    return 1 / (1 + math.exp(-max(-_LOG_ODDS_BOUND, min(_LOG_ODDS_BOUND, log_odds))))


def exact_score(probability: float, score_map: ScoreMap) -> float:
    """0 to 100, not rounded.

    >>> round(exact_score(0.2, ScoreMap(0.2)), 6), exact_score(0.0, ScoreMap(0.2)), exact_score(1.0, ScoreMap(0.2))
    (70.0, 0.0, 100.0)
    """
    if probability <= 0 or probability >= 1:
        return 0.0 if probability <= 0 else 100.0
    shifted = log_odds_of(probability) - log_odds_of(score_map.probability_at_70) + _AT_70
    return 100 / (1 + math.exp(-max(-_LOG_ODDS_BOUND, min(_LOG_ODDS_BOUND, shifted))))


def score_of(probability: float, score_map: ScoreMap) -> int:
    """The score that a decision shows, 0 to 100."""
    return round(exact_score(probability, score_map))


def probability_at(score: float, score_map: ScoreMap) -> float:
    """The way back: the probability that a score stands for.

    >>> round(probability_at(70, ScoreMap(0.2)), 6)
    0.2
    """
    shifted = log_odds_of(min(max(score / 100, 1e-9), 1 - 1e-9)) - _AT_70 + log_odds_of(score_map.probability_at_70)
    return 1 / (1 + math.exp(-shifted))


def log_odds_of(probability: float) -> float:
    """The logarithm of the odds; `probability` is neither 0 nor 1."""
    return math.log(probability / (1 - probability))
