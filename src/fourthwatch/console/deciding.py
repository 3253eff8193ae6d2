"""What people do to orders: decide, decide several, take it back, claim, note. Every decision enters as an event."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import RedirectResponse, Response

from fourthwatch.console.gate import Page, page_of
from fourthwatch.console.looks import Looks
from fourthwatch.console.notices import then
from fourthwatch.console.passing import Passing
from fourthwatch.console.visit import Visit
from fourthwatch.errors import Malformed, NotFound
from fourthwatch.limits import PAGE_ROWS_MAX
from fourthwatch.store.users import UserStore

DONE = {
    "approve": "approved", "decline": "declined", "hold": "held", "confirm": "held for the customer’s confirmation",
}  # fmt: skip
_REASON_CHARS_MAX = 500
_NAMED_MAX = 5


class Deciding:
    """Handlers of what changes orders."""

    def __init__(self, looks: Looks, passing: Passing, users: UserStore) -> None:
        self._looks = looks
        self._passing = passing
        self._users = users

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("POST", "/decide", "analyst", self.decide),
            Page("POST", "/decide/preview", "analyst", self.preview),
            Page("POST", "/decide/several", "analyst", self.several),
            Page("POST", "/decide/undo", "analyst", self.undo),
            Page("POST", "/claim", "analyst", self.claim),
            Page("POST", "/note", "analyst", self.note),
            Page("POST", "/label", "analyst", self.label),
            Page("GET", "/presence/{order_id:path}", "viewer", self.presence, touches=False),
            Page("POST", "/reveal", "viewer", self.reveal),
        ]

    async def decide(self, visit: Visit) -> Response:
        """One order; goes on to the next one of the list that it was decided in."""
        order_id, verdict = visit.form.get("order"), _verdict_in(visit)
        who = await _kept_by(visit, order_id) if order_id else None
        if who is not None and not visit.may("manager"):
            return then(visit.back(), f"{who} is at order {order_id}; nothing was decided.", tone="warn")
        await _decide(visit, order_id, verdict)
        await visit.ask("DELETE", "orders", order_id, "claim")  # where it is the user's own
        undo = self._passing.remember(visit.user, [order_id])
        return then(
            _onwards(visit), f"Order {order_id} is {DONE[verdict]}.", undo="/console/decide/undo", undo_value=undo
        )

    async def preview(self, visit: Visit) -> Response:
        """What a decision about several orders would do, before it is made."""
        order_ids, verdict = _orders_in(visit), _verdict_in(visit)
        orders = [
            order for order_id in order_ids if (order := await visit.find("orders", order_id, limit=1)) is not None
        ]
        if not orders:
            return then(visit.back(), "Mark at least one order first.", tone="warn")
        claimed = {
            order["order_id"]: who for order in orders if (who := await _kept_by(visit, order["order_id"])) is not None
        }
        return self._looks.page(
            "bulk.html", visit, orders=orders, verdict=verdict, done=DONE[verdict], claimed=claimed,
            reason=visit.form.get("reason"), back=visit.back(),
        )  # fmt: skip

    async def several(self, visit: Visit) -> Response:
        """Make it; one that fails stops no other."""
        order_ids, verdict = _orders_in(visit), _verdict_in(visit)
        decided: list[str] = []
        failed: dict[str, str] = {}
        for order_id in order_ids:
            if not visit.may("manager") and (who := await _kept_by(visit, order_id)) is not None:
                failed[order_id] = f"{who} is at it"
                continue
            answered = await visit.ask("POST", "orders", order_id, "decisions", body=_choice(visit, verdict))
            if answered.is_ok:
                decided.append(order_id)
            else:
                failed[order_id] = answered.refusal().message
            await visit.ask("DELETE", "orders", order_id, "claim")  # where it is the user's own
        undo = self._passing.remember(visit.user, decided)
        told = f"{len(decided)} order{'s' if len(decided) != 1 else ''} {DONE[verdict]}."
        if failed:
            told += f" {len(failed)} could not be: {_named(failed)}"
        tone = "warn" if failed else "good"
        return then(visit.back(), told, tone=tone, undo="/console/decide/undo" if decided else "", undo_value=undo)

    async def undo(self, visit: Visit) -> Response:
        """Put what was just decided back into the queue; one that fails stops no other, and can be tried again."""
        batch = self._passing.batch(visit.user, visit.form.get("undo"))
        if batch is None:
            return then("/console/queue", "There is nothing to take back any more.", tone="warn")
        failed: dict[str, str] = {}
        for order_id in batch.order_ids:
            answered = await visit.ask("POST", "orders", order_id, "decisions", body={
                "verdict": "hold", "message": "Taken back.", "author": visit.user.name,
            })  # fmt: skip
            if not answered.is_ok:
                failed[order_id] = answered.refusal().message
        count = len(batch.order_ids) - len(failed)
        told = f"Taken back: {count} order{'s' if count != 1 else ''} back in the queue."
        if not failed:
            return then("/console/queue", told)
        again = self._passing.remember(visit.user, list(failed))
        told += f" {len(failed)} could not be: {_named(failed)}"
        return then("/console/queue", told, tone="warn", undo="/console/decide/undo", undo_value=again)

    async def claim(self, visit: Visit) -> Response:
        """Take an order, or let it go."""
        order_id = visit.form.get("order")
        if visit.form.get("release") == "yes":
            force = "true" if visit.may("manager") else "false"
            await visit.ask("DELETE", "orders", order_id, "claim", query={"force": force})
            return then(visit.back(), f"Order {order_id} is free.")
        answered = await visit.ask("PUT", "orders", order_id, "claim", body={"name": visit.user.name})
        if answered.status == 409:
            held = await visit.find("orders", order_id, "claim") or {"name": "Somebody"}
            return then(visit.back(), f"{held['name']} is at order {order_id}.", tone="warn")
        if not answered.is_ok:
            raise answered.refusal()
        return then(visit.back(), f"Order {order_id} is yours for a quarter of an hour.")

    async def note(self, visit: Visit) -> Response:
        """A note about an order: an event of its own, so that it stands in the timeline and is not lost."""
        text = visit.form.get("text")[:2_000]
        if text:
            body = {"text": text, "author": visit.user.name}
            await visit.do("POST", "orders", visit.form.get("order"), "notes", body=body)
        return then(visit.back(), "The note is kept." if text else "")

    async def label(self, visit: Visit) -> Response:
        """What is true of an order, apart from what was decided: models learn from it."""
        label = visit.form.get("label")
        body = {"order_id": visit.form.get("order"), "label": label, "author": visit.user.name}
        await visit.do("POST", "labels", body=body)
        return then(visit.back(), "The label is taken back." if label == "none" else f"The order is labelled {label}.")

    async def presence(self, visit: Visit) -> Response:
        """Who else looks at this order now; the page asks every few seconds."""
        order_id = visit.request.path_params["order_id"]
        here = await visit.do("POST", "orders", order_id, "presence", body={"name": visit.user.name})
        return self._looks.page("presence.html", visit, names=here["looking"], claim=here["claim"])

    async def reveal(self, visit: Visit) -> Response:
        """Show personal data on one page for a while; the reason is kept in the audit trail."""
        assert visit.session is not None
        there, reason = visit.back(), visit.form.get("reason")[:_REASON_CHARS_MAX]
        if len(reason) < 3:
            return then(there, "Say why you need to see it.", tone="bad")
        path, _, query = there.partition("?")
        about = [value for name, value in parse_qsl(query) if name in ("order", "open")]
        self._users.note_reveal(visit.user, "/".join([path.removeprefix("/console/"), *about]), reason)
        self._passing.reveal(visit.session.hash, page_of(path, query))
        return RedirectResponse(there, 303)


def _named(failed: dict[str, str]) -> str:
    """Some of the orders that something could not be done with, each with the reason."""
    more = len(failed) - _NAMED_MAX
    told = [f"{order_id} ({why})" for order_id, why in list(failed.items())[:_NAMED_MAX]]
    return "; ".join([*told, *([f"and {more} more"] if more > 0 else [])])


async def _kept_by(visit: Visit, order_id: str) -> str | None:
    """Who else has claimed an order."""
    claim = await visit.find("orders", order_id, "claim")
    return None if claim is None or claim["holder"] == visit.user.id else str(claim["name"])


async def _decide(visit: Visit, order_id: str, verdict: str) -> None:
    if not order_id:
        raise NotFound("no order was named")
    await visit.do("POST", "orders", order_id, "decisions", body=_choice(visit, verdict))


def _choice(visit: Visit, verdict: str) -> dict[str, Any]:
    reason = visit.form.get("reason")[:_REASON_CHARS_MAX]
    return {"verdict": verdict, "author": visit.user.name, **({"message": reason} if reason else {})}


def _verdict_in(visit: Visit) -> str:
    verdict = visit.form.get("verdict")
    if verdict not in DONE:
        raise Malformed("the verdict is approve, decline, hold or confirm")
    return verdict


def _orders_in(visit: Visit) -> list[str]:
    return list(dict.fromkeys(order_id for order_id in visit.form.all("order") if order_id))[:PAGE_ROWS_MAX]


def _onwards(visit: Visit) -> str:
    """Back to the list that the form was in, with the order that comes next."""
    back, following = visit.back(), visit.form.get("following")
    if not following:
        return back
    path, _, query = back.partition("?")
    pairs = [(name, value) for name, value in parse_qsl(query) if name != "open"]
    return path + "?" + urlencode([*pairs, ("open", following)])
