"""What a management route says when it refuses: a problem document (RFC 9457) instead of the old contract's error.

`code` is the stable part; `type` is a name made of it, and the one place where its meaning stands is the reference.
"""

import msgspec
from starlette.responses import Response

from fourthwatch.errors import Diagnostic, Fault, Malformed, NotUnderstood, Refused
from fourthwatch.limits import WARNINGS_MAX
from fourthwatch.wire.reply import encode

MANAGEMENT = "/api/v1"
PROBLEM_JSON = "application/problem+json"


class Problem(msgspec.Struct, frozen=True):
    """The answer of a management route to anything that was not taken."""

    type: str
    """`urn:fourthwatch:problem:` and the code."""
    title: str
    """The code for people."""
    status: int
    """As in the reply's first line."""
    detail: str
    """A sentence that says what would be right; it holds no value from the body."""
    code: str
    """For programs; does not change."""
    pointer: str | msgspec.UnsetType = msgspec.UNSET
    """RFC 6901 pointer into the body, when it is at fault; `""` is the whole body."""
    errors: tuple[Fault, ...] | msgspec.UnsetType = msgspec.UNSET
    """Everything that is wrong with what was sent: the first 32, and one that says how many more."""
    diagnostics: tuple[Diagnostic, ...] | msgspec.UnsetType = msgspec.UNSET
    """Faults of a text in the language, by place."""
    rendered: str | msgspec.UnsetType = msgspec.UNSET
    """The same for people: each line with a caret under the fault."""


def is_management(path: str) -> bool:
    """Whether a path is refused with a problem document."""
    return path == MANAGEMENT or path.startswith(MANAGEMENT + "/")


def problem_of(refusal: Refused) -> Problem:
    """A refusal as a problem."""
    fault = refusal if isinstance(refusal, NotUnderstood) else None
    return Problem(
        type=f"urn:fourthwatch:problem:{refusal.code}",
        title=refusal.code.replace("_", " ").capitalize(),
        status=refusal.status,
        detail=refusal.message,
        code=refusal.code,
        pointer=refusal.pointer if isinstance(refusal, Malformed) else msgspec.UNSET,
        errors=_within_limit(getattr(refusal, "faults", ())) or msgspec.UNSET,
        diagnostics=msgspec.UNSET if fault is None else fault.diagnostics,
        rendered=msgspec.UNSET if fault is None else fault.rendered,
    )


def _within_limit(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    more = len(faults) - WARNINGS_MAX
    if more <= 0:
        return faults
    return (*faults[:WARNINGS_MAX], Fault("", "more_errors", f"{more} more errors were left out"))


def problem_reply(refusal: Refused, headers: dict[str, str] | None = None) -> Response:
    """The whole reply, with `Retry-After` where trying again helps."""
    told = dict(headers or {})
    if refusal.retry_after_s is not None:
        told["Retry-After"] = str(refusal.retry_after_s)
    return Response(encode(problem_of(refusal)), refusal.status, told, PROBLEM_JSON)
