"""Retention and backup: what is kept for how long, the room it takes, who waits to be erased, and copies made now."""

from starlette.responses import Response

from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of
from fourthwatch.console.notices import then
from fourthwatch.console.visit import Visit

_HERE = "/console/settings/keeping"


class Keeping:
    """Handlers of the page, and of erasing from a user's page."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/settings/keeping", "manager", self.show),
            Page("POST", "/settings/keeping/backup", "admin", self.back_up),
            Page("POST", "/erasure", "admin", self.erase),
        ]

    async def show(self, visit: Visit) -> Response:
        """What is kept, how large it is, and which backups there are."""
        found = await visit.get("keeping")
        there = await visit.ask("GET", "backups")
        backups = there.json["backups"] if there.is_ok else None
        waiting = (await visit.get("erasures"))["erasures"]
        users = (await visit.get("console-users", limit=500))["users"]
        return self._looks.page(
            "keeping.html", visit, tab="keeping", found=found, backups=backups, waiting=waiting,
            names={user["user_id"]: user["name"] for user in users},
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
