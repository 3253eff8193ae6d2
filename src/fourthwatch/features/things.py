"""Things that events have in common: what can stand behind `by`, and be counted by `distinct` and `seen`.

A thing is known by its text, `kind:normal form`; the same text is the same thing in every event of a tenant, and its
64-bit key stands for it in histories, both as the one whose history it is and as a mark in another's.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import msgspec
import xxhash

from fourthwatch.entities.country import country_code
from fourthwatch.entities.places import state_code
from fourthwatch.events import Address, Item
from fourthwatch.features.keyer import Keyer, keyer
from fourthwatch.features.subject import Subject
from fourthwatch.limits import ITEMS_MAX, TEXT_ID_MAX

Texts = Callable[[Subject], tuple[str, ...]]


class Thing(msgspec.Struct, frozen=True):
    """One kind of entity."""

    number: int
    """In snapshots; never given to another kind."""
    name: str
    says: str
    texts: Texts
    """The entities of this kind that the event involves, most important first; empty: not said."""
    counted: Texts | None = None
    """As `distinct` counts them, where that differs."""
    history_of: str | None = None
    """Another thing whose history is this one's, too."""
    is_always_heard: bool = False
    """Whether one is remembered from its first event on, even if no feature asks for its history."""


def key_of(tenant: int, text: str) -> int:
    """The 64-bit key of a thing, never 0; the same in every process."""
    return DIGEST(f"{tenant}|{text}".encode()) or 1


DIGEST: Callable[[bytes], int] = xxhash.xxh3_64_intdigest


def mark_of_key(key: int) -> int:
    """A key as the signed number that stands for it among the marks of another's history; `% 2**64` is the way back.

    >>> mark_of_key(2**64 - 5), mark_of_key(2**64 - 5) % 2**64 == 2**64 - 5
    (-5, True)
    """
    return key - (1 << 64) if key >> 63 else key


class _Said:
    """What stands under a name among those involved: one, several or nothing."""

    def __init__(self, prefix: str, name: str) -> None:
        self.prefix, self.name = prefix, name

    def __call__(self, subject: Subject) -> tuple[str, ...]:
        value: str | tuple[str, ...] | None = getattr(subject.involved, self.name)
        if value is None:
            return ()
        return (self.prefix + value,) if isinstance(value, str) else tuple([self.prefix + one for one in value])


def _actor(subject: Subject) -> tuple[str, ...]:
    involved = subject.involved
    if involved.user is not None:
        return ("user:" + involved.user,)
    return () if involved.session is None else ("guest:" + involved.session,)


def _person(subject: Subject) -> tuple[str, ...]:
    involved = subject.involved
    if involved.user is not None:
        return ("user:" + involved.user,)
    return () if involved.email is None else ("email:" + involved.email,)


def _domain(subject: Subject) -> tuple[str, ...]:
    email = subject.involved.email
    return () if email is None else ("domain:" + email.rpartition("@")[2],)


def _bins(subject: Subject) -> tuple[str, ...]:
    return tuple(dict.fromkeys(["bin:" + card[:6] for card in subject.involved.cards]))


def _postcode(subject: Subject) -> tuple[str, ...]:
    address = subject.shipping_address()
    if address is None or address.zipcode is None:
        return ()
    form = "".join(address.zipcode.split()).upper()[:16]
    return (f"postcode:{_country(address)} {form}",) if form else ()


def _area(subject: Subject) -> tuple[str, ...]:
    """The sorting district: of a PIN, a ZIP code and most others it is the first three characters."""
    address = subject.shipping_address()
    if address is None or address.zipcode is None:
        return ()
    form = "".join(address.zipcode.split()).upper()
    return (f"area:{_country(address)} {form[:3]}",) if len(form) > 3 else ()


def _region(subject: Subject) -> tuple[str, ...]:
    address = subject.shipping_address()
    if address is None or address.region is None:
        return ()
    country = country_code(address.country)
    form = None if country is None else state_code(address.region, country)
    if form is None:
        form = " ".join(address.region.casefold().split())[:64]
    return (f"region:{country or ''} {form}",) if form else ()


def _city(subject: Subject) -> tuple[str, ...]:
    address = subject.shipping_address()
    if address is None or address.city is None:
        return ()
    form = " ".join(address.city.casefold().split())[:64]
    return (f"city:{_country(address)} {form}",) if form else ()


def _country(address: Address) -> str:
    """Alpha-2, however it is written; empty for none and for what is no country."""
    return country_code(address.country) or ""


def _redemptions(subject: Subject) -> tuple[str, ...]:
    promotions = subject.involved.promotions
    if not promotions:
        return ()
    who = subject.person or ""
    return tuple([f"redemption:{who} {promotion}" for promotion in promotions])


def _lines(subject: Subject) -> tuple[Item, ...]:
    """The lines that the event is about: its own, else the one of the order that it names, else all of the order's."""
    event = subject.event
    own = getattr(event, "item", None)
    if own is not None:
        return (own,)
    lines: tuple[Item, ...] | None = getattr(event, "items", None)
    if lines is None and subject.order is not None:
        lines = subject.order.items
    named = getattr(event, "item_id", None)
    lines = () if lines is None else lines[:ITEMS_MAX]
    return lines if named is None else tuple([line for line in lines if line.item_id == named])


def _ids(prefix: str, ids: Iterable[str | None]) -> tuple[str, ...]:
    return tuple([prefix + one for one in dict.fromkeys(ids) if one and len(one) <= TEXT_ID_MAX])


def _items(subject: Subject) -> tuple[str, ...]:
    named = getattr(subject.event, "item_id", None)
    return _ids("item:", [line.item_id for line in _lines(subject)] if named is None else [named])


def _sellers(subject: Subject) -> tuple[str, ...]:
    return _ids("seller:", [line.seller.seller_id for line in _lines(subject) if line.seller is not None])


def _categories(subject: Subject) -> tuple[str, ...]:
    written = [line.category.casefold().strip() for line in _lines(subject) if line.category is not None]
    return _ids("category:", written)


def _currency(subject: Subject) -> tuple[str, ...]:
    source = subject.order if subject.order is not None else subject.event
    if getattr(source, "amount", None) is None:
        return ()
    return ("currency:" + (getattr(source, "currency_code", None) or "").strip().upper()[:3],)


_ALL: tuple[Thing, ...] = (
    Thing(1, "user", "the account, or a guest's session", _actor, _person, is_always_heard=True),
    Thing(2, "session", "the visit", _Said("session:", "session"), is_always_heard=True),
    Thing(3, "device", "the shopper's device", _Said("device:", "device")),
    Thing(4, "ip", "the shopper's IP address", _Said("ip:", "ip")),
    Thing(5, "network", "the /24 or /48 around the IP address", _Said("network:", "network")),
    Thing(6, "email", "the e-mail address", _Said("email:", "email")),
    Thing(7, "email_domain", "the domain of the e-mail address", _domain),
    Thing(8, "phone", "a phone number", _Said("phone:", "phones")),
    Thing(9, "card", "a card", _Said("card:", "cards")),
    Thing(10, "bin", "the first six digits of a card: its bank and product", _bins),
    Thing(11, "address", "the delivery address", _Said("address:", "shipping")),
    Thing(12, "billing_address", "the billing address", _Said("billing:", "billing")),
    Thing(13, "postcode", "the PIN or ZIP code delivered to", _postcode),
    Thing(14, "city", "the city delivered to", _city),
    Thing(15, "promotion_code", "a promotion", _Said("promotion:", "promotions")),
    Thing(16, "item_code", "an item", _items),
    Thing(17, "seller", "the seller of an item", _sellers),
    Thing(18, "redemption", "a promotion as used by one person", _redemptions),
    Thing(19, "category", "the category of an item", _categories),
    Thing(20, "region", "the state or region delivered to", _region),
    Thing(21, "area", "the sorting district delivered to: a PIN's or ZIP code's first three characters", _area),
    Thing(22, "shop", "the shop as a whole", lambda _subject: ("shop:",)),
    Thing(23, "currency", "the shop as far as it sells in one currency", _currency),
    Thing(1, "account", "the account; not a guest", _Said("user:", "user"), history_of="user"),
)
THINGS: Mapping[str, Thing] = MappingProxyType({thing.name: thing for thing in _ALL})
"""By the name that the language knows them by."""


def keyer_of(texts: Texts) -> Keyer:
    """Makes the keys of what `texts` says."""
    if isinstance(texts, _Said):
        return keyer(texts.prefix, texts.name, None, DIGEST)
    return keyer("", "", texts, DIGEST)


KEYERS: Mapping[str, Keyer] = MappingProxyType({thing.name: keyer_of(thing.texts) for thing in _ALL})
"""What makes the keys of each."""
MARKERS: Mapping[str, Keyer] = MappingProxyType(
    {thing.name: keyer_of(thing.counted) for thing in _ALL if thing.counted is not None}
)
"""The same as `distinct` counts them, where that differs."""
