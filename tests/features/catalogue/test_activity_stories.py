"""Accounts, logins, carts, orders and what is written to others: values worked out by hand for small stories."""

from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from telling import Told, Value, card, event, home, order, paid, value_after

FAILURE: dict[str, Any] = {"_loginStatus": "_failure"}
IP: dict[str, Any] = {"_deviceIp": "203.0.113.7"}
SAME_NETWORK: dict[str, Any] = {"_deviceIp": "203.0.113.99"}
DEVICE: dict[str, Any] = {"_deviceId": "dv-1"}
VISIT: dict[str, Any] = {"_sessionId": "s-1"}


def item(name: str) -> dict[str, Any]:
    return {"_item": {"_itemId": name}}


def signup(ago_ms: int, user: str, **more: Any) -> Told:
    return event("create_account", ago_ms, **{"_userId": user, **more})


def login(ago_ms: int, user: str = "asha", **more: Any) -> Told:
    return event("login", ago_ms, **{"_userId": user, **more})


SIGNUPS = [signup(25 * HOUR_MS, "a", **IP), signup(HOUR_MS, "b", **IP), signup(MINUTE_MS, "c", **SAME_NETWORK)]
ATTEMPTS = [
    login(2 * HOUR_MS, "a", **FAILURE, **IP, **DEVICE),
    login(50 * MINUTE_MS, "b", **FAILURE, **IP, **DEVICE),
    login(40 * MINUTE_MS, "b", **FAILURE, **IP),
    login(30 * MINUTE_MS, "c", **IP),
    login(20 * MINUTE_MS, "d", **FAILURE, **SAME_NETWORK),
]
CART = [
    event("add_to_cart", 9 * MINUTE_MS, **VISIT, **item("i-1")),
    event("add_to_cart", 8 * MINUTE_MS, **VISIT, **item("i-2")),
    event("add_to_cart", 7 * MINUTE_MS, **VISIT, **item("i-2")),
    event("add_to_cart", 6 * MINUTE_MS, **VISIT, **item("i-3")),
    event("remove_from_cart", 5 * MINUTE_MS, **VISIT, **item("i-3")),
]
ORDERS = [order(90 * 24 * HOUR_MS, 1), order(3 * DAY_MS, 2), order(2 * HOUR_MS, 3), order(30 * MINUTE_MS, 4)]
OTHERS = [
    order(30 * MINUTE_MS, 1, _userId="a", **IP, **DEVICE),
    order(20 * MINUTE_MS, 2, _userId="b", **IP, **DEVICE),
    order(10 * MINUTE_MS, 3, _userId="c", **SAME_NETWORK),
]
MAILED: dict[str, Any] = {"_userEmail": "asha@odd.example.com"}
TOMORROW = event("submit_review", 0, _itemId="i-1", _rating="5")


@pytest.mark.parametrize(
    ("name", "past", "now", "expected"),
    [
        ("accounts_by_ip_24h", SIGNUPS, signup(0, "d", **IP), 1),
        ("accounts_by_ip_24h", SIGNUPS, signup(0, "d", _deviceIp="198.51.100.1"), 0),
        ("accounts_by_ip_24h", SIGNUPS, signup(0, "d"), None),
        ("accounts_by_network_24h", SIGNUPS, signup(0, "d", **IP), 2),
        ("accounts_by_phone_30d", [signup(DAY_MS, "a", _phone="+919820133417")],
         order(_shippingAddress=home(1, _phone="098201 33417")), 1),
        ("accounts_by_email_domain_24h", [signup(HOUR_MS, "a", _userEmail="a@odd.example.com")], order(**MAILED), 1),
        ("referred_accounts_by_device_30d",
         [signup(DAY_MS, "a", **DEVICE), signup(DAY_MS, "b", _referralCode="r", **DEVICE)], order(**DEVICE), 1),
        ("profile_changes_7d", [event("update_account", 8 * DAY_MS), event("update_account", DAY_MS)], order(), 1),
        ("seconds_since_profile_change", [event("update_account", HOUR_MS)], order(), 3_600),
        ("seconds_since_profile_change", [], order(), None),
        ("email_age", [order(3 * DAY_MS, 1, **MAILED)], order(**MAILED), 3),
        ("email_age", [], order(**MAILED), None),
        ("email_domain_age", [order(3 * DAY_MS, 1, _userEmail="b@odd.example.com")], order(**MAILED), 3),
        ("ip_age", [order(DAY_MS, 1, _userId="b", **IP)], order(**IP), 1),
        ("logins_by_user_24h", [login(25 * HOUR_MS), login(HOUR_MS), login(MINUTE_MS, **FAILURE)], order(), 2),
        ("failed_logins_by_ip_1h", ATTEMPTS, login(0, **IP), 2),
        ("failed_logins_by_network_1h", ATTEMPTS, login(0, **IP), 3),
        ("failed_login_share_of_ip_24h", ATTEMPTS, login(0, **IP), 0.75),
        ("failed_login_share_of_ip_24h", [login(HOUR_MS, **IP)], login(0, **IP), 0),
        ("failed_login_share_of_ip_24h", [order(HOUR_MS, 1, **IP)], login(0, **IP), None),
        ("users_failing_login_by_ip_1h", ATTEMPTS, login(0, **IP), 1),
        ("users_failing_login_by_device_24h", ATTEMPTS, login(0, **DEVICE), 2),
        ("seconds_since_login", [login(HOUR_MS), login(MINUTE_MS, **FAILURE)], order(), 3_600),
        ("seconds_since_failed_login", [login(HOUR_MS, **FAILURE), login(MINUTE_MS)], order(), 3_600),
        ("sessions_by_user_24h", [login(HOUR_MS, _sessionId=name) for name in ("s-1", "s-2", "s-2")], order(), 2),
        ("cart_removals_1h", CART, order(**VISIT), 1),
        ("cart_items_of_session", CART, order(**VISIT), 3),
        ("cart_removal_share_of_session", CART, order(**VISIT), 0.25),
        ("cart_removal_share_of_session", [login(HOUR_MS, **VISIT)], order(**VISIT), None),
        ("seconds_from_cart_to_order", CART, order(**VISIT), 540),
        ("seconds_since_cart_change", CART, order(**VISIT), 300),
        ("orders_by_session", [order(HOUR_MS, 1, **VISIT)], order(**VISIT), 1),
        ("failed_transactions_by_session", [order(HOUR_MS, 1, **VISIT), paid(HOUR_MS, 1, "_failure")],
         order(**VISIT), 1),
        ("users_by_session", [login(HOUR_MS, "ravi", **VISIT)], order(**VISIT), 1),
        ("orders_by_user_1h", ORDERS, order(), 1),
        ("orders_by_user_7d", ORDERS, order(), 3),
        ("orders_by_user_90d", ORDERS, order(), 3),
        ("orders_by_user_ever", ORDERS, order(), 4),
        ("orders_by_user_ever", ORDERS, order(0, 4), 3),
        ("orders_by_user_ever", ORDERS, order(_userId="ravi"), 0),
        ("is_first_order", ORDERS, order(), 0),
        ("is_first_order", ORDERS, order(0, 9, _userId="ravi"), 1),
        ("orders_by_ip_1h", OTHERS, order(**IP), 2),
        ("orders_by_network_1h", OTHERS, order(**IP), 3),
        ("orders_by_device_1h", OTHERS, order(**DEVICE), 2),
        ("orders_by_bin_1h", [order(MINUTE_MS, 1, _paymentMethods=[card(101)])], order(_paymentMethods=[card(102)]), 1),
        ("orders_by_bin_1h", [order(MINUTE_MS, 1, _paymentMethods=[card(101)])], order(_paymentMethods=[card(202)]), 0),
        ("orders_by_postcode_24h", [order(HOUR_MS, 1, _shippingAddress=home(1))], order(_shippingAddress=home(2)), 1),
        ("order_pace_of_user", [order(40 * DAY_MS, 1), order(HOUR_MS, 2), order(HOUR_MS, 3)], order(), 2 * 89),
        ("order_pace_of_user", [order(HOUR_MS, 1)], order(), None),
        ("order_pace_of_shop", [order(3 * DAY_MS, 1, _userId="a"), order(MINUTE_MS, 2, _userId="b")], order(), 167),
        ("seconds_since_order", ORDERS, order(), 1_800),
        ("seconds_since_order_to_address", [order(HOUR_MS, 1, _userId="b", _shippingAddress=home(1))],
         order(_shippingAddress=home(1)), 3_600),
        ("messages_by_user_1h", [event("send_message", at, _recipientUserId="b") for at in (DAY_MS, 1, 2)], order(), 2),
        ("recipients_by_user_24h", [event("send_message", 1, _recipientUserId=name) for name in "bccd"], order(), 3),
        ("reviews_of_item_24h", [event("submit_review", 1, _itemId="i-1", _userId=name) for name in "ab"], TOMORROW, 2),
        ("rating_against_item_mean",
         [event("submit_review", 1, _itemId="i-1", _userId=str(stars), _rating=str(stars)) for stars in (1, 2)],
         TOMORROW, 3.5),
        ("rating_against_item_mean", [], TOMORROW, None),
        ("reports_by_user_7d", [event("report_item", DAY_MS, _itemId="i-1")], order(), 1),
        ("reports_of_item_30d", [event("report_item", DAY_MS, _itemId="i-1", _userId=name) for name in "ab"],
         order(_items=[{"_itemId": "i-1"}]), 2),
    ],
)  # fmt: skip
def test_a_story_gives_the_value_worked_out_by_hand(name: str, past: list[Told], now: Told, expected: Value) -> None:
    assert value_after(name, past, now) == pytest.approx(expected)
