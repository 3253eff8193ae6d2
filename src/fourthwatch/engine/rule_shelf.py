"""Tenants' rule sets from what is stored to what judges: read at start, checked against the books, put in force.

A set that a newer program does not take whole judges with those of its rules that still hold, and says so.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from fourthwatch.engine.rulings import InForce
from fourthwatch.errors import RulesRefused
from fourthwatch.features.definition import Book, Defined, Feature
from fourthwatch.logs import log
from fourthwatch.rules.check import CheckedSet, check_set
from fourthwatch.rules.rule import RuleSet, decoded
from fourthwatch.store.rule_sets import RuleSetReader


class RuleShelf:
    """What is in force, by tenant, as it was stored."""

    def __init__(self, directory: Path, books: Mapping[int, Book], otherwise: Book) -> None:
        """`otherwise` is the book of tenants without features of their own."""
        reader = RuleSetReader(directory)
        try:
            self.in_force: dict[int, InForce] = {}
            for row in reader.newest():
                book = books.get(row.tenant, otherwise)
                self.in_force[row.tenant] = InForce(row.version, holding(row.tenant, decoded(row.content), book))
        finally:
            reader.close()

    @property
    def asked(self) -> dict[int, Sequence[Defined]]:
        """What the rules ask of the past, for the windows."""
        return {tenant: one.checked.asking for tenant, one in self.in_force.items()}


def holding(tenant: int, rule_set: RuleSet, book: Book) -> CheckedSet:
    """The set, without those of its rules that do not hold any more."""
    try:
        return check_set(rule_set, book, tenant)
    except RulesRefused as refused:
        wrong = {one.rule for one in refused.findings}
        log.warning("rules_rejected", tenant=tenant, rules=sorted(wrong))
        rules = tuple(rule for rule in rule_set.rules if rule.name not in wrong)
        return check_set(msgspec.structs.replace(rule_set, rules=rules), book, tenant)


def features_used(checked: CheckedSet, book: Book) -> list[Feature]:
    """The tenant's own features that a set is made of, each behind its parts."""
    names = sorted(set().union(*[one.names for one in checked.asking])) if checked.asking else []
    return [one.feature for one in book.with_parts(names) if one.feature.tenant != 0]


def book_as_it_was(features: bytes, book: Book) -> Book:
    """A book with a version's own features as they were when it was published; `book` has those of the program."""
    was = book.for_tenant()
    for feature in msgspec.json.decode(features, type=list[Feature]):
        was.add(feature)
    return was
