"""What many expressions read, compiled to be read together: features, fields, aggregates, one question to the kernel.

Everything that is read lies in one list, each input at a place of its own, so that expressions are closures over it.
"""

from collections.abc import Collection, Mapping, Sequence

from fourthwatch.features.definition import Book, Defined
from fourthwatch.features.fields import reader_of
from fourthwatch.features.kernel import Kernel
from fourthwatch.features.lists import Lists
from fourthwatch.features.reading import Mark, Reading
from fourthwatch.features.series import Registry
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
    ) -> None:
        """`lacking` names features and aggregates that are to be unknown as if their past were not in."""
        self._forced = frozenset(lacking)
        self._lists = Lists() if lists is None else lists
        self._expressions = expressions
        self._lacking: dict[str, None] = {}
        self._found: dict[Input, Mark] = {}
        """Of what the expressions read."""
        used = sorted(set().union(*[one.names for one in expressions])) if expressions else []
        self._used = list(dict.fromkeys([*names, *used]))
        super().__init__(book.with_parts(self._used), names, registry, kernel)
        self.lacking: tuple[str, ...] = tuple(self._lacking)
        """What is unknown because its past is not in: names of features, texts of aggregates."""
        self.places: Mapping[Input, int] = {one: self._place(mark) for one, mark in self._found.items()}
        """Where the value of each input of the expressions lies."""

    def _take_more(self) -> None:
        self._lacking |= {name: None for name in self._used if name in self._unfinished}
        for one in self._expressions:
            assert one.checked is not None
            self._recall(one.recollections)
            for each in one.inputs:
                if each not in self._found:
                    self._found[each] = self._take_of_expression(each, one)

    def _take_in(self, one: Defined) -> None:
        if one.feature.name in self._forced and one.checked is not None:
            self._take_as_unknown(one.feature.name)
        else:
            super()._take_in(one)

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
