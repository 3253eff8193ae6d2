"""Facts of money, cards and baskets on orders made by hand: yes, no and unknown of each."""

from typing import Any

import pytest

from fourthwatch.clock import DAY_MS
from fourthwatch.features.facts.basket import BASKET_FACTS
from fourthwatch.features.facts.payment import PAYMENT_FACTS
from said import (
    CARD,
    Example,
    Value,
    on_event,
    on_items,
    on_order,
    on_payment,
    on_transaction,
    without_examples,
    wrong,
)
from story import NOW_MS

TOY = {"_itemId": "i1", "_price": "100", "_quantity": 1, "_category": "Toys", "_currencyCode": "INR"}


def order(name: str, expected: Value, **changed: Any) -> Example:
    return name, expected, on_order(name, **changed)


def paid(name: str, expected: Value, **changed: Any) -> Example:
    return name, expected, on_payment(name, **changed)


def promoted(name: str, expected: Value, *promotions: dict[str, Any]) -> Example:
    return name, expected, on_order(name, _promotions=list(promotions))


def bought(name: str, expected: Value, *items: dict[str, Any], **changed: Any) -> Example:
    return name, expected, on_items(name, *items, **changed)


def silent(name: str) -> Example:
    return name, None, on_event(name, "logout", _userId="asha")


def sold_by(**seller: Any) -> dict[str, Any]:
    return {**TOY, "_seller": seller}


EXAMPLES = [
    *(silent(fact.name) for fact in (*PAYMENT_FACTS, *BASKET_FACTS)),
    order("amount", 500),
    order("amount", None, _amount="much"),
    order("amount", 500, _currencyCode="JPY"),
    order("amount", 1.234, _currencyCode="KWD", _amount="1.234"),
    order("amount_is_round", 1, _amount="500"),
    order("amount_is_round", 0, _amount="499.99"),
    order("amount_is_round", 1, _amount="500", _currencyCode="JPY"),
    order("amount_is_round", 0, _amount="1010", _currencyCode="JPY"),
    order("currency_unusual", 1, _currencyCode="USD"),
    order("currency_unusual", 0, _currencyCode="inr"),
    order("currency_unusual", None, _currencyCode="PTS"),
    paid("payment_currency_differs", 1, _currencyCode="USD"),
    paid("payment_currency_differs", 0, _currencyCode="INR"),
    paid("paid_share", 0.5, _amount="250", _currencyCode="INR"),
    promoted("promotions_in_order", 2, {"_promotionId": "A"}, {"_promotionId": "B"}),
    promoted("promotions_failed", 1, {"_promotionId": "A", "_status": "_Failed"}, {"_promotionId": "B"}),
    promoted("promotions_referred", 1, {"_promotionId": "A", "_referrerUserId": "ravi"}),
    promoted("discount_share", 0.5, {"_amount": "500"}),
    promoted("discount_share", 0.28, {"_percentageOff": "10"}, {"_percentageOff": "20"}),
    promoted("discount_share", 0, {"_amount": "500", "_status": "_failed"}),
    promoted("discount_share", None, {"_promotionId": "A"}),
    order("paid_on_delivery", 1, _isPrePaid=False),
    order("paid_on_delivery", 0, _isPrePaid=True),
    paid("paid_by_card", 1),
    paid("paid_by_card", 0, _paymentType="_wallet"),
    order("paid_by_card", 1, _paymentMethods=[{"_amount": "5"}, CARD]),
    order("paid_by_card", None, _paymentMethods=[{"_amount": "5"}, {"_paymentType": "_wallet"}]),
    paid("paid_by_wallet", 1, _paymentType="_wallet"),
    paid("paid_by_wallet", 0),
    paid("paid_by_stored_value", 1, _paymentType="_giftCard"),
    paid("paid_by_stored_value", 0),
    paid("paid_by_crypto", 1, _paymentType="_cryptoCurrency"),
    paid("paid_by_crypto", 0),
    paid("paid_later", 1, _paymentType="_invoice"),
    paid("paid_later", 0),
    order("payment_methods", 2, _paymentMethods=[CARD, {"_paymentType": "_points"}]),
    order("cards_in_order", 2, _paymentMethods=[CARD, CARD, {**CARD, "_cardLast4": "2222"}]),
    order("cards_in_order", 0, _paymentMethods=[{"_paymentType": "_wallet"}]),
    order("cards_in_order", None, _paymentMethods=[CARD, {**CARD, "_cardBin": None}]),
    order("cards_in_order", None, _paymentMethods=[CARD, {"_amount": "5"}]),
    paid("card_told", 1),
    paid("card_told", 0, _cardBin=None),
    paid("card_told", None, _cardBin=None, _paymentType="_wallet"),
    paid("card_months_to_expiry", 51),
    paid("card_months_to_expiry", None, _cardExpiryYear=None),
    paid("card_expired", 1, _cardExpiryYear="2025"),
    paid("card_expired", 0),
    paid("avs_differs", 1, _avsResponseCode="N"),
    paid("avs_differs", 0, _avsResponseCode="y"),
    paid("avs_differs", None, _avsResponseCode="U"),
    paid("cvv_differs", 1, _cvvResponseCode="N"),
    paid("cvv_differs", 0, _cvvResponseCode="M"),
    paid("card_holder_differs", 1, _accountName="Ravi Iyer"),
    paid("card_holder_differs", 0, _accountName="A RAO"),
    ("payment_failed", 1, on_transaction("payment_failed", {}, _transactionStatus="_failure")),
    ("payment_failed", 0, on_transaction("payment_failed", {})),
    ("payment_is_refund", 1, on_transaction("payment_is_refund", {}, _transactionType="_refund")),
    ("payment_is_refund", 0, on_transaction("payment_is_refund", {}, _transactionType="_sale")),
    bought("order_lines", 2, TOY, TOY),
    ("order_lines", 1, on_event("order_lines", "add_to_cart", _userId="asha", _item=TOY)),
    bought("order_pieces", 5, TOY, {**TOY, "_quantity": 4}),
    bought("order_pieces", None, TOY, {"_itemId": "i2"}),
    bought("greatest_quantity", 4, TOY, {**TOY, "_quantity": 4}),
    bought("takes_all_allowed", 1, {**TOY, "_quantity": 3, "_maxQuantity": 3}),
    bought("takes_all_allowed", 0, {**TOY, "_maxQuantity": 3}),
    bought("categories_in_order", 2, TOY, {**TOY, "_category": "toys"}, {**TOY, "_category": "Phones"}),
    bought("dearest_item", 250, TOY, {**TOY, "_price": "250"}),
    bought("dearest_item", 250, {**TOY, "_price": "250", "_currencyCode": "JPY"}),
    bought("dearest_item", None, TOY, {"_itemId": "i2"}),
    bought("dearest_item_share", 0.75, TOY, {**TOY, "_price": "300"}),
    bought("on_sale_share", 0.5, {**TOY, "_isOnSale": True}, {**TOY, "_isOnSale": False}, TOY),
    bought("item_discount_share", 0.25, {**TOY, "_discountPrice": "75"}, TOY),
    bought("items_from_abroad", 1, {**TOY, "_country": "CN"}),
    bought("items_from_abroad", 0, {**TOY, "_country": "in"}),
    bought("sellers_in_order", 2, sold_by(_sellerId="a"), sold_by(_sellerId="b"), sold_by(_sellerId="b")),
    bought("seller_age", 2, sold_by(_createdDate=str(NOW_MS - 2 * DAY_MS)), sold_by(_createdDate="2020-01-01")),
    bought("buyer_is_seller", 1, sold_by(_sellerId="x", _email="ASHA.RAO@example.com")),
    bought("buyer_is_seller", 0, sold_by(_sellerId="x")),
    order("is_gift", 1, _isGift=True),
    order("is_gift", 0, _isGift=False),
    order("is_expedited", 1, _hasExpeditedShipping=True),
    order("is_expedited", 0, _hasExpeditedShipping=False),
    order("is_return", 1, _isReturn=True),
    order("is_return", 0, _isReturn=False),
    order("is_electronic", 1, _shippingMethod="_electronic"),
    order("is_electronic", 0, _shippingMethod="_physical"),
    order("is_first_order_told", 1, _isFirstTimeBuyer=True),
    ("is_first_order_told", 0, on_transaction("is_first_order_told", {"_isFirstTimeBuyer": False})),
    order("order_is_referred", 1, _orderReferrer="friend"),
    order("order_is_referred", 0),
]


def test_every_fact_of_the_payment_has_its_examples() -> None:
    assert without_examples((*PAYMENT_FACTS, *BASKET_FACTS), EXAMPLES) == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example[0]}={example[1]}")
def test_a_payment_says(example: Example) -> None:
    assert not wrong([example])
