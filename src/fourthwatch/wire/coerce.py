"""A document to what its kind's type demands: odd values are coerced or left out with a warning, never refused.

Only events that the typed decoder did not take come here; the ledger keeps what was sent.
"""

import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import msgspec

from fourthwatch.wire.reply import BodyWarning
from fourthwatch.wire.strict import pointer_to

_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})
_WHOLE_NUMBER = re.compile(r"([+-]?[0-9]{1,18})(?:\.0*)?")
"""Magento writes quantities as `1.0000`."""
_NUMBER_CHARS_MAX = 40
_Read = Callable[[Any, str, list[BodyWarning]], Any]
"""Value, pointer to it and where to warn: the value as it is used, or `None`."""


class _Field(NamedTuple):
    """A field as it is declared."""

    name: str
    step: str
    """The same as a step of a pointer."""
    as_it_is: type | None
    """The type of values that need no look."""
    read: _Read


def coerced(document: dict[str, Any], target: type[msgspec.Struct], warnings: list[BodyWarning]) -> dict[str, Any]:
    """The known fields of `document` in the types that `target` declares; adds a warning for each one changed."""
    return _fields_of(document, "", warnings, _declared(target))


@cache
def _declared(target: type[msgspec.Struct]) -> tuple[_Field, ...]:
    info: Any = msgspec.inspect.type_info(target)  # takes a millisecond: as long as all of the event
    return tuple(
        _Field(field.encode_name, pointer_to("", field.encode_name), *_reading(field.type)) for field in info.fields
    )


def _reading(info: Any) -> tuple[type | None, _Read]:
    """Which values of the declared type may pass, and what reads all others."""
    if isinstance(info, msgspec.inspect.UnionType):
        info = next(member for member in info.types if not isinstance(member, msgspec.inspect.NoneType))
    if isinstance(info, msgspec.inspect.StrType):
        return str, _text
    if isinstance(info, msgspec.inspect.BoolType):
        return bool, _truth
    if isinstance(info, msgspec.inspect.IntType):
        return int, _integer
    if isinstance(info, msgspec.inspect.VarTupleType):
        return None, partial(_list, item=_reading(info.item_type))
    if isinstance(info, msgspec.inspect.StructType):
        return None, partial(_object, fields=_declared(info.cls))
    return dict, _no_object


def _fields_of(
    document: dict[str, Any], pointer: str, warnings: list[BodyWarning], fields: tuple[_Field, ...]
) -> dict[str, Any]:
    result = {}
    for name, step, as_it_is, read in fields:
        value = document.get(name)
        if value is not None and type(value) is not as_it_is:
            value = read(value, pointer + step, warnings)
        if value is not None:
            result[name] = value
    return result


def _object(value: Any, pointer: str, warnings: list[BodyWarning], fields: tuple[_Field, ...]) -> dict[str, Any] | None:
    if type(value) is dict:
        return _fields_of(value, pointer, warnings, fields)
    _no_object(value, pointer, warnings)
    return None


def _no_object(_: Any, pointer: str, warnings: list[BodyWarning]) -> None:
    warnings.append(BodyWarning(pointer, "ignored", "an object is expected here; the value is kept but not used"))


def _list(value: Any, pointer: str, warnings: list[BodyWarning], item: tuple[type | None, _Read]) -> list[Any]:
    if type(value) is not list:
        warnings.append(BodyWarning(pointer, "coerced", "a list is expected here; read as a list of one"))
        value = [value]
    as_it_is, read = item
    elements = (
        element if element is None or type(element) is as_it_is else read(element, f"{pointer}/{index}", warnings)
        for index, element in enumerate(value)
    )
    return [element for element in elements if element is not None]


def _text(value: Any, pointer: str, warnings: list[BodyWarning]) -> str | None:
    if type(value) is bool:
        warnings.append(BodyWarning(pointer, "coerced", "text is expected here; the boolean was read as text"))
        return "true" if value else "false"
    if type(value) in (int, float):
        warnings.append(BodyWarning(pointer, "coerced", "text is expected here; the number was read as text"))
        return str(value)
    warnings.append(BodyWarning(pointer, "ignored", "text is expected here; the value is kept but not used"))
    return None


def _truth(value: Any, pointer: str, warnings: list[BodyWarning]) -> bool | None:
    word = str(value).strip().lower() if type(value) in (str, int) else ""
    if word in _TRUE or word in _FALSE:
        warnings.append(BodyWarning(pointer, "coerced", "true or false is expected here; the value was read as such"))
        return word in _TRUE
    warnings.append(BodyWarning(pointer, "ignored", "true or false is expected here; the value is kept but not used"))
    return None


def _integer(value: Any, pointer: str, warnings: list[BodyWarning]) -> int | None:
    number: int | None = None
    if type(value) is str:
        whole = _WHOLE_NUMBER.fullmatch(value.strip()) if len(value) <= _NUMBER_CHARS_MAX else None
        number = None if whole is None else int(whole.group(1))
    elif type(value) is float and value.is_integer() and abs(value) < 2**53:
        number = int(value)
    if number is None:
        warnings.append(BodyWarning(pointer, "ignored", "an integer is expected here; the value is kept but not used"))
        return None
    warnings.append(BodyWarning(pointer, "coerced", "an integer is expected here; the value was read as one"))
    return number
