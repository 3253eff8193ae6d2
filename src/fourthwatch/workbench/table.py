"""Tables in files: Parquet, or CSV when the name says so; written group after group, there whole or not at all.

Unknown is null, in CSV an empty cell. No cell of a CSV begins with a sign that makes a spreadsheet compute it.
"""

import csv
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Literal, Protocol, Self

import msgspec

from fourthwatch.errors import DatasetError
from fourthwatch.limits import GROUP_ROWS

Cell = str | int | float | None
ColumnType = Literal["text", "whole", "number"]
"""`whole` is a 64-bit integer, `number` a 64-bit float."""


class Column(msgspec.Struct, frozen=True):
    """One column of a table."""

    name: str
    type: ColumnType


class _Out(Protocol):
    """A file of some form, being written."""

    def group(self, columns: Sequence[list[Any]]) -> None:
        """Append rows, given as the cells of each column."""
        ...

    def finish(self) -> None:
        """Write what a file of this form ends with."""
        ...

    def close(self) -> None:
        """Let go of it, finished or not; may be called again."""
        ...


class TableWriter:
    """A table on its way to a file: `open` it inside a `with`, `add` rows and `finish`.

    Without `finish`, whatever happens, nothing is left behind.
    """

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self.rows = 0
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._columns = tuple(columns)
        self._cells: list[list[Cell]] = [[] for _ in self._columns]
        self._out: _Out | None = None

    def open(self) -> None:
        """Begin the file; raises `DatasetError` when the form cannot be written here or the file cannot be made."""
        form = _Csv if _is_csv(self._path) else _Parquet
        try:
            self._out = form(self._partial, self._columns)
        except OSError as error:
            raise DatasetError(f"{self._path}: cannot be written: {error.strerror or error}") from error

    def add(self, row: Sequence[Cell]) -> None:
        """Append a row; raises `DatasetError` when the disk refuses it."""
        for cells, cell in zip(self._cells, row, strict=True):
            cells.append(cell)
        self.rows += 1
        if self.rows % GROUP_ROWS == 0:
            self._write()

    def finish(self) -> None:
        """Let the file take its place."""
        assert self._out is not None
        if self._cells[0] or self.rows == 0:
            self._write()
        try:
            self._out.finish()
            self._out.close()
            os.replace(self._partial, self._path)
        except OSError as error:
            raise DatasetError(f"{self._path}: cannot be written: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._out is not None:
                self._out.close()
        except OSError:
            if kind is None:
                raise
        finally:
            self._partial.unlink(missing_ok=True)

    def _write(self) -> None:
        assert self._out is not None
        try:
            self._out.group(self._cells)
        except OSError as error:
            raise DatasetError(f"{self._path}: cannot be written: {error.strerror or error}") from error
        for cells in self._cells:
            cells.clear()


def groups_of(
    path: Path, wanted: Sequence[str] | None = None, *, texts: Sequence[str] = ()
) -> Iterator[Mapping[str, list[Cell]]]:
    """The table's rows in groups: cells by column, those of `wanted` or all.

    A CSV does not say what is a number: a cell is one where it can be, but not in the columns `texts`.

    Raises `DatasetError` when the file is none or a wanted column is not there.
    """
    yield from _read_csv(path, wanted, texts) if _is_csv(path) else _read_parquet(path, wanted)


def names_of(path: Path) -> tuple[str, ...]:
    """The names of a table's columns, in order; raises `DatasetError`."""
    if not _is_csv(path):
        return _parquet_names(path)
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return tuple(next(csv.reader(lines), ()))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


_COMPUTED = frozenset("=+-@\t\r\n\0＝＋－＠")
"""First characters that make a spreadsheet compute a cell (ASVS 1.2.10), and their full-width forms."""


def safe_text(text: str) -> str:
    """A text that no spreadsheet takes for a formula: those that begin like one have a quote before them.

    >>> safe_text("=1+1"), safe_text("u-1")
    ("'=1+1", 'u-1')
    """
    return "'" + text if text[:1] in _COMPUTED else text


class _Csv:
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._csv = csv.writer(self._file)
        self._csv.writerow([safe_text(column.name) for column in columns])

    def group(self, columns: Sequence[list[Any]]) -> None:
        for row in zip(*columns, strict=True):
            self._csv.writerow([safe_text(cell) if isinstance(cell, str) else cell for cell in row])

    def finish(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


_TYPES: Mapping[ColumnType, str] = MappingProxyType({"text": "VARCHAR", "whole": "BIGINT", "number": "DOUBLE"})
_LINE_BYTES_MAX = 1 << 24
_ALONE = MappingProxyType(
    {"threads": "1", "autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
)
"""It is to fetch nothing, and to leave the other core to the server."""


@contextmanager
def _duckdb(path: Path) -> Iterator[Any]:
    """Loaded when somebody wants Parquet: a server does not need it. Its errors become `DatasetError`."""
    duckdb = importlib.import_module("duckdb")
    connection = duckdb.connect(":memory:", config=dict(_ALONE))
    try:
        yield connection
    except duckdb.Error as error:
        raise DatasetError(f"{path}: no Parquet file that can be read or written: {error}") from error
    finally:
        connection.close()


class _Parquet:
    """Rows go into lines of text first, which DuckDB then turns into columns, a row group at a time."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._path = path
        self._columns = columns
        self._lines = path.with_name(path.name + ".lines")
        self._file = self._lines.open("w", newline="", encoding="utf-8")

    def group(self, columns: Sequence[list[Any]]) -> None:
        for row in zip(*columns, strict=True):
            self._file.write(",".join(map(_written, row)) + "\n")

    def finish(self) -> None:
        self._file.close()
        types = {column.name: _TYPES[column.type] for column in self._columns}
        with _duckdb(self._path) as connection:
            rows = connection.read_csv(
                str(self._lines), columns=types, header=False, auto_detect=False, sep=",", quotechar='"',
                escapechar='"', na_values="", allow_quoted_nulls=False, max_line_size=_LINE_BYTES_MAX, parallel=False,
            )  # fmt: skip
            rows.write_parquet(str(self._path), compression="zstd", row_group_size=GROUP_ROWS)

    def close(self) -> None:
        self._file.close()
        self._lines.unlink(missing_ok=True)


def _written(cell: Cell) -> str:
    """Unknown is nothing at all, an empty text two quotes."""
    if isinstance(cell, str):
        return '"' + cell.replace('"', '""') + '"'
    return "" if cell is None else repr(cell)


def _parquet_names(path: Path) -> tuple[str, ...]:
    with _duckdb(path) as connection:
        return tuple(connection.read_parquet(str(path)).columns)


def _read_parquet(path: Path, wanted: Sequence[str] | None) -> Iterator[Mapping[str, list[Cell]]]:
    names = _chosen(path, _parquet_names(path), wanted)
    column = importlib.import_module("duckdb").ColumnExpression
    with _duckdb(path) as connection:
        connection.read_parquet(str(path)).select(*map(column, names)).create_view("chosen")
        answer = connection.execute("FROM chosen")
        while rows := answer.fetchmany(GROUP_ROWS):
            yield {name: list(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}


def _read_csv(path: Path, wanted: Sequence[str] | None, texts: Sequence[str]) -> Iterator[Mapping[str, list[Cell]]]:
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = csv.reader(lines)
            there = next(rows, [])
            names = _chosen(path, there, wanted)
            columns = [(name, there.index(name), name in texts) for name in names]
            group: dict[str, list[Cell]] = {name: [] for name in names}
            for count, row in enumerate(rows, 1):
                for name, place, is_text in columns:
                    group[name].append((row[place] or None) if is_text else _cell(row[place]))
                if count % GROUP_ROWS == 0:
                    yield group
                    group = {name: [] for name in names}
            if group and group[names[0]]:
                yield group
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise DatasetError(f"{path}: not a data set that can be read: {error}") from error


def _chosen(path: Path, there: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    for name in wanted or ():
        if name not in there:
            raise DatasetError(f"{path}: there is no column {name!r}")
    return list(there if wanted is None else wanted)


def _cell(text: str) -> Cell:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text
