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
