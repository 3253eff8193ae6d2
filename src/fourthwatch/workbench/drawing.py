"""Small line charts as SVG, for pages that may run no script."""

from collections.abc import Sequence
from html import escape

import msgspec

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 360, 240, 56, 12, 12, 36
_STROKES = ("#0b5cad", "#b35900", "#3f7d20", "#8250df", "#6e7781", "#cf222e")
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "4 4", "1 2")
"""Lines differ in more than colour."""
_LEGEND_WIDE, _LEGEND_HIGH, _LEGEND_COLUMNS, _NAME_CHARS_MAX = 150, 16, 2, 22


class Line(msgspec.Struct, frozen=True):
    """Points of one line, from left to right."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def chart(title: str, lines: Sequence[Line]) -> str:
    """A figure with a caption, axes from the least to the greatest value, and a legend."""
    drawn = [line for line in lines if len(line.x)]
    if not drawn:
        return ""
    low_x, high_x = _bounds([value for line in drawn for value in line.x])
    low_y, high_y = _bounds([0.0, *(value for line in drawn for value in line.y)])
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> str:
        left = _LEFT + wide * (x - low_x) / (high_x - low_x)
        top = _TOP + high * (1 - (y - low_y) / (high_y - low_y))
        return f"{left:.1f},{top:.1f}"

    paths = "".join(
        f'<polyline fill="none" stroke="{_STROKES[at % 6]}" stroke-width="2" stroke-dasharray="{_DASHES[at % 6]}"'
        f' points="{" ".join(place(x, y) for x, y in zip(line.x, line.y, strict=False))}"/>'
        for at, line in enumerate(drawn)
    )
    base, end = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    axes = (
        f'<path d="M{_LEFT} {_TOP}V{base}H{end}" fill="none" stroke="#57606a"/>'
        '<g font-size="11" fill="#1b1f24">'
        f'<text x="{_LEFT - 4}" y="{_TOP + 9}" text-anchor="end">{_tick(high_y)}</text>'
        f'<text x="{_LEFT - 4}" y="{base}" text-anchor="end">{_tick(low_y)}</text>'
        f'<text x="{_LEFT}" y="{base + 14}">{_tick(low_x)}</text>'
        f'<text x="{end}" y="{base + 14}" text-anchor="end">{_tick(high_x)}</text></g>'
    )
    legend = "".join(_legend(at, line.name) for at, line in enumerate(drawn))
    height = _HEIGHT + _LEGEND_HIGH * ((len(drawn) - 1) // _LEGEND_COLUMNS)
    label = escape(title)
    return (
        f'<figure><figcaption>{label}</figcaption><svg role="img" aria-label="{label}" width="{_WIDTH}"'
        f' height="{height}" viewBox="0 0 {_WIDTH} {height}">{axes}{paths}{legend}</svg></figure>'
    )


def _legend(at: int, name: str) -> str:
    """Stroke and name of a line; the picture grows by a row for every two."""
    left = _LEFT + _LEGEND_WIDE * (at % _LEGEND_COLUMNS)
    foot = _HEIGHT - 4 + _LEGEND_HIGH * (at // _LEGEND_COLUMNS)
    return (
        f'<g font-size="11"><path d="M{left} {foot - 4}h18" stroke="{_STROKES[at % 6]}"'
        f' stroke-width="2" stroke-dasharray="{_DASHES[at % 6]}"/>'
        f'<text x="{left + 22}" y="{foot}">{escape(name[:_NAME_CHARS_MAX])}</text></g>'
    )


def _tick(value: float) -> str:
    """A number beside an axis.

    >>> _tick(23_345.0), _tick(0.6667), _tick(1_061_994.0)
    ('23,345', '0.667', '1.06M')
    """
    if abs(value) >= 1_000_000:
        return f"{value / 1e6:.3g}M" if abs(value) < 1e9 else f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low, low + 1.0)
