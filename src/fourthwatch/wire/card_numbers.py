"""What card data looks like: schemes' prefixes, lengths and check digits, and the ways to spell digits and words.

The one rule: `masking` and `card_prefilter` look for the same things because both build their patterns from these
tables; nothing that is looked for is spelled out a second time there.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_BRANDS: tuple[tuple[str, str, str, tuple[int, ...]], ...] = (
    # Scheme, first and last prefix, lengths; from the schemes' published issuer ranges. Ranges inside another
    # scheme's (Discover and RuPay in 62 and 65, Elo and Verve in 4 and 65) need no row of their own.
    ("visa", "4", "4", (13, 16, 19)),
    ("mastercard", "51", "55", (16,)),
    ("mastercard", "2221", "2720", (16,)),
    ("amex", "34", "34", (15,)),
    ("amex", "37", "37", (15,)),
    ("diners", "300", "305", (14, 15, 16, 17, 18, 19)),
    ("diners", "3095", "3095", (14, 15, 16, 17, 18, 19)),
    ("diners", "36", "36", (14, 15, 16, 17, 18, 19)),
    ("diners", "38", "39", (14, 15, 16, 17, 18, 19)),
    ("jcb", "3528", "3589", (16, 17, 18, 19)),
    ("discover", "6011", "6011", (16, 17, 18, 19)),
    ("discover", "644", "649", (16, 17, 18, 19)),
    ("discover", "65", "65", (16, 17, 18, 19)),
    ("unionpay", "62", "62", (16, 17, 18, 19)),
    ("unionpay", "8100", "8171", (16, 17, 18, 19)),
    ("maestro", "5018", "5018", (13, 14, 15, 16, 17, 18, 19)),
    ("maestro", "5020", "5020", (13, 14, 15, 16, 17, 18, 19)),
    ("maestro", "5038", "5038", (13, 14, 15, 16, 17, 18, 19)),
    ("maestro", "5893", "5893", (13, 14, 15, 16, 17, 18, 19)),
    ("maestro", "6304", "6304", (13, 14, 15, 16, 17, 18, 19)),
    ("maestro", "6759", "6759", (13, 14, 15, 16, 17, 18, 19)),
    ("maestro", "6761", "6763", (13, 14, 15, 16, 17, 18, 19)),
    ("rupay", "508500", "508999", (16,)),
    ("rupay", "606985", "607984", (16,)),
    ("rupay", "608001", "608500", (16,)),
    ("rupay", "817200", "820199", (16,)),
    ("mir", "2200", "2204", (16, 17, 18, 19)),
    ("verve", "506099", "506198", (16, 18, 19)),
    ("verve", "507865", "507964", (16, 18, 19)),
    ("elo", "506699", "506778", (16,)),
    ("elo", "509000", "509999", (16,)),
    ("elo", "504175", "504175", (16,)),
    ("elo", "636297", "636368", (16,)),
    ("hipercard", "606282", "606282", (13, 16, 19)),
    ("hipercard", "637095", "637095", (13, 16, 19)),
    ("hipercard", "637568", "637612", (13, 16, 19)),
    ("dankort", "5019", "5019", (16,)),
)
_BY_PREFIX: dict[str, list[tuple[str, str, tuple[int, ...]]]] = {}
"""Rows by their first four digits, so that most starts are dismissed by one look-up."""
for _row in _BRANDS:
    for _prefix in range(int(_row[1][:4].ljust(4, "0")), int(_row[2][:4].ljust(4, "9")) + 1):
        _BY_PREFIX.setdefault(str(_prefix), []).append(_row[1:])
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")

# Non-ASCII characters that stand for a digit or for a separator.
_OTHER_SEPARATORS = "\u00b7\u2022\u2024\u2027\u2044\u20e3\u2212\u2215\u30fb\uff0b\uff0e\uff0f\uff3f\uff65" + "".join(
    chr(point)
    for low, high in ((0x80, 0x3100), (0xFE00, 0x10000))
    for point in range(low, high)
    if 0xFE00 <= point <= 0xFE0F or unicodedata.category(chr(point)) in ("Cf", "Zs", "Zl", "Zp", "Pd")
)
FOLD: dict[int, str] = {ord(char): " " for char in _OTHER_SEPARATORS} | {
    point: str(unicodedata.digit(chr(point))) for point in range(0x80, 0x20000) if chr(point).isdigit()
}
_NON_ASCII = re.compile(r"[^\x00-\x7f]+")

# One character written as an escape of JSON or of a URL, escaped again any number of times. Backslashes are taken
# from the first of a run and never given back: a long run of them would cost the square of its length.
_ESCAPE = re.compile(
    r"(?<!\\)\\++(?:u[dD][89abAB][0-9a-fA-F]{2}\\+u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[nrt/])"
    r"|%(?:25)*[c-fC-F][0-9a-fA-F](?:%(?:25)*[89abAB][0-9a-fA-F]){1,3}|%(?:25)*[0-9a-fA-F]{2}"
)
_PERCENT_BYTE = re.compile(r"%(?:25)*([0-9a-fA-F]{2})")

_SHORT_ESCAPE = 12

# Separators between two digits, after `fold`; at most four, so that columns of numbers stay apart.
SEPARATORS = " \t\n\r-./_+"

# Separators, too, where the same one stands between four fours; a comma is none, since it parts numbers of a list.
EVEN_SEPARATORS = ":*%"
EVEN_FOURS = rf"[2-68][0-9]{{3}}([{EVEN_SEPARATORS}])[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{4}}"
_EVEN = re.compile(rf"(?<![0-9])(?<![0-9]{{4}}[{EVEN_SEPARATORS}]){EVEN_FOURS}(?![0-9])(?!\1[0-9]{{4}})")
# Parts of an address of IPv6, which is of fours and colons: 2001:db8::4111:1111:1111:1111, 2223:0031:2200:3222::1.
_IPV6_BEFORE = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{0,4}:\Z")
_IPV6_BEGUN = re.compile(r"[23][0-9:]{18}:[0-9A-Fa-f:]")

# Base64 of at least three aligned triples made of digits and separators (13 digits hold three at any offset).
BASE64_DIGITS = "(?:[IK-O][CDSTijyz][AEIMQUYcgkosw048][grs-z0-5]){3}"

# Words for a card verification value. Bare "verification code" is left out: one-time passwords are called so.
CVV_RARE_WORDS = (
    r"(?:card[ \-._]{0,2}|(?<![a-z])|(?<=\\[nrt])|(?<=\\u[0-9a-f]{4}))"
    r"(?:csc|cav|cvn|cvd)2?(?:code|value|number)?(?![a-z])"
    r"|card[ \-._]{0,2}(?:cid|code)(?![a-z])"
    r"|card[ \-._]{0,2}verification[ \-._]{0,2}(?:code|number)"
    r"|security[ \-._]{0,2}code|verification[ \-._]{0,2}value"
)
CVV_WORDS = r"cvv|cvc|" + CVV_RARE_WORDS


def is_card_number(digits: str) -> bool:
    """Whether these ASCII digits, all of them, have a scheme's prefix and length and a right check digit."""
    return len(digits) in lengths_of(digits[:6]) and has_check_digit(digits)


def lengths_of(prefix: str) -> tuple[int, ...]:
    """The lengths a card number that begins with these six digits may have."""
    for first, last, lengths in _BY_PREFIX.get(prefix[:4], ()):
        if first <= prefix[: len(first)] <= last:
            return lengths
    return ()


def lengths_by_prefix(shortest: int) -> bytes:
    """For each four digits the lengths of the numbers that may begin with them, a bit for each from the shortest on."""
    found = bytearray(10**4)
    for prefix, rows in _BY_PREFIX.items():
        for length in {length for *_, lengths in rows for length in lengths}:
            found[int(prefix)] |= 1 << (length - shortest)
    return bytes(found)


def has_check_digit(digits: str) -> bool:
    """Whether the last of these ASCII digits is the one that the others call for (Luhn; ISO/IEC 7812-1, annex B)."""
    code_points = digits.encode("ascii")
    total = sum(code_points[::-2]) + sum(code_points[-2::-2].translate(_DOUBLED))
    return (total - 48 * len(digits)) % 10 == 0


def even_card_numbers(view: str) -> Iterator[list[int]]:
    """The places of the digits of each card number that stands in fours with one of `EVEN_SEPARATORS` between them.

    Costs no more than reading `view`, whatever stands there.
    """
    for found in _EVEN.finditer(view):
        start = found.start()
        is_ipv6 = _IPV6_BEFORE.search(view[max(0, start - 6) : start]) or _IPV6_BEGUN.match(view, start)
        if is_ipv6 is None and is_card_number(found[0].replace(found[1], "")):
            yield [start + at for at in range(19) if at % 5 != 4]


def fold(text: str) -> str:
    """`text`, character by character, with digits of all scripts in ASCII and other separators as blanks."""
    return text if text.isascii() else _NON_ASCII.sub(lambda part: part[0].translate(FOLD), text)


def may_escape(text: str) -> bool:
    """Whether there can be an escape in `text`."""
    return "\\" in text or "%" in text


def read(text: str) -> str:
    """`text` with its escapes resolved, folded."""
    return fold(_ESCAPE.sub(_unescaped, text) if may_escape(text) else text)


def _unescaped(escape: re.Match[str]) -> str:
    spelled = escape[0]
    return _short_meaning(spelled) if len(spelled) <= _SHORT_ESCAPE else _meaning(spelled)


def _meaning(spelled: str) -> str:
    """The one character that an escape spells; `?` where it spells none."""
    if spelled[0] == "%":
        octets = bytes.fromhex("".join(_PERCENT_BYTE.findall(spelled)))
        char = octets.decode("utf-8", "replace") if len(octets) > 1 else chr(octets[0])
        return char if len(char) == 1 else "?"
    units = [int(unit[:4], 16) for unit in spelled.split("u")[1:]]
    if not units:
        return "/" if spelled[-1] == "/" else " "
    if len(units) == 2:
        return chr(0x10000 + ((units[0] - 0xD800) << 10) + (units[1] - 0xDC00))
    return chr(units[0])


_short_meaning = lru_cache(maxsize=1_024)(_meaning)


def spelled_characters(text: str) -> Iterator[str]:
    """The characters of `text` as they are spelled there: an escape is one."""
    place = 0
    for escape in _ESCAPE.finditer(text):
        yield from text[place : escape.start()]
        yield escape[0]
        place = escape.end()
    yield from text[place:]
