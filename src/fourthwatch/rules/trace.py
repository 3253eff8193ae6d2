"""What each rule said of an event, as sentences with the values put in: `4 orders by ip 203.0.113.9 in 1h >= 3: hit`.

Written when somebody asks, from what is stored with the decision and from the event; pure.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from fourthwatch.features.definition import Book
from fourthwatch.features.fields import reader_of
from fourthwatch.features.inputs import text_of
from fourthwatch.features.subject import Subject
from fourthwatch.features.things import THINGS
from fourthwatch.language import (
    Aggregate,
    AggregateInput,
    Call,
    Events,
    Expression,
    FieldInput,
    Input,
    ListInput,
    Name,
    NameInput,
    duration_text,
    format_expression,
    inputs_of,
    parse,
    without_places,
)
from fourthwatch.language.tree import Not, Text
from fourthwatch.rules.check import CheckedRule
from fourthwatch.rules.ruling import shown

Result = Literal["hit", "miss", "unknown", "not evaluated"]
Values = Mapping[Input, Any]
_PLURALS = {"delivery": "deliveries", "chargeback": "disputes", "signup": "accounts", "custom": "custom events"}
_UNSAID = "_placeholder_"
_VALUE_CHARS_MAX = 60


class ReadValue(msgspec.Struct, frozen=True):
    """Something that a rule read."""

    what: str
    """As it is written: a field, a feature, an aggregate, a list."""
    value: Any
    """Null is unknown."""


def sentence(
    one: CheckedRule, values: Values, result: Result, subject: Subject, book: Book, lacking: Collection[str]
) -> str:
    """The condition with its values, and how it came out."""
    if result == "not evaluated":
        return f"{format_expression(parse(one.rule.when))}: not evaluated, for it is {one.rule.state}"
    if result == "unknown":
        reasons = [
            why for each in _inputs(one) if values.get(each) is None and (why := _why(each, subject, book, lacking))
        ]
        told = ", ".join(dict.fromkeys(reasons)) or "what it reads does not fit"
        return f"{_substituted(one, values, subject)}: unknown: {told}"
    return f"{_substituted(one, values, subject)}: {result}"


def read_values(one: CheckedRule, values: Values) -> tuple[ReadValue, ...]:
    """What the rule read, each once."""
    return tuple(ReadValue(text_of(each), values.get(each)) for each in _inputs(one))


def _inputs(one: CheckedRule) -> tuple[Input, ...]:
    assert one.when.checked is not None
    return inputs_of(one.when.checked)


def _substituted(one: CheckedRule, values: Values, subject: Subject) -> str:
    """The canonical text, with each thing that is read replaced by what it was."""
    assert one.when.checked is not None
    said: list[str] = []
    named = one.when.checked.named

    def leaf(node: Expression) -> Name | None:
        read = _input_of(node, named)
        if read is None and isinstance(node, Not):  # `not in_list(…)` of what is in no list: "not in list" says it all
            read = _input_of(node.operand, named)
            read = read if isinstance(read, ListInput) and values.get(read) is False else None
        if read is None:
            return None
        said.append(_told(read, values.get(read), subject))
        return Name((f"{_UNSAID}{len(said) - 1}x",))

    text = format_expression(_replaced(one.when.checked.tree, leaf))
    for number, told in enumerate(said):
        text = text.replace(f"{_UNSAID}{number}x", told)
    return text


def _input_of(node: Any, named: Collection[str]) -> Input | None:
    if isinstance(node, Aggregate):
        return AggregateInput(without_places(node))
    if isinstance(node, Name):
        return NameInput(node.dotted) if node.dotted in named else FieldInput(node.path)
    if isinstance(node, Call) and node.function == "in_list":
        item, name = node.arguments
        assert isinstance(item, Name)
        assert isinstance(name, Text)
        return ListInput(item.path, name.value)
    return None


def _replaced(node: Any, leaf: Any) -> Any:
    """The tree with its inputs replaced; as deep as the language allows trees to be."""
    found = leaf(node)
    if found is not None:
        return found
    values = {}
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if isinstance(value, msgspec.Struct):
            values[name] = _replaced(value, leaf)
        elif isinstance(value, tuple):
            values[name] = tuple(_replaced(one, leaf) if isinstance(one, msgspec.Struct) else one for one in value)
    return msgspec.structs.replace(node, **values) if values else node


def _told(read: Input, value: Any, subject: Subject) -> str:
    """One input with its value, for people."""
    text = shown(value) if not isinstance(value, list | dict) else "…"
    if isinstance(read, ListInput):
        whether = "in" if value else "not in" if value is False else "perhaps in"
        asked = reader_of(read.path)(subject)
        item = "" if asked is None or isinstance(asked, list | dict) else f" {shown(asked)[:_VALUE_CHARS_MAX]}"
        return f"{'.'.join(read.path)}{item} {whether} list {read.name}"
    if not isinstance(read, AggregateInput):
        return f"{text_of(read)} {text}"
    node = read.node
    whose = " + ".join(_thing(entity.name, subject) for entity in node.by)
    window = "" if node.last_ms is None else f" in {duration_text(node.last_ms)}"
    if node.until_ms is not None:
        window += f" until {duration_text(node.until_ms)} before"
    if node.including_this:
        window += ", this one included"
    behind = f"by {whose}{window}"
    match node.function:
        case "count":
            return f"{text} {_events(node.events)} {behind}"
        case "distinct":
            of = "" if node.of is None else node.of.dotted
            events = f" of {_events(node.events)}" if node.events.names else ""
            return f"{text} different {'other ' if node.other else ''}{of}{events} {behind}"
        case "sum" | "mean" | "max" | "min" | "previous":
            words = {"sum": "total", "mean": "mean", "max": "greatest", "min": "least", "previous": "previous"}
            of = "" if node.of is None else node.of.dotted
            return f"{words[node.function]} {of} of {_events(node.events)} {behind} {text}"
        case "since_first" | "since_last":
            event = _events(node.events) if node.events.names else "events"
            return f"{text}s since the {node.function[6:]} of {event} {behind}"
        case "seen":
            of = "" if node.of is None else node.of.dotted
            return f"{of} seen {behind}: {text}"
        case "share":
            whole = "" if node.whole is None else f" in {_events(node.whole)}"
            return f"share of {_events(node.events)}{whole} {behind} {text}"


def _events(events: Events) -> str:
    names = [
        f'"{one.name}" events' if one.custom else _PLURALS.get(one.name, one.name.replace("_", " ") + "s")
        for one in events.names
    ]
    where = "" if events.where is None else f" where {format_expression(events.where)}"
    return (" or ".join(names) or "events") + where


def _thing(name: str, subject: Subject) -> str:
    """An entity with its value, cut where it is long: `ip 203.0.113.9`."""
    texts = THINGS[name].texts(subject)
    return f"{name} {texts[0].partition(':')[2][:_VALUE_CHARS_MAX]}" if texts else f"no {name}"


def _why(read: Input, subject: Subject, book: Book, lacking: Collection[str]) -> str | None:
    """Why an input is unknown."""
    if text_of(read) in lacking:
        return "its past is not counted yet"
    if isinstance(read, AggregateInput):
        missing = [entity.name for entity in read.node.by if not THINGS[entity.name].texts(subject)]
        return f"no {missing[0]}" if missing else "nothing to compare with"
    if isinstance(read, NameInput):
        return _why_feature(read.name, subject, book)
    if isinstance(read, ListInput):
        return f"no {'.'.join(read.path)}, or no list {read.name}"
    return f"no {'.'.join(read.path)}"


def _why_feature(name: str, subject: Subject, book: Book) -> str:
    defined = book.get(name)
    if defined is not None:
        entities = {entity.name for part in book.with_parts([name]) for node in part.aggregates for entity in node.by}
        missing = sorted(one for one in entities if not THINGS[one].texts(subject))
        if missing and len(missing) == len(entities):
            return f"no {' or '.join(missing)}"
    return f"{name} is unknown"
