"""Which rule set judges whose events: each tenant's newest, compiled over the windows; else the starter set.

Lives with the walk, on its thread. What was compiled serves until the windows are of another generation.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import msgspec

from fourthwatch.decision import Versions, versions_of
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.wanted import WantedFeatures
from fourthwatch.features.windows import Windows
from fourthwatch.language import ListInput, inputs_of
from fourthwatch.rules.check import CheckedSet, check_set
from fourthwatch.rules.ruling import Ruling
from fourthwatch.rules.starter import preset

NO_TENANT = 0


class InForce(msgspec.Struct, frozen=True):
    """A rule set that judges."""

    version: int
    """Of the tenant's; 0 for the starter set."""
    checked: CheckedSet


class Ready(msgspec.Struct, frozen=True):
    """A rule set in force, compiled."""

    ruling: Ruling
    versions: Versions


@cache
def starter_in_force() -> InForce:
    """What judges tenants that have published nothing."""
    return InForce(0, check_set(preset("general"), built_in(), NO_TENANT))


class Rulings:
    """By tenant, what judges its events."""

    def __init__(self, windows: Windows, in_force: Mapping[int, InForce] | None = None) -> None:
        self._windows = windows
        self._in_force: dict[int, InForce] = dict(in_force or {})
        self._starter = starter_in_force()
        self._ready: dict[int, Ready] = {}
        self._read_beside: dict[int, tuple[Ready, Sequence[WantedFeatures], Ready]] = {}
        """By tenant with models what judges, who reads beside it, and the two compiled together."""
        self._generation = windows.generation

    def of(self, tenant: int, readers: Sequence[WantedFeatures] = ()) -> Ready:
        """What judges a tenant's events, and reads for these beside it."""
        if self._generation != self._windows.generation:
            self._ready.clear()
            self._read_beside.clear()
            self._generation = self._windows.generation
        ready = self._ready.get(tenant)
        if ready is None:
            ready = self._ready[tenant] = self._shared(tenant) or self.compiled(tenant, self.in_force(tenant))
        return self._with(readers, tenant, ready) if readers else ready

    def in_force(self, tenant: int) -> InForce:
        """The tenant's set, not compiled."""
        return self._in_force.get(tenant, self._starter)

    def users_of_list(self, tenant: int, name: str) -> list[str]:
        """Rules in force that ask a list, or put things into it, by name."""
        return [
            one.rule.name
            for one in self.in_force(tenant).checked.rules
            if any(action.do == "list" and action.to == name for action in one.rule.actions)
            or (
                one.when.checked is not None
                and any(isinstance(each, ListInput) and each.name == name for each in inputs_of(one.when.checked))
            )
        ]

    def _with(self, readers: Sequence[WantedFeatures], tenant: int, alone: Ready) -> Ready:
        """Compiled again for others that judge, and for another sequence of readers."""
        known = self._read_beside.get(tenant)
        if known is None or known[0] is not alone or known[1] is not readers:
            both = self.compiled(tenant, self.in_force(tenant), readers)
            known = self._read_beside[tenant] = alone, readers, both
        return known[2]

    def compiled(self, tenant: int, in_force: InForce, readers: Sequence[WantedFeatures] = ()) -> Ready:
        """A set over the windows as they are; changes nothing, and may be called on another thread."""
        book = self._windows.own.get(tenant, self._windows.book)
        supplied = self._windows.supplied
        files = None if supplied is None else supplied.versions
        return Ready(Ruling(in_force.checked, self._windows, book, (), readers), versions_of(in_force.version, files))

    def put(self, tenant: int, in_force: InForce, ready: Ready | None = None) -> None:
        """From the next event on this set judges; `ready` is it as compiled before, used if it still fits."""
        self._in_force[tenant] = in_force
        self._ready.pop(tenant, None)
        if ready is None or ready.ruling.windows is not self._windows:  # the walk may have begun again meanwhile
            return
        if ready.ruling.generation == self._windows.generation == self._generation:
            self._ready[tenant] = ready

    def _shared(self, tenant: int) -> Ready | None:
        """Tenants without rules and features of their own have one ruling together."""
        if tenant == NO_TENANT or tenant in self._in_force or tenant in self._windows.own:
            return None
        return self.of(NO_TENANT)
