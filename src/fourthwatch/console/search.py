"""One box for everything: what was typed, and what it could mean, by kind."""

from starlette.responses import Response

from fourthwatch.console.entities import TITLES
from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks
from fourthwatch.console.visit import Visit

_KINDS = {
    **TITLES, "order": "Orders", "user": "Users", "email": "E-mail addresses", "phone": "Phone numbers",
    "ip": "IP addresses", "device": "Devices", "card": "Cards", "card_last4": "Cards by their last four digits",
    "transaction": "Transactions", "session": "Sessions", "promotion_code": "Promotions", "item_code": "Items",
    "seller": "Sellers", "field": "Fields of your own", "event_name": "Custom events",
}  # fmt: skip
_LINKED = frozenset(
    {"user", "email", "phone", "ip", "device", "card", "session", "promotion_code", "item_code", "seller"}
)


class Search:
    """Handler of `/console/search`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Its row."""
        return [Page("GET", "/search", "viewer", self.search)]

    async def search(self, visit: Visit) -> Response:
        """What was found."""
        typed = visit.query.get("q", "").strip()[:200]
        found = await visit.get("search", q=typed, limit=10, fresh="true") if typed else None
        return self._looks.page("search.html", visit, typed=typed, found=found, kinds=_KINDS, linked=_LINKED)
