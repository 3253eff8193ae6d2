"""Who and what an event involves, each in its normal form: the fifth step of the walk.

A value that cannot be brought into its normal form gives no key: unknown, which is not the same as nobody.
"""

from functools import cache

import msgspec

from fourthwatch.entities.address import address_key
from fourthwatch.entities.card import card_key
from fourthwatch.entities.country import country_code
from fourthwatch.entities.email import email_key
from fourthwatch.entities.network import ip_and_network
from fourthwatch.entities.phone import phone_key
from fourthwatch.events import Address, Event, PaymentMethod, Promotion
from fourthwatch.limits import ITEMS_MAX, TEXT_ID_MAX


class Involved(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The entities of one event. `None` or an empty tuple: not said, or unusable."""

    user: str | None = None
    session: str | None = None
    device: str | None = None
    ip: str | None = None
    network: str | None = None
    """The /24 or /48 around `ip`."""
    email: str | None = None
    phones: tuple[str, ...] = ()
    """E.164; the account's or delivery phone first."""
    cards: tuple[str, ...] = ()
    shipping: str | None = None
    billing: str | None = None
    promotions: tuple[str, ...] = ()

    def keys(self) -> list[str]:
        """Every entity key, `type:normal form`, each once."""
        found: dict[str, None] = {}
        for name, value in (
            ("user", self.user),
            ("session", self.session),
            ("device", self.device),
            ("ip", self.ip),
            ("network", self.network),
            ("email", self.email),
            ("address", self.shipping),
            ("address", self.billing),
        ):
            if value is not None:
                found[f"{name}:{value}"] = None
        for name, values in (
            ("phone", self.phones),
            ("card", self.cards),
            ("promotion", self.promotions),
        ):
            for value in values:
                found[f"{name}:{value}"] = None
        return list(found)


def involved_in(event: Event) -> Involved:
    """The entities that the event itself names."""
    user, session, device = _id(event.user_id), _id(event.session_id), _id(event.device_id)
    ip, network = _NOT_SAID if event.device_ip is None else ip_and_network(event.device_ip)
    if not _names_more(type(event)):  # a visit's events: most of all
        return Involved(user=user, session=session, device=device, ip=ip, network=network)
    shipping: Address | None = getattr(event, "shipping_address", None)
    billing: Address | None = getattr(event, "billing_address", None)
    email: str | None = getattr(event, "user_email", None)
    country = _country(shipping, billing)
    shipping_key = _address(shipping)
    return Involved(
        user=user,
        session=session,
        device=device,
        ip=ip,
        network=network,
        email=None if email is None else email_key(email),
        phones=_phones(event, shipping, billing, country),
        cards=_cards(event),
        shipping=shipping_key,
        billing=shipping_key if billing == shipping else _address(billing),
        promotions=_promotions(event),
    )


_NOT_SAID = (None, None)
_MORE = frozenset(
    {"shipping_address", "billing_address", "user_email", "phone", "payment_method", "payment_methods", "promotions"}
)


@cache
def _names_more(kind: type[Event]) -> bool:
    """Whether events of a type can name others than user, session, device and IP."""
    return not _MORE.isdisjoint(kind.__struct_fields__)


def completed(own: Involved, order: Involved) -> Involved:
    """`own`, with what it left unsaid taken from the order that it is about.

    The user is inherited only by an event that names neither user nor session (contract, section 9, row 6).
    """
    anonymous = own.user is None and own.session is None
    return Involved(
        user=order.user if anonymous else own.user,
        session=order.session if anonymous else own.session,
        device=own.device or order.device,
        ip=own.ip or order.ip,
        network=own.network or order.network,
        email=own.email or order.email,
        phones=own.phones or order.phones,
        cards=own.cards or order.cards,
        shipping=own.shipping or order.shipping,
        billing=own.billing or order.billing,
        promotions=own.promotions or order.promotions,
    )


def _id(text: str | None) -> str | None:
    """Ids are the shop's own and case-sensitive: kept to the byte."""
    return text if text is not None and 0 < len(text) <= TEXT_ID_MAX else None


def _country(shipping: Address | None, billing: Address | None) -> str | None:
    for address in (shipping, billing):
        if address is not None and address.country is not None:
            country = address.country.upper() if len(address.country) == 2 else country_code(address.country)
            if country is not None:
                return country
    return None


def _address(address: Address | None) -> str | None:
    if address is None:
        return None
    return address_key(
        address.address1, address.address2, address.city, address.region, address.zipcode, address.country
    )


def _phones(event: Event, shipping: Address | None, billing: Address | None, country: str | None) -> tuple[str, ...]:
    own: str | None = getattr(event, "phone", None)
    if own is None and shipping is None and billing is None:
        return ()
    texts = (own, None if shipping is None else shipping.phone, None if billing is None else billing.phone)
    keys: dict[str, None] = {}
    for text in dict.fromkeys(texts):  # billing and delivery mostly have the same
        if text is not None:
            key = phone_key(text, country)
            if key is not None:
                keys[key] = None
    return tuple(keys)


def _cards(event: Event) -> tuple[str, ...]:
    one: PaymentMethod | None = getattr(event, "payment_method", None)
    many: tuple[PaymentMethod, ...] | None = getattr(event, "payment_methods", None)
    keys: dict[str, None] = {}
    for method in (one,) if one is not None else many[:ITEMS_MAX] if many is not None else ():
        if method.card_bin is not None:
            key = card_key(method.card_bin, method.card_last4, method.card_expiry_month, method.card_expiry_year)
            if key is not None:
                keys[key] = None
    return tuple(keys)


def _promotions(event: Event) -> tuple[str, ...]:
    many: tuple[Promotion, ...] | None = getattr(event, "promotions", None)
    if many is None:
        return ()
    ids = [_id(promotion.promotion_id) for promotion in many[:ITEMS_MAX]]
    return tuple(dict.fromkeys([key for key in ids if key is not None]))
