"""Unknown is neither zero nor false, for each form of aggregate: nobody was named, or there is nothing to tell."""

from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.features.catalogue import built_in
from fourthwatch.language import FORM_OF
from telling import Told, Value, card, event, order, paid, value_after

CARD: dict[str, Any] = {"_paymentMethods": [card(1)]}
VISIT: dict[str, Any] = {"_sessionId": "s-1"}
IN_CART: dict[str, Any] = {"_item": {"_itemId": "i-1"}}
NAMED = [order(DAY_MS, 1, **CARD), event("add_to_cart", HOUR_MS, **VISIT, **IN_CART)]

FORMS: dict[str, tuple[str, list[Told], Told, Value]] = {
    "count": ("orders_by_card_24h", [order(HOUR_MS, 1, **CARD)], order(**CARD), 1),
    "sum": ("amount_by_card_24h", [order(HOUR_MS, 1, **CARD)], order(**CARD), 500),
    "mean": ("amount_against_card_mean", [order(HOUR_MS, 1, **CARD)], order(**CARD), 1),
    "max": ("amount_against_own_max", [order(HOUR_MS, 1)], order(), 1),
    "min": ("smallest_transaction_of_card_7d",
            [order(HOUR_MS, 1), paid(HOUR_MS, 1, _amount="5", _paymentMethod=card(1))], order(**CARD), 5),
    "distinct": ("users_by_card_ever", [order(HOUR_MS, 1, _userId="b", **CARD)], order(**CARD), 1),
    "since_first": ("seconds_from_cart_to_order", NAMED, order(**VISIT), 3_600),
    "since_last": ("seconds_since_order_of_card", NAMED, order(**CARD), 86_400),
    "previous": ("amount_is_repeated", NAMED, order(), 1),
    "seen": ("is_new_card", NAMED, order(**CARD), 0),
    "share": ("cart_removal_share_of_session", NAMED, order(**VISIT), 0),
}  # fmt: skip
"""An example of each in which something is known."""
ZERO_OF_NOTHING = {"count", "sum", "distinct"}
"""Of an entity that was never heard of these say none; the others cannot say anything."""


def test_there_is_an_example_of_every_form() -> None:
    assert FORMS.keys() == FORM_OF.keys()
    for form, (name, *_) in FORMS.items():
        one = built_in().get(name)
        assert one is not None
        assert form in {node.function for node in one.aggregates}


@pytest.mark.parametrize("form", FORMS)
def test_where_something_happened_it_is_known(form: str) -> None:
    name, past, now, expected = FORMS[form]
    assert value_after(name, past, now) == expected


@pytest.mark.parametrize("form", FORMS)
def test_of_somebody_new_counts_are_zero_and_all_else_is_unknown(form: str) -> None:
    name, _, now, _ = FORMS[form]
    assert value_after(name, [], now) == (0 if form in ZERO_OF_NOTHING else None)


@pytest.mark.parametrize("form", FORMS)
def test_of_nobody_everything_is_unknown(form: str) -> None:
    name, past, _, _ = FORMS[form]
    assert value_after(name, past, ("submit_review", 0, {"_itemId": "i-9"})) is None
