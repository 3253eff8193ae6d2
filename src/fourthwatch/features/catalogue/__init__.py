"""The features that come with the program, each a row: name, expression, unit, what it says, its reason code.

Unknown is neither zero nor false: a feature of somebody who was not named, or with nothing to compare with, is `None`.
"""

from fourthwatch.features.catalogue.deciding import DECIDING, DECIDING_ROWS
from fourthwatch.features.definition import Book, Feature

__all__ = ["CATALOGUE", "DECIDING", "FEATURES_VERSION", "INDEX", "Vector", "built_in"]

FEATURES_VERSION = 2
"""Goes up whenever a feature changes its meaning; stored with every decision."""

CATALOGUE: tuple[Feature, ...] = (*DECIDING_ROWS,)
"""All rows that are expressions; facts have a table of their own."""

INDEX = {name: index for index, name in enumerate(DECIDING)}
"""Where a feature stands in a vector."""

Vector = tuple[float | None, ...]
"""One number or `None` per name of `DECIDING`, in its order."""


def built_in() -> Book:
    """A book with everything that comes with the program."""
    return Book(CATALOGUE)
