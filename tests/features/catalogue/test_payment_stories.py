"""Payments, cards and amounts: values worked out by hand for small stories."""

from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from telling import Told, Value, card, event, home, order, paid, value_after

IP: dict[str, Any] = {"_deviceIp": "203.0.113.7"}
DEVICE: dict[str, Any] = {"_deviceId": "dv-1"}
MAILED: dict[str, Any] = {"_userEmail": "asha@example.com"}


def with_card(number: int) -> dict[str, Any]:
    return {"_paymentMethods": [card(number)]}


def attempted(number: int, ago_ms: int, status: str, card_number: int, amount: str = "500") -> list[Told]:
    """An order from the IP and device, and an attempt to pay it."""
    return [
        order(ago_ms, number, **IP, **DEVICE),
        paid(ago_ms, number, status, _paymentMethod=card(card_number), _amount=amount),
    ]


TESTED = [
    *attempted(1, 2 * DAY_MS, "_failure", 101, "5"),
    *attempted(2, 50 * MINUTE_MS, "_failure", 102),
    *attempted(3, 40 * MINUTE_MS, "_failure", 101),
    *attempted(4, 30 * MINUTE_MS, "_success", 101, "1"),
]
SPENT = [
    order(40 * DAY_MS, 1, _amount="100", **MAILED, **with_card(1)),
    order(20 * HOUR_MS, 2, _amount="200", **MAILED, **with_card(1)),
    order(30 * MINUTE_MS, 3, _amount="600", **MAILED, **with_card(2)),
]
BEFORE = [
    order(20 * DAY_MS, 1, _amount="900"),
    order(19 * DAY_MS, 2, _amount="300"),
    order(6 * DAY_MS, 3, _amount="600"),
    order(2 * DAY_MS, 4, _amount="300"),
]


@pytest.mark.parametrize(
    ("name", "past", "now", "expected"),
    [
        ("transactions_by_user_1h", TESTED, order(), 3),
        ("transactions_by_card_24h", TESTED, order(**with_card(101)), 2),
        ("transactions_by_ip_1h", TESTED, order(**IP), 3),
        ("failed_transactions_by_user_1h", TESTED, order(), 2),
        ("failed_transactions_by_card_7d", TESTED, order(**with_card(101)), 2),
        ("failed_transactions_by_ip_1h", TESTED, order(**IP), 2),
        ("failed_transactions_by_bin_1h", TESTED, order(**with_card(103)), 2),
        ("failed_share_of_user_7d", TESTED, order(), 0.75),
        ("failed_share_of_bin_24h", TESTED, order(**with_card(103)), pytest.approx(2 / 3)),
        ("failed_share_of_ip_24h", TESTED, order(_deviceIp="198.51.100.1"), None),
        ("cards_failing_by_ip_24h", TESTED, order(**IP), 2),
        ("cards_failing_by_device_24h", TESTED, order(**DEVICE), 2),
        ("cards_failing_by_user_24h", TESTED, order(), 2),
        ("smallest_transaction_of_card_7d", TESTED, order(**with_card(101)), 1),
        ("smallest_transaction_of_card_7d", TESTED, order(**with_card(999)), None),
        ("refunds_by_user_90d", [order(DAY_MS, 1), paid(DAY_MS, 1, _transactionType="_refund")], order(), 1),
        ("seconds_since_failed_transaction", TESTED, order(), 2_400),
        ("cards_by_user_30d", SPENT, order(), 2),
        ("cards_by_device_30d", TESTED, order(**DEVICE), 2),
        ("cards_by_ip_1h", TESTED, order(**IP), 2),
        ("cards_by_bin_1h", TESTED, order(**with_card(103)), 2),
        ("bins_by_user_30d", TESTED, order(), 1),
        ("names_on_card",
         [order(DAY_MS, number, _paymentMethods=[card(1, _accountName=name)]) for number, name in enumerate("abb")],
         order(**with_card(1)), 2),
        ("amount_ordered_1h", SPENT, order(_amount="50", **MAILED), 650),
        ("amount_ordered_24h", SPENT, order(_amount="50", **MAILED), 850),
        ("amount_ordered_24h", SPENT, order(0, 3, _amount="50", **MAILED), 250),
        ("amount_ordered_24h", SPENT, order(_amount="50"), None),
        ("amount_ordered_24h", [], order(_amount="50", **MAILED), 50),
        ("amount_by_user_24h", SPENT, order(), 800),
        ("amount_by_user_30d", SPENT, order(_userId="ravi"), 0),
        ("amount_by_card_24h", SPENT, order(**with_card(1)), 200),
        ("amount_by_address_7d", [order(DAY_MS, 1, _shippingAddress=home(1))], order(_shippingAddress=home(1)), 500),
        ("own_mean_amount", SPENT, order(), 300),
        ("own_mean_amount", [], order(), None),
        ("amount_against_own_max", SPENT, order(_amount="1200"), 2),
        ("amount_against_own_max", [], order(_amount="1200"), None),
        ("amount_against_own_max_7d", BEFORE, order(_amount="1200"), 2),
        ("own_max_amount", BEFORE, order(), 900),
        ("own_max_amount_7d", BEFORE, order(), 600),
        ("amount_against_own_earlier_mean", BEFORE, order(_amount="1200"), 2),
        ("amount_against_own_earlier_mean", BEFORE[2:], order(_amount="1200"), None),
        ("amount_against_own_earlier_max", BEFORE, order(_amount="450"), 0.5),
        ("own_max_3d_against_earlier_mean", BEFORE, order(), 0.5),
        ("own_max_7d_against_earlier_mean", BEFORE, order(), 1),
        ("own_max_7d_against_earlier_mean", BEFORE[:2], order(), None),
        ("amount_against_previous", SPENT, order(_amount="300"), 0.5),
        ("amount_is_repeated", SPENT, order(_amount="600"), 1),
        ("amount_is_repeated", SPENT, order(_amount="601"), 0),
        ("amount_is_repeated", [], order(_amount="601"), None),
        ("amount_against_card_mean", SPENT, order(_amount="450", **with_card(1)), 3),
        ("amount_against_shop_mean", [order(DAY_MS, 1, _userId="a"), order(DAY_MS, 2, _currencyCode="USD")],
         order(_amount="1000"), 2),
        ("amount_against_item_mean", [order(DAY_MS, 1, _items=[{"_itemId": "i-1"}])],
         order(_amount="1000", _items=[{"_itemId": "i-1"}]), 2),
        ("amount_against_city_mean", [order(DAY_MS, 1, _shippingAddress=home(1, _city="PUNE "))],
         order(_amount="1000", _shippingAddress=home(2)), 2),
        ("amount_against_bin_mean", [order(DAY_MS, 1, _userId="b", **with_card(101))],
         order(_amount="1000", **with_card(102)), 2),
    ],
)  # fmt: skip
def test_a_story_gives_the_value_worked_out_by_hand(name: str, past: list[Told], now: Told, expected: Value) -> None:
    assert value_after(name, past, now) == expected


def test_an_attempt_counts_with_its_own_amount_and_not_the_orders() -> None:
    past = [order(HOUR_MS, 1, _amount="900"), paid(HOUR_MS, 1, _paymentMethod=card(1), _amount="2")]
    assert value_after("smallest_transaction_of_card_7d", past, order(**with_card(1))) == 2


def test_amounts_of_other_currencies_are_not_compared() -> None:
    past = [order(DAY_MS, 1, _currencyCode="JPY", _amount="90000")]
    assert value_after("amount_against_shop_mean", past, order()) is None
    assert value_after("amount_against_shop_mean", past, event("login")) is None
