"""The page about the language: its examples are expressions, and it tells what is there and no more."""

import itertools
import json
import re

import pytest

from documented import ROOT, blocks, text_of
from fourthwatch import limits
from fourthwatch.errors import LanguageError
from fourthwatch.language import (
    FORMS,
    FUNCTIONS,
    compile_expression,
    format_expression,
    from_json,
    read,
    render,
    to_json,
)
from fourthwatch.language.check import check
from fourthwatch.language.tokens import RESERVED, UNIT_MS
from language.stall import SHOP

PAGE = "docs/reference/language.md"
FOUND = blocks(ROOT / PAGE)


def test_the_examples_of_the_page_are_expressions() -> None:
    examples = [line for block in FOUND if block.language == "expression" for line in block.text.split("\n")]
    assert len(examples) >= 8
    for example in examples:
        compile_expression(read(example, SHOP, "truth"))


def test_every_function_and_aggregate_is_told_with_an_example_that_runs() -> None:
    page = text_of(PAGE)
    rows = [(function.usage, function.says, function.example) for function in FUNCTIONS.values()]
    rows += [(form.usage, form.says, form.example) for form in FORMS]
    for usage, says, example in rows:
        assert f"`{usage}` | {says} | `{example}`" in page
        compile_expression(read(example, SHOP))


def test_the_truth_tables_of_the_page_are_those_that_run() -> None:
    value_of = {"true": True, "false": False, "unknown": None}
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \| (\w+) \| (\w+) \|$", text_of(PAGE), re.MULTILINE)
    assert {row[:2] for row in rows} == set(itertools.product(value_of, value_of))
    for row in rows:
        a, b, both, either, opposite = (value_of[word] for word in row)
        assert compile_expression(read("custom.a and custom.b", SHOP)).run([a, b]) is both
        assert compile_expression(read("custom.a or custom.b", SHOP)).run([a, b]) is either
        assert compile_expression(read("not custom.a", SHOP)).run([a]) is opposite


def test_bounds_words_and_units_are_told_as_they_are() -> None:
    page = " ".join(text_of(PAGE).split())
    assert (
        f"up to {limits.EXPRESSION_CHARS_MAX:,} characters, {limits.EXPRESSION_NODES_MAX:,} parts, "
        f"{limits.EXPRESSION_DEPTH_MAX} levels and {limits.EXPRESSION_AGGREGATES_MAX} different aggregates"
    ) in page
    assert f"up to {limits.DIAGNOSTICS_MAX} at a time" in page
    assert f"up to {limits.WINDOW_MS_MAX // 86_400_000} days" in page
    taken = re.search(r"`([a-z ]+)` are taken", page)
    assert taken is not None
    assert set(taken[1].split()) == RESERVED
    assert all(re.search(rf"`\d+{unit}`", page) for unit in UNIT_MS)


def test_the_fault_on_the_page_is_told_so() -> None:
    shown = next(block.text for block in FOUND if "unknown_event" in block.text)
    source = "count(orders, by user) > 3"
    with pytest.raises(LanguageError) as caught:
        read(source, SHOP)
    assert render(source, caught.value.diagnostics).strip() == shown


def test_the_json_on_the_page_is_that_of_the_text_beside_it() -> None:
    body = next(block.text for block in FOUND if block.language == "json").encode()
    tree = from_json(body)
    assert format_expression(tree) == "not missing(user_email)"
    assert json.loads(to_json(tree)) == json.loads(body)
    assert check(tree, SHOP).type == "truth"
