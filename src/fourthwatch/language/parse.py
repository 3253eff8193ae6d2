"""Text to tree: operators by precedence, brackets, lists, calls; what stands inside an aggregate is read by `clauses`.

Hand-written and bounded: no text, however made, costs more than its length, and none raises anything but
`LanguageError`. A fault inside brackets does not hide those behind them.
"""

from typing import NoReturn

from fourthwatch.language.aggregates import ALSO_FUNCTIONS, FORM_OF, Form
from fourthwatch.language.clauses import read_aggregate
from fourthwatch.language.cursor import Cursor, Stopped
from fourthwatch.language.diagnose import SPLIT_HINT, Findings, nearest, quoted
from fourthwatch.language.tokens import Token, tokens_of
from fourthwatch.language.tree import (
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
    Scalar,
    Text,
    Truth,
    measure,
)
from fourthwatch.limits import EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX

OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN = range(1, 8)
"""Levels of precedence, the loosest first."""
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_SUMS = ("+", "-")
_PRODUCTS = ("*", "/", "%")


def parse(source: str) -> Expression:
    """The tree of a text; raises `LanguageError` with every fault that was found.

    >>> parse("amount > 20000")
    Compare(operator='>', left=Name(path=('amount',), end=6), right=Number(value=20000, start=9, end=14), end=14)
    """
    findings = Findings(source)
    tokens = tokens_of(source, findings)
    if findings.has("too_long", "bad_character", "open_text"):
        findings.raise_if_any()  # what follows would be about the hole that these leave
    cursor = Cursor(source, tokens, findings)
    tree: Expression = Truth(False)
    try:
        tree = expression(cursor, OR)
        _must_be_all(cursor)
    except Stopped:
        pass
    findings.raise_if_any()
    nodes, levels = measure(tree)
    if nodes > EXPRESSION_NODES_MAX:
        message = f"an expression has up to {EXPRESSION_NODES_MAX:,} parts, this has {nodes:,}"
        findings.report(tree.start, tree.end, "too_long", message, "a long list of values is better kept as a list")
    elif levels > EXPRESSION_DEPTH_MAX:
        message = f"more than {EXPRESSION_DEPTH_MAX} levels of operators"
        findings.report(tree.start, tree.end, "too_deep", message, SPLIT_HINT)
    findings.raise_if_any()
    return tree


def expression(cursor: Cursor, level: int) -> Expression:
    """The longest expression from here on whose operators bind at least as tightly as `level`."""
    cursor.enter()
    try:
        left = _prefixed(cursor, level)
        while True:
            longer = _extended(cursor, left, level)
            if longer is None:
                return left
            left = longer
    finally:
        cursor.leave()


def _must_be_all(cursor: Cursor) -> None:
    if cursor.next.kind == "end":
        return
    hint = None
    if cursor.next.is_one(")", "]"):
        hint = "this bracket was never opened"
    elif (
        cursor.next.is_one(",")
        and cursor.after_next.kind == "number"
        and cursor.source[cursor.end_before - 1].isdigit()
    ):
        hint = "a number is written without commas, as 20000 or 20_000"
    elif cursor.next.kind != "sign":
        hint = "an operator is missing: and, or, a comparison…"
    cursor.fail("unexpected", f"the expression ends before {cursor.shown()}", hint)


def _extended(cursor: Cursor, left: Expression, level: int) -> Expression | None:
    """`left` and the operator behind it as one expression; `None` when there is none, or it binds too loosely."""
    token = cursor.next
    if token.is_one("or", "and"):
        own = OR if token.value == "or" else AND
        if level > own:
            return None
        operands = [left]
        while cursor.accept(str(token.value)):
            operands.append(expression(cursor, own + 1))
        return Logic("or" if own == OR else "and", tuple(operands), start=left.start, end=cursor.end_before)
    if token.is_one(*_COMPARISONS, "in", "not"):
        return None if level > COMPARISON else _comparison(cursor, left)
    for signs, own in ((_SUMS, SUM), (_PRODUCTS, PRODUCT)):
        if token.is_one(*signs):
            if level > own:
                return None
            cursor.take()
            right = expression(cursor, own + 1)
            return Arithmetic(token.value, left, right, start=left.start, end=cursor.end_before)  # type: ignore[arg-type]
    return None


def _comparison(cursor: Cursor, left: Expression) -> Expression | None:
    token = cursor.next
    made: Expression
    if token.is_one("in", "not"):
        behind = cursor.after_next
        if token.is_one("in"):
            if not cursor.loose_in and behind.kind != "text" and not behind.is_one("["):
                return None
        elif not behind.is_one("in"):
            cursor.fail("unexpected", f"expected an operator, not {cursor.shown()}", "a not in b; not a == b")
        negated = cursor.take().is_one("not")
        if negated:
            cursor.take()
        right = expression(cursor, SUM)
        made = Membership(left, right, negated, start=left.start, end=cursor.end_before)
    else:
        cursor.take()
        right = expression(cursor, SUM)
        made = Compare(token.value, left, right, start=left.start, end=cursor.end_before)  # type: ignore[arg-type]
    again = cursor.next
    if again.is_one(*_COMPARISONS) or (again.is_one("in") and cursor.loose_in):
        first, middle = cursor.source[left.start : left.end], cursor.source[right.start : right.end]
        hint = f"write {first} {token.value} {middle} and {middle} {again.value} …"
        cursor.fail("comparison_chain", "one comparison at a time", hint if len(hint) <= 80 else "join two with and")
    return made


def _prefixed(cursor: Cursor, level: int) -> Expression:
    """What begins here: a sign or `not` with its operand, or something that stands by itself."""
    token = cursor.next
    if token.is_one("not"):
        if level > NOT:
            cursor.fail("unexpected", "not stands before a whole comparison", "put it in brackets: (not a)")
        cursor.take()
        operand = expression(cursor, NOT)
        return Not(operand, start=token.start, end=cursor.end_before)
    if token.is_one("-"):
        cursor.take()
        if cursor.next.kind == "number":
            return _number(cursor.take(), sign=token)
        operand = expression(cursor, SIGN)
        return Negate(operand, start=token.start, end=cursor.end_before)
    if token.is_one("("):
        return _bracketed(cursor)
    if token.is_one("["):
        return _list(cursor)
    if token.kind == "name":
        return _named(cursor)
    return _literal(cursor)


def _number(token: Token, sign: Token | None = None) -> Number:
    assert isinstance(token.value, int | float)
    if sign is None:
        return Number(token.value, start=token.start, end=token.end)
    return Number(-token.value, start=sign.start, end=token.end)


def _literal(cursor: Cursor) -> Scalar:
    token = cursor.next
    made: Scalar
    if token.kind == "number":
        made = _number(token)
    elif token.kind == "text":
        made = Text(str(token.value), start=token.start, end=token.end)
    elif token.kind == "duration":
        assert isinstance(token.value, int)
        made = Duration(token.value, start=token.start, end=token.end)
    elif token.is_one("true", "false"):
        made = Truth(token.value == "true", start=token.start, end=token.end)
    else:
        _no_value(cursor)
    cursor.take()
    return made


def _no_value(cursor: Cursor) -> NoReturn:
    token = cursor.next
    hint = None
    if token.is_one("==", "!=", "<", "<=", ">", ">=", "and", "or", "in", "+", "*", "/", "%"):
        hint = "an operator stands between two values"
    elif token.is_one("where", "of", "by"):
        hint = f"{token.value} has its place inside an aggregate, as in sum(amount of order where amount > 5, by user)"
    cursor.fail("unexpected", f"expected a value, not {cursor.shown()}", hint)


def _bracketed(cursor: Cursor) -> Expression:
    opening = cursor.take()
    loose, cursor.loose_in = cursor.loose_in, True
    inner: Expression = Truth(False)
    try:
        inner = expression(cursor, OR)
    except Stopped:
        cursor.skip_to(")")
    cursor.loose_in = loose
    close(cursor, opening)
    return inner


def _list(cursor: Cursor) -> ListOf:
    opening = cursor.take()
    items: list[Scalar] = []
    while not cursor.next.is_one("]"):
        try:
            sign = cursor.accept("-")
            if sign is not None and cursor.next.kind != "number":
                cursor.fail("unexpected", f"expected a number, not {cursor.shown()}")
            items.append(_literal(cursor) if sign is None else _number(cursor.take(), sign))
            if not cursor.next.is_one(",", "]") and not cursor.is_at_end():
                cursor.fail("unexpected", f"expected a comma, not {cursor.shown()}", "a list holds only literals")
        except Stopped:
            cursor.skip_to(",", "]")
        if cursor.accept(",") is None:
            break
    close(cursor, opening)
    return ListOf(tuple(items), start=opening.start, end=cursor.end_before)


def _named(cursor: Cursor) -> Expression:
    token = cursor.take()
    assert isinstance(token.value, tuple)
    if not cursor.next.is_one("("):
        return Name(token.value, start=token.start, end=token.end)
    if len(token.value) > 1:
        cursor.fail("unexpected", "only functions are called, and their names have no dots", token=token)
    name = token.value[0]
    opening = cursor.take()
    form = FORM_OF.get(name) or _form_meant(cursor, token, name)
    loose, cursor.loose_in = cursor.loose_in, True
    made: Expression
    if form is not None and (name not in ALSO_FUNCTIONS or cursor.comes_inside("of", "by")):
        made = read_aggregate(cursor, token, opening, form, lambda: expression(cursor, OR))
    else:
        arguments = _arguments(cursor, opening)
        made = Call(name, arguments, start=token.start, end=cursor.end_before, name_end=token.end)
    cursor.loose_in = loose
    return made


def _form_meant(cursor: Cursor, token: Token, name: str) -> Form | None:
    """The aggregate that a misspelt one must be: nothing else has a `by`. Read as that, its other faults show, too."""
    near = nearest(name, FORM_OF) if cursor.comes_inside("by") else None
    if near is None:
        return None
    hint = f"did you mean `{near}`?"
    cursor.findings.report(token.start, token.end, "unknown_function", f"there is no aggregate {quoted(name)}", hint)
    return FORM_OF[near]


def _arguments(cursor: Cursor, opening: Token) -> tuple[Expression, ...]:
    arguments: list[Expression] = []
    while not cursor.next.is_one(")"):
        try:
            arguments.append(expression(cursor, OR))
            if not cursor.next.is_one(",", ")") and not cursor.is_at_end():
                cursor.fail("unexpected", f"expected a comma or the closing bracket, not {cursor.shown()}")
        except Stopped:
            cursor.skip_to(",", ")")
        if cursor.accept(",") is None:
            break
    close(cursor, opening)
    return tuple(arguments)


def close(cursor: Cursor, opening: Token) -> None:
    """Read the bracket that closes `opening`; when there is none, say which one is still open."""
    closing = ")" if opening.value == "(" else "]"
    if cursor.accept(closing) is None:
        if cursor.next.kind == "end":
            cursor.fail("open_bracket", f"this {quoted(str(opening.value))} is never closed", token=opening)
        cursor.fail("unexpected", f"expected {quoted(closing)}, not {cursor.shown()}")
