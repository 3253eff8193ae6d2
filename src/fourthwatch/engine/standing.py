"""How an order and a user stand, read from the ledger: what shops, their programs and analysts are told of them.

Always the newest of everything; so whoever is told twice, or late, ends with what is true.
"""

import msgspec

from fourthwatch.clock import iso_ms
from fourthwatch.engine.consequences import LABEL_KINDS, STATUS_KIND, analyst_verdict_of
from fourthwatch.engine.identity import ORDER_KINDS
from fourthwatch.engine.labels import is_rules_word
from fourthwatch.events import KIND_OF_NUMBER, Event, OrderStatus, Tag, Untag
from fourthwatch.events.values import order_state_of
from fourthwatch.store.delivery_log import CaseRow
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import Entry, LedgerReader, order_subject, user_subject
from fourthwatch.wire.decode import read_stored
from fourthwatch.wire.reply import Reason, ScoreReply

_STATUSES_LOOKED_AT = 200
_LABELS_LOOKED_AT = 500


class DecisionStanding(msgspec.Struct, frozen=True):
    """The newest decision on an order."""

    event_id: str
    decided_at: str
    score: int
    flag: str
    verdict: str
    reasons: tuple[Reason, ...]


class AnalystDecision(msgspec.Struct, frozen=True):
    """What a person decided on an order."""

    event_id: str
    decided_at: str
    verdict: str
    """approve, decline or hold."""
    author: str | None
    message: str | None
    asks: str | None = None
    """confirmation: held until the customer has confirmed the order; the shop asks, and tells by its next status."""
    source: str = "analyst"
    """analyst, who decided here; or shop, whose staff decided in its own system."""


class CaseStanding(msgspec.Struct, frozen=True):
    """An order's newest case."""

    case_id: str
    order_id: str
    status: str
    """open or closed."""
    opened_at: str
    closed_at: str | None
    outcome: str | None
    """approve or decline, once it is closed."""
    queue: str | None
    """The queue that a rule put it in; null when none did."""


class OrderStanding(msgspec.Struct, frozen=True):
    """An order as it stands."""

    order_id: str
    user_id: str | None
    status: str | None
    """The newest that was sent, as sent."""
    state: str | None
    """The same in our words."""
    verdict: str | None
    """What counts now: a person's approve, decline or hold where there is one, else the decision's."""
    decision: DecisionStanding | None
    analyst_decision: AnalystDecision | None
    case: CaseStanding | None


class Label(msgspec.Struct, frozen=True):
    """What a user was tagged with, of one type of abuse."""

    abuse_type: str | None
    """null is a general one."""
    is_bad: bool
    labelled_at: str
    source: str | None
    analyst: str | None
    description: str | None


class UserStanding(msgspec.Struct, frozen=True):
    """A user and the labels that stand."""

    user_id: str
    labels: tuple[Label, ...]


def score_reply(order_id: str, placed: Entry, decided: Entry) -> ScoreReply:
    """A decision in the contract's keys; all strings are non-null."""
    assert decided.decision is not None
    event = read_stored(KIND_OF_NUMBER[placed.event.kind], placed.event.body)
    return ScoreReply(
        order_id=order_id,
        user_id=event.user_id or event.session_id or "",
        order_timestamp=iso_ms(placed.event.occurred_ms),
        score=decided.decision.score,
        flag=decided.decision.flag,
        reasons=reasons_of(decided.decision.detail),
    )


def reasons_of(detail: bytes) -> tuple[Reason, ...]:
    """The reasons in a stored decision."""
    return msgspec.json.decode(detail, type=_Reasons).reasons


class _Reasons(msgspec.Struct):
    reasons: tuple[Reason, ...]


def order_standing(reader: LedgerReader, tenant: int, order_id: str, case: CaseRow | None) -> OrderStanding:
    """An order as it stands; `case` is its newest one."""
    decided = reader.newest_decision(tenant, order_id)
    placed = reader.newest_order(tenant, order_id, ORDER_KINDS)
    status = reader.newest_status(tenant, order_id)
    by_hand = analyst_decision(reader, tenant, order_id)
    decision = None
    if decided is not None and decided.decision is not None:
        made = decided.decision
        decided_at, reasons = iso_ms(decided.event.received_ms), reasons_of(made.detail)
        decision = DecisionStanding(decided.event.event_id, decided_at, made.score, made.flag, made.verdict, reasons)
    verdict = None if decision is None else decision.verdict
    return OrderStanding(
        order_id=order_id,
        user_id=None if placed is None else _event(placed.event).user_id,
        status=status,
        state=order_state_of(status),
        verdict=by_hand.verdict if by_hand is not None else verdict,
        decision=decision,
        analyst_decision=by_hand,
        case=None if case is None else case_standing(case),
    )


def case_standing(case: CaseRow) -> CaseStanding:
    """A case as the API and webhooks show it."""
    is_open = case.closed_ms is None
    closed_at = None if case.closed_ms is None else iso_ms(case.closed_ms)
    status = "open" if is_open else "closed"
    return CaseStanding(case.id, case.order_id, status, iso_ms(case.opened_ms), closed_at, case.outcome, case.queue)


def ruled_by(detail: bytes) -> str:
    """The rule that decided, of a stored decision; empty when the score did."""
    return msgspec.json.decode(detail, type=_DecidedBy).by


class _DecidedBy(msgspec.Struct):
    by: str = ""


def analyst_decision(
    reader: LedgerReader, tenant: int, order_id: str, *, final: bool = False
) -> AnalystDecision | None:
    """The newest decision of a person on an order; with `final` the newest approve or decline.

    An approve or decline that was made here stands over whatever the shop's programs say of their people.
    """
    of_shop: AnalystDecision | None = None
    for row in reader.of_kinds(tenant, order_subject(order_id), (STATUS_KIND,), _STATUSES_LOOKED_AT):
        event = _event(row)
        verdict = analyst_verdict_of(event)
        if verdict is not None and not (final and verdict == "hold"):
            assert isinstance(event, OrderStatus)
            decided_at = iso_ms(row.received_ms)
            asks = (event.custom_info or {}).get("asks") if verdict == "hold" else None
            told = "confirmation" if asks == "confirmation" else None
            source = "analyst" if row.is_own else "shop"
            found = AnalystDecision(row.event_id, decided_at, verdict, event.analyst, event.description, told, source)
            if row.is_own:
                return found if of_shop is None or verdict != "hold" else of_shop
            of_shop = found if of_shop is None else of_shop
    return of_shop


def user_standing(reader: LedgerReader, tenant: int, user_id: str) -> UserStanding:
    """The labels of a user that stand: per type of abuse the newest, and none that was cleared since.

    A rule's stands only where nobody else has said anything.
    """
    labels: list[Label] = []
    ruled: list[Label] = []
    settled: set[str | None] = set()
    for row in reader.of_kinds(tenant, user_subject(user_id), tuple(sorted(LABEL_KINDS)), _LABELS_LOOKED_AT):
        event = _event(row)
        assert isinstance(event, Tag | Untag)
        if isinstance(event, Untag) and event.abuse_type is None:
            break  # cleared everything before it
        if event.abuse_type in settled:
            continue
        label = None
        if isinstance(event, Tag):
            labelled_at, is_bad = iso_ms(row.received_ms), event.is_bad is True
            label = Label(event.abuse_type, is_bad, labelled_at, event.source, event.analyst, event.description)
        if label is not None and is_rules_word(event, is_own=row.is_own):
            ruled.append(label)
            continue
        settled.add(event.abuse_type)
        if label is not None:
            labels.append(label)
    newest = {one.abuse_type: one for one in reversed(ruled) if one.abuse_type not in settled}
    return UserStanding(user_id, (*labels, *newest.values()))


def _event(row: EventRow) -> Event:
    return read_stored(KIND_OF_NUMBER[row.kind], row.body, from_go=row.from_go)
