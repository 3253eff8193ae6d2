"""What a list can hold, by type: the normal form of an entry, and what of an event is looked up in it.

An entry's form is the text by which events know the same thing, made by the same code; what has none is not taken.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from fourthwatch.entities.address import address_key
from fourthwatch.entities.card import card_key
from fourthwatch.entities.email import email_key
from fourthwatch.entities.network import ip_key
from fourthwatch.entities.phone import phone_key
from fourthwatch.features.subject import Subject
from fourthwatch.features.things import THINGS, Texts
from fourthwatch.limits import LIST_VALUE_CHARS_MAX

_CARD = re.compile(r"(\d{6})[ -](\d{4})(?:[ -](\d{1,2})[/-](\d{2}|\d{4}))?")
_CARD_FORM = re.compile(r"\d{6}-\d{4}-(?:\d{6})?")
_BIN = re.compile(r"\d{6,8}")
_ADDRESS_FORM = re.compile(r"a1:[0-9a-f]{32}")
_POSTCODE = re.compile(r"(?:([A-Za-z]{2})[ ])?\s*([0-9A-Za-z][0-9A-Za-z -]{1,15})")
_ADDRESS_PARTS = 6


class ListType(msgspec.Struct, frozen=True):
    """One row of the table."""

    name: str
    says: str
    normal: Callable[[str], str | None]
    """The form of an entry; `None` when the value is none of this type."""
    wanted: str
    """What would be right, for whoever sent something else."""
    things: Mapping[str, Texts]
    """What of an event can be looked up in such a list, by its name in the language: forms as `normal` makes them."""


def _kept(value: str) -> str | None:
    return value if value.strip() else None


def _domain(value: str) -> str | None:
    form = email_key("x@" + value.strip().lstrip("@").lower())
    return None if form is None else form.rpartition("@")[2]


def _card(value: str) -> str | None:
    text = value.strip()
    if _CARD_FORM.fullmatch(text):
        return text
    found = _CARD.fullmatch(text)
    return None if found is None else card_key(*found.groups())


def _bin(value: str) -> str | None:
    found = _BIN.fullmatch(value.strip())
    return None if found is None else found[0][:6]


def _ip(value: str) -> str | None:
    """An address as events have it, or a network in CIDR notation; host bits of a network are dropped."""
    text = value.strip()
    if "/" not in text:
        return ip_key(text)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _address(value: str) -> str | None:
    if _ADDRESS_FORM.fullmatch(value.strip()):
        return value.strip()
    parts = [part.strip() or None for part in value.split("|")]
    return address_key(*parts) if len(parts) == _ADDRESS_PARTS else None


def _postcode(value: str) -> str | None:
    found = _POSTCODE.fullmatch(value.strip())
    if found is None or not any(character.isdigit() for character in found[2]):
        return None
    return f"{(found[1] or '').upper()} {''.join(found[2].split()).upper()[:16]}"


def text_form(value: str) -> str | None:
    """A text as lists compare it: without case, and with single blanks.

    >>> text_form("  Gift   CARD "), text_form(" ")
    ('gift card', None)
    """
    return " ".join(value.casefold().split()) or None


def _of(thing: str, prefix: str) -> Texts:
    """The thing's forms without what stands before them; another kind of thing under the same name does not count."""
    texts = THINGS[thing].texts
    length = len(prefix)
    return lambda subject: tuple([text[length:] for text in texts(subject) if text.startswith(prefix)])


_postcodes_said = _of("postcode", "postcode:")


def _postcodes(subject: Subject) -> tuple[str, ...]:
    """As said, with its country, and as an entry without a country has it."""
    said = _postcodes_said(subject)
    return (*said, *(" " + text.partition(" ")[2] for text in said if not text.startswith(" ")))


def _row(name: str, says: str, normal: Callable[[str], str | None], wanted: str, **things: Texts) -> ListType:
    return ListType(name, says, normal, wanted, things)


_TABLE = (
    _row("user", "accounts", _kept, "the user id as the shop sends it",
         user=_of("account", "user:"), account=_of("account", "user:")),
    _row("email", "e-mail addresses", email_key, "an e-mail address", email=_of("email", "email:")),
    _row("email_domain", "domains of e-mail addresses", _domain, "a domain, as example.com",
         email=_of("email_domain", "domain:"), email_domain=_of("email_domain", "domain:")),
    _row("phone", "phone numbers", lambda value: phone_key(value, None),
         "a phone number that begins with + and its country", phone=_of("phone", "phone:")),
    _row("card", "cards", _card, "the first six and last four digits, and the expiry if known: 411111-1111 07/2031",
         card=_of("card", "card:")),
    _row("bin", "banks and products: the first six digits of cards", _bin, "six to eight digits",
         card=_of("bin", "bin:"), bin=_of("bin", "bin:")),
    _row("ip", "IP addresses, and networks in CIDR notation", _ip, "an IP address, or a network as 203.0.113.0/24",
         ip=_of("ip", "ip:")),
    _row("device", "devices", _kept, "the device id as the shop sends it", device=_of("device", "device:")),
    _row("address", "delivery and billing addresses", _address,
         "line 1|line 2|city|region|postcode|country, or the form that the entity page shows",
         address=_of("address", "address:"), billing_address=_of("billing_address", "billing:")),
    _row("postcode", "PIN and ZIP codes, with or without a country in front", _postcode,
         "a postcode, as IN 560001 or 560001", postcode=_postcodes),
    _row("item", "items", _kept, "the item id as the shop sends it", item_code=_of("item_code", "item:")),
    _row("text", "any text, compared without case", text_form, "a text that is not empty"),
)  # fmt: skip
LIST_TYPES: Mapping[str, ListType] = MappingProxyType({row.name: row for row in _TABLE})
"""By name."""


def form_of(type_name: str, value: str) -> str | None:
    """The normal form of a value in a list of this type; `None` when it has none.

    >>> form_of("email", "A.Sha@GoogleMail.com"), form_of("ip", "203.0.113.9/24"), form_of("card", "411111-1111 7/31")
    ('asha@gmail.com', '203.0.113.0/24', '411111-1111-203107')
    >>> form_of("email_domain", "@Example.COM"), form_of("postcode", "in 560 001"), form_of("phone", "98765 43210")
    ('example.com', 'IN 560001', None)
    """
    if len(value) > LIST_VALUE_CHARS_MAX or "\x00" in value:
        return None
    return LIST_TYPES[type_name].normal(value)


def forms_read(type_name: str, thing: str) -> Texts | None:
    """How a thing of an event is looked up in a list of this type; `None` when it never could be in one.

    In a list of texts anything can be: by its form.
    """
    row = LIST_TYPES[type_name]
    found = row.things.get(thing)
    if found is None and type_name == "text" and thing in THINGS:
        texts = THINGS["account" if thing == "user" else thing].texts  # a guest's visit is no name

        def read(subject: Subject) -> tuple[str, ...]:
            forms = [text_form(text.partition(":")[2]) for text in texts(subject)]
            return tuple([form for form in forms if form is not None])

        return read
    return found
