"""What is judged: amounts in minor units, who acts, how it is paid, and marks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import the_same_each_time
from fourthwatch.features.subject import mark_of, minor_units
from fourthwatch.features.things import THINGS
from story import Story

ADDRESS = {"_address1": "12 Lotus Street", "_city": "Pune", "_country": "IN", "_zipcode": "411001"}


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("500", "INR", 50_000),
        ("19.99", "INR", 1_999),
        ("0", "INR", 0),
        ("0.1", "USD", 10),
        ("1,234.50", "USD", 123_450),
        ("1,49,900.50", "INR", 14_990_050),
        ("-1,000", "INR", -100_000),
        ("12,50", "EUR", None),
        ("1.499,00", "EUR", None),
        ("1499,00", "EUR", None),
        ("1,2", "INR", None),
        ("1_000", "INR", None),
        ("₹1,499", "INR", None),
        (" 7 ", "USD", 700),
        ("500", "JPY", 500),
        ("500.9", "JPY", 500),
        ("500", "jpy", 500),
        ("5000", "RWF", 5_000),
        ("1.5", "IQD", 1_500),
        ("1.234", "KWD", 1_234),
        ("12", None, 1_200),
        ("12", "???", 1_200),
        ("-5.00", "INR", -500),
        ("1e3", "INR", 100_000),
        ("", "INR", None),
        ("much", "INR", None),
        ("NaN", "INR", None),
        ("Infinity", "INR", None),
        ("-inf", "INR", None),
        ("1e400", "INR", None),
        ("1e999999999", "INR", None),
        ("1e-999999999", "INR", 0),
        ("9" * 100, "INR", None),
        ("٣", "INR", 300),
        (None, "INR", None),
    ],
)
def test_an_amount_is_an_integer_in_minor_units_or_unknown(
    amount: str | None, currency: str | None, minor: int | None
) -> None:
    assert minor_units(amount, currency) == minor


@the_same_each_time
@given(st.text(), st.none() | st.sampled_from(["INR", "JPY", "KWD"]) | st.text())
def test_no_text_breaks_an_amount(amount: str, currency: str | None) -> None:
    minor = minor_units(amount, currency)
    assert minor is None or abs(minor) <= 10**15


@the_same_each_time
@given(st.integers(0, 10**10), st.integers(0, 99))
def test_no_cent_is_lost_in_an_amount(main: int, cents: int) -> None:
    assert minor_units(f"{main}.{cents:02d}", "USD") == main * 100 + cents


@the_same_each_time
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_mark_is_never_zero_and_fits_a_signed_word(text: str) -> None:
    mark = mark_of(text)
    assert mark == mark_of(text)
    assert mark != 0
    assert -(2**63) <= mark < 2**63


def test_marks_are_the_same_in_every_process_and_version() -> None:
    assert [mark_of(text) for text in ("", "asha", "order:ord-1")] == [
        3244421341483603138,
        -4261794410328887644,
        2323607433015283472,
    ]


@pytest.mark.slow
def test_marks_of_a_million_ids_do_not_meet() -> None:
    assert len({mark_of(f"user-{number}") for number in range(1_000_000)}) == 1_000_000


def subject_of_order(**body: Any) -> Any:
    return Story().subject("createOrder", _orderId="ord-1", **body)


@pytest.mark.parametrize(
    ("body", "person"),
    [
        ({"_userId": "asha", "_userEmail": "asha@example.com"}, "asha"),
        ({"_sessionId": "s-1", "_userEmail": "Asha@Example.com"}, "email:asha@example.com"),
        ({"_sessionId": "s-1"}, None),
    ],
)
def test_the_person_is_the_account_or_a_guests_mailbox_or_unknown(body: dict[str, Any], person: str | None) -> None:
    assert subject_of_order(**body).person == person


@pytest.mark.parametrize(
    ("body", "cash"),
    [
        ({"_isPrePaid": True, "_paymentMethods": [{"_paymentType": "_cash"}]}, False),
        ({"_isPrePaid": False}, True),
        ({"_paymentMethods": [{"_paymentType": "_cash"}]}, True),
        ({"_paymentMethods": [{"_paymentType": "_creditCard"}]}, False),
        ({"_paymentMethods": [{"_paymentGateway": "cashondelivery"}]}, True),
        ({"_paymentMethods": [{"_paymentType": "_other", "_paymentGateway": "cod"}]}, True),
        ({"_paymentMethods": [{"_paymentGateway": "stripe"}]}, False),
        ({"_paymentMethods": [{"_cardLast4": "1111"}]}, None),
        ({}, None),
    ],
)
def test_cash_on_delivery_is_said_inferred_or_unknown(body: dict[str, Any], cash: bool | None) -> None:
    assert subject_of_order(**body).paid_on_delivery() is cash


def test_a_payment_takes_amount_and_addresses_from_its_order() -> None:
    story = Story()
    story.tell("createOrder", _orderId="ord-1", _amount="19.99", _currencyCode="INR", _shippingAddress=ADDRESS)
    subject = story.subject("transaction", _orderId="ord-1", _amount="5")
    address = subject.shipping_address()
    assert subject.amount_minor() == 1_999
    assert address is not None
    assert address.city == "Pune"
    assert subject.billing_address() is None


def test_a_payment_without_a_known_order_has_its_own_amount() -> None:
    assert Story().subject("transaction", _orderId="ord-1", _amount="5", _currencyCode="JPY").amount_minor() == 5


def test_the_instrument_of_the_payment_goes_before_those_of_the_order() -> None:
    story = Story()
    story.tell("createOrder", _orderId="ord-1", _paymentMethods=[{"_cardLast4": "1111"}, {"_cardLast4": "2222"}])
    own = story.subject("transaction", _orderId="ord-1", _paymentMethod={"_cardLast4": "3333"}).payment_methods()
    of_order = story.subject("transaction", _orderId="ord-1").payment_methods()
    assert [method.card_last4 for method in own] == ["3333"]
    assert [method.card_last4 for method in of_order] == ["1111", "2222"]


@pytest.mark.parametrize("country", ["US", "us", "USA", "United States"])
def test_a_place_is_the_same_however_its_country_is_written(country: str) -> None:
    address = {"_city": "New  York", "_zipcode": "10001", "_country": country}
    subject = Story().subject("createOrder", _orderId="ord-1", _userId="asha", _shippingAddress=address)
    told = {name: THINGS[name].texts(subject) for name in ("city", "postcode", "area")}
    assert told == {"city": ("city:US new york",), "postcode": ("postcode:US 10001",), "area": ("area:US 100",)}


def test_what_is_no_country_is_not_taken_for_one_that_begins_alike() -> None:
    address = {"_city": "Poseidonis", "_country": "Atlantis"}
    subject = Story().subject("createOrder", _orderId="ord-1", _userId="asha", _shippingAddress=address)
    assert THINGS["city"].texts(subject) == ("city: poseidonis",)
