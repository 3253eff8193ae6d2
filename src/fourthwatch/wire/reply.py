"""What goes back to the shop: receipts, scores and errors, as bytes.

Every reply is an object that old clients can digest: `status` and `message`, or `error` and `message`, always non-null
strings (contract, section 3); everything of ours stands beside them.
"""

import msgspec

from fourthwatch.errors import Diagnostic, Malformed, NotUnderstood, Refused
from fourthwatch.limits import WARNINGS_MAX


class BodyWarning(msgspec.Struct, frozen=True, gc=False):
    """Something in a body that was taken, but not as sent."""

    pointer: str
    """RFC 6901 pointer into the body; `""` is the whole body."""
    code: str
    message: str


class Reason(msgspec.Struct, frozen=True, gc=False):
    """One signal behind a score, in the contract's shape; `value` is text even for numbers."""

    name: str
    display_name: str
    flag: str
    """`red`, `green`, or `grey` for one that only informs."""
    value: str
    is_display: bool = True


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The answer to an event. The last four keys come with decided events only."""

    status: str
    message: str
    event_id: str
    warnings: tuple[BodyWarning, ...] = ()
    score: int | msgspec.UnsetType = msgspec.UNSET
    """0 to 100."""
    flag: str | msgspec.UnsetType = msgspec.UNSET
    verdict: str | msgspec.UnsetType = msgspec.UNSET
    reasons: tuple[Reason, ...] | msgspec.UnsetType = msgspec.UNSET
    degraded: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Stages that were skipped because the order had waited for too long; it is decided again in full right after."""


class ScoreReply(msgspec.Struct, frozen=True, gc=False):
    """The answer of the score API, in the contract's keys."""

    order_id: str
    user_id: str
    order_timestamp: str
    score: int
    flag: str
    reasons: tuple[Reason, ...]


class ErrorReply(msgspec.Struct, frozen=True, gc=False):
    """The answer to anything that was not taken."""

    error: str
    message: str
    code: str
    pointer: str | msgspec.UnsetType = msgspec.UNSET
    diagnostics: tuple[Diagnostic, ...] | msgspec.UnsetType = msgspec.UNSET
    """Faults of a text in the language, by place."""
    rendered: str | msgspec.UnsetType = msgspec.UNSET
    """The same for people: each line with a caret under the fault."""


encode = msgspec.json.Encoder().encode


def error_body(error: Refused) -> bytes:
    """The JSON body that tells a client why it was refused."""
    if isinstance(error, NotUnderstood):
        told, shown = error.diagnostics, error.rendered
        return encode(ErrorReply(error.message, error.message, error.code, diagnostics=told, rendered=shown))
    pointer = error.pointer if isinstance(error, Malformed) else msgspec.UNSET
    return encode(ErrorReply(error.message, error.message, error.code, pointer))


def within_limit(warnings: list[BodyWarning]) -> tuple[BodyWarning, ...]:
    """At most `WARNINGS_MAX` warnings; one more says how many there were."""
    if len(warnings) <= WARNINGS_MAX:
        return tuple(warnings)
    more = len(warnings) - WARNINGS_MAX
    return (*warnings[:WARNINGS_MAX], BodyWarning("", "more_warnings", f"{more} more warnings were left out"))
