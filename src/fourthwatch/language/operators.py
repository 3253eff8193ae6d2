"""What is done with values, in three-valued logic: whatever cannot be computed is `None`, unknown, and nothing raises.

Values are what JSON has: numbers (whole ones within 63 bits, finite others), texts, truths; lists only to look into.
A truth is not a number here, and nothing is silently turned into another kind.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

from fourthwatch.limits import JSON_INTEGER_MAX

Value = bool | int | float | str
Given = Any
"""A value as it comes in: a `Value`, a list or object of a custom field, or `None` for unknown."""

NUMBER = frozenset({int, float})
TEXT = frozenset({str})
TRUTH = frozenset({bool})
LIST = frozenset({list, tuple})
SCALAR = NUMBER | TEXT | TRUTH
ANYTHING = SCALAR | LIST | {dict}
KIND_OF: dict[type, int] = {int: 1, float: 1, str: 2, bool: 3}
"""Values of different kinds are never equal or unequal: comparing them is unknown."""


def bounded(value: int | float) -> int | float | None:
    """The result of a calculation: whole numbers beyond 63 bits go on as floats, what is not finite is unknown.

    >>> bounded(2**63), bounded(float("inf"))
    (9.223372036854776e+18, None)
    """
    if type(value) is int:
        return value if -JSON_INTEGER_MAX <= value <= JSON_INTEGER_MAX else float(value)
    return value if math.isfinite(value) else None


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def calculate(operation: Callable[[Any, Any], Any], left: Given, right: Given) -> int | float | None:
    """One of `ARITHMETIC`; unknown for anything but numbers, for division by zero and beyond all bounds."""
    if type(left) in NUMBER and type(right) in NUMBER:
        try:
            return bounded(operation(left, right))
        except (ZeroDivisionError, OverflowError):
            return None
    return None


def is_equal(left: Given, right: Given) -> bool | None:
    """Whether two values of one kind are the same; unknown for different kinds, lists and objects."""
    kind = KIND_OF.get(type(left))
    return bool(left == right) if kind is not None and kind == KIND_OF.get(type(right)) else None


def is_in(item: Given, container: Given) -> bool | None:
    """Whether a list holds the value, or a text holds the text."""
    kind = KIND_OF.get(type(item))
    if kind is None:
        return None
    if type(container) is str:
        return item in container if kind == 2 else None
    if type(container) in LIST:
        return any(KIND_OF.get(type(one)) == kind and item == one for one in container)
    return None


def number_text(value: int | float) -> str:
    """A number as a text; whole ones without a point, however they came about.

    >>> number_text(5.0), number_text(0.1), number_text(1e300)
    ('5', '0.1', '1e+300')
    """
    if type(value) is float and value.is_integer() and abs(value) <= JSON_INTEGER_MAX:
        return str(int(value))
    return repr(value)
