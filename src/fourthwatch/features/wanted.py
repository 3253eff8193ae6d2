"""Features that somebody reads together under a name, as a model does, beside what every decision reads."""

from collections.abc import Callable, Sequence

import msgspec

from fourthwatch.features.catalogue import DECIDING, INDEX, Vector
from fourthwatch.features.definition import Book
from fourthwatch.features.reading import Reading, picking
from fourthwatch.features.specification import Plan

Reader = tuple[Reading, Plan]


class WantedFeatures(msgspec.Struct, frozen=True):
    """Of a book that has them all."""

    book: Book
    names: tuple[str, ...]

    def shared_with(self, book: Book) -> frozenset[str]:
        """Those that stand in the vector of a decision, too, and are the very same in another book, part for part."""
        return frozenset(
            name
            for name in self.names
            if name in INDEX and all(book.get(part.feature.name) is part for part in self.book.with_parts([name]))
        )


class Beside:
    """Wanted features, compiled: what stands in the vector of a decision is taken from there, the rest is read."""

    def __init__(
        self, wanted: WantedFeatures, deciding: Book, reading_of: Callable[[Book, Sequence[str]], Reader]
    ) -> None:
        """`deciding` is the book of the vector; `reading_of` compiles features of a book."""
        shared = wanted.shared_with(deciding)
        rest = [name for name in wanted.names if name not in shared]
        self.rest: Reader = reading_of(wanted.book, rest)
        places = {name: len(DECIDING) + at for at, name in enumerate(rest)}
        self._pick = picking([INDEX[name] if name in shared else places[name] for name in wanted.names])

    def completed(self, vector: Vector, rest: Vector) -> Vector:
        """All of them in their order, of the vector of a decision and of what was read beside it."""
        return self._pick(vector + rest)
