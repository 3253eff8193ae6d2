"""Card numbers and card verification values are taken out before anything of an event is stored or logged.

The one rule: `may_hold_card_data` may be wrong only in saying yes; whatever it lets pass, `mask` would have left alone.

A card number is 13-19 digits with a card scheme's prefix and length and a right check digit (PCI DSS 3.4 permits the
first six and the last four to stay). Digits may be spelled in any script, split by separators (by `:`, `*` and `%` in
even fours only), escaped as JSON or URL text within a text, or wrapped in base64. A window inside a longer run of bare
digits is not looked at: that is an id.
About 3 % of random 16-digit ids look like card numbers and are masked too; a shop that has such ids names their field
in `keep`. Timestamps in milliseconds never look like one; those in microseconds do not before 2039-09-18, when they
reach the prefixes of Mir.

One document is given so much work and no more (`limits.MASKING_WORK_MAX`). No order comes near it; where a document
is built to exceed it, every run of 13 digits in the rest of it is masked whole, whether it may be a card number or not.
"""

import base64
import re
from collections.abc import Callable
from typing import Literal

import msgspec

from fourthwatch.limits import MASKING_WORK_MAX, TEXT_ID_MAX, WARNINGS_MAX
from fourthwatch.wire.card_numbers import (
    BASE64_DIGITS,
    CVV_WORDS,
    FOLD,
    SEPARATORS,
    even_card_numbers,
    fold,
    has_check_digit,
    is_card_number,
    lengths_of,
    may_escape,
    read,
    spelled_characters,
)
from fourthwatch.wire.scan import may_hold_card_data

__all__ = ["Code", "Masked", "Work", "is_card_number", "mask", "mask_text", "may_hold_card_data"]

Code = Literal["card_number_masked", "cvv_masked"]

_SENTENCES: dict[Code, str] = {
    "card_number_masked": (
        "A card number was masked to its first six and last four digits; if this is a number of your own, "
        "have its key added to FOURTHWATCH_NUMBER_FIELDS."
    ),
    "cvv_masked": "A card verification value was removed; do not send it.",
}

_DIGIT = re.compile(r"[0-9]")
# A chunk of digits that may begin a card number, and what follows it, up to 19 digits in all.
_START = re.compile(
    r"(?<![0-9])(?=((?:[3-6]|2[ \t\n\r\-./_+]{0,4}(?=[2-7])|8[ \t\n\r\-./_+]{0,4}(?=[12]))"
    r"(?:[ \t\n\r\-./_+]{0,4}[0-9]){12,18}))[0-9]+"
)
_REGION = re.compile(r"(?<![0-9])[0-9](?:[ \t\n\r\-./_+]{0,4}[0-9]){12,}")
_WITHOUT_SEPARATORS = str.maketrans("", "", SEPARATORS)

_BASE64_GATE = re.compile(BASE64_DIGITS)
_BASE64_ALIGNED = re.compile(r"(?:[A-Za-z0-9+/_-]{4})*?" + BASE64_DIGITS)
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{18,}={0,2}")
_LATIN_FOLD = bytes(ord(FOLD.get(octet, chr(octet))) for octet in range(256))

_CVV_WORD = re.compile(CVV_WORDS, re.IGNORECASE | re.ASCII)
_CVV_TEXT = re.compile(
    rf"(?:{CVV_WORDS})2?(?:[ _\-]{{0,2}}(?:response|result|check|code|value|number|num|no))*"
    r"""[\s"'\\:=#/>()\[\].\-]{1,8}(?:(?:is|was|no|number|code)[\s"':=#.]{1,4})?([0-9]{3,4})(?![0-9])""",
    re.IGNORECASE | re.ASCII,
)

_WHOLE = "***"
_CHARS_PER_WORK = 16
"""Characters that are read again, or decoded, for the price of one window of digits."""
_BASE64_RUN_WORK = 8
_BARE_NUMBER_BELOW = 10**12
"""Numbers of up to twelve digits cannot be a card's."""

_Edits = dict[int, tuple[int, str]]
"""Where to write: first character, one after the last, and what stands there then."""


class Masked(msgspec.Struct, frozen=True):
    """One value (or key) of a document that was masked.

    `pointer` is an RFC 6901 pointer into the masked document: keys that held a number stand there masked, and keys of
    more than `limits.TEXT_ID_MAX` characters cut. After the first `limits.WARNINGS_MAX` ones it is empty.
    """

    pointer: str
    code: Code

    @property
    def sentence(self) -> str:
        """What happened and the way out, for the sender."""
        return _SENTENCES[self.code]


_UNPLACED: dict[Code, Masked] = {code: Masked("", code) for code in _SENTENCES}


class Work:
    """What may still be spent on one document, in windows of digits looked at (each about half a microsecond).

    Only what the prefilter suspects costs anything, so a document that it lets pass is never short of it.
    """

    def __init__(self, left: int = MASKING_WORK_MAX) -> None:
        self.left = left

    @property
    def is_over(self) -> bool:
        """Whether the rest has to be masked whole."""
        return self.left <= 0

    def spend(self, amount: int) -> None:
        """May overdraw: what was begun is finished."""
        self.left -= amount


def mask(document: object, keep: frozenset[str] = frozenset(), work: Work | None = None) -> tuple[object, list[Masked]]:
    """A copy of the decoded JSON `document` without card numbers and verification values, and what went.

    The input is left alone; where nothing is found, the same object comes back with an empty list. `keep` are
    names of keys whose values are the shop's own numbers: a value that is nothing but ASCII digits stays
    there; a card number within longer text does not, nor does a verification value. A masked number becomes a
    text. Recursive: the document's depth is the caller's to bound (`limits.JSON_DEPTH_MAX`).

    >>> mask({"_note": "paid by 4111 1111 1111 1111", "cvv": 123})[0]
    {'_note': 'paid by 4111 11** **** 1111', 'cvv': '***'}
    """
    walk = _Walk(keep, Work() if work is None else work)
    return walk.value(document, in_cvv=False, kept=False), walk.found


def mask_text(text: str) -> str:
    """`text` for a log line or an error, without card numbers and card verification values.

    >>> mask_text("charge of 5500005555555559 refused, cvv: 123")
    'charge of 550000******5559 refused, cvv: ***'
    """
    return _masked_text(text, Work())[0]


class _Walk:
    """One pass over a document; `path` is where it is, in names of the masked document and places of its arrays."""

    def __init__(self, keep: frozenset[str], work: Work) -> None:
        self.keep = keep
        self.work = work
        self.path: list[str | int] = []
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
        counts: dict[str, int] = {}
        changed = False
        for key, value in node.items():
            name, codes = _masked_text(key, self.work)
            if codes:
                name = _free_name(name, copy, node, counts)
                changed = True
            self.path.append(name[:TEXT_ID_MAX])
            self._record(codes)
            copy[name] = masked = self.value(value, in_cvv=in_cvv or _names_cvv(key), kept=key in self.keep)
            changed = changed or masked is not value
            self.path.pop()
        return copy if changed else node

    def _array(self, node: list[object], *, in_cvv: bool, kept: bool) -> object:
        copy: list[object] | None = None
        for index, value in enumerate(node):
            # Long arrays are of small things; those are passed over at once.
            if type(value) is int and not in_cvv and -_BARE_NUMBER_BELOW < value < _BARE_NUMBER_BELOW:
                continue
            self.path.append(index)
            masked = self.value(value, in_cvv=in_cvv, kept=kept)
            self.path.pop()
            if masked is not value:
                copy = list(node) if copy is None else copy
                copy[index] = masked
        return node if copy is None else copy

    def _text(self, text: str, *, in_cvv: bool, kept: bool) -> str:
        if in_cvv and _is_cvv(text):
            self._record(("cvv_masked",))
            return "***"
        if kept and text.isascii() and text.isdigit():
            return text
        masked, codes = _masked_text(text, self.work)
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
        if kept or abs(number) < _BARE_NUMBER_BELOW:
            return number
        if self.work.is_over:
            self._record(("card_number_masked",))
            return _WHOLE
        masked, codes = _masked_text(digits, self.work)
        self._record(codes)
        return masked if codes else number

    def _record(self, codes: tuple[Code, ...]) -> None:
        if not codes:
            return
        if len(self.found) >= WARNINGS_MAX:  # the rest is only counted in the reply
            self.found += [_UNPLACED[code] for code in codes]
            return
        pointer = "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in self.path)
        self.found += [Masked(pointer, code) for code in codes]


def _free_name(name: str, taken: dict[str, object], node: dict[str, object], counts: dict[str, int]) -> str:
    """`name`, or with a number behind it where masked keys would fall together; `counts` are the last such numbers."""
    candidate, count = name, counts.get(name, 1)
    while candidate in taken or candidate in node:
        count += 1
        candidate = f"{name} ({count})"
    counts[name] = count
    return candidate


def _names_cvv(key: str) -> bool:
    view = read(key)
    return _hints_cvv(view) and _CVV_WORD.search(view) is not None


def _hints_cvv(view: str) -> bool:
    """Whether `view` may hold one of the words; costs less than their pattern."""
    lower = view.lower()
    return "cv" in lower or "card" in lower or "csc" in lower or "cav" in lower or "curity" in lower or "verif" in lower


def _is_cvv(text: str) -> bool:
    """Whether `text` is three or four digits and nothing else but separators."""
    if len(text) > 64:
        return False
    view = read(text)
    digits = [char for char in view if char not in SEPARATORS]
    return 3 <= len(digits) <= 4 and all("0" <= char <= "9" for char in digits)


def _masked_text(text: str, work: Work) -> tuple[str, tuple[Code, ...]]:
    """`text` masked in all its readings, until nothing is found: a masked number ends the one before."""
    if len(text) < 7:  # shorter than "cvv 123" and than any card number
        return text, ()
    if len(text) < 18 and text.isascii() and not may_escape(text) and _DIGIT.search(text) is None:
        return text, ()
    codes: dict[Code, None] = {}
    readings: tuple[Callable[[str, dict[Code, None], Work], str], ...] = (_as_written, _as_escaped, _as_base64)
    while True:
        before = text
        for reading in readings:
            text = reading(text, codes, work)
        if text == before:
            return text, tuple(codes)
        work.spend(1 + len(text) // _CHARS_PER_WORK)


def _as_written(text: str, codes: dict[Code, None], work: Work) -> str:
    edits = _edits(fold(text), codes, work)
    return "".join(_edited(text, edits)) if edits else text


def _as_escaped(text: str, codes: dict[Code, None], work: Work) -> str:
    if not may_escape(text):
        return text
    edits = _edits(read(text), codes, work)
    return "".join(_edited(list(spelled_characters(text)), edits)) if edits else text


def _as_base64(text: str, codes: dict[Code, None], work: Work) -> str:
    if len(text) < 18 or _BASE64_GATE.search(text) is None:
        return text
    return _BASE64_RUN.sub(lambda run: _masked_base64(run[0], codes, work), text)


def _masked_base64(run: str, codes: dict[Code, None], work: Work) -> str:
    """`run` with the card numbers in it masked and encoded again; what stands before may shift it by 0-3."""
    if _BASE64_GATE.search(run) is None:
        return run
    if work.is_over:
        codes["card_number_masked"] = None
        return _WHOLE
    work.spend(_BASE64_RUN_WORK + len(run) // _CHARS_PER_WORK)
    body = run.rstrip("=")
    standard = body.replace("-", "+").replace("_", "/")
    for shift in range(4):
        if _BASE64_ALIGNED.match(body, shift) is None:
            continue
        # A tail of one character carries no whole byte; it stays as it is.
        end = len(body) - (1 if (len(body) - shift) % 4 == 1 else 0)
        coded = standard[shift:end]
        decoded = base64.b64decode(coded + "=" * (-len(coded) % 4))
        found: dict[Code, None] = {}
        edits = _edits(decoded.translate(_LATIN_FOLD).decode("latin-1"), found, work)
        if "card_number_masked" in found:
            codes.update(found)
            masked = "".join(_edited(decoded.decode("latin-1"), edits))
            coded = base64.b64encode(masked.encode("latin-1")).decode("ascii").rstrip("=")
            if "-" in body or "_" in body:
                coded = coded.replace("+", "-").replace("/", "_")
            return run[:shift] + coded + run[end:]
    return run


def _edits(view: str, codes: dict[Code, None], work: Work) -> _Edits:
    """What to write where in the folded text `view`; adds to `codes` what was found."""
    edits: _Edits = {}
    for match in _CVV_TEXT.finditer(view) if _hints_cvv(view) else ():
        codes["cvv_masked"] = None
        edits[match.start(1)] = (match.end(1), _WHOLE)
    if len(view) < 13:
        return edits
    for places in even_card_numbers(view):
        codes["card_number_masked"] = None
        edits.update((place, (place + 1, "*")) for place in places[6:-4])
    for start in _START.finditer(view):
        if work.is_over:
            break
        for places in _card_numbers(start, work):
            codes["card_number_masked"] = None
            for place in places[6:-4]:
                edits.setdefault(place, (place + 1, "*"))
    if work.is_over:
        for region in _REGION.finditer(view):
            codes["card_number_masked"] = None
            edits[region.start()] = (region.end(), _WHOLE)
    return edits


def _edited(characters: str | list[str], edits: _Edits) -> list[str]:
    """The pieces of the edited text; of two edits at one place the one that begins first counts."""
    pieces: list[str] = []
    place = 0
    for start in sorted(edits):
        if start >= place:
            end, written = edits[start]
            pieces += characters[place:start]
            pieces.append(written)
            place = end
    pieces += characters[place:]
    return pieces


def _card_numbers(start: re.Match[str], work: Work) -> list[list[int]]:
    """The places of the digits of each card number that begins at `start`, of any of its scheme's lengths.

    A number starts where a chunk of digits starts and ends where one ends. Overlapping ones are each masked.
    """
    window = start[1]
    digits = window.translate(_WITHOUT_SEPARATORS)
    lengths = lengths_of(digits[:6])
    work.spend(1 + len(lengths))
    numbers: list[list[int]] = []
    for length in lengths:
        if length > len(digits) or not has_check_digit(digits[:length]):
            continue
        places = [place for place, char in enumerate(window, start.start()) if char not in SEPARATORS][:length]
        ends = not start.string[places[-1] + 1 : places[-1] + 2].isdigit()
        if ends and not _is_decimal(start.string, places):
            numbers.append(places)
    return numbers


def _is_decimal(view: str, places: list[int]) -> bool:
    """Two chunks around one dot, the first short: a coordinate or a rate (51.50735091234567)."""
    first = next((count for count in range(1, 4) if places[count] != places[0] + count), None)
    if first is None or view[places[first - 1] + 1 : places[first]] != ".":
        return False
    return places[-1] - places[first] == len(places) - 1 - first
