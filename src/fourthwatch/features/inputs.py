"""What many expressions read, compiled to be read together: features, fields, aggregates, one question to the kernel.

Everything that is read lies in one list, each input at a place of its own, so that expressions are closures over it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any

from fourthwatch.features.definition import Book, Defined, Reading
from fourthwatch.features.fields import reader_of
from fourthwatch.features.kernel import Kernel
from fourthwatch.features.lists import Lists
from fourthwatch.features.observe import Present
from fourthwatch.features.series import Registry
from fourthwatch.language import AggregateInput, FieldInput, Input, ListInput, NameInput, format_expression

Pick = Callable[[Sequence[Any]], tuple[Any, ...]]


class Inputs(Reading):
    """Some features by name, and whatever some checked expressions read besides."""

    def __init__(
        self,
        book: Book,
        names: Sequence[str],
        expressions: Sequence[Defined],
        registry: Registry,
        kernel: Kernel,
        lacking: Collection[str] = (),
        lists: Lists | None = None,
    ) -> None:
        """`lacking` names features and aggregates that are to be unknown as if their past were not in."""
        self._forced = frozenset(lacking)
        self._lists = Lists() if lists is None else lists
        self.lacking: tuple[str, ...] = ()
        """What is unknown because its past is not in: names of features, texts of aggregates."""
        used = sorted(set().union(*[one.names for one in expressions])) if expressions else []
        wanted = list(dict.fromkeys([*names, *used]))
        super().__init__(book.with_parts(wanted), wanted, registry, kernel)
        unfinished: dict[str, None] = {name: None for name in wanted if name in self._unfinished}
        found: dict[Input, tuple[bool, int]] = {}
        for one in expressions:
            assert one.checked is not None
            for recollection in one.recollections:
                self._recall(recollection)
            for each in one.inputs:
                if each not in found:
                    found[each] = self._take_input(each, one, unfinished)
        self.lacking = tuple(unfinished)
        first = len(self.questions.queries)
        self.places: Mapping[Input, int] = {one: first + at if is_made else at for one, (is_made, at) in found.items()}
        """Where the value of each input of the expressions lies."""
        self._first = first

    def read_from(self, answers: list[int | float | None], present: Present) -> list[Any]:
        """The one list: the kernel's answers, and behind them what is made of them and of the event."""
        made: list[Any] = []
        add = made.append
        for step in self._steps:
            add(step(answers, present, made))
        return answers + made

    def picking(self, names: Sequence[str]) -> Pick:
        """Takes features out of the list, in this order."""
        return picking([self.place_of(name) for name in names])

    def place_of(self, name: str) -> int:
        """Where the value of a feature lies."""
        return self._answered[name] if name in self._answered else self._first + self._made[name]

    def _take_in(self, one: Defined) -> None:
        if one.feature.name in self._forced and one.checked is not None:
            self._unfinished.add(one.feature.name)
            self._add_step(lambda _answers, _present, _made: None, one.feature.name)
        else:
            super()._take_in(one)

    def _take_input(self, one: Input, owner: Defined, unfinished: dict[str, None]) -> tuple[bool, int]:
        """Whether the input is made by a step, and the place among those or among the kernel's answers."""
        if isinstance(one, FieldInput):
            get = reader_of(one.path)
            return True, self._add_step(lambda _answers, present, _made: get(present.subject))
        if isinstance(one, ListInput):
            ask = self._lists.asking(one.name, one.path, reader_of)
            return True, self._add_step(lambda _answers, present, _made: ask(present.subject))
        if isinstance(one, NameInput):
            recalled = self._recalled.get(one.name)
            if isinstance(recalled, int):
                return False, recalled
            if recalled is not None:
                return True, self._add_step(recalled)
            return (False, self._answered[one.name]) if one.name in self._answered else (True, self._made[one.name])
        text, series = format_expression(one.node), owner.asked(one.node)
        if text in self._forced or not all(self._registry.is_complete(each) for each in series):
            unfinished[text] = None
            return True, self._add_step(lambda _answers, _present, _made: None)
        asked = self.questions.ask(one.node, series)
        answer = asked.answer
        if asked.place >= 0:
            return False, asked.place
        return True, self._add_step(lambda answers, present, _made: answer(answers, present))

    def _add_step(self, step: Any, name: str | None = None) -> int:
        at = len(self._steps)
        self._steps.append(step)
        if name is not None:
            self._made[name] = at
        return at


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


def text_of(one: Input) -> str:
    """An input as it is written: a name, a path, the canonical text of an aggregate."""
    if isinstance(one, AggregateInput):
        return format_expression(one.node)
    if isinstance(one, ListInput):
        return f'in_list({".".join(one.path)}, "{one.name}")'
    return one.name if isinstance(one, NameInput) else ".".join(one.path)
