"""Patterns in conditions: written out, looked at when they are written, and linear whatever they are."""

import pytest

from fourthwatch.language import LanguageError, Schema, compile_expression, read

SHOP = Schema(fields={"email": "text", "amount": "number"}, events={}, entities=frozenset())


def told(text: str, email: object) -> object:
    compiled = compile_expression(read(text, SHOP, "truth"))
    return compiled.run([email])


@pytest.mark.parametrize(
    ("pattern", "email", "result"),
    [
        ("^test[0-9]+@", "test12@example.com", True),
        ("^test[0-9]+@", "a-test12@example.com", False),
        ("(?i)EXAMPLE", "a@example.com", True),
        ("[.]example$", None, None),
        ("é", "caf\u00e9", True),
    ],
)
def test_a_pattern_is_found_somewhere_in_the_text(pattern: str, email: str | None, result: bool | None) -> None:
    assert told(f'matches(email, "{pattern}")', email) is result


@pytest.mark.parametrize(
    "pattern", ["(", "a{1001}", "(?=a)", r"(a)\\1", "[z-a]", "x" * 501, "((((a{99}){99}){99}){99})"]
)
def test_what_is_no_pattern_is_refused_where_it_stands(pattern: str) -> None:
    with pytest.raises(LanguageError) as caught:
        read(f'matches(email, "{pattern}")', SHOP, "truth")
    (one,) = caught.value.diagnostics
    assert (one.code, one.column) == ("bad_pattern", 16)


def test_a_pattern_is_written_out() -> None:
    with pytest.raises(LanguageError, match="a pattern is a text in quotes"):
        read("matches(email, lower(email))", SHOP, "truth")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(.*)*b", "(a?){400}a{400}"])
def test_no_pattern_takes_more_than_linear_time(pattern: str) -> None:
    assert told(f'matches(email, "{pattern}")', "a" * 100_000 + "c") in (True, False)
