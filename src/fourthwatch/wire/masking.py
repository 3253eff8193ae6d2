"""Card numbers and card verification values are taken out before anything of an event is stored or logged.

The one rule: `may_hold_card_data` may be wrong only in saying yes; whatever it lets pass, `mask` would have
left alone. What each of them looks for is therefore built from the same tables and patterns below.

A card number is 13–19 digits with a card scheme's prefix and length and a right check digit (PCI DSS 3.4
permits the first six and the last four to stay). Digits may be spelled in any script, split by separators,
escaped as JSON or URL text within a text, or wrapped in base64. A window inside a longer run of bare digits
is not looked at: that is an id. About 3 % of random 16-digit ids look like card numbers and are masked too;
a shop that has such ids names their field in `keep`. Timestamps in milliseconds never look like one; those
in microseconds do not before 2039-09-18, when they reach the prefixes of Mir.
"""

import base64
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

Code = Literal["card_number_masked", "cvv_masked"]

_SENTENCES: dict[Code, str] = {
    "card_number_masked": (
        "A card number was masked to its first six and last four digits; "
        "if this is an id of yours, have its field name added to the kept fields."
    ),
    "cvv_masked": "A card verification value was removed; do not send it.",
}

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
    ("elo", "636297", "636368", (16,)),
)
_BY_PREFIX: dict[str, list[tuple[str, str, tuple[int, ...]]]] = {}
"""Rows by their first four digits, so that most starts are dismissed by one look-up."""
for _row in _BRANDS:
    for _prefix in range(int(_row[1][:4].ljust(4, "0")), int(_row[2][:4].ljust(4, "9")) + 1):
        _BY_PREFIX.setdefault(str(_prefix), []).append(_row[1:])
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")

# Separators between two digits, after `_fold`; at most four, so that columns of numbers stay apart.
_SEPARATORS = " \t\n\r-./_+"
_REGION = re.compile(r"(?<![0-9])[0-9](?:[ \t\n\r\-./_+]{0,4}[0-9]){12,}")
_DIGIT = re.compile(r"[0-9]")
_CHUNK = re.compile(r"[0-9]+")

# Non-ASCII characters that stand for a digit or for a separator.
_OTHER_SEPARATORS = "\u00b7\u2022\u2024\u2027\u2044\u20e3\u2212\u2215\u30fb\uff0b\uff0e\uff0f\uff3f\uff65" + "".join(
    chr(point)
    for low, high in ((0x80, 0x3100), (0xFE00, 0x10000))
    for point in range(low, high)
    if 0xFE00 <= point <= 0xFE0F or unicodedata.category(chr(point)) in ("Cf", "Zs", "Zl", "Zp", "Pd")
)
_FOLD: dict[int, str] = {ord(char): " " for char in _OTHER_SEPARATORS} | {
    point: str(unicodedata.digit(chr(point))) for point in range(0x80, 0x20000) if chr(point).isdigit()
}
_NON_ASCII = re.compile(r"[^\x00-\x7f]+")
_FOLDED = frozenset(map(chr, _FOLD))

# One character written as an escape of JSON or of a URL, escaped again any number of times.
_ESCAPE = re.compile(
    r"\\\\*(?:u[dD][89abAB][0-9a-fA-F]{2}\\+u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[nrt/])"
    r"|%(?:25)*[c-fC-F][0-9a-fA-F](?:%(?:25)*[89abAB][0-9a-fA-F]){1,3}|%(?:25)*[0-9a-fA-F]{2}"
)
_PERCENT_BYTE = re.compile(r"%(?:25)*([0-9a-fA-F]{2})")

# Base64 of at least three aligned triples made of digits and separators (13 digits hold three at any offset).
_BASE64_DIGITS = "(?:[IK-O][CDSTijyz][AEIMQUYcgkosw048][grs-z0-5]){3}"
_BASE64_GATE = re.compile(_BASE64_DIGITS)
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{18,}={0,2}")

# Words for a card verification value. Bare "verification code" is left out: one-time passwords are called so.
_CVV_RARE_WORDS = (
    r"(?:card[ \-._]{0,2}|(?<![a-z])|(?<=\\[nrt])|(?<=\\u[0-9a-f]{4}))"
    r"(?:csc|cav|cvn|cvd)2?(?:code|value|number)?(?![a-z])"
    r"|card[ \-._]{0,2}(?:cid|code)(?![a-z])"
    r"|card[ \-._]{0,2}verification[ \-._]{0,2}(?:code|number)"
    r"|security[ \-._]{0,2}code|verification[ \-._]{0,2}value"
)
_CVV_WORDS = r"cvv|cvc|" + _CVV_RARE_WORDS
_CVV_WORD = re.compile(_CVV_WORDS, re.IGNORECASE | re.ASCII)
_CVV_TEXT = re.compile(
    rf"(?:{_CVV_WORDS})2?(?:[ _\-]{{0,2}}(?:response|result|check|code|value|number|num|no))*"
    r"""[\s"'\\:=#/>()\[\].\-]{1,8}(?:(?:is|was|no|number|code)[\s"':=#.]{1,4})?([0-9]{3,4})(?![0-9])""",
    re.IGNORECASE | re.ASCII,
)

# The prefilter's views of a body. Squashed: lower case, without separators, quotes and backslashes ("\/" is a
# slash in JSON). Blurred: the same with every digit a 0, and a and s as v, so that one literal finds runs of
# digits and one prefix finds the short words: Python scans for literals ten times faster than for classes.
_SQUASH_TABLE = bytes(range(256)).lower()
_SQUASH_AWAY = _SEPARATORS.encode() + b'\\"'
_BLUR_TABLE = bytes.maketrans(b"0123456789as", b"0000000000vv")
_BLURRED_RUN = b"0" * 13
_BLURRED_WORD = re.compile(rb"cv(?=[vcnd]|rdc|tion)")
_HINTED_WORDS = frozenset((b"csc", b"cav", b"cvn", b"cvd", b"car"))
_BLURRED_PHRASE = b"vecuritycode"
_SQUASHED_RUN = re.compile(rb"[0-9]*?[2-68][0-9]{12}")
_RAW_RUN = re.compile(
    rb"(?:(?<![0-9])|(?<=\\u[0-9a-fA-F]{4}))"
    rb"(?:[3-6]|2[ \t\n\r\-./_+\\]{0,12}(?=[2-7])|8[ \t\n\r\-./_+\\]{0,12}(?=[12]))"
    rb"(?:[ \t\n\r\-./_+\\]{0,12}[0-9]){12}"
)
_RAW_CVV_RARE_WORD = re.compile(_CVV_RARE_WORDS.encode(), re.IGNORECASE)
_RAW_LAWFUL_CVV = re.compile(
    rb'"_cvvResponseCode"[ \t\r\n]*:[ \t\r\n]*(?:"[A-Za-z0-9]{0,2}"|[0-9]{1,2}|null)[ \t\r\n]*[,}]'
)
_BLURRED_EXPONENT = re.compile(rb"0e00?(?:[,}\]]|\Z)")
_RAW_EXPONENT = re.compile(
    rb"(?:\A|[:,\[ \t\r\n])-?[0-9]+(?:\.[0-9]+)?e\+?[0-9]{1,2}(?:[ \t\r\n,}\]]|\Z)", re.IGNORECASE
)
# Coarser, for a body in which the first and second characters of a base64 quad became M and D.
_RAW_BASE64_GATE = re.compile(_BASE64_DIGITS.encode())
_BASE64_BLUR = bytes(
    ord("M") if char in b"IKLMNO" else ord("D") if char in b"CDSTijyz" else ord("x") for char in range(256)
)
_BLURRED_BASE64 = re.compile(rb"MD..MD..MD", re.DOTALL)
_RAW_ESCAPE = re.compile(rb"\\(u[0-9a-fA-F]{4}|[nrt](?=[ \-./_+\\nrt]{0,12}[0-9]))")
_RAW_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_TELLING_ESCAPES = frozenset(
    [b"n", b"r", b"t"]
    + [b"u%04x" % point for point in range(0x80)]
    + [b"u%04x" % (point if point < 0x10000 else 0xD800 + ((point - 0x10000) >> 10)) for point in _FOLD]
)
_ASCII = bytes(range(128))


class Masked(msgspec.Struct, frozen=True):
    """One value (or key) of a document that was masked.

    `pointer` is an RFC 6901 pointer into the masked document: keys that held a number stand there masked.
    """

    pointer: str
    code: Code

    @property
    def sentence(self) -> str:
        """What happened and the way out, for the sender."""
        return _SENTENCES[self.code]


def may_hold_card_data(raw: bytes) -> bool:
    """Whether the decoded JSON body `raw` needs to go through `mask`.

    `False` is certain: `mask` would find nothing. `True` is a suspicion. Bodies of ordinary orders cost
    microseconds, with accents and Hindi text too; escapes that could spell digits cost a second look.

    >>> may_hold_card_data(b'{"_originTimestamp": "1524585600000", "_cvvResponseCode": "M"}')
    False
    >>> may_hold_card_data(b'{"_note": "4111-1111 1111.1111"}')
    True
    """
    if _looks_suspicious(raw):
        return True
    if not _has_telling_characters(raw):
        return False
    return _looks_suspicious(_read(raw.decode("utf-8", "replace")).encode("utf-8", "replace"))


def mask(document: object, keep: frozenset[str] = frozenset()) -> tuple[object, list[Masked]]:
    """A copy of the decoded JSON `document` without card numbers and verification values, and what went.

    The input is left alone; where nothing is found, the same object comes back with an empty list. `keep` are
    names of keys whose values are the shop's own numbers: a value that is nothing but ASCII digits stays
    there; a card number within longer text does not, nor does a verification value. A masked number becomes a
    text. Recursive: the document's depth is the caller's to bound (`limits.JSON_DEPTH_MAX`).

    >>> mask({"_note": "paid by 4111 1111 1111 1111", "cvv": 123})[0]
    {'_note': 'paid by 4111 11** **** 1111', 'cvv': '***'}
    """
    walk = _Walk(keep)
    return walk.value(document, in_cvv=False, kept=False), walk.found


def mask_text(text: str) -> str:
    """`text` for a log line or an error, without card numbers and card verification values.

    >>> mask_text("charge of 5500005555555559 refused, cvv: 123")
    'charge of 550000******5559 refused, cvv: ***'
    """
    return _masked_text(text)[0]


def is_card_number(digits: str) -> bool:
    """Whether these ASCII digits, all of them, have a scheme's prefix and length and a right check digit."""
    return len(digits) in _lengths(digits[:6]) and _has_check_digit(digits)


class _Walk:
    """One pass over a document; `path` is where it is, in names of the masked document."""

    def __init__(self, keep: frozenset[str]) -> None:
        self.keep = keep
        self.path: list[str] = []
        self.found: list[Masked] = []

    def value(self, node: object, *, in_cvv: bool, kept: bool) -> object:
        if isinstance(node, str):
            return self._text(node, in_cvv=in_cvv, kept=kept)
        if isinstance(node, dict):
            return self._object(node, in_cvv=in_cvv)
        if isinstance(node, list):
            return self._array(node, in_cvv=in_cvv, kept=kept)
        if isinstance(node, int | float) and not isinstance(node, bool):
            return self._number(node, in_cvv=in_cvv, kept=kept)
        return node

    def _object(self, node: dict[str, object], *, in_cvv: bool) -> object:
        copy: dict[str, object] = {}
        changed = False
        for key, value in node.items():
            name, codes = _masked_text(key)
            if codes:
                name = _free_name(name, copy, node)
                changed = True
            self.path.append(name)
            self._record(codes)
            copy[name] = masked = self.value(value, in_cvv=in_cvv or _names_cvv(key), kept=key in self.keep)
            changed = changed or masked is not value
            self.path.pop()
        return copy if changed else node

    def _array(self, node: list[object], *, in_cvv: bool, kept: bool) -> object:
        copy: list[object] = []
        changed = False
        for index, value in enumerate(node):
            self.path.append(str(index))
            masked = self.value(value, in_cvv=in_cvv, kept=kept)
            copy.append(masked)
            changed = changed or masked is not value
            self.path.pop()
        return copy if changed else node

    def _text(self, text: str, *, in_cvv: bool, kept: bool) -> str:
        if in_cvv and _is_cvv(text):
            self._record(("cvv_masked",))
            return "***"
        if kept and text.isascii() and text.isdigit():
            return text
        masked, codes = _masked_text(text)
        self._record(codes)
        return masked if codes else text

    def _number(self, number: int | float, *, in_cvv: bool, kept: bool) -> object:
        # Larger integers have no string form to look at (Python refuses beyond 4,300 digits).
        if not 100 <= abs(number) < 10**19:
            return number
        digits = str(int(number)) if number == int(number) else repr(number)
        if in_cvv and _is_cvv(digits):
            self._record(("cvv_masked",))
            return "***"
        if kept or abs(number) < 10**12:
            return number
        masked, codes = _masked_text(digits)
        self._record(codes)
        return masked if codes else number

    def _record(self, codes: tuple[Code, ...]) -> None:
        if codes:
            pointer = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in self.path)
            self.found.extend(Masked(pointer, code) for code in codes)


def _free_name(name: str, taken: dict[str, object], node: dict[str, object]) -> str:
    """`name`, or with a number behind it where two masked keys would fall together."""
    candidate, count = name, 1
    while candidate in taken or candidate in node:
        count += 1
        candidate = f"{name} ({count})"
    return candidate


def _names_cvv(key: str) -> bool:
    view = _read(key)
    return _hints_cvv(view) and _CVV_WORD.search(view) is not None


def _hints_cvv(view: str) -> bool:
    """Whether `view` may hold one of the words; costs less than their pattern."""
    lower = view.lower()
    return "cv" in lower or "card" in lower or "csc" in lower or "cav" in lower or "curity" in lower or "verif" in lower


def _is_cvv(text: str) -> bool:
    """Whether `text` is three or four digits and nothing else but separators."""
    if len(text) > 64:
        return False
    view = _read(text)
    digits = [char for char in view if char not in _SEPARATORS]
    return 3 <= len(digits) <= 4 and all("0" <= char <= "9" for char in digits)


def _masked_text(text: str) -> tuple[str, tuple[Code, ...]]:
    """`text` masked in all its readings, until nothing is found: a masked number ends the one before."""
    if len(text) < 7:  # shorter than "cvv 123" and than any card number
        return text, ()
    if len(text) < 18 and text.isascii() and not _may_escape(text) and _DIGIT.search(text) is None:
        return text, ()
    codes: dict[Code, None] = {}
    readings: tuple[Callable[[str, dict[Code, None]], str], ...] = (_as_written, _as_escaped, _as_base64)
    while True:
        before = text
        for reading in readings:
            text = reading(text, codes)
        if text == before:
            return text, tuple(codes)


def _as_written(text: str, codes: dict[Code, None]) -> str:
    edits = _edits(_fold(text), codes)
    if not edits:
        return text
    return "".join(edits.get(index, char) for index, char in enumerate(text))


def _as_escaped(text: str, codes: dict[Code, None]) -> str:
    if not _may_escape(text):
        return text
    edits = _edits(_read(text), codes)
    if not edits:
        return text
    return "".join(edits.get(index, spelled) for index, spelled in enumerate(_spelled_characters(text)))


def _as_base64(text: str, codes: dict[Code, None]) -> str:
    if len(text) < 18 or _BASE64_GATE.search(text) is None:
        return text
    return _BASE64_RUN.sub(lambda run: _masked_base64(run[0], codes), text)


def _masked_base64(run: str, codes: dict[Code, None]) -> str:
    """`run` with the card numbers in it masked and encoded again; what stands before may shift it by 0–3."""
    body = run.rstrip("=")
    standard = body.replace("-", "+").replace("_", "/")
    for shift in range(4):
        # A tail of one character carries no whole byte; it stays as it is.
        end = len(body) - (1 if (len(body) - shift) % 4 == 1 else 0)
        coded = standard[shift:end]
        decoded = base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("latin-1")
        found: dict[Code, None] = {}
        masked = _as_written(decoded, found)
        if "card_number_masked" in found:
            codes.update(found)
            coded = base64.b64encode(masked.encode("latin-1")).decode("ascii").rstrip("=")
            if "-" in body or "_" in body:
                coded = coded.replace("+", "-").replace("/", "_")
            return run[:shift] + coded + run[end:]
    return run


def _edits(view: str, codes: dict[Code, None]) -> dict[int, str]:
    """What to write in place of which character of the folded text `view`; adds to `codes` what was found."""
    edits: dict[int, str] = {}
    for match in _CVV_TEXT.finditer(view) if _hints_cvv(view) else ():
        codes["cvv_masked"] = None
        edits.update(dict.fromkeys(range(*match.span(1)), ""))
        edits[match.start(1)] = "***"
    for region in _REGION.finditer(view) if len(view) >= 13 else ():
        for positions in _card_numbers(region):
            codes["card_number_masked"] = None
            for position in positions[6:-4]:
                edits.setdefault(position, "*")
    return edits


def _card_numbers(region: re.Match[str]) -> Iterator[list[int]]:
    """The places of each card number's digits in a run of digits and separators.

    A number starts where a chunk of digits starts and ends where one ends. Overlapping ones are each masked.
    """
    chunks = [(found.start(), found.end()) for found in _CHUNK.finditer(region.string, *region.span())]
    digits = "".join([region.string[start:end] for start, end in chunks])
    ends: dict[int, int] = {}
    offset = 0
    for index, (start, end) in enumerate(chunks):
        offset += end - start
        ends[offset] = index
    offset = 0
    for first, (start, end) in enumerate(chunks):
        for length in _lengths(digits[offset : offset + 6]):
            last = ends.get(offset + length)
            if last is None or not _has_check_digit(digits[offset : offset + length]):
                continue
            spans = chunks[first : last + 1]
            if not _is_decimal(region.string, spans):
                yield [place for low, high in spans for place in range(low, high)]
        offset += end - start


def _lengths(prefix: str) -> tuple[int, ...]:
    """The lengths a card number that begins with these six digits may have."""
    for first, last, lengths in _BY_PREFIX.get(prefix[:4], ()):
        if first <= prefix[: len(first)] <= last:
            return lengths
    return ()


def _has_check_digit(digits: str) -> bool:
    code_points = digits.encode("ascii")
    total = sum(code_points[::-2]) + sum(code_points[-2::-2].translate(_DOUBLED))
    return (total - 48 * len(digits)) % 10 == 0


def _is_decimal(view: str, chunks: list[tuple[int, int]]) -> bool:
    """Two chunks around one dot, the first short: a coordinate or a rate (51.50735091234567)."""
    if len(chunks) != 2 or chunks[0][1] - chunks[0][0] > 3:
        return False
    return view[chunks[0][1] : chunks[1][0]] == "."


def _fold(text: str) -> str:
    """`text`, character by character, with digits of all scripts in ASCII and other separators as blanks."""
    return text if text.isascii() else _NON_ASCII.sub(lambda part: part[0].translate(_FOLD), text)


def _may_escape(text: str) -> bool:
    return "\\" in text or "%" in text


def _read(text: str) -> str:
    """`text` with its escapes resolved, folded."""
    return _fold(_ESCAPE.sub(_unescaped, text) if _may_escape(text) else text)


def _unescaped(escape: re.Match[str]) -> str:
    """The one character that an escape spells; `?` where it spells none."""
    spelled = escape[0]
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


def _spelled_characters(text: str) -> Iterator[str]:
    """The characters of `text` as they are spelled there: an escape is one."""
    place = 0
    for escape in _ESCAPE.finditer(text):
        yield from text[place : escape.start()]
        yield escape[0]
        place = escape.end()
    yield from text[place:]


def _looks_suspicious(raw: bytes) -> bool:
    squashed = raw.translate(_SQUASH_TABLE, _SQUASH_AWAY)
    blurred = squashed.translate(_BLUR_TABLE)
    if _has_long_run(squashed, blurred) and _RAW_RUN.search(raw) is not None:
        return True
    if _may_name_cvv(raw, squashed, blurred):
        return True
    if _BLURRED_EXPONENT.search(blurred) is not None and _RAW_EXPONENT.search(raw) is not None:
        return True
    return _BLURRED_BASE64.search(raw.translate(_BASE64_BLUR)) is not None and _RAW_BASE64_GATE.search(raw) is not None


def _has_long_run(squashed: bytes, blurred: bytes) -> bool:
    """Whether 13 digits that start like a card's stand in one run; timestamps in milliseconds do not."""
    place = blurred.find(_BLURRED_RUN)
    while place >= 0:
        after = place + 13
        if squashed[place] != 0x31 or blurred[after : after + 1] == b"0":
            if _SQUASHED_RUN.match(squashed, place) is not None:
                return True
            while blurred[after : after + 1] == b"0":
                after += 1
        place = blurred.find(_BLURRED_RUN, after)
    return False


def _may_name_cvv(raw: bytes, squashed: bytes, blurred: bytes) -> bool:
    rare = _BLURRED_PHRASE in blurred
    cvvs = 0
    for hint in _BLURRED_WORD.finditer(blurred):
        word = squashed[hint.start() : hint.start() + 3]
        if word == b"cvv":
            cvvs += 1
        elif word == b"cvc":
            return True
        elif word in _HINTED_WORDS or squashed.endswith(b"verifi", 0, hint.start()):
            rare = True
    if cvvs > 0:
        for lawful in _RAW_LAWFUL_CVV.finditer(raw):
            # An escaped quote before it: not a key, but text that quotes one.
            cvvs -= raw[lawful.start() - 1] != 0x5C
    return cvvs > 0 or (rare and _RAW_CVV_RARE_WORD.search(raw) is not None)


def _has_telling_characters(raw: bytes) -> bool:
    """Whether non-ASCII characters or escapes of the body could spell digits, separators or letters."""
    if not raw.isascii():
        others = raw.translate(None, _ASCII).decode("utf-8", "replace")
        if not _FOLDED.isdisjoint(others):
            return True
    if b"\\" in raw and not _TELLING_ESCAPES.isdisjoint(map(bytes.lower, _RAW_ESCAPE.findall(raw))):
        return True
    return b"%" in raw and _RAW_PERCENT.search(raw) is not None
