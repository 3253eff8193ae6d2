"""A document to what its kind's type demands: odd values are coerced or left out with a warning, never refused.

Only events that the typed decoder did not take come here, so this may be slow; the ledger keeps what was sent.
"""

import re
from functools import cache
from typing import Any

import msgspec

from fourthwatch.wire.reply import BodyWarning
from fourthwatch.wire.strict import pointer_to

_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})
_WHOLE_NUMBER = re.compile(r"([+-]?[0-9]{1,18})(?:\.0*)?")
"""Magento writes quantities as `1.0000`."""
_NUMBER_CHARS_MAX = 40


def coerced(document: dict[str, Any], target: type[msgspec.Struct], warnings: list[BodyWarning]) -> dict[str, Any]:
    """The known fields of `document` in the types that `target` declares; adds a warning for each one changed."""
    result: dict[str, Any] = _object(document, "", warnings, _declared(target))
    return result


@cache
def _declared(target: type[msgspec.Struct]) -> Any:
    return msgspec.inspect.type_info(target)  # takes a millisecond: as long as the rest of the event


def _object(document: Any, pointer: str, warnings: list[BodyWarning], info: Any) -> Any:
    if type(document) is not dict:
        warnings.append(BodyWarning(pointer, "ignored", "an object is expected here; the value is kept but not used"))
        return None
    result = {}
    for field in info.fields:
        if field.encode_name in document:
            value = _value(document[field.encode_name], pointer_to(pointer, field.encode_name), warnings, field.type)
            if value is not None:
                result[field.encode_name] = value
    return result


def _value(value: Any, pointer: str, warnings: list[BodyWarning], info: Any) -> Any:
    if value is None:
        return None
    if isinstance(info, msgspec.inspect.UnionType):
        info = next(member for member in info.types if not isinstance(member, msgspec.inspect.NoneType))
    if isinstance(info, msgspec.inspect.StrType):
        return _text(value, pointer, warnings)
    if isinstance(info, msgspec.inspect.BoolType):
        return _truth(value, pointer, warnings)
    if isinstance(info, msgspec.inspect.IntType):
        return _integer(value, pointer, warnings)
    if isinstance(info, msgspec.inspect.VarTupleType):
        return _list(value, pointer, warnings, info.item_type)
    if isinstance(info, msgspec.inspect.StructType):
        return _object(value, pointer, warnings, info)
    if type(value) is dict:
        return value
    warnings.append(BodyWarning(pointer, "ignored", "an object is expected here; the value is kept but not used"))
    return None


def _list(value: Any, pointer: str, warnings: list[BodyWarning], item: Any) -> list[Any]:
    if type(value) is not list:
        warnings.append(BodyWarning(pointer, "coerced", "a list is expected here; read as a list of one"))
        value = [value]
    elements = (_value(element, f"{pointer}/{index}", warnings, item) for index, element in enumerate(value))
    return [element for element in elements if element is not None]


def _text(value: Any, pointer: str, warnings: list[BodyWarning]) -> str | None:
    if type(value) is str:
        return value
    if type(value) is bool:
        warnings.append(BodyWarning(pointer, "coerced", "text is expected here; the boolean was read as text"))
        return "true" if value else "false"
    if type(value) in (int, float):
        warnings.append(BodyWarning(pointer, "coerced", "text is expected here; the number was read as text"))
        return str(value)
    warnings.append(BodyWarning(pointer, "ignored", "text is expected here; the value is kept but not used"))
    return None


def _truth(value: Any, pointer: str, warnings: list[BodyWarning]) -> bool | None:
    if type(value) is bool:
        return value
    word = str(value).strip().lower() if type(value) in (str, int) else ""
    if word in _TRUE or word in _FALSE:
        warnings.append(BodyWarning(pointer, "coerced", "true or false is expected here; the value was read as such"))
        return word in _TRUE
    warnings.append(BodyWarning(pointer, "ignored", "true or false is expected here; the value is kept but not used"))
    return None


def _integer(value: Any, pointer: str, warnings: list[BodyWarning]) -> int | None:
    if type(value) is int:
        return value
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
