"""How unlike others an order is, learned from a log without a single label: an isolation forest, for the first days.

It knows nothing of good and bad: unusual is not fraudulent. So it looks on as a shadow, and decides only where somebody
says so by name. The forest is written as a LightGBM model (the path that isolates an order is a sum over trees), so it
is tried, served and taken apart like any other.

Liu, Ting and Zhou, Isolation Forest, 2008.
"""

import hashlib
import math
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fourthwatch.clock import Clock
from fourthwatch.errors import ModelRefused
from fourthwatch.features.catalogue import DECIDING, FEATURES_VERSION
from fourthwatch.features.windows import WINDOWS_VERSION
from fourthwatch.model.booster import Booster
from fourthwatch.model.manifest import NOVELTY, Calibration, Manifest, Measured, Package, ScoreMap, Use
from fourthwatch.model.score import exact_score, log_odds_of
from fourthwatch.model.stability import score_shares
from fourthwatch.workbench.dataset import Wanted
from fourthwatch.workbench.learning import calibrated
from fourthwatch.workbench.matrix import Floats, Matrix, read_matrix
from fourthwatch.workbench.maturity import usable
from fourthwatch.workbench.ranking import auc_of, measured
from fourthwatch.workbench.training import GOLDEN_ROWS, Plan, Say, Trained, id_of, use_of, write_package

TREES, SAMPLE = 200, 256
ORDERS_MIN = 500
RARE = 0.01
"""A score of 70 is that of the most unusual order in so many, and of 10 that of the middle one."""
_MIDDLE_SCORE = 10
_LEARN_SHARE = 0.8
_NAN_RIGHT, _NAN_LEFT = 8, 10
"""LightGBM's kinds of decisions: numbers where NaN goes right, or left."""


def learn_novelty(directory: Path, out: Path, plan: Plan, clock: Clock, say: Say) -> Trained:
    """Write a model directory `out`, as `train` does; raises `ModelRefused` when there are too few orders.

    `plan.target` is what it is measured by, where outcomes are known: on the last fifth of these orders, by a forest of
    all that came before them.
    """
    _library()  # or it is told before the ledger is walked
    wanted = Wanted(
        tenant=plan.tenant, from_ms=plan.from_ms, to_ms=min(plan.until_ms, plan.to_ms or plan.until_ms),
        features=plan.features or DECIDING, known_by_ms=plan.until_ms,
    )  # fmt: skip
    matrix = read_matrix(directory, wanted, lambda done, total: say("walking through the ledger", done / max(1, total)))
    say("learning", 0.9)
    package, manifest = novelty_of(matrix, plan, clock)
    write_package(out, package, _card(manifest))
    say("done", 1.0)
    return Trained(manifest.id, out, manifest)


def novelty_of(matrix: Matrix, plan: Plan, clock: Clock) -> tuple[Package, Manifest]:
    """A model of what is usual in a matrix; raises `ModelRefused`."""
    if len(matrix) < ORDERS_MIN or not matrix.names:
        raise ModelRefused(
            f"there are {len(matrix):,} orders that tell anything; what is usual is learned from {ORDERS_MIN}"
        )
    values = matrix.values
    body = forest_text(values)
    margin = margins(body, values)
    calibration = _calibration(margin, plan.probability_at_70)
    sample = np.linspace(0, len(values) - 1, min(GOLDEN_ROWS, len(values))).astype(np.int64)
    told = calibrated(margin, calibration)
    golden = np.column_stack((values[sample], told[sample])).astype("<f8").tobytes()
    score_map = ScoreMap(plan.probability_at_70)
    scores = np.array([exact_score(float(one), score_map) for one in told])
    metrics, from_ms = _worth(matrix, plan)
    manifest = Manifest(
        id=id_of(NOVELTY, plan, body, golden), target=NOVELTY, created_ms=clock.now_ms(),
        until_ms=plan.until_ms, from_ms=int(matrix.occurred_ms[0]), to_ms=int(matrix.occurred_ms[-1]),
        measured_from_ms=from_ms, rows=len(matrix), bad=0, data_mark=matrix.mark,
        features=_uses(matrix), calibration=calibration, score_map=score_map,
        score_shares=score_shares(scores.tolist()), metrics=metrics,
        trees=TREES, versions={"features": FEATURES_VERSION, "windows": WINDOWS_VERSION},
        model_sha256=hashlib.sha256(body).hexdigest(),
        golden_sha256=hashlib.sha256(golden).hexdigest(), golden_rows=len(sample),
    )  # fmt: skip
    return Package(msgspec.json.format(msgspec.json.encode(manifest)), body, golden), manifest


def margins(body: bytes, values: Floats) -> Floats:
    """What such a model gives of rows: the less of a path it takes to set an order apart, the more."""
    booster = Booster(body, values.shape[1])
    found = [booster.margin([None if value != value else value for value in row]) for row in values.tolist()]
    booster.close()
    return np.array(found)


def _library() -> Any:
    """Raises `ModelRefused` where it is not installed."""
    try:
        return import_module("sklearn.ensemble")
    except ImportError as error:
        raise ModelRefused("novelty is learned with scikit-learn: pip install 'fourthwatch[novelty]'") from error


def forest_text(values: Floats) -> bytes:
    """An isolation forest of these rows, in LightGBM's form; unknown goes where the middle of the known goes."""
    ensemble = _library()
    known = ~np.isnan(values)
    middle = np.array(
        [np.median(column[has]) if has.any() else 0.0 for column, has in zip(values.T, known.T, strict=True)]
    )
    filled = np.clip(np.where(known, values, middle), -1e30, 1e30)
    sample = min(SAMPLE, len(values))
    forest = ensemble.IsolationForest(n_estimators=TREES, max_samples=sample, random_state=11).fit(filled)
    trees = [
        _tree_text(number, tree.tree_, middle, 1 / (TREES * _path(sample)))
        for number, tree in enumerate(forest.estimators_)
    ]
    width = values.shape[1]
    head = (
        "tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0",
        f"max_feature_idx={width - 1}", "objective=regression",
        "feature_names=" + " ".join(f"Column_{at}" for at in range(width)),
        "feature_infos=" + " ".join(["[-1e300:1e300]"] * width),
        "tree_sizes=" + " ".join(str(len(tree)) for tree in trees), "", "",
    )  # fmt: skip
    return ("\n".join(head) + "".join(trees) + "end of trees\n").encode()


def _tree_text(number: int, tree: Any, middle: Floats, scale: float) -> str:
    """One tree; a leaf is worth its depth, and what it would have taken to part those that are in it."""
    inner = [at for at in range(tree.node_count) if tree.children_left[at] >= 0]
    place = {at: count for count, at in enumerate(inner)}
    leaves = [at for at in range(tree.node_count) if tree.children_left[at] < 0]
    place |= {at: ~count for count, at in enumerate(leaves)}
    depth = {0: 0}
    for at in inner:
        for child in (tree.children_left[at], tree.children_right[at]):
            depth[int(child)] = depth[at] + 1
    counts = tree.n_node_samples
    goes_left = [middle[tree.feature[at]] <= tree.threshold[at] for at in inner]
    rows: dict[str, list[Any]] = {
        "split_feature": [tree.feature[at] for at in inner],
        "split_gain": [0 for _ in inner],
        "threshold": [repr(float(tree.threshold[at])) for at in inner],
        "decision_type": [_NAN_LEFT if left else _NAN_RIGHT for left in goes_left],
        "left_child": [place[int(tree.children_left[at])] for at in inner],
        "right_child": [place[int(tree.children_right[at])] for at in inner],
        "leaf_value": [repr(-(depth[at] + _path(int(counts[at]))) * scale) for at in leaves],
        "leaf_weight": [int(counts[at]) for at in leaves],
        "leaf_count": [int(counts[at]) for at in leaves],
        "internal_value": [0 for _ in inner],
        "internal_weight": [int(counts[at]) for at in inner],
        "internal_count": [int(counts[at]) for at in inner],
    }
    lines = [f"Tree={number}", f"num_leaves={len(leaves)}", "num_cat=0"]
    lines += [
        f"{name}=" + " ".join(str(cell) for cell in cells) for name, cells in rows.items() if inner or "leaf" in name
    ]
    return "\n".join([*lines, "is_linear=0", "shrinkage=1", "", "", ""])


def _path(count: int) -> float:
    """Mean path of a search that fails in a binary tree of so many."""
    if count <= 1:
        return 0.0
    return 1.0 if count == 2 else 2 * (math.log(count - 1) + 0.5772156649015329) - 2 * (count - 1) / count


def _calibration(margin: Floats, probability_at_70: float) -> Calibration:
    middle, rare = (float(one) for one in np.quantile(margin, (0.5, 1 - RARE)))
    if rare <= middle:
        raise ModelRefused("all orders are alike: there is nothing unusual to learn")
    apart = log_odds_of(0.7) - log_odds_of(_MIDDLE_SCORE / 100)
    slope = apart / (rare - middle)
    return Calibration(slope, log_odds_of(probability_at_70) - slope * rare)


def _worth(matrix: Matrix, plan: Plan) -> tuple[dict[str, Measured], int]:
    """How well it tells the bad of the last fifth of the orders whose outcome is known, and from when on; of a forest
    of all that came before them."""
    try:
        known = usable(matrix, plan.target, plan.until_ms)
    except ModelRefused:
        return {}, 0
    later = int(len(known.rows) * _LEARN_SHARE)
    rows, bad = known.rows[later:], known.bad[later:]
    if not 0 < bad.sum() < len(rows) or rows[0] < SAMPLE:
        return {}, 0
    first = int(rows[0])
    told = margins(forest_text(matrix.values[:first]), matrix.values[rows])
    return {"auc": measured(auc_of, bad, told)}, int(matrix.occurred_ms[first])


def _uses(matrix: Matrix) -> tuple[Use, ...]:
    return tuple(use_of(name, (), matrix.values[:, at], 0.0) for at, name in enumerate(matrix.names))


def _card(manifest: Manifest) -> str:
    found = manifest.metrics.get("auc")
    worth = "No outcome was known to measure it by." if found is None else (
        f"On the last fifth of the orders whose outcome was known: AUC {found.value:.3f}"
        f" ({found.low:.3f} to {found.high:.3f})."
    )  # fmt: skip
    rows = "".join(
        f"<tr><td><code>{escape(use.name)}</code></td><td>{escape(use.says)}</td></tr>" for use in manifest.features
    )
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{escape(manifest.id)}</title></head><body>"
        f"<h1>Model {escape(manifest.id)}</h1><p>How unlike others an order is, learned without any label from"
        f" {manifest.rows:,} orders. Unusual is not fraudulent: this is a sign to look, and no probability of a bad"
        f" outcome. A score of 70 is that of the most unusual order in {round(1 / RARE)}, and of {_MIDDLE_SCORE} that"
        f" of the middle one. {worth}</p><h2>What it looks at</h2><table>{rows}</table></body></html>\n"
    )
