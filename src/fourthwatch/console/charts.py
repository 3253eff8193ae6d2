"""Charts: data for the script, and a drawing of lines for whoever has none; a table beside each says it in words."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

_WIDTH, _HEIGHT = 600.0, 160.0

Series = tuple[str, str, Sequence[float | None]]
"""Label, tone, values."""


def chart(
    names: Sequence[str | None], series: Sequence[Series], *, axis: str = "Day", kind: str = "line", unit: str = ""
) -> dict[str, Any]:
    """Values by name: days as `2026-10-09`, or numbers; `axis` says what the names are."""
    points = [_x(name, at) for at, name in enumerate(names)]
    return {
        "data": {
            "x": points,
            "time": bool(names) and _is_day(names[0]),
            "axis": axis,
            "kind": kind,
            "unit": unit,
            "series": [{"label": label, "tone": tone, "values": list(values)} for label, tone, values in series],
        },
        "lines": [(tone, _line(values, _top(series))) for _, tone, values in series],
        "labels": [label for label, _, _ in series],
        "is_empty": not any(value for _, _, values in series for value in values),
    }


def _x(name: str | None, at: int) -> float:
    if name is None:
        return float(at)
    if _is_day(name):
        return datetime.fromisoformat(name).replace(tzinfo=UTC).timestamp()
    try:
        return float(name)
    except ValueError:
        return float(at)


def _is_day(name: str | None) -> bool:
    return name is not None and len(name) == 10 and name[4] == "-"


def _top(series: Sequence[Series]) -> float:
    return max((value for _, _, values in series for value in values if value is not None), default=0.0) or 1.0


def _line(values: Sequence[float | None], top: float) -> str:
    """The `points` of a polyline."""
    step = _WIDTH / max(1, len(values) - 1)
    return " ".join(
        f"{at * step:.1f},{_HEIGHT - _HEIGHT * value / top:.1f}" for at, value in enumerate(values) if value is not None
    )
