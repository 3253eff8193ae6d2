"""What features cost where they serve, and which are left out for it: of sets that foretell as well, the cheapest."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.house import House
from fourthwatch.clock import DAY_MS, ManualClock
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.model.manifest import read_manifest
from fourthwatch.rules.rule import Rule
from fourthwatch.workbench.choosing import FEATURES_KEPT_MIN, SAVED_US_MIN
from fourthwatch.workbench.labels import LABEL_KINDS
from fourthwatch.workbench.learning import Learned, Learner
from fourthwatch.workbench.matrix import UNTOLD, Floats, Matrix, Outcomes, Wholes
from fourthwatch.workbench.outcomes import history_of
from fourthwatch.workbench.prices import (
    KEYS_US,
    NEIGHBOURHOOD,
    SELECTION_US,
    VALUE_US,
    WALK_US,
    prices_at,
    prices_of,
)
from fourthwatch.workbench.ranking import average_precision, precision_lost
from fourthwatch.workbench.training import Plan, fit

ROWS = 6_000
UNTIL_MS = 400 * DAY_MS


def test_what_is_shared_is_paid_once_and_what_decisions_ask_anyway_not_at_all() -> None:
    prices = prices_of(history_of("chargeback", 7))
    assert prices.us(DECIDING) == 0
    assert prices.us(["name_letters"]) == VALUE_US
    assert prices.us(["neighbours"]) == WALK_US + VALUE_US
    assert prices.us(["neighbours", "neighbourhood_cards"]) == WALK_US + 2 * VALUE_US
    alone = prices.us(["orders_by_seller_24h"])
    assert alone == KEYS_US + SELECTION_US + VALUE_US
    assert prices.us(["orders_by_seller_24h", "orders_by_seller_24h"[:-3] + "1h"]) <= alone + VALUE_US
    days = [f"bad_share_of_seller_{one}" for one in ("3d", "7d", "30d")]
    assert prices.us(days) == KEYS_US + SELECTION_US + 3 * VALUE_US  # disputes are rare: orders alone are remembered
    assert prices.groups(["neighbours", "orders_by_seller_24h", "users_by_bin_24h", "amount"]) == {
        NEIGHBOURHOOD, "seller", "bin",
    }  # fmt: skip
    assert prices.us(["nobody_has_heard_of_it"]) == 0


def test_what_the_rules_in_force_and_features_of_ones_own_ask_costs_a_model_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    own = history_of("chargeback", 7)
    before = prices_at(tmp_path, "default", own)
    assert before.us(["users_by_seller_7d"]) > KEYS_US
    house.define("from_seller", "count(order, by seller, last 2d)")
    house.publish((Rule(name="busy", rule_class="review", when="orders_by_bin_1h > 9", says="Busy bank"),))
    house.close()
    after = prices_at(tmp_path, "default", own)
    assert after.us(["orders_by_bin_1h"]) == after.us(["from_seller"]) == 0
    assert after.us(["users_by_seller_7d"]) == before.us(["users_by_seller_7d"]) - KEYS_US
    assert after.us(["neighbours"]) == before.us(["neighbours"])
    assert prices_at(tmp_path, "nobody", own).us(["users_by_seller_7d"]) == before.us(["users_by_seller_7d"])


def test_the_error_of_a_loss_is_that_of_the_difference_and_draws_count_ties_as_one_step() -> None:
    chance = np.random.default_rng(1)
    bad = (chance.random(3_000) < 0.1).astype(np.int64)
    best = np.round(bad + chance.normal(size=3_000), 1)
    assert precision_lost(bad, best, best) == (0.0, 0.0)
    other = best + chance.normal(size=3_000) / 20
    noise = chance.normal(size=3_000)
    lost, error = precision_lost(bad, best, other)
    assert lost == average_precision(bad, best) - average_precision(bad, other)
    far, wide = precision_lost(bad, best, noise)
    assert abs(lost) < 3 * error < far / 5 < far
    assert error < wide / 2
    drawn = []
    for _ in range(300):
        rows = np.concatenate([chance.choice(np.flatnonzero(bad == kind), (bad == kind).sum()) for kind in (1, 0)])
        drawn.append(average_precision(bad[rows], best[rows]) - average_precision(bad[rows], noise[rows]))
    assert wide == pytest.approx(float(np.std(drawn)), rel=0.2)


def _learned(names: tuple[str, ...], values: Floats, bad: Wholes, live_cost: float = 1.0) -> Learned:
    learner = Learner(names, values, bad, np.ones(len(bad)), 1)
    return learner.run(lambda _name, work: work(), lambda: True, lambda _what, _share: None, prices_of(()), live_cost)


COSTLY = (
    "users_by_seller_7d", "users_by_bin_24h", "users_by_network_24h", "order_pace_of_postcode",
    "orders_by_email_domain_24h", "orders_by_promotion_1h", "users_by_billing_address_30d",
)  # fmt: skip
"""Of seven kinds of things that no rule asks about, each with a selection of its own."""


@pytest.mark.slow
def test_what_is_costly_stays_only_where_nothing_cheap_tells_as_much() -> None:
    chance = np.random.default_rng(2)
    told, walked = chance.normal(size=(2, ROWS))
    copies = told + chance.normal(size=(len(COSTLY), ROWS)) * 2
    bad = (2 * told + 2 * walked + chance.normal(size=ROWS) > 4).astype(np.int64)
    found = _learned(("amount", "neighbours", *COSTLY), np.column_stack((told, walked, *copies)), bad)
    assert set(found.names) == {"amount", "neighbours"}
    assert {name for one in found.left_out for name in one.features} == set(COSTLY)
    assert {group for one in found.left_out for group in one.groups} == prices_of(()).groups(COSTLY)
    assert sum(one.saved_us for one in found.left_out) == 7 * (KEYS_US + SELECTION_US + VALUE_US)
    assert all(one.lost <= one.error for one in found.left_out)


@pytest.mark.slow
def test_with_no_weight_on_cost_and_for_a_small_saving_nothing_is_left_out() -> None:
    chance = np.random.default_rng(3)
    told = chance.normal(size=ROWS)
    values = np.column_stack((told, *(told + chance.normal(size=(len(COSTLY), ROWS)) * 2)))
    bad = (2 * told + chance.normal(size=ROWS) > 3).astype(np.int64)
    names = ("amount", *COSTLY)
    for width, live_cost in ((len(names), 0.0), (4, 1.0)):
        found = _learned(names[:width], values[:, :width], bad, live_cost)
        assert (set(found.names), found.left_out) == (set(names[:width]), ())
    assert prices_of(()).us(names[:4]) < SAVED_US_MIN < prices_of(()).us(names)
    assert prices_of(()).us(_learned(names, values, bad).names) < SAVED_US_MIN


@pytest.mark.slow
def test_of_many_that_tell_the_same_thirty_stay_and_most_of_the_cost_goes() -> None:
    chance = np.random.default_rng(4)
    prices = prices_of(())
    names = ("neighbours", "orders_by_card_24h", *COSTLY, *DECIDING)
    told = chance.normal(size=ROWS)
    values = told[:, None] + chance.normal(size=(ROWS, len(names)))
    bad = (2 * told + chance.normal(size=ROWS) > 3).astype(np.int64)
    before, after = (_learned(names, values, bad, live_cost) for live_cost in (0.0, 1.0))
    assert len(after.names) >= FEATURES_KEPT_MIN
    assert prices.us(after.names) < prices.us(before.names) / 2
    assert {name for one in after.left_out for name in one.features} >= set(before.names) - set(after.names)
    saved = prices.us(before.names) - prices.us(after.names)
    assert sum(one.saved_us for one in after.left_out) == pytest.approx(saved)


@pytest.mark.slow
def test_manifest_and_card_say_what_was_left_out_and_what_that_costs() -> None:
    chance = np.random.default_rng(2)
    told = chance.normal(size=ROWS)
    values = np.column_stack((told, *chance.normal(size=(len(COSTLY), ROWS))))
    bad = (2 * told + chance.normal(size=ROWS) > 3).astype(np.int64)
    at_ms = np.arange(ROWS) * (UNTIL_MS // ROWS // 2)
    labels: dict[str, Outcomes] = {kind: Outcomes(np.full(ROWS, UNTOLD), np.full(ROWS, UNTOLD)) for kind in LABEL_KINDS}
    labels["chargeback"] = Outcomes(np.where(bad == 1, 1, UNTOLD), np.where(bad == 1, at_ms + DAY_MS, UNTOLD))
    nobody = ("",) * ROWS
    matrix = Matrix(
        names=("amount", *COSTLY), left_out=(), values=values, position=np.arange(ROWS), occurred_ms=at_ms,
        amount=np.ones(ROWS), score=np.zeros(ROWS, np.int64), payment=nobody, user=nobody, order=nobody,
        labels=labels, mark="m", currency=nobody,
    )  # fmt: skip
    heading, cards = "Left out: costs more than it brings", []
    for live_cost in (1.0, 0.0):
        plan = Plan(until_ms=UNTIL_MS, seconds=0.0, live_cost=live_cost)
        package, card, _ = fit(
            matrix, (), plan, ManualClock(UNTIL_MS), lambda _what, _share: None,
            lambda _name, work: msgspec.json.decode(msgspec.json.encode(work())),
        )  # fmt: skip
        cards.append((card, read_manifest(package)))
    (card, cheap), (plain, whole) = cards
    assert cheap.names == ("amount",)
    assert heading in card
    for one in cheap.left_out_for_cost:
        assert all(f"<code>{name}</code>" in card.split(heading)[1] for name in one.features)
        assert f"{one.lost:.4f} ± {one.error:.4f}" in card
        side = "above" if one.lost < 0 else "below"
        assert f"{one.saved_us:g} µs of an order; average precision {abs(one.lost):.4f} {side} that of" in one.says
    better = msgspec.structs.replace(cheap.left_out_for_cost[0], lost=-0.02)
    assert "average precision 0.0200 above that of the best set there" in better.says
    assert whole.left_out_for_cost == ()
    assert heading not in plain
