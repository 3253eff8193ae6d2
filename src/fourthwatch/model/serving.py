"""A model as it judges live: margin, probability, score, and the reasons for them with the catalogue's sentences."""

from collections.abc import Sequence

import msgspec

from fourthwatch.features.catalogue import built_in
from fourthwatch.model.booster import Predictor, Vector
from fourthwatch.model.manifest import Manifest, Package, Use
from fourthwatch.model.predictors import predictor_of
from fourthwatch.model.score import probability_of, score_of

REASONS_MAX = 6
_WORTH_TELLING = 0.05
"""Log-odds below which a contribution is not told."""
_DIGITS = 9
"""Behind the point, by which contributions are put in order: the last ones depend on who adds up."""


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """What a model makes of one order."""

    model: str
    """Its id."""
    probability: float
    score: int


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """What one feature adds to the log-odds of a bad outcome, beside all others."""

    feature: str
    reason: str
    says: str
    value: float | None
    """`None`: unknown, which may count, too."""
    log_odds: float


class LiveModel:
    """A model that passed its trial, in memory; used by one thread at a time."""

    def __init__(self, manifest: Manifest, body: bytes) -> None:
        self.manifest = manifest
        self.id = manifest.id
        self._predictor: Predictor = predictor_of(manifest.kind, body, len(manifest.features))
        self._told = tuple([_told(use) for use in manifest.features])
        self._calibration = manifest.calibration
        self._score_map = manifest.score_map

    @classmethod
    def of(cls, manifest: Manifest, package: Package) -> "LiveModel":
        """The model of a package whose manifest a trial gave back."""
        return cls(manifest, package.body)

    def judge(self, values: Vector) -> Judgement:
        """One order; `values` in the manifest's order."""
        return self.judged(probability_of(self._predictor.margin(values), self._calibration))

    def judged(self, probability: float) -> Judgement:
        """One order of which it has told the probability before."""
        return Judgement(self.id, probability, score_of(probability, self._score_map))

    def contributions(self, values: Vector) -> tuple[Contribution, ...]:
        """Exact, the strongest first, and by name those that differ in rounding alone; none when the kind of model has
        no such thing. Takes a fifth of a millisecond or, of what the library serves, a good part of one: it is for
        flagged orders and for whoever asks."""
        parts = self._predictor.contributions(values)
        if parts is None:
            return ()
        slope = self._calibration.slope
        found = [
            Contribution(*told, value, slope * part)
            for told, value, part in zip(self._told, values, parts, strict=False)
        ]
        found.sort(key=lambda one: (-round(abs(one.log_odds), _DIGITS), one.feature))
        return tuple(found)

    def close(self) -> None:
        """Give the memory back; the model is not to be asked any more."""
        self._predictor.close()


def worth_telling(contributions: Sequence[Contribution]) -> tuple[Contribution, ...]:
    """Those that a decision shows."""
    return tuple(one for one in contributions if abs(one.log_odds) >= _WORTH_TELLING)[:REASONS_MAX]


def _told(use: Use) -> tuple[str, str, str]:
    """Name, reason and sentence: of a feature of the catalogue what stands there, where the manifest says nothing."""
    known = None if use.text or (use.reason and use.says) else built_in().get(use.name)
    if known is None:
        return use.name, use.reason or use.name, use.says or use.name
    return use.name, use.reason or known.feature.reason, use.says or known.feature.says
