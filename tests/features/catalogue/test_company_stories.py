"""Who is seen with whom, what is new, promotions and goods: values worked out by hand for small stories."""

from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from telling import Told, Value, card, event, home, order, value_after

IP: dict[str, Any] = {"_deviceIp": "203.0.113.7"}
SAME_NETWORK: dict[str, Any] = {"_deviceIp": "203.0.113.99"}
DEVICE: dict[str, Any] = {"_deviceId": "dv-1"}


def with_card(number: int) -> dict[str, Any]:
    return {"_paymentMethods": [card(number)]}


def to(number: int, **more: Any) -> dict[str, Any]:
    return {"_shippingAddress": home(number, **more)}


def promoted(*names: str) -> dict[str, Any]:
    return {"_promotions": [{"_promotionId": name} for name in names]}


def items(*names: str, **more: Any) -> dict[str, Any]:
    return {"_items": [{"_itemId": name, **more} for name in names]}


def sold_by(seller: str) -> dict[str, Any]:
    return items("i-1", _seller={"_sellerId": seller})


SHARED = [
    order(40 * DAY_MS, 1, _userId="a", **DEVICE, **IP, **with_card(1), **to(1)),
    order(30 * MINUTE_MS, 2, _userId="b", **DEVICE, **SAME_NETWORK, **with_card(1), **to(1)),
    order(20 * MINUTE_MS, 3, _userId="asha", **DEVICE, **IP, **with_card(2), **to(2)),
]
REFUSED_CODE: dict[str, Any] = {"_promotions": [{"_promotionId": "TEN", "_status": "_failure"}]}
OTHER_PLACE: dict[str, Any] = {"_city": "Mumbai", "_zipcode": "400001"}


@pytest.mark.parametrize(
    ("name", "past", "now", "expected"),
    [
        ("users_by_device_ever", SHARED, order(**DEVICE), 2),
        ("users_by_device_ever", SHARED, order(_deviceId="dv-2"), 0),
        ("users_by_device_ever", SHARED, order(), None),
        ("users_by_card_ever", SHARED, order(**with_card(1)), 2),
        ("users_by_ip_1h", SHARED, order(**IP), 0),
        ("users_by_network_24h", SHARED, order(**IP), 1),
        ("users_by_bin_24h", SHARED, order(**with_card(7)), 1),
        ("users_by_postcode_24h", SHARED, order(**to(9)), 1),
        ("users_by_email_30d", [order(DAY_MS, 1, _userId="b", _userEmail="x@example.com")],
         order(_userEmail="X@example.com"), 1),
        ("users_by_billing_address_30d", [order(DAY_MS, 1, _userId="b", _billingAddress=home(1))],
         order(_billingAddress=home(1)), 1),
        ("devices_by_user_7d", [event("login", DAY_MS, _deviceId=name) for name in ("d1", "d2", "d2")], order(), 2),
        ("ips_by_user_24h", [event("login", HOUR_MS, **IP), event("login", HOUR_MS, **SAME_NETWORK)], order(), 2),
        ("networks_by_user_7d", [event("login", HOUR_MS, **IP), event("login", HOUR_MS, **SAME_NETWORK)], order(), 1),
        ("addresses_by_user_30d", SHARED, order(), 1),
        ("cities_by_user_30d", [order(DAY_MS, 1, **to(1)), order(DAY_MS, 2, **to(2, **OTHER_PLACE))], order(), 2),
        ("phones_by_address_30d",
         [order(DAY_MS, number, **to(1, _phone=f"+91982013341{number}")) for number in (1, 2)], order(**to(1)), 2),
        ("addresses_by_card_30d", SHARED, order(**with_card(1)), 1),
        ("devices_by_card_30d", SHARED, order(**with_card(2)), 1),
        ("emails_by_device_30d", [order(DAY_MS, 1, _userEmail="x@example.com", **DEVICE)], order(**DEVICE), 1),
        ("is_new_ip", [event("login", DAY_MS, **IP)], order(**SAME_NETWORK), 1),
        ("is_new_ip", [event("login", DAY_MS, **IP)], order(**IP), 0),
        ("is_new_ip", [], order(**IP), None),
        ("is_new_ip", [event("login", DAY_MS, **IP)], order(), None),
        ("is_new_network", [event("login", DAY_MS, **IP)], order(**SAME_NETWORK), 0),
        ("is_new_card", SHARED, order(**with_card(1)), 1),
        ("is_new_city", [order(DAY_MS, 1, **to(1))], order(**to(2, **OTHER_PLACE)), 1),
        ("is_new_card_on_device", SHARED, order(**with_card(1), **DEVICE), 0),
        ("is_new_address_for_card", SHARED, order(**with_card(1), **to(2)), 1),
        ("is_new_user_on_device", SHARED, order(**DEVICE), 0),
        ("is_new_user_on_device", SHARED, order(_userId="new", **DEVICE), 1),
        ("is_new_user_of_card", SHARED, order(**with_card(1)), 1),
        ("is_new_city_for_network", SHARED, order(**IP, **to(1)), 0),
        ("is_new_city_for_network", SHARED, order(**IP, **to(2, **OTHER_PLACE)), 1),
        ("is_new_city_for_network", SHARED, order(_deviceIp="198.51.100.1", **to(1)), None),
        ("new_things", SHARED, order(_deviceId="dv-2", **IP, **with_card(9), **to(9)), 3),
        ("new_things", [], order(_deviceId="dv-2"), None),
        ("promotions_by_user_30d", [order(DAY_MS, 1, **promoted("A", "B")), order(DAY_MS, 2, **promoted("B"))],
         order(), 2),
        ("promotions_by_ip_24h", [order(HOUR_MS, 1, _userId=name, **promoted("A"), **IP) for name in "ab"],
         order(**IP), 2),
        ("users_by_promotion_24h", [order(HOUR_MS, n, _userId=f"u{n}", **promoted("A")) for n in (1, 2)],
         order(**promoted("A")), 2),
        ("orders_by_promotion_1h", [order(MINUTE_MS, 1, **promoted("A"))], order(**promoted("A")), 1),
        ("failed_promotions_by_user_1h", [event("add_promotion", at, **REFUSED_CODE) for at in (1, 2, DAY_MS)],
         order(), 2),
        ("promotion_share_of_user", [order(DAY_MS, 1, **promoted("A")), order(DAY_MS, 2)], order(), 0.5),
        ("promotion_share_of_user", [], order(), None),
        ("promotion_used_on_device", [order(DAY_MS, 1, _userId="b", **promoted("A"), **DEVICE)],
         order(**promoted("A"), **DEVICE), 1),
        ("promotion_used_at_address", [order(DAY_MS, 1, _userId="b", **promoted("A"), **to(1))],
         order(**promoted("B"), **to(1)), 0),
        ("first_order_with_promotion", [], order(**promoted("A")), 1),
        ("first_order_with_promotion", [order(DAY_MS, 1)], order(**promoted("A")), 0),
        ("item_age", [order(2 * DAY_MS, 1, **items("i-1"))], order(**items("i-1", "i-2")), 2),
        ("orders_by_item_1h", [order(MINUTE_MS, 1, **items("i-2", "i-1"))], order(**items("i-1")), 1),
        ("users_by_item_24h", [order(HOUR_MS, 1, _userId="b", **items("i-1"))], order(**items("i-1")), 1),
        ("order_pace_of_item",
         [order(9 * DAY_MS, 1, _userId="b", **items("i-1")), order(HOUR_MS, 2, **items("i-1"))],
         order(**items("i-1")), 29),
        ("orders_of_item_by_user_30d", [order(HOUR_MS, 1, **items("i-1")), order(HOUR_MS, 2, **items("i-2"))],
         order(**items("i-1")), 1),
        ("items_by_user_7d", [order(HOUR_MS, 1, **items("i-1", "i-2")), order(HOUR_MS, 2, **items("i-2"))], order(), 2),
        ("categories_by_user_90d", [order(DAY_MS, 1, **items("i-1", _category="Toys "))], order(), 1),
        ("is_new_category", [order(DAY_MS, 1, **items("i-1", _category="Toys"))],
         order(**items("i-2", _category="Phones")), 1),
        ("orders_by_seller_24h", [order(HOUR_MS, 1, **sold_by("s-1"))], order(**sold_by("s-1")), 1),
        ("users_by_seller_7d", [order(HOUR_MS, 1, _userId="b", **sold_by("s-1"))], order(**sold_by("s-1")), 1),
        ("flat_without_second_line", [], order(**to(1, _address1="Flat 3, Lotus Tower")), 1),
        ("flat_without_second_line", [], order(**to(1, _address1="Flat 3, Lotus Tower", _address2="Sector 9")), 0),
    ],
)  # fmt: skip
def test_a_story_gives_the_value_worked_out_by_hand(name: str, past: list[Told], now: Told, expected: Value) -> None:
    assert value_after(name, past, now) == expected
