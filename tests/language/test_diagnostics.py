"""What a reader is told of a faulty text, compared with what is kept beside this file, and where the fault is."""

import ast
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from fourthwatch.errors import Diagnostic, LanguageError
from fourthwatch.language import read, render
from fourthwatch.language.diagnose import place_of
from fourthwatch.limits import DIAGNOSTICS_MAX
from language.stall import SHOP

SNAPSHOTS = sorted((Path(__file__).parent / "diagnostics").glob("*.txt"))
RULE = "\n--------\n"


def told(source: str) -> str:
    """The rendering of everything that is wrong with a condition over the tests' shop."""
    with pytest.raises(LanguageError) as caught:
        read(source, SHOP, "truth")
    return render(source, caught.value.diagnostics)


def test_every_fault_is_told_as_it_is_kept() -> None:
    assert len(SNAPSHOTS) >= 25
    for path in SNAPSHOTS:
        source, _, expected = path.read_text("utf-8").partition(RULE)
        assert told(source) == expected, f"{path.name} is told otherwise:\n{told(source)}"


def test_every_code_is_in_a_snapshot() -> None:
    kept = " ".join(path.read_text("utf-8") for path in SNAPSHOTS)
    codes = set(codes_in_the_source())
    assert len(codes) >= 30
    assert {code for code in codes if f"[{code}]" not in kept} == set()


def codes_in_the_source() -> Iterator[str]:
    """The first text given to whatever reports a fault."""
    for path in (Path(__file__).parents[2] / "src" / "fourthwatch" / "language").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("report", "fail")):
                texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                yield from texts[:1]


def test_the_checker_tells_every_fault_at_once_and_each_once() -> None:
    with pytest.raises(LanguageError) as caught:
        read("amout > 3 and curency == 5 or count(ordr, by usr, last 500d) > lenght(user_email)", SHOP, "truth")
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == [
        "unknown_name", "unknown_name", "unknown_event", "unknown_entity", "window_too_long", "unknown_function",
    ]  # fmt: skip


def test_a_fault_inside_brackets_does_not_hide_those_behind_them() -> None:
    with pytest.raises(LanguageError) as caught:
        read("(amount + ) > 3 and count(order, by, last 1h) > max(1 2, ) or [1, x] and", SHOP)
    assert [diagnostic.column for diagnostic in caught.value.diagnostics] == [11, 36, 55, 67, 73]


def test_no_more_faults_are_told_than_anybody_reads() -> None:
    with pytest.raises(LanguageError) as caught:
        read(" or ".join(f"nothing_{at}" for at in range(100)), SHOP)
    assert len(caught.value.diagnostics) == DIAGNOSTICS_MAX


def test_the_error_says_in_one_line_where_the_first_fault_is() -> None:
    with pytest.raises(LanguageError, match=r"^line 2, column 5: there is no field or feature `amout` \(and 1 more\)$"):
        read("amount > 1\nand amout > 2 and x", SHOP)


def test_a_line_is_cut_around_the_fault_and_the_caret_stays_under_it() -> None:
    source = "amount > 1 and " * 30 + "amout > 1" + " and amount > 1" * 30
    shown = told(source).split("\n")
    at = shown[2].index("^")
    assert shown[1][at : at + 5] == "amout"
    assert shown[2].count("^") == 5
    assert len(shown[1]) < 125
    assert shown[1].startswith("  1 | … ")
    assert shown[1].endswith(" …")


def test_nothing_in_a_source_can_move_the_cursor_of_a_terminal() -> None:
    shown = told('"\x1b[2J\u202e" == amount\x07')
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_places_are_within_the_text_whatever_the_offsets() -> None:
    random = Random(1)
    for _ in range(2_000):
        source = "".join(random.choice("ab\n") for _ in range(random.randint(0, 12)))
        line, column, end_column = place_of(source, random.randint(-2, 15), random.randint(-2, 15))
        lines = source.split("\n")
        assert 1 <= line <= len(lines)
        assert 1 <= column <= end_column <= len(lines[line - 1]) + 1


def test_a_fault_without_a_width_still_has_a_caret() -> None:
    assert render("", [Diagnostic(1, 1, 1, "code", "message")]) == "1:1: message [code]\n  1 |\n    | ^\n"
