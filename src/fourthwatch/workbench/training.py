"""`fourthwatch train`: from a ledger to a model directory, in steps that are written down so that a stop loses little.

Nothing that came to be known after `until` is looked at: orders, labels and the choice of features all stand before it.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fourthwatch.clock import DAY_MS, Clock, iso_ms
from fourthwatch.engine.definitions import Shelf
from fourthwatch.errors import ModelRefused
from fourthwatch.features.catalogue import FEATURES_VERSION
from fourthwatch.features.definition import Feature
from fourthwatch.features.windows import WINDOWS_VERSION
from fourthwatch.limits import GOLDEN_ROWS_MAX
from fourthwatch.model.manifest import (
    CARD_FILE,
    GOLDEN_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    Manifest,
    Measured,
    Package,
    ScoreMap,
    Use,
)
from fourthwatch.model.score import exact_score, score_of
from fourthwatch.model.stability import score_shares
from fourthwatch.workbench.card import card_of
from fourthwatch.workbench.dataset import Wanted
from fourthwatch.workbench.delays import look
from fourthwatch.workbench.learning import Journal, Learned, Learner, Sign, calibrated, monotone_of
from fourthwatch.workbench.matrix import Floats, Matrix, Wholes, read_matrix
from fourthwatch.workbench.matrix_file import read_matrix_file, write_matrix_file
from fourthwatch.workbench.maturity import Usable, usable
from fourthwatch.workbench.money import Money, cost_of, costs_currency, money_of
from fourthwatch.workbench.outcomes import LABELS_OF, Target, history_of
from fourthwatch.workbench.prices import Prices, prices_at, prices_of
from fourthwatch.workbench.ranking import (
    auc_of,
    average_precision,
    calibration_error,
    measured,
    recall_at_false_positives,
)
from fourthwatch.workbench.spread import spread_of

Say = Callable[[str, float], None]
"""What is being done, and the share of it that is."""

GOLDEN_ROWS = 1_000
SUSPECT_AUC = 0.9
_BEGUN_FILE = "begun.json"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be learned."""

    tenant: str = "default"
    target: Target = "chargeback"
    until_ms: int
    from_ms: int | None = None
    """First order that is learned from; what came before is still known of it. `None`: the first there is."""
    to_ms: int | None = None
    """The moment before which orders lie; `None`: `until_ms`."""
    features: tuple[str, ...] = ()
    """Catalogue features to choose among; empty: all that there are, and the tenant's own."""
    probability_at_70: float = 0.3
    threads: int = 1
    seconds: float = 60.0
    """For the search for settings; with 0 only the first is tried."""
    delay_days: int | None = None
    """Of bad labels; `None`: as the ledger says."""
    live_cost: float = 1.0
    """By how many standard errors of what is measured where features are chosen a set may be worse than the best for
    costing less; 0: what features cost does not count."""


class Trained(msgspec.Struct, frozen=True):
    """What came of it."""

    id: str
    directory: Path
    manifest: Manifest


class Begun(msgspec.Struct, frozen=True):
    """A training that did not come to its end."""

    plan: Plan
    last_seq: int
    """Position of the ledger's newest event when it was begun; a server may have taken in others since."""


def begun_in(out: Path) -> Begun | None:
    """The training that was begun in a model directory and not ended; `None` where there is none."""
    try:
        return msgspec.json.decode((out / "work" / _BEGUN_FILE).read_bytes(), type=Begun)
    except (OSError, msgspec.DecodeError):
        return None


def has_rows(out: Path) -> bool:
    """Whether a training that did not come to its end need not walk through the ledger again."""
    return (out / "work" / "all.npz").exists()


def gone_on(out: Path, plan: Plan) -> Plan:
    """The plan of a training of the last day that was begun in `out` and is the same but for its `until_ms`, for a
    command that says no moment to go on with it; else the plan itself."""
    begun = begun_in(out)
    if begun is None or not 0 <= plan.until_ms - begun.plan.until_ms < DAY_MS:
        return plan
    return begun.plan if msgspec.structs.replace(plan, until_ms=begun.plan.until_ms) == begun.plan else plan


def train(directory: Path, out: Path, plan: Plan, clock: Clock, say: Say) -> Trained:
    """Write a model directory `out`; what was done is kept in `out`/work, and a second call goes on from there.

    Raises `ModelRefused` when there is too little to learn from, `DatasetError`, `LedgerUnusable` and `LedgerBroken`.
    """
    say("looking at labels", 0.0)
    begun = begun_in(out)
    is_same = begun is not None and begun.plan == plan
    up_to = begun.last_seq if begun is not None and is_same else None
    found = look(directory, plan.tenant, plan.target, plan.until_ms, up_to)
    if not found.bad and not any(kind in ("bad", "promo_abuse", "account_abuse") for kind in LABELS_OF[plan.target]):
        raise ModelRefused(
            f"no order is known to be bad by the labels of {plan.target} that came before {iso_ms(plan.until_ms)[:10]}:"
            " there is nothing to learn yet"
        )
    delay = found.delay_days if plan.delay_days is None else plan.delay_days
    own = history_of(plan.target, delay)
    work = _Work(out / "work", hashlib.sha256(f"{found.mark}{plan}{own}{FEATURES_VERSION}".encode()).hexdigest())
    if not is_same:
        work.begin(Begun(plan, found.last_seq))
    wanted = msgspec.structs.replace(_wanted(plan, own), up_to=found.last_seq)
    matrix = work.matrix("all", lambda: read_matrix(directory, wanted, _walking(say)))
    currency = costs_currency(directory, plan.tenant)
    prices = prices_at(directory, plan.tenant, own)
    package, card, manifest = fit(matrix, own, plan, clock, say, work.journal, currency, prices)
    say("writing", 0.99)
    write_package(out, package, card)
    work.clear()
    say("done", 1.0)
    return Trained(manifest.id, out, manifest)


def fit(
    matrix: Matrix, own: tuple[Feature, ...], plan: Plan, clock: Clock, say: Say, journal: Journal, currency: str = "",
    prices: Prices | None = None,
) -> tuple[Package, str, Manifest]:  # fmt: skip
    """A model from a matrix, with its card, on which money is in `currency`, or in that of most orders; `own` are the
    features that come with the model, if they are chosen. `prices`: `None` are those under the starter set of rules."""
    rows = usable(matrix, plan.target, plan.until_ms)

    def learner_of(known: Usable) -> Learner:
        return Learner(matrix.names, matrix.values[known.rows], known.bad, known.weight, plan.threads)

    def known_at(row: int) -> Learner | None:
        try:
            return learner_of(usable(matrix, plan.target, int(matrix.occurred_ms[rows.rows[row]])))
        except ModelRefused:  # no label had come yet
            return None

    began_s = clock.monotonic_s()
    learned = learner_of(rows).run(
        journal, lambda: clock.monotonic_s() - began_s >= plan.seconds, say,
        prices_of(own) if prices is None else prices, plan.live_cost, known_at,
    )  # fmt: skip
    say("writing", 0.98)
    package, manifest = packed(learned, matrix, rows, plan, own, clock, currency)
    return package, card_of(manifest, learned, matrix, rows, plan, currency), manifest


def _wanted(plan: Plan, own: tuple[Feature, ...]) -> Wanted:
    features = () if not plan.features else (*plan.features, *(one.name for one in own))
    to_ms = plan.until_ms if plan.to_ms is None else min(plan.to_ms, plan.until_ms)
    return Wanted(
        tenant=plan.tenant, from_ms=plan.from_ms, to_ms=to_ms, features=features, definitions=own,
        known_by_ms=plan.until_ms,
    )  # fmt: skip


def _walking(say: Say) -> Callable[[int, int], None]:
    return lambda done, total: say("walking through the ledger", done / max(1, total))


def packed(
    learned: Learned, matrix: Matrix, rows: Usable, plan: Plan, own: tuple[Feature, ...], clock: Clock, currency: str
) -> tuple[Package, Manifest]:
    """The files of a model and its manifest."""
    values = matrix.columns(learned.names)[rows.rows]
    body = learned.model.model_to_string().encode()
    sample = np.linspace(0, len(values) - 1, min(GOLDEN_ROWS, len(values))).astype(np.int64)
    margin = np.array([learned.model.predict(values[at : at + 1], raw_score=True, num_threads=1)[0] for at in sample])
    golden = np.column_stack((values[sample], calibrated(margin, learned.calibration))).astype("<f8").tobytes()
    scores = np.array([exact_score(float(p), ScoreMap(plan.probability_at_70)) for p in learned.expected_probability])
    bad, told = rows.bad[learned.measured_rows], learned.measured_probability
    money = money_of(matrix, rows.rows[learned.measured_rows], currency)
    now_ms = clock.now_ms()
    gains = np.asarray(learned.model.feature_importance("gain"), np.float64)
    manifest = Manifest(
        id=id_of(plan.target, plan, body, golden),
        target=plan.target,
        created_ms=now_ms,
        until_ms=plan.until_ms,
        from_ms=int(matrix.occurred_ms[rows.rows[0]]),
        to_ms=int(matrix.occurred_ms[rows.rows[-1]]),
        measured_from_ms=int(matrix.occurred_ms[rows.rows[learned.measured_rows[0]]]),
        knew_then=learned.knew_then,
        rows=len(rows.rows),
        bad=int(rows.bad.sum()),
        left_out=rows.immature,
        canceled=rows.canceled,
        delay_days=rows.delay_days,
        data_mark=matrix.mark,
        features=tuple(
            use_of(name, own, values[:, at], float(gains[at] / max(gains.sum(), 1e-12)), monotone_of(name))
            for at, name in enumerate(learned.names)
        ),
        left_out_for_cost=learned.left_out,
        calibration=learned.calibration,
        score_map=ScoreMap(plan.probability_at_70),
        score_shares=score_shares(scores.tolist()),
        metrics={**metrics_of(bad, told), **_cost_share(bad, told, money, plan.probability_at_70)},
        suspects=suspects_of(learned.names, values[learned.measured_rows], bad),
        trees=learned.trees,
        versions={"features": FEATURES_VERSION, "windows": WINDOWS_VERSION, "lightgbm": _lightgbm_version()},
        model_sha256=hashlib.sha256(body).hexdigest(),
        golden_sha256=hashlib.sha256(golden).hexdigest(),
        golden_rows=len(sample),
    )
    assert len(sample) <= GOLDEN_ROWS_MAX
    return Package(msgspec.json.format(msgspec.json.encode(manifest)), body, golden), manifest


def id_of(target: str, plan: Plan, body: bytes, golden: bytes) -> str:
    """The name of a model: by what it gives, and what a score of 70 means under it."""
    mark = hashlib.sha256(body + golden + repr(plan.probability_at_70).encode()).hexdigest()
    return f"{target}-{day_of(plan.until_ms)}-{mark[:8]}"


def suspects_of(names: Sequence[str], values: Floats, bad: Wholes) -> tuple[str, ...]:
    """Features with an AUC beyond 0.9 either way, the unknown taken for the least."""
    found = []
    for name, column in zip(names, values.T, strict=True):
        auc = auc_of(bad, np.nan_to_num(column, nan=-1e300))
        if abs(auc - 0.5) > SUSPECT_AUC - 0.5:
            found.append(name)
    return tuple(found)


def metrics_of(bad: Wholes, told: Floats) -> dict[str, Measured]:
    """The figures of a manifest, with their intervals."""
    return {
        "auc": measured(auc_of, bad, told),
        "average_precision": measured(average_precision, bad, told),
        "recall_at_1_percent": measured(recall_at_false_positives, bad, told),
        "calibration_error": measured(calibration_error, bad, told),
    }


def _cost_share(bad: Wholes, told: Floats, money: Money, probability_at_70: float) -> dict[str, Measured]:
    """What mistakes cost at a score of 70, as a share of the orders' amounts; nothing where none is known."""
    scores = np.array([score_of(float(one), ScoreMap(probability_at_70)) for one in told], np.float64)

    def share(bad_drawn: Wholes, drawn: Floats) -> float:
        at = drawn.astype(np.int64)
        total = float(np.nansum(money.amount[at]))
        return min(1.0, cost_of(bad_drawn, scores[at], money.amount[at]) / total) if total > 0 else 0.0

    if not np.nansum(money.amount) > 0:
        return {}
    return {"cost_share": measured(share, bad, np.arange(len(bad), dtype=np.float64))}


def use_of(name: str, own: tuple[Feature, ...], column: Floats, gain: float, monotone: Sign = 0) -> Use:
    """A feature as the manifest names it, with how its values were spread."""
    defined = {one.name: one for one in own}.get(name)
    edges, shares = spread_of(column)
    shown = _catalogue(name) if defined is None else defined
    return Use(
        name=name,
        text="" if defined is None else defined.text,
        unit="" if shown is None else shown.unit,
        says="" if shown is None else shown.says,
        reason=name if shown is None else shown.reason,
        monotone=monotone,
        gain=round(gain, 6),
        edges=edges,
        shares=shares,
    )


def _catalogue(name: str) -> Feature | None:
    found = Shelf(()).built_in.get(name)
    return None if found is None else found.feature


def write_package(out: Path, package: Package, card: str) -> None:
    """The files of a model directory, the manifest last: without it there is no model."""
    out.mkdir(parents=True, exist_ok=True)
    for name, content in (
        (MODEL_FILE, package.body),
        (GOLDEN_FILE, package.golden),
        (CARD_FILE, card.encode()),
        (MANIFEST_FILE, package.manifest),
    ):
        partial = out / (name + ".partial")
        partial.write_bytes(content)
        os.replace(partial, out / name)


class _Work:
    """Results of pieces of work, kept under a mark of all that they depend on."""

    def __init__(self, directory: Path, mark: str) -> None:
        self._directory = directory
        self._mark = mark
        self._file = directory / "journal.jsonl"
        directory.mkdir(parents=True, exist_ok=True)
        self._done: dict[str, Any] = {}
        if self._file.exists():
            for line in self._file.read_bytes().splitlines():
                try:
                    name, marked, result = msgspec.json.decode(line, type=tuple[str, str, Any])
                except msgspec.DecodeError:
                    continue  # a stop in the middle of a line
                if marked == mark:
                    self._done[name] = result

    def begin(self, begun: Begun) -> None:
        """What was done before this was something else."""
        for path in self._directory.iterdir():
            path.unlink()
        self._done.clear()
        (self._directory / _BEGUN_FILE).write_bytes(msgspec.json.encode(begun))

    def journal(self, name: str, work: Callable[[], Any]) -> Any:
        """The result of before, or this one, written down."""
        if name not in self._done:
            self._done[name] = work()
            with self._file.open("ab") as out:
                out.write(msgspec.json.encode((name, self._mark, self._done[name])) + b"\n")
        return self._done[name]

    def matrix(self, name: str, read: Callable[[], Matrix]) -> Matrix:
        """The same of a matrix."""
        path = self._directory / f"{name}.npz"
        found = read_matrix_file(path, self._mark)
        if found is None:
            found = read()
            write_matrix_file(path, found, self._mark)
        return found

    def clear(self) -> None:
        """The work is done."""
        for path in self._directory.iterdir():
            path.unlink()
        self._directory.rmdir()


def day_of(ms: int) -> str:
    """As it stands in the id of a model."""
    return str(np.datetime64(ms // DAY_MS, "D")).replace("-", "")


def _lightgbm_version() -> str:
    return version("lightgbm")
