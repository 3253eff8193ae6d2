"""Every error of the house, drawn. Raise the narrowest; its text names the thing, and what would be right.

FourthwatchError
├── Refused                 the caller's request cannot be taken; has an HTTP status and a code
│   ├── Malformed           400  the body is not what it should be; has a JSON pointer
│   │   └── ManyFaults      400  in several places; has all of them
│   ├── Unauthorised        401  no such key
│   ├── Forbidden           403  the key lacks the scope
│   ├── NotFound            404
│   ├── NameTaken           409  there is something of this name already
│   ├── InUse               409  something else is made of it
│   ├── TooManyFeatures     409  as many as can be kept
│   ├── TooManyEntries      409  as many lists, or entries of them, as can be kept
│   ├── TooManyEndpoints    409  the same of webhook endpoints
│   ├── NotListening        409  no shop has registered where to be told, or it would not understand
│   ├── NotUnderstood       400  a text is not in the language; has diagnostics
│   │   └── RulesRefused    400  a set of rules does not hold: texts, names, bounds, examples; has findings
│   ├── MethodNotAllowed    405
│   ├── Changed             412  it is not any more what the caller has seen
│   ├── ConditionMissing    428  the caller does not say what it has seen
│   ├── TooLarge            413
│   ├── Conflict            422  the Idempotency-Key belongs to another request
│   ├── TooMany             429  over the key's rate
│   └── Unavailable         503  full queue, full disk, starting or stopping; safe to retry
├── LedgerError             the data file
│   ├── LedgerFull          no room on the disk
│   ├── LedgerBusy          another program has held it for too long
│   ├── LedgerBroken        a write or sync failed: nothing more is acknowledged by this process
│   │   └── LedgerUnreadable    a place cannot be read: who asks for it is refused
│   └── LedgerUnusable      cannot be opened: wrong version, damaged, in use, unsafe SQLite
├── IndexDamaged            the index beside the data file cannot be used, and is made again from the ledger
├── RecordingError          a file of recorded events is not one; names the file and the line
├── DatasetError            a data set cannot be built or read; names the file or what is missing
├── RuleFileError           a file of rules is not one; names the file and the rule
├── ModelRefused            a model is not one, is damaged or lies about itself, or cannot be learned; says why
├── LanguageError           a text is not an expression, or not one over what there is; has diagnostics
├── SendingStopped          a server cannot be sent to: not there, not ours, or the key is refused
└── UsageError              a command was called wrongly; exit code 2
"""

from collections.abc import Sequence

import msgspec


class FourthwatchError(Exception):
    """Root of everything we raise on purpose."""


class Refused(FourthwatchError):
    """A request that cannot be taken. `message` is for the shop's engineer and holds no value from the body."""

    status = 400
    code = "refused"

    def __init__(self, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class Fault(msgspec.Struct, frozen=True, gc=False):
    """One thing that is wrong with a body."""

    pointer: str
    """RFC 6901 pointer into the body; `""` is the whole body."""
    code: str
    """For programs; does not change."""
    message: str


class Malformed(Refused):
    """The body is not what it should be; `pointer` is an RFC 6901 JSON pointer, `""` for the whole body."""

    status = 400
    code = "malformed"

    def __init__(self, message: str, *, pointer: str = "", code: str = "malformed") -> None:
        super().__init__(message)
        self.pointer = pointer
        self.code = code

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All that is wrong, this first."""
        return (Fault(self.pointer, self.code, self.message),)


class ManyFaults(Malformed):
    """Several things are wrong with a body; the pointer, the code and the words are those of the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first, more = faults[0], len(faults) - 1
        super().__init__(f"{first.message} (and {more} more)" if more else first.message, pointer=first.pointer,
                         code=first.code)  # fmt: skip
        self._faults = tuple(faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self._faults


class Unauthorised(Refused):
    status = 401
    code = "unauthorised"


class Forbidden(Refused):
    status = 403
    code = "forbidden"


class NotFound(Refused):
    status = 404
    code = "not_found"


class NameTaken(Refused):
    status = 409
    code = "name_taken"


class InUse(Refused):
    status = 409
    code = "in_use"


class TooManyFeatures(Refused):
    status = 409
    code = "too_many_features"


class TooManyEntries(Refused):
    status = 409
    code = "too_many_entries"


class MethodNotAllowed(Refused):
    status = 405
    code = "method_not_allowed"


class Changed(Refused):
    status = 412
    code = "precondition_failed"


class ConditionMissing(Refused):
    status = 428
    code = "precondition_required"


class TooLarge(Refused):
    status = 413
    code = "too_large"


class Conflict(Refused):
    status = 422
    code = "idempotency_conflict"


class TooMany(Refused):
    status = 429
    code = "too_many"


class Internal(Refused):
    status = 500
    code = "internal"


class Unavailable(Refused):
    status = 503
    code = "unavailable"


class LedgerError(FourthwatchError):
    """Something about the data file."""


class LedgerFull(LedgerError):
    """No room on the disk; the batch was rolled back."""


class LedgerBusy(LedgerError):
    """Another program has held the data file for too long; nothing was written, and it can be tried again."""


class LedgerBroken(LedgerError):
    """A write or a sync failed; what the disk holds is only known after a restart."""


class LedgerUnreadable(LedgerBroken):
    """What is stored at some place cannot be read: who asks for it is refused, and the rest goes on."""


class LedgerUnusable(LedgerError):
    """The data file cannot be opened; the text says why and what to do."""


class IndexDamaged(FourthwatchError):
    """The index beside the data file cannot be used; nothing is lost, it is made again from the ledger."""


class RecordingError(FourthwatchError):
    """A file of recorded events is not one; the text names the file and the line, and no value from it."""


class DatasetError(FourthwatchError):
    """A data set cannot be built or read; the text names the file or what is missing, and what would be right."""


class ModelRefused(FourthwatchError):
    """A model is not one, is damaged or lies about itself, or cannot be learned; the text says why."""


class Diagnostic(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One fault of a text, and where. Columns count characters; they and lines begin at 1."""

    line: int
    column: int
    end_column: int
    """The first column after the fault, on the same line; never less than `column`."""
    code: str
    """For programs; does not change."""
    message: str
    hint: str | None = None
    """What would be right; `None` when nothing is certain enough to be said."""


class RuleFileError(FourthwatchError):
    """A file of rules is not one; the text names the file and the rule, and what would be right."""


class LanguageError(FourthwatchError):
    """A text is not an expression, or not one over what there is; at least one diagnostic, by place in the text."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        first = diagnostics[0]
        more = f" (and {len(diagnostics) - 1} more)" if len(diagnostics) > 1 else ""
        super().__init__(f"line {first.line}, column {first.column}: {first.message}{more}")
        self.diagnostics = diagnostics


class TooManyEndpoints(Refused):
    status = 409
    code = "too_many_endpoints"


class NotListening(Refused):
    status = 409
    code = "not_listening"


class NotUnderstood(Refused):
    """A text that was sent is not in the language; `rendered` shows each fault in its line, for people."""

    status = 400
    code = "language"

    def __init__(self, diagnostics: tuple[Diagnostic, ...], rendered: str, pointer: str = "") -> None:
        super().__init__("the text is not an expression over what there is; see the diagnostics")
        self.diagnostics = diagnostics
        self.rendered = rendered
        self.faults = faults_in_text(pointer, diagnostics)
        """One for each diagnostic, at `pointer`, where the text stands."""


def faults_in_text(pointer: str, diagnostics: tuple[Diagnostic, ...]) -> tuple[Fault, ...]:
    """What is wrong with a text of a body, in a sentence each."""
    return tuple(
        Fault(pointer, one.code, f"line {one.line}, column {one.column}: {one.message}"
              + (f"; {one.hint}" if one.hint else ""))
        for one in diagnostics
    )  # fmt: skip


class Finding(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One thing about a rule, of a set, that is wrong or looks wrong."""

    rule: str
    """Its name; empty when it is about the set."""
    code: str
    """For programs; does not change."""
    message: str
    diagnostics: tuple[Diagnostic, ...] = ()
    """When it is about a text in the language: each fault and its place."""
    rendered: str = ""
    """The same for people."""


class RulesRefused(NotUnderstood):
    """A set of rules that does not hold, with everything that is wrong with it."""

    code = "rules"

    def __init__(self, findings: tuple[Finding, ...], faults: tuple[Fault, ...] = ()) -> None:
        """`faults` are the findings by their places in the body that they came with."""
        self.findings = findings
        lines = [f"{one.rule or 'the set'}: {one.rendered.rstrip() or one.message}" for one in findings]
        super().__init__(tuple(told for one in findings for told in one.diagnostics), "\n".join(lines) + "\n")
        first = findings[0]
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        self.message = f"{first.rule or 'the set'}: {first.message}{more}"
        self.args = (self.message,)
        self.faults = faults


class SendingStopped(FourthwatchError):
    """A server cannot be sent to: not there, not ours, or the key is refused; going on would be of no use."""


class UsageError(FourthwatchError):
    """A command was called wrongly; exit code 2."""
