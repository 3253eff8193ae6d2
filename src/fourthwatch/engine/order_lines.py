"""An order as it stands, folded from the events that name it: state, newest decision, labels, who decided by hand.

Pure, and one event at a time, so that the index is the same however often and in whatever pieces it is made.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from fourthwatch.engine.consequences import analyst_verdict_of, can_open, end_of_case
from fourthwatch.engine.labels import LABEL_EVENT, is_lost, told_by_state
from fourthwatch.events import Chargeback, CreateOrder, CustomEvent, Event, OrderStatus
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


def folded(line: OrderLine | None, subject: Subject, made: DecisionRow | None) -> OrderLine:
    """The order after one more event that names it; `made` is the decision on that event."""
    event, at_ms = subject.event, subject.occurred_ms
    assert event.order_id is not None
    if line is None:
        line = OrderLine(
            tenant=subject.tenant, order_id=event.order_id, placed_ms=at_ms, updated_seq=subject.seq, updated_ms=at_ms
        )
    changes: dict[str, Any] = {"updated_seq": subject.seq, "updated_ms": max(at_ms, line.updated_ms)}
    if isinstance(event, CreateOrder):
        changes |= _submitted(line, subject)
    elif line.user_id is None:
        changes["user_id"] = subject.involved.user
    if isinstance(event, OrderStatus | CustomEvent) and event.order_status:
        changes |= {"status": event.order_status[:_WORD_CHARS_MAX], "state": order_state_of(event.order_status)}
    if isinstance(event, OrderStatus):
        changes |= _decided_by_hand(event, line, subject)
    for name, value in _labels(line, subject):
        if getattr(line, name) != value:
            changes |= {name: value, name + "_ms": at_ms}
    changes |= _case(line, event, made)
    if made is not None:
        changes |= _decided(made)
    line = msgspec.structs.replace(line, **changes)
    risk = None
    if line.amount_minor is not None and line.probability is not None:
        risk = round(line.amount_minor * line.probability)
    return msgspec.structs.replace(line, risk_minor=risk)


def _submitted(line: OrderLine, subject: Subject) -> dict[str, Any]:
    order, address = subject.order, subject.shipping_address()
    assert order is not None
    methods = order.payment_methods or ()
    paid_by = next((one.payment_type for one in methods if one.payment_type), None)
    on_delivery = subject.paid_on_delivery()
    changes: dict[str, Any] = {
        "user_id": subject.involved.user,
        "amount_minor": subject.amount_minor(),
        "currency": _word(order.currency_code, upper=True),
        "payment_type": _word(None if paid_by is None else paid_by.removeprefix("_")),
        "on_delivery": None if on_delivery is None else int(on_delivery),
        "city": None if address is None else _word(address.city),
        "postcode": None if address is None else _word(address.zipcode, upper=True),
        "country": None if address is None else _word(address.country, upper=True),
    }
    if line.placed_seq is None:
        changes |= {"placed_seq": subject.seq, "placed_ms": subject.occurred_ms}
    return changes


def _decided(made: DecisionRow) -> dict[str, Any]:
    detail = _detail.decode(made.detail)
    changes: dict[str, Any] = {
        "score": made.score, "flag": made.flag, "verdict": made.verdict, "probability": detail.probability,
        "reasons": encode([one for one in detail.reasons if one.is_display][:REASONS_SHOWN]).decode(),
        "reds": encode([one.name for one in detail.reasons if one.flag == "red"][:REASONS_KEPT_MAX]).decode(),
    }  # fmt: skip
    if made.answered:
        changes |= {"asked_score": made.score, "asked_verdict": made.verdict, "by_rule": detail.by or None}
        changes |= {"model": detail.model or None, "foretold": detail.probability}
    return changes


def _case(line: OrderLine, event: Event, made: DecisionRow | None) -> dict[str, Any]:
    """Its newest case: open or not, and in which queue. The same as the ledger's, which is asked while events walk."""
    is_review = made is not None and made.verdict == "review"
    actions = () if made is None or b'"actions":[' not in made.detail else _detail.decode(made.detail).actions
    queue = next((one.to for one in actions if one.do == "queue"), None)
    is_held = analyst_verdict_of(event) == "hold"
    if is_held or ((is_review or queue is not None) and can_open(event)):
        if line.is_open:
            return {} if queue is None else {"queue": queue}
        is_new = is_held or (is_review and line.verdict != "review") or queue not in (None, line.queue)
        return {"is_open": 1, "queue": queue} if is_new else {}
    ends = line.is_open and end_of_case(event, made, is_queued=line.queue is not None) is not None
    return {"is_open": 0} if ends else {}


def _decided_by_hand(event: OrderStatus, line: OrderLine, subject: Subject) -> dict[str, Any]:
    """Somebody here, who then has a name; or the shop's staff, over whom anybody here stands."""
    decision = analyst_verdict_of(event)
    if decision is None:
        return {}
    if not subject.is_own and line.analyst is not None and line.analyst_decision in _FINAL_DECISIONS:
        return {}
    analyst = (event.analyst or "")[:_WORD_CHARS_MAX] if subject.is_own else None
    return {"analyst_decision": decision, "analyst": analyst, "analyst_ms": subject.occurred_ms}


def _labels(line: OrderLine, subject: Subject) -> Iterator[tuple[str, int | None]]:
    """What an event tells of an order: refused and sent back are told for good, of the rest the newest word counts."""
    event = subject.event
    if isinstance(event, Chargeback):
        yield "chargeback", int(is_lost(event))
    for name, came_back in told_by_state(event):
        if came_back or getattr(line, name) is None:
            yield name, int(came_back)
    if subject.is_own and subject.name == LABEL_EVENT and event.custom_info:
        told, source = event.custom_info.get("label"), event.custom_info.get("source")
        is_over = source == "analyst" or (source == "rule" and line.fraud is None)
        if is_over and told in ("fraud", "good", "none"):
            yield "fraud", None if told == "none" else int(told == "fraud")


def _word(text: str | None, *, upper: bool = False) -> str | None:
    """What is grouped by is written in one way; empty is not said."""
    if text is None:
        return None
    word = " ".join(text.split())[:_WORD_CHARS_MAX]
    return (word.upper() if upper else word.lower()) or None
