"""The Razorpay era's document as an order of the contract: every fact arrives, and odd ones do no harm."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourthwatch.clock import Millis
from fourthwatch.errors import Malformed
from fourthwatch.events import KIND_OF_NAME, CreateOrder
from fourthwatch.wire.decode import Decoded, decode_document
from fourthwatch.wire.razorpay import order_document
from fourthwatch.wire.reply import encode

_NOW = Millis(1_800_000_000_000)
_DOCUMENT: dict[str, Any] = {
    "device": {"ip": "203.0.113.9", "session_id": "sess-1", "user-agent": "Mozilla/5.0"},
    "user": {
        "id": "user-1", "created_at": "1500000000000", "email": "buyer@example.com", "first_name": "Asha",
        "last_name": "Rao", "contact": "+919812345678", "first_purchase": True, "email_verification": "verified",
        "contact_verification": "unverified",
    },
    "order": {
        "id": "ord-1", "created_at": "1524585600000", "amount": "50000", "currency": "INR", "prepaid": False,
        "items": [
            {"id": "sku-1", "title": "USB cable", "amount": "25000", "currency": "INR", "quantity": 2, "sku": "C-1",
             "brand": "Acme", "category": "electronics", "is_onsale": True, "unheard_of": 1},
        ],
        "shipping_address": {
            "name": "Asha Rao", "phone": "+919812345678", "line1": "Flat 4B", "line2": "Sector 9", "city": "Pune",
            "state": "Maharashtra", "country": "IN", "postal_code": "411001", "type": "home",
        },
        "payment": {"method": "cod", "gateway": "none", "amount": "50000", "currency": "INR"},
    },
}  # fmt: skip


def _decoded(document: dict[str, Any]) -> Decoded:
    body = order_document(document)
    return decode_document(body, encode(body), KIND_OF_NAME["createOrder"], _NOW)


def test_every_documented_fact_arrives_under_the_contracts_key() -> None:
    assert order_document(_DOCUMENT) == {
        "_orderId": "ord-1", "_originTimestamp": "1524585600000", "_amount": "500.00", "_currencyCode": "INR",
        "_isPrePaid": False, "_userId": "user-1", "_userEmail": "buyer@example.com", "_isFirstTimeBuyer": True,
        "_sessionId": "sess-1", "_deviceIp": "203.0.113.9",
        "_shippingAddress": {
            "_name": "Asha Rao", "_phone": "+919812345678", "_address1": "Flat 4B", "_address2": "Sector 9",
            "_city": "Pune", "_region": "Maharashtra", "_country": "IN", "_zipcode": "411001",
        },
        "_items": [
            {"_itemId": "sku-1", "_productTitle": "USB cable", "_price": "250.00", "_currencyCode": "INR",
             "_quantity": 2, "_sku": "C-1", "_brand": "Acme", "_category": "electronics", "_isOnSale": True},
        ],
        "_paymentMethods": [
            {"_paymentType": "cod", "_paymentGateway": "none", "_amount": "500.00", "_currencyCode": "INR"},
        ],
        "_customInfo": {
            "userAgent": "Mozilla/5.0", "userCreatedAt": "1500000000000", "firstName": "Asha", "lastName": "Rao",
            "contact": "+919812345678", "emailVerification": "verified", "contactVerification": "unverified",
        },
    }  # fmt: skip


def test_it_is_read_as_an_order_without_a_warning() -> None:
    decoded = _decoded(_DOCUMENT)
    assert isinstance(decoded.event, CreateOrder)
    assert decoded.event.order_id == "ord-1"
    assert decoded.warnings == ()
    assert decoded.occurred_ms == 1_524_585_600_000


def test_an_order_id_is_all_that_is_needed() -> None:
    assert order_document({"order": {"id": "o"}}) == {"_orderId": "o", "_customInfo": {}}
    assert _decoded({"order": {"id": 5}}).event.order_id == "5"


@pytest.mark.parametrize(
    "document",
    [{}, {"order": None}, {"order": {}}, {"order": []}, {"order": {"id": ""}}, {"order": {"id": None}}, {"id": "o"}],
)
def test_a_document_without_an_order_id_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as caught:
        order_document(document)
    assert (caught.value.code, caught.value.pointer) == ("missing_key", "/order/id")


@pytest.mark.parametrize(
    ("minor", "main"),
    [
        ("50000", "500.00"), (50000, "500.00"), ("7", "0.07"), ("0", "0.00"), (0, "0.00"), (" 12 ", "0.12"),
        ("123456789012345678", "1234567890123456.78"), ("1234567890123456789", None), ("-5", None), (-5, None),
        ("5.00", None), (5.0, None), (True, None), ("١٢", None), ("x", None), ("", None), (None, None), ([5], None),
        ("9" * 100_000, None), (2**63 - 1, None),
    ],
    ids=lambda part: ascii(part)[:24],
)  # fmt: skip
def test_minor_units_become_the_contracts_decimal_text(minor: object, main: str | None) -> None:
    assert order_document({"order": {"id": "o", "amount": minor}}).get("_amount") == main


_ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "amount", "line1"]), inner),
    max_leaves=4,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_value_in_any_place_is_taken_or_refused_as_malformed(data: st.DataObject) -> None:
    document: dict[str, Any] = json.loads(json.dumps(_DOCUMENT))
    for _ in range(data.draw(st.integers(1, 4))):
        inside = document[data.draw(st.sampled_from(sorted(document)))]
        if isinstance(inside, dict) and inside:
            inside[data.draw(st.sampled_from(sorted(inside)))] = data.draw(_ODD)
        else:
            document[data.draw(st.sampled_from(sorted(document)))] = data.draw(_ODD)
    try:
        decoded = _decoded(document)
    except Malformed:
        return
    assert decoded.event.order_id
