"""Tree to text, one text for each tree, and the way to and from JSON.

Reading the text gives the same tree again, up to places; brackets stand only where the tree would be another without.
"""

import re

import msgspec

from fourthwatch.language.aggregates import FORM_OF
from fourthwatch.language.diagnose import Diagnostic, LanguageError
from fourthwatch.language.parse import AND, COMPARISON, NOT, OR, PRODUCT, SIGN, SUM, parse
from fourthwatch.language.tokens import RESERVED
from fourthwatch.language.tree import (
    Aggregate,
    Arithmetic,
    Call,
    Compare,
    Duration,
    Events,
    Expression,
    ListOf,
    Logic,
    Membership,
    Name,
    Negate,
    Node,
    Not,
    Number,
    Text,
    Truth,
    children,
    measure,
    without_places,
)
from fourthwatch.limits import EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX

_ATOM = SIGN + 1
_UNITS = (("d", 86_400_000, 2 * 86_400_000), ("h", 3_600_000, 3_600_000), ("m", 60_000, 60_000))
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SEGMENT = re.compile(r"[A-Za-z0-9_]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def format_expression(tree: Expression) -> str:
    """The canonical text of a tree, on one line.

    >>> format_expression(parse("(a)>1_000 and  not(b or c)"))
    'a > 1000 and not (b or c)'
    """
    return _text(tree, OR)


def to_json(tree: Expression) -> bytes:
    """The tree as JSON, without places in a text."""
    return msgspec.json.encode(without_places(tree))


def from_json(body: bytes) -> Expression:
    """The tree in a JSON text, with its places in its canonical text; raises `LanguageError` when it is none.

    What could not have been written as a text is refused, so that every tree has one.
    """
    try:
        tree: Expression = msgspec.json.decode(body, type=Expression)
        nodes, levels = measure(tree)
        if nodes > EXPRESSION_NODES_MAX or levels > EXPRESSION_DEPTH_MAX:
            raise _not_a_tree("too_long", "the tree has too many parts or levels")
        read = parse(format_expression(tree))
    except msgspec.DecodeError as fault:
        raise _not_a_tree("bad_json", f"not the JSON of an expression: {fault}") from None
    except (UnicodeDecodeError, RecursionError):
        raise _not_a_tree("bad_json", "not the JSON of an expression") from None
    if without_places(read) != without_places(tree):
        raise _not_a_tree("bad_json", "no text says what this tree says")
    return read


def duration_text(ms: int) -> str:
    """A duration in the largest of days (from two on), hours, minutes and seconds that it is a whole number of.

    >>> duration_text(5_400_000), duration_text(86_400_000), duration_text(7 * 86_400_000)
    ('90m', '24h', '7d')
    """
    for unit, each_ms, from_ms in _UNITS:
        if ms % each_ms == 0 and ms >= from_ms:
            return f"{ms // each_ms}{unit}"
    return f"{ms // 1_000}s"


def _not_a_tree(code: str, message: str) -> LanguageError:
    return LanguageError((Diagnostic(1, 1, 1, code, message),))


def _text(node: Expression, level: int) -> str:
    """The text of a node where operators must bind at least as tightly as `level`."""
    text, own = _text_and_level(node)
    return text if own >= level else f"({text})"


def _text_and_level(node: Expression) -> tuple[str, int]:
    match node:
        case Logic(operator, operands):
            own = OR if operator == "or" else AND
            return f" {operator} ".join(_text(operand, own + 1) for operand in operands), own
        case Not(operand):
            return f"not {_text(operand, NOT)}", NOT
        case Compare(operator, left, right):
            return f"{_text(left, SUM)} {operator} {_text(right, SUM)}", COMPARISON
        case Membership(item, container, negated):
            return f"{_text(item, SUM)} {'not in' if negated else 'in'} {_text(container, SUM)}", COMPARISON
        case Arithmetic(operator, left, right):
            own = SUM if operator in ("+", "-") else PRODUCT
            return f"{_text(left, own)} {operator} {_text(right, own + 1)}", own
        case Negate(operand):
            # A sign right before a number would become the number's own.
            return f"-({_text(operand, OR)})" if isinstance(operand, Number) else f"-{_text(operand, SIGN)}", SIGN
        case Call(function, arguments):
            return f"{function}({', '.join(_text(argument, OR) for argument in arguments)})", _ATOM
        case Aggregate():
            return _aggregate(node), _ATOM
        case ListOf(items):
            return f"[{', '.join(_text(item, OR) for item in items)}]", _ATOM
        case Number(value):
            return repr(value), SIGN if repr(value).startswith("-") else _ATOM
        case Text(value):
            return _quoted(value), _ATOM
        case Truth(value):
            return ("true" if value else "false"), _ATOM
        case Duration(ms):
            return duration_text(ms), _ATOM
        case Name():
            return _path(node), _ATOM


def _aggregate(node: Aggregate) -> str:
    head = FORM_OF[node.function].head
    parts: list[str] = []
    if head in ("field", "thing"):
        thing = ("other " if node.other else "") + ("" if node.of is None else _path(node.of))
        if node.events.names or head == "field":
            parts.append(f"{thing} of {_events(node.events)}")
        else:
            parts.append(thing + _where(node.events))
    elif head == "two_events":
        whole = "" if node.whole is None else _events(node.whole)
        parts.append(f"{_events(node.events, before_in=True)} in {whole}")
    elif head == "events" or node.events.names or node.events.where is not None:
        parts.append(_events(node.events))
    parts.append("by " + "+".join(entity.name for entity in node.by))
    if node.nth != 1:
        parts.append(f"nth {node.nth}")
    if node.last_ms is not None:
        parts.append(f"last {duration_text(node.last_ms)}")
    if node.until_ms is not None:
        parts.append(f"until {duration_text(node.until_ms)} ago")
    if node.including_this:
        parts.append("including this")
    return f"{node.function}({', '.join(parts)})"


def _events(events: Events, *, before_in: bool = False) -> str:
    names = [f"custom {_quoted(event.name)}" if event.custom else event.name for event in events.names]
    return (" | ".join(names) or "any") + _where(events, before_in=before_in)


def _where(events: Events, *, before_in: bool = False) -> str:
    if events.where is None:
        return ""
    text = _text(events.where, OR)
    return f" where ({text})" if before_in and _has_loose_in(events.where) else f" where {text}"


def _has_loose_in(node: Node) -> bool:
    """Whether an `in` of the condition could be taken for the one between two kinds of events."""
    return (isinstance(node, Membership) and not node.negated and not isinstance(node.container, Text | ListOf)) or any(
        _has_loose_in(child) for child in children(node)
    )


def _path(name: Name) -> str:
    first, *rest = name.path or ("",)
    segments = [one if _SEGMENT.fullmatch(one) else _quoted(one) for one in rest]
    if not _WORD.fullmatch(first) or (first in RESERVED and not rest):
        return _quoted(first)  # no text names it, so it is read as another tree and refused
    return ".".join([first, *segments])


def _quoted(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(char, char) if char.isprintable() else _escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    return _ESCAPES.get(char) or (f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else char)
