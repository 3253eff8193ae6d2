"""Events that were refused lately, for the shop's engineer: what was wrong, and nothing of what was sent.

Held in memory, the newest few of each tenant; what was refused left no trace in the ledger.
"""

from collections import OrderedDict, deque

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Access
from fourthwatch.api.changes import caller_of, json_reply
from fourthwatch.clock import iso_ms
from fourthwatch.errors import Malformed, Refused
from fourthwatch.limits import REFUSALS_KEPT_MAX, REFUSALS_TENANTS_MAX

_AGENT_CHARS_MAX = 120


class RefusalView(msgspec.Struct, frozen=True):
    """One event that was not taken."""

    at: str
    event: str
    """The kind, as in the path that it was sent to."""
    status: int
    code: str
    message: str
    """As it was answered."""
    pointer: str | None
    """Where in the body; null when it is not about a place."""
    body_bytes: int
    key_id: str
    """Id of the key that it was sent with."""
    user_agent: str


class RefusalsView(msgspec.Struct, frozen=True):
    """What was refused since the server started."""

    refusals: tuple[RefusalView, ...]
    """Newest first, at most 200."""


class Refusals:
    """The newest refusals by tenant."""

    def __init__(self) -> None:
        self._by_tenant: OrderedDict[int, deque[RefusalView]] = OrderedDict()

    def note(
        self, tenant: int, key_id: str, event: str, user_agent: str, body_bytes: int, refusal: Refused, at_ms: int
    ) -> None:
        """Remember a refusal; the oldest goes when there are too many."""
        kept = self._by_tenant.setdefault(tenant, deque(maxlen=REFUSALS_KEPT_MAX))
        self._by_tenant.move_to_end(tenant)
        if len(self._by_tenant) > REFUSALS_TENANTS_MAX:
            self._by_tenant.popitem(last=False)
        kept.appendleft(
            RefusalView(
                at=iso_ms(at_ms),
                event=event,
                status=refusal.status,
                code=refusal.code,
                message=refusal.message,
                pointer=refusal.pointer if isinstance(refusal, Malformed) else None,
                body_bytes=body_bytes,
                key_id=key_id,
                user_agent=user_agent[:_AGENT_CHARS_MAX],
            )
        )

    def of(self, tenant: int) -> tuple[RefusalView, ...]:
        """A tenant's, newest first."""
        return tuple(self._by_tenant.get(tenant, ()))


class RefusalLog:
    """Handler of `/api/v1/refusals`."""

    def __init__(self, access: Access, refusals: Refusals) -> None:
        self._access = access
        self._refusals = refusals

    def routes(self) -> list[Route]:
        """For the router."""
        return [Route("/api/v1/refusals", self.all, methods=["GET"])]

    async def all(self, request: Request) -> Response:
        """What was refused lately."""
        caller = caller_of(self._access, request, "read")
        return json_reply(RefusalsView(self._refusals.of(caller.tenant)))
