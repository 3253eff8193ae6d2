"""Each function over fields that may be anything: a shop sends what it likes, and a rule must never fail for it."""

import math
from itertools import product
from typing import Any

import pytest

from fourthwatch.features.vocabulary import OUR_FUNCTIONS, schema_with
from fourthwatch.language import check, closures, compile_expression, machine, parse
from fourthwatch.language.functions import Function
from fourthwatch.language.operators import Value

ANYTHING: list[Any] = [
    None, True, False, 0, -1, 7, 2**63 - 1, -(2**63), 0.5, -0.0, 1e308, -1e308, 5e-324,
    "", "12", "zzz", "a\u0301", "x" * 300,
    [], [1, 2], ["a", 1, None], {}, {"x": 1}, (), ("a",),
]  # fmt: skip


@pytest.mark.parametrize("parts", [machine, closures])
@pytest.mark.parametrize("function", OUR_FUNCTIONS.values(), ids=lambda one: one.name)
def test_whatever_comes_in_the_result_is_a_value_or_unknown(
    function: Function, parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("called", "called_with_all", "chosen", "greatest", "fitting", "taken"):
        monkeypatch.setattr(machine, name, getattr(parts, name))
    names = [f"custom.{parameter.name}" for parameter in function.parameters]
    pattern = '"^a+$"' if function.name == "matches" else names[-1]
    compiled = compile_expression(
        check(parse(f"{function.name}({', '.join([*names[:-1], pattern])})"), schema_with({}))
    )
    for values in product(ANYTHING[:: max(1, len(names) - 1)], repeat=len(compiled.inputs)):
        result = compiled.run(values)
        assert result is None or isinstance(result, int | float | str), values
        assert not isinstance(result, float) or math.isfinite(result), values


@pytest.mark.parametrize("parts", [machine, closures])
def test_what_is_no_number_is_none_of_those_that_are_compared_or_added_up(
    parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "greatest", parts.greatest)

    def told(function: str, *values: object) -> Value | None:
        text = f"{function}({', '.join(f'custom.f{at}' for at in range(len(values)))})"
        return compile_expression(check(parse(text), schema_with({}))).run(values)

    assert (told("greatest", 3, "zzz", None, 2), told("total", 3, "zzz", None, 2)) == (3, 5)
    assert told("greatest", "12", True, [1]) is told("total", "12", True, [1]) is None
    assert told("total", 1e308, 1e308) is None
