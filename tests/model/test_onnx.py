"""ONNX models of one's own: what cannot serve is refused with the reason, whatever tool had made it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fourthwatch.errors import ModelRefused
from fourthwatch.model.predictors import predictor_of
from fourthwatch.model.probe import Prober
from small_model import WIDTH, package_of, small_model
from small_onnx import (
    INT64,
    REGRESSION,
    cast_to,
    fails_from,
    field,
    node,
    onnx_body,
    onnx_package,
    tensor,
    tensor_elsewhere,
    value,
)

WEIGHTS = [1e-4] * WIDTH
ANY_ROWS = value("row", "rows", WIDTH)


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    with Prober() as found:
        yield found


def _refusal(prober: Prober, body: bytes) -> str:
    with pytest.raises(ModelRefused) as caught:
        prober.try_out(package_of(body, small_model().golden, 300, kind="onnx"))
    return str(caught.value)


@pytest.mark.slow
def test_a_graph_of_other_sizes_than_the_manifest_says_is_a_sentence(prober: Prober) -> None:
    wide = onnx_body([1e-4] * (WIDTH + 1), -1.0)
    assert _refusal(prober, wide) == f"the model takes {WIDTH + 1} features, and its manifest names {WIDTH}"
    many = onnx_body(WEIGHTS, -1.0, entries=(value("row", 32, WIDTH),), output=value("probability", 32, 1))
    assert _refusal(prober, many) == "the model takes 32 rows at once; it should take one, or any number"
    flat = onnx_body(WEIGHTS, -1.0, entries=(value("row", WIDTH),), output=value("probability", 1))
    assert _refusal(prober, flat) == f"the model's input is of shape [{WIDTH}]; it should be rows × features"


def test_a_graph_that_says_nothing_of_sizes_is_judged_by_its_golden_rows(prober: Prober) -> None:
    package = onnx_package(onnx_body(WEIGHTS, -1.0, entries=(value("row", "rows", "columns"),)))
    assert prober.try_out(package).kind == "onnx"
    other = onnx_body([1e-4] * (WIDTH + 1), -1.0, entries=(value("row", "rows", "columns"),))
    assert _refusal(prober, other).startswith("onnxruntime fails at a row: ")


def test_inputs_and_outputs_that_are_no_row_and_no_probability_are_named(prober: Prober) -> None:
    two = onnx_body(WEIGHTS, -1.0, entries=(ANY_ROWS, value("other", "rows", 1)))
    assert _refusal(prober, two) == "the model has 2 inputs; it should have one, of rows × features"
    whole = onnx_body(
        WEIGHTS, -1.0, nodes=(cast_to(1, "whole", "row"), *REGRESSION),
        entries=(value("whole", "rows", WIDTH, kind=INT64),),
    )  # fmt: skip
    assert (
        _refusal(prober, whole)
        == "the model's input is tensor(int64); it should be floats, since a feature may be unknown"
    )
    label = onnx_body(
        WEIGHTS, -1.0, nodes=(*REGRESSION, cast_to(INT64, "probability", "label")),
        output=value("label", "rows", 1, kind=INT64),
    )  # fmt: skip
    assert (
        _refusal(prober, label) == "the model's last output is tensor(int64); it should be the probability, in floats"
    )


def test_what_scikit_learn_s_converter_makes_unasked_is_told_how_to_be_made_otherwise(prober: Prober) -> None:
    mapped = node("ZipMap", ("probability",), "mapped") + field(7, "ai.onnx.ml")
    mapped += field(5, field(1, "classlabels_int64s") + field(8, 0) + field(20, 7))
    kind = field(4, field(1, field(5, field(1, INT64) + field(2, field(1, field(1, 1))))))  # a sequence of maps
    output = field(1, "mapped") + field(2, kind)
    body = onnx_body(WEIGHTS, -1.0, nodes=(*REGRESSION, mapped), output=output)
    body += field(8, field(1, "ai.onnx.ml") + field(2, 1))
    refusal = _refusal(prober, body)
    assert refusal.startswith("the model's last output is seq(map(int64,tensor(float)))")
    assert refusal.endswith("(skl2onnx gives that with options={'zipmap': False})")


def test_a_fault_is_told_without_where_in_its_own_source_the_runtime_found_it(prober: Prober) -> None:
    refusal = _refusal(prober, onnx_body(WEIGHTS, -1.0, ir_version=99))
    assert refusal.startswith("onnxruntime refuses the model: Unsupported model IR version: 99")
    odd = (*REGRESSION[:-1], node("Frobnicate", ("margin",), "probability"))
    assert "No Op registered for Frobnicate" in _refusal(prober, onnx_body(WEIGHTS, -1.0, nodes=odd))


def test_weights_in_another_file_are_not_looked_for(
    prober: Prober, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hash would say nothing of them, and a server is started in another directory."""
    tensors = (tensor_elsewhere("weights", WIDTH, 1), tensor("bias", [-1.0], 1), tensor("zero", [0.0], 1))
    body = onnx_body(WEIGHTS, -1.0, tensors=tensors)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(bytes(4 * WIDTH))
    assert (
        _refusal(prober, body) == "the model keeps weights in another file; save it as one file, with everything in it"
    )


@pytest.mark.slow
def test_a_graph_that_takes_too_long_is_not_called_damaged() -> None:
    side = 3_000
    shape = field(1, 2) + field(2, INT64) + field(8, "shape") + field(7, _packed(side, side))
    ones = node("ConstantOfShape", ("shape",), "zeros")
    steps = [node("MatMul", ("zeros", "zeros"), "m0")]
    steps += [node("MatMul", (f"m{at}", "zeros"), f"m{at + 1}") for at in range(20)]
    steps += [node("ReduceMax", ("m20",), "most"), node("Add", ("margin", "most"), "more")]
    nodes = (*REGRESSION[:-1], ones, *steps, node("Sigmoid", ("more",), "probability"))
    held = (tensor("weights", WEIGHTS, WIDTH, 1), tensor("bias", [-1.0], 1), tensor("zero", [0.0], 1), shape)
    package = package_of(onnx_body(WEIGHTS, -1.0, nodes=nodes, tensors=held), small_model().golden, 300, kind="onnx")
    with Prober(cpu_seconds=1) as prober, pytest.raises(ModelRefused) as caught:
        prober.try_out(package)
    assert str(caught.value) == (
        "the model takes too long: it may use 1 s of CPU to load and to answer its golden rows"
    )


def test_a_row_at_which_an_operator_fails_is_refused_and_the_next_one_is_judged() -> None:
    predictor = predictor_of("onnx", fails_from(50), WIDTH)
    good = predictor.margin([1.0] * WIDTH)
    with pytest.raises(ModelRefused, match=r"onnxruntime fails at a row: .*out of data bounds"):
        predictor.margin([1_000.0, *[1.0] * (WIDTH - 1)])
    assert predictor.margin([1.0] * WIDTH) == good


def _packed(*numbers: int) -> bytes:
    return b"".join(field(1, number)[1:] for number in numbers)
