"""Compiled closures against a naive walk over the tree, the tables of three-valued logic, and the inputs asked for."""

import itertools
import math
from random import Random
from typing import Any

import pytest

from fourthwatch.language import (
    FUNCTIONS,
    AggregateInput,
    Compiled,
    FieldInput,
    Input,
    ListInput,
    NameInput,
    compile_expression,
    compile_filter,
    format_expression,
    from_json,
    parse,
    read,
    to_json,
    without_places,
)
from fourthwatch.language.check import check
from fourthwatch.language.tree import Aggregate, measure
from language.invention import expression, values
from language.oracle import answer, kind
from language.stall import SHOP

TREES = 20_000
A_MILLION = 1_000_000
SETS = 25
"""Of values, for each expression of the long run."""


def compiled(text: str) -> Compiled:
    return compile_expression(read(text, SHOP))


def result(text: str, **known: Any) -> Any:
    """The result where `custom.x` is written `x`, and so on."""
    one = compiled(text)
    return one.run([known.get(leaf.path[-1]) if isinstance(leaf, FieldInput) else None for leaf in one.inputs])


def name_of(leaf: Input) -> str | Aggregate:
    assert not isinstance(leaf, ListInput)
    if isinstance(leaf, FieldInput):
        return ".".join(leaf.path)
    return leaf.name if isinstance(leaf, NameInput) else leaf.node


@pytest.mark.slow
@pytest.mark.parametrize("part", [*range(1), *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 4))])
def test_compiled_expressions_give_what_the_naive_walk_gives(part: int) -> None:
    random = Random(part)
    seen: dict[str, int] = {}
    for _ in range(TREES // 4):
        wanted = random.choice(["number", "text", "truth"])
        tree = expression(random, wanted, random.choice((1, 2, 2, 3, 3, 4)))
        text = format_expression(tree)
        again = parse(text)
        assert without_places(again) == tree, text
        checked = check(again, SHOP, source=text)
        code = compile_expression(checked)
        known = {
            name: values(random, name if isinstance(name, str) else "amount") for name in map(name_of, code.inputs)
        }
        got = code.run([known[name_of(leaf)] for leaf in code.inputs])
        expected = answer(tree, checked.type, known)
        assert (kind(got), got) == (kind(expected), expected), (text, known)
        assert not isinstance(got, float) or math.isfinite(got)
        seen[kind(got)] = seen.get(kind(got), 0) + 1
    assert min(seen[one] for one in ("number", "text", "truth", "unknown")) > TREES // 100


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_a_million_inputs_give_what_the_naive_walk_gives(part: int) -> None:
    """R-30. One without inputs counts once, any other once for each set of values, of which no two are alike."""
    random = Random(100 + part)
    inputs = expressions = 0
    seen: set[str] = set()
    while inputs < A_MILLION // 4:
        tree = expression(random, random.choice(["number", "text", "truth"]), random.choice((1, 2, 2, 3)))
        checked = check(tree, SHOP, source=format_expression(tree))
        code = compile_expression(checked)
        names = list(map(name_of, code.inputs))
        told_before: set[str] = set()
        for _ in range(SETS):
            told = [values(random, name if isinstance(name, str) else "amount") for name in names]
            if repr(told) in told_before:
                continue
            told_before.add(repr(told))
            got, expected = code.run(told), answer(tree, checked.type, dict(zip(names, told, strict=True)))
            assert (kind(got), got) == (kind(expected), expected), (tree, told)
            seen.add(kind(got))
            inputs += 1
        expressions += 1
    assert expressions >= A_MILLION // 4 // SETS
    assert seen >= {"number", "text", "truth", "unknown"}


def test_a_tree_goes_through_json_and_back() -> None:
    random = Random(5)
    for _ in range(1_000):
        tree = expression(random, "truth", 4)
        assert without_places(from_json(to_json(tree))) == tree


TRUTHS = [True, False, None]


@pytest.mark.parametrize(("a", "b"), [(a, b) for a in TRUTHS for b in TRUTHS])
def test_and_or_not_follow_kleene(a: bool | None, b: bool | None) -> None:
    both = False if a is False or b is False else None if a is None or b is None else True
    either = True if a is True or b is True else None if a is None or b is None else False
    assert result("custom.a and custom.b", a=a, b=b) is both
    assert result("custom.a or custom.b", a=a, b=b) is either
    assert result("not custom.a", a=a) is (None if a is None else not a)
    assert result("custom.a and custom.b and true", a=a, b=b) is both
    assert result("false or custom.a or custom.b", a=a, b=b) is either


@pytest.mark.parametrize(
    "text",
    [
        "custom.a + 1", "1 - custom.a", "-custom.a", "custom.a == 1", "custom.a != 1", "custom.a < 1", "1 / (1 - 1)",
        "1 % 0",
        "1e300 * 1e300", "custom.a in [1, 2]", "custom.a not in [1]", '"a" in custom.a', "if_else(custom.a, 1, 2)",
        "min(1, custom.a)", "lower(custom.a)", "len(custom.a)", "number(custom.a)", "text(custom.a)", 'number("1,5")',
        "log(0)", "log(-1)", "distance_km(91, 0, 0, 0)", "distance_km(0, 0, 0, -181)", "default(custom.a, custom.b)",
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_unknown(text: str) -> None:
    assert result(text) is None


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("custom.a + 1", "1"), ("custom.a + 1", True), ("custom.a < 1", "0"), ("custom.a == 1", True),
        ('custom.a == "1"', 1), ("custom.a and true", 1), ("not custom.a", 0), ('custom.a in ["1"]', 1),
        ("custom.a in custom.a", []), ("custom.a", {}), ("custom.a", [1]), ("abs(custom.a)", True),
        ("len(custom.a)", {}), ("len(custom.a)", 5), ("custom.a == 1", [1]), ("custom.a == true", 1),
        ("number(custom.a)", True), ("default(custom.a, 1)", []), ("if_else(custom.a, 1, 2)", 1),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_unknown_and_never_an_error(text: str, known: Any) -> None:
    assert result(text, a=known) is None


def test_an_input_is_asked_for_once_however_often_it_is_written() -> None:
    one = compiled(
        "count(order,by user,last 60m) > 3 or count( order, last 1h, by user ) > amount or amount > account_age"
    )
    assert [type(leaf).__name__ for leaf in one.inputs] == ["AggregateInput", "FieldInput", "NameInput"]
    aggregate = one.inputs[0]
    assert isinstance(aggregate, AggregateInput)
    assert aggregate.node.last_ms == 3_600_000
    assert measure(aggregate.node)[0] == 4
    assert aggregate.node.start == aggregate.node.end == 0


def test_a_plain_aggregate_is_handed_through() -> None:
    one = compiled("count(order, by user)")
    assert one.run([7]) == 7
    assert one.run([None]) is None


def test_what_needs_no_input_is_computed_once_and_for_all() -> None:
    one = compiled("amount > 2 * 10 + 5 and (true or custom.x)")
    assert one.run([26, None]) is True
    assert compiled("1 + 2 == 3").inputs == ()
    assert compiled("1 + 2 == 3").run([]) is True


def test_a_later_operand_is_not_looked_at_when_an_earlier_one_decides() -> None:
    one = compiled("custom.a > 5 and custom.b > 5")
    assert one.run([1]) is False  # there is no b to be looked at
    with pytest.raises(IndexError):
        one.run([9])


def test_a_duration_is_a_number_of_seconds() -> None:
    assert compiled("since_first(by user) < 1h").run([3_599]) is True
    assert compiled("since_first(by user) < 3600").run([3_600]) is False
    assert result("90m / 1h") == 1.5


def test_a_condition_on_past_events_runs_over_their_fields() -> None:
    checked = read('count(order where amount > 5 and custom.x in ["a"], by user)', SHOP)
    assert isinstance(checked.tree, Aggregate)
    assert checked.tree.events.where is not None
    one = compile_filter(checked.tree.events.where)
    assert one.inputs == (FieldInput(("amount",)), FieldInput(("custom", "x")))
    assert one.run([6, "a"]) is True
    assert one.run([6, None]) is None
    assert one.run([5, None]) is False


def test_a_condition_that_is_a_custom_field_is_a_truth_or_unknown() -> None:
    checked = read("count(order where custom.x, by user)", SHOP)
    assert isinstance(checked.tree, Aggregate)
    assert checked.tree.events.where is not None
    one = compile_filter(checked.tree.events.where)
    assert [one.run([value]) for value in (True, False, 1, "a", None)] == [True, False, None, None, None]


def test_an_any_that_is_expected_to_be_a_truth_is_unknown_when_it_is_not() -> None:
    one = compile_expression(read("custom.x", SHOP, "truth"))
    assert one.run([True]) is True
    assert one.run([1]) is None
    earlier = compile_expression(read("previous(custom.x of order, by user)", SHOP, "truth"))
    assert earlier.run([True]) is True
    assert earlier.run([1]) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("round(2.5)", 3), ("round(-2.5)", -3), ("round(0.49999999999999994)", 0), ("round(7)", 7),
        ("7 % 3", 1), ("-7 % 3", 2), ("1 / 4", 0.25), ("2 + 3 * 4", 14), ("(2 + 3) * 4", 20), ("10 - 4 - 3", 3),
        ("9223372036854775807 + 1", 2.0**63), ("number(\" 12 \")", 12), ("number(\"-0.5e1\")", -5.0),
        ("text(5)", "5"), ("text(5.0)", "5"), ("text(0.1)", "0.1"), ("text(true)", "true"), ("len(\"ab\")", 2),
        ("starts_with(\"abc\", \"ab\")", True),
        ("ends_with(\"abc\", \"ab\")", False), ("contains(\"abc\", \"b\")", True),
        ("\"b\" in \"abc\"", True), ("\"b\" not in \"abc\"", False), ("2 in [1, 2.0]", True), ("upper(\"aß\")", "ASS"),
        ("min(3, 1, 2)", 1), ("max(3, 1, 2)", 3), ("abs(-3)", 3), ("if_else(1 > 2, \"a\", \"b\")", "b"),
        ("not 1 == 2", True), ("missing(amount / 0)", None), ("true or false and false", True), ("-1 < 0", True),
    ],
)  # fmt: skip
def test_examples_give_what_a_reader_expects(text: str, expected: Any) -> None:
    got = compiled(text).run([None])
    if expected is None:
        assert got is True
    else:
        assert (type(got), got) == (type(expected), expected)


def test_distances_are_those_of_the_globe() -> None:
    berlin_to_delhi = result("distance_km(52.52, 13.405, 28.6139, 77.209)")
    assert berlin_to_delhi == pytest.approx(5_785, abs=15)
    assert result("distance_km(10, 179.9, 10, -179.9)") == pytest.approx(21.9, abs=0.2)
    assert result("distance_km(90, 0, -90, 0)") == pytest.approx(20_015, abs=1)
    assert result("distance_km(1, 2, 1, 2)") == 0


def test_every_function_runs_on_its_example_and_on_anything_at_all() -> None:
    assert len(FUNCTIONS) >= 18
    ugly: list[Any] = [None, True, 0, -1, 1e308, 2**63 - 1, "", "a", [], [1], {}, {"a": 1}]
    for function in FUNCTIONS.values():
        one = compiled(function.example)
        for value in ugly:
            one.run([value] * len(one.inputs))
        if function.name == "matches":
            continue  # a pattern is written out
        names = ", ".join(f"custom.x{at}" for at in range(len(function.parameters)))
        call = compiled(f"{function.name}({names})")
        for given in itertools.product(ugly, repeat=min(2, len(function.parameters))):
            call.run((list(given) * 2)[: len(function.parameters)])
