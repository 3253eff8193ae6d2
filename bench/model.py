"""What a model costs: one row of 200 trees, its exact contributions, and the walk with a champion beside without one.

Thread CPU time; batches with and without the champion take turns. The model reads 40 features of the catalogue.
"""

import hashlib
import time

import lightgbm
import msgspec
import numpy as np

from bench.figures import Figure, figure
from bench.peak import scratch
from bench.steps import TENANT, Bench
from fourthwatch.engine.definitions import Shelf
from fourthwatch.features.catalogue import CATALOGUE, DECIDING
from fourthwatch.model.manifest import Manifest, Package, Use, read_manifest
from fourthwatch.model.serving import LiveModel

TREES, FEATURES = 200, 40
_ROWS = 2_000
_WARM, _BATCHES = 64, 48


def measure_model(runs: int) -> list[Figure]:
    """The rows of the table."""
    package = _package()
    live = LiveModel.of(read_manifest(package), package)
    chance = np.random.default_rng(2)
    rows = chance.normal(size=(_ROWS, FEATURES)).tolist()
    judged, explained = [], []
    for _ in range(runs):
        began = time.thread_time_ns()
        for row in rows:
            live.judge(row)
        judged.append((time.thread_time_ns() - began) / _ROWS / 1_000)
        began = time.thread_time_ns()
        for row in rows[:200]:
            live.contributions(row)
        explained.append((time.thread_time_ns() - began) / 200 / 1_000)
    ratio = [_ratio(package) for _ in range(runs)]
    return [
        figure(f"model: CPU per order, {TREES} trees, {FEATURES} features", judged, "µs", note="wanted: at most 40"),
        figure("model: exact contributions, where given", explained, "µs", note="wanted: at most 1,500"),
        figure("model: decisions per CPU second with a champion, of without", ratio, "", note="wanted: at least 0.8"),
    ]


def _ratio(package: Package) -> float:
    """How many decisions the walk makes with a champion for each that it makes without."""
    with scratch() as plain, scratch() as judged:
        without, beside = Bench(plain, "orders"), Bench(judged, "orders")
        seat = beside.walk.panel.admit(TENANT, LiveModel.of(read_manifest(package), package), Shelf(()).of(TENANT))
        windows = beside.walk.windows
        windows.need(windows.want(seat.key, seat.wanted), complete=True)
        beside.walk.panel.put(TENANT, seat, ())
        spent = [0, 0]
        for number in range(_WARM + _BATCHES):
            for at, one in enumerate((without, beside)):
                took = one.take(one.bodies())
                spent[at] += took if number >= _WARM else 0
        without.close()
        beside.close()
    return spent[0] / spent[1]


def _package() -> Package:
    chance = np.random.default_rng(1)
    values = chance.normal(size=(20_000, FEATURES))
    bad = (values[:, 0] + values[:, 1] * values[:, 2] + chance.normal(size=len(values)) > 1).astype(int)
    settings = {"objective": "binary", "verbosity": -1, "num_leaves": 15, "num_threads": 1, "seed": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(values, bad, params={"verbosity": -1}), TREES)
    body = booster.model_to_string().encode()
    golden = b"\0" * 8 * (FEATURES + 1)
    names = (*DECIDING, *(row.name for row in CATALOGUE if row.name not in DECIDING))[:FEATURES]
    manifest = Manifest(
        id="bench", target="chargeback", created_ms=1, until_ms=1, from_ms=1, to_ms=1, rows=len(values),
        bad=int(bad.sum()), features=tuple(Use(name=name) for name in names),
        model_sha256=hashlib.sha256(body).hexdigest(), golden_sha256=hashlib.sha256(golden).hexdigest(), golden_rows=1,
    )  # fmt: skip
    return Package(msgspec.json.encode(manifest), body, golden)
