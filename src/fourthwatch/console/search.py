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
        guessed = False
        if found is not None and not visit.sees_personal:
            shown = {kind: [hit for hit in hits if _was_known(kind, hit["value"], typed)]
                     for kind, hits in found["results"].items()}  # fmt: skip
            guessed = shown != found["results"]
            found["results"] = {kind: hits for kind, hits in shown.items() if hits}
        return self._looks.page(
            "search.html", visit, typed=typed, found=found, kinds=_KINDS, linked=_LINKED, guessed=guessed
        )


def _was_known(kind: str, value: str, typed: str) -> bool:
    """Whether it was typed as a whole; who sees personal data masked must not find it letter by letter."""
    plain, whole = typed.lower(), value.lower()
    if kind == "email":
        return "@" in plain and plain.rpartition("@")[2] == whole.rpartition("@")[2]
    return plain == whole if kind in ("ip", "field") or "@" in value else True
