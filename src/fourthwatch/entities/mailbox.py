"""How the local part of an e-mail address is written: length, digits, tags, and whether it looks typed at random."""

import re

import msgspec

from fourthwatch.entities.address import looks_typed_at_random
from fourthwatch.entities.characters import decimals
from fourthwatch.entities.email import email_parts
from fourthwatch.entities.words import word_set
from fourthwatch.limits import EMAIL_CHARS_MAX


class MailboxFacts(msgspec.Struct, frozen=True, gc=False):
    """Each is found out when it is asked for."""

    local: str
    """As it was written, in lower case."""
    domain: str

    @property
    def length(self) -> int:
        """Characters."""
        return len(self.local)

    @property
    def digits(self) -> int:
        return decimals(self.local)

    @property
    def trailing_digits(self) -> int:
        """Digits at the end of the mailbox's name."""
        mailbox = self._mailbox()
        return len(mailbox) - len(mailbox.rstrip("0123456789"))

    @property
    def separators(self) -> int:
        """Dots, hyphens and underscores."""
        return self.local.count(".") + self.local.count("-") + self.local.count("_")

    @property
    def has_tag(self) -> bool:
        """A plus sign, whatever follows it."""
        return "+" in self.local

    @property
    def is_role(self) -> bool:
        """A function and no person: info@, sales@…"""
        return self._mailbox() in _ROLES

    @property
    def at_random(self) -> bool | None:
        """Looks like fingers on a keyboard; `None`: too little to judge by."""
        mailbox = self._mailbox()
        return True if _TURNS.fullmatch(mailbox) else looks_typed_at_random(_NO_LETTERS.sub(" ", mailbox))

    def _mailbox(self) -> str:
        return self.local.partition("+")[0]


def mailbox_facts(text: str) -> MailboxFacts | None:
    """None: no address that mail could reach.

    >>> facts = mailbox_facts("xkcdqwr8+1@example.com")
    >>> facts.length, facts.has_tag, facts.at_random
    (10, True, True)
    """
    parts = email_parts(text) if len(text) <= EMAIL_CHARS_MAX else None
    return None if parts is None else MailboxFacts(*parts)


# Letters and digits taking turns: "a8x7k2q9" is nobody's name.
_NO_LETTERS = re.compile(r"[\W\d_]+")
_TURNS = re.compile(r"(?:[a-z]{1,3}[0-9]{1,3}){3,}[a-z]?")

_ROLES = word_set(
    """
    admin administrator info contact sales support help helpdesk service office mail email webmaster postmaster
    hostmaster abuse noreply no-reply donotreply billing accounts accounting finance hr jobs careers marketing press
    media orders order shop store team hello enquiries enquiry inquiry customer customercare customerservice
    reception purchase purchasing procurement root security privacy legal kontakt buchhaltung vertrieb
    """
)
