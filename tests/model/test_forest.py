"""Packed trees against the library that learned them: the same margins to the bit, the same contributions."""

import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import lightgbm
import numpy as np
import pytest

from fourthwatch.errors import ModelRefused
from fourthwatch.model import forest
from fourthwatch.model._trees import packed as pack
from fourthwatch.model.booster import Booster, Vector
from fourthwatch.model.forest import Trees, read_text, served
from fourthwatch.model.manifest import read_manifest
from fourthwatch.model.serving import LiveModel, worth_telling
from fourthwatch.workbench.bagging import averaged
from fourthwatch.workbench.novelty import forest_text
from small_model import WIDTH, package_of, small_model

ODD = (
    None, 0.0, -0.0, 1e-36, -1e-36, 1e-35, 5e-324, -5e-324, 1.0000000180025095e-35, 1e-34, 1e300, -1e300, 1e308, -1e308,
    math.inf, -math.inf, 1.0, -1.0, 0.5,
)  # fmt: skip
ROWS, EXPLAINED, MUTANTS = 400, 40, 1_500
MISSING: list[dict[str, Any]] = [
    {}, {"use_missing": False}, {"zero_as_missing": True}, {"zero_as_missing": True, "use_missing": False},
]  # fmt: skip
ALL_BUT_USUAL = [pytest.param(one, marks=pytest.mark.slow, id=str(one)) for one in MISSING[1:]]
Settings = dict[str, Any]
SHAPES: dict[str, Settings] = {
    "one tree": {"trees": 1},
    "seven trees": {"trees": 7, "num_leaves": 4},
    "eight trees": {"trees": 8, "num_leaves": 40},
    "four hundred trees": {"trees": 400, "num_leaves": 5},
    "deep trees": {"trees": 30, "num_leaves": 200, "min_data_in_leaf": 1},
    "monotone": {"trees": 60, "monotone_constraints": [1, -1, 0, 0, 1, 0, 0, -1]},
    "stumps": {"trees": 20, "num_leaves": 2},
    "dart": {"trees": 40, "boosting": "dart", "learning_rate": 0.3},
    "nothing to learn": {"trees": 3, "min_data_in_leaf": 3_000},
    "numbers": {"trees": 50, "objective": "regression"},
}


def data(seed: int = 1) -> tuple[Any, Any]:
    """Rows with unknown values, zeros and extremes, and which of them are bad."""
    chance = np.random.default_rng(seed)
    values = chance.normal(size=(3_000, WIDTH))
    values[:, 1] = np.round(values[:, 1])
    values[:, 5] *= 1e290
    values[chance.random(values.shape) < 0.2] = np.nan
    values[chance.random(values.shape) < 0.1] = 0.0
    values[chance.random(values.shape) < 0.01] = -1e308
    values[:, 6] = np.where(chance.random(len(values)) < 0.5, np.nan, 1.0)  # unknown or one number: split at inf
    known = np.clip(np.nan_to_num(values), -10, 10)
    bad = (
        known[:, 0] + known[:, 1] * known[:, 2] + np.isnan(values[:, 6]) + chance.normal(size=len(values)) > 1
    ).astype(int)
    return values, bad


def learned(seed: int = 1, trees: int = 20, **settings: Any) -> Any:
    values, bad = data(seed)
    told = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": seed, **settings}
    return lightgbm.train(told, lightgbm.Dataset(values, bad, params={"verbosity": -1, **settings}), trees)


def rows_for(body: bytes, width: int) -> list[list[float | None]]:
    """Odd values, values as they were learned from, and the trees' own thresholds."""
    random = Random(5)
    values = data(2)[0]
    at = [float(one) for line in body.split(b"\nthreshold=")[1:] for one in line.split(b"\n", 1)[0].split()] or [0.0]
    kinds = (
        lambda column: random.choice(ODD),
        lambda column: None if (one := float(random.choice(values[:, column % WIDTH]))) != one else one,
        lambda column: random.choice(at),
    )
    return [[random.choice(kinds)(column) for column in range(width)] for _ in range(ROWS)]


def bits(margins: list[float]) -> bytes:
    return np.array(margins).tobytes()


def check(body: bytes, width: int = WIDTH) -> Trees:
    """The packed trees, which say what the library says."""
    judge, ours = Booster(body, width), served(Booster(body, width), body, width)
    assert isinstance(ours, Trees)
    rows = rows_for(body, width)
    assert bits([ours.margin(row) for row in rows]) == bits([judge.margin(row) for row in rows])
    for row in rows[:EXPLAINED]:
        parts, wanted = ours.contributions(row), judge.contributions(row)
        assert parts is not None
        assert wanted is not None
        scale = max(map(abs, wanted))
        assert parts == pytest.approx(wanted, rel=1e-9, abs=1e-12 * scale)
        assert parts[-1] == wanted[-1]
        assert math.fsum(parts) == pytest.approx(ours.margin(row), rel=1e-9, abs=1e-12 * scale)
    judge.close()
    return ours


def test_packed_trees_are_in_use_here() -> None:
    package = small_model()
    live = LiveModel.of(read_manifest(package), package)
    assert isinstance(live._predictor, Trees)


@pytest.mark.parametrize("missing", [pytest.param({}, id="as usual"), *ALL_BUT_USUAL])
@pytest.mark.parametrize("shape", SHAPES)
def test_margins_are_the_librarys_to_the_bit_and_contributions_sum_up(shape: str, missing: Settings) -> None:
    check(learned(**SHAPES[shape], **missing).model_to_string().encode())


@pytest.mark.slow
def test_so_are_those_of_boosters_that_are_one_of_forests_and_of_one_leaf() -> None:
    check(averaged([learned(seed, trees=25) for seed in (1, 2, 3)]).model_to_string().encode())
    check(forest_text(data()[0]))
    one_leaf = learned(trees=3, min_data_in_leaf=3_000).model_to_string().encode()
    assert b"num_leaves=1\n" in one_leaf
    assert b"num_leaves=2\n" not in one_leaf
    check(one_leaf)


def test_every_thing_that_may_count_as_missing_was_learned_from_both_ways() -> None:
    kinds: Counter[int] = Counter()
    infinite = 0
    for missing in MISSING:
        body = learned(trees=60, **missing).model_to_string().encode()
        for line in body.split(b"\ndecision_type=")[1:]:
            kinds.update(map(int, line.split(b"\n", 1)[0].split()))
        infinite += body.count(b"inf ") + body.count(b"inf\n")
    assert set(kinds) >= {2, 4, 6, 8, 10}
    assert infinite


@pytest.mark.parametrize(
    "settings",
    [
        {"linear_tree": True, "num_leaves": 4},
        {"max_cat_to_onehot": 1},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    ],
    ids=["linear leaves", "categories", "a mean of trees"],
)
def test_what_is_not_packed_the_library_serves(settings: Settings) -> None:
    told = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    values, bad = data()
    columns = [2] if "max_cat_to_onehot" in settings else []
    values[:, 2] = np.round(np.clip(np.nan_to_num(values[:, 2]), 0, 2) * 3)
    learning = lightgbm.Dataset(values, bad, params={"verbosity": -1, **settings}, categorical_feature=columns)
    body = lightgbm.train({**told, **settings}, learning, 5).model_to_string().encode()
    assert any(sign in body for sign in (b"is_linear=1", b"num_cat=1", b"\naverage_output\n"))
    judge = Booster(body, WIDTH)
    assert served(judge, body, WIDTH) is judge


def test_a_path_of_more_features_than_are_integrated_exactly_is_left_to_the_library() -> None:
    for features, is_packed in ((32, True), (33, False)):
        body = chain(features)
        judge = Booster(body, features)
        assert (served(judge, body, features) is not judge) is is_packed
        if is_packed:
            check(body, features)


def chain(features: int, was: str = "", now: str = "") -> bytes:
    """One tree whose every split asks for another feature; with `now` in the place of what it `was`."""
    return text_of(features, tree_text(0, range(features)).replace(was, now, 1))


def text_of(features: int, *trees: str) -> bytes:
    head = (
        f"tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx={features - 1}\n"
        f"objective=regression\nfeature_names={' '.join(f'c{at}' for at in range(features))}\n"
        f"feature_infos={' '.join(['none'] * features)}\ntree_sizes={' '.join(str(len(tree)) for tree in trees)}\n\n"
    )
    return (head + "".join(trees) + "end of trees\n").encode()


def tree_text(number: int, order: Sequence[int]) -> str:
    """A tree that asks for features in an order, each time for more than a tenth more; who has less is at a leaf."""
    splits = len(order)
    rows: dict[str, Sequence[float]] = {
        "num_leaves": [splits + 1], "num_cat": [0], "split_feature": order,
        "threshold": [at / 10 for at in range(splits)], "decision_type": [2] * splits,
        "left_child": [~at for at in range(splits)], "right_child": [*range(1, splits), ~splits],
        "leaf_value": [math.sin(at) for at in range(splits + 1)], "leaf_count": range(1, splits + 2),
        "internal_count": [sum(range(at + 1, splits + 2)) for at in range(splits)],
    }  # fmt: skip
    return f"Tree={number}\n" + "\n".join(f"{key}={' '.join(map(repr, row))}" for key, row in rows.items()) + "\n\n\n"


@pytest.mark.parametrize(
    ("was", "now", "says"),
    [
        ("right_child=1 ", "right_child=9 ", "a split leads to 9, which is not there"),
        ("right_child=1 ", "right_child=-9 ", "a split leads to -9, which is not there"),
        ("right_child=1 ", "right_child=0 ", "two splits lead to one place"),
        ("left_child=-1 ", "left_child=-2 ", "two splits lead to one place"),
        ("split_feature=0 ", "split_feature=7 ", "a split asks for feature 7 of 5"),
        ("split_feature=0 ", "split_feature=-1 ", "a split asks for feature -1 of 5"),
        ("num_leaves=6", "num_leaves=5", "in tree 0 leaf_value should be 5 numbers, and is 6"),
        ("num_leaves=6", "num_leaves=0", "in tree 0 there is no leaf"),
        ("threshold=0.0 ", "threshold=zero ", "in tree 0 threshold should be numbers"),
        ("decision_type=2 ", "decision_type=1e1 ", "in tree 0 decision_type should be whole numbers"),
        ("leaf_count=1 ", "leaf_count=99999999999 ", "in tree 0 leaf_count should be whole numbers"),
        ("Tree=0", "Tray=0", "tree 0 is not where it says"),
        ("tree_sizes=", "tree_sizes=-", "tree 0 is not where it says"),
        ("tree_sizes=", "tree_sizes=99", "tree 0 is not where it says"),
    ],
)
def test_a_text_that_leads_anywhere_but_to_its_leaves_is_refused(was: str, now: str, says: str) -> None:
    good, bad = chain(5), chain(5, was, now).replace(b"tree_sizes=", now.encode() if "sizes" in was else b"tree_sizes=")
    judge = Booster(good, 5)
    assert bad != good
    with pytest.raises(ModelRefused, match=f"the model's text is damaged: {says}"):
        served(judge, bad, 5)
    judge.close()


@pytest.mark.parametrize(("was", "now"), [("leaf_value=0.0 ", "leaf_value=1_5 "), ("threshold=0.0 ", "threshold=1_5 ")])
def test_where_the_library_reads_a_text_in_another_way_it_serves_itself(was: str, now: str) -> None:
    body = chain(5, was, now)
    assert read_text(body, 5) is not None
    judge = Booster(body, 5)
    assert served(judge, body, 5) is judge
    judge.close()


def test_whatever_is_done_to_a_text_what_is_packed_can_be_walked() -> None:
    body = learned(trees=3, num_leaves=12).model_to_string().encode()
    outcomes: Counter[str] = Counter()
    numbers = [at for at in range(body.index(b"Tree=0"), body.index(b"end of trees")) if body[at : at + 1].isdigit()]
    for seed in range(MUTANTS):
        random = Random(seed)
        changed = bytearray(body)
        for _ in range(random.randrange(1, 4)):
            at = random.choice(numbers)
            changed[at : at + 1] = random.choice((b"%d" % random.randrange(-20, 40), b"", b" ", b"-", b"99999", b"nan"))
        try:
            trees = read_text(bytes(changed), WIDTH)
            packed = None if trees is None else pack(WIDTH, trees)
        except (ModelRefused, ValueError):
            outcomes["refused"] += 1
            continue
        outcomes["left to the library" if packed is None else "packed"] += 1
        if packed is not None:
            rows: list[Vector] = [[0.0] * WIDTH, [None] * WIDTH, [1e300] * WIDTH]
            assert all(math.isfinite(packed.margin(row)) and packed.contributions(row) for row in rows)
    assert min(outcomes.values()) > 10
    assert len(outcomes) == 3


def test_without_a_compiler_the_library_serves_and_decisions_give_the_same_reasons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = small_model(60)
    manifest = read_manifest(package)
    ours = LiveModel.of(manifest, package)
    monkeypatch.setattr(forest, "COMPILED", False)
    plain = LiveModel.of(manifest, package)
    assert isinstance(plain._predictor, Booster)
    for row in rows_for(package.body, WIDTH)[:EXPLAINED]:
        assert ours.judge(row) == plain.judge(row)
        first, second = (worth_telling(live.contributions(row)) for live in (ours, plain))
        assert [(one.feature, one.log_odds > 0) for one in first] == [(one.feature, one.log_odds > 0) for one in second]
    plain.close()


def test_features_that_add_the_same_are_told_by_name_whatever_digits_they_differ_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = text_of(WIDTH, tree_text(0, range(WIDTH)), tree_text(1, range(WIDTH)[::-1]))
    manifest = read_manifest(package_of(body, bytes(8 * (WIDTH + 1)), rows=1))
    ours = LiveModel(manifest, body)
    monkeypatch.setattr(forest, "COMPILED", False)
    plain = LiveModel(manifest, body)
    differ = 0
    for value in range(WIDTH):
        for live in (ours, plain):
            parts = live.contributions([value / 10 - 0.05] * WIDTH)
            sizes = {one.feature: one.log_odds for one in parts}
            places = [one.feature for one in parts]
            for at in range(WIDTH // 2):
                one, other = f"feature_{at}", f"feature_{WIDTH - 1 - at}"
                assert sizes[one] == pytest.approx(sizes[other], abs=1e-12)
                assert places.index(one) + 1 == places.index(other)
                differ += sizes[one] != sizes[other]
    assert differ
    plain.close()


def test_a_row_is_numbers_and_unknown_ones_as_many_as_the_model_takes() -> None:
    ours = check(small_model().body)
    assert ours.margin((1, True, None, 2.5, -3, 0, 10**18, 4)) == ours.margin(
        [1.0, 1.0, None, 2.5, -3.0, 0.0, 1e18, 4.0]
    )
    with pytest.raises(ValueError, match="takes 8 features"):
        ours.margin([1.0] * 7)
    odd: Any = ["1.0"] * WIDTH
    with pytest.raises(TypeError):
        ours.contributions(odd)
