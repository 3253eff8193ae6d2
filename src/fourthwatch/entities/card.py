"""A payment card without its number: issuer digits, last four and expiry, which together point at one card.

The middle digits are never asked for and never kept, even where a sender puts a whole number into the BIN
field.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from fourthwatch.clock import DAY_MS
from fourthwatch.entities.words import word_set

_BIN_DIGITS = 6
_LAST_DIGITS = 4
_TEXT_CHARS_MAX = 64
_CENTURY = 2000
_MONTHS_IN_YEAR = 12
_DAYS_CACHED_MAX = 4_096
_EXPIRIES_CACHED_MAX = 4_096
"""Thirty years of months, written in a few ways."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# As receipts print the beginning of a number.
_BIN = re.compile(r"([0-9]{4})[ -]?([0-9]{2})")
# Whatever a receipt masks the other digits with, the issuer's perhaps left in front of it, then the four.
_LAST4 = re.compile(r"(?:[0-9][0-9 -]{0,8}(?=[*xX•.#]))?[*xX•.# -]*([0-9]{4})")
_MONTH_OF_TEXT = {text: month for month in range(1, 13) for text in (str(month), f"{month:02d}")}


def card_key(bin_: str | None, last4: str | None, month: str | None, year: str | None) -> str | None:
    """`bin6-last4-yyyymm`, or `bin6-last4-` where the expiry is unknown.

    The first six digits of a longer BIN count, so that senders of six and of eight agree; a year of two
    digits is 20yy. None: no BIN of six digits, one of zeros only, or no last four.

    >>> card_key("41111111", "1111", "7", "31")
    '411111-1111-203107'
    >>> card_key("411111", "**** 1111", None, None)
    '411111-1111-'
    """
    if bin_ is None or last4 is None or len(last4) > _TEXT_CHARS_MAX:
        return None
    # Only the beginning is looked at: the rest may be digits that are none of our business.
    issuer = bin_[:_BIN_DIGITS]
    if not (issuer.isdigit() and issuer.isascii() and len(issuer) == _BIN_DIGITS):
        spaced = _BIN.match(bin_[:_TEXT_CHARS_MAX].lstrip())
        if spaced is None:
            return None
        issuer = spaced.group(1) + spaced.group(2)
    if not (last4.isdigit() and last4.isascii() and len(last4) == _LAST_DIGITS):
        masked = _LAST4.fullmatch(last4.strip())
        if masked is None:
            return None
        last4 = masked.group(1)
    if issuer == "0" * _BIN_DIGITS:
        return None
    expiry = _expiry(month, year)
    return f"{issuer}-{last4}-" if expiry is None else f"{issuer}-{last4}-{expiry[0]}{expiry[1]:02d}"


def months_to_expiry(month: str | None, year: str | None, as_of_ms: int) -> int | None:
    """Calendar months (UTC) from the month of `as_of_ms` to the month the card expires at the end of.

    0: this month is its last; negative: expired. None: month or year unknown or unreadable, or a time
    outside the calendar.

    >>> months_to_expiry("05", "2018", 1_524_585_600_000)
    1
    """
    expiry = _expiry(month, year)
    if expiry is None:
        return None
    month_now = _month_of_day(as_of_ms // DAY_MS)
    return None if month_now is None else expiry[0] * _MONTHS_IN_YEAR + expiry[1] - month_now


@lru_cache(maxsize=_DAYS_CACHED_MAX)
def _month_of_day(day: int) -> int | None:
    """Months since the year 0 of a day since 1970; `None`: outside the calendar."""
    try:
        date = _EPOCH + timedelta(days=day)
    except OverflowError:
        return None
    return date.year * _MONTHS_IN_YEAR + date.month


def issuer_digits(bin_: str | None) -> str | None:
    """The first six digits, by which the issuing bank is known. None: not given, unreadable, or zeros only.

    >>> issuer_digits("41111111"), issuer_digits("4111 11"), issuer_digits("000000")
    ('411111', '411111', None)
    """
    if bin_ is None or (len(bin_) == _BIN_DIGITS and _is_digits(bin_, _BIN_DIGITS)):
        return None if bin_ == "0" * _BIN_DIGITS else bin_
    key = card_key(bin_, "0000", None, None)
    return None if key is None else key[:_BIN_DIGITS]


def avs_agrees(code: str | None) -> bool | None:
    """Whether the card's bank found the street or the postcode right, by the letters of the card networks.

    None: no reply, not supported there, or a letter that is not the networks' own.

    >>> avs_agrees("Y"), avs_agrees("n"), avs_agrees("U")
    (True, False, None)
    """
    return _read_reply(code, _AVS_AGREES, _AVS_DIFFERS)


def cvv_agrees(code: str | None) -> bool | None:
    """Whether the card's bank found the security code right. None: no reply, or not checked.

    >>> cvv_agrees("M"), cvv_agrees("N"), cvv_agrees("P")
    (True, False, None)
    """
    return _read_reply(code, _CVV_AGREES, _CVV_DIFFERS)


# Any part that agrees counts: street alone (A, B, O), postcode alone (P, W, Z, L) or both, in all networks' letters.
_AVS_AGREES = word_set("a b d f h l m o p t v w x y z match pass full partial")
_AVS_DIFFERS = word_set("n c k fail nomatch no_match mismatch")
_CVV_AGREES = word_set("m y match pass")
_CVV_DIFFERS = word_set("n fail nomatch no_match mismatch")


def _read_reply(code: str | None, agrees: frozenset[str], differs: frozenset[str]) -> bool | None:
    word = "" if code is None or len(code) > _TEXT_CHARS_MAX else code.strip().lower().removeprefix("_")
    return True if word in agrees else False if word in differs else None


def _expiry(month: str | None, year: str | None) -> tuple[int, int] | None:
    """Year and month, both or neither."""
    if month is None or year is None or len(month) > _TEXT_CHARS_MAX or len(year) > _TEXT_CHARS_MAX:
        return None
    return _expiry_read(month, year)


@lru_cache(maxsize=_EXPIRIES_CACHED_MAX)
def _expiry_read(month: str, year: str) -> tuple[int, int] | None:
    month_read = _MONTH_OF_TEXT.get(month.strip())
    year = year.strip()
    if _is_digits(year, 4) and year.startswith("20"):
        year = year[2:]
    if month_read is None or not _is_digits(year, 2):
        return None
    return _CENTURY + int(year), month_read


def _is_digits(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isdigit()
