"""Tables in files: Parquet, or CSV when the name says so; written group after group, there whole or not at all.

Unknown is null, in CSV an empty cell. No cell of a CSV begins with a sign that makes a spreadsheet compute it.
"""

import csv
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
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

    def close(self) -> None:
        """Write what a file of this form ends with."""
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
        with _opened(path) as file:
            return tuple(file.schema_arrow.names)
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

    def close(self) -> None:
        self._file.close()


def _pyarrow(part: str) -> Any:
    """A part of pyarrow, which is large and so not installed unless somebody wants Parquet."""
    try:
        return importlib.import_module(part)
    except ImportError as error:
        raise DatasetError(
            "Parquet needs pyarrow (170 MB), which is not installed: pip install 'fourthwatch[parquet]',"
            " or give the file a name that ends in .csv"
        ) from error


class _Parquet:
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._arrow = _pyarrow("pyarrow")
        types = {"text": self._arrow.string(), "whole": self._arrow.int64(), "number": self._arrow.float64()}
        self._schema = self._arrow.schema([(column.name, types[column.type]) for column in columns])
        self._writer = _pyarrow("pyarrow.parquet").ParquetWriter(path, self._schema, compression="zstd")

    def group(self, columns: Sequence[list[Any]]) -> None:
        arrays = [self._arrow.array(cells, field.type) for cells, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _opened(path: Path) -> Any:
    parquet = _pyarrow("pyarrow.parquet")
    try:
        return parquet.ParquetFile(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are kinds of these
        raise DatasetError(f"{path}: not a Parquet file that can be read: {error}") from error


def _read_parquet(path: Path, wanted: Sequence[str] | None) -> Iterator[Mapping[str, list[Cell]]]:
    with _opened(path) as file:
        names = _chosen(path, file.schema_arrow.names, wanted)
        try:
            for batch in file.iter_batches(batch_size=GROUP_ROWS, columns=names):
                yield {name: batch.column(name).to_pylist() for name in names}
        except OSError as error:
            raise DatasetError(f"{path}: the file is damaged: {error}") from error


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
