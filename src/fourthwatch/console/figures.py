"""Numbers for people: money in its currency, counts, shares, values of features; what is unknown says so."""

from decimal import Decimal, InvalidOperation
from typing import Any

from fourthwatch.features.subject import minor_per_main

UNKNOWN = "unknown"
_DIGITS_OF = {1: 0, 100: 2, 1_000: 3}
"""By how many minor units are one main unit."""
AMOUNT_DIGITS_MAX = 13
"""Before the point, of an amount that somebody types."""
_SIGNS = {"EUR": "€", "GBP": "£", "INR": "₹", "JPY": "¥", "USD": "$"}


def minor_digits(currency: str | None) -> int:
    """How many digits of a minor amount stand behind the point."""
    return _DIGITS_OF[minor_per_main(currency)]


def amount_text(amount: str | float | None, currency: str | None = None, *, minor: bool = False) -> str:
    """Money for people; `minor` when it is counted in the smallest unit. An amount that is no number stays as it is.

    >>> amount_text("1499.00", "INR"), amount_text(149900, "INR", minor=True), amount_text(1234567, "JPY", minor=True)
    ('₹1,499.00', '₹1,499.00', '¥1,234,567')
    >>> amount_text(None), amount_text("12,5", "SEK"), amount_text(-5, "USD")
    ('unknown', '12,5 SEK', '−$5.00')
    """
    if amount is None:
        return UNKNOWN
    digits = minor_digits(currency)
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        return f"{amount} {currency or ''}".strip()
    if minor:
        number = number.scaleb(-digits)
    sign = "−" if number < 0 else ""
    shown = f"{abs(number):,.{digits}f}"
    mark = _SIGNS.get((currency or "").upper())
    return f"{sign}{mark}{shown}" if mark else f"{sign}{shown} {currency or ''}".strip()


def major_of(minor: int, currency: str | None) -> Decimal:
    """Minor units of a currency as an amount, with as many digits as the currency has.

    >>> str(major_of(2500, "INR")), str(major_of(2500, "JPY")), str(major_of(2500, "KWD")), str(major_of(5, None))
    ('25.00', '2500', '2.500', '0.05')
    """
    return Decimal(minor).scaleb(-minor_digits(currency))


def minor_of(text: str, currency: str | None) -> int | None:
    """Minor units of an amount as people write it; `None` for what is none, or is finer than the currency.

    >>> minor_of("250", "INR"), minor_of("12.5", "INR"), minor_of("0.05", "INR"), minor_of("1.234", "INR")
    (25000, 1250, 5, None)
    >>> minor_of("250", "JPY"), minor_of("2.5", "JPY"), minor_of("1.234", "KWD"), minor_of("x", ""), minor_of("1.", "")
    (250, None, 1234, None, 100)
    """
    digits = minor_digits(currency)
    major, _, minor = text.partition(".")
    if not (major.isascii() and major.isdigit() and len(major) <= AMOUNT_DIGITS_MAX and len(minor) <= digits):
        return None
    if minor and not (minor.isascii() and minor.isdigit()):
        return None
    return int(major + minor.ljust(digits, "0"))


def size_text(size: int) -> str:
    """Bytes for people.

    >>> size_text(512), size_text(70_000), size_text(3 * 1024**3)
    ('512 B', '68.4 KiB', '3.0 GiB')
    """
    told, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if told < 1024 or unit == "TiB":
            break
        told /= 1024
    return f"{told:.0f} {unit}" if unit == "B" else f"{told:.1f} {unit}"


def count_text(number: float | None) -> str:
    """A count with its thousands apart.

    >>> count_text(1234567), count_text(None), count_text(0)
    ('1,234,567', 'unknown', '0')
    """
    return UNKNOWN if number is None else f"{number:,.0f}"


def percent_text(share: float | None, digits: int = 1) -> str:
    """A share of one in percent.

    >>> percent_text(0.1234), percent_text(None)
    ('12.3 %', 'unknown')
    """
    return UNKNOWN if share is None else f"{100 * share:.{digits}f} %"


def value_text(value: Any) -> str:
    """A value of a feature or a field, short.

    >>> value_text(3.0), value_text(0.12345), value_text(True), value_text(None), value_text("x")
    ('3', '0.1235', 'yes', 'unknown', 'x')
    """
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"
    return str(value)
