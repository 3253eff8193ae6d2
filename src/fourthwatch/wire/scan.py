"""One look over a body's bytes, compiled where there is a compiler: what about them needs a closer one, and how many
colons there are.

The one rule: the compiled look may raise a doubt for nothing, for it is looked into by slower code here; it leaves none
out that `specified` raises.
"""

from collections.abc import Iterable
from typing import Final

from fourthwatch.limits import JSON_DEPTH_MAX
from fourthwatch.wire.card_numbers import FOLD, lengths_by_prefix
from fourthwatch.wire.card_prefilter import suspects

__all__ = [
    "CARD",
    "COLONS_FROM",
    "COMPILED",
    "EMPTY",
    "SHAPE",
    "colons",
    "has_suspicion",
    "may_hold_card_data",
    "may_hold_nothing",
    "scan",
    "specified",
]

CARD: Final = 1
"""May hold card data."""
EMPTY: Final = 2
"""May hold an empty text or a null."""
SHAPE: Final = 4
"""May be nested deeply, or hold an integer of 19 digits or more, or spell a character of ASCII as an escape."""
COLONS_FROM: Final = 3
"""The number of colons stands behind so many bits of doubts."""

_BLURRED_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG_RUN = b"0" * 19
"""No integer with fewer digits is beyond 63 bits."""
_POINTS, _UNITS = 0x20000, 0x10000
_DIGITS_MIN = 13
"""No card number has fewer."""


def specified(raw: bytes) -> int:
    """Doubts and number of colons."""
    doubts = CARD if suspects(raw) else 0
    if b'""' in raw or b"null" in raw:
        doubts |= EMPTY
    if (
        raw.count(b"{") + raw.count(b"[") > JSON_DEPTH_MAX
        or b"\\u003" in raw
        or b"\\u0000" in raw
        or _LONG_RUN in raw.translate(_BLURRED_DIGITS)
    ):
        doubts |= SHAPE
    return raw.count(b":") << COLONS_FROM | doubts


def may_hold_card_data(raw: bytes) -> bool:
    """Whether the decoded JSON body `raw` needs to go through `mask`.

    `False` is certain: `mask` would find nothing. `True` is a suspicion. Bodies of ordinary orders cost
    microseconds, with accents and Hindi text too; escapes that could spell digits cost a second look.

    >>> may_hold_card_data(b'{"_originTimestamp": "1524585600000", "_cvvResponseCode": "M"}')
    False
    >>> may_hold_card_data(b'{"_note": "4111-1111 1111.1111"}')
    True
    """
    return has_suspicion(scan(raw), raw)


def has_suspicion(found: int, raw: bytes) -> bool:
    """The same of a body that was looked at, by what `scan` found."""
    return found & CARD != 0 and (not COMPILED or suspects(raw))


def _bits(numbers: Iterable[int], size: int) -> bytes:
    table = bytearray(size // 8)
    for number in numbers:
        table[number >> 3] |= 1 << (number & 7)
    return bytes(table)


def _units() -> set[int]:
    """What `\\u` may be followed by and spell a digit, a separator or a letter: of a pair of surrogates the first."""
    return {point if point < _UNITS else 0xD800 + ((point - 0x10000) >> 10) for point in FOLD} | set(range(0x80))


try:
    from fourthwatch.wire._scan import colons, may_hold_nothing, prepare, scan

    prepare(
        _bits((point for point in FOLD if point < _POINTS), _POINTS), _bits(_units(), _UNITS),
        lengths_by_prefix(_DIGITS_MIN),
    )  # fmt: skip
    COMPILED = True
except ImportError:
    scan = specified
    COMPILED = False

    def colons(text: bytes, /) -> int:
        """How many there are."""
        return text.count(b":")

    def may_hold_nothing(body: bytes, /) -> bool:
        """Whether there may be an empty text or a null."""
        return b'""' in body or b"null" in body
