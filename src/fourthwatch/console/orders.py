"""The page of one order: what it is, why it was decided so, and what can be done about it."""

from typing import Any

from starlette.responses import Response

from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks
from fourthwatch.console.order_view import parts_of, reasons_by_side
from fourthwatch.console.visit import Visit
from fourthwatch.errors import NotFound

_TIMELINE_ROWS = 100


class Orders:
    """Handlers of the pages below `/console/orders`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [Page("GET", "/orders/{order_id:path}", "viewer", self.order)]

    async def order(self, visit: Visit) -> Response:
        """One order."""
        order_id = visit.request.path_params["order_id"]
        order = await visit.find("orders", order_id, limit=_TIMELINE_ROWS)
        if order is None:
            raise NotFound("there is no order with this id")
        deliveries: list[dict[str, Any]] = []
        if visit.may("manager"):
            told = await visit.find("deliveries", entity=f"order:{order_id}", limit=10)
            deliveries = [] if told is None else told["deliveries"]
        claim = await visit.find("orders", order_id, "claim")
        return self._looks.page(
            "order.html",
            visit,
            claim=claim,
            deliveries=deliveries,
            labels=await visit.find("orders", order_id, "labels"),
            **shown_of(order),
        )


def shown_of(order: dict[str, Any]) -> dict[str, Any]:
    """What the template of an order is given."""
    return {
        "order": order,
        "parts": parts_of(order["order"]),
        "reasons": reasons_by_side(order["decision"]),
        "timeline": list(reversed(order["timeline"])),
    }
