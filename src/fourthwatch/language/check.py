"""Tree to checked tree: every name is there, every operator gets what it works on, every aggregate can be bounded.

All faults of a tree are reported together. What comes as `any` passes here and is looked at when it is calculated.
"""

from typing import Literal

import msgspec

from fourthwatch.language.canonical import format_expression
from fourthwatch.language.diagnose import SPLIT_HINT, Findings, did_you_mean, quoted
from fourthwatch.language.functions import NUMERIC, Function, Type
from fourthwatch.language.parse import parse
from fourthwatch.language.past import PastChecker
from fourthwatch.language.patterns import why_no_pattern
from fourthwatch.language.schema import CUSTOM, IN_LIST, Schema
from fourthwatch.language.tree import (
    Aggregate,
    Arithmetic,
    Call,
    Compare,
    Duration,
    EventName,
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
    without_places,
)
from fourthwatch.limits import EXPRESSION_AGGREGATES_MAX

_USAGE_IN_LIST = 'usage: in_list(email, "vip")'
Unsaid = None
"""The type of what was already reported: fits everywhere, so that one fault is told once."""
Found = Type | None


class Cost(msgspec.Struct, frozen=True, gc=False):
    """What one reading of the expression asks of the histories, and of the state that they keep."""

    aggregates: int
    """Different aggregates, each read once per event."""
    series: int
    """Different (events, condition, field), each kept per entity."""


class Checked(msgspec.Struct, frozen=True):
    """A tree that fits a schema."""

    tree: Expression
    type: Type
    """Of the result; `any` only where a custom field decides it and nothing was expected."""
    named: frozenset[str]
    """Those names in it that are features or facts, not fields."""
    functions: dict[str, Function]
    """Those that it calls."""
    cost: Cost


def read(source: str, schema: Schema, expected: Type | None = None) -> Checked:
    """Text to checked tree in one step; raises `LanguageError` with everything that is wrong."""
    return check(parse(source), schema, source=source, expected=expected)


def check(tree: Expression, schema: Schema, *, source: str | None = None, expected: Type | None = None) -> Checked:
    """The tree with its type; raises `LanguageError` with every fault.

    `source` is the text that the tree was parsed from; without it places are those of the canonical text. `expected`
    is what the result must be; an `any` then counts as that, and is unknown at run time when it is something else.
    """
    if source is None:
        source = format_expression(tree)
        tree = parse(source)
    findings = Findings(source)
    checker = _Checker(schema, findings)
    found = checker.type_of(tree)
    if found == "list":
        findings.report(tree.start, tree.end, "not_a_value", "a list stands only behind `in`")
    elif expected is not None and not _fits(found, expected):
        hint = "compare it with something, as in x > 0" if expected == "truth" else None
        findings.report(tree.start, tree.end, "wrong_type", f"this gives a {found}, and a {expected} is wanted", hint)
    cost = _cost(tree)
    if cost.aggregates > EXPRESSION_AGGREGATES_MAX:
        message = f"an expression has up to {EXPRESSION_AGGREGATES_MAX} aggregates, this has {cost.aggregates}"
        findings.report(tree.start, tree.end, "too_costly", message, SPLIT_HINT)
    findings.raise_if_any()
    assert found is not None
    final: Type = expected if found == "any" and expected is not None else found
    return Checked(tree, final, frozenset(checker.named), checker.called, cost)


class _Checker:
    def __init__(self, schema: Schema, findings: Findings) -> None:
        self._schema = schema
        self._findings = findings
        self._past = PastChecker(schema, findings, self.type_of)
        self._events: tuple[EventName, ...] | None = None
        """The past events that names are now looked up in; `None`: the present one."""
        self.named: set[str] = set()
        self.called: dict[str, Function] = {}

    def type_of(self, node: Expression, events: tuple[EventName, ...] | Literal["same"] = "same") -> Found:
        """The type of a node; `events` says whose fields the names in it are."""
        before = self._events
        if events != "same":
            self._events = events
        found = self._type_of(node)
        self._events = before
        return found

    def _type_of(self, node: Expression) -> Found:
        match node:
            case Number():
                return "number"
            case Text():
                return "text"
            case Truth():
                return "truth"
            case Duration():
                return "duration"
            case ListOf():
                return "list"
            case Name():
                return self._name(node)
            case Not(operand):
                return self._truths(operand)
            case Logic(_, operands):
                return self._truths(*operands)
            case Compare():
                return self._compare(node)
            case Membership():
                return self._membership(node)
            case Arithmetic():
                return self._arithmetic(node)
            case Negate(operand):
                found = self._numeric(operand, "-")
                return "any" if found == "any" else "number" if found == "time" else found
            case Call():
                return self._call(node)
            case Aggregate():
                if self._events is not None:
                    hint = "compare with a plain value, or put the aggregate beside this one"
                    self._report(node, "nested_aggregate", "a condition on past events has no aggregates", hint)
                    return Unsaid
                return self._past.type_of(node)

    def _report(self, node: Node, code: str, message: str, hint: str | None = None) -> None:
        self._findings.report(node.start, node.end, code, message, hint)

    # Names.

    def _name(self, node: Name) -> Found:
        schema, dotted = self._schema, node.dotted
        if self._events is not None:
            return self._past.field(node, self._events)
        found = schema.type_of_present(node.path)
        if found is None and dotted in schema.names:
            self.named.add(dotted)
            found = schema.names[dotted]
        if found is not None:
            return found
        hint = did_you_mean(dotted, [*schema.fields, *schema.names, *([CUSTOM] if schema.custom_allowed else [])])
        if node.path == (CUSTOM,) and schema.custom_allowed:
            hint = "a field of your own is named behind a dot, as in custom.city"
        elif dotted in schema.functions:
            hint = f"a function is called: {schema.functions[dotted].usage}"
        elif hint is None and dotted in schema.entities:
            hint = f"{dotted} is an entity; it stands behind by, and in distinct(…) and seen(…)"
        elif hint is None and schema.custom_allowed and len(node.path) == 1:
            hint = f"a field of your own is custom.{dotted[:40]}"
        self._report(node, "unknown_name", f"there is no field or feature {quoted(dotted)}", hint)
        return Unsaid

    # Operators.

    def _truths(self, *operands: Expression) -> Found:
        for operand in operands:
            found = self.type_of(operand)
            if not _fits(found, "truth"):
                hint = "compare it with something, as in x > 0" if found in NUMERIC else 'as in x == "a", or known(x)'
                self._report(operand, "wrong_type", f"expected true or false, not a {found}", hint)
        return "truth"

    def _compare(self, node: Compare) -> Found:
        left, right = self.type_of(node.left), self.type_of(node.right)
        if node.operator in ("==", "!="):
            if "list" in (left, right):
                self._report(node, "wrong_type", "a list is not compared", "x in [a, b] asks whether it is one of them")
            elif joined(left, right) is None and Unsaid not in (left, right):
                self._report(node, "wrong_type", f"a {left} is never equal to a {right}", _conversion(left, right))
            return "truth"
        for side, found in ((node.left, left), (node.right, right)):
            if found is not Unsaid and found not in NUMERIC:
                hint = "number(x) reads a number from a text" if found == "text" else None
                self._report(side, "wrong_type", f"{quoted(node.operator)} compares numbers, not a {found}", hint)
        if {left, right} == {"time", "duration"}:
            self._report(node, "wrong_type", "a time is not compared with a duration", "a difference of times is")
        return "truth"

    def _membership(self, node: Membership) -> Found:
        item, container = self.type_of(node.item), self.type_of(node.container)
        if item == "list":
            self._report(node.item, "wrong_type", "a list is not looked up in anything")
        if isinstance(node.container, ListOf):
            self._list(node.container, item)
        elif container not in (Unsaid, "text", "any", "list"):
            hint = 'a list stands in square brackets: ["a", "b"]'
            self._report(node.container, "wrong_type", f"`in` looks into a list or a text, not a {container}", hint)
        elif container == "text" and item not in (Unsaid, "text", "any", "list"):
            message = f"only a text stands within a text, not a {item}"
            self._report(node.item, "wrong_type", message, "text(x) makes one")
        return "truth"

    def _list(self, node: ListOf, item: Found) -> None:
        if not node.items:
            self._report(node, "empty_list", "this list is empty: nothing is in it")
        first: Found = None
        for one in node.items:
            found = self.type_of(one)
            if first is not None and joined(first, found) is None:
                self._report(one, "wrong_type", f"a list holds values of one type; the first is a {first}")
            elif item not in (Unsaid, "list") and joined(item, found) is None:
                self._report(one, "wrong_type", f"a {item} is never equal to a {found}", _conversion(item, found))
            first = first or found

    def _numeric(self, node: Expression, sign: str) -> Found:
        found = self.type_of(node)
        if found is Unsaid or found in NUMERIC:
            return found
        hint = "number(x) reads a number from a text" if found == "text" else None
        self._report(node, "wrong_type", f"{quoted(sign)} works on numbers, not on a {found}", hint)
        return Unsaid

    def _arithmetic(self, node: Arithmetic) -> Found:
        left, right = self._numeric(node.left, node.operator), self._numeric(node.right, node.operator)
        if left is Unsaid or right is Unsaid:
            return Unsaid
        if "time" in (left, right):
            if node.operator == "-" and left == "time":
                return "duration" if right == "time" else "any" if right == "any" else "time"
            if node.operator == "+" and left != right:
                return "any" if "any" in (left, right) else "time"
            hint = "times are subtracted from each other, and durations added to them"
            self._report(node, "wrong_type", f"{quoted(node.operator)} does not work on a time", hint)
            return Unsaid
        if "any" in (left, right) or left == right == "number":
            return "number"
        if node.operator in ("+", "-", "%"):
            return "duration"
        return "number" if node.operator == "/" and right == "duration" else "duration" if left != right else "number"

    # Calls.

    def _in_list(self, node: Call) -> Found:
        """`in_list(email, "vip")`: an entity or a text of the present event, and the name of a list."""
        lists = self._schema.lists
        if lists is None or self._events is not None:
            place = "a condition on past events" if self._events is not None else "a feature"
            hint = "ask the list in a rule, beside this"
            self._report(node, "no_lists_here", f"lists change, so {place} does not ask them", hint)
            return Unsaid
        if len(node.arguments) != 2 or not isinstance(node.arguments[0], Name):
            self._report(node, "wrong_count", "in_list takes something of the event and a list", _USAGE_IN_LIST)
            return Unsaid
        asked, told = node.arguments
        assert isinstance(asked, Name)
        if not isinstance(told, Text):
            self._report(told, "wrong_type", "the list is named in quotes", _USAGE_IN_LIST)
            return Unsaid
        known = lists.get(told.value)
        if known is None and not self._schema.any_list:
            near = did_you_mean(told.value, list(lists))
            self._report(told, "unknown_list", f"there is no list {quoted(told.value)}", near)
        if asked.dotted in self._schema.entities:
            if known is not None and asked.dotted not in known:
                fitting = "it is asked for: " + (", ".join(sorted(known)) or "texts")
                message = f"nothing in the list {quoted(told.value)} is ever a {asked.dotted}"
                self._report(asked, "wrong_type", message, fitting)
        else:
            found = self._name(asked)
            if found not in (Unsaid, "text", "any"):
                self._report(asked, "wrong_type", f"lists hold entities and texts, not a {found}")
        return "truth"

    def _call(self, node: Call) -> Found:
        if node.function == IN_LIST:
            return self._in_list(node)
        function = self._schema.functions.get(node.function)
        types = [self.type_of(argument) for argument in node.arguments]
        if function is None:
            hint = did_you_mean(node.function, [*self._schema.functions, *self._past.names, IN_LIST])
            message = f"there is no function {quoted(node.function)}"
            self._findings.report(node.start, node.name_end or node.end, "unknown_function", message, hint)
            return Unsaid
        self.called[function.name] = function
        wanted, given = len(function.parameters), len(types)
        if given < wanted or (given > wanted and not function.variadic):
            least = "at least " if function.variadic else ""
            count = f"{wanted} argument{'' if wanted == 1 else 's'}"
            message = f"{function.name} takes {least}{count}, not {given}"
            self._report(node, "wrong_count", message, f"usage: {function.usage}")
            return Unsaid
        if function.name == "matches":
            self._pattern(node.arguments[1])
        for position, (argument, found) in enumerate(zip(node.arguments, types, strict=True)):
            parameter = function.parameters[min(position, wanted - 1)]
            if found is not Unsaid and found not in parameter.types:
                message = f"{function.name} takes a {_one_of(parameter.types)} as {parameter.name}, not a {found}"
                hint = (
                    "number(x) reads a number from a text" if found == "text" and "number" in parameter.types else None
                )
                self._report(argument, "wrong_type", message, hint)
                types[position] = Unsaid
        return self._joined(node, function, types) if function.result == "joined" else function.result

    def _pattern(self, node: Expression) -> None:
        """A pattern is written out, so that it can be looked at before anything is matched with it."""
        why = why_no_pattern(node.value) if isinstance(node, Text) else "a pattern is a text in quotes"
        if why is not None:
            self._report(node, "bad_pattern", why, 'as in matches(user_email, "^test[0-9]*@")')

    def _joined(self, node: Call, function: Function, types: list[Found]) -> Found:
        last = len(function.parameters) - 1
        found: Found = types[function.joins[0]]
        for position, one in enumerate(types):
            if min(position, last) in function.joins and position != function.joins[0]:
                if found is Unsaid or one is Unsaid:
                    return Unsaid
                both = joined(found, one)
                if both is None:
                    message = f"{function.name} chooses between values of one type, not a {found} and a {one}"
                    self._report(node.arguments[position], "wrong_type", message, _conversion(found, one))
                    return Unsaid
                found = both
        return found


def joined(left: Found, right: Found) -> Found:
    """The type of a value that is one or the other; `None` when no value is both, or one was already reported.

    >>> joined("number", "duration"), joined("text", "any"), joined("time", "duration")
    ('number', 'any', None)
    """
    if left == right or left is None or right is None:
        return left if right is not None else None
    if "any" in (left, right):
        return None if "list" in (left, right) else "any"
    if {left, right} == {"time", "duration"} or not {left, right} <= NUMERIC:
        return None
    return "number"


def _fits(found: Found, wanted: Type) -> bool:
    return found is Unsaid or joined(found, wanted) is not None


def _conversion(left: Found, right: Found) -> str | None:
    if {left, right} <= {"text", "number", "duration"} and "text" in (left, right):
        return "number(x) reads a number from a text, text(x) writes one"
    return None


def _one_of(types: frozenset[Type]) -> str:
    order: tuple[Type, ...] = ("number", "text", "truth", "list")
    return " or ".join(one for one in order if one in types)


def _cost(tree: Expression) -> Cost:
    aggregates: set[Aggregate] = set()
    waiting: list[Node] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Aggregate):
            aggregates.add(without_places(node))
        else:
            waiting.extend(children(node))
    series: set[tuple[Events | None, Name | None]] = set()
    for node in aggregates:
        series.add((node.events, node.of))
        if node.whole is not None:
            series.add((node.whole, None))
    return Cost(len(aggregates), len(series))
