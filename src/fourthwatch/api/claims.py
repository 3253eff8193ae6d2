"""Who is at which order, and who looks at it: claims are kept and run out; looking is known to this process only."""

from collections import OrderedDict

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Caller
from fourthwatch.api.bodies import Check, failed, refuse, taken
from fourthwatch.api.changes import Asked, Changes, Made, document_of, json_reply
from fourthwatch.api.paging import Cursors, Page, truth_in
from fourthwatch.clock import MINUTE_MS, Clock, iso_ms
from fourthwatch.errors import InUse, NotFound
from fourthwatch.limits import CLAIM_MINUTES_MAX, LOOKED_AT_MAX, LOOKING_S, PERSON_NAME_CHARS_MAX
from fourthwatch.store.claims import Claim, ClaimStore
from fourthwatch.store.reader import LedgerReader

_MINUTES = 15


class ClaimView(msgspec.Struct, frozen=True):
    """Somebody is at an order."""

    order_id: str
    holder: str
    """Id of the user or key."""
    name: str
    taken_at: str
    until: str
    """When it runs out by itself."""


class ClaimsView(msgspec.Struct, frozen=True):
    """A page of the claims in force."""

    claims: tuple[ClaimView, ...]
    next: str | None
    """Send as `cursor` for the rest; null at the end."""


class ClaimChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an order is claimed."""

    name: str = ""
    """Who, for people; the id of the key when nobody is named."""
    minutes: int = _MINUTES
    """How long, 1 to 480."""


class LookChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody looks at an order."""

    name: str = ""
    """Who, for people; the id of the key when nobody is named."""


class PresenceView(msgspec.Struct, frozen=True):
    """Who is at an order now."""

    looking: tuple[str, ...]
    """Names of others who said within 45 seconds that they look at it."""
    claim: ClaimView | None


class Claims:
    """Handlers of claims and presence."""

    def __init__(
        self, changes: Changes, claims: ClaimStore, reader: LedgerReader, clock: Clock, cursors: Cursors
    ) -> None:
        self._changes = changes
        self._claims = claims
        self._reader = reader
        self._clock = clock
        self._cursors = cursors
        self._looking: OrderedDict[tuple[int, str], dict[str, tuple[str, float]]] = OrderedDict()

    def routes(self) -> list[Route]:
        """For the router."""
        claim = "/api/v1/orders/{order_id:path}/claim"
        return [
            Route("/api/v1/claims", self.all, methods=["GET"]),
            Route(claim, self.one, methods=["GET"]),
            Route(claim, self.take, methods=["PUT"]),
            Route(claim, self.release, methods=["DELETE"]),
            Route("/api/v1/orders/{order_id:path}/presence", self.look, methods=["POST"]),
        ]

    async def all(self, request: Request) -> Response:
        """Every claim in force, by order."""
        tenant = self._changes.caller(request, "read").tenant
        page = Page(self._cursors, request, tenant, "claims")
        rows = self._claims.all(tenant, page.behind(str, ""), page.limit + 1)
        shown, following = page.cut(rows, lambda claim: claim.order_id)
        return json_reply(ClaimsView(tuple(map(_view, shown)), following))

    async def one(self, request: Request) -> Response:
        """Who is at an order."""
        tenant = self._changes.caller(request, "read").tenant
        claim = self._claims.of(tenant, request.path_params["order_id"])
        if claim is None:
            raise NotFound("nobody is at this order")
        return json_reply(_view(claim))

    async def take(self, request: Request) -> Response:
        """Claim an order, or prolong one's claim; `force` takes it from somebody else."""
        order_id, by_force = request.path_params["order_id"], truth_in(request, "force") is True

        def make(asked: Asked) -> Made:
            caller, sent = asked.caller, taken(asked.document, ClaimChoice)
            in_time = 1 <= sent.minutes <= CLAIM_MINUTES_MAX
            refuse(failed([("/minutes", in_time, f"minutes is 1 to {CLAIM_MINUTES_MAX}"), _named(sent.name)]))
            if self._reader.newest_decision(caller.tenant, order_id) is None:
                raise NotFound("there is no order with this id")
            held = self._claims.of(caller.tenant, order_id)
            if held is not None and held.holder != caller.key_id and not by_force:
                raise InUse(f"{held.name} is at this order until {iso_ms(held.until_ms)}; force=true takes it over")
            now_ms = self._clock.now_ms()
            name = _name(sent.name, caller)
            claim = Claim(order_id, caller.key_id, name, now_ms, now_ms + sent.minutes * MINUTE_MS)
            return Made(change=self._claims.taken(caller.tenant, claim, held, caller.key_id), view=_view(claim))

        return await self._changes.take(request, "manage", make)

    async def release(self, request: Request) -> Response:
        """Let an order go; `force` for somebody else."""
        order_id, by_force = request.path_params["order_id"], truth_in(request, "force") is True

        def make(asked: Asked) -> Made:
            caller = asked.caller
            held = self._claims.of(caller.tenant, order_id)
            if held is None:
                raise NotFound("nobody is at this order")
            if held.holder != caller.key_id and not by_force:
                raise InUse(f"{held.name} is at this order; force=true lets it go all the same")
            return Made(change=self._claims.released(caller.tenant, held, caller.key_id), status=204)

        return await self._changes.take(request, "manage", make, has_body=False)

    async def look(self, request: Request) -> Response:
        """Say that one looks at an order, and hear who else does."""
        caller = self._changes.caller(request, "read")
        sent = taken(await document_of(request), LookChoice)
        refuse(failed([_named(sent.name)]))
        order_id, name = request.path_params["order_id"], _name(sent.name, caller)
        claim = self._claims.of(caller.tenant, order_id)
        return json_reply(PresenceView(self._look(caller, name, order_id), None if claim is None else _view(claim)))

    def _look(self, caller: Caller, name: str, order_id: str) -> tuple[str, ...]:
        now_s, whose = self._clock.monotonic_s(), (caller.tenant, order_id)
        here = self._looking.pop(whose, {})
        here = {looker: told for looker, told in here.items() if now_s - told[1] < LOOKING_S}
        here[caller.key_id] = (name, now_s)
        self._looking[whose] = here
        while len(self._looking) > LOOKED_AT_MAX:
            self._looking.popitem(last=False)
        return tuple(sorted(told for looker, (told, _) in here.items() if looker != caller.key_id))


def _named(told: str) -> Check:
    says = f"name is a text of at most {PERSON_NAME_CHARS_MAX} characters"
    return "/name", len(told) <= PERSON_NAME_CHARS_MAX, says


def _name(told: str, caller: Caller) -> str:
    return told.strip() or caller.key_id


def _view(claim: Claim) -> ClaimView:
    return ClaimView(claim.order_id, claim.holder, claim.name, iso_ms(claim.taken_ms), iso_ms(claim.until_ms))
