"""Retention and backup: what is kept for how long, the room it takes, who waits to be erased, and copies made now."""

from typing import Any

from starlette.responses import Response

from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of
from fourthwatch.console.notices import then
from fourthwatch.console.visit import Visit
from fourthwatch.limits import FORGET_AFTER_DAYS_MAX, FORGET_AFTER_DAYS_MIN

_HERE = "/console/settings/keeping"
_DIGITS_MAX = 6


class Keeping:
    """Handlers of the page, and of erasing from a user's page."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/settings/keeping", "manager", self.show),
            Page("POST", "/settings/keeping/histories", "admin", self.choose),
            Page("POST", "/settings/keeping/backup", "admin", self.back_up),
            Page("POST", "/erasure", "admin", self.erase),
        ]

    async def show(self, visit: Visit) -> Response:
        """What is kept, how large it is, and which backups there are."""
        return await self._page(visit)

    async def choose(self, visit: Visit) -> Response:
        """How long what is silent is remembered; said what it would do first, and set when it is said to be meant."""
        text, is_own = visit.form.get("days"), visit.form.get("own") == "yes"
        days = None if is_own else int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else 0
        if days is not None and not FORGET_AFTER_DAYS_MIN <= days <= FORGET_AFTER_DAYS_MAX:
            fault = f"Days are a whole number from {FORGET_AFTER_DAYS_MIN} to {FORGET_AFTER_DAYS_MAX:,}."
            return await self._page(visit, status=400, fault=fault, days=text)
        if visit.form.get("sure") != "yes":
            return await self._page(visit, days=text, asked={"days": days})
        headers = {"If-Match": visit.form.get("etag") or "*"}
        answered = await visit.ask("PUT", "keeping", body={"forget_after_days": days}, headers=headers)
        if not answered.is_ok:
            return await self._page(visit, status=answered.status, fault=answered.refusal().message, days=text)
        told = answered.json["histories"]
        if told["days"] == told["days_next"]:
            return then(_HERE, f"Histories are kept for {told['days']:,} days, as they are now.")
        return then(_HERE, f"Histories are kept for {told['days_next']:,} days from the next start of the server on.")

    async def _page(
        self, visit: Visit, *, status: int = 200, fault: str = "", days: str = "", asked: dict[str, Any] | None = None
    ) -> Response:
        seen = await visit.ask("GET", "keeping")
        if not seen.is_ok:
            raise seen.refusal()
        found = seen.json
        there = await visit.ask("GET", "backups")
        backups = there.json["backups"] if there.is_ok else None
        waiting = (await visit.get("erasures"))["erasures"]
        return self._looks.page(
            "keeping.html", visit, status=status, tab="keeping", found=found, backups=backups, waiting=waiting,
            names=await visit.authors(), fault=fault,
            days=days or str(found["histories"]["days_next"]), asked=asked, etag=seen.headers.get("etag", ""),
            least=FORGET_AFTER_DAYS_MIN, most=FORGET_AFTER_DAYS_MAX,
        )  # fmt: skip

    async def back_up(self, visit: Visit) -> Response:
        """Make a backup now."""
        made = await visit.do("POST", "backups", body={})
        return then(_HERE, f"The backup {made['name']} is whole, {made['bytes']:,} bytes. Copy it to another machine.")

    async def erase(self, visit: Visit) -> Response:
        """Have a user erased at the next start, or not after all; the name is typed again to be sure."""
        user_id = visit.form.get("user")
        there = address_of("entities", "user", user_id)
        if visit.form.get("take_back") == "yes":
            await visit.do("DELETE", "users", user_id, "erasure")
            return then(_HERE, "The user stays.")
        if visit.form.get("again") != user_id:
            return then(there, "Type the user’s id to say that you mean it.", tone="bad")
        await visit.do("PUT", "users", user_id, "erasure", body={})
        return then(there, "This user is erased at the next start of the server.", tone="warn")
