"""Figures, what is wanted of them, and the table they are printed in."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    values: tuple[float, ...]
    """One per run; the median counts."""
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""
    is_ratio: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_reached(self) -> bool | None:
        """Whether the median is where it should be; `None` when nothing is wanted of it."""
        if self.at_least is None and self.at_most is None:
            return None
        low = self.at_least is None or self.median >= self.at_least
        return low and (self.at_most is None or self.median <= self.at_most)


def figure(
    name: str,
    values: Sequence[float],
    unit: str = "",
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    note: str = "",
    is_ratio: bool = False,
) -> Figure:
    """A figure of several runs."""
    return Figure(name, tuple(values), unit, at_least, at_most, note, is_ratio)


def ratios(
    name: str, above: Sequence[float], below: Sequence[float], *, at_least: float | None = None, note: str = ""
) -> Figure:
    """Run by run, one divided by the other."""
    values = [a / b for a, b in zip(above, below, strict=True)]
    return figure(name, values, at_least=at_least, note=note, is_ratio=True)


def table(figures: Sequence[Figure]) -> str:
    """Plain text; ratios first, the rest in the order in which it was measured."""
    rows = [("figure", "median", "lowest", "highest", "wanted", "")]
    for one in sorted(figures, key=lambda figure: not figure.is_ratio):
        spread = (_number(min(one.values)), _number(max(one.values))) if len(one.values) > 1 else ("", "")
        reached = {None: "", True: "reached", False: "NOT REACHED"}[one.is_reached]
        says = "  ".join(part for part in (reached, one.note) if part)
        rows.append((one.name, f"{_number(one.median)} {one.unit}".rstrip(), *spread, _wanted(one), says))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = ["  ".join(_cell(row, widths, column) for column in range(6)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def as_json(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """The same for programs."""
    return [{**one._asdict(), "median": one.median, "is_reached": one.is_reached} for one in figures]


def _cell(row: Sequence[str], widths: Sequence[int], column: int) -> str:
    text, width = row[column], widths[column]
    return text.rjust(width) if 0 < column < 4 else text.ljust(width)


def _wanted(one: Figure) -> str:
    if one.at_least is not None:
        return f"≥ {_number(one.at_least)}"
    return "" if one.at_most is None else f"≤ {_number(one.at_most)}"


def _number(value: float) -> str:
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value == round(value) and abs(value) >= 10 else f"{value:.3g}"
