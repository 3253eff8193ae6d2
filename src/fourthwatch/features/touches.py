"""What one event adds to whose history: the only place that says which things are counted where.

A pure function of the subject, so that live, replayed and rebuilt windows are the same.
"""

from fourthwatch.events import (
    AddPromotion,
    AddToCart,
    Chargeback,
    CreateAccount,
    CreateOrder,
    CustomEvent,
    Event,
    ItemStatus,
    Login,
    OrderStatus,
    RemoveFromCart,
    SendMessage,
    SubmitReview,
    Tag,
    Transaction,
    Untag,
    UpdateAccount,
)
from fourthwatch.events.values import order_state_of, outcome_of
from fourthwatch.features.history import Series
from fourthwatch.features.subject import Subject, mark_of

Addition = tuple[int, int, int]
"""Series, mark, amount in minor units. A negative series takes the mark out again, with mark 0 all of that series."""
Touches = dict[str, list[Addition]]
"""Entity key to what is added to its history; users and sessions are heard of even with nothing to add."""

_STATES = {"rto": Series.RTO, "fulfilled": Series.DELIVERED, "returned": Series.RETURNED}


def touches_of(subject: Subject) -> Touches:
    """Everything that the event adds, per entity."""
    involved = subject.involved
    actor = actor_key(subject)
    person = person_mark(subject)
    own = _own_additions(subject)
    users = [] if person == 0 else [(int(Series.USERS), person, 0)]
    cards = [(int(Series.CARDS), mark_of(card), 0) for card in involved.cards]
    touches: Touches = {}
    if actor is not None:
        mine = _kept("user", own + cards)
        if involved.device is not None:
            mine.append((int(Series.DEVICES), mark_of(involved.device), 0))
        if involved.shipping is not None:
            mine.append((int(Series.ADDRESSES), mark_of(involved.shipping), 0))
        touches[actor] = mine
    if involved.session is not None:
        touches.setdefault("session:" + involved.session, [])  # when it began is all that is asked of it
    if isinstance(subject.event, Tag | Untag):
        return touches  # about the user alone
    shared = own + users
    if involved.device is not None:
        touches["device:" + involved.device] = _kept("device", shared + cards)
    if involved.ip is not None:
        touches["ip:" + involved.ip] = _kept("ip", shared + cards)
    if involved.email is not None:
        touches["email:" + involved.email] = _kept("email", shared)
    if involved.phones:
        kept = _kept("phone", shared)
        for phone in involved.phones:
            touches["phone:" + phone] = kept
    if involved.cards:
        kept = _kept("card", shared)
        for card in involved.cards:
            touches["card:" + card] = kept
    if involved.shipping is not None:
        touches["address:" + involved.shipping] = _kept("address", shared)
    return touches


_LABELS = (Series.RTO, Series.CHARGEBACK, Series.RETURNED)
_FAILURES = (Series.FAILED_TRANSACTION, Series.FAILED_LOGIN)
KEPT: dict[str, frozenset[int]] = {
    kind: frozenset(int(series) for series in kept)
    for kind, kept in {
        "user": set(Series) - {Series.USERS},
        "device": {Series.ORDER, Series.USERS, Series.CARDS, Series.PROMOTION, Series.ACCOUNT, *_FAILURES, *_LABELS},
        "ip": {Series.ORDER, Series.USERS, Series.CARDS, *_FAILURES},
        "email": _LABELS,
        "phone": {Series.ORDER, Series.USERS, Series.PROMOTION, *_LABELS},
        "card": {Series.USERS, Series.FAILED_TRANSACTION, *_LABELS},
        "address": {Series.ORDER, Series.USERS, Series.PROMOTION, *_LABELS},
    }.items()
}
"""What is kept of each kind of entity: what some feature asks of it, so that memory and time go to nothing else."""


def _kept(kind: str, additions: list[Addition]) -> list[Addition]:
    kept = KEPT[kind]
    return [addition for addition in additions if addition[0] in kept or addition[0] < 0]


def actor_key(subject: Subject) -> str | None:
    """Whose doing it is: the user's, or as long as there is none the session's."""
    if subject.involved.user is not None:
        return "user:" + subject.involved.user
    return None if subject.involved.session is None else "session:" + subject.involved.session


def _tag_mark(abuse_type: str | None) -> int:
    """One tag per abuse type; a newer one replaces the older."""
    return mark_of("tag:" + (abuse_type or ""))


def _own_additions(subject: Subject) -> list[Addition]:
    event = subject.event
    this = mark_of(f"event:{subject.seq}")
    promotions = _promotion_additions(subject)
    if isinstance(event, CreateOrder):
        return [(Series.ORDER, _order_mark(event), subject.amount_minor() or 0), *promotions]
    if isinstance(event, Transaction):
        failed = outcome_of(event.transaction_status) == "failure"
        return [(Series.FAILED_TRANSACTION if failed else Series.TRANSACTION, this, 0)]
    if isinstance(event, OrderStatus | ItemStatus | CustomEvent):
        return _state_additions(event, this)
    if isinstance(event, Chargeback):
        return [] if (event.chargeback_state or "").endswith("won") else [(Series.CHARGEBACK, _order_mark(event), 0)]
    if isinstance(event, Tag):
        mark = _tag_mark(event.abuse_type)
        return [(Series.BAD_TAG if event.is_bad else -Series.BAD_TAG, mark, 0)]
    if isinstance(event, Untag):
        return [(-Series.BAD_TAG, 0 if event.abuse_type is None else _tag_mark(event.abuse_type), 0)]
    if isinstance(event, CreateAccount) and not isinstance(event, UpdateAccount):
        person = subject.person
        return [(Series.ACCOUNT, this if person is None else mark_of(person), 0), *promotions]
    return [(series, this, 0) for series in _plain_series(event)] + promotions


def _plain_series(event: Event) -> list[Series]:
    if isinstance(event, Login):
        return [Series.FAILED_LOGIN if outcome_of(event.login_status) == "failure" else Series.LOGIN]
    if isinstance(event, AddToCart | RemoveFromCart):
        return [Series.CART]
    if isinstance(event, SendMessage | SubmitReview):
        return [Series.MESSAGE]
    return []


def _state_additions(event: OrderStatus | ItemStatus | CustomEvent, this: int) -> list[Addition]:
    status = event.item_status if isinstance(event, ItemStatus) else event.order_status
    series = _STATES.get(order_state_of(status) or "")
    moved = [] if series is None or event.order_id is None else [(int(series), _order_mark(event), 0)]
    return [*moved, (Series.CUSTOM, this, 0)] if isinstance(event, CustomEvent) else moved


def _promotion_additions(subject: Subject) -> list[Addition]:
    if not isinstance(subject.event, AddPromotion | CreateOrder | CreateAccount):
        return []
    who = subject.person or ""
    return [(Series.PROMOTION, mark_of(f"{who} {promotion}"), 0) for promotion in subject.involved.promotions]


def _order_mark(event: Event) -> int:
    return mark_of("order:" + (event.order_id or ""))


def order_mark(subject: Subject) -> int:
    """The mark of the order that the event is about; 0, which leaves nothing out, when it is about none."""
    return 0 if subject.event.order_id is None else _order_mark(subject.event)


def person_mark(subject: Subject) -> int:
    """The mark of who acts, which stands for nothing else; 0, which leaves nothing out, when nobody said."""
    person = subject.person
    return 0 if person is None else mark_of("person:" + person)
