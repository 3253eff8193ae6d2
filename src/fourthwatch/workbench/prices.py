"""What features cost where they serve: of two models that foretell as well the one that reads less is the better.

A price is shared: keys of a kind of thing, a selection that histories remember, and the walk through the neighbourhood
are paid once, however many features ask for them, and not at all where rules pay for them already.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from fourthwatch.engine.definitions import Shelf
from fourthwatch.engine.rule_shelf import holding
from fourthwatch.engine.rulings import starter_in_force
from fourthwatch.events import Chargeback, Tag, Untag
from fourthwatch.events.kinds import KIND_OF_TYPE
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.features.definition import Book, Defined, Feature
from fourthwatch.features.neighbourhood import NAMES
from fourthwatch.features.things import THINGS
from fourthwatch.rules.rule import decoded
from fourthwatch.store.history import History

NEIGHBOURHOOD = "the neighbourhood"
WALK_US, KEYS_US, SELECTION_US, VALUE_US = 10.0, 5.0, 1.0, 0.5
"""µs of CPU per order: the walk through the neighbourhood; the keys and the being heard of of one kind of thing; a
selection that histories remember; a value that is read. Round figures, from walks of the bench's shop on a slow
processor on which an order without a model costs 200; only how they compare says something."""
_RARE = frozenset(KIND_OF_TYPE[one].number for one in (Chargeback, Tag, Untag))
"""Kinds of events that few orders have: to remember these alone costs orders nothing."""


class Need(msgspec.Struct, frozen=True):
    """What a feature asks for that no decision asks for anyway."""

    groups: frozenset[str] = frozenset()
    """The neighbourhood, and things, or combinations of them, whose keys are to be made."""
    selections: frozenset[str] = frozenset()
    """By the text of their series."""
    is_read: bool = False
    """Whether its value is to be read; those of the scorecard stand in every decision."""


class Prices:
    """Of the features that a model may choose among."""

    def __init__(self, needs: Mapping[str, Need]) -> None:
        """By name; features that are not there cost nothing."""
        self._needs = needs

    def need(self, name: str) -> Need:
        """What one feature asks for."""
        return self._needs.get(name, _NOTHING)

    def groups(self, names: Iterable[str]) -> frozenset[str]:
        """What costs most of what features ask for together."""
        return frozenset().union(*[self.need(name).groups for name in names])

    def selections(self, names: Iterable[str]) -> frozenset[str]:
        """What has to be remembered for them."""
        return frozenset().union(*[self.need(name).selections for name in names])

    def us(self, names: Collection[str]) -> float:
        """µs of CPU per order for features together, about."""
        groups, values = self.groups(names), sum(self.need(name).is_read for name in names)
        walked = WALK_US if NEIGHBOURHOOD in groups else 0.0
        keys = KEYS_US * len(groups - {NEIGHBOURHOOD})
        return walked + keys + SELECTION_US * len(self.selections(names)) + VALUE_US * values


_NOTHING = Need()
FREE = Prices({})
"""Where nothing costs anything."""


def prices_of(
    definitions: Iterable[Feature], book: Book | None = None, asked: Iterable[Defined] | None = None
) -> Prices:
    """Of all features of a tenant's book and of those that would come with a model.

    `asked` is what the tenant's rules ask. Without them: of a tenant that has published and defined nothing.
    """
    book = Shelf(()).of(1) if book is None else book
    asking = starter_in_force().checked.asking if asked is None else list(asked)
    own = [one.feature.name for one in book.own()]
    parts = sorted(set(own).union(*[one.names for one in asking]))
    paid = [*book.kept(), *book.with_parts(parts), *asking]
    read = [*book.with_parts(parts), *asking]  # what windows keep is not read for that
    groups = _groups_of(paid, read)
    selections = {series.text for one in paid for series in one.series}
    for one in definitions:
        if one.name not in book:
            book.add(msgspec.structs.replace(one, tenant=1))
    needs = {}
    for defined in book:
        name = defined.feature.name
        made_of = book.with_parts([name])
        remembered = {one.text for part in made_of for one in part.series if not _RARE.issuperset(one.kinds)}
        needs[name] = Need(
            _groups_of(made_of, made_of) - groups,
            frozenset(remembered - selections),
            name not in DECIDING and name not in parts,
        )
    return Prices(needs)


def prices_at(directory: Path, tenant_name: str, definitions: Iterable[Feature]) -> Prices:
    """The same under the rules in force, and with the features, of a tenant of a data directory."""
    history = History(directory)
    try:
        tenant = history.tenant_id(tenant_name)
        if tenant is None:
            return prices_of(definitions)
        stored = [Feature(one.name, one.text, one.unit, one.says, one.reason, one.tenant) for one in history.features()]
        book = Shelf(stored).of(tenant)
        newest = max(
            (one for one in history.rule_sets() if one.tenant == tenant), key=lambda one: one.version, default=None
        )
        asked = None if newest is None else holding(tenant, decoded(newest.content), book).asking
        return prices_of(definitions, book, asked)
    finally:
        history.close()


def _groups_of(kept: Iterable[Defined], read: Iterable[Defined]) -> frozenset[str]:
    """Whose histories are asked and what is told apart in them, of what is kept; the neighbourhood, of what is read."""
    found: set[str] = set()
    for one in kept:
        for by, series in one.needs:
            found |= {*by, "+".join(by)}
            found |= {each.of[0] for each in series if each.of is not None and each.of[0] in THINGS}
    things = {THINGS[name].history_of or name if name in THINGS else name for name in found}
    if any(recollection.names == NAMES for one in read for recollection in one.recollections):
        things.add(NEIGHBOURHOOD)
    return frozenset(things)
