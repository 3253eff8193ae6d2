"""The parts of compiled expressions in plain Python: what `_machine.c` does, said readably, and used where it is not.

Each maker gives a callable over one list of values, one value per input. Three-valued: `None` is unknown.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from fourthwatch.language.operators import KIND_OF, NUMBER, ORDER, Given, Value, is_equal

Run = Callable[[Sequence[Given]], Given]
Classes = frozenset[type]
Line = tuple[str, float, int | None, Run]
"""Of a condition: what it tells of, one and the same object for all that tell of it; its points; the sign that it
speaks with whatever its points are; what it shows."""
Signal = tuple[int, int, type, Given]
"""Place of a condition, sign of the points, and what it shows, with its class: 1 and True are the same to a dict."""

HIT, MISS, UNKNOWN = "h", "m", "u"
"""Letters of what conditions say."""
_LETTER = {True: HIT, False: MISS, None: UNKNOWN}
BY_VALUES, BY_SUBJECT, BY_EVENT = b"vse"
"""What a step takes: the values before it; the subject; the values and the present event."""


def constant(value: Given) -> Run:
    """The same, whatever the values are."""
    return lambda _: value


def taken(at: int) -> Run:
    """The value at a place."""
    return itemgetter(at)


def negated(operand: Run) -> Run:
    """`not`."""

    def opposite(values: Sequence[Given]) -> bool | None:
        value = operand(values)
        return False if value is True else True if value is False else None

    return opposite


def numbered(operand: Run) -> Run:
    """Yes and no as 1 and 0: a vector is numbers."""

    def number(values: Sequence[Given]) -> float | None:
        told = operand(values)
        return None if told is None else 1.0 if told else 0.0

    return number


def joined(is_and: bool, operands: tuple[Run, ...]) -> Run:
    """`and` is decided by the first false operand, `or` by the first true one; else unknown if any operand is."""
    deciding, neutral = (False, True) if is_and else (True, False)

    def every(values: Sequence[Given]) -> Given:
        result: bool | None = neutral
        for operand in operands:
            value = operand(values)
            if value is deciding:
                return deciding
            if value is not neutral:
                result = None
        return result

    return every


def chosen(condition: Run, then: Run, otherwise: Run) -> Run:
    """`if_else`: one of two, unknown where the condition is."""

    def one_of_two(values: Sequence[Given]) -> Given:
        told = condition(values)
        return then(values) if told is True else otherwise(values) if told is False else None

    return one_of_two


def greatest(*parts: Run) -> Run:
    """The greatest of the numbers that are known; what is no number is none of them."""

    def most(values: Sequence[Given]) -> Given:
        known: list[Any] = [value for part in parts if type(value := part(values)) in NUMBER]
        return max(known) if known else None

    return most


def ordered(sign: str, left: Run, right: Run) -> Run:
    """One of `ORDER`; of numbers only."""
    holds = ORDER[sign]

    def compared(values: Sequence[Given]) -> bool | None:
        one, other = left(values), right(values)
        return holds(one, other) if type(one) in NUMBER and type(other) in NUMBER else None

    return compared


def equal(left: Run, right: Run, wanted: bool) -> Run:
    """`==`, or `!=` where `wanted` is false; values of different kinds are neither."""

    def compared(values: Sequence[Given]) -> bool | None:
        same = is_equal(left(values), right(values))
        return None if same is None else same is wanted

    return compared


def among(item: Run, classes: Classes, members: frozenset[Value]) -> Run:
    """`in` a list of constants."""

    def held(values: Sequence[Given]) -> bool | None:
        value = item(values)
        return value in members if type(value) in classes else None

    return held


def calculated(_sign: str, calculate: Callable[[Given, Given], Given], left: Run, right: Run) -> Run:
    """Arithmetic: `calculate` does it, whatever the operands are."""
    return lambda values: calculate(left(values), right(values))


def called(function: Callable[..., Given], parts: tuple[Run, ...], classes: tuple[Classes, ...]) -> Run:
    """A function whose result is unknown unless all arguments are of the classes that it takes."""

    def result(values: Sequence[Given]) -> Given:
        given = []
        for part, fit in zip(parts, classes, strict=True):
            value = part(values)
            if type(value) not in fit:
                return None
            given.append(value)
        return function(*given)

    return result


def called_with_all(function: Callable[..., Given], parts: tuple[Run, ...]) -> Run:
    """A function that is asked whatever its arguments are."""
    return lambda values: function(*[part(values) for part in parts])


def fitting(run: Run, classes: Classes) -> Run:
    """The value where it is of one of the classes, else unknown."""

    def only_fit(values: Sequence[Given]) -> Given:
        value = run(values)
        return value if type(value) in classes else None

    return only_fit


def results(runs: tuple[Run, ...], values: list[Any]) -> tuple[str, list[int]]:
    """What conditions say of the values: a letter each, and the places of those that hold."""
    told = [run(values) for run in runs]
    return "".join([_LETTER[one] for one in told]), [at for at, one in enumerate(told) if one]


def signals(counted: list[int], lines: tuple[Line, ...], values: list[Any], most: int) -> list[Signal]:
    """One for each code of the conditions that count, by its first; their points are one sum."""
    points: dict[str, float] = {}
    first: dict[str, int] = {}
    for at in counted:
        code, weight, _, _ = lines[at]
        points[code] = points.get(code, 0.0) + weight
        first.setdefault(code, at)
    told: list[Signal] = []
    for code, at in list(first.items())[:most]:
        _, _, sign, show = lines[at]
        value = show(values)
        told.append((at, (points[code] > 0) - (points[code] < 0) if sign is None else sign, type(value), value))
    return told


def fill(
    steps: tuple[Callable[..., Any], ...], ways: bytes, values: list[Any], present: object, subject: object
) -> None:
    """Put behind the values what each step makes of them, of the present event and of its subject."""
    for step, way in zip(steps, ways, strict=True):
        values.append(
            step(values) if way == BY_VALUES else step(subject) if way == BY_SUBJECT else step(values, present)
        )


def classes_of(value: Value) -> Classes:
    """The types of values that can be compared with this one."""
    return frozenset(one for one, kind in KIND_OF.items() if kind == KIND_OF[type(value)])
