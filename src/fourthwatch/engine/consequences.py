"""What an event brings about beyond its decision: something to tell the shop, a case opened or closed.

Noted while the event walks and written in its own transaction; an event without consequences costs nothing more.
"""

import hashlib
from collections.abc import Container, Iterator, Sequence

from fourthwatch.events import KIND_OF_NUMBER, KIND_OF_TYPE, CustomEvent, Event, OrderStatus, Tag, Untag
from fourthwatch.events.values import order_state_of
from fourthwatch.rules.rule import Action
from fourthwatch.store.changes import Change
from fourthwatch.store.ledger import NONCE_BYTES, DecisionRow, EventRow
from fourthwatch.store.outbox import ANALYST_DECIDED, DECIDED, LABELLED, RULE_FIRED, CaseMove, Occasion, OpenCase
from fourthwatch.store.reader import user_subject
from fourthwatch.wire.decode import Decoded
from fourthwatch.wire.reply import encode

BY_HAND = "_manualReview"
"""The contract's word, as `_source` of a status, for what a person has decided."""
_BY_HAND = BY_HAND.lower().removeprefix("_")
STATUS_KIND = KIND_OF_TYPE[OrderStatus].number
LABEL_KINDS = frozenset({KIND_OF_TYPE[Tag].number, KIND_OF_TYPE[Untag].number})
_ENDS = {"canceled": "decline", "fulfilled": "approve", "returned": "approve", "rto": "decline"}
"""States in which there is nothing left to review, and what became of the order."""
_WORD_CHARS_MAX = 64
_FINAL = {"approved": "approve", "canceled": "decline"}


class Consequences:
    """Finds them; knows whom nobody listens to, and which orders may have an open case."""

    def __init__(self, heard: Container[int], cases: dict[tuple[int, str], OpenCase]) -> None:
        self._heard = heard
        self._cases = cases
        """Orders that may have an open case, by tenant; never fewer than have."""

    def of_decided(
        self, event: EventRow, decoded: Decoded, decision: DecisionRow, actions: Sequence[Action], *, by_analyst: bool
    ) -> tuple[Occasion | None, CaseMove | None]:
        """Of an event on which a decision was made; `actions` are what rules want done."""
        order_id, subject = decoded.event.order_id, event.subject
        if order_id is None or subject is None:
            return None, None
        is_heard = event.tenant in self._heard
        occasion = _occasion(event, subject, ANALYST_DECIDED if by_analyst else DECIDED) if is_heard else None
        queue = next((one.to for one in actions if one.do == "queue"), None) if actions else None
        move = self._case_move(event, decoded, decision, order_id, queue, is_heard=is_heard)
        return occasion, move

    def of_rules(self, event: EventRow, decoded: Decoded, actions: Sequence[Action]) -> Iterator[Occasion]:
        """What rules want told outside; each name once."""
        if event.tenant not in self._heard:
            return
        user = decoded.event.user_id
        entity = event.subject or ("event:" + event.event_id if user is None else user_subject(user))
        for name in dict.fromkeys(one.to for one in actions if one.do == "webhook"):
            nonce = hashlib.blake2b(name.encode(), digest_size=NONCE_BYTES, key=event.nonce).digest()
            yield Occasion(
                tenant=event.tenant, type=RULE_FIRED, entity=entity, seq=event.seq, nonce=nonce,
                at_ms=event.received_ms, detail=encode({"name": name}),
            )  # fmt: skip

    def of_other(self, event: EventRow, decoded: Decoded) -> tuple[Occasion | None, CaseMove | None]:
        """Of an event on which none was made."""
        is_heard, told, order_id = event.tenant in self._heard, decoded.event, decoded.event.order_id
        if isinstance(told, CustomEvent) and told.order_status is not None and order_id is not None:
            return None, self._case_move(event, decoded, None, order_id, None, is_heard=is_heard)
        if event.kind not in LABEL_KINDS or event.subject is None or not is_heard:
            return None, None
        return _occasion(event, event.subject, LABELLED), None

    def _case_move(
        self, event: EventRow, decoded: Decoded, made: DecisionRow | None, order_id: str, queue: str | None, *,
        is_heard: bool,
    ) -> CaseMove | None:  # fmt: skip
        order = (event.tenant, order_id)
        before = self._cases.get(order)
        is_review = made is not None and made.verdict == "review"
        outcome, wants_person = None, is_review or queue is not None
        is_held = isinstance(decoded.event, OrderStatus) and analyst_verdict_of(decoded.event) == "hold"
        if is_held or (wants_person and can_open(decoded.event)):
            if before is not None and queue is None and before.queue is None and not is_held:
                return None
            known = before or OpenCase()
            self._cases[order] = OpenCase(queue or known.queue, is_held or known.is_held)
        elif before is None:
            return None
        else:
            outcome = end_of_case(decoded.event, made, wants_person=before.wants_person)
            if outcome is None:
                return None
            del self._cases[order]
        assert event.subject is not None
        return CaseMove(
            tenant=event.tenant,
            order_id=order_id,
            subject=event.subject,
            seq=event.seq,
            nonce=event.nonce,
            at_ms=event.received_ms,
            outcome=outcome,
            is_review=is_review,
            is_held=is_held,
            queue=queue,
            is_heard=is_heard,
        )


def analyst_verdict_of(event: object) -> str | None:
    """What a person decided by this event: approve, decline or hold; `None` when it is no such decision."""
    if not isinstance(event, OrderStatus):
        return None
    source = (event.source or "").strip().lower().removeprefix("_")
    if source != _BY_HAND and (source or not event.analyst):
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


def can_open(event: object) -> bool:
    """Whether a case may be opened by this event: not by what a person decides, or by the order's end.

    A person's hold is the exception: it opens one whatever the verdict is, so that an order that is held, or whose
    decision is taken back, waits for somebody.
    """
    return analyst_verdict_of(event) is None and _end_by(event) is None


def end_of_case(event: object, made: DecisionRow | None, *, wants_person: bool) -> str | None:
    """How the case of an order ends with this event; `None` when it does not.

    A new opinion ends what an opinion began; where a person has held the order, or a rule has asked for a person, a
    person or the order's end does.
    """
    verdict = analyst_verdict_of(event)
    if verdict is not None:
        return None if verdict == "hold" else verdict
    ended = _end_by(event)
    if ended is not None or made is None:
        return ended
    return None if wants_person or made.verdict == "review" else made.verdict


def _end_by(event: object) -> str | None:
    """How an order ends that is in this state now; `None` when it goes on."""
    if not isinstance(event, OrderStatus | CustomEvent):
        return None
    return _ENDS.get(order_state_of(event.order_status) or "")


def _occasion(event: EventRow, entity: str, what: str) -> Occasion:
    return Occasion(
        tenant=event.tenant, type=what, entity=entity, seq=event.seq, nonce=event.nonce, at_ms=event.received_ms
    )
