"""What a phone number is by its country's numbering plan, and whether its digits look made up.

The plans are those of the `phonenumbers` library; they are read directly, because its own walk over a number takes
fifty times as long. A test holds the two to the same word.
"""

import re
from functools import cache, lru_cache
from typing import Literal

import msgspec
import phonenumbers

from fourthwatch.entities.phone import calling_code, phone_country, phone_key
from fourthwatch.limits import NORMAL_FORMS_CACHED_MAX, PHONE_CHARS_MAX

NumberKind = Literal[
    "mobile",
    "fixed",
    "fixed or mobile",
    "voip",
    "toll free",
    "premium",
    "shared cost",
    "other",
    "unassigned",
]
"""`fixed or mobile`: the plan does not tell (all of +1); `unassigned`: given out to nobody."""

_SPECIAL: tuple[tuple[str, NumberKind], ...] = (
    ("premium_rate", "premium"),
    ("toll_free", "toll free"),
    ("shared_cost", "shared cost"),
    ("voip", "voip"),
    ("personal_number", "other"),
    ("pager", "other"),
    ("uan", "other"),
    ("voicemail", "other"),
)
_Desc = tuple[frozenset[int], re.Pattern[str]]
_INVENTED_DIGITS_MIN = 7
_INVENTED_TAIL = 10
_RUN_MIN = 6
_DIGITS_WITH_RUN_MAX = _INVENTED_TAIL - _RUN_MIN + 1
_COUNTED_DIGITS = 7
_COUNTED = frozenset(
    row[start : start + _COUNTED_DIGITS] for row in ("01234567890123456", "98765432109876543") for start in range(10)
)
_NO_DIGITS = re.compile("[^0-9]+")


class PhoneFacts(msgspec.Struct, frozen=True, gc=False):
    """What one phone number says, as it was written."""

    kind: NumberKind | None
    """`None`: cannot be read without knowing the country."""
    country: str | None
    """Alpha-2 of the number's own country."""
    is_invented: bool | None
    """As `looks_invented`."""


def phone_facts(text: str, country: str | None) -> PhoneFacts:
    """Of a number that may be written without its country code; `country` (alpha-2) is where it is then read.

    >>> phone_facts("98765 43210", "IN").kind, phone_facts("98765 43210", None).kind, phone_facts("12", "IN").kind
    ('mobile', None, 'unassigned')
    """
    return _facts(text[: PHONE_CHARS_MAX + 1], country)


@lru_cache(maxsize=NORMAL_FORMS_CACHED_MAX)
def number_kind(key: str) -> NumberKind | None:
    """The kind of a key of `phone_key` in its country's plan. None: not a key.

    >>> number_kind("+919876543210"), number_kind("+442079460018"), number_kind("+915555500000")
    ('mobile', 'fixed', 'unassigned')
    """
    code = calling_code(key) if len(key) <= PHONE_CHARS_MAX and key.startswith("+") else 0
    if not code:
        return None
    national = key[1 + len(str(code)) :]
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]
    for region in regions:
        plan = _plan(code, region)
        if plan is None:
            continue
        if len(regions) > 1 and plan.leading is not None:
            if plan.leading.match(national):
                return plan.kind(national)
            continue
        kind = plan.kind(national)
        if kind != "unassigned":
            return kind
    return "unassigned"


def looks_invented(text: str) -> bool | None:
    """Whether the last ten digits are a filler: one digit six times running, seven counted up or down, a pair repeated.

    None: fewer than seven digits to judge by.

    >>> looks_invented("9999999999"), looks_invented("+91 98989 89898"), looks_invented("98123 45670")
    (True, True, True)
    >>> looks_invented("98201 33417"), looks_invented("12")
    (False, None)
    """
    digits = _digits(text)[-_INVENTED_TAIL:]
    if len(digits) < _INVENTED_DIGITS_MIN:
        return None
    distinct = len(set(digits))
    if distinct <= _DIGITS_WITH_RUN_MAX and (
        distinct <= 2 or digits[2:] == digits[:-2] or longest_digit_run(digits) >= _RUN_MIN
    ):
        return True
    if distinct < _COUNTED_DIGITS:
        return False
    return any(digits[start:][:_COUNTED_DIGITS] in _COUNTED for start in range(len(digits) - _COUNTED_DIGITS + 1))


def longest_digit_run(text: str) -> int:
    """How many times running the most repeated digit stands; separators do not break a run, 0 without a digit.

    >>> longest_digit_run("98200 00017"), longest_digit_run("none")
    (5, 0)
    """
    longest = run = 0
    before = ""
    for digit in _digits(text):
        run = run + 1 if digit == before else 1
        before = digit
        if run > longest:
            longest = run
    return longest


@lru_cache(maxsize=NORMAL_FORMS_CACHED_MAX // 4)
def _facts(text: str, country: str | None) -> PhoneFacts:
    key = phone_key(text, country)
    is_readable = country is not None or text.startswith(("+", "00"))
    return PhoneFacts(
        kind=number_kind(key) if key is not None else "unassigned" if is_readable else None,
        country=None if key is None else phone_country(key),
        is_invented=looks_invented(text),
    )


def _digits(text: str) -> str:
    """In ASCII, of at most 64 characters of the text."""
    if text.isascii():
        return _NO_DIGITS.sub("", text[:PHONE_CHARS_MAX])
    return "".join(str(int(mark)) for mark in text[:PHONE_CHARS_MAX] if mark.isdecimal())


class _Plan:
    """One country's numbering plan, its patterns compiled."""

    def __init__(self, metadata: phonenumbers.PhoneMetadata) -> None:
        leading: str | None = metadata.leading_digits
        self.leading = None if leading is None else re.compile(leading)
        self._general = _desc(metadata.general_desc)
        self._special = tuple(
            (desc, kind) for name, kind in _SPECIAL if (desc := _desc(getattr(metadata, name))) is not None
        )
        self._is_special = re.compile("|".join(desc[1].pattern for desc, _ in self._special)) if self._special else None
        self._fixed = _desc(metadata.fixed_line)
        self._mobile = self._fixed if metadata.same_mobile_and_fixed_line_pattern else _desc(metadata.mobile)

    def kind(self, national: str) -> NumberKind:
        """What a national number is here."""
        if not _is_one(self._general, national):
            return "unassigned"
        if self._is_special is not None and self._is_special.fullmatch(national):
            for desc, kind in self._special:
                if _is_one(desc, national):
                    return kind
        is_mobile = _is_one(self._mobile, national)
        if _is_one(self._fixed, national):
            return "fixed or mobile" if is_mobile else "fixed"
        return "mobile" if is_mobile else "unassigned"


def _is_one(desc: _Desc | None, national: str) -> bool:
    if desc is None:
        return False
    lengths, pattern = desc
    return (not lengths or len(national) in lengths) and pattern.fullmatch(national) is not None


def _desc(desc: phonenumbers.PhoneNumberDesc | None) -> _Desc | None:
    if desc is None or desc.national_number_pattern is None:
        return None
    return frozenset(desc.possible_length), re.compile(desc.national_number_pattern)


@cache
def _plan(code: int, region: str) -> _Plan | None:
    """Read once per country: patterns are compiled at its first number and never again."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    return None if metadata is None else _Plan(metadata)
