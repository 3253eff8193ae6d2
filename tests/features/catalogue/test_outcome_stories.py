"""Delivered, refused, returned, disputed, in cash: values worked out by hand, and labels that come late."""

from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS
from telling import Told, Value, about, card, event, home, order, value_after

PHONE: dict[str, Any] = {"_shippingAddress": home(1, _phone="+919820133417")}
CASH: dict[str, Any] = {"_isPrePaid": False}
WITH_CARD: dict[str, Any] = {"_paymentMethods": [card(101)]}
OF_SELLER: dict[str, Any] = {"_items": [{"_itemId": "i-1", "_category": "Toys", "_seller": {"_sellerId": "sel-1"}}]}


def ended(number: int, state: str, ago_ms: int = DAY_MS) -> Told:
    return about("order_status", ago_ms, number, _orderStatus=state)


def disputed(number: int, ago_ms: int, state: str = "_received") -> Told:
    return about("chargeback", ago_ms, number, _chargebackState=state)


def orders(count: int, ago_ms: int = 40 * DAY_MS, **more: Any) -> list[Told]:
    """Numbered from 1, each of a user of its own unless it says whose."""
    return [order(ago_ms, number, **{"_userId": f"u{number}", **more}) for number in range(1, count + 1)]


MIXED = [*orders(5, **PHONE, **OF_SELLER), ended(1, "_rto"), ended(2, "_fulfilled"), ended(3, "_fulfilled"),
         ended(3, "_returned", HOUR_MS), ended(4, "_approved")]  # fmt: skip
SEEN = order(**PHONE, **OF_SELLER)
OWN = [*orders(3, _userId="asha"), ended(1, "_rto"), ended(2, "_returned"), ended(3, "_fulfilled", HOUR_MS)]


@pytest.mark.parametrize(
    ("name", "past", "now", "expected"),
    [
        *((f"refused_share_of_{name}", MIXED, SEEN, pytest.approx(1 / 3))
          for name in ("phone", "address", "postcode", "area", "city", "item", "seller")),
        *((f"returned_share_of_{name}", MIXED, SEEN, pytest.approx(1 / 3))
          for name in ("address", "postcode", "city", "region", "item", "category")),
        ("refused_share_of_user", OWN, order(), pytest.approx(1 / 3)),
        ("refused_share_of_user", OWN, order(_userId="ravi"), None),
        ("refused_share_of_area", MIXED, order(_shippingAddress=home(1, _zipcode="411 099")), pytest.approx(1 / 3)),
        ("refused_share_of_area", MIXED, order(_shippingAddress=home(1, _zipcode="400001")), None),
        ("returned_share_of_region", MIXED, order(_shippingAddress=home(9, _region="MH")), pytest.approx(1 / 3)),
        ("refused_share_of_shop_7d_against_90d",
         [*orders(4), ended(1, "_rto"), ended(2, "_fulfilled", 9 * DAY_MS), ended(3, "_fulfilled", 9 * DAY_MS),
          ended(4, "_fulfilled", 9 * DAY_MS)], order(), 4),
        ("refused_by_phone_90d", MIXED, SEEN, 1),
        ("refused_by_phone_90d", [], SEEN, 0),
        ("refused_by_phone_90d", [], order(), None),
        ("refused_amount_by_phone_90d", MIXED, SEEN, 500),
        ("returned_by_user_90d", OWN, order(), 1),
        ("canceled_by_user_30d", [*orders(1, _userId="asha"), ended(1, "_canceled")], order(), 1),
        ("canceled_share_of_phone", [*orders(2, **PHONE), ended(1, "_canceled")], SEEN, 0.5),
        ("delivered_by_phone_ever", MIXED, SEEN, 2),
        ("delivered_to_address_ever", MIXED, SEEN, 2),
        ("days_since_delivery", OWN, order(), pytest.approx(1 / 24)),
        ("days_since_delivery", [], order(), None),
        ("days_since_refusal", MIXED, SEEN, 1),
        ("cash_share_of_user", [*orders(2, _userId="asha", **CASH), order(DAY_MS, 3, _isPrePaid=True), order(1, 4)],
         order(), 0.5),
        ("cash_share_of_phone", orders(2, **PHONE, **CASH), order(**PHONE, _isPrePaid=True), 1),
        ("cash_share_of_city", [order(DAY_MS, 1, **PHONE, _isPrePaid=True)], SEEN, 0),
        ("cash_share_of_city", [], SEEN, None),
        ("cash_orders_by_phone_7d", [order(DAY_MS, 1, **PHONE, **CASH), order(DAY_MS, 2, **PHONE)], SEEN, 1),
        ("disputed_share_of_user", [*orders(4, _userId="asha"), disputed(1, DAY_MS)], order(), 0.25),
        ("disputed_share_of_user", [*orders(4, _userId="asha"), disputed(1, DAY_MS, "_won")], order(), 0),
        ("disputed_share_of_card", [*orders(2, **WITH_CARD), disputed(1, DAY_MS)], order(**WITH_CARD), 0.5),
        ("disputed_rate_of_bin", [*orders(4, **WITH_CARD), disputed(1, DAY_MS)],
         order(_paymentMethods=[card(102)]), 0.25),
        ("disputed_rate_of_seller", [*orders(2, **OF_SELLER), disputed(1, DAY_MS)], order(**OF_SELLER), 0.5),
        ("disputed_rate_of_shop", [*orders(5), disputed(1, DAY_MS)], event("login"), 0.2),
        ("chargebacks_by_ip_90d", [*orders(1, _deviceIp="203.0.113.7"), disputed(1, DAY_MS)],
         order(_deviceIp="203.0.113.7"), 1),
        ("chargeback_amount_by_user", [*orders(2, _userId="asha"), disputed(1, DAY_MS)], order(), 500),
        ("days_since_chargeback", [*orders(1, _userId="asha"), disputed(1, 2 * DAY_MS)], order(), 2),
    ],
)  # fmt: skip
def test_a_story_gives_the_value_worked_out_by_hand(name: str, past: list[Told], now: Told, expected: Value) -> None:
    assert value_after(name, past, now) == expected


def test_orders_too_young_to_be_disputed_are_no_good_record() -> None:
    assert value_after("disputed_share_of_user", orders(4, DAY_MS, _userId="asha"), order()) is None
    assert value_after("disputed_rate_of_shop", orders(4, DAY_MS), order()) is None


def test_a_young_order_that_is_disputed_already_makes_no_share_above_one() -> None:
    past = [
        order(40 * DAY_MS, 1),
        order(DAY_MS, 2),
        order(DAY_MS, 3),
        *(disputed(number, HOUR_MS) for number in (1, 2)),
    ]
    assert value_after("disputed_share_of_user", past, order()) == 1


def test_an_order_on_its_way_is_neither_delivered_nor_refused() -> None:
    past = [*orders(2, **PHONE), ended(1, "_rto"), ended(2, "_approved")]
    assert value_after("refused_share_of_phone", past, SEEN) == 1
