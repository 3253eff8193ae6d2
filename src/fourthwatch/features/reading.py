"""Some features, compiled to be read together: one question to the kernel, and steps that make the rest.

All values lie in one list: the kernel's answers, behind them what is recalled, and then what each step makes of those
before it and of the event. Only answers and recollections depend on when they are asked for. Expressions are compiled
over places of that list.
"""

from collections.abc import Callable, Collection, Sequence
from operator import itemgetter
from typing import Any

from fourthwatch.features.definition import Defined
from fourthwatch.features.facts import FACT_OF_NAME
from fourthwatch.features.fields import reader_of
from fourthwatch.features.kernel import Kernel
from fourthwatch.features.observe import Present
from fourthwatch.features.questions import Asked, Questions
from fourthwatch.features.recollections import Recall, Recollection
from fourthwatch.features.series import Registry
from fourthwatch.language import (
    FORM_OF,
    Aggregate,
    AggregateInput,
    Checked,
    FieldInput,
    Input,
    ListInput,
    NameInput,
    compile_at,
)
from fourthwatch.language.machine import BY_EVENT, BY_SUBJECT, BY_VALUES, constant, fill, numbered

Pick = Callable[[Sequence[Any]], tuple[Any, ...]]
Mark = int
"""Where a value will lie: the place of an answer, `_RECALLED + n` for recollection `n`, or `~n` for what step `n`
makes."""
_RECALLED = 1 << 30
Step = Callable[..., Any]


class Reading:
    """Some features by name."""

    def __init__(self, features: Sequence[Defined], wanted: Sequence[str], registry: Registry, kernel: Kernel) -> None:
        self.questions = Questions(registry)
        self._registry = registry
        self._kernel = kernel
        self._ways = bytearray()
        self.recalls: list[Recall] = []
        """What is recalled, in the order in which it lies behind the answers."""
        self._makers: list[Callable[[], Step]] = []
        """Per step, called when all places are known."""
        self._marks: dict[str, Mark] = {}
        """Of features."""
        self._unfinished: set[str] = set()
        """Features whose past is not in, or that of a part of theirs."""
        self._recalled: dict[str, Mark] = {}
        """Of named readings of the past that are answers by themselves."""
        self._parts: dict[str, tuple[Mark, int]] = {}
        """Of the others what they are a part of, and which."""
        self._taken: dict[tuple[Input, int], Mark] = {}
        """Of what features read, by whose features they are."""
        for one in features:
            self._take_in(one)
        self._take_more()
        self._first = len(self.questions.queries) + len(self.recalls)
        self._steps: tuple[Step, ...] = tuple([make() for make in self._makers])
        self._fixed_ways = bytes(self._ways)
        self._pick = self.picking(wanted)

    def values(self, answers: list[Any], present: Present) -> tuple[float | None, ...]:
        """The wanted features in their order, from what was asked for: numbers, and 1 and 0 for yes and no.

        `None` is unknown. The list of answers is made use of.
        """
        return self._pick(self.read_from(answers, present))

    def read_from(self, answers: list[Any], present: Present) -> list[Any]:
        """The one list, for which that of the answers and recollections is made use of."""
        fill(self._steps, self._fixed_ways, answers, present, present.subject)
        return answers

    def picking(self, names: Sequence[str]) -> Pick:
        """Takes features out of the list, in this order."""
        return picking([self.place_of(name) for name in names])

    def place_of(self, name: str) -> int:
        """Where the value of a feature lies."""
        return self._place(self._marks[name])

    def _place(self, mark: Mark) -> int:
        if mark >= _RECALLED:
            return len(self.questions.queries) + mark - _RECALLED
        return mark if mark >= 0 else self._first + ~mark

    def _take_more(self) -> None:
        """What is read besides features, while places are still being given."""

    def _take_in(self, one: Defined) -> None:
        name, checked = one.feature.name, one.checked
        if checked is None:
            compute = FACT_OF_NAME[name].compute
            self._marks[name] = self._add(BY_SUBJECT, lambda: compute)
        elif self._unfinished & one.names or not all(self._registry.is_complete(each) for each in one.series):
            self._take_as_unknown(name)
        else:
            self._recall(one.recollections)
            marks = {each: self._take_once(each, one) for each in one.inputs}
            if isinstance(checked.tree, Aggregate) and FORM_OF[checked.tree.function].result in ("number", "duration"):
                self._marks[name] = marks[one.inputs[0]]
            else:
                self._marks[name] = self._add(BY_VALUES, lambda: self._compiled(checked, marks))

    def _take_as_unknown(self, name: str) -> None:
        """A feature whose past is not in yet."""
        self._unfinished.add(name)
        self._marks[name] = self._add(BY_VALUES, lambda: constant(None))

    def _compiled(self, checked: Checked, marks: dict[Input, Mark]) -> Step:
        run = compile_at(checked, {one: self._place(mark) for one, mark in marks.items()})
        return numbered(run) if checked.type == "truth" else run

    def _recall(self, recollections: Collection[Recollection]) -> None:
        """Their numbers come about together for each, once for all who use them."""
        for recollection in recollections:
            if recollection.names[0] in self._recalled | self._parts:
                continue
            prepared = recollection.prepare(self.questions, self._kernel)
            if not callable(prepared):
                self._recalled |= zip(recollection.names, prepared, strict=True)
                continue
            whole = _RECALLED + len(self.recalls)
            self.recalls.append(prepared)
            self._parts |= {name: (whole, number) for number, name in enumerate(recollection.names)}

    def _part(self, name: str) -> Step:
        whole, number = self._parts[name]
        at = self._place(whole)
        return lambda values: values[at][number]

    def _take_once(self, one: Input, owner: Defined) -> Mark:
        if isinstance(one, NameInput) and one.name not in self._parts:
            return self._recalled[one.name] if one.name in self._recalled else self._marks[one.name]
        key = (one, owner.feature.tenant)
        mark = self._taken.get(key)
        if mark is None:
            mark = self._taken[key] = self._take_input(one, owner)
        return mark

    def _take_input(self, one: Input, owner: Defined) -> Mark:
        """Something that an expression reads, whose past is in."""
        assert not isinstance(one, ListInput)  # a feature asks no list
        if isinstance(one, FieldInput):
            return self._add(BY_SUBJECT, lambda: reader_of(one.path))
        if isinstance(one, AggregateInput):
            return self._take_asked(self.questions.ask(one.node, owner.asked(one.node)))
        return self._add(BY_VALUES, lambda: self._part(one.name))

    def _take_asked(self, asked: Asked) -> Mark:
        if asked.place >= 0:
            return asked.place
        run, answer = asked.run, asked.answer
        if run is not None:
            return self._add(BY_VALUES, lambda: run)
        assert answer is not None
        return self._add(BY_EVENT, lambda: answer)

    def _add(self, way: int, make: Callable[[], Step]) -> Mark:
        """A further step."""
        self._ways.append(way)
        self._makers.append(make)
        return ~(len(self._makers) - 1)


def picking(places: Sequence[int]) -> Pick:
    """Takes values out of a list as a tuple, however many.

    >>> picking([2, 0])("abc"), picking([1])("abc"), picking([])("abc")
    (('c', 'a'), ('b',), ())
    """
    if not places:
        return lambda _: ()
    if len(places) == 1:
        (place,) = places
        return lambda values: (values[place],)
    return itemgetter(*places)
