"""Lists: what is blocked, allowed or watched, entry by entry or from a file that is looked through first."""

from typing import Any

from starlette.responses import Response

from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of
from fourthwatch.console.notices import then
from fourthwatch.console.visit import Visit
from fourthwatch.errors import NotFound

TYPES = ("user", "email", "email_domain", "phone", "card", "bin", "ip", "device", "address", "postcode", "item", "text")
_ANY = {"If-Match": "*"}


class Lists:
    """Handlers of the pages below `/console/lists`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/lists", "viewer", self.all),
            Page("POST", "/lists", "manager", self.create),
            Page("GET", "/lists/{name}", "viewer", self.one),
            Page("POST", "/lists/{name}/entries", "analyst", self.add),
            Page("POST", "/lists/{name}/take-out", "analyst", self.take_out),
            Page("POST", "/lists/{name}/import", "analyst", self.bring_in),
            Page("POST", "/lists/{name}/remove", "manager", self.remove),
        ]

    async def all(self, visit: Visit) -> Response:
        """Every list."""
        found = await visit.get("lists", limit=500)
        return self._looks.page("lists.html", visit, lists=found["lists"], types=TYPES, fault="", draft={})

    async def create(self, visit: Visit) -> Response:
        """A new list."""
        draft = {name: visit.form.get(name) for name in ("name", "type", "kind", "says")}
        answered = await visit.ask("POST", "lists", body=draft)
        if not answered.is_ok:
            found = await visit.get("lists", limit=500)
            return self._looks.page(
                "lists.html", visit, status=answered.status, lists=found["lists"], types=TYPES,
                fault=answered.refusal().message, draft=draft,
            )  # fmt: skip
        return then(address_of("lists", draft["name"]), f"The list {draft['name']} is there; put something in.")

    async def one(self, visit: Visit) -> Response:
        """One list with its entries."""
        return await self._page(visit)

    async def add(self, visit: Visit) -> Response:
        """An entry; from other pages, too, which say where to go on."""
        name = visit.request.path_params["name"]
        wanted = {"value": visit.form.get("value"), "reason": visit.form.get("reason")}
        days = visit.form.get("expires_at")
        if days:
            wanted["expires_at"] = days if "T" in days else days + "T00:00:00Z"
        answered = await visit.ask("POST", "lists", name, "entries", body=wanted)
        if not answered.is_ok:
            if back := visit.back(""):
                return then(back, answered.refusal().message, tone="bad")
            return await self._page(visit, status=answered.status, fault=answered.refusal().message)
        there = visit.back(address_of("lists", name))
        return then(there, f"{answered.json['value']} is in the list {name}.")

    async def take_out(self, visit: Visit) -> Response:
        """Take an entry out."""
        name, value = visit.request.path_params["name"], visit.form.get("value")
        await visit.do("DELETE", "lists", name, "entries", value, headers=_ANY)
        return then(address_of("lists", name), f"{value} is out of the list.")

    async def bring_in(self, visit: Visit) -> Response:
        """A file: looked through first, taken when that was seen."""
        name, text = visit.request.path_params["name"], dict(visit.form.pairs).get("csv", "")
        is_preview = visit.form.get("take") != "yes"
        answered = await visit.ask(
            "POST", "lists", name, "imports", body={"csv": text}, query={"preview": "true" if is_preview else None}
        )
        if not answered.is_ok:
            return await self._page(visit, status=answered.status, fault=answered.refusal().message, csv=text)
        told = answered.json
        if is_preview:
            return await self._page(visit, preview=told, csv=text)
        return then(address_of("lists", name), f"{told['added']} added, {told['replaced']} replaced.")

    async def remove(self, visit: Visit) -> Response:
        """Take a list out with its entries."""
        name = visit.request.path_params["name"]
        await visit.do("DELETE", "lists", name, headers=_ANY)
        return then("/console/lists", f"The list {name} is gone.")

    async def _page(
        self, visit: Visit, *, status: int = 200, fault: str = "", preview: Any = None, csv: str = ""
    ) -> Response:
        name = visit.request.path_params["name"]
        found = await visit.find("lists", name)
        if found is None:
            raise NotFound("there is no such list")
        entries = await visit.get("lists", name, "entries", limit=100, cursor=visit.query.get("cursor"))
        return self._looks.page(
            "list.html", visit, status=status, found=found, entries=entries["entries"], following=entries["next"],
            fault=fault, preview=preview, csv=csv, authors=await visit.authors(),
        )  # fmt: skip
