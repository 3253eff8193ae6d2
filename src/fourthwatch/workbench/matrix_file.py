"""A matrix in a file, so that training that was stopped need not walk through the ledger again; never a pickle."""

import os
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from fourthwatch.workbench.matrix import Matrix, Outcomes

_PLAIN = ("values", "position", "occurred_ms", "amount", "score")
_TEXTS = ("names", "left_out", "payment", "user", "order", "currency")


def write_matrix_file(path: Path, matrix: Matrix, mark: str) -> None:
    """Whole or not at all; `mark` says of what it was made."""
    arrays = {name: getattr(matrix, name) for name in _PLAIN}
    arrays |= {name: np.array(getattr(matrix, name), dtype=np.str_) for name in _TEXTS}
    for kind, told in matrix.labels.items():
        arrays |= {f"value {kind}": told.value, f"told {kind}": told.told_ms}
    arrays["marks"] = np.array([mark, matrix.mark], dtype=np.str_)
    partial = path.with_name(path.name + ".partial.npz")
    np.savez(partial, **arrays)
    os.replace(partial, path)


def read_matrix_file(path: Path, mark: str) -> Matrix | None:
    """The matrix; `None` when there is none, when it was made of something else, or when the file is damaged."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            marks = [str(one) for one in arrays["marks"]]
            if marks[0] != mark:
                return None
            kinds = [name.removeprefix("value ") for name in arrays.files if name.startswith("value ")]
            parts: dict[str, Any] = {name: arrays[name] for name in _PLAIN}
            parts |= {name: tuple(str(one) for one in arrays[name]) for name in _TEXTS}
            labels = {kind: Outcomes(arrays[f"value {kind}"], arrays[f"told {kind}"]) for kind in kinds}
            return Matrix(**parts, labels=labels, mark=marks[1])
    except (OSError, ValueError, KeyError, BadZipFile):
        return None
