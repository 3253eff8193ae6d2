"""A small model in ONNX, written byte by byte: a logistic regression that takes the unknown for zero."""

import struct
from typing import cast

import msgspec
import numpy as np

from fourthwatch.model.manifest import ONNX_FILE, Calibration, Manifest, Package
from fourthwatch.model.predictors import predictor_of
from fourthwatch.model.score import probability_of
from small_model import WIDTH, package_of

FLOAT = 1
CALIBRATION = Calibration(1.0, 0.0)
assert ONNX_FILE.endswith(".onnx")


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


def _field(number: int, value: int | bytes | str) -> bytes:
    """Of a message in protobuf's form."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _node(kind: str, inputs: tuple[str, ...], output: str) -> bytes:
    return b"".join(_field(1, one) for one in inputs) + _field(2, output) + _field(4, kind)


def _tensor(name: str, values: list[float], *dims: int) -> bytes:
    told = b"".join(_field(1, dim) for dim in dims) + _field(2, FLOAT) + _field(8, name)
    return told + _field(9, struct.pack(f"<{len(values)}f", *values))


def _value(name: str, width: int) -> bytes:
    shape = _field(1, _field(2, "rows")) + _field(1, _field(1, width))
    return _field(1, name) + _field(2, _field(1, _field(1, FLOAT) + _field(2, shape)))


def onnx_body(weights: list[float], bias: float) -> bytes:
    """probability = sigmoid(row · weights + bias)."""
    nodes = (
        _node("IsNaN", ("row",), "unknown"),
        _node("Where", ("unknown", "zero", "row"), "known"),
        _node("MatMul", ("known", "weights"), "product"),
        _node("Add", ("product", "bias"), "margin"),
        _node("Sigmoid", ("margin",), "probability"),
    )
    graph = b"".join(_field(1, one) for one in nodes) + _field(2, "small")
    for tensor in (_tensor("weights", weights, len(weights), 1), _tensor("bias", [bias], 1), _tensor("zero", [0.0], 1)):
        graph += _field(5, tensor)
    graph += _field(11, _value("row", len(weights))) + _field(12, _value("probability", 1))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(2, 13))


def onnx_package(**other: object) -> Package:
    """A package around it, whose golden rows it gives."""
    body = onnx_body([5e-4, -2.5e-4, *[1e-4] * (WIDTH - 2)], -1.0)
    rows = np.random.default_rng(5).normal(size=(50, WIDTH))
    rows[::7, 1] = np.nan
    predictor = predictor_of("onnx", body, WIDTH)
    given = []
    for row in rows.tolist():
        values = [None if one != one else cast("float", one) for one in row]
        given.append(probability_of(predictor.margin(values), CALIBRATION))
    golden = np.column_stack((rows, np.array(given))).astype("<f8").tobytes()
    package = package_of(body, golden, len(rows), kind="onnx", calibration=CALIBRATION, **other)
    assert msgspec.json.decode(package.manifest, type=Manifest).kind == "onnx"
    return package
