"""What is told of one thing: its facts are about the thing, and each is one of the catalogue's."""

from typing import Any

import pytest

from fourthwatch.engine.portrait import _FACTS, facts_of
from fourthwatch.features.facts import FACT_OF_NAME
from fourthwatch.features.things import THINGS
from story import Story

EVERYTHING: dict[str, Any] = {
    "_orderId": "o-1",
    "_userId": "asha",
    "_userEmail": "asha.rao+x@example.com",
    "_deviceIp": "203.0.113.9",
    "_shippingAddress": {
        "_name": "Asha Rao", "_address1": "12 Lake Road", "_city": "Pune", "_country": "IN", "_zipcode": "411014",
        "_phone": "+919876543210",
    },
    "_paymentMethods": [
        {"_paymentType": "_creditCard", "_cardBin": "424242", "_cardLast4": "1111", "_cardExpiryMonth": "05",
         "_cardExpiryYear": "2030"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", _FACTS)
def test_every_kind_with_facts_is_a_thing_and_every_beginning_leads_to_some(kind: str) -> None:
    assert kind in THINGS
    for beginning in _FACTS[kind]:
        assert any(name.startswith(beginning) for name in FACT_OF_NAME), beginning


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("email", "email_has_tag", 1), ("phone", "phone_valid", 1), ("address", "postcode_invalid", 0),
        ("card", "card_expired", 0), ("user", "name_is_one_word", 0), ("ip", "ip_is_private", 0),
    ],
)  # fmt: skip
def test_what_an_event_says_of_a_thing_is_told_and_nothing_of_other_things(kind: str, name: str, value: float) -> None:
    told = {one.name: one for one in facts_of(kind, Story().subject("createOrder", **EVERYTHING))}
    assert told[name].value == value
    assert all(one.says for one in told.values())
    assert not told.keys() & {"amount", "order_lines", "hour_of_day", f"{kind}_missing"}


def test_of_a_kind_without_facts_nothing_is_told() -> None:
    assert facts_of("session", Story().subject("createOrder", **EVERYTHING)) == []
