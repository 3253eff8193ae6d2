"""Fields as the language names them: where each stands in an event, or in the order that the event is about.

Attribute names are the wire's keys in snake case (`_isPrePaid` is `is_pre_paid`). What the wire writes as text and
means as a number is a number here; amounts are main units of their currency. `None` is unknown.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from fourthwatch.events import KINDS, Chargeback, CustomEvent, Event, Login, OrderStatus, Transaction
from fourthwatch.events.kinds import AddPromotion, ItemStatus
from fourthwatch.events.parts import Part
from fourthwatch.events.values import order_state_of, outcome_of
from fourthwatch.features.subject import Subject
from fourthwatch.features.things import THINGS, Thing
from fourthwatch.language import Type
from fourthwatch.limits import AMOUNT_CHARS_MAX, AMOUNTS_CACHED_MAX
from fourthwatch.wire.amounts import read_amount

Read = Callable[[Subject], Any]


class Field(msgspec.Struct, frozen=True):
    """One name that stands for a value of an event."""

    type: Type
    kinds: frozenset[int]
    """Which kinds of events have it; an event about an order also has what that order said."""
    read: Read
    """The value, `None` when it was not said or cannot be read."""
    says: str = ""


_NUMBERS = frozenset(
    {
        "amount", "price", "discount_price", "min_purchase_amount", "percentage_off", "shipping_cost", "rating", "age",
        "product_weight", "quantity", "max_quantity",
    }
)  # fmt: skip
"""What the wire writes as text and means as a number."""
_PLACE_DIGITS_MAX = 6
_FIRST_OF = MappingProxyType({"item": "items", "payment_method": "payment_methods", "promotion": "promotions"})
"""Of a list the first one is meant, under the name of the single one."""


def number_of(value: object) -> float | None:
    """A finite number, also from a text as amounts are written; `None` for all else.

    >>> number_of("1,299.50"), number_of(3), number_of("many"), number_of("12,5"), number_of(True)
    (1299.5, 3, None, None, None)
    """
    if isinstance(value, str):
        return _number_in(value) if len(value) <= AMOUNT_CHARS_MAX else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


@lru_cache(maxsize=AMOUNTS_CACHED_MAX)
def _number_in(text: str) -> float | None:
    """Each order's amount is asked for by many a feature and history."""
    read = read_amount(text)
    number = math.inf if read is None else float(read)
    return number if math.isfinite(number) else None


def custom_value(subject: Subject, path: tuple[str, ...]) -> Any:
    """What stands in the shop's own fields, the event's before the order's; any JSON value.

    A part of digits is a place in a list, from 0 on.
    """
    order = subject.order
    for event in (subject.event,) if order is None or order is subject.event else (subject.event, order):
        value: Any = event.custom_info
        for part in path:
            if isinstance(value, dict):
                value = value.get(part)
            else:
                value = _in_list(value, part) if isinstance(value, list) else None
        if value is not None:
            return value
    return None


def _in_list(values: list[Any], part: str) -> Any:
    is_place = len(part) <= _PLACE_DIGITS_MAX and part.isascii() and part.isdigit()
    return values[int(part)] if is_place and int(part) < len(values) else None


def reader_of(path: tuple[str, ...]) -> Read:
    """How a field of the schema is read."""
    if path[0] == "custom" and len(path) > 1:
        below = path[1:]
        return lambda subject: custom_value(subject, below)
    return FIELDS[".".join(path)].read


def _own_or_orders(path: tuple[str, ...], *, number: bool) -> Read:
    head, rest = path[0], path[1:]
    listed = _FIRST_OF.get(head)

    def value_in(event: Event) -> Any:
        value: Any = getattr(event, head, None)
        if value is None and listed is not None:
            many = getattr(event, listed, None)
            value = many[0] if many else None
        for part in rest:
            value = getattr(value, part, None)
        return number_of(value) if number else value

    def read(subject: Subject) -> Any:
        value = value_in(subject.event)
        order = subject.order
        if value is None and order is not None and order is not subject.event:
            value = value_in(order)
        return value

    return read


def _type_of(hint: Any, name: str) -> Type | None:
    if get_origin(hint) in (Union, UnionType):
        (hint,) = [one for one in get_args(hint) if one is not NoneType]
    if name in _NUMBERS or hint in (int, float):
        return "number"
    return "text" if hint is str else "truth" if hint is bool else None


def _part_of(hint: Any) -> type[Part] | None:
    for one in (hint, *get_args(hint), *(inner for arg in get_args(hint) for inner in get_args(arg))):
        if isinstance(one, type) and issubclass(one, Part):
            return one
    return None


def _walk(owner: type[Event] | type[Part], prefix: tuple[str, ...]) -> dict[tuple[str, ...], Type]:
    found: dict[tuple[str, ...], Type] = {}
    singles = {many: single for single, many in _FIRST_OF.items()}
    for name, hint in get_type_hints(owner).items():
        part = _part_of(hint)
        if part is not None:
            found |= _walk(part, (*prefix, singles.get(name, name)))
        else:
            known = _type_of(hint, name)
            if known is not None:
                found[*prefix, name] = known
    return found


def _outcome(subject: Subject) -> str | None:
    event = subject.event
    if isinstance(event, Transaction):
        return outcome_of(event.transaction_status)
    if isinstance(event, Login):
        return outcome_of(event.login_status)
    if isinstance(event, AddPromotion) and event.promotions:
        return outcome_of(event.promotions[0].status)
    return None


def _state(subject: Subject) -> str | None:
    event = subject.event
    if isinstance(event, ItemStatus):
        return order_state_of(event.item_status)
    if isinstance(event, OrderStatus | CustomEvent):
        return order_state_of(event.order_status)
    return None


def _is_won(subject: Subject) -> bool | None:
    event = subject.event
    return (event.chargeback_state or "").endswith("won") if isinstance(event, Chargeback) else None


def _is_guest(subject: Subject) -> bool | None:
    involved = subject.involved
    return None if involved.user is None and involved.session is None else involved.user is None


def _amount(subject: Subject) -> float | None:
    """The order's total; of an event without an order its own amount."""
    source = subject.order if subject.order is not None else subject.event
    return number_of(getattr(source, "amount", None))


def _payment_amount(subject: Subject) -> float | None:
    """Of the attempt itself, which may pay a part of the order."""
    event = subject.event
    return number_of(event.amount) if isinstance(event, Transaction) else None


def _of_place(name: str) -> Read:
    """What the operator's files tell of the IP."""

    def read(subject: Subject) -> Any:
        place = subject.ip_place()
        return None if place is None else getattr(place, name)

    return read


def _text_of(thing: Thing) -> Read:
    """The normal form of the most important one."""

    def read(subject: Subject) -> str | None:
        texts = thing.texts(subject)
        return texts[0].partition(":")[2] if texts else None

    return read


def _numbers_of(*types: type[Event]) -> frozenset[int]:
    return frozenset(kind.number for kind in KINDS if issubclass(kind.type, types))


def _all_fields() -> dict[str, Field]:
    kinds: dict[str, set[int]] = {}
    types: dict[str, tuple[tuple[str, ...], Type]] = {}
    about_order = frozenset(kind.number for kind in KINDS)
    for kind in KINDS:
        for path, known in _walk(kind.type, ()).items():
            kinds.setdefault(".".join(path), set()).add(kind.number)
            types[".".join(path)] = (path, known)
    order_fields = {".".join(path) for path in _walk(KIND_OF_ORDER, ())}
    fields = {
        name: Field(
            known, about_order if name in order_fields else frozenset(kinds[name]),
            _own_or_orders(path, number=known == "number"),
        )
        for name, (path, known) in types.items()
    }  # fmt: skip
    every = about_order
    return {
        **{thing.name: Field("text", every, _text_of(thing), thing.says) for thing in THINGS.values()},
        **fields,
        "amount": Field("number", every, _amount, "total of the order in main units of its currency"),
        "payment_amount": Field(
            "number", _numbers_of(Transaction), _payment_amount, "what the payment attempt was for, in main units"
        ),
        "outcome": Field(
            "text", _numbers_of(Transaction, Login, AddPromotion), _outcome, "success, failure, pending or other"
        ),
        "state": Field(
            "text", _numbers_of(OrderStatus, ItemStatus, CustomEvent), _state,
            "approved, canceled, held, fulfilled, returned, rto or other",
        ),
        "is_won": Field("truth", _numbers_of(Chargeback), _is_won, "whether the shop won the dispute"),
        "paid_on_delivery": Field(
            "truth", every, Subject.paid_on_delivery, "cash on delivery, as said or as the payment type tells"
        ),
        "is_guest": Field("truth", every, _is_guest, "whether nobody is logged in"),
        "ip_country": Field("text", every, _of_place("country"), "alpha-2 of the country of the IP, from a file"),
        "ip_asn": Field("number", every, _of_place("asn"), "number of the network that the IP is in, from a file"),
        "ip_operator": Field("text", every, _of_place("operator"), "who runs the network of the IP, from a file"),
        "event_name": Field("text", _numbers_of(CustomEvent), attrgetter("name"), "name of a shop's own event"),
    }  # fmt: skip


KIND_OF_ORDER = next(kind.type for kind in KINDS if kind.name == "createOrder")
FIELDS: Mapping[str, Field] = MappingProxyType(_all_fields())
