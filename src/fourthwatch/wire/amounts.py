"""An amount's text to a number; what cannot be read is `None`, never a guess (whoever warns says so).

Read are decimal text in main units, with commas between thousands as English and Indian shops write them. A comma that
can be something else, as the decimal one of `12,50`, makes the text unreadable: it would be a hundred times too much.
"""

import re
from decimal import Decimal
from functools import lru_cache

from fourthwatch.limits import AMOUNT_CHARS_MAX, AMOUNTS_CACHED_MAX

_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?")


def read_amount(text: str) -> Decimal | None:
    """What a text says in main units, or `None` when it is not an amount.

    >>> read_amount("1,499.00"), read_amount("1,49,900"), read_amount(" 19.99 ")
    (Decimal('1499.00'), Decimal('149900'), Decimal('19.99'))
    >>> [read_amount(text) for text in ("12,50", "1.499,00", "₹1,499", "NaN", "")]
    [None, None, None, None, None]
    """
    return _read(text) if len(text) <= AMOUNT_CHARS_MAX and "_" not in text else None


@lru_cache(maxsize=AMOUNTS_CACHED_MAX)
def _read(text: str) -> Decimal | None:
    plain = text.strip()
    if "," in plain:
        if _GROUPED.fullmatch(plain) is None:
            return None
        plain = plain.replace(",", "")
    try:
        amount = Decimal(plain)
    except ArithmeticError:  # no number
        return None
    return amount if amount.is_finite() else None
