"""Which entities an event names, where more than one field has a say."""

import pytest

from fourthwatch.entities.keys import involved_in
from fourthwatch.events import Address, CreateOrder

PHONE = "98765 43210"


@pytest.mark.parametrize("country", ["IN", "in", "IND", "India", " india "])
def test_a_phone_is_read_with_the_country_of_the_address_however_it_is_written(country: str) -> None:
    order = CreateOrder(order_id="o-1", shipping_address=Address(phone=PHONE, country=country))
    assert involved_in(order).phones == ("+919876543210",)


def test_a_delivery_country_that_is_none_leaves_the_word_to_the_one_of_the_bill() -> None:
    shipping, billing = Address(phone=PHONE, country="Atlantis"), Address(country="India")
    order = CreateOrder(order_id="o-1", shipping_address=shipping, billing_address=billing)
    assert involved_in(order).phones == ("+919876543210",)


@pytest.mark.parametrize("country", [None, "", "Atlantis", "??"])
def test_a_phone_without_a_country_is_unknown(country: str | None) -> None:
    order = CreateOrder(order_id="o-1", shipping_address=Address(phone=PHONE, country=country))
    assert involved_in(order).phones == ()
