"""Charts of cards: whoever reads them must be able to tell the lines apart, without a script."""

import re

import numpy as np

from fourthwatch.workbench.card import calibration, precision_recall
from fourthwatch.workbench.drawing import Line, chart


def _points(page: str) -> list[tuple[float, float]]:
    """Of the first line, from the left and from the top."""
    found = re.search('points="([^"]*)"', page)
    assert found is not None
    return [(float(x), float(y)) for x, y in (one.split(",") for one in found[1].split())]


def test_a_curve_of_few_bad_orders_among_many_goes_through_each_of_them() -> None:
    bad = np.repeat([0, 1], [3_980, 20])
    told = np.linspace(0.001, 0.9, 4_000)  # all of the bad before any of the good
    points = _points(precision_recall(bad, told, np.arange(4_000)))
    top, right = min(y for _, y in points), max(x for x, _ in points)
    assert len({x for x, y in points if y == top}) == 20
    assert all(y == top for x, y in points if x < right)


def test_calibration_is_drawn_where_the_bad_are() -> None:
    told = np.concatenate((np.full(3_900, 0.001), np.linspace(0.1, 0.9, 100)))
    bad = (np.arange(4_000) % 10 < told * 10).astype(np.int64)
    points = _points(calibration(bad, told))
    assert len([x for x, _ in points if x > 56 + (348 - 56) / 4]) >= 8  # of ten groups


def test_every_line_of_a_chart_stands_in_its_legend_with_its_whole_name() -> None:
    names = ("all", "2026-11-04 on", "mean probability", "guessing <")
    page = chart("Four", [Line(name, [0, 1], [0, 50_000]) for name in names])
    for name in ("all", "2026-11-04 on", "mean probability", "guessing &lt;"):
        assert f">{name}</text>" in page
    assert 'height="256"' in page  # a second row of the legend makes it higher
    assert ">50,000</text>" in page


def test_a_chart_of_nothing_is_nothing() -> None:
    assert chart("None", []) == ""
