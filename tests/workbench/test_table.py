"""Tables in files: whole or not at all, unknown is null, and no cell of a CSV is a formula."""

import csv
from pathlib import Path

import pytest

from fourthwatch.errors import DatasetError
from fourthwatch.limits import GROUP_ROWS
from fourthwatch.workbench.table import Cell, Column, TableWriter, groups_of, names_of

COLUMNS = (Column("who", "text"), Column("at_ms", "whole"), Column("much", "number"))
HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0x", "＝1", "＋1", "－1", "＠x"]
FORMS = ["t.parquet", "t.csv"]


def write(path: Path, rows: list[list[Cell]]) -> None:
    with TableWriter(path, COLUMNS) as table:
        table.open()
        for row in rows:
            table.add(row)
        table.finish()


def read(path: Path, wanted: list[str] | None = None) -> list[tuple[Cell, ...]]:
    return [row for group in groups_of(path, wanted) for row in zip(*group.values(), strict=True)]


@pytest.mark.parametrize("name", FORMS)
def test_what_is_written_is_read_again_to_the_bit(name: str, tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["a", 1, 0.1 + 0.2], [None, None, None], ['b, "c"\nd', 2**53, 5e-324], ["x", 0, 0.0]]
    write(tmp_path / name, rows)
    assert read(tmp_path / name) == [tuple(row) for row in rows]
    assert names_of(tmp_path / name) == ("who", "at_ms", "much")
    assert read(tmp_path / name, ["much"]) == [(row[2],) for row in rows]


@pytest.mark.parametrize("name", FORMS)
def test_more_rows_than_a_group_are_written_in_groups(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, [["a", number, number / 3] for number in range(GROUP_ROWS + 5)])
    sizes = [len(group["who"]) for group in groups_of(tmp_path / name)]
    assert sizes == [GROUP_ROWS, 5]


@pytest.mark.parametrize("name", FORMS)
def test_without_finish_nothing_is_left_behind(name: str, tmp_path: Path) -> None:
    with TableWriter(tmp_path / name, COLUMNS) as table:
        table.open()
        table.add(["a", 1, 1.0])
        assert all(path.name.startswith(name + ".partial") for path in tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_no_cell_of_a_csv_begins_like_a_formula(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", [[text, 1, None] for text in HOSTILE])
    with (tmp_path / "t.csv").open(newline="") as lines:
        cells = [row[0] for row in csv.reader(lines)][1:]
    assert cells == ["'" + text for text in HOSTILE]


def test_a_parquet_file_holds_hostile_texts_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", [[text, 1, None] for text in HOSTILE])
    assert [row[0] for row in read(tmp_path / "t.parquet")] == HOSTILE


def test_an_empty_text_is_not_unknown_in_parquet(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["", None, None], [None, None, None], ["\\N", None, 1e300], ['"', -(2**63), -0.1]]
    write(tmp_path / "t.parquet", rows)
    assert read(tmp_path / "t.parquet") == [tuple(row) for row in rows]
    write(tmp_path / "none.parquet", [])
    assert names_of(tmp_path / "none.parquet") == ("who", "at_ms", "much")
    assert read(tmp_path / "none.parquet") == []


@pytest.mark.parametrize("name", FORMS)
def test_a_file_that_is_no_table_is_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfe\x00nothing" * 10)
    for ask in (names_of, lambda path: list(groups_of(path))):
        with pytest.raises(DatasetError, match=r"t\.(parquet|csv)"):
            ask(tmp_path / name)


@pytest.mark.parametrize("name", FORMS)
def test_a_column_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, [["a", 1, 1.0]])
    with pytest.raises(DatasetError, match="there is no column 'label_bad'"):
        list(groups_of(tmp_path / name, ["label_bad"]))


@pytest.mark.parametrize("name", FORMS)
def test_a_directory_that_is_not_there_is_an_error_of_ours(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be written"):
        write(tmp_path / "nowhere" / name, [])


def test_a_full_disk_is_an_error_of_ours_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv.partial").symlink_to("/dev/full")
    with pytest.raises(DatasetError, match="No space left"):
        write(tmp_path / "t.csv", [["a", number, 1.0] for number in range(2 * GROUP_ROWS)])
    assert list(tmp_path.iterdir()) == []
