"""A LightGBM model through the library's C interface: one row, one thread, and nothing else of the library is imported.

The library belongs to the package `lightgbm`; its Python side would bring NumPy and SciPy into the server, and takes
three times as long for one row. Only models that have been on trial are loaded here: a damaged one ends the process.
"""

import ctypes
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from fourthwatch.errors import ModelRefused

Vector = Sequence[float | None]
"""Features in the manifest's order; `None` is unknown."""

_FLOAT64 = 1
_RAW_MARGIN, _CONTRIBUTIONS = 1, 3
_PARAMETERS = b"num_threads=1 verbosity=-1"
_ROW_MAJOR = 1
_NAN = float("nan")


class Predictor(Protocol):
    """What gives a margin: log-odds before calibration."""

    def margin(self, values: Vector) -> float:
        """Of one row."""
        ...

    def contributions(self, values: Vector) -> list[float] | None:
        """What each feature adds to the margin, exactly (tree SHAP), and last what is there without any; `None`: the
        kind of model has no such thing."""
        ...

    def close(self) -> None:
        """Give the memory back."""
        ...


@cache
def library() -> ctypes.CDLL:
    """The compiled library; raises `ModelRefused` when it is not installed."""
    found = importlib.util.find_spec("lightgbm")
    path = None if found is None or found.origin is None else Path(found.origin).parent / "lib" / "lib_lightgbm.so"
    try:
        if path is None or not path.exists():
            raise OSError("it is not installed")
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise ModelRefused(f"a model needs the library lightgbm: {error}") from error
    loaded.LGBM_GetLastError.restype = ctypes.c_char_p
    return loaded


class Booster:
    """One LightGBM model in memory; used by one thread at a time."""

    def __init__(self, body: bytes, width: int) -> None:
        """Raises `ModelRefused` when the model does not take `width` features or gives several numbers."""
        self._library = library()
        self._handle = ctypes.c_void_p()
        self._fast = ctypes.c_void_p()
        iterations = ctypes.c_int(0)
        self._call("LGBM_BoosterLoadModelFromString", body, ctypes.byref(iterations), ctypes.byref(self._handle))
        if self._number("LGBM_BoosterGetNumFeature") != width or self._number("LGBM_BoosterGetNumClasses") != 1:
            self.close()
            raise ModelRefused(f"the model does not take the {width} features that its manifest names")
        self._row = (ctypes.c_double * width)()
        self._width = ctypes.c_int(width)
        self._out = ctypes.c_double(0.0)
        self._length = ctypes.c_int64(0)
        self._parts = (ctypes.c_double * (width + 1))()
        self._call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._handle, _RAW_MARGIN, 0, -1, _FLOAT64, self._width, _PARAMETERS, ctypes.byref(self._fast),
        )  # fmt: skip
        self._predict = self._library.LGBM_BoosterPredictForMatSingleRowFast
        self._arguments = (self._fast, self._row, ctypes.byref(self._length), ctypes.byref(self._out))

    def margin(self, values: Vector) -> float:
        """Of one row; raises `ModelRefused` when the library fails."""
        self._row[:] = [_NAN if value is None else value for value in values]
        if self._predict(*self._arguments):
            raise ModelRefused(self._last_error())
        return self._out.value

    def contributions(self, values: Vector) -> list[float] | None:
        """Exact; a good part of a millisecond."""
        self._row[:] = [_NAN if value is None else value for value in values]
        self._call(
            "LGBM_BoosterPredictForMatSingleRow",
            self._handle, self._row, _FLOAT64, self._width, _ROW_MAJOR, _CONTRIBUTIONS, 0, -1, _PARAMETERS,
            ctypes.byref(self._length), self._parts,
        )  # fmt: skip
        return list(self._parts)

    def close(self) -> None:
        """Once; nothing may be asked afterwards."""
        if self._fast.value is not None:
            self._library.LGBM_FastConfigFree(self._fast)
            self._fast = ctypes.c_void_p()
        if self._handle.value is not None:
            self._library.LGBM_BoosterFree(self._handle)
            self._handle = ctypes.c_void_p()

    def _number(self, name: str) -> int:
        found = ctypes.c_int(0)
        self._call(name, self._handle, ctypes.byref(found))
        return found.value

    def _call(self, name: str, *arguments: object) -> None:
        if getattr(self._library, name)(*arguments):
            raise ModelRefused(self._last_error())

    def _last_error(self) -> str:
        told: bytes = self._library.LGBM_GetLastError() or b"the library does not say why"
        return "lightgbm refuses the model: " + told.decode("utf-8", "replace")[:300]
