"""The words of the language as this room knows them: events, entities and fields, each with what it stands for.

One name per thing, the glossary's own; the wire's names of events are understood beside ours.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from fourthwatch.events import KINDS
from fourthwatch.features.fields import FIELDS
from fourthwatch.features.things import THINGS
from fourthwatch.language import FUNCTIONS, Function, Parameter, Schema, Type
from fourthwatch.language.operators import Given, bounded


class EventWord(msgspec.Struct, frozen=True):
    """A name behind `count(…)` and the like."""

    name: str
    kinds: tuple[str, ...]
    """Names of the wire's kinds that it stands for."""
    says: str


EVENT_WORDS: tuple[EventWord, ...] = (
    EventWord("signup", ("create_account",), "an account was created"),
    EventWord("profile", ("update_account",), "facts of an account changed"),
    EventWord("login", ("login",), "a login attempt; `outcome` says how it went"),
    EventWord("logout", ("logout",), "the user logged out"),
    EventWord("session_link", ("link_session_to_user",), "a session turned out to be a user's"),
    EventWord("cart", ("add_to_cart", "remove_from_cart"), "the cart changed"),
    EventWord("cart_add", ("add_to_cart",), "an item was put into the cart"),
    EventWord("cart_remove", ("remove_from_cart",), "an item was taken out of the cart"),
    EventWord("order", ("createOrder", "update_order"), "an order was submitted; one counts once, as it was last"),
    EventWord("order_status", ("order_status", "custom_event"), "an order moved on; `state` says where to"),
    EventWord("item_status", ("item_status",), "a line of an order moved on"),
    EventWord("delivery", ("order_status", "item_status", "custom_event"), "an order or a line of it moved on"),
    EventWord("transaction", ("transaction",), "a payment attempt; `outcome` says how it went"),
    EventWord("chargeback", ("chargeback",), "a dispute was opened or changed; one counts once per order"),
    EventWord("promotion", ("add_promotion", "createOrder", "create_account"), "a promotion was applied"),
    EventWord("review", ("submit_review",), "a review was submitted"),
    EventWord("message", ("send_message",), "the user wrote to somebody"),
    EventWord("report", ("report_item",), "the user reported a listing"),
    EventWord("tag", ("tag",), "somebody marked the user bad or good"),
    EventWord("untag", ("untag",), "somebody took a mark off the user"),
    EventWord("custom", ("custom_event",), "any of the shop's own events"),
)

_WORDS: dict[str, tuple[str, ...]] = {word.name: word.kinds for word in EVENT_WORDS}
KINDS_OF_WORD: Mapping[str, frozenset[int]] = MappingProxyType(
    {
        **{kind.name: frozenset({kind.number}) for kind in KINDS},
        **{word: frozenset(kind.number for kind in KINDS if kind.name in names) for word, names in _WORDS.items()},
    }
)
"""Numbers of the kinds that a name of the language stands for; the wire's names stand for themselves."""


def _total(*values: Given) -> int | float | None:
    known = [value for value in values if isinstance(value, int | float) and type(value) is not bool]
    return bounded(sum(known)) if known else None


_NUMBERS: frozenset[Type] = frozenset({"number", "duration", "time", "any"})
_A_NUMBER = Parameter("a", _NUMBERS, frozenset({int, float, type(None)}))
_MORE = Parameter("b", _NUMBERS, frozenset({int, float, type(None)}))

OUR_FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        **FUNCTIONS,
        "greatest": Function(
            "greatest", (_A_NUMBER, _MORE), "number", None,
            "the greatest of those that are known; unknown when none is",
            "greatest(count(order, by ip, last 1h), count(order, by device, last 1h))", variadic=True,
            part="greatest",
        ),
        "total": Function(
            "total", (_A_NUMBER, _MORE), "number", _total,
            "those that are known added up; unknown when none is",
            "total(count(review, by user), count(message, by user))", strict=False, variadic=True,
        ),
    }
)  # fmt: skip


def schema_with(names: Mapping[str, Type]) -> Schema:
    """What an expression may speak of, with features and facts that have names of their own."""
    return Schema(
        fields=_TYPES,
        events=_EVENTS,
        entities=frozenset(THINGS),
        names=names,
        custom_fields=_TYPES,
        functions=OUR_FUNCTIONS,
    )


def _fields_of(kinds: frozenset[int]) -> dict[str, Type]:
    return {name: field.type for name, field in FIELDS.items() if kinds & field.kinds}


_TYPES: dict[str, Type] = {name: field.type for name, field in FIELDS.items()}
_EVENTS: dict[str, Mapping[str, Type]] = {word: _fields_of(kinds) for word, kinds in KINDS_OF_WORD.items()}
