"""What is usual, learned without a label: the forest as it is defined, served as any other model, with no say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.ensemble import IsolationForest  # type: ignore[import-untyped]

from fourthwatch.cli.main import root
from fourthwatch.clock import DAY_MS, ManualClock
from fourthwatch.engine.definitions import Shelf
from fourthwatch.engine.panel import wanted_by
from fourthwatch.errors import ModelRefused
from fourthwatch.model.manifest import read_manifest
from fourthwatch.model.probe import try_out
from fourthwatch.model.serving import LiveModel
from fourthwatch.store.models import ModelStore
from fourthwatch.workbench.comparing import compare
from fourthwatch.workbench.novelty import SAMPLE, TREES, forest_text, learn_novelty, margins
from fourthwatch.workbench.packages import read_package
from fourthwatch.workbench.training import Plan
from learned_shop import START_MS, UNTIL_MS, events, shop

pytestmark = pytest.mark.slow


def _rows(count: int = 2_000) -> Any:
    values = np.random.default_rng(3).normal(size=(count, 5)).astype(np.float32).astype(np.float64)
    values[:20, 0] += 8  # the unusual
    return values


def test_the_forest_gives_what_it_is_defined_to_give() -> None:
    values = _rows()
    ours = margins(forest_text(values), values)
    theirs = IsolationForest(n_estimators=TREES, max_samples=SAMPLE, random_state=11).fit(values)
    assert 2**ours == pytest.approx(-theirs.score_samples(values), abs=1e-6)
    assert ours[:20].mean() > np.quantile(ours[20:], 0.95)


def test_unknown_goes_where_the_middle_of_the_known_goes() -> None:
    values = _rows()
    body = forest_text(values)
    holes, filled = values[:50].copy(), values[:50].copy()
    holes[:, 2] = np.nan
    filled[:, 2] = np.median(values[:, 2])
    assert margins(body, holes).tolist() == margins(body, filled).tolist()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop(tmp_path_factory.mktemp("shop"), events())


def _learned(data: Path, out: Path) -> Any:
    plan = Plan(until_ms=UNTIL_MS, target="any")
    return learn_novelty(data, out, plan, ManualClock(UNTIL_MS), lambda _what, _share: None)


def test_without_labels_it_is_served_like_any_model_and_rings_stand_out(data: Path, tmp_path: Path) -> None:
    unlabelled = [(at, line) for at, line in events() if b'"chargeback"' not in line]
    blind = _learned(shop(tmp_path / "blind", unlabelled), tmp_path / "b")
    assert blind.manifest.metrics == {}
    trained = _learned(data, tmp_path / "m")
    package, card = read_package(tmp_path / "m")
    assert b"no probability" in card
    assert try_out(package) == read_manifest(package)
    assert wanted_by(trained.manifest, 1, Shelf(()).of(1)).names == trained.manifest.names
    assert trained.manifest.metrics["auc"].low > 0.6  # nobody told it of a ring
    live = LiveModel.of(trained.manifest, package)
    rows = np.frombuffer(package.golden, "<f8").reshape(trained.manifest.golden_rows, -1)[:, :-1]
    scores = [live.judge([None if one != one else one for one in row]).score for row in rows.tolist()]
    assert sum(score > 70 for score in scores) == pytest.approx(len(scores) / 100, abs=len(scores) / 100)
    assert sorted(scores)[len(scores) // 2] == pytest.approx(10, abs=3)
    assert live.contributions([None] * rows.shape[1])
    live.close()


def test_its_worth_is_measured_also_where_no_outcome_of_the_last_fifth_of_the_time_is_known_yet(
    data: Path, tmp_path: Path
) -> None:
    young = Plan(until_ms=START_MS + 24 * DAY_MS, target="any")  # disputes take five days, and a fifth is less
    trained = learn_novelty(data, tmp_path / "m", young, ManualClock(UNTIL_MS), lambda _what, _share: None)
    assert trained.manifest.metrics["auc"].value > 0.6
    assert trained.manifest.measured_from_ms < START_MS + 17 * DAY_MS


def test_it_never_decides_unless_somebody_says_so_by_name(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    command = ["train", "--data", str(data), "--target", "novelty", "--out", str(out), "--until", "2100-01-01"]
    told = CliRunner().invoke(root, command)
    assert told.exit_code == 0, told.output
    assert "a score of 70 stands for the most unusual order in a hundred\n" in told.output
    package, _ = read_package(out)
    store = ModelStore(data, ManualClock(UNTIL_MS))
    (row,) = store.all(1)
    assert row.state == "candidate"
    with pytest.raises(ModelRefused, match="no labels of the target 'novelty'"):
        compare(data, "default", package, None, ManualClock(UNTIL_MS), lambda _done, _total: None)
    refused = CliRunner().invoke(root, ["models", "promote", "--data", str(data), row.id])
    assert refused.exit_code == 1
    assert store.champion(1) is None
    looks_on = CliRunner().invoke(root, ["models", "shadow", "--data", str(data), row.id])
    assert looks_on.exit_code == 0
    assert store.get(1, row.id).state == "shadow"
    store.close()


def test_too_few_orders_and_orders_that_are_all_alike_are_a_sentence(tmp_path: Path) -> None:
    few = shop(tmp_path / "few", events(orders=60))
    with pytest.raises(ModelRefused, match="learned from 500"):
        _learned(few, tmp_path / "m")
    assert not (tmp_path / "m").exists()
