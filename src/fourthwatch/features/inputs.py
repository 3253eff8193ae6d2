"""What many expressions read, compiled to be read together: features, fields, aggregates, one question to the kernel.

Everything that is read lies in one list, each input at a place of its own, so that expressions are closures over it.
"""

from collections.abc import Collection, Mapping, Sequence

from fourthwatch.features.definition import Book, Defined
from fourthwatch.features.fields import reader_of
from fourthwatch.features.kernel import Kernel
from fourthwatch.features.lists import Lists
from fourthwatch.features.reading import Mark, Pick, Reading, picking
from fourthwatch.features.series import Registry
from fourthwatch.features.wanted import WantedFeatures
from fourthwatch.language import AggregateInput, Input, ListInput, NameInput, format_expression
from fourthwatch.language.machine import BY_SUBJECT, BY_VALUES, constant


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
        beside: Sequence[WantedFeatures] = (),
    ) -> None:
        """`lacking` names features and aggregates that are to be unknown as if their past were not in; `beside` is
        what others want to be handed of the same event."""
        self._forced = frozenset(lacking)
        self._lists = Lists() if lists is None else lists
        self._expressions = expressions
        self._lacking: dict[str, None] = {}
        self._found: dict[Input, Mark] = {}
        """Of what the expressions read."""
        used = sorted(set().union(*[one.names for one in expressions])) if expressions else []
        self._used = list(dict.fromkeys([*names, *used]))
        self._features = book.with_parts(self._used)
        self._beside = beside
        self._handed: list[list[Mark]] = []
        """To each of the others."""
        super().__init__(self._features, names, registry, kernel)
        self.lacking: tuple[str, ...] = tuple(self._lacking)
        """What is unknown because its past is not in: names of features, texts of aggregates."""
        self.places: Mapping[Input, int] = {one: self._place(mark) for one, mark in self._found.items()}
        """Where the value of each input of the expressions lies."""
        self.picks: tuple[Pick, ...] = tuple([picking([*map(self._place, marks)]) for marks in self._handed])
        """For each of the others what takes its features out of the list, in their order."""

    def _take_more(self) -> None:
        self._lacking |= {name: None for name in self._used if name in self._unfinished}
        for one in self._expressions:
            assert one.checked is not None
            self._recall(one.recollections)
            for each in one.inputs:
                if each not in self._found:
                    self._found[each] = self._take_of_expression(each, one)
        for wanted in self._beside:
            self._handed.append(self._take_beside(wanted))

    def _take_in(self, one: Defined) -> None:
        if one.feature.name in self._forced and one.checked is not None:
            self._take_as_unknown(one.feature.name)
        else:
            super()._take_in(one)

    def _take_beside(self, wanted: WantedFeatures) -> list[Mark]:
        """Features of another book: what is the very same in both, part for part, is there, and the rest is read."""
        marks, unfinished, known = self._marks, self._unfinished, {one.feature.name: one for one in self._features}
        self._marks, self._unfinished = {}, set()
        for one in wanted.book.with_parts(wanted.names):
            name = one.feature.name
            if known.get(name) is one and all(self._marks[part] == marks[part] for part in one.names):
                self._marks[name] = marks[name]
                self._unfinished |= unfinished & {name}
            else:
                super()._take_in(one)
        handed = [self._marks[name] for name in wanted.names]
        self._marks, self._unfinished = marks, unfinished
        return handed

    def _take_of_expression(self, one: Input, owner: Defined) -> Mark:
        if isinstance(one, ListInput):
            ask = self._lists.asking(one.name, one.path, reader_of)
            return self._add(BY_SUBJECT, lambda: ask)
        if isinstance(one, AggregateInput):
            text, series = format_expression(one.node), owner.asked(one.node)
            if text in self._forced or not all(self._registry.is_complete(each) for each in series):
                self._lacking[text] = None
                return self._add(BY_VALUES, lambda: constant(None))
        return self._take_once(one, owner)


def text_of(one: Input) -> str:
    """An input as it is written: a name, a path, the canonical text of an aggregate."""
    if isinstance(one, AggregateInput):
        return format_expression(one.node)
    if isinstance(one, ListInput):
        return f'in_list({".".join(one.path)}, "{one.name}")'
    return one.name if isinstance(one, NameInput) else ".".join(one.path)
