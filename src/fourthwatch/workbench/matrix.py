"""A data set in memory, as learning wants it: a float64 column per feature that says anything, and what became of rows.

Unknown is NaN. Columns that are the same in every row of a piece cost nothing until the pieces are put together; those
that are the same throughout are left out, for they tell nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import xxhash

from fourthwatch.errors import DatasetError
from fourthwatch.limits import GROUP_ROWS
from fourthwatch.store.history import History
from fourthwatch.workbench.dataset import FIXED, LABEL_PREFIX, Progress, Wanted, opened
from fourthwatch.workbench.labels import LABEL_KINDS, SENT_LATE_MS
from fourthwatch.workbench.table import Cell

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]

UNTOLD = -1
"""In place of a label that is not known, and of the time at which it came to be."""


class Outcomes(msgspec.Struct, frozen=True):
    """One kind of label of every row."""

    value: Wholes
    """1, 0 or `UNTOLD`."""
    told_ms: Wholes
    """When it came to be known: our clock, or the sender's for a past that was sent afterwards."""


class Matrix(msgspec.Struct, frozen=True):
    """Rows in the order of the events' own time."""

    names: tuple[str, ...]
    """Of the columns."""
    left_out: tuple[str, ...]
    """Features that are the same, or unknown, in every row."""
    values: Floats
    """One row per order, one column per name."""
    position: Wholes
    occurred_ms: Wholes
    amount: Floats
    """In main units; NaN when not said."""
    score: Wholes
    """Of the decision that was made then."""
    payment: tuple[str, ...]
    """How each is paid; empty when not said."""
    user: tuple[str, ...]
    order: tuple[str, ...]
    labels: dict[str, Outcomes]
    """By kind."""
    mark: str
    """Stands for all of it: other rows or values, another mark."""
    currency: tuple[str, ...]
    """Of each amount, in capitals; empty when not said."""

    def __len__(self) -> int:
        return len(self.position)

    def columns(self, names: Sequence[str]) -> Floats:
        """Some columns, in the order asked for; those that were left out are unknown."""
        where = {name: place for place, name in enumerate(self.names)}
        found = np.full((len(self), len(names)), np.nan)
        for place, name in enumerate(names):
            if name in where:
                found[:, place] = self.values[:, where[name]]
        return found

    def part(self, rows: Wholes) -> "Matrix":
        """Some rows, by place."""
        return Matrix(
            names=self.names,
            left_out=self.left_out,
            values=self.values[rows],
            position=self.position[rows],
            occurred_ms=self.occurred_ms[rows],
            amount=self.amount[rows],
            score=self.score[rows],
            payment=tuple(self.payment[at] for at in rows),
            user=tuple(self.user[at] for at in rows),
            order=tuple(self.order[at] for at in rows),
            labels={kind: Outcomes(told.value[rows], told.told_ms[rows]) for kind, told in self.labels.items()},
            mark=f"{self.mark}-{len(rows)}",
            currency=tuple(self.currency[at] for at in rows),
        )


def read_matrix(directory: Path, wanted: Wanted, progress: Progress) -> Matrix:
    """Walk the ledger of a data directory on the code path of live scoring; raises as `dataset.build` does."""
    history = History(directory, up_to=wanted.up_to)
    try:
        names, columns, walk = opened(history, wanted)
        pieces = _Pieces(names, [column.name for column in columns])
        for row in walk.rows(progress):
            pieces.add(row, walk.currency)
        if pieces.count == 0:
            raise DatasetError(walk.why_empty())
    finally:
        history.close()
    return pieces.joined()


class _Pieces:
    """Rows as they come, turned into columns group after group."""

    def __init__(self, names: Sequence[str], columns: Sequence[str]) -> None:
        self.count = 0
        self._names = tuple(names)
        self._at = {name: place for place, name in enumerate(columns)}
        first = len(FIXED) + sum(name.startswith("key_") for name in columns)
        self._features = slice(first, first + len(names))
        self._rows: list[list[Cell]] = []
        self._groups: list[list[Floats | float]] = []
        self._fixed: dict[str, list[Any]] = {
            name: [] for name in ("position", "occurred_ms", "received_ms", "score", "payment", "user_id", "order_id")
        }
        self._currencies: list[str] = []
        self._labels: dict[str, list[tuple[int, int]]] = {kind: [] for kind in LABEL_KINDS}

    def add(self, row: list[Cell], currency: str) -> None:
        self._rows.append(row)
        self._currencies.append(currency)
        self.count += 1
        if len(self._rows) == GROUP_ROWS:
            self._turn()

    def joined(self) -> Matrix:
        """All of them, in the order of time."""
        if self._rows:
            self._turn()
        occurred = np.array(self._fixed["occurred_ms"], np.int64)
        order = np.argsort(occurred, kind="stable")
        told = [place for place in range(len(self._names)) if not self._is_constant(place)]
        values = np.empty((self.count, len(told)))
        for column, place in enumerate(told):
            values[:, column] = self._column(place)[order]
        names = tuple(self._names[place] for place in told)
        amount = np.full(self.count, np.nan)
        if "amount" in self._names:
            amount = self._column(self._names.index("amount"))[order]
        texts = {name: self._texts(name, order) for name in ("payment", "user_id", "order_id")}
        digest = xxhash.xxh3_128()
        digest.update(values.tobytes())
        digest.update("\n".join((*names, *texts["order_id"])).encode())
        labels = {}
        for kind, cells in self._labels.items():
            pairs = np.array(cells, np.int64).reshape(-1, 2)[order]
            labels[kind] = Outcomes(pairs[:, 0].copy(), pairs[:, 1].copy())
            digest.update(pairs.tobytes())
        return Matrix(
            names=names,
            left_out=tuple(name for place, name in enumerate(self._names) if place not in set(told)),
            values=values,
            position=np.array(self._fixed["position"], np.int64)[order],
            occurred_ms=occurred[order],
            amount=amount,
            score=np.array(self._fixed["score"], np.int64)[order],
            payment=texts["payment"],
            user=texts["user_id"],
            order=texts["order_id"],
            labels=labels,
            mark=digest.hexdigest(),
            currency=tuple(self._currencies[at] for at in order),
        )

    def _turn(self) -> None:
        """Rows to columns; one that is the same in all rows of the group is kept as one number."""
        rows, self._rows = self._rows, []
        block = np.array([row[self._features] for row in rows], dtype=np.float64)
        group: list[Floats | float] = []
        for column in block.T:
            first = column[0]
            same = np.isnan(column).all() if np.isnan(first) else bool((column == first).all())
            group.append(float(first) if same else column.copy())
        self._groups.append(group)
        for name, cells in self._fixed.items():
            place = self._at[name]
            cells += [row[place] for row in rows]
        for kind, pairs in self._labels.items():
            place = self._at[LABEL_PREFIX + kind]
            pairs += [self._label(row, place) for row in rows]

    def _label(self, row: list[Cell], place: int) -> tuple[int, int]:
        value, received_ms, occurred_ms = row[place : place + 3]
        if value is None:
            return UNTOLD, UNTOLD
        late = int(row[self._at["received_ms"]] or 0) - int(row[self._at["occurred_ms"]] or 0) > SENT_LATE_MS
        told_ms = occurred_ms if late else received_ms
        assert isinstance(told_ms, int)
        return int(value), told_ms

    def _is_constant(self, place: int) -> bool:
        pieces = [group[place] for group in self._groups]
        first = pieces[0]
        if not isinstance(first, float):
            return False
        return all(isinstance(one, float) and (one == first or (one != one and first != first)) for one in pieces)

    def _column(self, place: int) -> Floats:
        sizes = [GROUP_ROWS] * (len(self._groups) - 1) + [self.count - GROUP_ROWS * (len(self._groups) - 1)]
        return np.concatenate(
            [
                np.full(size, piece) if isinstance(piece, float) else piece
                for size, piece in zip(sizes, (group[place] for group in self._groups), strict=True)
            ]
        )

    def _texts(self, name: str, order: Wholes) -> tuple[str, ...]:
        cells = self._fixed[name]
        return tuple("" if cells[at] is None else str(cells[at]) for at in order)
