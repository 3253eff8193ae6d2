"""Checked tree to closures over inputs: what the rooms above call for every event.

Three-valued and pure: the same inputs give the same result, nothing raises, and what cannot be computed is `None`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from fourthwatch.language import machine
from fourthwatch.language.aggregates import FORM_OF
from fourthwatch.language.check import Checked
from fourthwatch.language.closures import classes_of
from fourthwatch.language.functions import FUNCTIONS, Function, Type
from fourthwatch.language.machine import Run
from fourthwatch.language.operators import (
    ARITHMETIC,
    NUMBER,
    ORDER,
    SCALAR,
    TEXT,
    TRUTH,
    Given,
    Value,
    calculate,
    is_in,
)
from fourthwatch.language.schema import IN_LIST
from fourthwatch.language.tree import (
    Aggregate,
    Arithmetic,
    Call,
    Compare,
    Duration,
    Expression,
    ListOf,
    Logic,
    Membership,
    Name,
    Negate,
    Not,
    Number,
    Text,
    Truth,
    without_places,
)


class FieldInput(msgspec.Struct, frozen=True, tag_field="input", tag="field"):
    """A field of the event."""

    path: tuple[str, ...]


class NameInput(msgspec.Struct, frozen=True, tag_field="input", tag="name"):
    """A feature or fact that has been given a name."""

    name: str


class AggregateInput(msgspec.Struct, frozen=True, tag_field="input", tag="aggregate"):
    """An aggregate over the past; the node has no places, so the same question is the same input in every text.

    Its value is a number, seconds for `since_…`, a truth for `seen`, the field's value for `previous`.
    """

    node: Aggregate


class ListInput(msgspec.Struct, frozen=True, tag_field="input", tag="list"):
    """Whether something of the present event is in a list: a truth, unknown where it is not said."""

    path: tuple[str, ...]
    """An entity's name, or a field's path."""
    name: str
    """Of the list."""


Input = FieldInput | NameInput | AggregateInput | ListInput


class Compiled(msgspec.Struct, frozen=True):
    """An expression to be run."""

    inputs: tuple[Input, ...]
    """Each once, in the order of the values that `run` takes."""
    run: Callable[[Sequence[Given]], Value | None]
    """The result from one value per input, `None` for unknown. Numbers are finite, whole ones within 63 bits; a custom
    field may be any JSON value. `None`: unknown."""


class _Code(NamedTuple):
    run: Run
    constant: bool = False


def compile_expression(checked: Checked) -> Compiled:
    """The closure of a checked tree."""
    compiler = _Compiler(checked.named, checked.functions)
    code = compiler.code(checked.tree)
    return Compiled(tuple(compiler.inputs), _finished(code.run, checked.tree, checked.type))


def compile_filter(condition: Expression, functions: Mapping[str, Function] = FUNCTIONS) -> Compiled:
    """The closure of a checked condition behind `where`; its inputs are fields of the past event."""
    compiler = _Compiler(frozenset(), functions)
    code = compiler.code(condition)
    return Compiled(tuple(compiler.inputs), _finished(code.run, condition, "truth"))


def inputs_of(checked: Checked) -> tuple[Input, ...]:
    """What a checked tree reads, each once, in the order in which it stands there."""
    compiler = _Compiler(checked.named, checked.functions)
    compiler.code(checked.tree)
    return tuple(compiler.inputs)


def compile_at(checked: Checked, places: Mapping[Input, int]) -> Run:
    """The closure of a checked tree over values that lie at given places, so that many trees can read one list."""
    compiler = _Compiler(checked.named, checked.functions)
    compiler.inputs.update(places)
    return _finished(compiler.code(checked.tree).run, checked.tree, checked.type)


def _finished(run: Run, tree: Expression, wanted: Type) -> Run:
    """Makes unknown what is not of the type wanted; only a custom field or an `any` below the top can bring that.

    An aggregate by itself is handed through, unless it brings a field's value.
    """
    counted = isinstance(tree, Aggregate) and FORM_OF[tree.function].result != "field"
    if counted or isinstance(tree, Logic | Not | Compare | Membership | Arithmetic | Negate):
        return run
    fit = SCALAR if wanted == "any" else TRUTH if wanted == "truth" else TEXT if wanted == "text" else NUMBER
    return machine.fitting(run, fit)


class _Compiler:
    def __init__(self, named: frozenset[str], functions: Mapping[str, Function]) -> None:
        self._named = named
        self._functions = functions
        self.inputs: dict[Input, int] = {}

    def code(self, node: Expression) -> _Code:
        """The code of a node; what needs no input is computed here, once."""
        match node:
            case Number(value) | Text(value) | Truth(value):
                return _constant(value)
            case Duration(ms):
                return _constant(ms // 1_000)
            case ListOf(items):
                return _constant(tuple(self.code(item).run(()) for item in items))
            case Name(path):
                dotted = node.dotted
                return self._input(NameInput(dotted) if dotted in self._named else FieldInput(path))
            case Aggregate():
                return self._input(AggregateInput(without_places(node)))
            case Not(operand):
                return _folded(machine.negated, self.code(operand))
            case Logic(operator, operands):
                return _logic(operator == "and", [self.code(operand) for operand in operands])
            case Compare(operator, left, right):
                return _compare(operator, self.code(left), self.code(right))
            case Membership(item, container, negated):
                found = _membership(self.code(item), self.code(container))
                return _folded(machine.negated, found) if negated else found
            case Arithmetic(operator, left, right):
                return _arithmetic(operator, self.code(left), self.code(right))
            case Negate(operand):
                return _arithmetic("-", _constant(0), self.code(operand))
            case Call(function, (Name(path), Text(name))) if function == IN_LIST:
                return self._input(ListInput(path, name))
            case Call(function, arguments):
                return _call(self._functions[function], [self.code(argument) for argument in arguments])

    def _input(self, leaf: Input) -> _Code:
        at = self.inputs.setdefault(leaf, len(self.inputs))
        return _Code(machine.taken(at))


def _constant(value: Given) -> _Code:
    return _Code(machine.constant(value), constant=True)


def _folded(make: Callable[..., Run], *parts: _Code) -> _Code:
    run = make(*(part.run for part in parts))
    return _constant(run(())) if all(part.constant for part in parts) else _Code(run)


def _logic(is_and: bool, parts: list[_Code]) -> _Code:
    """Without what cannot change the result."""
    deciding, neutral = (False, True) if is_and else (True, False)
    if any(part.constant and part.run(()) is deciding for part in parts):
        return _constant(deciding)
    left = [part for part in parts if not (part.constant and part.run(()) is neutral)]
    if not left:
        return _constant(neutral)
    return _folded(lambda *operands: machine.joined(is_and, operands), *left)


def _compare(operator: str, left: _Code, right: _Code) -> _Code:
    if operator in ORDER:
        return _folded(lambda one, other: machine.ordered(operator, one, other), left, right)
    return _folded(lambda one, other: machine.equal(one, other, operator == "=="), left, right)


def _membership(item: _Code, container: _Code) -> _Code:
    values = container.run(()) if container.constant else None
    if not isinstance(values, tuple) or not values:
        return _folded(lambda one, other: machine.called_with_all(is_in, (one, other)), item, container)
    members = frozenset(values)
    return _folded(lambda one: machine.among(one, classes_of(values[0]), members), item)


def _arithmetic(operator: str, left: _Code, right: _Code) -> _Code:
    slow = partial(calculate, ARITHMETIC[operator])
    return _folded(lambda one, other: machine.calculated(operator, slow, one, other), left, right)


def _call(function: Function, arguments: list[_Code]) -> _Code:
    if function.part is not None:
        return _folded(getattr(machine, function.part), *arguments)
    run = function.run
    assert run is not None
    if not function.strict:
        return _folded(lambda *parts: machine.called_with_all(run, parts), *arguments)
    last = len(function.parameters) - 1
    classes = tuple([function.parameters[min(at, last)].classes for at in range(len(arguments))])
    return _folded(lambda *parts: machine.called(run, parts, classes), *arguments)
