"""What an expression gives, by the definitions in the reference and nothing else: slow, plain, and written separately.

It walks the tree anew for every question and shares no code with the compiled closures.
"""

import decimal
import math
import re
from collections.abc import Mapping
from typing import Any

from fourthwatch.language.tree import (
    Aggregate,
    Arithmetic,
    Call,
    Compare,
    Duration,
    Expression,
    ListOf,
    Logic,
    Membership,
    Name,
    Negate,
    Not,
    Number,
    Text,
    Truth,
    without_places,
)

LARGEST = 2**63 - 1
RANK = {False: 0, None: 1, True: 2}


def answer(tree: Expression, wanted: str, known: Mapping[str | Aggregate, Any]) -> Any:
    """The result from fields and names by dotted path and aggregates by node; what is not there is unknown.

    A result that is not of the type wanted is unknown; an aggregate by itself is handed through, but for `previous`.
    """
    value = _value(tree, known)
    kinds = {"any": ("number", "text", "truth"), "duration": ("number",), "time": ("number",)}.get(wanted, (wanted,))
    handed_through = isinstance(tree, Aggregate) and tree.function != "previous"
    return value if handed_through or kind(value) in kinds else None


def kind(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | tuple) else "object"


def _value(node: Expression, known: Mapping[str | Aggregate, Any]) -> Any:
    def of(child: Expression) -> Any:
        return _value(child, known)

    if isinstance(node, Number | Text | Truth):
        return node.value
    if isinstance(node, Duration):
        return node.ms // 1000
    if isinstance(node, ListOf):
        return [of(item) for item in node.items]
    if isinstance(node, Name):
        return known.get(".".join(node.path))
    if isinstance(node, Aggregate):
        return known.get(without_places(node))
    if isinstance(node, Not):
        return _opposite(of(node.operand))
    if isinstance(node, Logic):
        ranks = [RANK[_truth(of(operand))] for operand in node.operands]
        lowest_or_highest = min(ranks) if node.operator == "and" else max(ranks)
        return {0: False, 1: None, 2: True}[lowest_or_highest]
    if isinstance(node, Compare):
        return _compared(node.operator, of(node.left), of(node.right))
    if isinstance(node, Membership):
        held = _held(of(node.item), of(node.container), literal=isinstance(node.container, ListOf))
        return _opposite(held) if node.negated else held
    if isinstance(node, Arithmetic):
        return _calculated(node.operator, of(node.left), of(node.right))
    if isinstance(node, Negate):
        return _calculated("*", of(node.operand), -1)
    assert isinstance(node, Call)
    return _called(node.function, [of(argument) for argument in node.arguments])


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _opposite(value: Any) -> bool | None:
    return {True: False, False: True}.get(value) if isinstance(value, bool) else None


def _compared(operator: str, left: Any, right: Any) -> bool | None:
    if kind(left) != kind(right) or kind(left) not in ("number", "text", "truth"):
        return None
    if operator in ("==", "!="):
        return bool(left == right) == (operator == "==")
    if kind(left) != "number":
        return None
    smaller, same = bool(left < right), bool(left == right)
    return {"<": smaller, "<=": smaller or same, ">": not smaller and not same, ">=": not smaller}[operator]


def _held(item: Any, container: Any, *, literal: bool) -> bool | None:
    if kind(item) not in ("number", "text", "truth"):
        return None
    if kind(container) == "text":
        return container.find(item) >= 0 if kind(item) == "text" else None
    if kind(container) != "list":
        return None
    same = [_compared("==", item, one) for one in container]
    if literal and None in same:
        return None
    return True in same


def _calculated(operator: str, left: Any, right: Any) -> Any:
    if kind(left) != "number" or kind(right) != "number":
        return None
    if operator in "/%" and right == 0:
        return None
    try:
        if operator == "+":
            result = left + right
        elif operator == "-":
            result = left - right
        elif operator == "*":
            result = left * right
        elif operator == "/":
            result = left / right
        else:
            result = left % right
    except OverflowError:
        return None
    return _in_bounds(result)


def _in_bounds(number: Any) -> Any:
    if isinstance(number, int) and abs(number) > LARGEST:
        number = float(number)
    return None if isinstance(number, float) and (math.isnan(number) or math.isinf(number)) else number


def _called(name: str, given: list[Any]) -> Any:
    if name == "missing":
        return given[0] is None
    if name == "known":
        return given[0] is not None
    if name == "default":
        return given[0] if given[0] is not None else given[1]
    if name == "if_else":
        return {True: given[1], False: given[2]}.get(given[0]) if kind(given[0]) == "truth" else None
    if name == "len":
        return len(given[0]) if kind(given[0]) in ("text", "list") else None
    kinds = {kind(value) for value in given}
    if name in ("lower", "upper", "starts_with", "ends_with", "contains"):
        return _of_texts(name, given) if kinds == {"text"} else None
    if name in ("number", "text"):
        return _converted(name, given[0])
    return _of_numbers(name, given) if kinds == {"number"} else None


def _of_texts(name: str, given: list[Any]) -> Any:
    if name == "lower":
        return given[0].lower()
    if name == "upper":
        return given[0].upper()
    whole, part = given
    if name == "contains":
        return whole.find(part) >= 0
    return whole[: len(part)] == part if name == "starts_with" else whole[len(whole) - len(part) :] == part


def _of_numbers(name: str, given: list[Any]) -> Any:
    if name == "abs":
        return given[0] if given[0] >= 0 else -given[0]
    if name == "min":
        return sorted(given)[0]
    if name == "max":
        return sorted(given, reverse=True)[0]  # of equal ones the first: 1 and 1.0 go on differently
    if name == "log":
        return math.log(given[0]) if given[0] > 0 else None
    assert name == "round"
    with decimal.localcontext(prec=400):
        return _in_bounds(int(decimal.Decimal(given[0]).to_integral_value(decimal.ROUND_HALF_UP)))


def _converted(name: str, value: Any) -> Any:
    if name == "text":
        if kind(value) == "truth":
            return str(value).lower()
        if kind(value) == "number":
            whole = abs(value) <= LARGEST and value == int(value)
            return str(int(value)) if whole else str(value)
        return value if kind(value) == "text" else None
    if kind(value) != "text":
        return value if kind(value) == "number" else None
    text = value.strip()
    if len(value) > 40 or not re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?", text, re.ASCII):
        return None
    return _in_bounds(int(text) if text.lstrip("+-").isdigit() else float(text))
