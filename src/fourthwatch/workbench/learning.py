"""Gradient-boosted trees from a matrix of what was known: which features earn their place, with which settings.

Time alone splits: what is chosen is chosen on a later slice than it was learned from, and measured on one later still.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Self

import lightgbm
import msgspec
import numpy as np

from fourthwatch.errors import ModelRefused
from fourthwatch.limits import TREES_MAX
from fourthwatch.model.manifest import Calibration, LeftOut
from fourthwatch.workbench.bagging import averaged
from fourthwatch.workbench.choosing import FEATURES_KEPT_MAX, Chosen, Later, chosen
from fourthwatch.workbench.matrix import Floats, Wholes
from fourthwatch.workbench.outcomes import HISTORY_PREFIX
from fourthwatch.workbench.prices import FREE, Prices
from fourthwatch.workbench.ranking import log_loss

BAD_MIN, GOOD_MIN = 30, 30
"""Of all; and in each slice a sixth of it."""
_SLICE_MIN = 5
_LEARN_SHARE, _CHOOSE_SHARE = 0.6, 0.8
_ROWS_TUNED_MAX = 150_000
_TREES_CHOOSING = 120
_EARLY = 40
_AVERAGED_MAX = 3
"""Boosters that one model is the mean of, as far as the bound of its trees allows."""
_SETTINGS: Mapping[str, Any] = {
    "objective": "binary", "verbosity": -1, "bagging_fraction": 0.8, "bagging_freq": 1, "deterministic": True,
    "force_row_wise": True, "monotone_constraints_method": "basic", "max_bin": 255, "metric": "None",
}  # fmt: skip
_SEED = 11
_FIRST: Mapping[str, float] = {
    "num_leaves": 15, "learning_rate": 0.05, "min_data_in_leaf": 20, "feature_fraction": 0.6, "lambda_l2": 1.0,
    "half_life": 0,
}  # fmt: skip
"""`half_life`: part of the span after which an order counts half, or 0."""
_TRIED: tuple[Mapping[str, float], ...] = (
    _FIRST,
    {**_FIRST, "num_leaves": 7, "feature_fraction": 0.5},
    {**_FIRST, "half_life": 0.25},
    {**_FIRST, "num_leaves": 31, "min_data_in_leaf": 50, "feature_fraction": 0.5, "lambda_l2": 10.0},
    {**_FIRST, "num_leaves": 7, "learning_rate": 0.03, "feature_fraction": 0.3},
    {**_FIRST, "num_leaves": 4, "learning_rate": 0.08, "min_data_in_leaf": 200, "feature_fraction": 0.4},
    {**_FIRST, "num_leaves": 31, "learning_rate": 0.03, "feature_fraction": 0.3},
    {**_FIRST, "num_leaves": 15, "min_data_in_leaf": 100, "lambda_l2": 20.0, "half_life": 0.25},
    {**_FIRST, "num_leaves": 63, "learning_rate": 0.03, "min_data_in_leaf": 100, "feature_fraction": 0.3},
)

_RISING_PREFIXES = ("bad_tags", "neighbours_tagged_bad", "failed_logins_then_new_device", "rto_ever")
_FALLING_PREFIXES = ("delivered_",)

Sign = Literal[-1, 0, 1]
Journal = Callable[[str, Callable[[], Any]], Any]
"""By the name of a piece of work its result: as it was written down before, or as it is worked out now."""


class Slices(msgspec.Struct, frozen=True):
    """Rows by time: to learn from, to choose by, to measure on."""

    learn: Wholes
    choose: Wholes
    measure: Wholes

    @property
    def before_measure(self) -> Wholes:
        return np.concatenate((self.learn, self.choose))


class Learned(msgspec.Struct, frozen=True):
    """A model, and what it gave on rows that came after those it was made of."""

    names: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    """What would be among them if nothing cost anything."""
    model: Any
    """The booster, made of all rows."""
    trees: int
    """Of the booster."""
    calibration: Calibration
    """Of the model made of all rows."""
    measured_rows: Wholes
    measured_probability: Floats
    """Of a model made of what came before them, calibrated on rows before them, too."""
    knew_then: bool
    """Whether that model had only the labels that were known when the first of them came."""
    expected_probability: Floats
    """Of a model with the labels of now, with the calibration of the one made of all rows: what that should give."""
    tried: tuple[dict[str, float], ...]
    """What was tried, with the log-loss on the choosing slice, the best first."""
    members: tuple[dict[str, float], ...]
    """Those of them that the booster is the mean of."""


def slices_of(bad: Wholes) -> Slices:
    """Three slices of rows that stand in the order of time; raises `ModelRefused` when there is too little."""
    count, ones = len(bad), int(bad.sum())
    if ones < BAD_MIN or count - ones < GOOD_MIN:
        raise ModelRefused(
            f"there are {ones} bad and {count - ones:,} good orders whose labels have had time to arrive;"
            f" at least {BAD_MIN} of each are needed"
        )
    first, second = int(count * _LEARN_SHARE), int(count * _CHOOSE_SHARE)
    found = Slices(np.arange(first), np.arange(first, second), np.arange(second, count))
    for name, part in (("first", found.learn), ("middle", found.choose), ("last", found.measure)):
        if int(bad[part].sum()) < _SLICE_MIN or int((1 - bad[part]).sum()) < _SLICE_MIN:
            raise ModelRefused(
                f"of the {name} part of the time only {int(bad[part].sum())} bad and {int((1 - bad[part]).sum()):,}"
                f" good orders are known; {_SLICE_MIN} of each are needed in every part"
            )
    return found


def monotone_of(name: str) -> Sign:
    """1 where more of a feature must not lower the chance of a bad outcome, -1 the other way, 0 where nobody knows."""
    if name.startswith(_RISING_PREFIXES):
        return 1
    if name.startswith(HISTORY_PREFIX) and name.endswith("_7d"):
        return 1  # of late; over longer times a wave of fraud may be known to be over
    return -1 if name.startswith(_FALLING_PREFIXES) else 0


class Learner:
    """One training set, learned from several times."""

    def __init__(self, names: Sequence[str], values: Floats, bad: Wholes, weight: Floats, threads: int) -> None:
        self._names = tuple(names)
        self._values = values
        self._bad = bad
        self._weight = weight
        self._threads = threads

    def run(
        self, journal: Journal, spent_enough: Callable[[], bool], say: Callable[[str, float], None],
        prices: Prices = FREE, live_cost: float = 1.0, known_at: Callable[[int], Self | None] = lambda _: None,
    ) -> Learned:  # fmt: skip
        """Choose features, then settings, then learn from all; `say` gets what is done and the share of it.

        `spent_enough` ends the search for settings; at least one is always tried. `live_cost` is by how many standard
        errors a set of features may be worse for being cheaper. `known_at` gives what could be learned from when a row
        came: where it was enough the figures are those of a model made of it, else of one with the labels of now.
        """
        slices = slices_of(self._bad)
        say("choosing features", 0.0)
        found = msgspec.convert(
            journal("features", lambda: msgspec.to_builtins(chosen(self._later(slices), prices, live_cost))), Chosen
        )
        columns = [self._names.index(name) for name in found.names]
        tried: list[dict[str, float]] = []
        for number, settings in enumerate(_TRIED):
            if tried and spent_enough():
                break
            say("trying settings", (number + 1) / (len(_TRIED) + 3))
            tried.append(journal(f"settings {number}", partial(self._try, settings, columns, slices)))
        best = sorted(tried, key=lambda one: one["log_loss"])
        members = members_of(best)
        say("learning", 0.85)
        early = self._averaged(members, columns, slices.learn)
        chosen_margin = self._predict(early, self._cut(slices.choose, columns), raw_score=True)
        later = self._averaged(members, columns, slices.before_measure)
        margin = self._predict(later, self._cut(slices.measure, columns), raw_score=True)
        then = known_at(int(slices.measure[0]))
        of_then = None if then is None else then.ending(members, columns)
        if of_then is None:
            told, honest = margin, platt(chosen_margin, self._bad[slices.choose], self._weight[slices.choose])
        else:
            told, honest = self._predict(of_then[0], self._cut(slices.measure, columns), raw_score=True), of_then[1]
        pooled = np.concatenate((slices.choose, slices.measure))
        calibration = platt(np.concatenate((chosen_margin, margin)), self._bad[pooled], self._weight[pooled])
        say("learning", 0.95)
        model = self._averaged(members, columns, np.arange(len(self._bad)))
        return Learned(
            names=found.names, left_out=found.left_out, model=model, trees=model.num_trees(), calibration=calibration,
            measured_rows=slices.measure, measured_probability=calibrated(told, honest), knew_then=of_then is not None,
            tried=tuple(best), members=tuple(members), expected_probability=calibrated(margin, calibration),
        )  # fmt: skip

    def ending(self, members: Sequence[Mapping[str, float]], columns: Sequence[int]) -> tuple[Any, Calibration] | None:
        """A model of all rows with these settings, calibrated on the last of them; `None` where they are too few."""
        count, cut = len(self._bad), int(len(self._bad) * _LEARN_SHARE / _CHOOSE_SHARE)
        learn, last = np.arange(cut), np.arange(cut, count)
        ones = [int(self._bad[part].sum()) for part in (learn, last)]
        if sum(ones) < BAD_MIN or count - sum(ones) < GOOD_MIN:
            return None
        if min(*ones, len(learn) - ones[0], len(last) - ones[1]) < _SLICE_MIN:
            return None
        early = self._averaged(members, columns, learn)
        margin = self._predict(early, self._cut(last, columns), raw_score=True)
        return self._averaged(members, columns, np.arange(count)), platt(margin, self._bad[last], self._weight[last])

    def fit_plainly(self, rows: Wholes) -> Any:
        """A model of all columns with the first settings: what comparisons with raw columns are made with."""
        return self._fit(_FIRST, list(range(len(self._names))), rows, 150)

    def _later(self, slices: Slices) -> Later:
        """The slice that chooses, and the worth there of features that trees of all of them make use of."""
        everything = list(range(len(self._names)))
        rows = self._thinned(slices.learn)
        first = self._fit(_FIRST, everything, rows, _TREES_CHOOSING)
        gains = np.asarray(first.feature_importance("gain"), np.float64)
        used = [int(at) for at in np.argsort(-gains, kind="stable") if gains[at] > 0][: 2 * FEATURES_KEPT_MAX]
        worth = self._worth(first, used, self._thinned(slices.choose))
        ranked = sorted(used, key=lambda at: (-worth[at], -gains[at]))

        def predict(names: Sequence[str], boosters: int) -> Floats:
            columns = [self._names.index(name) for name in names]
            given = [
                self._predict(
                    self._fit(_FIRST, columns, rows, _TREES_CHOOSING, _SEED + number), self._cut(slices.choose, columns)
                )
                for number in range(boosters)
            ]
            mean: Floats = np.mean(given, axis=0)
            return mean

        return Later(self._bad[slices.choose], {self._names[at]: worth[at] for at in ranked}, predict)

    def _worth(self, model: Any, used: Sequence[int], rows: Wholes) -> dict[int, float]:
        """By column, what is lost in log-loss when its values are shuffled among the rows."""
        values, bad, weight = self._values[rows], self._bad[rows], self._weight[rows]
        whole = log_loss(bad, self._predict(model, values), weight)
        chance = np.random.default_rng(5)
        found = {}
        for at in used:
            kept = values[:, at].copy()
            values[:, at] = kept[chance.permutation(len(rows))]
            found[at] = log_loss(bad, self._predict(model, values), weight) - whole
            values[:, at] = kept
        return found

    def _try(self, settings: Mapping[str, float], columns: Sequence[int], slices: Slices) -> dict[str, float]:
        rows = self._thinned(slices.learn)
        bad, weight = self._bad[slices.choose], self._weight[slices.choose]
        model = self._fit(settings, columns, rows, TREES_MAX)
        there = self._cut(slices.choose, columns)
        best, trees = float("inf"), 0
        for count in range(_EARLY, TREES_MAX + 1, _EARLY):
            margin = self._predict(model, there, raw_score=True, num_iteration=count)
            loss = log_loss(bad, calibrated(margin, platt(margin, bad, weight)), weight)
            if loss < best - 1e-6:
                best, trees = loss, count
        return {**settings, "trees": float(trees), "log_loss": best}

    def _predict(self, model: Any, values: Floats, **how: Any) -> Floats:
        """Without a word the library takes every core for it, whatever it learned with."""
        found: Floats = model.predict(values, num_threads=self._threads, **how)
        return found

    def _cut(self, rows: Wholes, columns: Sequence[int]) -> Floats:
        return np.take(self._values[rows], np.asarray(columns), axis=1)

    def _thinned(self, rows: Wholes) -> Wholes:
        """All of the bad, and of the good every so many-th when there are more than are needed to choose by."""
        if len(rows) <= _ROWS_TUNED_MAX:
            return rows
        good = rows[self._bad[rows] == 0]
        step = len(good) // _ROWS_TUNED_MAX + 1
        return np.sort(np.concatenate((rows[self._bad[rows] == 1], good[::step])))

    def _averaged(self, members: Sequence[Mapping[str, float]], columns: Sequence[int], rows: Wholes) -> Any:
        return averaged(
            [
                self._fit({name: one[name] for name in _FIRST}, columns, rows, int(one["trees"]), _SEED + number)
                for number, one in enumerate(members)
            ]
        )

    def _fit(
        self, settings: Mapping[str, float], columns: Sequence[int], rows: Wholes, trees: int, seed: int = _SEED
    ) -> Any:
        names = [self._names[at] for at in columns]
        given = {
            **_SETTINGS,
            **{name: value for name, value in settings.items() if name != "half_life"},
            "num_leaves": int(settings["num_leaves"]),
            "min_data_in_leaf": min(int(settings["min_data_in_leaf"]), max(5, len(rows) // 50)),
            "num_threads": self._threads,
            "seed": seed,
            "monotone_constraints": [monotone_of(name) for name in names],
        }
        weight = self._weight[rows]
        if settings["half_life"]:  # rows stand in the order of time
            weight = weight * np.exp2(-(rows.max() - rows) / (settings["half_life"] * (rows.max() - rows.min() + 1)))
        data = lightgbm.Dataset(
            self._cut(rows, columns), self._bad[rows], weight=weight,
            feature_name=names, params={"verbosity": -1}, free_raw_data=True,
        )  # fmt: skip
        return lightgbm.train(given, data, trees)


def members_of(best: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """The best settings, each for one booster of the mean: on one slice the best of all is so by chance as well. Where
    few were tried, or the next are too large beside the first, the best is taken again, with another seed.

    >>> [one["trees"] for one in members_of([{"trees": 120.0}, {"trees": 360.0}, {"trees": 160.0}])]
    [120.0, 120.0, 160.0]
    """
    found: list[dict[str, float]] = []
    room = TREES_MAX
    for number in range(_AVERAGED_MAX):
        one = best[number % len(best)]
        if found and one["trees"] > room:
            one = best[0]
        if found and one["trees"] > room:
            break
        found.append(one)
        room -= int(one["trees"])
    return found


def platt(margin: Floats, bad: Wholes, weight: Floats) -> Calibration:
    """Logistic regression of the outcome on the margin (Platt, 1999, with his smoothed targets), by Newton's method."""
    ones, zeros = float((weight * bad).sum()), float((weight * (1 - bad)).sum())
    wanted = np.where(bad == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    slope, intercept = 1.0, 0.0
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(slope * margin + intercept, -30, 30)))
        slack, curve = weight * (wanted - p), weight * p * (1 - p) + 1e-12
        gradient = np.array([(slack * margin).sum() - 1e-3 * (slope - 1), slack.sum()])
        hessian = np.array(
            [[(curve * margin * margin).sum() + 1e-3, (curve * margin).sum()], [(curve * margin).sum(), curve.sum()]]
        )
        step = np.linalg.solve(hessian, gradient)
        slope, intercept = slope + float(step[0]), intercept + float(step[1])
        if np.abs(step).max() < 1e-9:
            break
    return Calibration(max(slope, 0.01), intercept)


def calibrated(margin: Floats, calibration: Calibration) -> Floats:
    """Probabilities."""
    found: Floats = 1 / (1 + np.exp(-np.clip(calibration.slope * margin + calibration.intercept, -30, 30)))
    return found
