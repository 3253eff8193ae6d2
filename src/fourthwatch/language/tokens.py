"""The text in pieces: words, names, literals and signs, each with its place.

What another language would write (`&&`, `=`, `'text'`, `AND`) is reported with what is meant here, and then
read as that, so that the rest of the text is still looked at.
"""

import math
import re
from typing import Literal, NamedTuple

from fourthwatch.language.diagnose import SPLIT_HINT, Findings, quoted
from fourthwatch.limits import EXPRESSION_CHARS_MAX, JSON_DEPTH_MAX, JSON_INTEGER_MAX

TokenKind = Literal["number", "duration", "text", "name", "reserved", "sign", "end"]

RESERVED = frozenset({"and", "or", "not", "in", "true", "false", "where", "of", "by"})
"""Words that no field can be called by itself; behind a dot they are free."""
UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}

_SPACE = re.compile(r"[ \t\r\n]+")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SEGMENT = re.compile(r"[A-Za-z0-9_]+")
_NUMBER = re.compile(r"[0-9]+(?:_[0-9]+)*(?P<part>\.[0-9]+(?:_[0-9]+)*)?(?P<power>[eE][+-]?[0-9]+(?![A-Za-z0-9_]))?")
_TAIL = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_PLAIN = re.compile(r'[^"\\\n\r]*')
_SIGNS = ("==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", "|")
_SURE_SIGNS = frozenset("+-*/%()[],")
"""Signs that no longer one begins with, ours or foreign."""
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "r": "\r", "t": "\t"}
_FOREIGN_SIGNS = {"&&": "and", "||": "or", "<>": "!=", "===": "==", "!==": "!=", "=": "==", "!": "not", "&": "and"}
_FOREIGN_ORDER = sorted(_FOREIGN_SIGNS, key=len, reverse=True)
_FOREIGN_WORDS = {"AND": "and", "OR": "or", "NOT": "not", "IN": "in", "True": "true", "False": "false"}
_NOTHING = frozenset({"null", "None", "NULL", "nil", "undefined"})
_QUOTES = "'‘’“”„«»`"
_LONG_UNITS = re.compile("sec(ond)?s?|min(ute)?s?|hrs?|hours?|days?|weeks?|[smhdw]", re.IGNORECASE)
_DIGITS_MAX = 40
_SURROGATE = re.compile("[\ud800-\udfff]")


class Token(NamedTuple):
    """One piece of the text."""

    kind: TokenKind
    value: str | int | float | tuple[str, ...]
    """A text without quotes, a number, milliseconds, a path; of the other kinds as it stands in the text."""
    start: int
    end: int

    def is_one(self, *values: str) -> bool:
        """Whether it is one of these reserved words or signs."""
        return self.value in values and (self.kind == "sign" or self.kind == "reserved")

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these words, which have a meaning only in their place."""
        return self.kind == "name" and self.value in tuple((word,) for word in words)


def tokens_of(source: str, findings: Findings) -> list[Token]:
    """The pieces of a text, the last one of kind `end`; faults are reported and stepped over."""
    if len(source) > EXPRESSION_CHARS_MAX:
        message = f"an expression has up to {EXPRESSION_CHARS_MAX:,} characters, this has {len(source):,}"
        findings.report(EXPRESSION_CHARS_MAX, EXPRESSION_CHARS_MAX + 1, "too_long", message, SPLIT_HINT)
        return [Token("end", "", EXPRESSION_CHARS_MAX, EXPRESSION_CHARS_MAX)]
    return _Reader(source, findings).tokens()


class _Reader:
    def __init__(self, source: str, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._tokens: list[Token] = []

    def tokens(self) -> list[Token]:
        source, at = self._source, 0
        while at < len(source):
            space = _SPACE.match(source, at)
            if space is not None:
                at = space.end()
                continue
            char = source[at]
            if char == '"':
                at = self._text(at)
            elif char.isascii() and char.isdigit():
                at = self._number(at)
            elif _WORD.match(source, at) is not None:
                at = self._name(at)
            else:
                at = self._sign(at)
        self._tokens.append(Token("end", "", len(source), len(source)))
        return self._tokens

    def _take(self, kind: TokenKind, value: str | int | float | tuple[str, ...], start: int, end: int) -> int:
        self._tokens.append(Token(kind, value, start, end))
        return end

    def _report(self, start: int, end: int, code: str, message: str, hint: str | None = None) -> None:
        self._findings.report(start, end, code, message, hint)

    # Names and words.

    def _name(self, start: int) -> int:
        source = self._source
        found = _WORD.match(source, start)
        assert found is not None
        word, at = found.group(), found.end()
        path = [word]
        while source.startswith(".", at):
            segment = _SEGMENT.match(source, at + 1)
            if segment is not None:
                path.append(segment.group())
                at = segment.end()
            elif source.startswith('"', at + 1):
                key, at = self._quoted(at + 1)
                path.append(key)
            else:
                self._report(
                    at, at + 1, "open_name", "a name goes on after its dot", 'as in custom.city or custom."a b"'
                )
                at += 1
        if len(path) > JSON_DEPTH_MAX:
            hint = "what is sent is not deeper, so nothing can stand there"
            self._report(start, at, "too_deep", f"a name has up to {JSON_DEPTH_MAX} parts", hint)
        if len(path) > 1:
            return self._take("name", tuple(path), start, at)
        if word in RESERVED:
            return self._take("reserved", word, start, at)
        if word in _FOREIGN_WORDS:
            meant = _FOREIGN_WORDS[word]
            self._report(start, at, "capital_word", f"{quoted(word)} is written in small letters", f"write {meant}")
            return self._take("reserved", meant, start, at)
        if word in _NOTHING:
            hint = "missing(x) and known(x) ask whether there is a value; default(x, 0) puts another in its place"
            self._report(start, at, "no_null", f"there is no {quoted(word)}: what is not there is unknown", hint)
            return self._take("reserved", "false", start, at)
        return self._take("name", (word,), start, at)

    # Numbers and durations.

    def _number(self, start: int) -> int:
        source = self._source
        found = _NUMBER.match(source, start)
        assert found is not None
        digits, end = found.group().replace("_", ""), found.end()
        whole = found["part"] is None and found["power"] is None
        tail = _TAIL.match(source, end)
        if tail is not None:
            return self._number_with_tail(start, digits, whole, tail)
        if source.startswith(".", end):
            self._report(end, end + 1, "bad_number", "a number has digits on both sides of its point", "as in 0.5")
            end += 1
        if len(digits) > _DIGITS_MAX:
            self._report(start, end, "bad_number", f"a number has up to {_DIGITS_MAX} digits")
            return self._take("number", 0, start, end)
        if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
            hint = f'a code is a text: "{digits}"'
            self._report(start, end, "bad_number", "a number does not begin with a needless 0", hint)
        value = int(digits) if whole else float(digits)
        if not math.isfinite(value) or (whole and value > JSON_INTEGER_MAX):
            self._report(start, end, "bad_number", "this number is too large", f"up to {JSON_INTEGER_MAX}, or 1e300")
            value = 0
        return self._take("number", value, start, end)

    def _number_with_tail(self, start: int, digits: str, whole: bool, tail: re.Match[str]) -> int:
        unit, end = tail.group(), tail.end()
        each_ms = UNIT_MS.get(unit)
        ms = 0 if each_ms is None or not whole or len(digits) > _DIGITS_MAX else int(digits) * each_ms
        if each_ms is None:
            hint = "durations end in s, m, h, d or w, as in 10m or 7d"
            meant = unit[:1].lower()
            if len(digits) <= _DIGITS_MAX and _LONG_UNITS.fullmatch(unit):
                hint = f"write {digits}{meant}"
            self._report(start, end, "bad_unit", f"there is no unit {quoted(unit)}", hint)
        elif not whole:
            self._report(
                start, end, "bad_number", "a duration is a whole number of its unit", "90m, for an hour and a half"
            )
        elif len(digits) > _DIGITS_MAX or ms > JSON_INTEGER_MAX:
            self._report(start, end, "bad_number", "this duration is too long")
            ms = 0
        elif len(digits) > 1 and digits[0] == "0":
            self._report(start, end, "bad_number", "a duration does not begin with a needless 0")
        return self._take("duration", ms, start, end)

    # Texts.

    def _text(self, start: int) -> int:
        value, end = self._quoted(start)
        return self._take("text", value, start, end)

    def _quoted(self, start: int) -> tuple[str, int]:
        """The text that begins with the quote at `start`, and the offset behind it."""
        source, at, parts = self._source, start + 1, []
        while True:
            plain = _PLAIN.match(source, at)
            assert plain is not None
            surrogate = _SURROGATE.search(plain.group())
            if surrogate is not None:
                where = at + surrogate.start()
                self._report(where, where + 1, "bad_character", "half of a character (a surrogate)")
            parts.append(plain.group())
            at = plain.end()
            if source.startswith('"', at):
                return "".join(parts), at + 1
            if not source.startswith("\\", at):
                hint = "a line break inside a text is \\n" if at < len(source) else None
                self._report(start, at, "open_text", "this text has no closing quote", hint)
                return "".join(parts), at
            piece, at = self._escape(at)
            parts.append(piece)

    def _escape(self, start: int) -> tuple[str, int]:
        source = self._source
        letter = source[start + 1 : start + 2]
        if letter in _ESCAPES:
            return _ESCAPES[letter], start + 2
        code = source[start + 2 : start + 6]
        if letter == "u" and re.fullmatch("[0-9a-fA-F]{4}", code) and not 0xD800 <= int(code, 16) <= 0xDFFF:
            return chr(int(code, 16)), start + 6
        hint = 'there are \\" \\\\ \\n \\r \\t and \\u followed by four hexadecimal digits'
        end = start + (1 if letter in ("", "\n", "\r") else 2)
        self._report(start, end, "bad_escape", "a backslash begins an escape, and this is none", hint)
        return "", end

    # Signs, and what is none of ours.

    def _sign(self, start: int) -> int:
        source = self._source
        if source[start] in _SURE_SIGNS:
            return self._take("sign", source[start], start, start + 1)
        for foreign in _FOREIGN_ORDER:
            if source.startswith(foreign, start) and not (len(foreign) == 1 and source.startswith("==", start)):
                if foreign == "!" and source.startswith("!=", start):
                    continue
                meant, end = _FOREIGN_SIGNS[foreign], start + len(foreign)
                self._report(start, end, "foreign_sign", f"there is no {quoted(foreign)}", f"write {meant}")
                return self._take("reserved" if meant.isalpha() else "sign", meant, start, end)
        for sign in _SIGNS:
            if source.startswith(sign, start):
                return self._take("sign", sign, start, start + len(sign))
        char = source[start]
        if char in _QUOTES:
            return self._foreign_text(start)
        point = _SEGMENT.match(source, start + 1) if char == "." else None
        if point is not None and point.group().isdigit():
            self._report(
                start, point.end(), "bad_number", "a number has digits on both sides of its point", "as in 0.5"
            )
            return self._take("number", 0.0, start, point.end())
        hints = {
            "^": "there are no powers; log(x) is the natural logarithm",
            "#": "there are no comments inside an expression",
            "{": 'a list stands in square brackets: ["a", "b"]',
            ";": "an expression is one; join conditions with and",
            "?": "if_else(condition, a, b) chooses between two",
            "$": "a field is named by itself, as in amount",
            "@": 'a text stands in double quotes: "a@b.example"',
        }
        if not char.isprintable() or char.isspace():
            message = f"the character U+{ord(char):04X} has no place here"
            hint = "put a plain space instead" if char.isspace() else "take it out; it may have come along when copying"
        else:
            message, hint = f"{quoted(char)} has no place here", hints.get(char, "")
        self._report(start, start + 1, "bad_character", message, hint or None)
        return start + 1

    def _foreign_text(self, start: int) -> int:
        """A text in other quotes: up to the next quote of any kind on the line."""
        end = start + 1
        while end < len(self._source) and self._source[end] not in _QUOTES + '"\n':
            end += 1
        value = _SURROGATE.sub("", self._source[start + 1 : end])
        end = min(end + 1, len(self._source)) if self._source[end : end + 1] != "\n" else end
        self._report(start, end, "foreign_quote", "a text stands in straight double quotes", 'as in "text"')
        return self._take("text", value, start, end)
