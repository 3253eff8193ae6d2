"""Charts of cards: whoever reads them must be able to tell the lines apart, without a script."""

from fourthwatch.workbench.drawing import Line, chart


def test_every_line_of_a_chart_stands_in_its_legend_with_its_whole_name() -> None:
    names = ("all", "2026-11-04 on", "mean probability", "guessing <")
    page = chart("Four", [Line(name, [0, 1], [0, 50_000]) for name in names])
    for name in ("all", "2026-11-04 on", "mean probability", "guessing &lt;"):
        assert f">{name}</text>" in page
    assert 'height="256"' in page  # a second row of the legend makes it higher
    assert ">50,000</text>" in page


def test_a_chart_of_nothing_is_nothing() -> None:
    assert chart("None", []) == ""
