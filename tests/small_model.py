"""A small model with golden rows, made in a moment and the same each time."""

import hashlib
import re
from functools import cache

import lightgbm
import msgspec
import numpy as np

from fourthwatch.model.manifest import Calibration, Manifest, Package, Use
from fourthwatch.workbench.learning import calibrated

WIDTH = 8
CALIBRATION = Calibration(0.9, -0.2)


@cache
def small_model(trees: int = 20) -> Package:
    """A package as `train` writes it."""
    chance = np.random.default_rng(3)
    values = chance.normal(size=(4_000, WIDTH))
    values[chance.random(values.shape) < 0.1] = np.nan
    bad = (np.nan_to_num(values[:, 0]) + np.nan_to_num(values[:, 1] * values[:, 2]) > 1).astype(int)
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 7, "seed": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(values, bad, params={"verbosity": -1}), trees)
    body = booster.model_to_string().encode()
    rows = values[:300]
    golden = np.column_stack((rows, calibrated(np.asarray(booster.predict(rows, raw_score=True)), CALIBRATION)))
    return package_of(body, golden.astype("<f8").tobytes(), rows=len(rows))


def package_of(body: bytes, golden: bytes, rows: int, **other: object) -> Package:
    """A manifest that fits these bytes, or with `other` does not."""
    told: dict[str, object] = {
        "id": "small-1", "target": "chargeback", "created_ms": 1, "until_ms": 3, "from_ms": 1, "to_ms": 2,
        "rows": 4_000, "bad": 900,
        "features": tuple(Use(name=f"feature_{at}", says=f"thing {at}") for at in range(WIDTH)),
        "calibration": CALIBRATION, "model_sha256": hashlib.sha256(body).hexdigest(),
        "golden_sha256": hashlib.sha256(golden).hexdigest(), "golden_rows": rows,
    }  # fmt: skip
    return Package(msgspec.json.encode(Manifest(**{**told, **other})), body, golden)  # type: ignore[arg-type]


def without_answers(body: bytes, leaf: bytes = b"nan") -> bytes:
    """The text of a model that has no answer to the rows that come to the first leaf of its first tree."""
    old = re.search(rb"leaf_value=(\S+)", body)
    size = re.search(rb"tree_sizes=(\d+)", body)
    assert old is not None
    assert size is not None
    longer = int(size[1]) + len(leaf) - len(old[1])
    body = body[: old.start(1)] + leaf + body[old.end(1) :]
    return body[: size.start(1)] + b"%d" % longer + body[size.end(1) :]
