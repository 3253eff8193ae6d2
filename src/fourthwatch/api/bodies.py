"""Bodies of the management API, read into what they are to be: all that is wrong with one is told together."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from fourthwatch.errors import Fault, ManyFaults
from fourthwatch.rules.shape import every_misshapen

T = TypeVar("T", bound=msgspec.Struct)
Check = tuple[str, bool, str]
"""A pointer, whether what stands there holds, and what would be right."""


def taken(document: dict[str, Any], kind: type[T]) -> T:
    """The body as such a struct; raises `ManyFaults`."""
    refuse(faults_of_shape(document, kind))
    return msgspec.convert(document, kind)


def as_far(document: dict[str, Any], kind: type[T], faults: Iterable[Fault]) -> T:
    """What holds of the body as such a struct: without keys that are not known or have a fault, none of which it must
    have."""
    astray = keys_in(faults)
    known = [key for key in kind.__struct_encode_fields__ if key in document and key not in astray]
    return msgspec.convert({key: document[key] for key in known}, kind)


def keys_in(faults: Iterable[Fault]) -> set[str]:
    """The first steps of their pointers."""
    return {fault.pointer.split("/")[1] for fault in faults if fault.pointer}


def faults_of_shape(document: Any, kind: type[msgspec.Struct], at: str = "") -> list[Fault]:
    """Keys that are missing or not known, and values of another kind; `at` is where in the body it stands."""
    return [Fault(at + one.pointer, one.code, one.says) for one in every_misshapen(document, kind)]


def failed(checks: Iterable[Check], code: str = "bad_value") -> list[Fault]:
    """Those that do not hold."""
    return [Fault(pointer, code, says) for pointer, holds, says in checks if not holds]


def refuse(faults: list[Fault]) -> None:
    """Raises `ManyFaults` when there is one."""
    if faults:
        raise ManyFaults(faults)
