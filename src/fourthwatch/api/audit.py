"""`/api/v1/audit`: what was changed, by whom, when, from what to what; newest first, and only ever added to."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.changes import caller_of, json_reply
from fourthwatch.api.paging import Cursors, Page
from fourthwatch.clock import iso_ms
from fourthwatch.store.changes import AuditEntry, AuditTrail

_NEWEST = 2**62


class AuditEntryView(msgspec.Struct, frozen=True):
    """One change."""

    number: int
    """1, 2, 3… without a gap."""
    at: str
    actor: str
    """Id of the key that it was made with, or `command line`."""
    action: str
    """What was done; the kind of thing stands before the dot."""
    thing: str
    """To what, as its path below `/api/v1`."""
    before: msgspec.Raw | None
    """What it was, or the part that changed; null when there was nothing."""
    after: msgspec.Raw | None
    """What it became; null when it is gone."""
    chain: str
    """Hash over this entry and all before it, in hexadecimal: keep one elsewhere, and no earlier entry can change."""


class AuditView(msgspec.Struct, frozen=True):
    """A page of the trail."""

    entries: tuple[AuditEntryView, ...]
    """Newest first."""
    next: str | None
    """Send as `cursor` for older entries; null when there are none."""


class Audit:
    """Handler of `/api/v1/audit`."""

    def __init__(self, access: Access, trail: AuditTrail, cursors: Cursors) -> None:
        self._access = access
        self._trail = trail
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """For the router."""
        return [Route("/api/v1/audit", self.all, methods=["GET"])]

    async def all(self, request: Request) -> Response:
        """The trail, newest first; `action` and `thing` narrow it down."""
        caller = caller_of(self._access, request, "manage")
        action, thing = (request.query_params.get(name) for name in ("action", "thing"))
        page = Page(self._cursors, request, caller.tenant, f"audit {action!r} {thing!r}")
        before = page.behind(int, _NEWEST)
        entries = self._trail.page(caller.tenant, before, page.limit + 1, action=action, thing=thing)
        shown, behind = page.cut(entries, lambda entry: entry.number)
        return json_reply(AuditView(tuple(_view(entry) for entry in shown), behind))


def _view(entry: AuditEntry) -> AuditEntryView:
    return AuditEntryView(
        number=entry.number,
        at=iso_ms(entry.at_ms),
        actor=entry.actor,
        action=entry.action,
        thing=entry.thing,
        before=None if entry.before is None else msgspec.Raw(entry.before),
        after=None if entry.after is None else msgspec.Raw(entry.after),
        chain=entry.chain.hex(),
    )
