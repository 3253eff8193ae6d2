"""An order as it stands, folded from what events say of it: state, newest decision, labels, who decided by hand.

Pure, and one event at a time, so that the index is the same however often and in whatever pieces it is made.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from fourthwatch.engine.consequences import analyst_verdict_of, can_open, end_of_case
from fourthwatch.engine.labels import LABEL_EVENT, is_lost, told_by_state
from fourthwatch.entities.country import country_code
from fourthwatch.events import Chargeback, CreateOrder, CustomEvent, OrderStatus
from fourthwatch.events.values import order_state_of
from fourthwatch.features.subject import Subject
from fourthwatch.limits import REASONS_KEPT_MAX, REASONS_SHOWN
from fourthwatch.rules.rule import Action
from fourthwatch.store.index_rows import OrderLine
from fourthwatch.store.ledger import DecisionRow
from fourthwatch.wire.reply import Reason, encode

_FINAL_DECISIONS = ("approve", "decline")
_WORD_CHARS_MAX = 64


class _Detail(msgspec.Struct):
    probability: float
    reasons: tuple[Reason, ...]
    by: str = ""
    model: str = ""
    actions: tuple[Action, ...] = ()


_detail = msgspec.json.Decoder(_Detail)


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """What one event says of an order, in plain data. `None` is: nothing."""

    tenant: int
    seq: int
    at_ms: int
    """By the sender's clock."""
    order_id: str
    user_id: str | None
    submitted: dict[str, str | int | None] | None
    """Columns that a submission of the order sets."""
    status: str | None
    decided_by_hand: tuple[str, str | None, bool] | None
    """What a person decided, the name of an analyst of ours, whether it was one."""
    labels: list[tuple[str, int | None, bool]]
    """Column, value, and whether it counts although another was told before."""
    is_held: bool
    can_open: bool
    """Whether a case may be opened by it."""
    ends: bool
    ends_wanted: bool
    """Whether it ends a case that an opinion began, or one in which a person or a rule wants a person."""
    decision: tuple[int, str, str, bool, bytes] | None
    """Score, flag, verdict, whether the shop was answered with it, and its detail as it is stored."""


def touch_of(subject: Subject, made: DecisionRow | None) -> Touch:
    """What an event says of the order that it names; `made` is the decision on that event."""
    event, is_order = subject.event, isinstance(subject.event, CreateOrder)
    assert event.order_id is not None
    return Touch(
        tenant=subject.tenant,
        seq=subject.seq,
        at_ms=subject.occurred_ms,
        order_id=event.order_id,
        user_id=subject.involved.user,
        submitted=_submitted(subject) if is_order else None,
        status=(event.order_status or None) if isinstance(event, OrderStatus | CustomEvent) else None,
        decided_by_hand=_decided_by_hand(event, subject) if isinstance(event, OrderStatus) else None,
        labels=list(_labels(subject)),
        is_held=analyst_verdict_of(event) == "hold",
        can_open=can_open(event),
        ends=end_of_case(event, made, wants_person=False) is not None,
        ends_wanted=end_of_case(event, made, wants_person=True) is not None,
        decision=None if made is None else (made.score, made.flag, made.verdict, made.answered, made.detail),
    )


def folded(line: OrderLine | None, touch: Touch) -> OrderLine:
    """The order after one more event that names it."""
    at_ms = touch.at_ms
    if line is None:
        line = OrderLine(
            tenant=touch.tenant, order_id=touch.order_id, placed_ms=at_ms, updated_seq=touch.seq, updated_ms=at_ms
        )
    changes: dict[str, Any] = {"updated_seq": touch.seq, "updated_ms": max(at_ms, line.updated_ms)}
    if touch.submitted is not None:
        changes |= {"user_id": touch.user_id, **touch.submitted}
        if line.placed_seq is None:
            changes |= {"placed_seq": touch.seq, "placed_ms": at_ms}
    elif line.user_id is None:
        changes["user_id"] = touch.user_id
    if touch.status is not None:
        changes |= {"status": touch.status[:_WORD_CHARS_MAX], "state": order_state_of(touch.status)}
    if touch.decided_by_hand is not None:
        decision, analyst, is_ours = touch.decided_by_hand
        if is_ours or line.analyst is None or line.analyst_decision not in _FINAL_DECISIONS:
            changes |= {"analyst_decision": decision, "analyst": analyst, "analyst_ms": at_ms}
    for name, value, always in touch.labels:
        before = changes.get(name, getattr(line, name))
        if (always or before is None) and before != value:
            changes |= {name: value, name + "_ms": at_ms}
    detail = None if touch.decision is None else _detail.decode(touch.decision[4])
    changes |= _case(line, touch, detail)
    if touch.decision is not None and detail is not None:
        changes |= _decided(touch.decision, detail, is_order=touch.submitted is not None)
    line = msgspec.structs.replace(line, **changes)
    risk = None
    if line.amount_minor is not None and line.probability is not None:
        risk = round(line.amount_minor * line.probability)
    return msgspec.structs.replace(line, risk_minor=risk)


def _submitted(subject: Subject) -> dict[str, str | int | None]:
    order, address = subject.order, subject.shipping_address()
    assert order is not None
    methods = order.payment_methods or ()
    paid_by = next((one.payment_type for one in methods if one.payment_type), None)
    on_delivery = subject.paid_on_delivery()
    return {
        "amount_minor": subject.amount_minor(),
        "currency": _word(order.currency_code, upper=True),
        "payment_type": _word(None if paid_by is None else paid_by.removeprefix("_")),
        "on_delivery": None if on_delivery is None else int(on_delivery),
        "city": None if address is None else _word(address.city),
        "postcode": None if address is None else _word(address.zipcode, upper=True),
        "country": None if address is None else country_code(address.country) or _word(address.country, upper=True),
    }


def _decided(decision: tuple[int, str, str, bool, bytes], detail: _Detail, *, is_order: bool) -> dict[str, Any]:
    score, flag, verdict, answered, _ = decision
    changes: dict[str, Any] = {
        "score": score, "flag": flag, "verdict": verdict, "probability": detail.probability,
        "reasons": encode([one for one in detail.reasons if one.is_display][:REASONS_SHOWN]).decode(),
        "reds": encode([one.name for one in detail.reasons if one.flag == "red"][:REASONS_KEPT_MAX]).decode(),
    }  # fmt: skip
    if answered:
        changes |= {"asked_score": score, "asked_verdict": verdict, "by_rule": detail.by or None}
    if answered and is_order:  # models learn from submissions: of a payment they foretell something else
        changes |= {"model": detail.model or None, "foretold": detail.probability}
    return changes


def _case(line: OrderLine, touch: Touch, detail: _Detail | None) -> dict[str, Any]:
    """Its newest case: open or not, and in which queue. The same as the ledger's, which is asked while events walk."""
    is_review = touch.decision is not None and touch.decision[2] == "review"
    queue = None if detail is None else next((one.to for one in detail.actions if one.do == "queue"), None)
    if touch.is_held or ((is_review or queue is not None) and touch.can_open):
        if line.is_open:
            changes: dict[str, Any] = {} if queue is None else {"queue": queue}
            return {**changes, "is_held": 1} if touch.is_held else changes
        is_new = touch.is_held or (is_review and line.verdict != "review") or queue not in (None, line.queue)
        return {"is_open": 1, "queue": queue, "is_held": int(touch.is_held)} if is_new else {}
    wants_person = line.is_held or line.queue is not None
    ends = line.is_open and (touch.ends_wanted if wants_person else touch.ends)
    return {"is_open": 0, "is_held": 0} if ends else {}


def _decided_by_hand(event: OrderStatus, subject: Subject) -> tuple[str, str | None, bool] | None:
    """Somebody here, who then has a name; or the shop's staff, over whom anybody here stands."""
    decision = analyst_verdict_of(event)
    if decision is None:
        return None
    return decision, (event.analyst or "")[:_WORD_CHARS_MAX] if subject.is_own else None, subject.is_own


def _labels(subject: Subject) -> Iterator[tuple[str, int | None, bool]]:
    """What an event tells of an order: refused and sent back are told for good, of the rest the newest word counts."""
    event = subject.event
    if isinstance(event, Chargeback):
        yield "chargeback", int(is_lost(event)), True
    for name, came_back in told_by_state(event):
        yield name, int(came_back), came_back
    if subject.is_own and subject.name == LABEL_EVENT and isinstance(event, CustomEvent) and event.custom_info:
        told, source = event.custom_info.get("label"), event.custom_info.get("source")
        if source in ("analyst", "rule") and told in ("fraud", "good", "none"):
            value = None if told == "none" else int(told == "fraud")
            yield "fraud", value, source == "analyst"
            if source == "analyst":
                yield "confirmed", value, True


def _word(text: str | None, *, upper: bool = False) -> str | None:
    """What is grouped by is written in one way; empty is not said."""
    if text is None:
        return None
    word = " ".join(text.split())[:_WORD_CHARS_MAX]
    return (word.upper() if upper else word.lower()) or None
