"""The features that come with the program, each a row: name, expression, unit, what it says, its reason code.

Unknown is neither zero nor false: a feature of somebody who was not named, or with nothing to compare with, is `None`.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from fourthwatch.features.catalogue.activity import ACCOUNT_ROWS, CART_ROWS, COMMUNITY_ROWS, LOGIN_ROWS, ORDER_ROWS
from fourthwatch.features.catalogue.company import COMPANY_ROWS, NEIGHBOURHOOD_ROWS, NEW_ROWS, USERS_ROWS
from fourthwatch.features.catalogue.deciding import DECIDING, DECIDING_ROWS
from fourthwatch.features.catalogue.goods import ITEM_ROWS, PROMOTION_ROWS
from fourthwatch.features.catalogue.outcomes import CASH_ROWS, DELIVERY_ROWS, DISPUTE_ROWS
from fourthwatch.features.catalogue.payments import AMOUNT_ROWS, PAYMENT_ROWS
from fourthwatch.features.definition import Book, Feature

__all__ = ["CATALOGUE", "DECIDING", "FEATURES_VERSION", "INDEX", "THEMES", "Vector", "built_in"]

FEATURES_VERSION = 4
"""Goes up whenever a feature changes its meaning; stored with every decision."""

THEMES: Mapping[str, tuple[Feature, ...]] = MappingProxyType(
    {
        "What the first scorecard reads": DECIDING_ROWS,
        "Accounts, and how long something is known": ACCOUNT_ROWS,
        "Logins and visits": LOGIN_ROWS,
        "The cart, and the visit before the order": CART_ROWS,
        "Orders": ORDER_ROWS,
        "Amounts": AMOUNT_ROWS,
        "Payments and cards": PAYMENT_ROWS,
        "Promotions": PROMOTION_ROWS,
        "Items, categories and sellers": ITEM_ROWS,
        "How many users": USERS_ROWS,
        "How many others of each": COMPANY_ROWS,
        "New or seen before": NEW_ROWS,
        "Delivered, refused, returned, canceled": DELIVERY_ROWS,
        "Cash on delivery": CASH_ROWS,
        "Disputes": DISPUTE_ROWS,
        "Messages, reviews and reports": COMMUNITY_ROWS,
        "The neighbourhood": NEIGHBOURHOOD_ROWS,
    }
)
"""Rows that are expressions, in the order in which they are explained and may use each other."""

CATALOGUE: tuple[Feature, ...] = tuple(row for rows in THEMES.values() for row in rows)
"""All rows that are expressions; facts have a table of their own."""

INDEX = {name: index for index, name in enumerate(DECIDING)}
"""Where a feature stands in a vector."""

Vector = tuple[float | None, ...]
"""One number or `None` per name of `DECIDING`, in its order."""


KEPT: tuple[str, ...] = (*DECIDING, *(row.name for row in NEIGHBOURHOOD_ROWS))
"""Features that windows keep whether or not somebody asks."""


@cache
def built_in(*, kept: tuple[str, ...] | None = KEPT) -> Book:
    """A book with everything that comes with the program, of which windows keep some; `None`: all of it.

    The same one every time: what is to be added goes into the book that its `for_tenant` gives.
    """
    return Book(CATALOGUE, kept=kept)
