"""`/api/v1/deliveries`: what was told to whom, what came of each attempt, and telling it again."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.bodies import failed, faults_of_shape, refuse
from fourthwatch.api.changes import Asked, Changes, Made, json_reply
from fourthwatch.api.paging import Cursors, Page, word_in
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.errors import Fault, InUse, Malformed, NotFound
from fourthwatch.limits import ATTEMPTS_SHOWN_MAX, SEND_AGAIN_MAX
from fourthwatch.store.delivery_log import AttemptRow, Chosen, DeliveryLog, DeliveryRow, sent_again

_STATES = ("waiting", "queued", "sending", "delivered", "parked")
_FILTERS = ("receiver", "state", "type", "entity")
_TIMES = ("created_from_ms", "created_to_ms")
_TEXT_CHARS_MAX = 400


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one receiver."""

    id: str
    """The `webhook-id` of every attempt."""
    receiver: str
    """Id of a webhook endpoint, or purpose of a postback address."""
    type: str
    entity: str
    sequence: int
    """1, 2, 3… of what this receiver is told about this entity."""
    state: str
    """`waiting`; `queued` behind another about the same entity; `sending`; `delivered`; or `parked`: tried no more."""
    attempts: int
    created_at: str
    due_at: str | None
    """When it is tried next; null when it is not."""
    finished_at: str | None
    note: str | None
    """Why it is parked."""


class DeliveriesView(msgspec.Struct, frozen=True):
    """A page of deliveries, in the order of their making."""

    deliveries: tuple[DeliveryView, ...]
    next: str | None
    """Send as `cursor` for the rest; null at the end, where the last id sent as `after` goes on later."""


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt."""

    attempt: int
    started_at: str
    took_ms: int
    outcome: str
    address: str | None
    """That was connected to."""
    request_headers: dict[str, str]
    """As they were sent, save for your key."""
    request_body: str
    status: int | None
    """Of the reply; null when there was none."""
    reply_body: str | None
    """Its first 2 KiB, as text."""


class DeliveryDetailView(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with its newest attempts."""

    delivery: DeliveryView
    attempts: tuple[AttemptView, ...]
    """Oldest first; the newest 50."""


class AgainChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which deliveries to send again; at least one of these, and all that are given must hold."""

    ids: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    receiver: str | msgspec.UnsetType = msgspec.UNSET
    state: str | msgspec.UnsetType = msgspec.UNSET
    """delivered or parked."""
    type: str | msgspec.UnsetType = msgspec.UNSET
    entity: str | msgspec.UnsetType = msgspec.UNSET
    created_from_ms: int | msgspec.UnsetType = msgspec.UNSET
    """Epoch milliseconds, as is the next."""
    created_to_ms: int | msgspec.UnsetType = msgspec.UNSET
    cursor: str | msgspec.UnsetType = msgspec.UNSET
    """The `next` of the request before."""


class AgainView(msgspec.Struct, frozen=True):
    """What goes out anew."""

    deliveries: int
    next: str | None
    """Send the same with this as `cursor` for the rest; null when that was all."""


class Deliveries:
    """Handlers of `/api/v1/deliveries`."""

    def __init__(self, changes: Changes, log: DeliveryLog, clock: Clock, cursors: Cursors) -> None:
        self._changes = changes
        self._log = log
        self._clock = clock
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/deliveries", self.all, methods=["GET"]),
            Route("/api/v1/deliveries/replay", self.replay, methods=["POST"]),
            Route("/api/v1/deliveries/{delivery_id}", self.one, methods=["GET"]),
            Route("/api/v1/deliveries/{delivery_id}/replay", self.replay_one, methods=["POST"]),
        ]

    async def all(self, request: Request) -> Response:
        """Deliveries, oldest first; `after` is the id of one that is known, `receiver`, `state`, … narrow down."""
        tenant = self._changes.caller(request, "manage").tenant
        asked_for = request.query_params
        chosen = Chosen(
            receiver=asked_for.get("receiver"), state=word_in(request, "state", _STATES), type=asked_for.get("type"),
            entity=asked_for.get("entity"),
        )  # fmt: skip
        page = Page(self._cursors, request, tenant, f"deliveries {chosen!r}")
        after = page.behind(int, self._after(tenant, request.query_params.get("after")))
        shown, following = page.cut(
            self._log.page(tenant, after, page.limit + 1, chosen), lambda row: row.number
        )  # fmt: skip
        return json_reply(DeliveriesView(tuple(map(delivery_view, shown)), following))

    async def one(self, request: Request) -> Response:
        """One delivery and its attempts."""
        tenant = self._changes.caller(request, "manage").tenant
        row = self._found(tenant, request)
        attempts = self._log.attempts(tenant, row.number, ATTEMPTS_SHOWN_MAX)
        return json_reply(DeliveryDetailView(delivery=delivery_view(row), attempts=tuple(map(_attempt_view, attempts))))

    async def replay_one(self, request: Request) -> Response:
        """Send one again that was delivered or is parked."""

        def make(asked: Asked) -> Made:
            row = self._found(asked.caller.tenant, request)
            if row.state not in ("delivered", "parked"):
                raise InUse("this delivery is on its way; it can be sent again when it has come to its end")
            now_ms = self._clock.now_ms()
            made = sent_again(
                asked.caller.tenant, [row.number], asked.caller.key_id, now_ms, f"deliveries/{row.id}"
            )  # fmt: skip
            return Made(change=made, view=AgainView(1, None), status=202)

        return await self._changes.take(request, "manage", make, has_body=False)

    async def replay(self, request: Request) -> Response:
        """Send again what was delivered or is parked: by ids, receiver, state, type, entity or time of making."""

        def make(asked: Asked) -> Made:
            tenant, document = asked.caller.tenant, asked.document
            chosen = _chosen(document)
            name = f"replay {chosen!r}"
            after = 0
            if "cursor" in document:
                after = self._cursors.opened(tenant, name, str(document["cursor"]), int)
            numbers = self._log.ended(tenant, after, SEND_AGAIN_MAX + 1, chosen)
            taken = numbers[:SEND_AGAIN_MAX]
            more = self._cursors.sealed(tenant, name, taken[-1]) if len(numbers) > len(taken) else None
            made = sent_again(tenant, taken, asked.caller.key_id, self._clock.now_ms(), "deliveries")
            return Made(change=made, view=AgainView(len(taken), more), status=202)

        return await self._changes.take(request, "manage", make)

    def _after(self, tenant: int, delivery_id: str | None) -> int:
        if delivery_id is None:
            return 0
        row = self._log.find(tenant, delivery_id)
        if row is None:
            raise Malformed("after must be the id of a delivery", code="bad_query")
        return row.number

    def _found(self, tenant: int, request: Request) -> DeliveryRow:
        row = self._log.find(tenant, request.path_params["delivery_id"])
        if row is None:
            raise NotFound("there is no delivery with this id")
        return row


def delivery_view(row: DeliveryRow) -> DeliveryView:
    """A delivery as the API shows it."""
    return DeliveryView(
        id=row.id,
        receiver=row.receiver,
        type=row.type,
        entity=row.entity,
        sequence=row.sequence,
        state=row.state,
        attempts=row.attempts,
        created_at=iso_ms(row.created_ms),
        due_at=None if row.due_ms is None else iso_ms(row.due_ms),
        finished_at=None if row.finished_ms is None else iso_ms(row.finished_ms),
        note=row.note,
    )


def _attempt_view(row: AttemptRow) -> AttemptView:
    return AttemptView(
        attempt=row.attempt,
        started_at=iso_ms(row.started_ms),
        took_ms=row.took_ms,
        outcome=row.outcome,
        address=row.address,
        request_headers=msgspec.json.decode(row.head),
        request_body=row.body.decode("utf-8", "replace"),
        status=row.status,
        reply_body=None if row.reply is None else row.reply.decode("utf-8", "replace"),
    )


def _chosen(document: dict[str, Any]) -> Chosen:
    """What was chosen; raises `ManyFaults`, also when nothing was."""
    faults = faults_of_shape(document, AgainChoice)
    if not document.keys() - {"cursor"}:
        faults.append(Fault("", "missing_key", "choose by ids, receiver, state, type, entity or time"))
    for key in (*_FILTERS, "cursor"):
        value = document.get(key, "")
        holds = not isinstance(value, str) or len(value) <= _TEXT_CHARS_MAX
        faults += failed([(f"/{key}", holds, f"{key} has at most {_TEXT_CHARS_MAX} characters")])
    for key in _TIMES:
        value = document.get(key, 0)
        holds = type(value) is not int or 0 <= value < 2**53
        faults += failed([(f"/{key}", holds, f"{key} must be epoch milliseconds")])
    refuse(faults)
    ids = document.get("ids")
    given = {name: document[name] for name in (*_FILTERS, *_TIMES) if name in document}
    return Chosen(**given, ids=None if ids is None else tuple(ids))
