"""An assessment to a decision: score, flag, verdict, reasons, and everything they were made of.

Pure, and the one place where a probability (0 to 1) becomes a score (0 to 100) and a score becomes a colour.
"""

from typing import Literal

import msgspec

from fourthwatch.entities.version import NORMALISER_VERSION
from fourthwatch.features.catalogue import FEATURES_VERSION, Vector
from fourthwatch.features.windows import WINDOWS_VERSION
from fourthwatch.language import Value
from fourthwatch.rules.scorecard import SCORECARD_VERSION, Assessment
from fourthwatch.wire.reply import Reason

Flag = Literal["red", "green"]
Verdict = Literal["approve", "review", "decline"]


class Policy(msgspec.Struct, frozen=True):
    """A tenant's thresholds."""

    red_above: int = 70
    """Scores above this are red and go to review; 70 itself is green (contract, section 9, row 22)."""
    decline_above: int = 94


class Versions(msgspec.Struct, frozen=True, gc=False):
    """What has to be put back to come to the same decision again."""

    scorecard: str = SCORECARD_VERSION
    features: int = FEATURES_VERSION
    windows: int = WINDOWS_VERSION
    normalisers: int = NORMALISER_VERSION


class Decision(msgspec.Struct, frozen=True, gc=False):
    """A verdict with what it was made of."""

    score: int
    """0 to 100."""
    flag: Flag
    verdict: Verdict
    probability: float
    """0 to 1; the score is this in percent, rounded."""
    reasons: tuple[Reason, ...]
    vector: Vector
    """In the order of the catalogue of this features' version."""
    unknown: int
    versions: Versions = Versions()
    own: dict[str, Value | None] | msgspec.UnsetType = msgspec.UNSET
    """The tenant's own features by name; absent when it has none."""


def decide(
    assessment: Assessment, vector: Vector, policy: Policy, own: dict[str, Value | None] | None = None
) -> Decision:
    """The answer to one order."""
    score = round(assessment.probability * 100)
    red = score > policy.red_above
    return Decision(
        score=score,
        flag="red" if red else "green",
        verdict="decline" if score > policy.decline_above else "review" if red else "approve",
        probability=assessment.probability,
        reasons=assessment.reasons,
        vector=vector,
        unknown=assessment.unknown,
        own=msgspec.UNSET if own is None else own,
    )
