"""Which features a model reads: as many as do best on a later slice, and of sets that do as well the cheapest.

As well is within one standard error of the best (the one-standard-error rule; Breiman, Friedman, Olshen and Stone,
1984). The error is that of the difference: both are judged on the same cases, drawn anew. Each step is held against the
best set and not against the step before, so all that is left out together costs no more than that.
"""

from collections.abc import Callable, Mapping, Sequence, Set

import msgspec

from fourthwatch.model.manifest import LeftOut
from fourthwatch.workbench.matrix import Floats, Wholes
from fourthwatch.workbench.prices import Prices
from fourthwatch.workbench.ranking import AUC_SLACK, auc_of, average_precision, precision_lost

FEATURES_KEPT_MIN, FEATURES_KEPT_MAX = 30, 60
_KEPT_TRIED = (30, 45, 60)
_WORSE_MAX = 0.002
SAVED_US_MIN = 20.0
"""A tenth of what an order costs without a model; for less nothing is left out, since another set is another draw."""
_SHARES_TRIED = (0.15, 0.25, 0.35, 0.5, 0.65, 0.8)
"""Of the cost of the set that does best; the cheapest first."""
_AVERAGED = 2
"""Boosters whose mean is judged where sets are held against each other for their cost."""

Predict = Callable[[Sequence[str], int], Floats]
"""What the mean of so many boosters of these features, learned from what came before, gives cases of a later slice."""


class Later(msgspec.Struct, frozen=True):
    """A later slice, and how features did there."""

    bad: Wholes
    worth: Mapping[str, float]
    """By feature what is lost in log-loss when its values are shuffled, the most first."""
    predict: Predict


class Chosen(msgspec.Struct, frozen=True):
    """Features of a model."""

    names: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    """What they would be besides if nothing cost anything, in the order in which it was left out."""


def chosen(later: Later, prices: Prices, errors: float) -> Chosen:
    """`errors`: by how many standard errors a cheaper set may be worse than the best; 0: cost does not count."""
    ranked, bad = list(later.worth), later.bad
    sizes = [size for size in _KEPT_TRIED if size < len(ranked)] + [min(len(ranked), FEATURES_KEPT_MAX)]
    given = {size: later.predict(ranked[:size], 1) for size in sizes}
    quality = {size: auc_of(bad, one) + average_precision(bad, one) for size, one in given.items()}
    best = max(sizes, key=quality.__getitem__)
    enough = next(size for size in sizes if quality[size] >= quality[best] - _WORSE_MAX)
    found = Chosen(tuple(ranked[:enough]))
    if errors == 0 or prices.us(found.names) < SAVED_US_MIN:
        return found
    cheaper = _Saving(later, prices, errors, later.predict(ranked[:best], _AVERAGED)).of(found)
    return cheaper if prices.us(found.names) - prices.us(cheaper.names) >= SAVED_US_MIN else found


class _Saving:
    """Leaves out what costs more than it brings: as much at once as can be, then whole groups that are still there."""

    def __init__(self, later: Later, prices: Prices, errors: float, best: Floats) -> None:
        self._later = later
        self._prices = prices
        self._errors = errors
        self._best = best
        self._gone: Set[str] = frozenset()

    def of(self, found: Chosen) -> Chosen:
        """What is left of a choice."""
        path, whole, cheaper = self._path(found.names), self._prices.us(found.names), found
        for share in _SHARES_TRIED:
            steps = [gone for gone in path if self._saved(found.names, gone) >= (1 - share) * whole]
            less = self._without(found, steps[0]) if steps else None
            if less is not None:
                cheaper = less
                break
        self._gone = set(found.names) - set(cheaper.names)
        groups = {group: self._users(cheaper.names, group) for group in self._prices.groups(cheaper.names)}
        for group in sorted(groups, key=lambda group: (-self._saved(cheaper.names, groups[group]), group)):
            cheaper = self._without(cheaper, groups[group]) or cheaper
            self._gone |= groups[group] - set(cheaper.names)
        return cheaper

    def _users(self, names: Sequence[str], group: str) -> Set[str]:
        return {name for name in names if group in self._prices.need(name).groups}

    def _without(self, found: Chosen, gone: Set[str]) -> Chosen | None:
        """With what that costs; `None` when it costs more than chance."""
        names = self._rest(found.names, gone)
        bad, given = self._later.bad, self._later.predict(names, _AVERAGED)
        lost, error = precision_lost(bad, self._best, given)
        if lost > self._errors * error or auc_of(bad, self._best) - auc_of(bad, given) > AUC_SLACK:
            return None
        prices = self._prices
        left_out = LeftOut(
            groups=tuple(sorted(prices.groups(found.names) - prices.groups(names))),
            selections=len(prices.selections(found.names)) - len(prices.selections(names)),
            features=tuple(name for name in found.names if name not in names),
            saved_us=round(prices.us(found.names) - prices.us(names), 1),
            lost=round(lost, 5), error=round(error, 5),
        )  # fmt: skip
        return Chosen(names, (*found.left_out, left_out))

    def _rest(self, names: Sequence[str], gone: Set[str]) -> tuple[str, ...]:
        """Some features less, and where that are too few the best of those that cost no more than their reading."""
        prices = self._prices
        rest = [name for name in names if name not in gone]
        groups, selections = prices.groups(rest), prices.selections(rest)
        out = {*rest, *gone, *self._gone}
        for name in self._later.worth:
            need = prices.need(name)
            is_cheap = need.groups <= groups and need.selections <= selections
            if is_cheap and name not in out and len(rest) < FEATURES_KEPT_MIN:
                rest.append(name)
        return tuple(rest)

    def _path(self, names: Sequence[str]) -> list[Set[str]]:
        """What is gone after each step: that which brings the least for what it costs, while enough are left."""
        prices, worth, path = self._prices, self._later.worth, list[Set[str]]()
        gone: Set[str] = frozenset()
        while True:
            rest = [name for name in names if name not in gone]
            bundles: list[Set[str]] = [{name} for name in rest]
            bundles += [self._users(rest, group) for group in prices.groups(rest)]
            bundles += [
                {name for name in rest if one in prices.need(name).selections} for one in prices.selections(rest)
            ]
            saved = [(self._saved(rest, bundle), sorted(bundle)) for bundle in bundles]
            costly = [
                (sum(max(0.0, worth[name]) for name in bundle) / us, bundle)
                for us, bundle in saved
                if us > 0 and len(self._rest(rest, gone | set(bundle))) >= FEATURES_KEPT_MIN
            ]
            if not costly:
                return path
            gone = gone | set(min(costly)[1])
            path.append(gone)

    def _saved(self, names: Sequence[str], gone: Set[str]) -> float:
        return self._prices.us(names) - self._prices.us([name for name in names if name not in gone])
