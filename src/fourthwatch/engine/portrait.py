"""What is known of one thing, for people: its normal form, facts, features, and the events that it was part of.

The index leads from a thing to its events; what else was in them is told here.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType

import msgspec

from fourthwatch.engine.subjects import Subjects
from fourthwatch.engine.walk import Walk
from fourthwatch.entities import Involved
from fourthwatch.entities.email import email_key
from fourthwatch.entities.network import ip_key
from fourthwatch.entities.phone import phone_key
from fourthwatch.events import KIND_OF_NAME, CustomEvent
from fourthwatch.features.definition import Book, by_of
from fourthwatch.features.facts import FACTS
from fourthwatch.features.observe import Present
from fourthwatch.features.subject import Subject
from fourthwatch.features.things import THINGS, key_of
from fourthwatch.language import Value, did_you_mean
from fourthwatch.store.ledger import EventRow

_PREFIXES = MappingProxyType(
    {
        "user": "user", "account": "user", "session": "session", "device": "device", "ip": "ip", "network": "network",
        "email": "email", "email_domain": "domain", "phone": "phone", "card": "card", "bin": "bin",
        "address": "address", "billing_address": "billing", "postcode": "postcode", "city": "city",
        "promotion_code": "promotion", "item_code": "item", "seller": "seller", "redemption": "redemption",
    }
)  # fmt: skip
"""What stands before the colon in the text of a thing, by kind."""
BROAD = ("area", "category", "currency", "region", "shop")
"""Kinds of things that are part of so many events that the index does not lead to these."""
WHOLE_SHOP = "all"
"""The value under which the shop as a whole is asked for."""
_NORMAL: Mapping[str, Callable[[str], str | None]] = MappingProxyType(
    {
        "ip": ip_key,
        "email": email_key,
        "phone": lambda text: phone_key(text, None),
        "email_domain": str.lower,
        "bin": lambda text: text[:6] if text[:6].isdigit() and len(text) >= 6 else None,
        "category": lambda text: text.casefold().strip() or None,
        "currency": lambda text: text.strip().upper()[:3] or None,
        "city": lambda text: text[:2].upper() + text[2:].casefold() if text[2:3] == " " else text.casefold(),
        "shop": lambda text: "" if text == WHOLE_SHOP else None,
    }
)
_WITH_COUNTRY = MappingProxyType({"city": "US austin", "postcode": "IN 411009", "region": "IN MH", "area": "IN 411"})
_GUEST = "guest:"


def text_of(kind: str, value: str, *, broad: bool = False) -> str | None:
    """The text that a thing is known by; `None` for a kind that is not there, or a value without a normal form.

    A guest is a user by the name of `guest:` and the session. `broad` says that those of `BROAD` are there, too.

    >>> text_of("email", "A.Sha@GoogleMail.com"), text_of("user", "guest:s-1"), text_of("ip", "nowhere")
    ('email:asha@gmail.com', 'guest:s-1', None)
    """
    prefix = kind if broad and kind in BROAD else _PREFIXES.get(kind)
    if prefix is None or not value:
        return None
    if kind == "user" and value.startswith(_GUEST):
        return value
    normal = _NORMAL[kind](value) if kind in _NORMAL else value
    return None if normal is None else f"{prefix}:{normal}"


def value_of(text: str) -> str:
    """The value in its normal form."""
    return text if text.startswith(_GUEST) else text.partition(":")[2]


def no_text(kind: str, *, broad: bool = False) -> str:
    """Why `text_of` gave none."""
    kinds = {*_PREFIXES, *(BROAD if broad else ())}
    if kind in kinds:
        return f"this cannot be the value of {kind}: it has no normal form"
    hint = did_you_mean(kind, kinds) or "there are " + ", ".join(sorted(kinds))
    return f"there is no such type of entity; {hint}"


def how_written(kind: str) -> str:
    """What to add where nothing was found of a kind whose values people write otherwise than it is known by."""
    example = _WITH_COUNTRY.get(kind)
    return "" if example is None else f"; {kind} is written behind its country, as in `{example}`"


class Known(msgspec.Struct, frozen=True):
    """One feature of a thing."""

    name: str
    value: Value | None
    unit: str
    says: str


def features_of(walk: Walk, book: Book, tenant: int, kind: str, text: str, at_ms: int) -> list[Known]:
    """Features that look at the histories of such things, as of a time, with nothing else known of the event.

    Those at rest are left out. One that also looks at other things' histories is as if those had not been said.
    """
    histories = {thing.name for thing in THINGS.values() if (thing.history_of or thing.name) == _history(kind)}
    kept = walk.windows.registry.all()
    defined = [
        one
        for one in book
        if any(set(by_of(node)) <= histories for node in one.aggregates)
        and all(series.text in kept for part in book.with_parts([one.feature.name]) for series in part.series)
    ]
    names = [one.feature.name for one in defined]
    if not names:
        return []
    event = CustomEvent()
    subject = Subject(
        tenant=tenant, seq=walk.last_seq + 1, kind=KIND_OF_NAME["custom_event"], event=event, occurred_ms=at_ms,
        involved=Involved(),
    )  # fmt: skip
    key = key_of(tenant, text)
    present = Present(subject, {name: (key,) if name in histories else () for name in THINGS})
    values = walk.windows.read(*walk.windows.reading_of(book, names), present)
    return [
        Known(one.feature.name, value, one.feature.unit, one.feature.says)
        for one, value in zip(defined, values, strict=True)
    ]


def facts_of(kind: str, subject: Subject) -> list[Known]:
    """What an event says of a thing of this kind in it by itself; what it leaves unknown is left out."""
    found = []
    for fact in FACTS:
        if fact.name.startswith(_FACTS.get(kind, ())) and fact.name not in _OF_WHAT_IS_NOT_THERE:
            value = fact.compute(subject)
            if value is not None:
                found.append(Known(fact.name, value, fact.unit, fact.says))
    return found


_FACTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "user": (
            "profile_", "email_confirmed", "phone_confirmed", "has_social", "is_referred", "age_years",
            "account_age_told", "name_",
        ),
        "device": ("browser_", "device_zone", "language_"),
        "ip": ("ip_",),
        "email": ("email_",),
        "email_domain": ("email_is_disposable", "email_is_free", "email_domain_"),
        "phone": ("phone_",),
        "card": ("card_", "avs_", "cvv_"),
        "bin": ("card_country_",),
        "address": ("address_", "city_", "region_", "postcode_", "is_office_", "is_home_"),
        "postcode": ("postcode_",),
    }
)  # fmt: skip
"""How the names of facts about a kind of thing begin."""
_OF_WHAT_IS_NOT_THERE = frozenset({"email_missing", "phone_missing", "card_told", "ip_unreadable"})


def _history(kind: str) -> str:
    return THINGS[kind].history_of or kind


class Trace:
    """Looks through events, newest first, for those that a thing was part of, and for what else was in them."""

    def __init__(self, walk: Walk, kind: str, text: str) -> None:
        self._walk = walk
        self._kind = kind
        self._text = text
        self.links: dict[str, Counter[str]] = {}
        """By kind of thing, how many of the found events each other one was part of."""
        self.newest: Subject | None = None
        """The newest of the found events in which the thing is the one of its kind, or the first."""

    def found(self, rows: Sequence[EventRow], limit: int) -> list[EventRow]:
        """The first of some events that the thing was part of, in their order."""
        return list(islice(filter(self._is_in, rows), limit))

    def _is_in(self, row: EventRow) -> bool:
        # New each time: an order must be as it was at the event's position, and these come backwards.
        subject = Subjects(self._walk.ledger, self._walk.windows).stored(row).subject
        texts = THINGS[self._kind].texts(subject)
        if self._text not in texts:
            return False
        if self.newest is None and texts[0] == self._text:
            self.newest = subject
        for thing in THINGS.values():
            if thing.history_of is None:
                for text in thing.texts(subject):
                    if text != self._text:
                        value = value_of(text)
                        if value:
                            self.links.setdefault(thing.name, Counter())[value] += 1
        return True
