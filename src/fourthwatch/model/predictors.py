"""Which kind of model is predicted by what: LightGBM by its C library, ONNX by onnxruntime where that is installed."""

import importlib
from typing import Any

from fourthwatch.errors import ModelRefused
from fourthwatch.model.booster import Booster, Predictor, Vector
from fourthwatch.model.manifest import ModelKind
from fourthwatch.model.score import log_odds_of

_LEAST = 1e-12


def predictor_of(kind: ModelKind, body: bytes, width: int) -> Predictor:
    """A model in memory; raises `ModelRefused`. Of a file that was not on trial it may end the process."""
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
        try:
            self._session = runtime.InferenceSession(body, options, providers=["CPUExecutionProvider"])
            (entry,) = self._session.get_inputs()
        except Exception as error:
            raise ModelRefused(f"onnxruntime refuses the model: {str(error)[:300]}") from error
        if entry.shape[-1] != width:
            raise ModelRefused(f"the model does not take the {width} features that its manifest names")
        self._entry = entry.name
        self._type = self._numpy.float64 if entry.type == "tensor(double)" else self._numpy.float32

    def margin(self, values: Vector) -> float:
        """Log-odds of the probability that the model gives."""
        row = self._numpy.array([[float("nan") if value is None else value for value in values]], self._type)
        given = self._session.run(None, {self._entry: row})[-1]
        probability = float(self._numpy.asarray(given).reshape(-1)[-1])
        if not 0 <= probability <= 1:
            raise ModelRefused("the model's last output should be a probability from 0 to 1")
        return log_odds_of(min(max(probability, _LEAST), 1 - _LEAST))

    def contributions(self, values: Vector) -> list[float] | None:
        return None

    def close(self) -> None:
        """Nothing is held outside of Python."""
