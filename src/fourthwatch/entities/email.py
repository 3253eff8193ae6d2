"""E-mail addresses in normal form: two spellings with one key are one mailbox.

A provider's rule is written here only when that provider itself delivers both spellings to one mailbox. The
key is for comparing and never for sending mail to.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from fourthwatch.entities.characters import letters_of
from fourthwatch.limits import BATCH_MAX, DOMAINS_CACHED_MAX, EMAIL_CHARS_MAX, NAME_CHARS_MAX

MailboxRule = Callable[[str], str]
"""Local part in lower case -> the mailbox it is delivered to; empty when there can be none."""

_LABEL_CHARS_MAX = 63
_DOMAIN_CHARS_MAX = 253
_NAME_LETTERS_MIN = 3
_CACHED_MAX = 2 * BATCH_MAX
"""While an event walks its address is asked for again and again. More would hold some that come back, yet most are new,
and then throwing out one that the processor has forgotten costs more than reading."""

_ASCII_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_ASCII_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
# What no unquoted local part holds; quoted ones are unknown, no shop's customer has one.
_NOT_IN_LOCAL = frozenset(' "(),:;<>@[\\]')
# Unseen characters that come along when an address is copied from a page.
_PASTED = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
# The dots that name resolvers take for "." (UTS 46), after NFKC.
_DOTS = re.compile("[。．｡]")

_LETTERS_WITHOUT_MARKS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)


def email_key(text: str) -> str | None:
    """The address as `local@domain`: blanks around it gone, domain in ASCII, provider's aliases folded.

    Upper and lower case of the local part are one: RFC 5321 lets a server tell them apart, none that sells
    mailboxes does. Letters that merely look alike stay apart. None: not an address that mail could reach.

    >>> email_key(" John.Doe+shop@GoogleMail.com ")
    'johndoe@gmail.com'
    """
    address = _split(text)
    if address is None:
        return None
    local, domain = address
    if domain.owner:
        local = domain.owner
    elif domain.rule is not None:
        local = domain.rule(local)
    key = f"{local}@{domain.mailbox_domain}"
    return key if local and len(key) <= EMAIL_CHARS_MAX else None


def email_domain(text: str) -> str | None:
    """The domain after the at sign, lower case, in ASCII; a provider's alias domains are not merged.

    None: no address.

    >>> email_domain("someone@Bücher.example")
    'xn--bcher-kva.example'
    """
    address = _split(text)
    return None if address is None else address[1].name


def email_parts(text: str) -> tuple[str, str] | None:
    """Local part in lower case, as it was written otherwise, and domain as `email_domain` gives it. None: no address.

    >>> email_parts(" John.Doe+shop@GoogleMail.com ")
    ('john.doe+shop', 'googlemail.com')
    """
    address = _split(text)
    return None if address is None else (address[0], address[1].name)


def mentions_name(email: str, *names: str | None) -> bool | None:
    """Whether the local part contains a word of at least three letters of one of `names`, accents aside.

    None when there is nothing to compare: no address, no such word, or only words in a script that the
    local part is not written in (a Cyrillic name says nothing about a Latin mailbox).

    >>> mentions_name("j.garcia77@example.com", "José", "García")
    True
    """
    address = _split(email) if len(email) <= EMAIL_CHARS_MAX else None
    if address is None:
        return None
    local = letters_of(_without_accents(address[0]))
    compared = False
    for name in names:
        if name is None:
            continue
        plain = name[:NAME_CHARS_MAX].replace("'", "").replace("’", "")
        for word in _without_accents(plain).split():
            letters = letters_of(word)
            if len(letters) < _NAME_LETTERS_MIN or (local.isascii() and not letters.isascii()):
                continue
            if letters in local:
                return True
            compared = True
    return False if compared else None


class _Domain(NamedTuple):
    name: str
    """In ASCII, as it was written otherwise."""
    mailbox_domain: str
    """What its mailboxes count under: the first of the provider's alias domains."""
    rule: MailboxRule | None
    owner: str
    """The mailbox itself where the provider takes it from the domain (tag@user.fastmail.com); or empty."""


def _split(text: str) -> tuple[str, _Domain] | None:
    """Local part in lower case and domain, or None when the form is none of an address."""
    return None if len(text) > 2 * EMAIL_CHARS_MAX else _split_short(text)


@lru_cache(maxsize=_CACHED_MAX)
def _split_short(text: str) -> tuple[str, _Domain] | None:
    if text.isascii():
        local, _, written = text.strip().lower().rpartition("@")
        if not _ASCII_LOCAL.fullmatch(local):
            return None
    else:
        local, _, written = text.strip().strip(_PASTED).rpartition("@")
        # NFC and lower case only: NFKC would make one address of two that mail tells apart.
        local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
        if not local or any(character in _NOT_IN_LOCAL or _is_unseen(character) for character in local):
            return None
    domain = _domain(written)
    if domain is None or len(local) + 1 + len(domain.name) > EMAIL_CHARS_MAX:
        return None
    return local, domain


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character)[0] in "CZ"


@lru_cache(maxsize=DOMAINS_CACHED_MAX)
def _domain(text: str) -> _Domain | None:
    if not text.isascii():
        text = _DOTS.sub(".", unicodedata.normalize("NFKC", text).lower())
    labels = text.removesuffix(".").split(".")
    for place, label in enumerate(labels):
        ascii_label = _ascii_label(label)
        if ascii_label is None:
            return None
        labels[place] = ascii_label
    # One label is a machine's own name; a last label of digits is an IP address.
    if len(labels) < 2 or labels[-1].isdigit():
        return None
    domain = ".".join(labels)
    if len(domain) > _DOMAIN_CHARS_MAX:
        return None
    owner, _, parent = domain.partition(".")
    if parent in _NAMES_IN_SUBDOMAIN:
        return _Domain(domain, parent, None, owner)
    mailbox_domain, rule = _PROVIDERS.get(domain, (domain, None))
    return _Domain(domain, mailbox_domain, rule, "")


def _ascii_label(label: str) -> str | None:
    """The label as the name system carries it (punycode as in IDNA 2008: `ß` and `ss` differ)."""
    if not label.isascii():
        label = unicodedata.normalize("NFKC", label)
        if any(unicodedata.category(character)[0] not in "LMNS" and character not in "-·・" for character in label):
            return None
        # Half of what makes a name unsafe is an ASCII character that only NFKC brought out ("℀" is "a/c").
        if any(character.isascii() and not character.isalnum() and character not in "-_" for character in label):
            return None
        if not label.isascii():
            label = "xn--" + label.encode("punycode").decode("ascii")
    return label if len(label) <= _LABEL_CHARS_MAX and _ASCII_LABEL.fullmatch(label) else None


def _without_accents(text: str) -> str:
    """Case folded, marks above and below letters taken off, letters with a stroke as their plain ones."""
    if text.isascii():
        return text.lower()
    # One character can come apart into eighteen.
    apart = unicodedata.normalize("NFKD", text.casefold())[:EMAIL_CHARS_MAX]
    return "".join(c for c in apart if not unicodedata.combining(c)).translate(_LETTERS_WITHOUT_MARKS)


def _plus_tag(local: str) -> str:
    return local.partition("+")[0]


def _gmail(local: str) -> str:
    return local.partition("+")[0].replace(".", "")


def _proton(local: str) -> str:
    return local.partition("+")[0].replace(".", "").replace("-", "").replace("_", "")


def _yandex(local: str) -> str:
    return local.partition("+")[0].replace("-", ".")


def _yahoo(local: str) -> str:
    return local.partition("-")[0]


def _under(rule: MailboxRule, domains: str, mailbox_domain: str = "") -> dict[str, tuple[str, MailboxRule]]:
    return {domain: (mailbox_domain or domain, rule) for domain in domains.split()}


# fastmail.com, fastmail.fm: mail to anything@user.fastmail.com is delivered to user@fastmail.com.
_NAMES_IN_SUBDOMAIN = frozenset({"fastmail.com", "fastmail.fm"})

_PROVIDERS: dict[str, tuple[str, MailboxRule]] = {
    # Google: dots do not matter, +tag is dropped, googlemail.com is gmail.com.
    **_under(_gmail, "gmail.com googlemail.com", "gmail.com"),
    # Microsoft: +tag is dropped; dots matter, and the same name under two of these domains is two people.
    **_under(
        _plus_tag,
        "outlook.com outlook.at outlook.be outlook.cl outlook.co.id outlook.co.th outlook.com.ar"
        " outlook.com.au outlook.com.br outlook.com.tr outlook.com.vn outlook.cz outlook.de outlook.dk"
        " outlook.es outlook.fr outlook.hu outlook.ie outlook.in outlook.it outlook.jp outlook.kr"
        " outlook.lv outlook.my outlook.ph outlook.pt outlook.sa outlook.sg outlook.sk",
    ),
    **_under(
        _plus_tag,
        "hotmail.com hotmail.be hotmail.ca hotmail.co.id hotmail.co.il hotmail.co.jp hotmail.co.nz"
        " hotmail.co.th hotmail.co.uk hotmail.co.za hotmail.com.ar hotmail.com.au hotmail.com.br"
        " hotmail.com.tr hotmail.de hotmail.dk hotmail.es hotmail.fi hotmail.fr hotmail.gr hotmail.it"
        " hotmail.nl hotmail.no hotmail.se",
    ),
    **_under(
        _plus_tag,
        "live.com live.at live.be live.ca live.cl live.co.uk live.co.za live.com.ar live.com.au live.com.mx"
        " live.com.pt live.com.sg live.de live.dk live.fr live.hk live.ie live.in live.it live.jp live.nl"
        " live.no live.ru live.se msn.com passport.com windowslive.com",
    ),
    # Fastmail: +tag is dropped; its other domains are sold apart and are left alone.
    **_under(_plus_tag, "fastmail.com fastmail.fm"),
    # Apple: +tag is dropped. me.com and mac.com are the same mailbox as icloud.com for old accounts only,
    # so: apart.
    **_under(_plus_tag, "icloud.com me.com mac.com"),
    # Proton: one name is one account on all its domains; dots, hyphens, underscores do not matter, +tag is
    # dropped.
    **_under(_proton, "proton.me protonmail.com protonmail.ch pm.me", "proton.me"),
    # Yandex: every mailbox exists on all its domains; a hyphen is a dot, +tag is dropped.
    **_under(
        _yandex,
        "yandex.ru yandex.com yandex.by yandex.kz yandex.ua yandex.com.tr ya.ru narod.ru",
        "yandex.ru",
    ),
    # Yahoo: base-keyword is one of many throw-away addresses of one account; names there have no hyphen
    # otherwise.
    **_under(
        _yahoo,
        "yahoo.com yahoo.ca yahoo.co.id yahoo.co.in yahoo.co.nz yahoo.co.th yahoo.co.uk yahoo.co.za"
        " yahoo.com.ar yahoo.com.au yahoo.com.br yahoo.com.mx yahoo.com.my yahoo.com.ph yahoo.com.sg"
        " yahoo.com.tr yahoo.com.vn yahoo.de yahoo.es yahoo.fr yahoo.gr yahoo.ie yahoo.in yahoo.it"
        " yahoo.no yahoo.pl yahoo.ro yahoo.se ymail.com rocketmail.com myyahoo.com",
    ),
}
