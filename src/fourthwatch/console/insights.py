"""Insights: how orders were answered and what became of them, by day, score, reason, rule and column, in money."""

from typing import Any

from starlette.responses import Response

from fourthwatch.console.charts import chart
from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks
from fourthwatch.console.overview import zone_of
from fourthwatch.console.visit import Visit
from fourthwatch.errors import NotFound

_TABS = (
    ("days", "By day"), ("scores", "By score"), ("reasons", "By reason"), ("rules", "By rule"), ("groups", "By column"),
    ("exploration", "Let pass by chance"), ("quality", "Data quality"),
)  # fmt: skip
GROUPS = (
    ("payment_type", "Paid by"), ("country", "Country"), ("city", "City"), ("postcode", "Postcode"),
    ("hour", "Hour of the day"),
    ("state", "State"), ("currency", "Currency"),
)  # fmt: skip


class Insights:
    """Handlers of the pages below `/console/insights`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/insights", "viewer", self.days),
            Page("GET", "/insights/{tab}", "viewer", self.tab),
        ]

    async def days(self, visit: Visit) -> Response:
        """By the day on which orders were placed."""
        return await self._tab(visit, "days")

    async def tab(self, visit: Visit) -> Response:
        """One of the tables."""
        tab = visit.request.path_params["tab"]
        if tab not in dict(_TABS):
            raise NotFound("there is no such table")
        return await self._tab(visit, tab)

    async def _tab(self, visit: Visit, tab: str) -> Response:
        asked = {name: visit.query.get(name) or None for name in ("from", "to", "currency", "matured_days")}
        by = visit.query.get("by", "payment_type")
        if tab == "quality":
            found = await visit.get("insights", tab, **{"from": asked["from"], "to": asked["to"]})
        elif tab == "exploration":
            found = await visit.get("insights", tab, **{name: asked[name] for name in ("from", "to", "matured_days")},
                                    fresh="true")  # fmt: skip
        else:
            grouped = {"by": by} if tab == "groups" else {}
            found = await visit.get("insights", tab, **asked, **grouped, tz=zone_of(visit))
        threshold = _threshold(visit)
        return self._looks.page(
            "insights.html", visit, tab=tab, tabs=_TABS, found=found, by=by, groups=GROUPS, asked=asked,
            charts=_charts(tab, found), threshold=threshold,
            policy=await visit.get("policy") if tab == "exploration" else None,
            caught=_caught(found, threshold) if tab == "scores" else None,
        )  # fmt: skip


def _threshold(visit: Visit) -> int:
    told = visit.query.get("threshold", "70")
    return min(100, int(told)) if told.isascii() and told.isdigit() else 70


def _caught(found: Any, threshold: int) -> dict[str, Any]:
    """What a threshold would send to review: orders, money at risk, and what is known of them by now."""
    sums = [row["sums"] for row in found["rows"] if row["name"] is not None and int(row["name"]) > threshold]
    whole = found["total"]
    caught = {
        name: sum(one[name] for one in sums)
        for name in ("orders", "bad", "good", "bad_minor", "good_minor", "risk_minor")
    }
    return {**caught, "share": caught["orders"] / whole["orders"] if whole["orders"] else None,
            "bad_share": caught["bad"] / whole["bad"] if whole["bad"] else None}  # fmt: skip


def _charts(tab: str, found: Any) -> list[tuple[str, dict[str, Any]]]:
    rows = found.get("rows", ())
    names = [row["name"] for row in rows]
    sums = [row["sums"] for row in rows]
    if tab == "days":
        return [
            ("How orders were answered", chart(names, [
                ("Approved", "good", [one["approved"] for one in sums]),
                ("In review", "warn", [one["reviewed"] for one in sums]),
                ("Declined", "bad", [one["declined"] for one in sums]),
            ])),
            ("Approved, and turned out bad, of those known", chart(names, [
                ("Approval rate", "accent", [_percent(one["approval_rate"]) for one in sums]),
                ("Bad rate", "bad", [_percent(one["bad_rate"]) for one in sums]),
            ], unit="%")),
        ]  # fmt: skip
    if tab == "scores":
        full = {row["name"]: row["sums"] for row in rows}
        scores = [str(score) for score in range(101)]
        return [("Orders by score", chart(scores, [
            ("Orders", "accent", [full[score]["orders"] if score in full else 0 for score in scores]),
        ], axis="Score", kind="bars"))]  # fmt: skip
    return []


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
