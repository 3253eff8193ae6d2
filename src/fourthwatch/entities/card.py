"""A payment card without its number: issuer digits, last four and expiry, which together point at one card.

The middle digits are never asked for and never kept, even where a sender puts a whole number into the BIN
field.
"""

import re
from datetime import UTC, datetime, timedelta

_BIN_DIGITS = 6
_LAST_DIGITS = 4
_TEXT_CHARS_MAX = 64
_CENTURY = 2000
_MONTHS_IN_YEAR = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# As receipts print the beginning of a number.
_BIN = re.compile(r"([0-9]{4})[ -]?([0-9]{2})")
# Whatever a receipt masks the other digits with, then the four.
_LAST4 = re.compile(r"[*xX•.# -]*([0-9]{4})")
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
    if not _is_digits(issuer, _BIN_DIGITS):
        spaced = _BIN.match(bin_[:_TEXT_CHARS_MAX].lstrip())
        if spaced is None:
            return None
        issuer = spaced.group(1) + spaced.group(2)
    if not _is_digits(last4, _LAST_DIGITS):
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
    try:
        as_of = _EPOCH + timedelta(milliseconds=as_of_ms)
    except OverflowError:
        return None
    return (expiry[0] - as_of.year) * _MONTHS_IN_YEAR + expiry[1] - as_of.month


def _expiry(month: str | None, year: str | None) -> tuple[int, int] | None:
    """Year and month, both or neither."""
    if month is None or year is None or len(month) > _TEXT_CHARS_MAX or len(year) > _TEXT_CHARS_MAX:
        return None
    month_read = _MONTH_OF_TEXT.get(month.strip())
    year = year.strip()
    if _is_digits(year, 4) and year.startswith("20"):
        year = year[2:]
    if month_read is None or not _is_digits(year, 2):
        return None
    return _CENTURY + int(year), month_read


def _is_digits(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isdigit()
