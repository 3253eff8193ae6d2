"""What a fact is, and where the parts that facts read stand in an event or in the order it is about.

A fact is a pure function of one subject: no history, no clock, no file. `None` is unknown and neither zero nor false.
"""

from collections.abc import Callable
from typing import Literal, get_args

import msgspec

from fourthwatch.entities.country import country_code
from fourthwatch.events import Address, CreateAccount
from fourthwatch.features.subject import Subject
from fourthwatch.limits import USER_AGENT_CHARS_MAX

Unit = Literal[
    "0 or 1",
    "cards",
    "categories",
    "characters",
    "days",
    "digits",
    "fields",
    "hour",
    "items",
    "letters",
    "main units",
    "minutes",
    "months",
    "payments",
    "phones",
    "pieces",
    "promotions",
    "ratio",
    "sellers",
    "stars",
    "times",
    "weekday",
    "words",
    "years",
]
UNITS: frozenset[str] = frozenset(get_args(Unit))
"""`ratio` is 0 to 1 unless the sentence says otherwise; `hour` 0 to 23; `weekday` 0 to 6 from Monday; `main units` of
the order's currency."""

Compute = Callable[[Subject], float | None]


class Fact(msgspec.Struct, frozen=True):
    """One row of the table of facts."""

    name: str
    unit: Unit
    says: str
    """For a merchant, in simple words; what a value of 1 or a high one means."""
    compute: Compute
    reason: str
    """The code shown with a decision: the contract's or its successor's name where one exists."""


def truth(told: bool | None) -> float | None:
    """1 or 0 for yes or no, `None` for unknown."""
    return None if told is None else 1.0 if told else 0.0


def said(text: str | None) -> str | None:
    """The text without blanks around it; `None` also when it is nothing but blanks, as shops mean by it."""
    if text is None:
        return None
    return text.strip() or None


def email_of(subject: Subject) -> str | None:
    """The e-mail as written: the order's, else the event's own."""
    email: str | None = getattr(subject.order, "user_email", None) or getattr(subject.event, "user_email", None)
    return email


def country_of(subject: Subject) -> str | None:
    """Alpha-2 of the country that is delivered to; else of the billing address."""
    address = subject.shipping_address()
    code = None if address is None else country_code(address.country)
    if code is not None:
        return code
    address = subject.billing_address()
    return None if address is None else country_code(address.country)


def is_stated(address: Address | None) -> bool:
    """Whether anything is in the address: one SDK always sends empty ones."""
    return address is not None and address != _EMPTY_ADDRESS


_EMPTY_ADDRESS = Address()


def account_name(subject: Subject) -> str | None:
    """First and last name as the account or, in some orders, `_customInfo` says."""
    event = subject.event
    if isinstance(event, CreateAccount):
        first, last = event.first_name, event.last_name
    else:
        first, last = custom_text(subject, _FIRST_NAME_KEYS), custom_text(subject, _LAST_NAME_KEYS)
    if first is None or last is None:
        return said(first if last is None else last)
    return said(f"{first} {last}")


def buyer_name(subject: Subject) -> str | None:
    """Who the parcel is for; else who pays, else the account's name."""
    for address in (subject.shipping_address(), subject.billing_address()):
        name = None if address is None else said(address.name)
        if name is not None:
            return name
    return account_name(subject)


def custom_text(subject: Subject, keys: tuple[str, ...]) -> str | None:
    """A text in `_customInfo` under the first of the keys that has one; the event's before the order's."""
    value = _custom(subject, keys, str)
    return said(value[:USER_AGENT_CHARS_MAX]) if isinstance(value, str) else None


def custom_number(subject: Subject, keys: tuple[str, ...]) -> float | None:
    """A number in `_customInfo`, given as one or as text; `None` when it is neither, or beyond all reason."""
    value = _custom(subject, keys, (str, int, float))
    if value is None or isinstance(value, bool) or (isinstance(value, str) and len(value) > _NUMBER_CHARS_MAX):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= _NUMBER_MAX else None


_FIRST_NAME_KEYS = ("firstName", "first_name")
_LAST_NAME_KEYS = ("lastName", "last_name")
_NUMBER_CHARS_MAX = 40
_NUMBER_MAX = 1e15


def _custom(subject: Subject, keys: tuple[str, ...], types: type | tuple[type, ...]) -> str | float | None:
    event, order = subject.event, subject.order
    for source in (event,) if order is None or order is event else (event, order):
        info = source.custom_info
        if info:
            for key in keys:
                value: str | float | None = info.get(key)
                if isinstance(value, types):
                    return value
    return None
