"""Which kind of model is predicted by what: LightGBM by packed trees or its C library, ONNX by onnxruntime if it is
installed.
"""

import importlib
import re
from typing import Any, Final

from fourthwatch.errors import ModelRefused
from fourthwatch.model.booster import Booster, Predictor, Vector
from fourthwatch.model.forest import served
from fourthwatch.model.manifest import ModelKind
from fourthwatch.model.score import log_odds_of

_LEAST = 1e-12
_SAID_CHARS_MAX = 300
_NOISE = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : |/\S+\.(?:cc|h):\d+ .*\) (?=[A-Z])")
"""Where in its own source onnxruntime found a fault, which leaves no room for what the fault is."""
_NOWHERE: Final = "/dev/null"
"""Where weights outside of the file would be looked for: not in whatever directory the program was started in."""
_FLOATS = ("tensor(float)", "tensor(double)")


def predictor_of(kind: ModelKind, body: bytes, width: int) -> Predictor:
    """A model in memory; raises `ModelRefused`. Of a file that was not on trial it may end the process."""
    return served(judge_of(kind, body, width), body, width)


def judge_of(kind: ModelKind, body: bytes, width: int) -> Predictor:
    """What says whether a model is what it claims to be: the library of its kind; raises `ModelRefused`."""
    return Booster(body, width) if kind == "lightgbm" else _Onnx(body, width)


class _Onnx:
    """A model that gives probabilities: one input of shape (rows, features), the last output's last column counts."""

    def __init__(self, body: bytes, width: int) -> None:
        try:
            runtime: Any = importlib.import_module("onnxruntime")
            self._numpy: Any = importlib.import_module("numpy")
        except ImportError as error:
            raise ModelRefused("an ONNX model needs onnxruntime: pip install 'fourthwatch[onnx]'") from error
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", _NOWHERE)
        try:
            self._session = runtime.InferenceSession(body, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            if "External data path" in str(error):
                raise ModelRefused(
                    "the model keeps weights in another file; save it as one file, with everything in it"
                ) from error
            raise ModelRefused(f"onnxruntime refuses the model: {_said(error)}") from error
        entries, given = self._session.get_inputs(), self._session.get_outputs()
        if len(entries) != 1:
            raise ModelRefused(f"the model has {len(entries)} inputs; it should have one, of rows × features")
        entry, last = entries[0], given[-1]
        _check_entry(entry, width)
        if last.type not in _FLOATS:
            raise ModelRefused(
                f"the model's last output is {last.type}; it should be the probability, in floats"
                + (" (skl2onnx gives that with options={'zipmap': False})" if last.type.startswith("seq(map") else "")
            )
        self._entry = entry.name
        self._type = self._numpy.float64 if entry.type == "tensor(double)" else self._numpy.float32

    def margin(self, values: Vector) -> float:
        """Log-odds of the probability that the model gives."""
        row = self._numpy.array([[float("nan") if value is None else value for value in values]], self._type)
        try:
            given = self._numpy.asarray(self._session.run(None, {self._entry: row})[-1]).reshape(-1)
        except Exception as error:  # of any kind: what an operator makes of these values is known only now
            raise ModelRefused(f"onnxruntime fails at a row: {_said(error)}") from error
        probability = float(given[-1]) if len(given) else float("nan")
        if not 0 <= probability <= 1:
            raise ModelRefused("the model's last output should be a probability from 0 to 1")
        return log_odds_of(min(max(probability, _LEAST), 1 - _LEAST))

    def contributions(self, values: Vector) -> list[float] | None:
        return None

    def close(self) -> None:
        """Nothing is held outside of Python."""


def _check_entry(entry: Any, width: int) -> None:
    """What the graph says of its input; where it says nothing of a size, the golden rows show whether it fits."""
    if entry.type not in _FLOATS:
        raise ModelRefused(f"the model's input is {entry.type}; it should be floats, since a feature may be unknown")
    if len(entry.shape) not in (0, 2):
        raise ModelRefused(f"the model's input is of shape {entry.shape}; it should be rows × features")
    rows, features = entry.shape or (None, None)
    if isinstance(features, int) and features != width:
        raise ModelRefused(f"the model takes {features} features, and its manifest names {width}")
    if isinstance(rows, int) and rows != 1:
        raise ModelRefused(f"the model takes {rows} rows at once; it should take one, or any number")


def _said(error: Exception) -> str:
    return _NOISE.sub("", " ".join(str(error).split()))[:_SAID_CHARS_MAX]
