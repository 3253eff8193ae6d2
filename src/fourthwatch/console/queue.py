"""The review queue and the list of all orders: chips, saved views, one order beside the list, several at once."""

from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from fourthwatch.clock import DAY_MS, Clock
from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of, ms_of
from fourthwatch.console.notices import then
from fourthwatch.console.orders import shown_of
from fourthwatch.console.visit import Visit

_ROWS = 50
FILTERS = (
    "flag", "verdict", "state", "decision", "label", "reason", "user", "queue", "payment_type", "currency", "country",
    "city", "postcode", "from", "to", "min_amount", "max_amount", "sort", "order",
)  # fmt: skip
"""What the address of a list may ask for; the management API's own words."""
_SHOWN = {
    "flag": "Flag", "verdict": "Verdict", "state": "State", "decision": "Decided by hand", "label": "Told to be",
    "reason": "Reason", "user": "User", "queue": "Queue", "payment_type": "Paid by", "currency": "Currency",
    "country": "Country", "city": "City", "postcode": "Postcode", "from": "From", "to": "Before",
    "min_amount": "At least", "max_amount": "At most",
}  # fmt: skip
_CHIPS = (
    ("Red", {"flag": "red"}), ("Not touched", {"decision": "none"}), ("Held", {"decision": "hold"}),
    ("Cash on delivery", {"payment_type": "cash"}), ("Card", {"payment_type": "creditcard"}),
)  # fmt: skip
_ALL_CHIPS = (
    ("Red", {"flag": "red"}), ("Green", {"flag": "green"}), ("In review", {"verdict": "review"}),
    ("Declined", {"verdict": "decline"}), ("Chargebacks", {"label": "chargeback"}),
    ("Returned to origin", {"label": "rto"}),
    ("Approved by hand", {"decision": "approve"}), ("Declined by hand", {"decision": "decline"}),
)  # fmt: skip


class Queue:
    """Handlers of lists of orders."""

    def __init__(self, looks: Looks, clock: Clock) -> None:
        self._looks = looks
        self._clock = clock

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/queue", "viewer", self.queue),
            Page("GET", "/orders", "viewer", self.all),
            Page("POST", "/views", "viewer", self.save_view),
            Page("POST", "/views/remove", "viewer", self.remove_view),
        ]

    async def queue(self, visit: Visit) -> Response:
        """Orders that wait for somebody, most money at risk first."""
        return await self._list(visit, "queue")

    async def all(self, visit: Visit) -> Response:
        """All orders, newest first."""
        return await self._list(visit, "orders")

    async def save_view(self, visit: Visit) -> Response:
        """Keep the filters of a list under a name."""
        page = "orders" if visit.form.get("page") == "orders" else "queue"
        name, query = visit.form.get("name")[:60], visit.form.get("query")[:1_000]
        there = address_of(page) + ("?" + query if query else "")
        if not name:
            return then(there, "A view needs a name.", tone="bad")
        shared = visit.form.get("shared") == "yes" and visit.may("manager")
        await visit.do("POST", "views", body={"page": page, "name": name, "query": query, "shared": shared})
        return then(there, f"The view “{name}” is saved.")

    async def remove_view(self, visit: Visit) -> Response:
        """Forget a view of one's own."""
        page = "orders" if visit.form.get("page") == "orders" else "queue"
        await visit.do("DELETE", "views", visit.form.get("view"))
        return then(address_of(page), "The view is removed.")

    async def _list(self, visit: Visit, page: str) -> Response:
        asked = {name: visit.query[name] for name in FILTERS if visit.query.get(name)}
        found = await visit.get(page, **asked, limit=_ROWS, cursor=visit.query.get("cursor"), fresh="true")
        rows = found["orders"]
        opened = visit.query.get("open")
        panel: dict[str, Any] | None = None
        if opened:
            order = await visit.find("orders", opened, limit=30)
            panel = None if order is None else shown_of(order)
        claims = {claim["order_id"]: claim for claim in (await visit.get("claims", limit=500))["claims"]}
        return self._looks.page(
            "queue.html", visit, page=page, rows=rows, found=found, opened=opened, panel=panel,
            chips=[_chip(asked, title, told) for title, told in (_CHIPS if page == "queue" else _ALL_CHIPS)],
            filters=[(_SHOWN[name], value, name) for name, value in asked.items() if name in _SHOWN],
            asked=asked, query=urlencode(asked), sort=asked.get("sort", "risk" if page == "queue" else "time"),
            views=(await visit.get("views", page=page))["views"], ages=self._ages(rows), claims=claims,
            following=_following(rows, opened), panel_claim=claims.get(opened),
        )  # fmt: skip

    def _ages(self, rows: list[dict[str, Any]]) -> dict[str, str]:
        """How long each order has waited: fresh, a day, or three days and more."""
        ages = {}
        for row in rows:
            waited_ms = self._clock.now_ms() - (ms_of(row["placed_at"]) or 0)
            ages[row["order_id"]] = "bad" if waited_ms > 3 * DAY_MS else "warn" if waited_ms > DAY_MS else "flat"
        return ages


def _chip(asked: dict[str, str], title: str, told: dict[str, str]) -> dict[str, Any]:
    """A filter that a click puts on or takes off."""
    is_on = all(asked.get(name) == value for name, value in told.items())
    rest = {name: value for name, value in asked.items() if name not in told}
    query = urlencode(rest if is_on else {**rest, **told})
    return {"title": title, "is_on": is_on, "query": query}


def _following(rows: list[dict[str, Any]], opened: str | None) -> str | None:
    """The order behind the one that is open, where a decision goes on to."""
    ids = [row["order_id"] for row in rows]
    if opened not in ids:
        return None
    at = ids.index(opened)
    return ids[at + 1] if at + 1 < len(ids) else (ids[at - 1] if at > 0 else None)
