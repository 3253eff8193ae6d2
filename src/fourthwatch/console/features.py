"""Features: the catalogue and the shop's own, what each says, and how far the past of a new one is counted."""

from typing import Any

from starlette.responses import Response

from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of
from fourthwatch.console.notices import then
from fourthwatch.console.visit import Visit
from fourthwatch.errors import NotFound


class Features:
    """Handlers of the pages below `/console/features`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/features", "viewer", self.all),
            Page("POST", "/features", "manager", self.define),
            Page("GET", "/features/{name}", "viewer", self.one),
            Page("POST", "/features/{name}/remove", "manager", self.remove),
        ]

    async def all(self, visit: Visit) -> Response:
        """The list, narrowed by what is typed."""
        return await self._list(visit)

    async def define(self, visit: Visit) -> Response:
        """A feature of the shop's own."""
        sent = {
            name: visit.form.get(name) for name in ("name", "text", "unit", "says", "reason") if visit.form.get(name)
        }
        answered = await visit.ask("POST", "features", body=sent)
        if not answered.is_ok:
            fault, shown = answered.refusal().message, answered.json.get("rendered", "")
            return await self._list(visit, status=answered.status, fault=fault, rendered=shown, draft=sent)
        return then(address_of("features", sent["name"]), "The feature is defined; its past is being counted.")

    async def one(self, visit: Visit) -> Response:
        """One feature."""
        found = await visit.find("features", visit.request.path_params["name"])
        if found is None:
            raise NotFound("there is no such feature")
        return self._looks.page("feature.html", visit, feature=found)

    async def remove(self, visit: Visit) -> Response:
        """Take out a feature of the shop's own."""
        name = visit.request.path_params["name"]
        await visit.do("DELETE", "features", name, headers={"If-Match": "*"})
        return then("/console/features", f"The feature {name} is gone.")

    async def _list(
        self, visit: Visit, *, status: int = 200, fault: str = "", rendered: str = "", draft: object = None
    ) -> Response:
        rows = await every_feature(visit)
        wanted = visit.query.get("q", "").lower().strip()
        kind = visit.query.get("kind", "")
        fit = [
            row for row in rows
            if (not wanted or wanted in row["name"].lower() or wanted in row["says"].lower())
            and (not kind or _kind(row) == kind)
        ]  # fmt: skip
        counts = {name: sum(_kind(row) == name for row in rows) for name in ("own", "expression", "fact")}
        return self._looks.page(
            "features.html", visit, status=status, rows=fit, total=len(rows), counts=counts, wanted=wanted, kind=kind,
            fault=fault, rendered=rendered, draft=draft or {},
        )  # fmt: skip


async def every_feature(visit: Visit) -> list[dict[str, Any]]:
    """All of them; more than one page of the API has."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        found = await visit.get("features", limit=500, cursor=cursor)
        rows += found["features"]
        cursor = found["next"]
        if cursor is None:
            return rows


def _kind(row: dict[str, Any]) -> str:
    if row["own"]:
        return "own"
    return "fact" if row["text"] == row["name"] else "expression"
