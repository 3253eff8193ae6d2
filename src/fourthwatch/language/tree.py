"""The syntax tree of the language: what a text says, and nothing of what it is about.

Closed and frozen: every node is one of the structs below, so whoever walks a tree can name them all. A tree travels as
JSON under the tags given here; `start` and `end` are offsets into the text it was read from, 0 where there is none.
"""

from collections.abc import Iterator
from typing import Literal, TypeVar

import msgspec

from fourthwatch.limits import EXPRESSION_DEPTH_MAX

ArithmeticOperator = Literal["+", "-", "*", "/", "%"]
CompareOperator = Literal["==", "!=", "<", "<=", ">", ">="]
LogicOperator = Literal["and", "or"]
AggregateName = Literal[
    "count", "sum", "mean", "max", "min", "distinct", "since_first", "since_last", "previous", "seen", "share"
]


class Node(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="node",
    omit_defaults=True,
    repr_omit_defaults=True,
    forbid_unknown_fields=True,
):
    """Anything in a tree."""

    start: int = 0
    end: int = 0
    """The first offset after it."""


class Number(Node, frozen=True, tag="number"):
    """`20000`, `0.5`, `-1`; whole ones within 63 bits, others finite."""

    value: int | float


class Text(Node, frozen=True, tag="text"):
    """`"COD"`, without its quotes and escapes."""

    value: str


class Truth(Node, frozen=True, tag="truth"):
    """`true` or `false`."""

    value: bool


class Duration(Node, frozen=True, tag="duration"):
    """`10m`, `24h`, `7d`: milliseconds here, a number of seconds when calculated with."""

    ms: int


Scalar = Number | Text | Truth | Duration


class ListOf(Node, frozen=True, tag="list"):
    """`["a", "b"]`: literals only."""

    items: tuple[Scalar, ...]


class Name(Node, frozen=True, tag="name"):
    """`amount`, `shipping_address.zipcode`, `custom."cart-total"`: a field, or something that has been given a name."""

    path: tuple[str, ...]

    @property
    def dotted(self) -> str:
        """The path with dots, as schemas have it."""
        return ".".join(self.path)


class Not(Node, frozen=True, tag="not"):
    """`not a`."""

    operand: "Expression"


class Logic(Node, frozen=True, tag="logic"):
    """`a and b and c`: two operands or more; brackets inside stay nodes of their own."""

    operator: LogicOperator
    operands: tuple["Expression", ...]


class Compare(Node, frozen=True, tag="compare"):
    """`a < b`."""

    operator: CompareOperator
    left: "Expression"
    right: "Expression"


class Membership(Node, frozen=True, tag="in"):
    """`a in b`, `a not in b`: of a list, or of a text within a text."""

    item: "Expression"
    container: "Expression"
    negated: bool = False


class Arithmetic(Node, frozen=True, tag="arithmetic"):
    """`a + b`."""

    operator: ArithmeticOperator
    left: "Expression"
    right: "Expression"


class Negate(Node, frozen=True, tag="negate"):
    """`-a`; the sign of a literal is part of the literal."""

    operand: "Expression"


class Call(Node, frozen=True, tag="call"):
    """`lower(x)`: one of the functions of the table."""

    function: str
    arguments: tuple["Expression", ...]
    name_end: int = 0
    """The first offset after the function's name."""


class EventName(Node, frozen=True, tag="event"):
    """`order`, or `custom "coupon_failed"`."""

    name: str
    custom: bool = False


class Events(Node, frozen=True, tag="events"):
    """`order | transaction where amount > 5`; no names: any event."""

    names: tuple[EventName, ...] = ()
    where: "Expression | None" = None
    """About the past event; `None`: all of them count."""


class EntityName(Node, frozen=True, tag="entity"):
    """`user` behind `by`."""

    name: str


class Aggregate(Node, frozen=True, tag="aggregate"):
    """`sum(amount of order where …, by user+card, last 24h)`: what is known of the past.

    Windows are milliseconds before the present event, in the ledger's time.
    """

    function: AggregateName
    events: Events
    """Of `share` those that are the part."""
    by: tuple[EntityName, ...]
    """More than one: the combination of them."""
    of: Name | None = None
    """The field or entity that is added up, counted, remembered; `None` for those functions that only take events."""
    other: bool = False
    """`distinct(other user, …)`: leaves out the present event's own."""
    whole: Events | None = None
    """Of `share` what the part is compared with; `None` for all others."""
    last_ms: int | None = None
    """How far back the window goes; `None`: as far as anything is known."""
    until_ms: int | None = None
    """How long before the present event the window ends; `None`: at the present event."""
    including_this: bool = False
    """Whether the present event counts too."""
    nth: int = 1
    """Of `previous`: 1 for the newest earlier event, 2 for the one before."""
    name_end: int = 0
    """The first offset after the function's name."""
    last_start: int = 0
    """Where the word `last` begins; so the next two."""
    until_start: int = 0
    nth_start: int = 0


Expression = (
    Number | Text | Truth | Duration | ListOf | Name | Not | Logic | Compare | Membership | Arithmetic | Negate
    | Call | Aggregate
)  # fmt: skip

_PLACES = frozenset({"start", "end", "name_end", "last_start", "until_start", "nth_start"})
_N = TypeVar("_N", bound=Node)


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below one, as they stand in the text but for `of`, which comes after `by`."""
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from (one for one in value if isinstance(one, Node))


def measure(tree: Node) -> tuple[int, int]:
    """How many nodes a tree has and how many levels, however deep it is.

    >>> measure(Not(Not(Truth(True))))
    (3, 3)
    """
    count, deepest = 0, 0
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        count += 1
        deepest = max(deepest, depth)
        waiting.extend((child, depth + 1) for child in children(node))
    return count, deepest


def without_places(tree: _N) -> _N:
    """The same tree as if it came from no text: equal for all texts that say the same.

    >>> without_places(Truth(True, start=4, end=8)) == Truth(True)
    True
    """
    return _without_places(tree, EXPRESSION_DEPTH_MAX)


def _without_places(node: _N, levels: int) -> _N:
    assert levels > 0
    values: dict[str, object] = {}
    for name in node.__struct_fields__:
        if name not in _PLACES:
            value = getattr(node, name)
            if isinstance(value, Node):
                value = _without_places(value, levels - 1)
            elif isinstance(value, tuple):
                value = tuple(_without_places(one, levels - 1) if isinstance(one, Node) else one for one in value)
            values[name] = value
    return msgspec.structs.replace(node, **dict.fromkeys(_PLACES & set(node.__struct_fields__), 0), **values)
