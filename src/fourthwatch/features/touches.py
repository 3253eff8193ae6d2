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
"""Entity key to what is added to its history; an empty list still says that the entity was heard of."""

_STATES = {"rto": Series.RTO, "fulfilled": Series.DELIVERED, "returned": Series.RETURNED}


def touches_of(subject: Subject) -> Touches:
    """Everything that the event adds, per entity."""
    touches: Touches = {key: [] for key in subject.involved.keys()}  # noqa: SIM118 (a method of Involved)
    _add_links(subject, touches)
    own = _own_additions(subject)
    if own:
        for key in _counted_keys(subject, touches):
            touches[key] += own
    return touches


def _tag_mark(abuse_type: str | None) -> int:
    """One tag per abuse type; a newer one replaces the older."""
    return mark_of("tag:" + (abuse_type or ""))


def _add_links(subject: Subject, touches: Touches) -> None:
    """Who was seen with whom."""
    involved = subject.involved
    actor = _actor_key(subject)
    person = subject.person
    users = None if person is None else (Series.USERS, mark_of(person), 0)
    cards = [(Series.CARDS, mark_of(card), 0) for card in involved.cards]
    emails = [] if involved.email is None else [(Series.EMAILS, mark_of(involved.email), 0)]
    devices = [] if involved.device is None else [(Series.DEVICES, mark_of(involved.device), 0)]
    if actor is not None:
        mine = touches[actor]
        mine += cards
        mine += devices
        if involved.ip is not None:
            mine.append((Series.IPS, mark_of(involved.ip), 0))
        if involved.shipping is not None:
            mine.append((Series.ADDRESSES, mark_of(involved.shipping), 0))
    for key, additions in touches.items():
        kind = key[: key.index(":")]
        if users is not None and kind in _SHARED:
            additions.append(users)
        if kind == "device":
            additions += cards
            additions += emails
        elif kind == "ip":
            additions += cards
        elif kind == "card":
            additions += devices


_SHARED = frozenset({"device", "ip", "network", "email", "phone", "card", "address"})
_UNCOUNTED = frozenset({"item", "seller", "promotion", "email_domain"})


def _actor_key(subject: Subject) -> str | None:
    if subject.involved.user is not None:
        return "user:" + subject.involved.user
    return None if subject.involved.session is None else "session:" + subject.involved.session


def _counted_keys(subject: Subject, touches: Touches) -> list[str]:
    """Tags are about the user alone; everything else counts for all who took part."""
    if isinstance(subject.event, Tag | Untag):
        actor = _actor_key(subject)
        return [] if actor is None else [actor]
    return [key for key in touches if key[: key.index(":")] not in _UNCOUNTED]


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
