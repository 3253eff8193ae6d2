"""How a model's features and scores were spread when it learned: what drift is measured against.

Training knows it of all rows. A model of one's own need not say it: its golden rows are orders, too.
"""

import msgspec
import numpy as np

from fourthwatch.model.manifest import Manifest, Package, Use
from fourthwatch.model.score import exact_score
from fourthwatch.model.stability import ROWS_MIN, score_shares
from fourthwatch.workbench.matrix import Floats

GROUPS = 10


def spread_of(column: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Bounds between groups of rows that are about as many, and the share of rows in each, the unknown last.

    >>> edges, shares = spread_of(np.array([*range(90), *[np.nan] * 10], float))
    >>> [round(edge, 1) for edge in edges[:2]], [round(share, 2) for share in (shares[0], shares[-1])]
    ([8.9, 17.8], [0.09, 0.1])
    """
    known = column[np.isfinite(column)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, GROUPS + 1)[1:-1])) if len(known) else np.empty(0)
    counts = np.bincount(np.searchsorted(edges, known, "right"), minlength=len(edges) + 1)
    shares = np.append(counts, len(column) - len(known)) / max(1, len(column))
    return tuple(float(edge) for edge in edges), tuple(round(float(share), 6) for share in shares)


def completed(package: Package, manifest: Manifest) -> bytes:
    """The manifest with the spread of the golden rows, where these are enough to tell and it brings none itself."""
    if manifest.golden_rows < ROWS_MIN:
        return package.manifest
    rows = np.frombuffer(package.golden, "<f8").reshape(manifest.golden_rows, -1)
    uses = tuple(use if use.shares else _with_spread(use, rows[:, at]) for at, use in enumerate(manifest.features))
    shares = manifest.score_shares or score_shares(
        [exact_score(probability, manifest.score_map) for probability in rows[:, -1].tolist()]
    )
    told = msgspec.structs.replace(manifest, features=uses, score_shares=shares)
    return package.manifest if told == manifest else msgspec.json.format(msgspec.json.encode(told))


def _with_spread(use: Use, column: Floats) -> Use:
    edges, shares = spread_of(column)
    return msgspec.structs.replace(use, edges=edges, shares=shares)
