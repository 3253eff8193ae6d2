"""Small models in ONNX, written byte by byte: a logistic regression that takes the unknown for zero, and odd ones."""

import struct
from typing import cast

import msgspec
import numpy as np

from fourthwatch.model.manifest import ONNX_FILE, Calibration, Manifest, Package
from fourthwatch.model.predictors import predictor_of
from fourthwatch.model.score import probability_of
from small_model import WIDTH, package_of

FLOAT, INT64 = 1, 7
CALIBRATION = Calibration(1.0, 0.0)
assert ONNX_FILE.endswith(".onnx")


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


def field(number: int, value: int | bytes | str) -> bytes:
    """Of a message in protobuf's form."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def node(kind: str, inputs: tuple[str, ...], output: str) -> bytes:
    """One step of a graph."""
    return b"".join(field(1, one) for one in inputs) + field(2, output) + field(4, kind)


def cast_to(kind: int, entry: str, output: str) -> bytes:
    """A step that makes another kind of number."""
    return node("Cast", (entry,), output) + field(5, field(1, "to") + field(3, kind) + field(20, 2))


def tensor(name: str, values: list[float], *dims: int) -> bytes:
    """Numbers that a graph brings."""
    told = b"".join(field(1, dim) for dim in dims) + field(2, FLOAT) + field(8, name)
    return told + field(9, struct.pack(f"<{len(values)}f", *values))


def tensor_elsewhere(name: str, *dims: int) -> bytes:
    """Numbers that lie in a file beside it."""
    told = b"".join(field(1, dim) for dim in dims) + field(2, FLOAT) + field(8, name)
    return told + field(13, field(1, "location") + field(2, "weights.bin")) + field(14, 1)


def value(name: str, *sizes: int | str, kind: int = FLOAT) -> bytes:
    """An input or output."""
    dims = b"".join(field(1, field(1, size) if isinstance(size, int) else field(2, size)) for size in sizes)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


REGRESSION = (
    node("IsNaN", ("row",), "unknown"),
    node("Where", ("unknown", "zero", "row"), "known"),
    node("MatMul", ("known", "weights"), "product"),
    node("Add", ("product", "bias"), "margin"),
    node("Sigmoid", ("margin",), "probability"),
)


def onnx_body(
    weights: list[float],
    bias: float,
    *,
    nodes: tuple[bytes, ...] = REGRESSION,
    tensors: tuple[bytes, ...] = (),
    entries: tuple[bytes, ...] = (),
    output: bytes = b"",
    ir_version: int = 8,
) -> bytes:
    """probability = sigmoid(row · weights + bias), unless told otherwise."""
    held = (tensor("weights", weights, len(weights), 1), tensor("bias", [bias], 1), tensor("zero", [0.0], 1))
    graph = b"".join(field(1, one) for one in nodes) + field(2, "small")
    graph += b"".join(field(5, one) for one in tensors or held)
    graph += b"".join(field(11, one) for one in entries or (value("row", "rows", len(weights)),))
    graph += field(12, output or value("probability", "rows", 1))
    return field(1, ir_version) + field(7, graph) + field(8, field(2, 13))


def fails_from(size: int) -> bytes:
    """A probability of 0.25, as long as every value of a row lies within `size` of zero."""
    nodes = (*REGRESSION[:2], cast_to(INT64, "known", "place"), node("Gather", ("table", "place"), "probability"))
    tensors = (tensor("table", [0.25] * size, size), tensor("zero", [0.0], 1))
    return onnx_body([0.0] * WIDTH, 0.0, nodes=nodes, tensors=tensors, output=value("probability", "rows", WIDTH))


def onnx_package(body: bytes = b"", **other: object) -> Package:
    """A package around it, or around `body`, whose golden rows it gives."""
    body = body or onnx_body([5e-4, -2.5e-4, *[1e-4] * (WIDTH - 2)], -1.0)
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
