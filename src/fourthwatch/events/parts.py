"""The nested parts of events: addresses, payment methods, promotions, items, sellers.

Attribute names are the wire's keys in snake_case (`_cardLast4` is `card_last4`); `None` means the sender did not say.
"""

from typing import Any

import msgspec


def wire_name(attribute: str) -> str:
    """The wire's key of an attribute.

    >>> wire_name("is_pre_paid"), wire_name("card_last4")
    ('_isPrePaid', '_cardLast4')
    """
    head, *rest = attribute.split("_")
    return "_" + head + "".join(word[:1].upper() + word[1:] for word in rest)


class Part(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    rename=wire_name,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """Anything that travels inside an event under the contract's keys."""


class Address(Part, frozen=True):
    """Billing or delivery address; both have the same keys."""

    name: str | None = None
    phone: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None
    """ISO 3166 alpha-2."""
    zipcode: str | None = None
    is_office_address: bool | None = None
    is_home_address: bool | None = None


class PaymentMethod(Part, frozen=True):
    """One instrument. Never a whole card number: six first and four last digits are all the contract has."""

    payment_type: str | None = None
    amount: str | None = None
    currency_code: str | None = None
    payment_gateway: str | None = None
    account_name: str | None = None
    card_bin: str | None = None
    avs_response_code: str | None = None
    cvv_response_code: str | None = None
    card_last4: str | None = None
    card_expiry_month: str | None = None
    card_expiry_year: str | None = None


class Promotion(Part, frozen=True):
    """A coupon or other promotion, applied or refused."""

    promotion_id: str | None = None
    status: str | None = None
    description: str | None = None
    amount: str | None = None
    min_purchase_amount: str | None = None
    referrer_user_id: str | None = None
    failure_reason: str | None = None
    percentage_off: str | None = None
    currency_code: str | None = None
    type: str | None = None


class Seller(Part, frozen=True):
    """Seller of an item in a marketplace."""

    seller_id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    created_date: str | None = None
    last_updated_date: str | None = None
    onboarding_ip_address: str | None = None


class Item(Part, frozen=True):
    """One line of a cart or order. WooCommerce and Magento 1 send the line's total as `_price` in carts."""

    item_id: str | None = None
    product_title: str | None = None
    price: str | None = None
    currency_code: str | None = None
    upc: str | None = None
    sku: str | None = None
    isbn: str | None = None
    brand: str | None = None
    manufacturer: str | None = None
    category: str | None = None
    tags: str | None = None
    color: str | None = None
    quantity: int | None = None
    is_on_sale: bool | None = None
    max_quantity: int | None = None
    discount_price: str | None = None
    product_weight: str | None = None
    country: str | None = None
    description_short: str | None = None
    description: str | None = None
    seller: Seller | None = None


Fields = dict[str, Any]
"""Free fields of a shop: any JSON, kept as sent."""
