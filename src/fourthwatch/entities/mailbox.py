"""How the local part of an e-mail address is written: length, digits, tags, and whether it looks typed at random."""

import re
from functools import lru_cache

import msgspec

from fourthwatch.entities.address import looks_typed_at_random
from fourthwatch.entities.email import email_parts
from fourthwatch.entities.words import word_set
from fourthwatch.limits import ADDRESSES_CACHED_MAX, EMAIL_CHARS_MAX


class MailboxFacts(msgspec.Struct, frozen=True, gc=False):
    """Of the local part as it was written, in lower case."""

    domain: str
    length: int
    """Characters."""
    digits: int
    trailing_digits: int
    """Digits at the end."""
    separators: int
    """Dots, hyphens and underscores."""
    has_tag: bool
    """Something after a plus sign."""
    is_role: bool
    """A function and no person: info@, sales@…"""
    at_random: bool | None
    """Looks like fingers on a keyboard; `None`: too little to judge by."""


def mailbox_facts(text: str) -> MailboxFacts | None:
    """None: no address that mail could reach.

    >>> facts = mailbox_facts("xkcdqwr8+1@example.com")
    >>> facts.length, facts.has_tag, facts.at_random
    (10, True, True)
    """
    return _read(text) if len(text) <= EMAIL_CHARS_MAX else None


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def _read(text: str) -> MailboxFacts | None:
    parts = email_parts(text)
    if parts is None:
        return None
    local, domain = parts
    mailbox, plus, _ = local.partition("+")
    return MailboxFacts(
        domain=domain,
        length=len(local),
        digits=sum(map(str.isdecimal, local)),
        trailing_digits=len(mailbox) - len(mailbox.rstrip("0123456789")),
        separators=local.count(".") + local.count("-") + local.count("_"),
        has_tag=plus != "",
        is_role=mailbox in _ROLES,
        at_random=_at_random(mailbox),
    )


# Letters and digits taking turns: "a8x7k2q9" is nobody's name.
_NO_LETTERS = re.compile(r"[\W\d_]+")
_TURNS = re.compile(r"(?:[a-z]{1,3}[0-9]{1,3}){3,}[a-z]?")


def _at_random(mailbox: str) -> bool | None:
    if _TURNS.fullmatch(mailbox):
        return True
    return looks_typed_at_random(_NO_LETTERS.sub(" ", mailbox))


_ROLES = word_set(
    """
    admin administrator info contact sales support help helpdesk service office mail email webmaster postmaster
    hostmaster abuse noreply no-reply donotreply billing accounts accounting finance hr jobs careers marketing press
    media orders order shop store team hello enquiries enquiry inquiry customer customercare customerservice
    reception purchase purchasing procurement root security privacy legal kontakt buchhaltung vertrieb
    """
)
