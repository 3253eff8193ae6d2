"""The functions of the language, as a table: what each takes, gives and says in a sentence.

The table is handed to the checker with the schema, so a room above can put further functions beside these.
"""

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from fourthwatch.language.operators import (
    ANYTHING,
    LIST,
    NUMBER,
    SCALAR,
    TEXT,
    TRUTH,
    Given,
    Value,
    bounded,
    number_text,
)
from fourthwatch.language.patterns import matches

Type = Literal["number", "text", "truth", "list", "duration", "time", "any"]
"""`duration` and `time` (since 1970) are numbers of seconds; `any` is looked at when it comes."""

NUMERIC: frozenset[Type] = frozenset({"number", "duration", "time", "any"})
_TEXTS: frozenset[Type] = frozenset({"text", "any"})
_TRUTHS: frozenset[Type] = frozenset({"truth", "any"})
_TEXTS_AND_LISTS: frozenset[Type] = frozenset({"text", "list", "any"})
_SCALARS: frozenset[Type] = frozenset({"number", "text", "truth", "duration", "time", "any"})


class Parameter(msgspec.Struct, frozen=True):
    """One argument of a function."""

    name: str
    types: frozenset[Type]
    """What the checker lets through."""
    classes: frozenset[type]
    """What the value must be when it comes; anything else makes the result unknown."""


class Function(msgspec.Struct, frozen=True):
    """One row of the table."""

    name: str
    parameters: tuple[Parameter, ...]
    result: Type | Literal["joined"]
    """`joined`: the type that the arguments named in `joins` have in common."""
    run: Callable[..., Given] | None
    """Pure, and raises nothing but what calculating can raise, which is taken as unknown; `None` where `part` is."""
    says: str
    example: str
    strict: bool = True
    """Whether an unknown or unfit argument makes the result unknown without asking `run`."""
    variadic: bool = False
    """Whether the last parameter may be given again and again."""
    joins: tuple[int, ...] = ()
    """Positions of the parameters that must be of one type; with `variadic` also all further ones."""
    part: Literal["chosen", "greatest"] | None = None
    """What of `machine` makes it of its arguments, where it is a part of expressions itself."""

    @property
    def usage(self) -> str:
        """As it is written: `min(a, b, …)`."""
        names = [parameter.name for parameter in self.parameters] + (["…"] if self.variadic else [])
        return f"{self.name}({', '.join(names)})"


def _numbers(*names: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, NUMERIC, NUMBER) for name in names)


def _texts(*names: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, _TEXTS, TEXT) for name in names)


def _scalar(name: str) -> Parameter:
    return Parameter(name, _SCALARS, SCALAR)


def _anything(name: str) -> Parameter:
    return Parameter(name, _SCALARS | {"list"}, ANYTHING)


_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_NUMBER_CHARS_MAX = 40
_EARTH_RADIUS_KM = 6371.0088
"""Mean radius (IUGG)."""


def _default(value: Given, otherwise: Given) -> Given:
    return otherwise if value is None else value


def _round(value: float) -> int | float | None:
    whole = math.trunc(value)
    if abs(value - whole) >= 0.5:
        whole += 1 if value > 0 else -1
    return bounded(whole)


def _number(value: Value) -> int | float | None:
    if type(value) is not str:
        return value if isinstance(value, int | float) and type(value) is not bool else None
    text = value[: _NUMBER_CHARS_MAX + 1].strip()
    found = _NUMBER.fullmatch(text) if len(value) <= _NUMBER_CHARS_MAX else None
    if found is None:
        return None
    return bounded(int(text) if found[1] is None and found[2] is None else float(text))


def _text(value: Value) -> str:
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    assert isinstance(value, int | float)
    return number_text(value)


def _log(value: float) -> float | None:
    return math.log(value) if value > 0 else None


def _distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float | None:
    if abs(lat1) > 90 or abs(lat2) > 90 or abs(lon1) > 180 or abs(lon2) > 180:
        return None
    north, south = math.radians(lat1), math.radians(lat2)
    across, along = math.radians(lat2 - lat1), math.radians(lon2 - lon1)
    half = math.sin(across / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(along / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))


_ALL: tuple[Function, ...] = (
    Function(
        "missing", (_anything("x"),), "truth", lambda value: value is None,
        "true when there is no value, false when there is one; never unknown", "missing(device_id)", strict=False,
    ),
    Function(
        "known", (_anything("x"),), "truth", lambda value: value is not None,
        "true when there is a value, false when there is none; never unknown", "known(user_email)", strict=False,
    ),
    Function(
        "default", (_scalar("x"), _scalar("v")), "joined", _default,
        "x, or v where x is unknown", "default(mean(amount of order, by user), 0)", strict=False, joins=(0, 1),
    ),
    Function(
        "if_else", (Parameter("condition", _TRUTHS, TRUTH), _scalar("a"), _scalar("b")), "joined", None,
        "a when the condition is true, b when it is false, unknown when it is unknown",
        "if_else(is_pre_paid, 1, 3)", joins=(1, 2), part="chosen",
    ),
    Function(
        "len", (Parameter("text", _TEXTS_AND_LISTS, TEXT | LIST),), "number", len,
        "how many characters a text has, or values a list", "len(shipping_address.address1) < 10",
    ),
    Function("lower", _texts("text"), "text", str.lower, "the text in small letters", 'lower(user_email)'),
    Function("upper", _texts("text"), "text", str.upper, "the text in capital letters", "upper(currency_code)"),
    Function(
        "starts_with", _texts("a", "b"), "truth", str.startswith, "whether the text a begins with b",
        'starts_with(user_id, "guest")',
    ),
    Function(
        "ends_with", _texts("a", "b"), "truth", str.endswith, "whether the text a ends with b",
        'ends_with(lower(user_email), ".example")',
    ),
    Function(
        "contains", _texts("a", "b"), "truth", str.__contains__, "whether b stands somewhere in the text a",
        'contains(shipping_address.address1, "PO Box")',
    ),
    Function(
        "matches", _texts("text", "pattern"), "truth", matches,
        "whether the pattern, one of RE2 that is written out, is found somewhere in the text",
        'matches(user_email, "^[a-z]+[0-9]{4,}@")',
    ),
    Function(
        "abs", _numbers("x"), "joined", abs, "the number without its sign", "abs(amount - 500)", joins=(0,),
    ),
    Function(
        "min", _numbers("a", "b"), "joined", min, "the least of several numbers; unknown when one of them is",
        "min(amount, 1000)", variadic=True, joins=(0, 1),
    ),
    Function(
        "max", _numbers("a", "b"), "joined", max, "the greatest of several numbers; unknown when one of them is",
        "max(amount, 100)", variadic=True, joins=(0, 1),
    ),
    Function(
        "round", _numbers("x"), "joined", _round, "the nearest whole number; a half goes away from zero",
        "round(amount / 100)", joins=(0,),
    ),
    Function(
        "number", (_scalar("x"),), "number", _number,
        "the number that a text writes with digits, point, sign and exponent; unknown when it writes none",
        "number(custom.cart_total) > 100",
    ),
    Function(
        "text", (_scalar("x"),), "text", _text, "the value as a text; whole numbers without a point",
        'text(custom.store) == "12"',
    ),
    Function(
        "distance_km", _numbers("lat1", "lon1", "lat2", "lon2"), "number", _distance_km,
        "kilometres between two points on the globe, given in degrees; unknown for what is no latitude or longitude",
        "distance_km(custom.lat, custom.lon, 52.5, 13.4) > 500",
    ),
    Function(
        "log", _numbers("x"), "number", _log, "the natural logarithm; unknown for 0 and below", "log(amount)",
    ),
)  # fmt: skip

FUNCTIONS: Mapping[str, Function] = MappingProxyType({function.name: function for function in _ALL})
"""By name, in the order of the reference."""
