"""Small line charts as SVG, for pages that may run no script."""

from collections.abc import Sequence
from html import escape

import msgspec

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 360, 240, 56, 12, 12, 36
_STROKES = ("#0b5cad", "#b35900", "#3f7d20", "#8250df", "#6e7781", "#cf222e")
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "4 4", "1 2")
"""Lines differ in more than colour."""


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
        f'<g font-size="11" fill="#1b1f24"><text x="{_LEFT - 4}" y="{_TOP + 9}" text-anchor="end">{high_y:.3g}</text>'
        f'<text x="{_LEFT - 4}" y="{base}" text-anchor="end">{low_y:.3g}</text>'
        f'<text x="{_LEFT}" y="{base + 14}">{low_x:.3g}</text>'
        f'<text x="{end}" y="{base + 14}" text-anchor="end">{high_x:.3g}</text></g>'
    )
    legend = "".join(
        f'<g font-size="11"><path d="M{_LEFT + 110 * at} {_HEIGHT - 8}h18" stroke="{_STROKES[at % 6]}"'
        f' stroke-width="2" stroke-dasharray="{_DASHES[at % 6]}"/>'
        f'<text x="{_LEFT + 110 * at + 22}" y="{_HEIGHT - 4}">{escape(line.name[:14])}</text></g>'
        for at, line in enumerate(drawn[:3])
    )
    label = escape(title)
    return (
        f'<figure><figcaption>{label}</figcaption><svg role="img" aria-label="{label}" width="{_WIDTH}"'
        f' height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}">{axes}{paths}{legend}</svg></figure>'
    )


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low, low + 1.0)
