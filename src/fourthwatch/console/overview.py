"""The first page: today, the last thirty days, what waits, and whether the house is in order."""

from typing import Any

from starlette.responses import Response

from fourthwatch.console.charts import chart
from fourthwatch.console.figures import major_of
from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks
from fourthwatch.console.visit import Visit

_BEHIND_EVENTS = 5_000
"""So far behind the newest event lists are old enough to be told so."""


class Overview:
    """Handler of `/console`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Its row."""
        return [Page("GET", "", "viewer", self.overview)]

    async def overview(self, visit: Visit) -> Response:
        """How things stand."""
        zone = zone_of(visit)
        figures = await visit.get("insights", "overview", tz=zone)
        days = await visit.get("insights", "days", tz=zone)
        queue = await visit.get("queue", limit=6)
        index = await visit.get("index")
        alerts = (await visit.get("alerts"))["alerts"]
        shown = [*_alerts(figures, index, alerts), *await _waiting(visit)]
        return self._looks.page(
            "overview.html", visit, figures=figures, queue=queue, alerts=shown, index=index, days=days,
            chart=_days_chart(days), money=_money_chart(days), zone=zone,
        )  # fmt: skip


def zone_of(visit: Visit) -> str:
    """The viewer's time zone as its browser told it, else UTC."""
    zone = visit.request.cookies.get("fourthwatch-zone", "UTC").replace("%2F", "/")
    plain = zone.replace("/", "").replace("_", "").replace("-", "").replace("+", "")
    return zone if plain.isalnum() and plain.isascii() and len(zone) <= 64 else "UTC"


def _alerts(figures: Any, index: Any, told: list[dict[str, str]]) -> list[tuple[str, str]]:
    """What should not wait: tone and sentence."""
    found = [(one["severity"], one["says"]) for one in told]
    if index["behind_events"] > _BEHIND_EVENTS:
        found.append(
            ("warn", f"Lists and search are {index['behind_events']:,} events behind; they catch up by themselves.")
        )
    month, today = figures["days_30"]["sums"], figures["today"]["sums"]
    if month["orders"] >= 100 and today["orders"] >= 20:
        usual, now = (
            _share(month["declined"] + month["reviewed"], month),
            _share(today["declined"] + today["reviewed"], today),
        )
        if now > 2 * usual + 0.02:
            found.append(("bad", f"{now:.0%} of today’s orders are red; in the last 30 days it was {usual:.0%}."))
    if figures["open"] >= 10_000:
        found.append(("warn", "Ten thousand orders and more wait for a decision."))
    return found


async def _waiting(visit: Visit) -> list[tuple[str, str]]:
    """Who is to be erased and waits for a start; told to whoever can see to it."""
    waiting = (await visit.get("erasures"))["erasures"] if visit.may("manager") else ()
    if not waiting:
        return []
    who = "One person waits" if len(waiting) == 1 else f"{len(waiting)} people wait"
    return [("warn", f"{who} to be erased: the next start of the server does it.")]


def _share(part: int, sums: Any) -> float:
    return float(part) / sums["orders"] if sums["orders"] else 0.0


def _days_chart(days: Any) -> dict[str, Any]:
    rows = days["rows"]
    return chart(
        [row["name"] for row in rows],
        [
            ("Approved", "good", [row["sums"]["approved"] for row in rows]),
            ("In review", "warn", [row["sums"]["reviewed"] for row in rows]),
            ("Declined", "bad", [row["sums"]["declined"] for row in rows]),
        ],
    )


def _money_chart(days: Any) -> dict[str, Any]:
    rows, currency = days["rows"], days["currency"]

    def by_day(name: str) -> list[float]:
        return [float(major_of(row["sums"][name], currency)) for row in rows]

    return chart(
        [row["name"] for row in rows],
        [("Money at risk", "warn", by_day("risk_minor")), ("Turned out bad", "bad", by_day("bad_minor"))],
        unit=currency or "",
    )
