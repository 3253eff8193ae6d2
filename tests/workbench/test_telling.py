"""How much a feature tells by itself: ties, unknowns, what counts as good, and what is left out."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from fourthwatch.errors import DatasetError
from fourthwatch.workbench.measures import auc
from fourthwatch.workbench.table import Cell, Column, TableWriter
from fourthwatch.workbench.telling import KNOWN_MIN, Telling, auc_of_counts, error_of, read_outcomes, table_of, telling

Rows = list[list[Cell]]

LABELS = tuple(Column(f"label_chargeback{what}", "whole") for what in ("", "_received_ms", "_occurred_ms"))


def table(path: Path, features: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> Path:
    """Rows of order id, receipt, the features' cells, label, its receipt."""
    columns = [Column("order_id", "text"), Column("received_ms", "whole"), *features, *LABELS]
    with TableWriter(path, columns) as out:
        out.open()
        for row in rows:
            out.add([*row, row[-1]])
        out.finish()
    return path


def labelled(path: Path, goods: Sequence[Cell], bads: Sequence[Cell]) -> Path:
    rows: Rows = [[f"g-{n}", 10, value, None, None] for n, value in enumerate(goods)]
    rows += [[f"b-{n}", 10, value, 1, 99] for n, value in enumerate(bads)]
    return table(path, [Column("f", "number")], rows)


def only(path: Path) -> Telling:
    (one,) = telling(path, "chargeback").features
    return one


@pytest.mark.parametrize("seed", range(30))
def test_the_auc_of_counts_is_that_of_the_ranks(seed: int) -> None:
    random = Random(seed)
    scores = [float(random.randrange(1 + seed)) for _ in range(random.randrange(2, 200))]
    bad = [random.random() < 0.3 for _ in scores]
    sides = [Counter(score for score, one in zip(scores, bad, strict=True) if one is side) for side in (False, True)]
    wanted = auc(scores, bad)
    got = auc_of_counts(*sides)
    assert (got is None) == (wanted is None)
    if got is not None and wanted is not None:
        assert got == pytest.approx(wanted, abs=1e-12)


def test_the_standard_error_is_hanley_and_mcneils() -> None:
    assert error_of(0.5, 100, 100) == pytest.approx(0.0409, abs=5e-4)
    assert error_of(1.0, 50, 50) == 0.0
    # Near a half it comes down to sqrt((n + 1) / 12 n) over both sides.
    assert error_of(0.5, 1_000, 10) == pytest.approx(math.sqrt(1_011 / (12 * 1_000 * 10)), rel=0.01)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_unknown_values_are_left_out_of_the_figure_and_told_beside_it(name: str, tmp_path: Path) -> None:
    goods: list[Cell] = [0.0] * 30 + [1.0] * 10 + [None] * 40
    bads: list[Cell] = [1.0] * 30 + [None] * 10
    one = only(labelled(tmp_path / name, goods, bads))
    assert one.auc == pytest.approx((30 + 10 / 2) / 40)
    assert (one.unknown_good, one.unknown_bad) == (0.5, 0.25)
    assert one.error is not None
    assert 0 < one.error < 0.1


def test_a_feature_that_the_bad_have_less_of_is_as_telling(tmp_path: Path) -> None:
    columns = [Column(name, "number") for name in ("weak", "less", "more")]
    random = Random(5)
    rows: Rows = []
    for number in range(400):
        bad = number % 4 == 0
        rows.append(
            [f"o-{number}", 10, random.random(), -10.0 * bad + random.random() * 11, bad + random.random() * 4,
             1 if bad else None, 99 if bad else None]
        )  # fmt: skip
    told = telling(table(tmp_path / "t.parquet", columns, rows), "chargeback")
    assert [one.name for one in told.features] == ["less", "more", "weak"]
    less, more, _ = told.features
    assert less.auc is not None
    assert more.auc is not None
    assert less.auc < 0.2
    assert more.auc > 0.6
    lines = table_of(told, 2, {"less": "what it is"})
    assert len(lines) == 4
    assert "| less |" in lines[2]
    assert lines[2].endswith("| what it is |")


def test_of_too_few_known_and_of_one_value_for_all_no_figure_is_given(tmp_path: Path) -> None:
    few = only(labelled(tmp_path / "few.csv", [0.0] * 100, [1.0] * (KNOWN_MIN - 1) + [None] * 50))
    enough = only(labelled(tmp_path / "enough.csv", [0.0] * 100, [1.0] * KNOWN_MIN + [None] * 50))
    same = only(labelled(tmp_path / "same.csv", [0.0] * 100, [0.0] * 100))
    rare = only(labelled(tmp_path / "rare.csv", [0.0] * KNOWN_MIN + [None] * 2_000, [1.0] * 100))
    assert (few.auc, enough.auc, same.auc, rare.auc) == (None, 1.0, None, None)
    assert few.error is None


def test_rows_that_the_label_had_reached_before_them_are_left_out(tmp_path: Path) -> None:
    before: list[Cell] = ["b", 10, 5.0, 1, 9]
    at_once: list[Cell] = ["b", 10, 1.0, 1, 10]
    untold: list[Cell] = ["g", 10, 0.0, None, None]
    rows = [untold] * 40 + [at_once] * 25 + [before] * 7
    told = telling(table(tmp_path / "t.csv", [Column("f", "number")], rows), "chargeback")
    assert (told.rows, told.bad, told.untold, told.left_out) == (65, 25, 40, 7)


def test_without_a_label_an_order_counts_as_good_unless_only_told_ones_do(tmp_path: Path) -> None:
    untold: list[Cell] = ["g", 10, 0.0, None, None]
    good: list[Cell] = ["g", 10, 2.0, 0, 50]
    bad: list[Cell] = ["b", 10, 1.0, 1, 50]
    rows = [untold] * 40 + [good] * 30 + [bad] * 30
    path = table(tmp_path / "t.csv", [Column("f", "number")], rows)
    told, strict = telling(path, "chargeback"), telling(path, "chargeback", told_only=True)
    assert (told.rows, told.untold, told.left_out) == (100, 40, 0)
    assert (strict.rows, strict.untold, strict.left_out) == (60, 0, 40)
    assert [one.auc for one in (*told.features, *strict.features)] == [40 / 70, 0.0]


def test_a_truth_file_takes_the_place_of_the_label(tmp_path: Path) -> None:
    path = labelled(tmp_path / "t.csv", [0.0] * 30, [1.0] * 30)
    (tmp_path / "truth.csv").write_text("order_id,class\n" + "".join(f"g-{n},1\nb-{n},0\n" for n in range(25)))
    truth = read_outcomes(tmp_path / "truth.csv")
    assert len(truth) == 50
    told = telling(path, "chargeback", truth=truth)
    assert (told.rows, told.bad, told.left_out) == (50, 25, 10)
    assert told.features[0].auc == 0.0
    (tmp_path / "demo.csv").write_text("o-1,ordinary\no-2,card_testing\n")
    assert read_outcomes(tmp_path / "demo.csv") == {"o-1": False, "o-2": True}


def test_order_ids_that_look_like_numbers_are_found_in_the_truth_of_a_csv(tmp_path: Path) -> None:
    rows: Rows = [[f"{number:04}", 10, float(number % 2), None, None] for number in range(100)]
    path = table(tmp_path / "t.csv", [Column("f", "number")], rows)
    told = telling(path, "chargeback", truth={f"{number:04}": number % 2 == 1 for number in range(100)})
    assert (told.rows, told.bad, told.features[0].auc) == (100, 50, 1.0)


def test_only_orders_from_a_moment_on_are_measured(tmp_path: Path) -> None:
    columns = [Column("occurred_ms", "whole"), Column("f", "number")]
    rows: Rows = [["g", 10, at_ms, 0.0, None, None] for at_ms in range(100)]
    rows += [["b", 10, at_ms, 1.0, 1, 50] for at_ms in range(100)]
    told = telling(table(tmp_path / "t.parquet", columns, rows), "chargeback", from_ms=60)
    assert (told.rows, told.bad, told.left_out) == (80, 40, 120)


def test_columns_of_text_are_named_and_not_measured(tmp_path: Path) -> None:
    columns = [Column("state", "text"), Column("f", "number")]
    good: list[Cell] = ["g", 10, "calm", 0.0, None, None]
    bad: list[Cell] = ["b", 10, "x", 1.0, 1, 50]
    rows = [good] * 30 + [bad] * 30
    for name in ("t.csv", "t.parquet"):
        told = telling(table(tmp_path / name, columns, rows), "chargeback")
        assert told.texts == ("state",)
        assert [one.name for one in told.features] == ["f"]


def test_where_all_cases_are_of_one_kind_there_is_nothing_to_tell_apart(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="of 30 rows 0 are bad"):
        telling(labelled(tmp_path / "t.csv", [0.0] * 30, []), "chargeback")
