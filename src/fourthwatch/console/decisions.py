"""What stands behind a decision: rules with their values, what would change the verdict; and what others have done."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from fourthwatch.console.entities import SAME
from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of
from fourthwatch.console.visit import Visit
from fourthwatch.errors import NotFound

_RESULTS = {"hit": 0, "unknown": 1, "miss": 2}
_ORDERS_SHOWN = 8


class DecisionPages:
    """Handlers of the pages about decisions, and of pieces that the page of an order loads later."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/decisions/{event_id}", "viewer", self.decision),
            Page("GET", "/why/{event_id}", "viewer", self.why),
            Page("GET", "/history/{order_id:path}", "viewer", self.history),
        ]

    async def decision(self, visit: Visit) -> Response:
        """One decision with the trace of every rule, what made its score, and what would change its verdict."""
        event_id = visit.request.path_params["event_id"]
        found = await visit.find("decisions", event_id)
        if found is None:
            raise NotFound("there is no decision with this id")
        trace = await visit.get("decisions", event_id, "trace")
        rules = sorted(trace["rules"], key=lambda rule: (_RESULTS.get(rule["result"], 3), not rule["counted"]))
        return self._looks.page(
            "decision.html", visit, found=found, rules=rules, **await _behind(visit, event_id),
            counts={word: sum(rule["result"] == word for rule in rules) for word in _RESULTS},
        )  # fmt: skip

    async def why(self, visit: Visit) -> Response:
        """The piece of it that the page of an order shows; asked for as a page, the whole."""
        event_id = visit.request.path_params["event_id"]
        if not visit.is_partial:
            return RedirectResponse(address_of("decisions", event_id), 303)
        return self._looks.page("why_more.html", visit, **await _behind(visit, event_id))

    async def history(self, visit: Visit) -> Response:
        """Orders of the same user, and of whoever shares something with this one, with what became of them."""
        order_id = visit.request.path_params["order_id"]
        graph = await visit.find("graph", order=order_id, hops=2, limit=80)
        if graph is None:
            raise NotFound("there is no order with this id")
        user = next((node for node in graph["nodes"] if node["type"] == "user" and node["hops"] == 1), None)
        own: list[dict[str, Any]] = []
        if user is not None and not user["value"].startswith("guest:"):
            own = (await visit.get("orders", user=user["value"], limit=_ORDERS_SHOWN + 1))["orders"]
        nodes = {node["id"]: node for node in graph["nodes"]}
        begin = graph["nodes"][0]["id"]
        mine = {order["order_id"] for order in own}
        shared = [
            (nodes[node_id], ways)
            for node_id, ways in _through(graph, begin).items()
            if nodes[node_id]["type"] == "order" and nodes[node_id]["value"] not in mine
        ]
        shared.sort(key=lambda pair: -((pair[0]["order"] or {}).get("score") or 0))
        return self._looks.page(
            "history.html", visit, own=[order for order in own if order["order_id"] != order_id][:_ORDERS_SHOWN],
            shared=shared[:_ORDERS_SHOWN], more=max(0, len(shared) - _ORDERS_SHOWN), words=SAME,
            hubs=[node for node in graph["nodes"] if node["hub"] and node["hops"] == 1], user=user,
            order_id=order_id,
        )  # fmt: skip


async def _behind(visit: Visit, event_id: str) -> dict[str, Any]:
    """What made the score, and what would change the verdict; `None` where it cannot be told."""
    other = await visit.ask("GET", "decisions", event_id, "counterfactual")
    parts = await visit.ask("GET", "decisions", event_id, "contributions")
    return {"other": other.json if other.is_ok else None, "parts": parts.json if parts.is_ok else None}


def _through(graph: dict[str, Any], begin: str) -> dict[str, list[str]]:
    """Nodes two steps away, with the types of what lies between."""
    around: dict[str, set[str]] = {}
    for edge in graph["edges"]:
        around.setdefault(edge["source"], set()).add(edge["target"])
        around.setdefault(edge["target"], set()).add(edge["source"])
    types = {node["id"]: node["type"] for node in graph["nodes"]}
    found: dict[str, list[str]] = {}
    for between in around.get(begin, ()):
        for end in around.get(between, ()):
            if end != begin:
                found.setdefault(end, []).append(types[between])
    return {end: sorted(set(ways)) for end, ways in found.items()}
