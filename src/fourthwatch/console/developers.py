"""For the shop's engineer: keys, what came in with what was said to it, and what was sent out."""

from typing import Any

from starlette.responses import Response

from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks
from fourthwatch.console.notices import then
from fourthwatch.console.visit import Visit
from fourthwatch.errors import NotFound
from fourthwatch.events import KINDS

_SCOPES = (
    ("ingest", "send events, ask for scores"), ("read", "read events, orders and lists back"),
    ("manage", "change settings"),
)  # fmt: skip


class Developers:
    """Handlers of the pages below `/console/developers`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/developers", "viewer", self.events),
            Page("GET", "/developers/events/{event_id}", "viewer", self.event),
            Page("GET", "/developers/keys", "admin", self.keys),
            Page("POST", "/developers/keys", "admin", self.add_key),
            Page("POST", "/developers/keys/revoke", "admin", self.revoke),
            Page("GET", "/developers/deliveries", "manager", self.deliveries),
            Page("POST", "/developers/deliveries/replay", "manager", self.replay),
            Page("POST", "/developers/deliveries/test", "manager", self.test),
            Page("GET", "/developers/deliveries/{delivery_id}", "manager", self.delivery),
        ]

    async def events(self, visit: Visit) -> Response:
        """The log of events."""
        asked = {name: visit.query.get(name) or None for name in ("kind", "warned", "cursor")}
        found = await visit.get("events", **asked, limit=50, fresh="true")
        return self._looks.page(
            "developers.html", visit, tab="events", events=[_line(event) for event in found["events"]],
            following=found["next"], asked=asked, kinds=[kind.name for kind in KINDS],
        )  # fmt: skip

    async def event(self, visit: Visit) -> Response:
        """One event, as the audit trail names it."""
        found = await visit.find("events", visit.request.path_params["event_id"])
        if found is None:
            raise NotFound("there is no event with this id")
        return self._looks.page("event.html", visit, tab="events", event=found)

    async def keys(self, visit: Visit) -> Response:
        """Which keys there are."""
        return await self._keys(visit)

    async def add_key(self, visit: Visit) -> Response:
        """A new key, shown on this page and never again."""
        sent = {"name": visit.form.get("name"), "scopes": visit.form.all("scope")}
        answered = await visit.ask("POST", "keys", body=sent)
        if not answered.is_ok:
            return await self._keys(visit, status=answered.status, fault=answered.refusal().message)
        return await self._keys(visit, made=answered.json["key"])

    async def revoke(self, visit: Visit) -> Response:
        """Revoke a key."""
        key_id = visit.form.get("key")
        await visit.do("DELETE", "keys", key_id, headers={"If-Match": "*"})
        return then("/console/developers/keys", "The key is revoked.")

    async def deliveries(self, visit: Visit) -> Response:
        """What was told to whom."""
        asked = {name: visit.query.get(name) or None for name in ("state", "receiver", "type", "cursor")}
        found = await visit.find("deliveries", **asked, limit=50)
        return self._looks.page(
            "deliveries.html", visit, tab="deliveries", deliveries=(found or {}).get("deliveries", []),
            following=(found or {}).get("next"), asked=asked, postbacks=(await visit.get("postbacks"))["addresses"],
            endpoints=(await visit.get("webhook-endpoints", limit=100))["endpoints"],
        )  # fmt: skip

    async def delivery(self, visit: Visit) -> Response:
        """One delivery and its attempts."""
        found = await visit.get("deliveries", visit.request.path_params["delivery_id"])
        return self._looks.page(
            "delivery.html", visit, tab="deliveries", found=found["delivery"], attempts=found["attempts"]
        )

    async def replay(self, visit: Visit) -> Response:
        """Send one again."""
        delivery_id = visit.form.get("delivery")
        await visit.do("POST", "deliveries", delivery_id, "replay", body={})
        return then("/console/developers/deliveries", "It goes out again.")

    async def test(self, visit: Visit) -> Response:
        """Try an endpoint, or the shop's postback addresses, out."""
        endpoint_id = visit.form.get("endpoint")
        where = ("webhook-endpoints", endpoint_id) if endpoint_id else ("postbacks",)
        answered = await visit.ask("POST", *where, "test", body={})
        if not answered.is_ok:
            return then("/console/developers/deliveries", answered.refusal().message, tone="bad")
        (first, *_) = answered.json["deliveries"]
        return then(
            f"/console/developers/deliveries/{first}",
            "A test is on its way; load this page again to see what was answered.",
        )

    async def _keys(self, visit: Visit, *, status: int = 200, fault: str = "", made: Any = None) -> Response:
        found = await visit.get("keys", limit=500)
        return self._looks.page(
            "keys.html", visit, status=status, tab="keys", keys=found["keys"], scopes=_SCOPES, fault=fault, made=made
        )


def _line(event: dict[str, Any]) -> dict[str, Any]:
    """An event of the log as a line of a timeline: what was answered, taken apart."""
    reply = event["reply"]
    decision = {name: reply[name] for name in ("verdict", "score", "flag")} if "verdict" in reply else None
    return {**event, "warnings": reply.get("warnings", ()), "decision": decision}
