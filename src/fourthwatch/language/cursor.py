"""Where the reading of a text stands: the next piece, what must come next, and how to go on after a fault."""

from typing import NoReturn

from fourthwatch.language.diagnose import SPLIT_HINT, Findings, quoted
from fourthwatch.language.tokens import Token
from fourthwatch.limits import EXPRESSION_DEPTH_MAX

_OPENING = ("(", "[")
_CLOSING = (")", "]")


class Stopped(Exception):
    """The text cannot be read on from here; the fault is reported. Caught at the innermost open bracket."""


class Cursor:
    """A walk over the pieces of one text."""

    def __init__(self, source: str, tokens: list[Token], findings: Findings) -> None:
        self.source = source
        self.findings = findings
        self.loose_in = True
        """Whether `in` may be followed by anything; between the halves of `share` only a literal makes it ours."""
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def next(self) -> Token:
        """The piece that comes next; at the end of the text the one of kind `end`."""
        return self._tokens[self._at]

    @property
    def after_next(self) -> Token:
        """The piece behind the next one."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def is_at_end(self) -> bool:
        """Whether there is no next piece."""
        return self.next.kind == "end"

    @property
    def end_before(self) -> int:
        """The offset behind the piece read last; 0 at the beginning."""
        return self._tokens[self._at - 1].end if self._at > 0 else 0

    def take(self) -> Token:
        """Read the next piece; the end of the text is never passed."""
        token = self.next
        if token.kind != "end":
            self._at += 1
        return token

    def accept(self, *values: str) -> Token | None:
        """Read the next piece when it is one of these signs or reserved words."""
        return self.take() if self.next.is_one(*values) else None

    def expect(self, value: str, where: str, hint: str | None = None) -> Token:
        """Read a sign or reserved word that has to come here."""
        token = self.accept(value)
        if token is None:
            self.fail("unexpected", f"expected {quoted(value)} {where}, not {self.shown()}", hint)
        return token

    def shown(self) -> str:
        """The next piece as it stands in the text, for a message."""
        token = self.next
        return "the end" if token.kind == "end" else quoted(self.source[token.start : token.end])

    def fail(self, code: str, message: str, hint: str | None = None, token: Token | None = None) -> NoReturn:
        """Report a fault at a piece, the next one if none is given, and stop."""
        at = self.next if token is None else token
        self.findings.report(at.start, at.end, code, message, hint)
        raise Stopped

    def enter(self) -> None:
        """One level more of brackets and signs; stops when there are too many. To be left again, whatever happens."""
        if self._depth >= EXPRESSION_DEPTH_MAX:
            self.fail("too_deep", f"more than {EXPRESSION_DEPTH_MAX} levels of brackets and signs", SPLIT_HINT)
        self._depth += 1

    def leave(self) -> None:
        """One level less."""
        self._depth -= 1

    def skip_to(self, *stops: str) -> None:
        """Go on after a fault: to the next of these signs outside of brackets, or to the end."""
        inside = 0
        while self.next.kind != "end":
            if inside == 0 and self.next.is_one(*stops):
                return
            if self.next.is_one(*_OPENING):
                inside += 1
            elif self.next.is_one(*_CLOSING):
                if inside == 0:
                    return
                inside -= 1
            self.take()

    def comes_inside(self, *words: str) -> bool:
        """Whether one of these reserved words comes inside the bracket just opened, outside of further ones."""
        inside = 0
        for at in range(self._at, len(self._tokens)):
            token = self._tokens[at]
            if token.is_one(*_OPENING):
                inside += 1
            elif token.is_one(*_CLOSING):
                if inside == 0:
                    return False
                inside -= 1
            elif inside == 0 and token.is_one(*words):
                return True
        return False
