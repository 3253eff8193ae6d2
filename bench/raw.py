"""The columns of the public sets as their files have them, without any history: what the baselines are made of.

A set that gives a raw model more than what others published for raw columns would have a leak, so these rows are the
first thing to look at: fraudecom's must come to about 0.52.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fourthwatch.workbench.fraudecom import rows_of
from fourthwatch.workbench.learning import Learner
from fourthwatch.workbench.matrix import Floats, Wholes
from fourthwatch.workbench.table import groups_of

FRAUDECOM_RAW = ("purchase_value", "age", "source", "browser", "sex", "ip_address")
HANDBOOK_RAW = ("TX_AMOUNT", "CUSTOMER_ID", "TERMINAL_ID")


def raw_fraudecom(source: Path, orders: Sequence[str]) -> Floats:
    """A row per order of those asked for; words are numbered as they come, what is not said is unknown."""
    numbers: dict[tuple[str, str], float] = {}

    def cell(name: str, text: str) -> float:
        if name in ("purchase_value", "age", "ip_address"):
            return float(text) if text else float("nan")
        return numbers.setdefault((name, text), float(len(numbers)))

    found = {f"fe-o-{row['user_id']}": [cell(name, row[name]) for name in FRAUDECOM_RAW] for _, row in rows_of(source)}
    return np.array([found[order] for order in orders])


def raw_handbook(source: Path, orders: Sequence[str]) -> Floats:
    """The same of the handbook."""
    ids = np.array([int(order.removeprefix("hb-o-")) for order in orders])
    columns = np.concatenate(list(_groups(source)))
    columns = columns[np.argsort(columns[:, 0], kind="stable")]
    found: Floats = columns[np.searchsorted(columns[:, 0], ids), 1:]
    return found


def raw_scores(raw: Floats, bad: Wholes, train: Wholes, test: Wholes) -> Floats:
    """What a plain model of the first settings makes of the test's rows."""
    names = [f"raw_{place}" for place in range(raw.shape[1])]
    learner = Learner(names, raw[train], bad[train], np.ones(len(train)), 1)
    found: Floats = learner.fit_plainly(np.arange(len(train))).predict(raw[test], num_threads=1)
    return found


def _groups(source: Path) -> Iterator[Floats]:
    names = ("TRANSACTION_ID", *HANDBOOK_RAW)
    for group in groups_of(source, names):
        yield np.column_stack([np.array(group[name], np.float64) for name in names])
