"""The page of one entity: a user, a device, a card; what is known of it, what it goes with, and its events."""

from collections import Counter
from typing import Any

from starlette.responses import RedirectResponse, Response

from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of
from fourthwatch.console.visit import Visit
from fourthwatch.errors import NotFound

_TIMELINE_ROWS = 25
TITLES = {
    "user": "User", "account": "Account", "session": "Session", "device": "Device", "ip": "IP address",
    "network": "Network", "email": "E-mail address", "email_domain": "Mail domain", "phone": "Phone number",
    "card": "Card",
    "bin": "Card number range", "address": "Delivery address", "billing_address": "Billing address",
    "postcode": "Postcode", "city": "City", "promotion_code": "Promotion", "item_code": "Item", "seller": "Seller",
    "redemption": "Redemption",
}  # fmt: skip


IN_GRAPH = ("user", "device", "ip", "email", "phone", "card", "address", "billing_address")
"""What the link graph can begin at."""
_ORDERS_SUMMED = 200
SAME = {"email": "e-mail", "ip": "IP", "phone": "phone", "address": "address", "billing_address": "billing address"}
"""What two things share, in a word; `TITLES` for the rest."""
LIST_TYPES = {"billing_address": "address", "item_code": "item"}
"""By what a list of such things is called, where it has another name."""


class Entities:
    """Handlers of the pages below `/console/entities`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/users/{value:path}", "viewer", self.user),
            Page("GET", "/export/{value:path}", "manager", self.export),
            Page("GET", "/entities/{type}/{value:path}", "viewer", self.entity),
        ]

    async def user(self, visit: Visit) -> Response:
        """A user is an entity like others; this is the short address."""
        return RedirectResponse(address_of("entities", "user", visit.request.path_params["value"]), 303)

    async def export(self, visit: Visit) -> Response:
        """Everything that names a user, to be handed out; that it was is on record."""
        answered = await visit.ask("GET", "users", visit.request.path_params["value"], "export")
        if not answered.is_ok:
            raise answered.refusal()
        headers = {"content-disposition": 'attachment; filename="export.json"'}
        return Response(answered.body, headers=headers, media_type="application/json")

    async def entity(self, visit: Visit) -> Response:
        """One entity."""
        kind, value = visit.request.path_params["type"], visit.request.path_params["value"]
        found = await visit.find(
            "entities", kind, value, limit=_TIMELINE_ROWS, cursor=visit.query.get("cursor"), at=visit.query.get("at")
        )
        if found is None:
            raise NotFound("nothing was heard of this")
        labels = await visit.find("users", value, "labels") if kind == "user" else None
        lists = (await visit.get("lists", limit=200))["lists"]
        wanted = LIST_TYPES.get(kind, kind)
        fitting = [one for one in lists if one["type"] == wanted]
        holding = [
            one["name"] for one in fitting
            if (there := await visit.find("lists", one["name"], "entries", found["value"])) and there["is_in"]
        ]  # fmt: skip
        known = [row for row in found["features"] if row["value"] is not None]
        unknown = [row for row in found["features"] if row["value"] is None]
        waiting = (await visit.get("erasures"))["erasures"] if kind == "user" and visit.may("admin") else ()
        return self._looks.page(
            "entity.html", visit, erasure=any(one["user_id"] == value for one in waiting),
            entity=found, kind=kind, title=TITLES.get(kind, kind), known=known, unknown=unknown,
            titles=TITLES, labels=labels, lists=fitting, holding=holding, in_graph=kind in IN_GRAPH,
            life=await _life(visit, kind, found["value"]) if kind in IN_GRAPH else None,
        )  # fmt: skip


async def _life(visit: Visit, kind: str, value: str) -> dict[str, Any] | None:
    """Its orders and whom it is shared with, over all that was heard, as the link graph knows them."""
    graph = await visit.find("graph", entity=f"{kind}:{value}", hops=1, limit=_ORDERS_SUMMED)
    if graph is None:
        return None
    orders = [node["order"] for node in graph["nodes"] if node["order"] is not None]
    currency = next(iter(Counter(one["currency"] for one in orders if one["currency"]).most_common(1)), (None, 0))[0]
    bad = {name: sum(1 for one in orders if one["labels"][name]) for name in ("chargeback", "rto", "fraud")}
    return {
        "orders": len(orders), "red": sum(1 for one in orders if one["flag"] == "red"), "currency": currency,
        "amount_minor": sum(one["amount_minor"] or 0 for one in orders if one["currency"] == currency),
        "bad": bad, "is_whole": graph["complete"], "users": graph["nodes"][0]["users"],
        "beside": Counter(node["type"] for node in graph["nodes"][1:] if node["order"] is None),
    }  # fmt: skip
