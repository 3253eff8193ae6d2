"""What is wrong with the shape of a rule or a set as it was sent or written: where, and what would be right.

A value is never quoted: it may be anything. A key is, with the one that was perhaps meant.
"""

import re
from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from fourthwatch.language.diagnose import did_you_mean
from fourthwatch.rules.rule import CLASSES, Action, Doing, Example, Expected, Rule, RuleSet, RuleState, Told

_PLACE = re.compile(r"(?P<fault>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<number>[0-9]+)\]")
_MISSING = re.compile("Object missing required field `(?P<key>.*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*)`", re.DOTALL)
_WORDS: dict[str, tuple[str, ...]] = {
    "class": CLASSES,
    "state": get_args(RuleState),
    "do": get_args(Doing),
    "expect": get_args(Expected),
}
"""By key the words that it may be."""
_KEYS = frozenset(key for kind in (RuleSet, Rule, Action, Example, Told) for key in kind.__struct_encode_fields__)


class Misshapen(msgspec.Struct, frozen=True):
    """What is wrong, and where."""

    pointer: str
    """RFC 6901; empty: the whole of it."""
    says: str


def misshapen(error: msgspec.ValidationError) -> Misshapen:
    """What a refused conversion says.

    >>> try: msgspec.convert({"name": "a", "class": "block", "when": "true", "says": "s", "wieght": 3}, Rule)
    ... except msgspec.ValidationError as error: misshapen(error)
    Misshapen(pointer='/wieght', says='there is no key `wieght`; did you mean `weight`?')
    """
    return _said(error, [])


def every_misshapen(row: Any, kind: type[msgspec.Struct]) -> list[Misshapen]:
    """All that is wrong with the shape of a value that a struct is to be made of; empty: it can be.

    >>> for one in every_misshapen({"do": "lst", "too": 3}, Action): print(one.pointer, one.says)
    /to to is missing
    /too there is no key `too`; did you mean `to`?
    /do do is one of verdict, list, tag, label, queue, webhook
    """
    return list(_faults(row, kind, []))


def _faults(row: Any, kind: type[msgspec.Struct], steps: list[str]) -> Iterator[Misshapen]:
    try:
        msgspec.convert(row, kind)
        return
    except msgspec.ValidationError as error:
        first = _said(error, steps)
    if not isinstance(row, dict):
        yield first
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key, field in fields.items():
        if field.required and key not in row:
            yield _told(f"Object missing required field `{key}`", steps)
    for key in [key for key in row if key not in fields]:
        yield _told(f"Object contains unknown field `{key}`", steps)
    for key, field in fields.items():
        parts = get_args(field.type)
        if key not in row:
            continue
        if isinstance(row[key], list) and parts and isinstance(parts[0], type) and issubclass(parts[0], msgspec.Struct):
            for number, one in enumerate(row[key]):
                yield from _faults(one, parts[0], [*steps, key, str(number)])
            continue
        try:
            msgspec.convert(row[key], field.type)
        except msgspec.ValidationError as error:
            yield _said(error, [*steps, key])


def _said(error: msgspec.ValidationError, above: list[str]) -> Misshapen:
    """`above`: the steps to the value that was converted."""
    found = _PLACE.fullmatch(str(error))
    assert found is not None
    steps = [step["key"] or step["number"] for step in _STEP.finditer(found["path"] or "")]
    return _told(found["fault"], [*above, *steps])


def _told(fault: str, steps: list[str]) -> Misshapen:
    steps = list(steps)
    missing, unknown = _MISSING.fullmatch(fault), _UNKNOWN.fullmatch(fault)
    if missing is not None:
        says = f"{missing['key']} is missing"
        steps.append(missing["key"])
    elif unknown is not None:
        key = unknown["key"][:40]
        meant = did_you_mean(key, _KEYS)
        steps.append(unknown["key"])
        says = f"there is no key `{key}`" + ("" if meant is None else f"; {meant}")
    elif fault.startswith("Invalid enum value") and steps and steps[-1] in _WORDS:
        says = f"{steps[-1]} is one of {', '.join(_WORDS[steps[-1]])}"
    else:
        says = fault[:1].lower() + fault[1:]
    return Misshapen("".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps), says)
