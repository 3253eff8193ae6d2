"""`POST /api/v1/rule-sets/{version}/decide-again`: what a rule touched before the brake took it out is decided again.

Each of the events that the brake has named gets one more decision, by what judges now, as an event of our own. However
often it is asked for, it is done once.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.changes import Asked, Changes, Made
from fourthwatch.clock import Clock
from fourthwatch.engine.again import decided_again
from fourthwatch.engine.corridor import Corridor
from fourthwatch.errors import NotFound
from fourthwatch.store.changes import AuditTrail, Change
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import LedgerReader

_NEWEST = 2**62


class DecidingAgainView(msgspec.Struct, frozen=True):
    """What is decided again, in a moment and behind everybody who waits."""

    rule: str
    """That was braked."""
    events: tuple[str, ...]
    """Ids of the events; up to 200, since the brake names no more."""


class _Braked(msgspec.Struct):
    rule: str
    touched: tuple[str, ...] = ()


_braked = msgspec.json.Decoder(_Braked)


class Redeciding:
    """Handler of deciding again."""

    def __init__(
        self, changes: Changes, corridor: Corridor, reader: LedgerReader, trail: AuditTrail, clock: Clock
    ) -> None:
        self._changes = changes
        self._corridor = corridor
        self._reader = reader
        self._trail = trail
        self._clock = clock

    def routes(self) -> list[Route]:
        """For the router."""
        return [Route("/api/v1/rule-sets/{version}/decide-again", self.decide_again, methods=["POST"])]

    async def decide_again(self, request: Request) -> Response:
        """Decide the orders again that a braked rule touched; the version is the one that the brake has published."""
        thing = f"rule-sets/{request.path_params['version']}"

        def make(asked: Asked) -> Made:
            tenant = asked.caller.tenant
            braked = self._braked(tenant, thing)
            events = self._events(tenant, braked.touched)
            for submission, ticket in decided_again(events, self._clock, thing):
                self._corridor.submit(submission, ticket)
            view = DecidingAgainView(braked.rule, tuple(event.event_id for event in events))
            change = Change(
                tenant=tenant, actor=asked.caller.key_id, action="rule_set.decided_again", thing=thing,
                after=msgspec.to_builtins(view),
            )  # fmt: skip
            return Made(change=change, view=view, status=202)

        return await self._changes.take(request, "manage", make, has_body=False)

    def _braked(self, tenant: int, thing: str) -> _Braked:
        entries = self._trail.page(tenant, _NEWEST, 1, action="rule.braked", thing=thing)
        if not entries or entries[0].after is None:
            raise NotFound("the brake has published no version of this number")
        return _braked.decode(entries[0].after)

    def _events(self, tenant: int, ids: tuple[str, ...]) -> list[EventRow]:
        """Those that are still there and about an order."""
        found = [self._reader.event(tenant, one) for one in ids]
        return [one.event for one in found if one is not None and one.event.subject is not None]
