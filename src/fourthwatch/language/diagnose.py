"""Faults of a text, pointed at: line and column, the source with a caret, a hint, and what was probably meant."""

import difflib
from collections.abc import Iterable

from fourthwatch.errors import Diagnostic, LanguageError
from fourthwatch.limits import DIAGNOSTICS_MAX

__all__ = ["Diagnostic", "Findings", "LanguageError", "did_you_mean", "nearest", "place_of", "render"]

_SHOWN_MAX = 100
"""Characters of a source line that are shown, around the fault."""
_WORD_MAX = 64
"""Characters of a word that are compared with what there is, and quoted."""


SPLIT_HINT = "define parts of it as features, and use their names"


class Findings:
    """The faults found in one text so far; the same place is reported once."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._found: dict[tuple[int, int], Diagnostic] = {}

    def __len__(self) -> int:
        return len(self._found)

    def has(self, *codes: str) -> bool:
        """Whether a fault with one of these codes was reported."""
        return any(diagnostic.code in codes for diagnostic in self._found.values())

    def report(self, start: int, end: int, code: str, message: str, hint: str | None = None) -> None:
        """Remember a fault between two offsets; beyond the limit it is dropped."""
        if len(self._found) < DIAGNOSTICS_MAX:
            line, column, end_column = place_of(self._source, start, end)
            self._found.setdefault((line, column), Diagnostic(line, column, end_column, code, message, hint))

    def raise_if_any(self) -> None:
        """Raise `LanguageError` with everything that was reported."""
        if self._found:
            raise LanguageError(tuple(self._found[place] for place in sorted(self._found)))


def place_of(source: str, start: int, end: int) -> tuple[int, int, int]:
    """Line, column and end column of the text between two offsets; what goes on in later lines is cut off.

    >>> place_of("a and\\nb and c", 6, 13), place_of("a", 1, 1)
    ((2, 1, 8), (1, 2, 2))
    """
    start = min(max(start, 0), len(source))
    line_start = source.rfind("\n", 0, start) + 1
    line_end = source.find("\n", start)
    end = min(max(end, start), len(source) if line_end < 0 else line_end)
    return source.count("\n", 0, start) + 1, start - line_start + 1, end - line_start + 1


def render(source: str, diagnostics: Iterable[Diagnostic]) -> str:
    """Every fault with its line of the source, for people; ends with a newline.

    Characters that would move the cursor are shown as a dot, a long line is cut around the fault.
    """
    lines = source.split("\n")
    return "\n".join(_rendered(lines, diagnostic) for diagnostic in diagnostics)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint naming the nearest of what there is; `None` when nothing is near.

    >>> did_you_mean("amout", ["amount", "currency_code"])
    'did you mean `amount`?'
    """
    near = nearest(word, known)
    return None if near is None else f"did you mean `{near}`?"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The nearest of what there is, whatever the case of its letters; `None` when nothing is near."""
    by_folded: dict[str, str] = {}
    for one in known:
        by_folded.setdefault(one.lower(), one)
    matches = difflib.get_close_matches(word[:_WORD_MAX].lower(), by_folded, n=1, cutoff=0.65)
    return by_folded[matches[0]] if matches else None


def quoted(text: str) -> str:
    """A piece of the source inside a message; cut when long.

    >>> quoted("amount"), quoted("a\\x1bb")
    ('`amount`', '`a·b`')
    """
    return f"`{_visible(text[:_WORD_MAX])}{'…' if len(text) > _WORD_MAX else ''}`"


def _rendered(lines: list[str], diagnostic: Diagnostic) -> str:
    line = lines[diagnostic.line - 1]
    first, after = diagnostic.column - 1, diagnostic.end_column - 1
    cut = max(0, min(first - _SHOWN_MAX // 4, len(line) - _SHOWN_MAX))
    shown = _visible(line[cut : cut + _SHOWN_MAX])
    head = "… " if cut > 0 else ""
    tail = " …" if cut + _SHOWN_MAX < len(line) else ""
    width = max(1, min(after, cut + _SHOWN_MAX) - first)
    margin = str(diagnostic.line)
    blank = " " * len(margin)
    text = [
        f"{diagnostic.line}:{diagnostic.column}: {diagnostic.message} [{diagnostic.code}]",
        f"  {margin} | {head}{shown}{tail}".rstrip(),
        f"  {blank} | {' ' * (len(head) + first - cut)}{'^' * width}",
    ]
    if diagnostic.hint is not None:
        text.append(f"  {blank} = {diagnostic.hint}")
    return "\n".join(text) + "\n"


def _visible(text: str) -> str:
    return "".join(char if char.isprintable() else " " if char == "\t" else "·" for char in text)
