"""What the shop is told about an event: when it is taken, and again whenever it is repeated."""

import msgspec

from fourthwatch.decision import Decision
from fourthwatch.store.ledger import DecisionRow, EventRow
from fourthwatch.wire.reply import BodyWarning, Reason, Receipt


class _Told(msgspec.Struct):
    reasons: tuple[Reason, ...]
    degraded: tuple[str, ...] = ()


def receipt_of(event_id: str, warnings: tuple[BodyWarning, ...], decision: Decision | None) -> Receipt:
    """What the shop is told about its event."""
    if decision is None:
        return Receipt("ok", _TAKEN, event_id, warnings)
    return _receipt(
        event_id, warnings, decision.score, decision.flag, decision.verdict, decision.reasons, decision.degraded
    )


def receipt_again(event: EventRow, made: DecisionRow | None) -> Receipt:
    """What the shop was told about a stored event."""
    warnings = () if event.warnings is None else msgspec.json.decode(event.warnings, type=tuple[BodyWarning, ...])
    if made is None or not made.answered:
        return receipt_of(event.event_id, warnings, None)
    told = msgspec.json.decode(made.detail, type=_Told)
    return _receipt(event.event_id, warnings, made.score, made.flag, made.verdict, told.reasons, told.degraded)


_TAKEN = "event recorded"
_DECIDED = "event recorded and decided"


def _receipt(
    event_id: str, warnings: tuple[BodyWarning, ...], score: int, flag: str, verdict: str, reasons: tuple[Reason, ...],
    degraded: tuple[str, ...] = (),
) -> Receipt:  # fmt: skip
    return Receipt(
        "ok", _DECIDED, event_id, warnings, score, flag, verdict, reasons, degraded if degraded else msgspec.UNSET
    )
