"""Amounts as shops write them: what is not one beyond doubt is kept, not used, and said."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import the_same_each_time
from fourthwatch.clock import Millis
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.wire.amounts import read_amount
from fourthwatch.wire.decode import Decoded, decode_event

_NOW = Millis(1_700_000_000_000)


def _order_of(amount: object, kind: str = "createOrder") -> Decoded:
    raw = json.dumps({"_userId": "u", "_orderId": "o", "_amount": amount}).encode()
    return decode_event(raw, KIND_OF_NAME[kind], _NOW)


@pytest.mark.parametrize("kind", ["createOrder", "update_order", "transaction"])
@pytest.mark.parametrize("amount", ["12,50", "1.499,00", "₹1,499", "much", "NaN", "9" * 41])
def test_an_amount_that_cannot_be_read_is_kept_and_warned_about(amount: str, kind: str) -> None:
    decoded = _order_of(amount, kind)
    assert [(warning.pointer, warning.code) for warning in decoded.warnings] == [("/_amount", "ignored")]
    assert json.loads(decoded.body)["_amount"] == amount


@pytest.mark.parametrize("amount", ["1499", "1499.00", "1,499.00", "1,49,900", "-5", "1e3", " 12 ", "٣", "", None])
def test_an_amount_that_can_be_read_and_one_that_is_absent_are_nothing_to_warn_about(amount: str | None) -> None:
    assert _order_of(amount).warnings == ()


@the_same_each_time
@given(st.integers(0, 10**12), st.sampled_from(["", ".5", ".00"]))
def test_commas_between_thousands_change_nothing(main: int, behind: str) -> None:
    assert read_amount(f"{main:,}{behind}") == read_amount(f"{main}{behind}")


@the_same_each_time
@given(st.integers(0, 10**9), st.integers(0, 99))
def test_a_decimal_comma_is_never_read_as_one_between_thousands(main: int, cents: int) -> None:
    assert read_amount(f"{main},{cents:02d}") is None
