"""How much each feature of a data set tells by itself: the chance that a bad case has more of it than a good one.

Where a feature is unknown it tells nothing and is left out of its own figure; how often that is, among good and among
bad, stands beside it. These are figures of single features: two that say the same both stand high.
"""

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from fourthwatch.errors import DatasetError
from fourthwatch.workbench.checkout import ORDINARY
from fourthwatch.workbench.dataset import LABEL_PREFIX, is_feature
from fourthwatch.workbench.labels import LabelKind
from fourthwatch.workbench.table import Cell, groups_of, names_of

KNOWN_MIN = 20
KNOWN_SHARE_MIN = 0.01
"""So many, and such a share, of the good and of the bad must have a known value; a figure of fewer is not given."""

Outcome = Literal[0, 1]
_GOOD_WORDS = frozenset({"0", ORDINARY})


class Telling(msgspec.Struct, frozen=True):
    """One feature by itself."""

    name: str
    auc: float | None
    """0 to 1 among known values, ties counting half; below a half when the bad have less.
    `None`: too few are known, or all have the same."""
    error: float | None
    """Standard error of `auc` by Hanley and McNeil, 1982, who take the cases as independent."""
    unknown_good: float
    """Share of the good whose value is unknown, 0 to 1."""
    unknown_bad: float

    @property
    def strength(self) -> float:
        """How far from guessing, 0 to 0.5."""
        return 0.0 if self.auc is None else abs(self.auc - 0.5)


class Told(msgspec.Struct, frozen=True):
    """All features of a data set against one outcome."""

    rows: int
    """Rows that were counted."""
    bad: int
    untold: int
    """Rows without a label, counted as good unless they were left out."""
    left_out: int
    """Rows whose label had arrived before them, earlier than asked for, or untold where only told ones count."""
    features: tuple[Telling, ...]
    """The most telling first; behind them, by name, those that cannot be ranked."""
    texts: tuple[str, ...]
    """Columns of text: without an order there is nothing to measure."""


def telling(
    path: Path,
    target: LabelKind,
    *,
    truth: Mapping[str, bool] | None = None,
    told_only: bool = False,
    from_ms: int | None = None,
) -> Told:
    """Measure every feature of the data set in `path` against a label, or against a truth by order id.

    Of a label, rows that it had reached before they came are left out: there was nothing to foretell. So are rows that
    happened before `from_ms`. Raises `DatasetError` when the file is none, or all cases are of one kind.
    """
    names = [name for name in names_of(path) if is_feature(name)]
    label = LABEL_PREFIX + target
    fixed = ["order_id"] if truth is not None else [label, f"{label}_received_ms", "received_ms"]
    fixed += [] if from_ms is None else ["occurred_ms"]
    counts: dict[str, tuple[Counter[float | None], Counter[float | None]]] = {
        name: (Counter(), Counter()) for name in names
    }
    texts: set[str] = set()
    totals, untold, left_out = [0, 0], 0, 0
    for group in groups_of(path, [*fixed, *names], texts=["order_id"]):
        outcomes = _by_truth(group, truth) if truth is not None else _by_label(group, label)
        if from_ms is not None:
            outcomes = [
                "out" if _is_before(at, from_ms) else one
                for at, one in zip(group["occurred_ms"], outcomes, strict=True)
            ]
        known = [at for at, outcome in enumerate(outcomes) if isinstance(outcome, int)]
        unsaid = [] if told_only else [at for at, outcome in enumerate(outcomes) if outcome is None]
        left_out += len(outcomes) - len(known) - len(unsaid)
        untold += len(unsaid)
        good = [at for at in known if outcomes[at] == 0] + unsaid
        bad = [at for at in known if outcomes[at] == 1]
        totals[0] += len(good)
        totals[1] += len(bad)
        for name in names:
            if name not in texts and not _count(group[name], (good, bad), counts[name]):
                texts.add(name)
    if 0 in totals:
        raise DatasetError(f"{path}: of {sum(totals):,} rows {totals[1]:,} are bad: there is nothing to tell apart")
    found = [_measured(name, counts[name], totals) for name in names if name not in texts]
    found.sort(key=lambda one: (one.auc is None, -one.strength, one.name))
    return Told(sum(totals), totals[1], untold, left_out, tuple(found), tuple(sorted(texts)))


def read_outcomes(path: Path) -> dict[str, bool]:
    """A truth file of `order_id,class` with or without a header: 0 or `ordinary` is good, all else is bad."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = [(row[0], row[1]) for row in csv.reader(lines) if row]
    except (OSError, ValueError, IndexError) as error:
        raise DatasetError(f"{path}: not a truth file of order_id,class: {error}") from error
    return {order_id: word not in _GOOD_WORDS for order_id, word in rows if order_id != "order_id"}


def auc_of_counts(good: Mapping[float, int], bad: Mapping[float, int]) -> float | None:
    """The chance that a bad case has a greater value than a good one, ties counting half, from how often each value is.

    `None` when one of the two kinds is absent.

    >>> auc_of_counts({10: 1, 20: 1}, {20: 1, 40: 1})
    0.875
    """
    good_count, bad_count = sum(good.values()), sum(bad.values())
    if good_count == 0 or bad_count == 0:
        return None
    twice_won = below = 0  # doubled, so that ties stay whole
    for value in sorted(good.keys() | bad.keys()):
        here = good.get(value, 0)
        twice_won += bad.get(value, 0) * (2 * below + here)
        below += here
    return twice_won / (2 * good_count * bad_count)


def error_of(auc: float, good_count: int, bad_count: int) -> float:
    """Standard error of an AUC (Hanley and McNeil, 1982)."""
    both_bad, both_good = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = (
        auc * (1 - auc) + (bad_count - 1) * (both_bad - auc * auc) + (good_count - 1) * (both_good - auc * auc)
    ) / (good_count * bad_count)
    return math.sqrt(max(0.0, variance))


def table_of(told: Told, top: int, says: Mapping[str, str]) -> list[str]:
    """The strongest features as the lines of a Markdown table; `says` explains a name."""
    lines = [
        "| feature | AUC | ± | the bad have | unknown: good | bad | what it says |",
        "|---|---:|---:|---|---:|---:|---|",
    ]
    for one in told.features[:top]:
        if one.auc is not None and one.error is not None:
            side = "more" if one.auc >= 0.5 else "less"
            lines.append(
                f"| `{one.name}` | {one.auc:.3f} | {one.error:.3f} | {side} | {one.unknown_good:.0%} |"
                f" {one.unknown_bad:.0%} | {says.get(one.name, '')} |"
            )
    return lines


_OutcomeOf = list[Outcome | Literal["out"] | None]
"""Per row: known, to be left out, or untold."""


def _by_truth(group: Mapping[str, list[Cell]], truth: Mapping[str, bool]) -> _OutcomeOf:
    found: _OutcomeOf = []
    for order_id in group["order_id"]:
        told = truth.get(str(order_id))
        found.append("out" if told is None else 1 if told else 0)
    return found


def _by_label(group: Mapping[str, list[Cell]], label: str) -> _OutcomeOf:
    found: _OutcomeOf = []
    rows = zip(group[label], group[f"{label}_received_ms"], group["received_ms"], strict=True)
    for value, told_ms, came_ms in rows:
        if isinstance(told_ms, int | float) and isinstance(came_ms, int | float) and told_ms < came_ms:
            found.append("out")
        else:
            found.append(None if value is None else 1 if value else 0)
    return found


def _is_before(occurred_ms: Cell, from_ms: int) -> bool:
    return not isinstance(occurred_ms, int | float) or occurred_ms < from_ms


def _count(
    cells: list[Cell], sides: tuple[Sequence[int], Sequence[int]],
    counts: tuple[Counter[float | None], Counter[float | None]],
) -> bool:  # fmt: skip
    """Count the values of the good and of the bad; false when a text is among them."""
    if any(isinstance(cell, str) for cell in cells):
        return False
    for rows, counter in zip(sides, counts, strict=True):
        counter.update([cells[at] for at in rows])  # type: ignore[misc]
    return True


def _measured(name: str, counts: tuple[Counter[float | None], Counter[float | None]], totals: Sequence[int]) -> Telling:
    unknown = [counter.get(None, 0) for counter in counts]
    good, bad = ({value: n for value, n in counter.items() if value is not None} for counter in counts)
    known = [total - missing for total, missing in zip(totals, unknown, strict=True)]
    shares = [missing / total for missing, total in zip(unknown, totals, strict=True)]
    is_enough = min(known) >= KNOWN_MIN and max(shares) <= 1 - KNOWN_SHARE_MIN
    can_differ = is_enough and len(good.keys() | bad.keys()) > 1
    auc = auc_of_counts(good, bad) if can_differ else None
    return Telling(name, auc, None if auc is None else error_of(auc, *known), *shares)
