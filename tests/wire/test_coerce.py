"""Odd values: each field's type against each kind of JSON value; coerced or left out with a warning, never refused."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourthwatch.clock import Millis
from fourthwatch.events import KIND_OF_NAME, KINDS, AddToCart, CreateOrder, Item
from fourthwatch.limits import WARNINGS_MAX
from fourthwatch.wire.decode import Decoded, decode_event

_NOW = Millis(1_800_000_000_000)


def _order(**fields: Any) -> Decoded:
    body = {"_userId": "u", "_orderId": "o", **fields}
    return decode_event(json.dumps(body).encode(), KIND_OF_NAME["createOrder"], _NOW)


def _order_event(**fields: Any) -> CreateOrder:
    event = _order(**fields).event
    assert isinstance(event, CreateOrder)
    return event


def _item(**fields: Any) -> tuple[Item, Decoded]:
    body = {"_userId": "u", "_item": fields}
    decoded = decode_event(json.dumps(body).encode(), KIND_OF_NAME["add_to_cart"], _NOW)
    assert isinstance(decoded.event, AddToCart)
    assert decoded.event.item is not None
    return decoded.event.item, decoded


def _codes(decoded: Decoded) -> list[tuple[str, str]]:
    return [(warning.pointer, warning.code) for warning in decoded.warnings]


@pytest.mark.parametrize(
    ("sent", "read", "code"),
    [
        ("99.90", "99.90", None), (" 99 ", " 99 ", None), (99, "99", "coerced"), (-1, "-1", "coerced"),
        (99.9, "99.9", "coerced"), (100.0, "100.0", "coerced"), (0, "0", "coerced"),
        (2**63 - 1, str(2**63 - 1), "coerced"),
        (1e300, "1e+300", "coerced"), (True, "true", "coerced"), (False, "false", "coerced"),
        (["99"], None, "ignored"), ({"value": "99"}, None, "ignored"), ([], None, "ignored"), ({}, None, "ignored"),
        (None, None, None), ("", None, None),
    ],
)  # fmt: skip
def test_where_text_is_expected(sent: object, read: str | None, code: str | None) -> None:
    decoded = _order(_shippingMethod=sent)
    assert isinstance(decoded.event, CreateOrder)
    assert decoded.event.shipping_method == read
    assert _codes(decoded) == ([] if code is None else [("/_shippingMethod", code)])


@pytest.mark.parametrize(
    ("sent", "read", "code"),
    [
        (True, True, None), (False, False, None), ("true", True, "coerced"), ("FALSE", False, "coerced"),
        (" True ", True, "coerced"), ("1", True, "coerced"), ("0", False, "coerced"), (1, True, "coerced"),
        (0, False, "coerced"), ("yes", True, "coerced"), ("no", False, "coerced"), (2, None, "ignored"),
        (-1, None, "ignored"), (1.0, None, "ignored"), ("on", None, "ignored"), ("maybe", None, "ignored"),
        ([True], None, "ignored"), ({}, None, "ignored"), (None, None, None), ("", None, None),
    ],
)  # fmt: skip
def test_where_true_or_false_is_expected(sent: object, read: bool | None, code: str | None) -> None:
    decoded = _order(_isGift=sent)
    assert isinstance(decoded.event, CreateOrder)
    assert decoded.event.is_gift is read
    assert _codes(decoded) == ([] if code is None else [("/_isGift", code)])


@pytest.mark.parametrize(
    ("sent", "read", "code"),
    [
        (3, 3, None), (0, 0, None), (-3, -3, None), (2**63 - 1, 2**63 - 1, None), ("3", 3, "coerced"),
        (" 3 ", 3, "coerced"), ("+3", 3, "coerced"), ("-3", -3, "coerced"), ("1.0000", 1, "coerced"),
        ("2.", 2, "coerced"), (3.0, 3, "coerced"), (-0.0, 0, "coerced"), ("--3", None, "ignored"),
        ("+-3", None, "ignored"), ("- 3", None, "ignored"), ("+", None, "ignored"), ("-", None, "ignored"),
        ("1.5", None, "ignored"), (".0", None, "ignored"), (1.5, None, "ignored"), (1e300, None, "ignored"),
        ("1e3", None, "ignored"), ("1_000", None, "ignored"), ("1,000", None, "ignored"), ("three", None, "ignored"),
        ("٣", None, "ignored"), ("³", None, "ignored"), ("0x3", None, "ignored"), ("9" * 18, 10**18 - 1, "coerced"),
        ("9" * 19, None, "ignored"), ("1" + "." + "0" * 100_000, None, "ignored"), ("9" * 100_000, None, "ignored"),
        (True, None, "ignored"), ([3], None, "ignored"), ({}, None, "ignored"), (None, None, None), ("", None, None),
    ],
    ids=lambda part: ascii(part)[:24],
)  # fmt: skip
def test_where_an_integer_is_expected(sent: object, read: int | None, code: str | None) -> None:
    item, decoded = _item(_itemId="i", _quantity=sent)
    assert item.quantity == read
    assert item.item_id == "i"
    assert _codes(decoded) == ([] if code is None else [("/_item/_quantity", code)])


@pytest.mark.parametrize("sent", ["x", 1, 1.5, True, [], ["x"], [{"_city": "Pune"}]])
def test_where_an_object_is_expected(sent: object) -> None:
    decoded = _order(_billingAddress=sent, _amount="1")
    assert isinstance(decoded.event, CreateOrder)
    assert decoded.event.billing_address is None
    assert decoded.event.amount == "1"
    assert _codes(decoded) == [("/_billingAddress", "ignored")]


@pytest.mark.parametrize("sent", ["x", 1, 1.5, True, [], ["x"]])
def test_where_free_fields_are_expected(sent: object) -> None:
    decoded = _order(_customInfo=sent)
    assert decoded.event.custom_info is None
    assert _codes(decoded) == [("/_customInfo", "ignored")]


@pytest.mark.parametrize("info", [{}, {"a": 1, "b": {"c": [None, "", 1.5, True]}}, {"": ""}])
def test_free_fields_are_kept_as_given_whatever_their_types(info: dict[str, Any]) -> None:
    decoded = _order(_customInfo=info)
    assert decoded.event.custom_info == info
    assert decoded.warnings == ()


def test_one_object_where_a_list_is_expected_is_a_list_of_one() -> None:
    decoded = _order(_items={"_itemId": "i"})
    assert isinstance(decoded.event, CreateOrder)
    assert decoded.event.items == (Item(item_id="i"),)
    assert _codes(decoded) == [("/_items", "coerced")]


def test_elements_of_a_list_that_are_no_objects_are_left_out_one_by_one() -> None:
    decoded = _order(_items=[{"_itemId": "a"}, None, "x", 7, [{"_itemId": "b"}], {"_itemId": 3}, {}])
    assert isinstance(decoded.event, CreateOrder)
    assert decoded.event.items == (Item(item_id="a"), Item(item_id="3"), Item())
    assert _codes(decoded) == [
        ("/_items/2", "ignored"), ("/_items/3", "ignored"), ("/_items/4", "ignored"), ("/_items/5/_itemId", "coerced"),
    ]  # fmt: skip


@pytest.mark.parametrize("sent", ["x", 1, True, "[]"])
def test_a_plain_value_where_a_list_is_expected_is_left_out(sent: object) -> None:
    assert _order_event(_items=sent).items == ()


def test_an_odd_value_deep_inside_does_not_cost_its_neighbours() -> None:
    decoded = _order(_items=[{"_itemId": "i", "_quantity": "x", "_seller": {"_name": 5, "_email": "s@example.com"}}])
    assert isinstance(decoded.event, CreateOrder)
    assert decoded.event.items is not None
    seller = decoded.event.items[0].seller
    assert seller is not None
    assert (seller.name, seller.email) == ("5", "s@example.com")
    assert _codes(decoded) == [("/_items/0/_quantity", "ignored"), ("/_items/0/_seller/_name", "coerced")]


def test_warnings_are_bounded_and_the_rest_is_counted() -> None:
    decoded = _order(_items=[{"_price": 1} for _ in range(1_000)])
    assert len(decoded.warnings) == WARNINGS_MAX + 1
    assert decoded.warnings[-1].code == "more_warnings"
    assert decoded.warnings[-1].message.startswith(f"{1_000 - WARNINGS_MAX} more")


_JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12),
        st.sampled_from(["", "0", "1", "true", "--1", "+", "1.0", "_success", "2018-04-24", "9" * 25, "é", "IN"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("_ab", max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def _keys_of(document_type: Any) -> list[str]:
    return [field.encode_name for field in msgspec.inspect.type_info(document_type).fields]  # type: ignore[attr-defined]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS), st.data())
def test_any_value_in_any_field_of_any_kind_is_taken(kind: Any, data: st.DataObject) -> None:
    keys = [key for key in _keys_of(kind.type) if key not in ("_userId", "_orderId")]
    body = data.draw(st.dictionaries(st.sampled_from(keys), _JSON, max_size=6))
    decoded = decode_event(json.dumps({**body, "_userId": "u", "_orderId": "o"}).encode(), kind, _NOW)
    assert type(decoded.event) is kind.type
    assert (decoded.event.user_id, decoded.event.order_id) == ("u", "o")
    assert len(decoded.warnings) <= WARNINGS_MAX + 1
