"""A model against the champion, or against the scorecard, on the same orders; and the gates that a promotion must pass.

Orders after those that the model learned from are what it is judged by. While there are too few whose labels have had
time to arrive, its measured slice stands in: figures of a model made of what came before, against the champion there.
"""

from pathlib import Path
from statistics import quantiles

import msgspec
import numpy as np

from fourthwatch.clock import Clock, iso_ms
from fourthwatch.errors import ModelRefused
from fourthwatch.features.definition import Feature
from fourthwatch.model.manifest import SCORE_GROUPS, SCORECARD, Manifest, Package, read_manifest
from fourthwatch.model.probe import try_out
from fourthwatch.model.serving import LiveModel
from fourthwatch.model.stability import chance_stability, population_stability, score_shares
from fourthwatch.model.watched import CAME_LEAST, CAME_MOST, multiple_of
from fourthwatch.workbench.dataset import Progress, Wanted
from fourthwatch.workbench.matrix import Floats, Matrix, Wholes, read_matrix
from fourthwatch.workbench.maturity import usable
from fourthwatch.workbench.money import Money, cost_of, costs_currency, money_of
from fourthwatch.workbench.outcomes import TARGETS
from fourthwatch.workbench.ranking import AUC_SLACK, auc_of, average_precision, calibration_error

FRESH_ROWS_MIN, FRESH_BAD_MIN = 200, 10
COST_SLACK = 0.02
CALIBRATION_ERROR_MAX = 0.05
LATENCY_P99_MICROS_MAX = 1_000.0
DRIFT_MAX = 0.25
"""Beside what few rows bring about by chance."""
MEASURED_SHARE = 0.2
"""Of the rows that a model was made of, those that its shares of scores are of."""
_TIMED = 2_000
_FIGURES_SLACK = 0.02
_STANDING_IN = ("auc", "average_precision", "calibration_error")
"""Figures of a manifest that stand in while too few fresh orders are mature."""


class Side(msgspec.Struct, frozen=True):
    """One of the two on the rows."""

    name: str
    auc: float
    average_precision: float
    cost: float
    """In main units of one currency: bad orders let pass, and a tenth of good orders held up, at a score above 70."""


class Gate(msgspec.Struct, frozen=True):
    """One condition of a promotion."""

    name: str
    passed: bool
    says: str


class Report(msgspec.Struct, frozen=True):
    """What a comparison found."""

    model: str
    against: str
    """The champion's id, or `scorecard`."""
    on: str
    """`fresh`: orders after training; `measured`: the last slice of training."""
    orders: int
    bad: int
    ours: Side
    theirs: Side
    calibration_error: float
    latency_p99_micros: float
    drift: float
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Whether all gates are."""
        return all(gate.passed for gate in self.gates)


def compare(
    directory: Path, tenant: str, package: Package, champion: Package | None, clock: Clock, progress: Progress
) -> Report:
    """Walk the ledger with what each reads; raises `ModelRefused` when either is damaged or nothing can be compared."""
    manifest = try_out(package)
    if manifest.target not in TARGETS:
        raise ModelRefused(f"there are no labels of the target {manifest.target!r} to compare by")
    now_ms = clock.now_ms()
    since_ms = manifest.measured_from_ms or manifest.to_ms
    matrix = _matrix_of(directory, tenant, manifest, None, progress)  # how late labels are is told by all of the past
    try:
        known = usable(matrix, manifest.target, now_ms)
    except ModelRefused:
        raise _nothing_yet(since_ms) from None
    bad_at = np.zeros(len(matrix), np.int64)
    bad_at[known.rows] = known.bad
    weight_at = np.zeros(len(matrix))
    weight_at[known.rows] = known.weight
    judged_by = known.rows[matrix.occurred_ms[known.rows] >= since_ms]
    if not bad_at[judged_by].any():
        raise _nothing_yet(since_ms)
    is_later = matrix.occurred_ms[judged_by] > manifest.to_ms
    fresh = judged_by[is_later]
    is_fresh = len(fresh) >= FRESH_ROWS_MIN and FRESH_BAD_MIN <= bad_at[fresh].sum() < len(fresh)
    has_figures = all(name in manifest.metrics for name in _STANDING_IN)
    if not is_fresh and not (has_figures and manifest.measured_from_ms):
        raise ModelRefused(
            f"of the orders after those that the model learned from {len(fresh):,} have a known outcome,"
            f" {bad_at[fresh].sum():,} of them bad; without {'measured_from_ms' if has_figures else 'figures'} in its"
            f" manifest a comparison takes {FRESH_ROWS_MIN} and {FRESH_BAD_MIN}"
        )
    rows = fresh if is_fresh else judged_by[~is_later]
    if not len(rows) or not 0 < bad_at[rows].sum() < len(rows):
        raise ModelRefused("there are no orders with known outcomes to compare on")
    live = LiveModel.of(manifest, package)
    ours_scores, ours_probability, micros = _judged(live, matrix, rows, clock)
    live.close()
    theirs, name = matrix.score[rows].astype(np.float64), SCORECARD
    if champion is not None:
        theirs, name = _champion_scores(directory, tenant, champion, since_ms, matrix, rows, clock, progress)
    bad, money = bad_at[rows], money_of(matrix, rows, costs_currency(directory, tenant))
    ours = _side(manifest.id, bad, ours_probability, ours_scores, money.amount)
    told_of_money = f" {money.currency}".rstrip() + (money.says and f"; {money.says}")
    if not is_fresh:
        ours, of_cost = _as_measured(ours, manifest, money)
        told_of_money += of_cost
    expected = float((ours_probability * weight_at[rows]).sum())
    came = multiple_of(int(bad.sum()), expected) if is_fresh else None
    says = _of_champion(manifest, champion, matrix.occurred_ms[rows]), told_of_money
    return _report(manifest, ours, _side(name, bad, theirs, theirs, money.amount), (bad, ours_probability, ours_scores),
                   micros, came, says, is_fresh=is_fresh)  # fmt: skip


def _nothing_yet(since_ms: int) -> ModelRefused:
    return ModelRefused(
        f"of the orders since {iso_ms(since_ms)[:19]}, by which the model can be judged, none is known to be bad:"
        " there is nothing to compare by yet"
    )


def calibration_gate(error: float, came: float | None) -> Gate:
    """`came`: bad orders as a multiple of those that were foretold, `None` where they are too few to tell. Where few
    orders are bad the error is small whatever a model says, even if it says that none is.

    >>> calibration_gate(0.018, 2.9).says
    '0.0180, at most 0.05; 2.9 times as many bad ones as foretold, 0.5 to 2'
    >>> calibration_gate(0.018, 2.9).passed, calibration_gate(0.018, 1.2).passed, calibration_gate(0.018, None).passed
    (False, True, True)
    """
    says, passed = f"{error:.4f}, at most {CALIBRATION_ERROR_MAX}", error <= CALIBRATION_ERROR_MAX
    if came is None:
        return Gate("calibration", passed, says)
    told = f"{came:.1f} times as many bad ones as foretold, {CAME_LEAST:g} to {CAME_MOST:g}"
    return Gate("calibration", passed and CAME_LEAST <= came <= CAME_MOST, f"{says}; {told}")


def _report(
    manifest: Manifest, ours: Side, theirs: Side, told: tuple[Wholes, Floats, Floats], micros: float,
    came: float | None, says: tuple[str, str], *, is_fresh: bool,
) -> Report:  # fmt: skip
    bad, probability, scores = told
    error = calibration_error(bad, probability) if is_fresh else manifest.metrics["calibration_error"].value
    shares = score_shares(scores.tolist())
    has_moved = is_fresh and len(manifest.score_shares) == len(shares)  # the measured slice is what they were made of
    drift = population_stability(manifest.score_shares, shares) if has_moved else 0.0
    allowed = DRIFT_MAX + chance_stability(SCORE_GROUPS, int(manifest.rows * MEASURED_SHARE), len(scores))
    gates = (
        Gate(
            "auc",
            ours.auc >= theirs.auc - AUC_SLACK,
            f"{ours.auc:.4f} against {theirs.auc:.4f} of {theirs.name}{says[0]}",
        ),
        Gate(
            "cost", ours.cost <= theirs.cost * (1 + COST_SLACK), f"{ours.cost:,.0f} against {theirs.cost:,.0f}{says[1]}"
        ),
        calibration_gate(error, came),
        Gate("latency", micros <= LATENCY_P99_MICROS_MAX, f"p99 {micros:.0f} µs, at most {LATENCY_P99_MICROS_MAX:.0f}"),
        Gate("drift", drift < allowed, f"PSI of the score {drift:.3f}, below {allowed:.3f}"),
    )
    return Report(
        manifest.id, theirs.name, "fresh" if is_fresh else "measured", len(bad), int(bad.sum()), ours, theirs,
        round(error, 5), round(micros, 1), round(drift, 4), gates,
    )  # fmt: skip


def _of_champion(manifest: Manifest, champion: Package | None, occurred_ms: Wholes) -> str:
    """What has to be said of it: that it was made for something else, for the orders are counted bad by what the other
    one was made for; and that it has learned from some of these orders, for there it is better than it will be."""
    if champion is None:
        return ""
    theirs = read_manifest(champion)
    says = ""
    if theirs.target != manifest.target:
        says = f", which foretells {theirs.target}; here an order is bad by what {manifest.target} counts"
    known = int(((theirs.from_ms <= occurred_ms) & (occurred_ms <= theirs.to_ms)).sum())
    return says + (f"; {known:,} of these orders are of the time that it has learned from" if known else "")


def _matrix_of(directory: Path, tenant: str, manifest: Manifest, since_ms: int | None, progress: Progress) -> Matrix:
    own = tuple(Feature(use.name, use.text, use.unit, use.says, use.reason) for use in manifest.features if use.text)
    names = tuple(dict.fromkeys((*manifest.names, "amount")))
    wanted = Wanted(tenant=tenant, from_ms=since_ms, features=names, definitions=own, kept=manifest.names)
    return read_matrix(directory, wanted, progress)


def _champion_scores(
    directory: Path, tenant: str, champion: Package, since_ms: int, matrix: Matrix, rows: Wholes, clock: Clock,
    progress: Progress,
) -> tuple[Floats, str]:  # fmt: skip
    manifest = try_out(champion)
    theirs = _matrix_of(directory, tenant, manifest, since_ms, progress)
    place = {int(position): at for at, position in enumerate(theirs.position)}
    live = LiveModel.of(manifest, champion)
    same = np.array([place[int(position)] for position in matrix.position[rows]], np.int64)
    scores, _, _ = _judged(live, theirs, same, clock)
    live.close()
    return scores, manifest.id


def _judged(live: LiveModel, matrix: Matrix, rows: Wholes, clock: Clock) -> tuple[Floats, Floats, float]:
    """Scores, probabilities, and the 99th percentile of microseconds that one row takes."""
    found = []
    spent: list[float] = []
    for row in matrix.columns(live.manifest.names)[rows].tolist():
        values = [None if value != value else value for value in row]
        began = clock.monotonic_s()
        found.append(live.judge(values))
        if len(spent) < _TIMED:
            spent.append((clock.monotonic_s() - began) * 1e6)
    p99 = quantiles(spent, n=100)[98] if len(spent) > 1 else spent[0]
    return np.array([one.score for one in found], float), np.array([one.probability for one in found]), p99


def _side(name: str, bad: Wholes, order: Floats, scores: Floats, amount: Floats) -> Side:
    cost = round(cost_of(bad, scores, amount), 2)
    return Side(name, round(auc_of(bad, order), 5), round(average_precision(bad, order), 5), cost)


def _as_measured(ours: Side, manifest: Manifest, money: Money) -> tuple[Side, str]:
    """The figures of the manifest: the model itself has learned from these rows, so it is better here than those say;
    and what has to be said where the manifest has no cost.

    Raises `ModelRefused` where it is worse, for then they are of another model, or made up.
    """
    total = float(np.nansum(money.amount))
    share = manifest.metrics.get("cost_share")
    better = [(name, manifest.metrics[name].value, found, 1) for name, found in
              (("auc", ours.auc), ("average_precision", ours.average_precision))]  # fmt: skip
    if share is not None and total > 0:
        better.append(("cost_share", share.value, ours.cost / total, -1))
    for name, told, found, sign in better:
        if sign * (told - found) > _FIGURES_SLACK:
            raise ModelRefused(
                f"the manifest says {name.replace('_', ' ')} {told:.3f} of orders that came later, and of those that"
                f" the model has learned from it is {found:.3f}: the figures cannot be its own"
            )
    cost = ours.cost if share is None else round(share.value * total, 2)
    says = "; its own of orders that it has learned from, as its manifest says no cost share" if share is None else ""
    return Side(ours.name, manifest.metrics["auc"].value, manifest.metrics["average_precision"].value, cost), says
