"""Settings: people, what was chosen at the start, and the audit trail of everything that people changed."""

from starlette.responses import Response

from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of
from fourthwatch.console.notices import then
from fourthwatch.console.visit import Visit
from fourthwatch.store.users import ROLES

_ANY = {"If-Match": "*"}
_PAGES = {
    "events": ("developers", "events"), "orders": ("orders",), "lists": ("lists",), "rules": ("rules", "edit"),
    "models": ("models",), "users": ("entities", "user"), "rule-sets": ("rules", "versions"),
}  # fmt: skip
"""Where things of the trail are shown."""


class SettingsPages:
    """Handlers of the pages below `/console/settings`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/settings", "manager", self.audit),
            Page("GET", "/settings/users", "admin", self.users),
            Page("POST", "/settings/users", "admin", self.add_user),
            Page("POST", "/settings/users/role", "admin", self.set_role),
            Page("POST", "/settings/users/disable", "admin", self.disable),
            Page("POST", "/settings/users/link", "admin", self.link),
        ]

    async def audit(self, visit: Visit) -> Response:
        """Who changed what, newest first."""
        asked = {name: visit.query.get(name) or None for name in ("action", "thing", "cursor")}
        found = await visit.get("audit", **asked, limit=50)
        return self._looks.page(
            "audit.html",
            visit,
            tab="audit",
            entries=found["entries"],
            following=found["next"],
            asked=asked,
            names=await visit.authors(),
            places={entry["thing"]: _place(entry["thing"]) for entry in found["entries"]},
        )

    async def users(self, visit: Visit) -> Response:
        """Who may sign in."""
        return await self._users(visit)

    async def add_user(self, visit: Visit) -> Response:
        """A new user; the link to choose a password with is shown on this page."""
        sent = {"name": visit.form.get("name"), "role": visit.form.get("role")}
        answered = await visit.ask("POST", "console-users", body=sent)
        if not answered.is_ok:
            return await self._users(visit, status=answered.status, fault=answered.refusal().message)
        return await self._users(visit, link=answered.json["link_path"], whose=answered.json["user"]["name"])

    async def set_role(self, visit: Visit) -> Response:
        """Another role for somebody else than oneself."""
        user_id, role = visit.form.get("user"), visit.form.get("role")
        if user_id == visit.user.id:
            return then(
                "/console/settings/users", "Nobody changes the own role; ask another administrator.", tone="bad"
            )
        changed = await visit.do("PATCH", "console-users", user_id, body={"role": role}, headers=_ANY)
        return then("/console/settings/users", f"{changed['name']} is {role} now, and signs in again.")

    async def disable(self, visit: Visit) -> Response:
        """Lock somebody out, or let them in again."""
        user_id, is_off = visit.form.get("user"), visit.form.get("disabled") == "yes"
        if user_id == visit.user.id:
            return then("/console/settings/users", "Nobody locks out oneself; ask another administrator.", tone="bad")
        changed = await visit.do("PATCH", "console-users", user_id, body={"disabled": is_off}, headers=_ANY)
        return then("/console/settings/users", f"{changed['name']} is {'locked out' if is_off else 'let in again'}.")

    async def link(self, visit: Visit) -> Response:
        """A new link for somebody who lost the password."""
        made = await visit.do("POST", "console-users", visit.form.get("user"), "links", body={})
        return await self._users(visit, link=made["link_path"], whose=made["user"]["name"])

    async def _users(
        self, visit: Visit, *, status: int = 200, fault: str = "", link: str = "", whose: str = ""
    ) -> Response:
        found = await visit.get("console-users", limit=500)
        return self._looks.page(
            "users.html", visit, status=status, tab="users", users=found["users"], roles=ROLES, fault=fault, link=link,
            whose=whose, address_shown=f"{visit.request.url.scheme}://{visit.request.url.netloc}",
        )  # fmt: skip


def _place(thing: str) -> str | None:
    """The page of a thing of the trail, where it has one."""
    kind, _, name = thing.partition("/")
    return address_of(*_PAGES[kind], name) if kind in _PAGES and name else None
