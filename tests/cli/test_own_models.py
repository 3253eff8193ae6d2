"""A model of one's own, from a data set by the script of the documentation to one that is watched."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from documented import ROOT, blocks
from fourthwatch.cli.main import root
from fourthwatch.clock import ManualClock, iso_ms
from fourthwatch.errors import ModelRefused
from fourthwatch.model.manifest import Manifest, Package, ScoreMap, Use
from fourthwatch.model.stability import drift_of
from fourthwatch.store.models import ModelStore
from fourthwatch.workbench.training import write_package
from learned_shop import FEATURES, UNTIL_MS, events, shop
from small_model import package_of, small_model

pytestmark = pytest.mark.slow


def _run(*arguments: str) -> None:
    found = CliRunner().invoke(root, arguments)
    assert found.exit_code == 0, found.output


def test_the_documented_script_makes_a_model_that_is_taken_in_and_whose_drift_can_be_measured(tmp_path: Path) -> None:
    data = shop(tmp_path, events(orders=600))
    _run("dataset", "build", "--data", str(data), "--out", str(tmp_path / "orders.csv"), "--to", iso_ms(UNTIL_MS)[:10])
    (script,) = (one.text for one in blocks(ROOT / "docs/how-to/train-a-model.md") if one.language == "python")
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=bare, check=True, capture_output=True)
    _run("models", "import", "--data", str(data), str(tmp_path / "own-1"))
    store = ModelStore(data, ManualClock(UNTIL_MS))
    manifest = msgspec.json.decode(store.get(1, "own-1").manifest, type=Manifest)
    golden = store.files(1, "own-1").golden
    store.close()
    width = len(manifest.features) + 1
    rows = memoryview(golden).cast("d").tolist()
    vectors = [rows[at : at + width - 1] for at in range(0, len(rows), width)]
    drift = drift_of(manifest, [[None if one != one else one for one in row] for row in vectors], [1] * len(vectors))
    assert set(drift.features) == set(manifest.names)
    assert max(drift.features.values()) == pytest.approx(0.0, abs=1e-6)  # the orders that it was made from
    assert drift.score is not None
    refusal = CliRunner().invoke(root, ["models", "compare", "--data", str(data), "own-1"]).exception
    assert isinstance(refusal, ModelRefused)  # it has seen all orders, and says nothing of how good it was
    assert "nothing to compare by yet" in str(refusal)


def test_seventy_means_under_the_next_model_what_it_means_under_the_champion(tmp_path: Path) -> None:
    data = shop(tmp_path, events())
    champion = _of_twelve_percent()
    write_package(tmp_path / "champion", champion, "")
    _run("models", "import", "--data", str(data), str(tmp_path / "champion"))
    _run("models", "promote", "--data", str(data), "twelve", "--override", "a test", "--by", "asha")
    learn = (
        "train", "--data", str(data), "--seconds", "0", "--until", iso_ms(UNTIL_MS)[:10],
        "--features", ",".join(FEATURES),
    )  # fmt: skip
    for given, told in (((), "12 %"), (("--red-means", "0.4"), "40 %")):
        found = CliRunner().invoke(root, [*learn, *given, "--out", str(tmp_path / "next")])
        assert found.exit_code == 0, found.output
        assert f"a score of 70 stands for a chance of {told}\n" in found.output
        newest = found.output.splitlines()[-1].partition(":")[0]
        shown = CliRunner().invoke(root, ["models", "show", "--data", str(data), newest]).output
        assert f"a score of 70 stands for a chance of {told}\n" in shown


def _of_twelve_percent() -> Package:
    good = small_model()
    uses = tuple(Use(name=name) for name in FEATURES[:8])
    return package_of(good.body, good.golden, 300, id="twelve", features=uses, score_map=ScoreMap(0.12))
