"""Trees from a matrix: what is demanded of them holds, a leak is named, and silence counts as far as labels arrived."""

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import lightgbm
import msgspec
import numpy as np
import pytest

from fourthwatch.clock import DAY_MS, ManualClock
from fourthwatch.limits import TREES_MAX
from fourthwatch.model.booster import Booster
from fourthwatch.model.manifest import Manifest
from fourthwatch.workbench.bagging import averaged
from fourthwatch.workbench.labels import LABEL_KINDS
from fourthwatch.workbench.learning import Learned, Learner, calibrated, monotone_of, platt
from fourthwatch.workbench.matrix import UNTOLD, Floats, Matrix, Outcomes, Wholes
from fourthwatch.workbench.maturity import MATURE_MIN, OWN_CURVE_MIN, usable
from fourthwatch.workbench.ranking import auc_of
from fourthwatch.workbench.training import Plan, fit

ROWS = 3_000
UNTIL_MS = 400 * DAY_MS
SIGNS = ("bad_share_of_device_7d", "amount", "account_age")


def _signs(chance: np.random.Generator, rows: int = ROWS) -> tuple[Floats, Wholes]:
    """Three signs of a bad outcome, each of them weak, some of them unknown."""
    values = chance.normal(size=(rows, len(SIGNS)))
    bad = (values.sum(axis=1) + chance.normal(size=rows) * 2 > 3).astype(np.int64)
    values[chance.random(values.shape) < 0.1] = np.nan
    return values, bad


def _matrix(names: tuple[str, ...], values: Floats, bad: Wholes) -> Matrix:
    rows = len(bad)
    at_ms = np.arange(rows) * (UNTIL_MS // rows // 2)
    told = Outcomes(np.where(bad == 1, 1, UNTOLD), np.where(bad == 1, at_ms + DAY_MS, UNTOLD))
    return Matrix(
        names=names, left_out=(), values=values, position=np.arange(rows), occurred_ms=at_ms, amount=np.ones(rows),
        score=np.zeros(rows, np.int64), payment=("",) * rows, user=("",) * rows, order=("",) * rows,
        labels={kind: told if kind == "chargeback" else _untold(rows) for kind in LABEL_KINDS}, mark="m",
        currency=("",) * rows,
    )  # fmt: skip


def _learned(names: tuple[str, ...], values: Floats, bad: Wholes, *, threads: int = 1) -> Learned:
    learner = Learner(names, values, bad, np.ones(len(bad)), threads)
    return learner.run(lambda _name, work: work(), lambda: True, lambda _what, _share: None)


def _fitted(names: tuple[str, ...], values: Floats, bad: Wholes, *, threads: int = 1) -> tuple[Manifest, str, bytes]:
    plan = Plan(until_ms=UNTIL_MS, seconds=0.0, threads=threads)  # one setting is enough here
    package, card, manifest = fit(
        _matrix(names, values, bad), (), plan, ManualClock(UNTIL_MS), lambda _what, _share: None,
        lambda _name, work: work(),
    )  # fmt: skip
    return manifest, card, package.body


def test_a_mean_of_boosters_is_one_booster_that_gives_their_mean() -> None:
    values, bad = _signs(np.random.default_rng(1))
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 7, "bagging_fraction": 0.5,
                "bagging_freq": 1}  # fmt: skip
    models = [
        lightgbm.train({**settings, "seed": seed}, lightgbm.Dataset(values, bad, params={"verbosity": -1}), 20 + seed)
        for seed in range(3)
    ]
    one = averaged(models)
    assert one.num_trees() == 63
    for kind in ({"raw_score": True}, {"pred_contrib": True}):
        wanted = sum(np.asarray(model.predict(values, **kind)) for model in models) / 3
        assert np.abs(np.asarray(one.predict(values, **kind)) - wanted).max() < 1e-12
    served = Booster(one.model_to_string().encode(), len(SIGNS))
    assert served.margin([None if cell != cell else cell for cell in values[5].tolist()]) == pytest.approx(
        float(one.predict(values[5:6], raw_score=True)[0]), abs=1e-12
    )
    served.close()
    assert averaged(models[:1]) is models[0]


@pytest.mark.slow
def test_no_seconds_are_one_setting_also_by_a_clock_that_stands() -> None:
    values, bad = _signs(np.random.default_rng(9), 1_000)
    said: list[str] = []
    plan = Plan(until_ms=UNTIL_MS, seconds=0.0)
    fit(_matrix(SIGNS, values, bad), (), plan, ManualClock(UNTIL_MS), lambda what, _share: said.append(what),
        lambda _name, work: work())  # fmt: skip
    assert said.count("trying settings") == 1


@pytest.mark.slow
def test_a_model_is_the_mean_of_boosters_of_the_best_settings_within_the_bound_of_trees() -> None:
    values, bad = _signs(np.random.default_rng(2), 1_000)
    one = _learned(SIGNS, values, bad)
    assert (len(one.tried), len(one.members)) == (1, 3)  # of one setting, with three seeds
    asked = count()
    learner = Learner(SIGNS, values, bad, np.ones(len(bad)), 1)
    several = learner.run(lambda _name, work: work(), lambda: next(asked) >= 4, lambda _what, _share: None)
    assert len(several.tried) == 5
    losses = [tried["log_loss"] for tried in several.tried]
    assert losses == sorted(losses)
    for found in (one, several):
        assert found.members[0] == found.tried[0]
        assert all(member in found.tried[:3] for member in found.members)
        assert found.trees == found.model.num_trees() == sum(int(member["trees"]) for member in found.members)
        assert found.trees <= TREES_MAX


@pytest.mark.slow
def test_more_of_a_bad_sign_never_counts_for_less_although_the_rows_say_so() -> None:
    chance = np.random.default_rng(3)
    values, _ = _signs(chance)
    values[:, 2] = chance.normal(size=ROWS)
    bad = (-2 * np.nan_to_num(values[:, 0]) + np.nan_to_num(values[:, 1]) + chance.normal(size=ROWS) > 2).astype(int)
    assert [monotone_of(name) for name in (*SIGNS, "delivered_orders_of_user")] == [1, 0, 0, -1]
    found = _learned(SIGNS, values, bad)
    steps = np.linspace(-3, 3, 40)
    free = Learner(("orders_by_user_7d", "amount"), values[:, :2], bad, np.ones(ROWS), 1).fit_plainly(np.arange(ROWS))
    for model, columns, at, is_demanded in (
        (found.model, found.names, "bad_share_of_device_7d", True),
        (free, ("orders_by_user_7d", "amount"), "orders_by_user_7d", False),
    ):
        rows = np.zeros((len(steps), len(columns)))
        rows[:, columns.index(at)] = steps
        told = np.asarray(model.predict(rows, raw_score=True))
        assert bool((np.diff(told) >= 0).all()) is is_demanded
        assert is_demanded or told[0] > told[-1] + 1


@pytest.mark.slow
def test_of_many_features_those_that_tell_something_are_kept_and_sixty_at_the_most() -> None:
    chance = np.random.default_rng(4)
    signs, bad = _signs(chance, 1_500)
    values = np.column_stack((chance.normal(size=(1_500, 70)), signs))
    names = (*(f"noise_{number}" for number in range(70)), *SIGNS)
    found = _learned(names, values, bad)
    assert len(found.names) <= 60
    assert set(SIGNS) <= set(found.names[:5])


@pytest.mark.slow
def test_a_planted_leak_is_named_in_manifest_and_card_and_honest_features_are_not() -> None:
    chance = np.random.default_rng(5)
    signs, bad = _signs(chance, 1_200)
    manifest, card, _ = _fitted(SIGNS, signs, bad)
    assert manifest.suspects == ()
    assert "Too good to be believed" not in card
    leak = np.where(chance.random(1_200) < 0.02, 1 - bad, bad).astype(float)
    leaky, card, _ = _fitted((*SIGNS, "refunded_since"), np.column_stack((signs, leak)), bad)
    assert leaky.suspects == ("refunded_since",)
    assert "Too good to be believed: <code>refunded_since</code>" in card
    assert leaky.metrics["auc"].value > 0.95 > manifest.metrics["auc"].value


ALONE = """
import os, sys
import numpy as np
from fourthwatch.workbench.learning import Learner
chance = np.random.default_rng(1)
values = chance.normal(size=(400, 3))
bad = (values.sum(axis=1) + chance.normal(size=400) > 2).astype(np.int64)
before = len(os.listdir("/proc/self/task"))
learner = Learner(("a", "b", "c"), values, bad, np.ones(400), int(sys.argv[1]))
learner.run(lambda _name, work: work(), lambda: True, lambda _what, _share: None)
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_a_training_starts_as_many_threads_as_it_was_told_and_no_more(threads: int) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    environment["OMP_WAIT_POLICY"] = "PASSIVE"  # whoever waits leaves the core to the other
    found = subprocess.run(
        [sys.executable, "-c", ALONE, str(threads)], capture_output=True, text=True, check=True, env=environment
    )
    assert int(found.stdout) == threads - 1


@pytest.mark.slow
def test_as_many_threads_are_used_as_were_asked_for_and_their_number_changes_no_tree() -> None:
    values, bad = _signs(np.random.default_rng(6), 500)
    one, two = (_fitted(SIGNS, values, bad, threads=threads)[2] for threads in (1, 2))
    assert b"[num_threads: 1]" in one
    assert b"[num_threads: 2]" in two
    assert one.split(b"parameters:")[0] == two.split(b"parameters:")[0]


def test_probabilities_by_platt_have_no_ties_that_margins_had_not() -> None:
    chance = np.random.default_rng(7)
    margin = np.unique(chance.normal(size=2_000))
    bad = (margin + chance.normal(size=len(margin)) > 1).astype(np.int64)
    told = calibrated(margin, platt(margin, bad, np.ones(len(margin))))
    assert (np.diff(told) > 0).all()
    assert abs(told.mean() - bad.mean()) < 0.005


def test_a_split_by_chance_would_promise_more_than_time_keeps() -> None:
    """Why time alone splits: in waves, each with a device of its own, neighbours in time give the answer away."""
    chance = np.random.default_rng(8)
    wave = np.repeat(np.arange(60), ROWS // 60)
    values = np.column_stack((wave + chance.normal(size=ROWS) / 9, chance.normal(size=ROWS)))
    bad = (chance.random(ROWS) < np.where(chance.random(60) < 0.3, 0.5, 0.02)[wave]).astype(np.int64)
    learner = Learner(("moment", "amount"), values, bad, np.ones(ROWS), 1)
    mixed = chance.permutation(ROWS)
    aucs = []
    for order in (np.arange(ROWS), mixed):
        train, test = order[: int(ROWS * 0.8)], order[int(ROWS * 0.8) :]
        aucs.append(auc_of(bad[test], learner.fit_plainly(np.sort(train)).predict(values[test])))
    assert aucs[1] > 0.8
    assert aucs[0] < 0.6


def test_labels_that_came_when_the_measured_orders_had_begun_do_not_make_the_figures() -> None:
    chance = np.random.default_rng(3)
    values, bad = _signs(chance)
    start = int(ROWS * 0.8)
    then = Learner(SIGNS, values[:start], bad[:start], np.ones(start), 1)
    later = bad.copy()
    later[:start] |= chance.random(start) < 0.2
    chosen: dict[str, Any] = {}

    def journal(name: str, work: Callable[[], Any]) -> Any:
        return chosen[name] if name in chosen else chosen.setdefault(name, work())

    def figures(bad: Wholes, known: Learner | None) -> tuple[list[float], bool]:
        learner = Learner(SIGNS, values, bad, np.ones(ROWS), 1)
        found = learner.run(journal, lambda: True, lambda _what, _share: None, known_at=lambda _: known)
        return found.measured_probability.tolist(), found.knew_then

    assert figures(bad, then) == figures(later, then)
    assert figures(bad, then)[1]
    assert figures(bad, None)[0] != figures(later, None)[0]


@pytest.mark.parametrize("are_late", [False, True])
def test_where_too_little_was_known_then_the_card_says_to_expect_less(are_late: bool) -> None:
    values, bad = _signs(np.random.default_rng(4))
    matrix = _matrix(SIGNS, values, bad)
    start_ms = int(matrix.occurred_ms[int(ROWS * 0.8)])
    told = matrix.labels["chargeback"]
    if are_late:
        seen_ms = np.where(matrix.occurred_ms < start_ms, start_ms + DAY_MS, told.told_ms)
        told = Outcomes(told.value, np.where(bad == 1, seen_ms, UNTOLD))
    matrix = msgspec.structs.replace(matrix, labels={**matrix.labels, "chargeback": told})
    plan = Plan(until_ms=UNTIL_MS, seconds=0.0)
    _, card, manifest = fit(
        matrix, (), plan, ManualClock(UNTIL_MS), lambda _what, _share: None, lambda _name, work: work()
    )
    assert manifest.measured_from_ms == start_ms
    assert manifest.knew_then is not are_late
    assert ("Expect less" in card) is are_late
    assert ("the labels of them that had come" in card) is not are_late


def _untold(rows: int) -> Outcomes:
    return Outcomes(np.full(rows, UNTOLD), np.full(rows, UNTOLD))


def _ways(rows: int, delays: dict[str, float]) -> Matrix:
    """Orders day after day, paid in several ways by turns, each tenth of a way disputed after so many days of its."""
    at_ms = np.linspace(0, UNTIL_MS - 1, rows).astype(np.int64)
    payment = tuple(list(delays)[number % len(delays)] for number in range(rows))
    is_bad = np.array([number // len(delays) % 10 == 0 for number in range(rows)])
    told_ms = at_ms + np.array([int(delays[way] * DAY_MS) for way in payment])
    seen = is_bad & (told_ms < UNTIL_MS)
    labels = Outcomes(np.where(seen, 1, UNTOLD), np.where(seen, told_ms, UNTOLD))
    return Matrix(
        names=("amount",), left_out=(), values=np.ones((rows, 1)), position=np.arange(rows), occurred_ms=at_ms,
        amount=np.ones(rows), score=np.zeros(rows, np.int64), payment=payment, user=("",) * rows, order=("",) * rows,
        labels={"chargeback": labels, "canceled": _untold(rows)}, mark="m", currency=("",) * rows,
    )  # fmt: skip


def test_each_way_of_paying_has_its_own_curve_and_its_own_age_from_which_silence_counts() -> None:
    matrix = _ways(4_000, {"_creditCard": 60.5, "_netBanking": 5.5})
    found = usable(matrix, "chargeback", UNTIL_MS)
    curves = {curve.payment: curve for curve in found.curves}
    assert set(curves) == {"", "_creditCard", "_netBanking"}
    assert (curves["_creditCard"].days_until(0.5), curves["_netBanking"].days_until(0.5)) == (61, 6)
    ages = (UNTIL_MS - matrix.occurred_ms[found.rows]) / DAY_MS
    youngest = {
        way: min(age for age, row in zip(ages, found.rows, strict=True) if matrix.payment[row] == way)
        for way in ("_creditCard", "_netBanking")
    }
    assert youngest["_creditCard"] >= 60 > 7 > youngest["_netBanking"]
    assert found.immature == 4_000 - len(found.rows) > 300


def test_a_way_of_paying_with_few_bad_labels_has_the_curve_of_all_and_young_orders_count_in_part() -> None:
    rare = OWN_CURVE_MIN // 3
    matrix = _ways(3_000, {"_creditCard": 10.5})
    payment = tuple("_wallet" if number < 10 * rare else way for number, way in enumerate(matrix.payment))
    chance = np.random.default_rng(9)
    told = matrix.labels["chargeback"]
    late = matrix.occurred_ms + (chance.uniform(0, 40, 3_000) * DAY_MS).astype(np.int64)
    seen = (told.value == 1) & (late < UNTIL_MS)
    labels = {**matrix.labels, "chargeback": Outcomes(np.where(seen, 1, UNTOLD), np.where(seen, late, UNTOLD))}
    matrix = Matrix(**{**{name: getattr(matrix, name) for name in matrix.__struct_fields__}, "payment": payment,
                       "labels": labels})  # fmt: skip
    found = usable(matrix, "chargeback", UNTIL_MS)
    assert [curve.payment for curve in found.curves] == ["", "_creditCard"]
    good = found.bad == 0
    assert (found.weight[~good] == 1).all()
    assert found.weight[good].max() == 1
    assert MATURE_MIN <= found.weight[good].min() < 0.7
    assert (np.diff(found.weight[good]) <= 1e-9).all()  # the younger, the less


def test_an_order_that_was_kept_out_is_not_taken_for_good_but_where_a_target_is_told_of_users() -> None:
    matrix = _ways(1_000, {"_creditCard": 5.5})
    is_bad = matrix.labels["chargeback"].value == 1
    kept_out = np.arange(1_000) % 4 == 0
    later = np.arange(1_000) % 4 == 1  # canceled, but only after all that may be known
    told_ms = np.where(later, UNTIL_MS, matrix.occurred_ms)
    canceled = Outcomes(np.where(kept_out | later, 1, 0), told_ms)
    matrix.labels["canceled"] = canceled
    matrix.labels["account_abuse"] = matrix.labels["chargeback"]
    found = usable(matrix, "chargeback", UNTIL_MS)
    learned = np.isin(np.arange(1_000), found.rows)
    assert not learned[kept_out & ~is_bad].any()
    assert learned[kept_out & is_bad].sum() > 20
    assert learned[later].sum() > 200
    assert found.canceled == (kept_out & ~is_bad).sum()
    assert found.immature + found.canceled + len(found.rows) == 1_000
    of_users = usable(matrix, "account_abuse", UNTIL_MS)
    assert of_users.canceled == 0
    assert set(np.flatnonzero(kept_out)[:200]) | set(found.rows) <= set(of_users.rows)
