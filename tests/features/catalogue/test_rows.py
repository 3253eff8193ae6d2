"""Every row of the catalogue keeps the contract of features; found by discovery, and counted."""

import math
import re
from typing import Any

import pytest

from fourthwatch.events import KINDS
from fourthwatch.features.catalogue import CATALOGUE, DECIDING, THEMES, built_in
from fourthwatch.features.definition import UNITS, Book, Feature
from fourthwatch.features.facts import FACT_OF_NAME, FACTS
from fourthwatch.features.fields import FIELDS
from fourthwatch.features.recollections import RECOLLECTION_OF
from fourthwatch.features.things import THINGS
from fourthwatch.language import FORM_OF, format_expression, parse
from telling import Telling, about, card, event, home, order, paid

ROWS = 282
ALL = tuple(one.feature.name for one in built_in())
ROW_NAMES = tuple(row.name for row in CATALOGUE)
REQUIRED: dict[str, dict[str, Any]] = {
    "createOrder": {"_orderId": "ord-none"},
    "update_order": {"_orderId": "ord-none"},
    "transaction": {"_orderId": "ord-none"},
}

REASON_NAMES = [
    "_numOfFailedTransactions",
    "_accountAge",
    "_numOfOrderSameIp",
    "_numAccountsWithSameIp",
    "_ipLocation",
    "_sameBillShippAddress",
    "_isFirstNameLastNameSame",
    "_validEmail",
    "_shipAddressHasSecondField",
    "_isOrdTransIpMatch",
    "rto_prone_phone",
    "rto_prone_email",
    "rto_prone_ip",
    "rto_prone_device",
    "rto_prone_pincode",
    "rto_prone_area",
    "rto_prone_city",
    "cod_prone_email",
    "cod_prone_phone",
    "cod_prone_device",
    "cod_prone_pincode",
    "cod_prone_city",
    "return_prone_pincode",
    "returns_prone_city",
    "returns_prone_state",
    "short_shipping_address",
    "incomplete_shipping_address",
    "gibberish_detected_in_address",
    "dummy_address_detected",
    "dummy_name_detected",
    "address_is_less_detailed",
    "address_line_2_missing",
    "address_contains_invalid_characters",
    "address_building_name_absent",
    "address_locality_name_absent",
    "address_incorrect_pincode",
    "address_pincode_city_mismatch",
    "address_pincode_state_mismatch",
    "incomplete_pincode",
    "invalid_pincode",
    "invalid_phone",
    "invalid_email_address",
    "invalid_email_domain",
    "gibberish_detected_in_email",
    "short_email",
    "potential_fraud_email",
    "customer_phone_blocklisted",
    "customer_ip_blocklisted",
    "customer_pincode_blocklisted",
    "customer_email_blocklisted",
    "order_placed_during_high_rto_period",
    "high_purchase_amount_in_an_hour",
    "high_purchase_amount_in_a_day",
    "new_customer_on_your_store",
]
"""The contract's `reason_names`: documented, seen in a dashboard, and the successor product's."""
WITHOUT_FEATURE = {
    name: "a look-up in a list that the shop keeps, which a rule does by itself; nothing is computed"
    for name in REASON_NAMES
    if name.endswith("_blocklisted")
}


def test_the_rows_are_counted_and_named_once() -> None:
    assert len(CATALOGUE) == ROWS
    assert len(ALL) == ROWS + len(FACTS) == 441
    assert len({row.name for row in CATALOGUE}) == ROWS
    assert not {row.name for row in CATALOGUE} & (FACT_OF_NAME.keys() | FIELDS.keys() | RECOLLECTION_OF.keys())
    assert set(DECIDING) <= set(ALL)


def test_rows_that_only_read_the_past_are_at_least_ninety() -> None:
    assert sum(bool(one.series) for one in built_in()) >= 90


@pytest.mark.parametrize("one", list(built_in()), ids=lambda one: one.feature.name)
def test_a_feature_is_named_explained_counted_in_something_and_has_a_reason(one: Any) -> None:
    feature = one.feature
    assert re.fullmatch(r"[a-z]+[a-z0-9]*(_[a-z0-9]+)*", feature.name)
    assert 10 < len(feature.says) <= 110
    assert not feature.says.endswith(".")
    assert feature.unit in UNITS
    assert feature.reason.isidentifier()


def test_every_unit_of_the_closed_set_is_used() -> None:
    assert {one.feature.unit for one in built_in()} == UNITS


def test_no_two_rows_say_the_same_or_ask_the_same() -> None:
    assert len({row.says for row in CATALOGUE}) == ROWS
    assert len({row.text for row in CATALOGUE}) == ROWS


def test_a_feature_without_a_reason_of_its_own_has_its_name() -> None:
    assert Feature("orders_twice", "amount * 2", "orders", "twice").reason == "orders_twice"
    assert Feature("orders_twice", "amount * 2", "orders", "twice", "_twice").reason == "_twice"


def canonical(text: str) -> str:
    """With a day as a day, which reads better where days are the unit."""
    return format_expression(parse(text)).replace(" / 24h", " / 1d")


def test_expressions_are_written_canonically_so_that_equal_ones_look_equal() -> None:
    assert [row.name for row in CATALOGUE if canonical(row.text) != row.text] == []


def test_what_is_a_truth_is_counted_as_0_or_1() -> None:
    for one in built_in():
        if one.checked is not None and one.checked.type == "truth":
            assert one.feature.unit == "0 or 1"


def test_every_aggregate_and_nearly_every_thing_is_asked_by_some_row() -> None:
    nodes = [node for one in built_in() for node in one.aggregates]
    assert {node.function for node in nodes} == FORM_OF.keys()
    asked = {entity.name for node in nodes for entity in node.by} | {node.of.dotted for node in nodes if node.of}
    assert THINGS.keys() - asked == set()


def test_every_theme_has_rows_and_every_row_has_a_theme() -> None:
    assert len(THEMES) == 17
    assert all(len(rows) >= 8 for rows in THEMES.values())


@pytest.mark.parametrize("reason", [name for name in REASON_NAMES if name not in WITHOUT_FEATURE])
def test_a_reason_name_of_the_contract_has_its_feature(reason: str) -> None:
    assert [one.feature.name for one in built_in() if one.feature.reason == reason]


def test_only_look_ups_in_lists_have_no_feature() -> None:
    assert len(REASON_NAMES) == 54
    assert len(WITHOUT_FEATURE) == 4


DAY = 86_400_000
VISIT: dict[str, Any] = {"_deviceId": "dv-1", "_deviceIp": "203.0.113.7", "_sessionId": "s-1"}
WHOLE: dict[str, Any] = {
    **VISIT, "_userEmail": "asha@example.com", "_shippingAddress": home(1, _phone="+919820133417"),
    "_billingAddress": home(2), "_paymentMethods": [card(1, _accountName="Asha Rao")], "_isPrePaid": False,
    "_promotions": [{"_promotionId": "TEN"}],
    "_items": [{"_itemId": "i-1", "_category": "Toys", "_seller": {"_sellerId": "sel-1"}}],
}  # fmt: skip


@pytest.fixture(scope="module")
def busy() -> Telling:
    """A shop where everything has happened to everybody."""
    return Telling(
        event("create_account", 90 * DAY, _userEmail="asha@example.com", _referralCode="r", **VISIT),
        event("update_account", 80 * DAY, **VISIT),
        event("login", 70 * DAY, _loginStatus="_failure", **VISIT),
        event("login", 70 * DAY, **VISIT),
        order(69 * DAY, 1, **WHOLE),
        order(40 * DAY, 2, **{**WHOLE, "_userId": "ravi", "_amount": "700"}),
        paid(40 * DAY, 1, "_failure", _amount="10"),
        paid(DAY // 2, 1, _amount="500", _transactionType="_refund"),
        about("order_status", 38 * DAY, 1, _orderStatus="_rto"),
        about("order_status", 3 * DAY, 2, _orderStatus="_fulfilled"),
        about("order_status", 2 * DAY, 2, _orderStatus="_returned"),
        about("order_status", 2 * DAY, 1, _orderStatus="_fulfilled"),
        about("chargeback", 20 * DAY, 1, _chargebackState="_received"),
        event("add_to_cart", DAY, _item={"_itemId": "i-1"}, **VISIT),
        event("remove_from_cart", DAY, _item={"_itemId": "i-1"}, **VISIT),
        event("add_promotion", DAY, _promotions=[{"_promotionId": "TEN", "_status": "_failure"}], **VISIT),
        event("submit_review", DAY, _itemId="i-1", _rating="4", **VISIT),
        event("send_message", DAY, _recipientUserId="ravi", **VISIT),
        event("report_item", DAY, _itemId="i-1", **VISIT),
        event("login", DAY // 2, _loginStatus="_failure", **VISIT),
        event("tag", DAY, _isBad=True),
        order(2 * DAY, 3, **WHOLE),
        order(DAY // 3, 4, **WHOLE),
    )


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_an_event_with_nothing_in_it_knows_of_the_shop_alone(kind: str, busy: Telling) -> None:
    now = kind, 0, {"_orderId": "ord-none"}
    values = busy.values(ROW_NAMES, busy.present(now))
    assert values == busy.values(ROW_NAMES, busy.present(now))
    known = {name for name, value in zip(ROW_NAMES, values, strict=True) if value is not None}
    no_promotion = {"first_order_with_promotion"}  # none was said, whoever it is
    assert known == {row.name for row in CATALOGUE if "by shop" in row.text} | no_promotion


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_everything_is_read_twice_the_same_and_finite_whatever_the_event(kind: str, busy: Telling) -> None:
    body = {**WHOLE, "_orderId": "ord-3"} if kind == "createOrder" else {}
    now = kind, 0, {**REQUIRED.get(kind, {}), **VISIT, "_userId": "asha", **body}
    values = busy.values(ALL, busy.present(now))
    assert values == busy.values(ALL, busy.present(now))
    assert all(value is None or math.isfinite(value) for value in values)


def test_every_row_is_known_in_a_shop_where_everything_happened(busy: Telling) -> None:
    known = set[str]()
    for now in (order(**WHOLE), event("submit_review", _itemId="i-1", _rating="5")):
        values = busy.values(ROW_NAMES, busy.present(now))
        known |= {name for name, value in zip(ROW_NAMES, values, strict=True) if value is not None}
    assert set(ROW_NAMES) - known == set()


def test_a_row_may_only_use_what_stands_before_it() -> None:
    book = Book(())
    for row in CATALOGUE:
        book.add(row)
    assert len(list(book)) == len(ALL)
