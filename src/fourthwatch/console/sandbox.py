"""For the shop's engineer: an event written by hand and what it would be answered, and the requests that were refused.

A trial leaves nothing behind; whoever wants the event kept says so, and then it is sent as the shop would send it.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from fourthwatch.console.door import path_of
from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, pretty
from fourthwatch.console.visit import Visit
from fourthwatch.events import KINDS

_FIRST = "createOrder"
_EXAMPLES: dict[str, dict[str, Any]] = {
    "createOrder": {
        "_orderId": "try-1", "_userId": "try-user", "_userEmail": "asha@example.com", "_amount": "1499.00",
        "_currencyCode": "INR", "_deviceIp": "198.51.100.7", "_isPrePaid": False,
        "_items": [{"_itemId": "sku-1", "_productTitle": "Steel bottle", "_price": "1499.00", "_quantity": 1}],
        "_paymentMethods": [{"_paymentType": "_cash", "_amount": "1499.00"}],
        "_shippingAddress": {"_name": "Asha Rao", "_address1": "4 Lake Road", "_city": "Pune", "_zipcode": "411001",
                             "_country": "IN", "_phone": "+919876543210"},
    },
    "login": {"_userId": "try-user", "_loginStatus": "_success", "_deviceIp": "198.51.100.7"},
    "transaction": {"_userId": "try-user", "_orderId": "try-1", "_transactionId": "t-1", "_amount": "1499.00",
                    "_transactionStatus": "_failure", "_currencyCode": "INR"},
    "custom_event": {"_eventName": "parcel_weighed", "_orderId": "try-1", "_customInfo": {"grams": 812}},
}  # fmt: skip
_BODY_CHARS_MAX = 200_000


class Sandbox:
    """Handlers of the sandbox and of the log of refusals."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/developers/sandbox", "viewer", self.show),
            Page("POST", "/developers/sandbox", "analyst", self.run),
            Page("GET", "/developers/refusals", "viewer", self.refusals),
        ]

    async def show(self, visit: Visit) -> Response:
        """An example to begin with."""
        kind = _kind_in(visit.query.get("event", _FIRST))
        example = _EXAMPLES.get(kind, {"_userId": "try-user"})
        return self._page(visit, kind, pretty(example))

    async def run(self, visit: Visit) -> Response:
        """Try an event, or send it."""
        kind, text = _kind_in(visit.form.get("event")), visit.form.get("body")[:_BODY_CHARS_MAX]
        try:
            body = msgspec.json.decode(text.encode())
        except msgspec.DecodeError as error:
            return self._page(visit, kind, text, status=400, fault=f"This is no JSON: {error}")
        if not isinstance(body, dict):
            return self._page(visit, kind, text, status=400, fault="An event is a JSON object, in braces.")
        if visit.form.get("do") == "send":
            visit.must("manager")
            answered = await visit.sent(kind, body)
            path = path_of("event", "v1", kind)
            return self._page(visit, kind, text, status=answered.status, reply=answered.json, path=path)
        answered = await visit.ask("POST", "trials", body={"event": kind, "body": body})
        if not answered.is_ok:
            return self._page(visit, kind, text, status=answered.status, reply=answered.json)
        return self._page(visit, kind, text, trial=answered.json)

    async def refusals(self, visit: Visit) -> Response:
        """Which events were not taken lately, and why."""
        found = (await visit.get("refusals"))["refusals"]
        names: dict[str, str] = {}
        if visit.may("admin"):
            names = {key["key_id"]: key["name"] for key in (await visit.get("keys", limit=500))["keys"]}
        return self._looks.page("refusals.html", visit, tab="refusals", refusals=found, names=names)

    def _page(
        self, visit: Visit, kind: str, text: str, *, status: int = 200, fault: str = "", reply: Any = None,
        trial: Any = None, path: str = "",
    ) -> Response:  # fmt: skip
        return self._looks.page(
            "sandbox.html", visit, status=status, tab="sandbox", kind=kind, text=text, fault=fault, reply=reply,
            reply_status=status, trial=trial, path=path, kinds=[one.name for one in KINDS], examples=list(_EXAMPLES),
        )  # fmt: skip


def _kind_in(told: str) -> str:
    return told if any(told == kind.name for kind in KINDS) else _FIRST
