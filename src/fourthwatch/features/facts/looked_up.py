"""Facts that files of the operator's tell: which country the IP is in, whose network it is, who issued a card.

Without a file, and for what a file does not list, they are unknown. They follow the file: each decision says which one.
"""

from collections.abc import Callable

from fourthwatch.entities.card import issuer_digits
from fourthwatch.entities.country import country_code
from fourthwatch.entities.ip_place import IpPlace
from fourthwatch.entities.network import ip_key
from fourthwatch.entities.phone_plan import phone_facts
from fourthwatch.entities.zone import offsets_minutes
from fourthwatch.events import Address
from fourthwatch.features.facts.device import device_offset
from fourthwatch.features.facts.fact import Compute, Fact, country_of, truth
from fourthwatch.features.facts.person import phone_text
from fourthwatch.features.subject import Subject
from fourthwatch.limits import ITEMS_MAX


def _ip_country(subject: Subject) -> str | None:
    place = subject.ip_place()
    return None if place is None else place.country


def _card_countries(subject: Subject) -> list[str]:
    supplied = subject.supplied
    if supplied is None or supplied.card_countries is None:
        return []
    issuers = (issuer_digits(method.card_bin) for method in subject.payment_methods()[:ITEMS_MAX])
    return [country for issuer in issuers if (country := supplied.card_country(issuer)) is not None]


def _country(address: Address | None) -> str | None:
    return None if address is None else country_code(address.country)


def _delivery(subject: Subject) -> str | None:
    return _country(subject.shipping_address())


def _billing(subject: Subject) -> str | None:
    return _country(subject.billing_address())


def _phone(subject: Subject) -> str | None:
    text = phone_text(subject)
    return None if text is None else phone_facts(text, country_of(subject)).country


def _ip_against(country: Callable[[Subject], str | None]) -> Compute:
    def compute(subject: Subject) -> float | None:
        ours = _ip_country(subject)
        theirs = None if ours is None else country(subject)
        return None if theirs is None else truth(ours != theirs)

    return compute


def _cards_against(country: Callable[[Subject], str | None]) -> Compute:
    def compute(subject: Subject) -> float | None:
        issued = _card_countries(subject)
        theirs = country(subject) if issued else None
        return None if theirs is None else truth(any(one != theirs for one in issued))

    return compute


def _does_zone_differ(subject: Subject) -> float | None:
    country = _ip_country(subject)
    own = None if country is None else device_offset(subject)
    if country is None or own is None:
        return None
    theirs = offsets_minutes(country, subject.occurred_ms)
    return truth(own not in theirs) if theirs else None


def _from_place(pick: Callable[[IpPlace], bool | None]) -> Compute:
    def compute(subject: Subject) -> float | None:
        place = subject.ip_place()
        return None if place is None else truth(pick(place))

    return compute


def _against_order(pick: Callable[[IpPlace], str | int | None]) -> Compute:
    """Of an event about an order, against where the order came from."""

    def compute(subject: Subject) -> float | None:
        order, own = subject.order, subject.ip_place()
        if order is None or order is subject.event or order.device_ip is None or own is None:
            return None
        placed = subject.place_of(ip_key(order.device_ip))
        ours, theirs = pick(own), None if placed is None else pick(placed)
        return None if ours is None or theirs is None else truth(ours != theirs)

    return compute


LOOKED_UP_FACTS: tuple[Fact, ...] = (
    Fact("ip_country_differs", "0 or 1", "the IP is in another country than delivered to", _ip_against(_delivery),
         "_ipLocation"),
    Fact("ip_country_differs_from_billing", "0 or 1", "the IP is in another country than billed to",
         _ip_against(_billing), "ip_billing_country_mismatch"),
    Fact("ip_country_differs_from_phone", "0 or 1", "the IP is in another country than the phone number",
         _ip_against(_phone), "ip_phone_country_mismatch"),
    Fact("ip_country_differs_from_card", "0 or 1", "the IP is in another country than the card was issued in",
         _cards_against(_ip_country), "ip_card_country_mismatch"),
    Fact("ip_zone_differs", "0 or 1", "the device's clock is set to no time zone of the country that the IP is in",
         _does_zone_differ, "ip_time_zone_mismatch"),
    Fact("ip_is_hosting", "0 or 1", "the IP belongs to a hosting company: a data centre, not a home",
         _from_place(lambda place: place.is_hosting), "hosting_ip"),
    Fact("ip_is_anonymous", "0 or 1", "the IP is that of a VPN, a proxy or Tor",
         _from_place(lambda place: place.is_anonymous), "anonymous_ip"),
    Fact("ip_country_changed", "0 or 1", "order and payment came from IPs in different countries",
         _against_order(lambda place: place.country), "order_payment_ip_country_mismatch"),
    Fact("ip_operator_changed", "0 or 1", "order and payment came from the networks of different companies",
         _against_order(lambda place: place.asn), "order_payment_ip_operator_mismatch"),
    Fact("card_country_differs_from_billing", "0 or 1", "the card was issued in another country than billed to",
         _cards_against(_billing), "card_billing_country_mismatch"),
    Fact("card_country_differs_from_delivery", "0 or 1", "the card was issued in another country than delivered to",
         _cards_against(_delivery), "card_shipping_country_mismatch"),
)  # fmt: skip
