"""Features that somebody reads together under a name, as a model does, beside what every decision reads."""

import msgspec

from fourthwatch.features.definition import Book


class WantedFeatures(msgspec.Struct, frozen=True):
    """Of a book that has them all."""

    book: Book
    names: tuple[str, ...]
