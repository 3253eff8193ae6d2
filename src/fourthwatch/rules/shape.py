"""What is wrong with the shape of what was sent or written: a rule, a set, or whatever else a struct is made of.

A value is never quoted: it may be anything. A key is, with the one that was perhaps meant.
"""

import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from fourthwatch.language.diagnose import did_you_mean

_PLACE = re.compile(r"(?P<fault>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<number>[0-9]+)\]")


class Misshapen(msgspec.Struct, frozen=True):
    """What is wrong, and where."""

    pointer: str
    """RFC 6901; empty: the whole of it."""
    says: str
    code: str = "bad_value"
    """Or `missing_key`."""


def every_misshapen(row: Any, kind: type[msgspec.Struct]) -> list[Misshapen]:
    """All that is wrong with the shape of a value that a struct is to be made of; empty: it can be.

    >>> from fourthwatch.rules.rule import Action
    >>> for one in every_misshapen({"do": "lst", "too": 3}, Action): print(one.pointer, one.says)
    /to to is missing
    /too there is no key `too`; did you mean `to`?
    /do do is one of verdict, list, tag, label, queue, webhook
    """
    return list(_faults(row, kind, []))


def pointer_to(*steps: str) -> str:
    """Steps as an RFC 6901 pointer.

    >>> pointer_to("rules", "3", "a/b")
    '/rules/3/a~1b'
    """
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _faults(value: Any, wanted: Any, steps: list[str]) -> Iterator[Misshapen]:
    try:
        msgspec.convert(value, wanted)
        return
    except msgspec.ValidationError as error:
        first = error
    wanted, inner = _bare(wanted), get_args(_bare(wanted))
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct) and isinstance(value, dict):
        yield from _of_keys(value, wanted, steps)
    elif get_origin(wanted) is tuple and isinstance(value, list) and inner[1:] == (...,):
        for number, one in enumerate(value):
            yield from _faults(one, inner[0], [*steps, str(number)])
    elif get_origin(wanted) is Literal:
        name = next((step for step in reversed(steps) if not step.isdigit()), "this")
        yield Misshapen(pointer_to(*steps), f"{name} is one of {', '.join(inner)}")
    else:
        yield _said(first, steps)


def _of_keys(row: dict[str, Any], kind: type[msgspec.Struct], steps: list[str]) -> Iterator[Misshapen]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key, field in fields.items():
        if field.required and key not in row:
            yield Misshapen(pointer_to(*steps, key), f"{key} is missing", "missing_key")
    for key in [key for key in row if key not in fields]:
        meant = did_you_mean(key[:40], fields)
        says = f"there is no key `{key[:40]}`; " + (
            meant or ("there are " + ", ".join(fields) if fields else "send {}")
        )
        yield Misshapen(pointer_to(*steps, key), says)
    for key, field in fields.items():
        if key in row:
            yield from _faults(row[key], field.type, [*steps, key])


def _bare(wanted: Any) -> Any:
    """A type without the words for nothing beside it."""
    if get_origin(wanted) in (Union, UnionType):
        parts = [part for part in get_args(wanted) if part not in (NoneType, msgspec.UnsetType)]
        return parts[0] if len(parts) == 1 else wanted
    return wanted


def _said(error: msgspec.ValidationError, above: list[str]) -> Misshapen:
    """`above`: the steps to the value that was converted."""
    found = _PLACE.fullmatch(str(error))
    assert found is not None
    steps = [step["key"] or step["number"] for step in _STEP.finditer(found["path"] or "")]
    fault = found["fault"]
    return Misshapen(pointer_to(*above, *steps), fault[:1].lower() + fault[1:])
