"""What the facts say about one event, for tests: an order as most shops send it, and ways to change a part of it."""

from typing import Any

from fourthwatch.features.facts import FACT_OF_NAME, FACTS, Fact
from fourthwatch.features.subject import Subject
from story import NOW_MS, Story

ADDRESS: dict[str, Any] = {
    "_name": "Asha Rao", "_address1": "Flat 3, 12 Lotus Street", "_address2": "Sector 9", "_city": "Pune",
    "_region": "Maharashtra", "_country": "IN", "_zipcode": "411001", "_phone": "+919820133417",
}  # fmt: skip
CARD: dict[str, Any] = {
    "_paymentType": "_creditCard", "_cardBin": "411111", "_cardLast4": "1111", "_cardExpiryMonth": "12",
    "_cardExpiryYear": "2030", "_accountName": "Asha Rao",
}  # fmt: skip
ORDER: dict[str, Any] = {
    "_orderId": "ord-1", "_userId": "asha", "_userEmail": "asha.rao@example.com", "_deviceIp": "203.0.113.7",
    "_amount": "500", "_currencyCode": "INR", "_isPrePaid": True, "_billingAddress": ADDRESS,
    "_shippingAddress": ADDRESS, "_paymentMethods": [CARD],
}  # fmt: skip

Value = float | None


def value_of(name: str, subject: Subject) -> Value:
    """What one fact says of a subject."""
    return FACT_OF_NAME[name].compute(subject)


def on_order(name: str, at_ms: int = NOW_MS, **changed: Any) -> Value:
    """Of an order that differs from the usual one in some keys; a key set to `None` is left out."""
    body = {key: value for key, value in {**ORDER, **changed}.items() if value is not None}
    return value_of(name, Story().subject("createOrder", at_ms, **body))


def on_address(name: str, **changed: Any) -> Value:
    """Of the usual order, delivered to an address that differs in some keys."""
    return on_order(name, _shippingAddress=address(**changed))


def address(**changed: Any) -> dict[str, Any]:
    """The usual address with some keys changed; a key set to `None` is left out."""
    return {key: value for key, value in {**ADDRESS, **changed}.items() if value is not None}


def on_payment(name: str, **changed: Any) -> Value:
    """Of the usual order, paid with a card that differs in some keys."""
    card = {key: value for key, value in {**CARD, **changed}.items() if value is not None}
    return on_order(name, _paymentMethods=[card])


def on_items(name: str, *items: dict[str, Any], **changed: Any) -> Value:
    """Of the usual order with these lines."""
    return on_order(name, _items=list(items), **changed)


def on_event(name: str, kind: str, at_ms: int = NOW_MS, **body: Any) -> Value:
    """Of one event of another kind; nothing is known of any order."""
    return value_of(name, Story().subject(kind, at_ms, **body))


def on_transaction(name: str, order: dict[str, Any], **body: Any) -> Value:
    """Of a payment for the usual order, which differs in some keys."""
    story = Story()
    story.tell("createOrder", **{**ORDER, **order})
    return value_of(
        name, story.subject("transaction", **{"_orderId": "ord-1", "_transactionStatus": "_success", **body})
    )


def every_value(subject: Subject) -> dict[str, Value]:
    """All facts of a subject."""
    return {fact.name: fact.compute(subject) for fact in FACTS}


Example = tuple[str, Value, Value]
"""Name of the fact, what it should say, what it says."""


def without_examples(facts: tuple[Fact, ...], examples: list[Example]) -> set[str]:
    """Facts that lack an example of the unknown or of a number; of the truths those that lack a yes or a no."""
    lacking = set()
    for fact in facts:
        values = {expected for name, expected, _ in examples if name == fact.name}
        needed: set[Value] = {None, 0, 1} if fact.unit == "0 or 1" else {None}
        if not needed <= values or values == {None}:
            lacking.add(fact.name)
    return lacking


def wrong(examples: list[Example]) -> list[Example]:
    """Examples that did not come out as they should."""
    return [example for example in examples if example[1] != example[2] and not _is_near(example[1], example[2])]


def _is_near(expected: Value, told: Value) -> bool:
    return expected is not None and told is not None and abs(expected - told) < 1e-9
