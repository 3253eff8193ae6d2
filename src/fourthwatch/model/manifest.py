"""What a model says of itself: features in order, what they mean, calibration, score map, and how good it was.

A manifest is read strictly: what is missing, double, out of range or does not fit the model's bytes is a sentence and
no model. The model's own file is never trusted to say what it is.
"""

import hashlib
import math
import re
from collections.abc import Iterator
from typing import Literal, get_args

import msgspec

from fourthwatch.errors import ModelRefused
from fourthwatch.limits import (
    AT_MS_MAX,
    FEATURE_NAME_CHARS_MAX,
    FEATURE_SAYS_CHARS_MAX,
    GOLDEN_ROWS_MAX,
    MODEL_BYTES_MAX,
    MODEL_FEATURES_MAX,
)

FORMAT = 1
MODEL_FILE, MANIFEST_FILE, GOLDEN_FILE, CARD_FILE = "model.txt", "manifest.json", "golden.f64", "card.html"
ONNX_FILE = "model.onnx"
SCORE_GROUPS = 20
"""Groups of scores from 0 to 100, five points each."""
SCORECARD = "scorecard"
"""What judges where no model does, as it is called beside models; so none may be called that."""
NOVELTY = "novelty"
"""The target of a model that saw no labels; its scores go by how unusual an order is."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NAMES_IN_TEXT = re.compile(rb"^feature_names=(.*)$", re.MULTILINE)
_TREE = b"\nTree="

ModelKind = Literal["lightgbm", "onnx"]


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One feature as the model takes it."""

    name: str
    text: str = ""
    """In the language, of a feature that comes with the model; empty: one of the catalogue, or the tenant's own."""
    unit: str = ""
    says: str = ""
    """The sentence for a merchant."""
    reason: str = ""
    """Code that a decision shows."""
    monotone: Literal[-1, 0, 1] = 0
    """1: more of it never lowers the chance of a bad outcome; -1: never raises it."""
    gain: float = 0.0
    """Its part of all gain in training, 0 to 1."""
    edges: tuple[float, ...] = ()
    """Bounds between groups of training rows that are about as many, rising."""
    shares: tuple[float, ...] = ()
    """Share of training rows in each group, one more than there are edges; behind them that of the unknown."""


class LeftOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Features that were left out because they cost more than they bring."""

    features: tuple[str, ...]
    groups: tuple[str, ...]
    """What they alone asked for: the neighbourhood, or things by name, whose keys are not made now."""
    selections: int
    """How many fewer there are to remember; below 0 where what came in their place asks for more."""
    saved_us: float
    """µs of CPU per order that are not spent for it, about."""
    lost: float
    """Average precision on the slice that chooses, of the best set less that without these and all before them."""
    error: float
    """Standard error of `lost`."""

    @property
    def says(self) -> str:
        """What it was, what is saved and what that costs."""
        asked = (*self.groups, *([f"selections to remember: {self.selections}"] if self.selections > 0 else ()))
        side = "above" if self.lost < 0 else "below"
        return (
            f"{', '.join(self.features)} ({', '.join(asked) or 'values to read'}), {self.saved_us:g} µs of an order;"
            f" average precision {abs(self.lost):.4f} {side} that of the best set there"
            f" (standard error {self.error:.4f})"
        )


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Platt, 1999: the probability is the logistic function of `slope` times the model's margin plus `intercept`."""

    slope: float = 1.0
    intercept: float = 0.0


class ScoreMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a score of 70 means: the chance of a bad outcome there. Everything else follows along the log-odds."""

    probability_at_70: float = 0.3


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One figure on rows that were not learned from, with the bounds of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything about a model but its trees."""

    format: int = FORMAT
    id: str
    kind: ModelKind = "lightgbm"
    target: str
    created_ms: int
    until_ms: int
    """Labels that came to be known from this moment on were not."""
    from_ms: int
    """First and last order that was learned from."""
    to_ms: int
    measured_from_ms: int = 0
    """First order of the slice that the figures were measured on, by a model of what came before; 0: none."""
    knew_then: bool = False
    """Whether that model had only the labels that had come by then; else it had later ones, of earlier orders."""
    rows: int
    bad: int
    left_out: int = 0
    """Orders whose label had not had the time to arrive."""
    canceled: int = 0
    """Orders that were canceled or declined, so that nobody learns what would have become of them; left out, too."""
    delay_days: float = 0.0
    """By when half of the bad labels had arrived."""
    data_mark: str = ""
    features: tuple[Use, ...]
    left_out_for_cost: tuple[LeftOut, ...] = ()
    """What would be among the features if nothing cost anything, in the order in which it was left out."""
    calibration: Calibration = Calibration()
    score_map: ScoreMap = ScoreMap()
    suspects: tuple[str, ...] = ()
    """Features that tell bad from good nearly by themselves: a leak until somebody has explained it."""
    score_shares: tuple[float, ...] = ()
    """Share of the measured rows by score, in twenty groups of five."""
    metrics: dict[str, Measured] = {}
    trees: int = 0
    versions: dict[str, str | int] = {}
    """Of the program's parts and of the library that learned it."""
    model_sha256: str
    golden_sha256: str = ""
    golden_rows: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Features in the order in which the model takes them."""
        return tuple(use.name for use in self.features)

    @property
    def of_70(self) -> str:
        """What a score of 70 stands for, in words."""
        if self.target == NOVELTY:
            return "the most unusual order in a hundred"
        return f"a chance of {100 * self.score_map.probability_at_70:.4g} %"


class Package(msgspec.Struct, frozen=True):
    """A model as it is kept: three files that belong together."""

    manifest: bytes
    body: bytes
    golden: bytes
    """Rows of 64-bit floats, little-endian: the features in order, NaN for unknown, then the probability."""


_decoder = msgspec.json.Decoder(Manifest)


class _Scoring(msgspec.Struct, frozen=True):
    score_map: ScoreMap = ScoreMap()


def score_map_in(manifest: bytes) -> ScoreMap:
    """That of a manifest that was checked when its model came; for whoever needs nothing else of the model."""
    return msgspec.json.decode(manifest, type=_Scoring).score_map


def read_manifest(package: Package) -> Manifest:
    """The manifest, checked against itself and against the bytes it speaks of; raises `ModelRefused`."""
    try:
        manifest = _decoder.decode(package.manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        kinds = f"; it should be {' or '.join(get_args(ModelKind))}" if str(error).endswith("`$.kind`") else ""
        raise ModelRefused(f"the manifest cannot be read: {error}{kinds}") from error
    _check_self(manifest)
    if len(package.body) > MODEL_BYTES_MAX:
        raise ModelRefused(f"the model has more than {MODEL_BYTES_MAX:,} bytes")
    if hashlib.sha256(package.body).hexdigest() != manifest.model_sha256:
        raise ModelRefused("the model's file is not the one that its manifest speaks of: the SHA-256 differs")
    if hashlib.sha256(package.golden).hexdigest() != manifest.golden_sha256:
        raise ModelRefused("the golden rows are not those that the manifest speaks of: the SHA-256 differs")
    width = 8 * (len(manifest.features) + 1)
    if manifest.golden_rows < 1 or len(package.golden) != manifest.golden_rows * width:
        raise ModelRefused(
            f"the manifest promises {manifest.golden_rows:,} golden rows of {width} bytes,"
            f" but there are {len(package.golden):,} bytes"
        )
    if manifest.kind == "lightgbm":
        _check_text(manifest, package.body)
    return manifest


def _check_text(manifest: Manifest, body: bytes) -> None:
    """What LightGBM's text says of its trees and columns; golden rows do not show in which order these are."""
    trees = body.count(_TREE)
    if manifest.trees and trees != manifest.trees:
        raise ModelRefused(f"the manifest promises {manifest.trees:,} trees, but there are {trees:,}")
    found = _NAMES_IN_TEXT.search(body)
    names = () if found is None else tuple(found[1].decode("utf-8", "replace").split())
    if set(names) == set(manifest.names) and names != manifest.names:
        wrong = next(at for at, name in enumerate(names) if name != manifest.names[at])
        raise ModelRefused(
            f"the manifest names its features in another order than the model: feature {wrong + 1} is"
            f" {manifest.names[wrong]} there and {names[wrong]} in the model"
        )


def _check_self(manifest: Manifest) -> None:
    names = manifest.names
    if manifest.format != FORMAT:
        raise ModelRefused(f"the manifest has format {manifest.format}; this program reads {FORMAT}")
    if not _ID.fullmatch(manifest.id):
        raise ModelRefused(
            "the model's id should have 1 to 100 letters of English, digits, dots, hyphens and underscores, and begin"
            " with a letter or digit"
        )
    if manifest.id == SCORECARD:
        raise ModelRefused(f"the points of the rules are called {SCORECARD}; no model can be")
    if not 1 <= len(names) <= MODEL_FEATURES_MAX:
        raise ModelRefused(f"a model has 1 to {MODEL_FEATURES_MAX} features, not {len(names)}")
    if len(set(names)) != len(names):
        raise ModelRefused("the manifest names a feature twice")
    if not 0 < manifest.score_map.probability_at_70 < 1:
        raise ModelRefused("the score map needs a probability between 0 and 1 for a score of 70")
    if not (manifest.calibration.slope > 0 and math.isfinite(manifest.calibration.slope)):
        raise ModelRefused("the calibration's slope must be above 0: a higher margin is a higher probability")
    if not math.isfinite(manifest.calibration.intercept):
        raise ModelRefused("the calibration's intercept is no number")
    if manifest.golden_rows > GOLDEN_ROWS_MAX:
        raise ModelRefused(f"there are more than {GOLDEN_ROWS_MAX:,} golden rows")
    for what, text, longest in _said(manifest):
        if len(text) > longest or not text.isprintable():
            raise ModelRefused(f"{what} should be up to {longest} characters that can be printed")
    _check_counts(manifest)
    for use in manifest.features:
        if use.shares and len(use.shares) != len(use.edges) + 2:
            raise ModelRefused(f"the groups of {use.name} do not fit their shares")
        if list(use.edges) != sorted(use.edges):
            raise ModelRefused(f"the groups of {use.name} are not in order")
        if not all(0 <= share <= 1 for share in use.shares):
            raise ModelRefused(f"the shares of {use.name} should be from 0 to 1")


def _said(manifest: Manifest) -> Iterator[tuple[str, str, int]]:
    """What is said to people, with what it is and how long it may be."""
    yield "the target", manifest.target, FEATURE_NAME_CHARS_MAX
    for number, use in enumerate(manifest.features, start=1):
        yield f"the name of feature {number}", use.name, FEATURE_NAME_CHARS_MAX
        yield f"the unit of feature {number}", use.unit, FEATURE_NAME_CHARS_MAX
        yield f"the reason of feature {number}", use.reason, FEATURE_NAME_CHARS_MAX
        yield f"what feature {number} says", use.says, FEATURE_SAYS_CHARS_MAX
    for one in manifest.left_out_for_cost:
        for name in (*one.features, *one.groups):
            yield "the name of what was left out", name, FEATURE_NAME_CHARS_MAX


def _check_counts(manifest: Manifest) -> None:
    """Numbers that cannot be."""
    if not 0 <= manifest.bad <= manifest.rows or min(manifest.left_out, manifest.canceled) < 0 or manifest.trees < 0:
        raise ModelRefused(f"{manifest.bad:,} bad ones of {manifest.rows:,} orders: the manifest's counts cannot be")
    for name in ("created_ms", "until_ms", "from_ms", "to_ms", "measured_from_ms"):
        if not 0 <= getattr(manifest, name) < AT_MS_MAX:
            raise ModelRefused(f"{name} is no moment: it should be milliseconds since 1970")
    if manifest.from_ms > manifest.to_ms:
        raise ModelRefused("the last order that the model learned from lies before the first")
    if len(manifest.score_shares) not in (0, SCORE_GROUPS):
        raise ModelRefused(f"scores are in {SCORE_GROUPS} groups, and the manifest has {len(manifest.score_shares)}")
    if not all(0 <= share <= 1 for share in manifest.score_shares):
        raise ModelRefused("the shares of scores should be from 0 to 1")
    for name, one in manifest.metrics.items():
        if not (name.isprintable() and len(name) <= FEATURE_NAME_CHARS_MAX):
            raise ModelRefused(
                f"the name of a figure should be up to {FEATURE_NAME_CHARS_MAX} characters that can be printed"
            )
        if not all(0 <= part <= 1 for part in (one.value, one.low, one.high)):
            raise ModelRefused(f"{name} is {one.value:g} ({one.low:g} to {one.high:g}): figures are from 0 to 1")
