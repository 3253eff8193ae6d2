"""One box to look things up in: whatever is typed, it is tried as each kind of thing that it could be.

Looks only at names that the index knows, a bounded number of each kind, so its cost does not grow with the ledger.
"""

from collections.abc import Callable, Iterator

import msgspec

from fourthwatch.entities.email import email_key
from fourthwatch.entities.network import ip_key
from fourthwatch.features.things import THINGS, key_of, mark_of_key
from fourthwatch.limits import SEARCH_CHARS_MAX, SEARCH_EVENTS_COUNTED
from fourthwatch.store.index_reader import Found, IndexReader
from fourthwatch.store.index_rows import (
    CUSTOM_NAME_KIND,
    FIELD_KIND,
    ORDER_KIND,
    PHONE_END_KIND,
    TRANSACTION_KIND,
)

_PHONE_END_DIGITS_MIN = 4
_LAST4_DIGITS = 4
_BIN_DIGITS = 6
_CARD_DIGITS_MAX = 16
"""As we write a card: six, four, and year and month of its expiry."""
_NO_END = 1 << 62


class Hit(msgspec.Struct, frozen=True):
    """One thing that was meant, perhaps."""

    kind: str
    """order, user, email, phone, ip, device, card, card_last4, transaction, session, field, …"""
    value: str
    """In its normal form."""
    first_seq: int
    """Position of the first event that it was part of."""
    last_seq: int
    """Of the newest one; of an order, of the newest that we know it by."""
    events: int
    """How many events it was part of, counted up to 100; 0 of an order, whose events stand on its own page."""


def search(reader: IndexReader, tenant: int, typed: str, limit: int) -> list[Hit]:
    """Up to `limit` things of each kind, those that fit best first; empty when nothing was typed."""
    text = " ".join(typed.split())[:SEARCH_CHARS_MAX]
    if not text:
        return []
    hits: list[Hit] = []
    for kind, find in _LOOKS:
        seen: dict[int, Found] = {}
        for found in find(reader, tenant, text, limit):
            seen.setdefault(found.key, found)
        hits += [_hit(reader, kind, found) for found in list(seen.values())[:limit]]
    return hits


def _hit(reader: IndexReader, kind: str, found: Found) -> Hit:
    if found.kind == ORDER_KIND:
        return Hit(kind, found.value, found.seq, found.seq, 0)
    seqs = reader.events_with([found.key], _NO_END, SEARCH_EVENTS_COUNTED)
    return Hit(kind, found.value, found.seq, seqs[0] if seqs else found.seq, len(seqs))


Look = Callable[[IndexReader, int, str, int], Iterator[Found]]


def _beginning(number: int) -> Look:
    """Ids of a shop's own: whole or the beginning."""

    def look(reader: IndexReader, tenant: int, text: str, limit: int) -> Iterator[Found]:
        yield from reader.starting_with(tenant, number, text, limit)

    return look


def _known(reader: IndexReader, tenant: int, text: str) -> Iterator[Found]:
    yield from reader.named([mark_of_key(key_of(tenant, text))]).values()


def _emails(reader: IndexReader, tenant: int, text: str, limit: int) -> Iterator[Found]:
    if "@" in text and (form := email_key(text)) is not None:
        yield from _known(reader, tenant, "email:" + form)
    yield from reader.starting_with(tenant, THINGS["email"].number, text, limit)


def _phones(reader: IndexReader, tenant: int, text: str, limit: int) -> Iterator[Found]:
    digits = "".join(char for char in text if char.isdigit() and char.isascii())
    if len(digits) < _PHONE_END_DIGITS_MIN or any(char.isalpha() or char in ".@:" for char in text):
        return
    if text.startswith("+"):
        yield from reader.starting_with(tenant, THINGS["phone"].number, "+" + digits, limit)
    ends = [digits, digits.lstrip("0")] if digits.startswith("0") else [digits]
    for end in ends:
        for found in reader.starting_with(tenant, PHONE_END_KIND, end[::-1], limit):
            yield from _known(reader, tenant, "phone:+" + found.value[::-1])


def _ips(reader: IndexReader, tenant: int, text: str, limit: int) -> Iterator[Found]:
    if (form := ip_key(text)) is not None:
        yield from _known(reader, tenant, "ip:" + form)
    elif "." in text or ":" in text:
        yield from reader.starting_with(tenant, THINGS["ip"].number, text.lower(), limit)


def _cards(reader: IndexReader, tenant: int, text: str, limit: int) -> Iterator[Found]:
    """The first six digits; with four more behind stars, blanks or a dash also the last four."""
    digits = "".join(char for char in text if char.isdigit() and char.isascii())
    if any(char.isalpha() or char in ".@:+" for char in text) or not _BIN_DIGITS <= len(digits) <= _CARD_DIGITS_MAX:
        return
    last4 = digits[_BIN_DIGITS : _BIN_DIGITS + _LAST4_DIGITS]
    plain = digits[:_BIN_DIGITS] + (f"-{last4}" if len(last4) == _LAST4_DIGITS else "")
    yield from reader.starting_with(tenant, THINGS["card"].number, plain, limit)


def _last4(reader: IndexReader, tenant: int, text: str, _limit: int) -> Iterator[Found]:
    digits = text.lstrip("*•x- ")
    if len(digits) == _LAST4_DIGITS and digits.isascii() and digits.isdigit():
        yield from _known(reader, tenant, "last4:" + digits)


_LOOKS: tuple[tuple[str, Look], ...] = (
    ("order", _beginning(ORDER_KIND)),
    ("user", _beginning(THINGS["user"].number)),
    ("email", _emails),
    ("phone", _phones),
    ("ip", _ips),
    ("device", _beginning(THINGS["device"].number)),
    ("card", _cards),
    ("card_last4", _last4),
    ("transaction", _beginning(TRANSACTION_KIND)),
    ("session", _beginning(THINGS["session"].number)),
    ("promotion_code", _beginning(THINGS["promotion_code"].number)),
    ("item_code", _beginning(THINGS["item_code"].number)),
    ("seller", _beginning(THINGS["seller"].number)),
    ("field", _beginning(FIELD_KIND)),
    ("event_name", _beginning(CUSTOM_NAME_KIND)),
)

SEARCHED_KINDS = tuple(kind for kind, _ in _LOOKS)
"""In the order in which they are answered."""
