"""Things that events have in common: what can stand behind `by`, and be counted by `distinct` and `seen`.

A thing is known by its text, `kind:normal form`; the same text is the same thing in every event of a tenant, and its
64-bit key stands for it in histories, both as the one whose history it is and as a mark in another's.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec
import xxhash

from fourthwatch.entities import Involved
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
    """Whether one is remembered from its first event on, even if nothing of the event is kept."""


def key_of(tenant: int, text: str) -> int:
    """The 64-bit key of a thing, never 0; the same in every process."""
    return xxhash.xxh3_64_intdigest(f"{tenant}|{text}".encode()) or 1


def mark_of_key(key: int) -> int:
    """A key as the signed number that stands for it among the marks of another's history."""
    return key - (1 << 64) if key >> 63 else key


def _one(prefix: str, pick: Callable[[Involved], str | None]) -> Texts:
    def texts(subject: Subject) -> tuple[str, ...]:
        value = pick(subject.involved)
        return () if value is None else (prefix + value,)

    return texts


def _many(prefix: str, pick: Callable[[Involved], tuple[str, ...]]) -> Texts:
    return lambda subject: tuple([prefix + value for value in pick(subject.involved)])


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
    return tuple(dict.fromkeys("bin:" + card[:6] for card in subject.involved.cards))


def _postcode(subject: Subject) -> tuple[str, ...]:
    address = subject.shipping_address()
    if address is None or address.zipcode is None:
        return ()
    form = "".join(address.zipcode.split()).upper()[:16]
    return (f"postcode:{(address.country or '').upper()[:2]} {form}",) if form else ()


def _city(subject: Subject) -> tuple[str, ...]:
    address = subject.shipping_address()
    if address is None or address.city is None:
        return ()
    form = " ".join(address.city.casefold().split())[:64]
    return (f"city:{(address.country or '').upper()[:2]} {form}",) if form else ()


def _redemptions(subject: Subject) -> tuple[str, ...]:
    who = subject.person or ""
    return tuple([f"redemption:{who} {promotion}" for promotion in subject.involved.promotions])


def _items(subject: Subject) -> tuple[str, ...]:
    event = subject.event
    own = getattr(event, "item", None)
    many = (own,) if own is not None else (getattr(event, "items", None) or ())[:ITEMS_MAX]
    ids = [getattr(event, "item_id", None), *[item.item_id for item in many]]
    return tuple(dict.fromkeys("item:" + one for one in ids if one and len(one) <= TEXT_ID_MAX))


def _sellers(subject: Subject) -> tuple[str, ...]:
    event = subject.event
    own = getattr(event, "item", None)
    many = (own,) if own is not None else (getattr(event, "items", None) or ())[:ITEMS_MAX]
    ids = [item.seller.seller_id for item in many if item.seller is not None]
    return tuple(dict.fromkeys("seller:" + one for one in ids if one and len(one) <= TEXT_ID_MAX))


_ALL: tuple[Thing, ...] = (
    Thing(1, "user", "the account, or a guest's session", _actor, _person, is_always_heard=True),
    Thing(2, "session", "the visit", _one("session:", lambda one: one.session), is_always_heard=True),
    Thing(3, "device", "the shopper's device", _one("device:", lambda one: one.device)),
    Thing(4, "ip", "the shopper's IP address", _one("ip:", lambda one: one.ip)),
    Thing(5, "network", "the /24 or /48 around the IP address", _one("network:", lambda one: one.network)),
    Thing(6, "email", "the e-mail address", _one("email:", lambda one: one.email)),
    Thing(7, "email_domain", "the domain of the e-mail address", _domain),
    Thing(8, "phone", "a phone number", _many("phone:", lambda one: one.phones)),
    Thing(9, "card", "a card", _many("card:", lambda one: one.cards)),
    Thing(10, "bin", "the first six digits of a card: its bank and product", _bins),
    Thing(11, "address", "the delivery address", _one("address:", lambda one: one.shipping)),
    Thing(12, "billing_address", "the billing address", _one("billing:", lambda one: one.billing)),
    Thing(13, "postcode", "the PIN or ZIP code delivered to", _postcode),
    Thing(14, "city", "the city delivered to", _city),
    Thing(15, "promotion_code", "a promotion", _many("promotion:", lambda one: one.promotions)),
    Thing(16, "item_code", "an item", _items),
    Thing(17, "seller", "the seller of an item", _sellers),
    Thing(18, "redemption", "a promotion as used by one person", _redemptions),
    Thing(1, "account", "the account; not a guest", _one("user:", lambda one: one.user), history_of="user"),
)
THINGS: Mapping[str, Thing] = MappingProxyType({thing.name: thing for thing in _ALL})
"""By the name that the language knows them by."""
