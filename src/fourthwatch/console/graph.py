"""The link graph from an order or an entity: a drawing for the eye, and a table that says the same for everybody."""

from typing import Any

from starlette.responses import Response

from fourthwatch.console.entities import LIST_TYPES, TITLES
from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of, ms_of
from fourthwatch.console.masking import Personal
from fourthwatch.console.notices import then
from fourthwatch.console.visit import Visit
from fourthwatch.errors import Malformed

_LABEL_CHARS = 24
_DRAWN = ("id", "kind", "label", "tone", "hub", "root", "hops", "href")
"""Of a row, what the script that draws it is given."""


class LinkGraph:
    """Handler of `/console/graph`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Its row."""
        return [
            Page("GET", "/graph", "viewer", self.graph),
            Page("POST", "/graph/list", "analyst", self.add_to_list),
            Page("POST", "/graph/tag", "analyst", self.tag),
        ]

    async def add_to_list(self, visit: Visit) -> Response:
        """Put what was marked, and is of the list's type, into a list."""
        name = visit.form.get("list")
        found = await visit.get("lists", name)
        things = [value for kind, value in _things(visit) if LIST_TYPES.get(kind, kind) == found["type"]]
        added = 0
        for value in things:
            body = {"value": value, "reason": visit.form.get("reason") or "marked in the console"}
            added += (await visit.ask("POST", "lists", name, "entries", body=body)).is_ok
        told = (
            f"{added} put into the list {name}."
            if added
            else f"Nothing marked goes into {name}, a list of {found['type']}."
        )
        return then(visit.back(), told, tone="good" if added else "warn")

    async def tag(self, visit: Visit) -> Response:
        """Label the users that were marked, by events as a shop would send them."""
        users = [value for kind, value in _things(visit) if kind == "user" and not value.startswith("guest:")]
        is_bad = visit.form.get("tag") == "bad"
        for user in users:
            await visit.do("POST", "labels", body={
                "user_id": user, "label": "bad" if is_bad else "good", "author": visit.user.name,
                "reason": visit.form.get("reason") or "marked in the console",
            })  # fmt: skip
        told = f"{len(users)} user{'s' if len(users) != 1 else ''} tagged {'bad' if is_bad else 'good'}."
        return then(visit.back(), told if users else "Mark at least one user first.", tone="good" if users else "warn")

    async def graph(self, visit: Visit) -> Response:
        """Who and what is joined, now or as it was known when the order was placed."""
        order_id, entity = visit.query.get("order"), visit.query.get("entity")
        if not order_id and not entity:
            raise Malformed("say where to begin: an order, or an entity")
        asked = {
            "order": order_id or None, "entity": None if order_id else entity, "hops": visit.query.get("hops", "2"),
            "limit": visit.query.get("limit", "80"), "as_of": visit.query.get("as_of") or None,
            "unfold": "true" if visit.query.get("unfold") else None,
        }  # fmt: skip
        found = await visit.get("graph", **asked, fresh="true")
        personal = Personal(shown=visit.sees_personal)
        names = {node["id"]: f"n{number}" for number, node in enumerate(found["nodes"])}
        rows = [_row(personal, node, names[node["id"]]) for node in found["nodes"]]
        lists = (await visit.get("lists", limit=100))["lists"] if visit.may("analyst") else []
        moments = sorted({ms_of(edge["first_at"]) or 0 for edge in found["edges"]})
        return self._looks.page(
            "graph.html", visit, found=found, rows=rows, asked=asked, titles=TITLES, order_id=order_id, entity=entity,
            lists=lists,
            drawing={
                "root": rows[0]["id"],
                "nodes": [{name: row[name] for name in _DRAWN} for row in rows],
                "edges": [
                    {"source": names[edge["source"]], "target": names[edge["target"]], "first": ms_of(edge["first_at"])}
                    for edge in found["edges"]
                ],
            },
            first_ms=moments[0] if moments else None, last_ms=moments[-1] if moments else None,
            orders_at_risk=sum(1 for row in rows if row["kind"] == "order" and row["tone"] == "bad"),
        )  # fmt: skip


def _row(personal: Personal, node: dict[str, Any], name: str) -> dict[str, Any]:
    """A node as both the drawing and the table show it, by a name that says nothing of it."""
    kind, order, user = node["type"], node["order"], node["user"]
    value = personal.key(kind, node["value"])
    tone = "flat"
    if order is not None:
        labels = order["labels"]
        tone = "bad" if order["flag"] == "red" or labels["chargeback"] or labels["rto"] else "good"
    elif user is not None and (user.get("bad") or user.get("is_bad") or user.get("chargebacks")):
        tone = "bad"
    there = address_of("orders", node["value"]) if kind == "order" else address_of("entities", kind, node["value"])
    if not personal.links(kind, node["value"]):
        there = ""
    return {
        "id": name, "kind": kind, "label": _short(value), "value": value, "key": node["value"], "tone": tone,
        "hub": node["hub"], "root": node["hops"] == 0, "hops": node["hops"], "users": node["users"],
        "more": node["more"], "href": there, "order": order, "user": user,
    }  # fmt: skip


def _things(visit: Visit) -> list[tuple[str, str]]:
    """What was marked, by type and value."""
    pairs = [thing.partition(":")[::2] for thing in visit.form.all("thing")]
    return [(kind, value) for kind, value in pairs if kind and value]


def _short(text: str) -> str:
    return text if len(text) <= _LABEL_CHARS else text[: _LABEL_CHARS - 1] + "…"
