"""Whether a body may hold card data at all: the look that a body gets before `masking` is asked, unless `scan` has
none of the doubts that this one has.

The one rule: it may be wrong only in saying yes; whatever it lets pass, `masking.mask` would have left alone.
"""

import re

from fourthwatch.wire.card_numbers import (
    BASE64_DIGITS,
    CVV_RARE_WORDS,
    EVEN_FOURS,
    EVEN_SEPARATORS,
    FOLD,
    SEPARATORS,
    has_check_digit,
    lengths_of,
    read,
)

# The prefilter's views of a body. Squashed: lower case, without separators, quotes and backslashes ("\/" is a
# slash in JSON). Blurred: the same with every digit a 0, and a and s as v, so that one literal finds runs of
# digits and one prefix finds the short words: Python scans for literals ten times faster than for classes.
_SQUASH_TABLE = bytes(range(256)).lower()
_SQUASH_AWAY = SEPARATORS.encode() + b'\\"'
_BLUR_TABLE = bytes.maketrans(b"0123456789as", b"0000000000vv")
_BLURRED_RUN = b"0" * 13
_NO_CARD_STARTS = b"0179"
_BLURRED_EVEN = tuple(mark.join(["0000"] * 4).encode() for mark in EVEN_SEPARATORS)
_RAW_EVEN = re.compile(EVEN_FOURS.encode())
_BLURRED_RUN_REST = re.compile(rb"0*")
# Empty group: may be one of the words. Group: a bank's response to a verification value, with no room for a value.
# Both look ahead only, since the end of one word can be the start of the next ("card" and "cvv").
_BLURRED_WORD = re.compile(rb"cv(?=v(revponvecode:(?:[a-z0]{0,2}|nvll)[,}])|[vcnd]|rdc|rdverif|tion[vcn])")
_BLURRED_PHRASE = b"vecuritycode"
_HINTED_WORDS = frozenset((b"csc", b"cav", b"cvn", b"cvd", b"car"))
_HINTS_MAX = 2_048
"""Words that may be one for a verification value; a body that has more is suspected without looking at each."""
_SQUASHED_RUN = re.compile(rb"[0-9]*?[2-68][0-9]{12}")
# From a chunk of digits on, up to 19 of them; in the text that is meant no more than these may be one number. What is
# asked of the first digit stands behind it, since a search for a class of bytes is fast.
_RAW_SEPARATED = rb"[ \t\n\r\-./_+\\]{0,12}"
_RAW_RUN = re.compile(
    rb"([2-68])(?:(?<![0-9].)|(?<=\\u[0-9a-fA-F]{4}.))"
    rb"(?:(?<=[3-6])|(?<=2)(?=" + _RAW_SEPARATED + rb"[2-7])|(?<=8)(?=" + _RAW_SEPARATED + rb"[12]))"
    rb"(?=((?:" + _RAW_SEPARATED + rb"[0-9]){12,18})([0-9.]?))",
    re.DOTALL,
)
_TRIED_MAX = 256
"""Places where a number may begin; a body that has more is suspected without looking at each."""
_RAW_SEPARATORS = SEPARATORS.encode() + b"\\"
_RAW_ROUNDED = re.compile(rb"[0-9]{13,}\.")
_RAW_CVV_RARE_WORD = re.compile(CVV_RARE_WORDS.encode(), re.IGNORECASE)
_RAW_LAWFUL_KEY_END = b'_cvvResponseCode":'
_RAW_LAWFUL_KEY = b'"_cvvResponseCode"'
_RAW_LAWFUL_VALUE = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*(?:"[A-Za-z0-9]{0,2}"|[0-9]{1,2}|null)[ \t\r\n]*[,}]')
_BLURRED_EXPONENT_START = b"0e0"
_BLURRED_EXPONENT = re.compile(rb"0e00?(?:[,}\]]|\Z)")
_RAW_EXPONENT = re.compile(
    rb"(?:\A|[:,\[ \t\r\n])-?[0-9]+(?:\.[0-9]+)?e\+?[0-9]{1,2}(?:[ \t\r\n,}\]]|\Z)", re.IGNORECASE
)
# Coarser, for a body in which the first and second characters of a base64 quad became M and D.
_RAW_BASE64_GATE = re.compile(BASE64_DIGITS.encode())
_BASE64_BLUR = bytes(
    ord("M") if char in b"IKLMNO" else ord("D") if char in b"CDSTijyz" else ord("x") for char in range(256)
)
_BLURRED_BASE64 = re.compile(rb"MD..MD..MD", re.DOTALL)
# Escapes of accented Latin letters tell nothing and are the most frequent; they are left out at once.
_RAW_ESCAPE = re.compile(rb"\\(u(?!00[c-fC-F])[0-9a-fA-F]{4}|[nrt](?=[ \-./_+\\nrt]{0,12}[0-9]))")
_RAW_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_TELLING_ESCAPES = frozenset(
    [b"n", b"r", b"t"]
    + [b"u%04x" % point for point in range(0x80)]
    + [b"u%04x" % (point if point < 0x10000 else 0xD800 + ((point - 0x10000) >> 10)) for point in FOLD]
)
_ASCII = bytes(range(128))
_FOLDED = frozenset(map(chr, FOLD))


def suspects(raw: bytes) -> bool:
    """Whether the decoded JSON body `raw` needs to go through `mask`; `False` is certain, `True` a suspicion."""
    if _looks_suspicious(raw):
        return True
    if not _has_telling_characters(raw):
        return False
    return _looks_suspicious(read(raw.decode("utf-8", "replace")).encode("utf-8", "replace"))


def _looks_suspicious(raw: bytes) -> bool:
    squashed = raw.translate(_SQUASH_TABLE, _SQUASH_AWAY)
    blurred = squashed.translate(_BLUR_TABLE)
    if _has_long_run(squashed, blurred) and _may_hold_number(raw):
        return True
    if any(even in blurred for even in _BLURRED_EVEN) and _RAW_EVEN.search(raw) is not None:
        return True
    if _may_name_cvv(raw, squashed, blurred):
        return True
    if (
        _BLURRED_EXPONENT_START in blurred
        and _BLURRED_EXPONENT.search(blurred) is not None
        and _RAW_EXPONENT.search(raw) is not None
    ):
        return True
    return _BLURRED_BASE64.search(raw.translate(_BASE64_BLUR)) is not None and _RAW_BASE64_GATE.search(raw) is not None


def _has_long_run(squashed: bytes, blurred: bytes) -> bool:
    """Whether 13 digits that start like a card's stand in one run; ISBNs and timestamps do not."""
    size = len(blurred)
    place = blurred.find(_BLURRED_RUN)
    while place >= 0:
        after = place + 13
        if squashed[place] not in _NO_CARD_STARTS or (after < size and blurred[after] == 0x30):
            if _SQUASHED_RUN.match(squashed, place) is not None:
                return True
            rest = _BLURRED_RUN_REST.match(blurred, after)
            after = after if rest is None else rest.end()
        place = blurred.find(_BLURRED_RUN, after)
    return False


def _may_hold_number(raw: bytes) -> bool:
    return any(tried >= _TRIED_MAX or _may_be_card(run) for tried, run in enumerate(_RAW_RUN.finditer(raw)))


def _may_be_card(run: re.Match[bytes]) -> bool:
    """Whether its digits, from the first on, are a card's number; a JSON number may yet be rounded to one."""
    first, others, stop = run.groups()
    window = first + others
    if _RAW_ROUNDED.match(window + stop) is not None:
        return True
    digits = window.translate(None, _RAW_SEPARATORS).decode("ascii")
    return any(
        length <= len(digits) and has_check_digit(digits[:length]) and _ends_after(length, window + stop)
        for length in lengths_of(digits[:6])
    )


def _ends_after(count: int, window: bytes) -> bool:
    """Whether no further digit stands right behind the `count`-th."""
    after = [place for place, char in enumerate(window, 1) if char not in _RAW_SEPARATORS][count - 1]
    return not window[after : after + 1].isdigit()


def _may_name_cvv(raw: bytes, squashed: bytes, blurred: bytes) -> bool:
    rare = _BLURRED_PHRASE in blurred
    responses = _BLURRED_WORD.findall(blurred)
    # In a text the quote at the key's end would be escaped: as many key ends as responses, so all of them are keys.
    if not rare and b"" not in responses and (not responses or len(responses) == raw.count(_RAW_LAWFUL_KEY_END)):
        return False
    cvvs = 0
    for hints, hint in enumerate(_BLURRED_WORD.finditer(blurred)):
        start = hint.start()
        word = squashed[start : start + 3]
        if word == b"cvv":
            cvvs += 1
        elif word == b"cvc" or hints > _HINTS_MAX:
            return True
        elif word in _HINTED_WORDS or squashed.endswith(b"verifi", 0, start):
            rare = True
    if cvvs > 0 and cvvs > _lawful_cvvs(raw):
        return True
    return rare and _RAW_CVV_RARE_WORD.search(raw) is not None


def _lawful_cvvs(raw: bytes) -> int:
    """How often the field stands there that holds the bank's response to a verification value, and not the value."""
    count = 0
    place = raw.find(_RAW_LAWFUL_KEY)
    while place >= 0:
        after = place + len(_RAW_LAWFUL_KEY)
        # An escaped quote before it: not a key, but text that quotes one.
        count += raw[place - 1] != 0x5C and _RAW_LAWFUL_VALUE.match(raw, after) is not None
        place = raw.find(_RAW_LAWFUL_KEY, after)
    return count


def _has_telling_characters(raw: bytes) -> bool:
    """Whether non-ASCII characters or escapes of the body could spell digits, separators or letters."""
    if not raw.isascii():
        others = raw.translate(None, _ASCII).decode("utf-8", "replace")
        if not _FOLDED.isdisjoint(others):
            return True
    if b"\\" in raw and not _TELLING_ESCAPES.isdisjoint(map(bytes.lower, _RAW_ESCAPE.findall(raw))):
        return True
    return b"%" in raw and _RAW_PERCENT.search(raw) is not None
