"""What an event brings about beyond its decision: something to tell the shop, a case opened or closed.

Noted while the event walks and written in its own transaction; an event without consequences costs nothing more.
"""

from collections.abc import Container

from fourthwatch.events import KIND_OF_NUMBER, KIND_OF_TYPE, CustomEvent, Event, OrderStatus, Tag, Untag
from fourthwatch.events.values import order_state_of
from fourthwatch.store.changes import Change
from fourthwatch.store.ledger import DecisionRow, EventRow
from fourthwatch.store.outbox import ANALYST_DECIDED, DECIDED, LABELLED, CaseMove, Occasion
from fourthwatch.wire.decode import Decoded

BY_HAND = "_manualReview"
"""The contract's word, as `_source` of a status, for what a person has decided."""
STATUS_KIND = KIND_OF_TYPE[OrderStatus].number
LABEL_KINDS = frozenset({KIND_OF_TYPE[Tag].number, KIND_OF_TYPE[Untag].number})
_ENDS = {"canceled": "decline", "fulfilled": "approve", "returned": "approve", "rto": "decline"}
"""States in which there is nothing left to review, and what became of the order."""
_WORD_CHARS_MAX = 64
_FINAL = {"approved": "approve", "canceled": "decline"}


class Consequences:
    """Finds them; knows whom nobody listens to, and which orders may have an open case."""

    def __init__(self, heard: Container[int], cases: set[tuple[int, str]]) -> None:
        self._heard = heard
        self._cases = cases
        """Orders that may have an open case, by tenant; never fewer than have."""

    def of_decided(
        self, event: EventRow, decoded: Decoded, decision: DecisionRow, *, by_analyst: bool
    ) -> tuple[Occasion | None, CaseMove | None]:
        """Of an event on which a decision was made."""
        order_id, subject = decoded.event.order_id, event.subject
        if order_id is None or subject is None:
            return None, None
        is_heard = event.tenant in self._heard
        occasion = _occasion(event, subject, ANALYST_DECIDED if by_analyst else DECIDED) if is_heard else None
        move = self._case_move(event, decoded, decision, order_id, is_heard=is_heard)
        return occasion, move

    def of_other(self, event: EventRow) -> Occasion | None:
        """Of an event on which none was made."""
        if event.kind not in LABEL_KINDS or event.subject is None or event.tenant not in self._heard:
            return None
        return _occasion(event, event.subject, LABELLED)

    def _case_move(
        self, event: EventRow, decoded: Decoded, decision: DecisionRow, order_id: str, *, is_heard: bool
    ) -> CaseMove | None:
        order = (event.tenant, order_id)
        may_be_open = order in self._cases
        if decision.verdict == "review" and event.kind != STATUS_KIND:
            if may_be_open:
                return None
            self._cases.add(order)
            outcome = None
        elif not may_be_open:
            return None
        else:
            outcome = _end_of(decoded.event, decision)
            if outcome is None:
                return None
            self._cases.discard(order)
        assert event.subject is not None
        return CaseMove(
            tenant=event.tenant,
            order_id=order_id,
            subject=event.subject,
            seq=event.seq,
            nonce=event.nonce,
            at_ms=event.received_ms,
            outcome=outcome,
            is_heard=is_heard,
        )


def analyst_verdict_of(event: object) -> str | None:
    """What a person decided by this event: approve, decline or hold; `None` when it is no such decision."""
    if not isinstance(event, OrderStatus) or event.source != BY_HAND:
        return None
    state = order_state_of(event.order_status)
    return "hold" if state == "held" else _FINAL.get(state or "")


def change_of(row: EventRow, event: Event, actor: str) -> Change:
    """What somebody here says by an event, for the trail: by the event's id alone, so that erasing it is enough."""
    if analyst_verdict_of(event) is not None:
        action, told = "order.decided", analyst_verdict_of(event)
    elif isinstance(event, CustomEvent):
        label = (event.custom_info or {}).get("label")
        action, told = ("note.left", None) if label is None else ("label.told", str(label)[:_WORD_CHARS_MAX])
    elif isinstance(event, Tag):
        action, told = "label.told", "bad" if event.is_bad else "good"
    else:
        state = getattr(event, "order_status", None) or getattr(event, "chargeback_state", None)
        action, told = "label.told", None if state is None else state[:_WORD_CHARS_MAX]
    kind = KIND_OF_NUMBER[row.kind].name
    return Change(
        tenant=row.tenant, actor=actor, action=action, thing=f"events/{row.event_id}",
        after={"kind": kind, "told": told},
    )  # fmt: skip


def _end_of(event: object, decision: DecisionRow) -> str | None:
    """How the case of an order ends with this event; `None` when it does not."""
    if isinstance(event, OrderStatus):
        verdict = analyst_verdict_of(event)
        if verdict is not None:
            return None if verdict == "hold" else verdict
        ended = _ENDS.get(order_state_of(event.order_status) or "")
        if ended is not None:
            return ended
    return None if decision.verdict == "review" else decision.verdict


def _occasion(event: EventRow, entity: str, what: str) -> Occasion:
    return Occasion(
        tenant=event.tenant, type=what, entity=entity, seq=event.seq, nonce=event.nonce, at_ms=event.received_ms
    )
