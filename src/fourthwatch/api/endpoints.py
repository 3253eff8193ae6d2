"""`/api/v1/webhook-endpoints`: where programs want to hear of what happens, and the secrets that prove it is us."""

from collections.abc import Callable
from typing import Any, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.bodies import failed, refuse, taken
from fourthwatch.api.changes import Asked, Changes, Made, etag_of, json_reply
from fourthwatch.api.paging import Cursors, Page
from fourthwatch.clock import HOUR_MS, Clock, iso_ms
from fourthwatch.errors import Fault, NotFound, TooManyEndpoints
from fourthwatch.limits import (
    ENDPOINT_DESCRIPTION_CHARS_MAX,
    ENDPOINT_URL_CHARS_MAX,
    ENDPOINTS_MAX,
    SECRET_OVERLAP_HOURS,
    SECRET_OVERLAP_HOURS_MAX,
    TEST_LIFE_MS,
)
from fourthwatch.store.deliveries import NewDelivery, new_delivery_id
from fourthwatch.store.delivery_log import delivery_asked
from fourthwatch.store.endpoints import (
    Endpoint,
    EndpointStore,
    Ordering,
    endpoint_added,
    endpoint_changed,
    endpoint_removed,
    new_endpoint_id,
    secret_rotated,
)
from fourthwatch.store.outbox import EVENT_TYPES, TEST

FaultOfUrl = Callable[[str], str | None]
"""Why a webhook cannot be sent to an address, whatever it leads to; `None` when nothing is wrong with it."""
_CHOICES = frozenset({"url", "types", "description", "ordering", "enabled"})
_UNDERSTOOD = "only url, types, description, ordering and enabled are understood"


class EndpointChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What can be chosen of an endpoint; a change leaves out what stays."""

    url: str | msgspec.UnsetType = msgspec.UNSET
    """https; http only for a receiver that the operator has named."""
    types: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Of what it hears; at least one."""
    description: str | msgspec.UnsetType = msgspec.UNSET
    ordering: Ordering | msgspec.UnsetType = msgspec.UNSET
    """`none`, or `entity`: what is about one order, user, … arrives in order."""
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class EndpointView(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint."""

    id: str
    url: str
    types: tuple[str, ...]
    description: str
    ordering: Ordering
    enabled: bool
    disabled_at: str | None
    """When it answered 410; null when it did not."""
    former_secret_until: str | None
    """Until when the secret before this one signs too; null when there is none."""
    created_at: str


class EndpointsView(msgspec.Struct, frozen=True):
    """A page of endpoints."""

    endpoints: tuple[EndpointView, ...]
    next: str | None
    """Send as `cursor` for the rest; null at the end."""


class SecretsView(msgspec.Struct, frozen=True):
    """What signs now."""

    secrets: tuple[str, ...]
    """The newest first; another one beside it while it rotates."""


class RotationChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a secret is replaced."""

    overlap_hours: int = SECRET_OVERLAP_HOURS
    """For so long the former one signs too; 0 to 168."""


class AskedView(msgspec.Struct, frozen=True):
    """Deliveries that were asked for; `/api/v1/deliveries/{delivery_id}` tells what comes of them."""

    deliveries: tuple[str, ...]


class Endpoints:
    """Handlers of `/api/v1/webhook-endpoints`."""

    def __init__(
        self,
        changes: Changes,
        store: EndpointStore,
        clock: Clock,
        cursors: Cursors,
        fault_of_url: FaultOfUrl,
        on_listening: Callable[[], None],
    ) -> None:
        self._changes = changes
        self._store = store
        self._clock = clock
        self._cursors = cursors
        self._fault_of_url = fault_of_url
        self._on_listening = on_listening

    def routes(self) -> list[Route]:
        """For the router."""
        one = "/api/v1/webhook-endpoints/{endpoint_id}"
        return [
            Route("/api/v1/webhook-endpoints", self.all, methods=["GET"]),
            Route("/api/v1/webhook-endpoints", self.add, methods=["POST"]),
            Route(one, self.one, methods=["GET"]),
            Route(one, self.change, methods=["PATCH"]),
            Route(one, self.remove, methods=["DELETE"]),
            Route(one + "/secrets", self.secrets, methods=["GET"]),
            Route(one + "/secrets", self.rotate, methods=["POST"]),
            Route(one + "/test", self.test, methods=["POST"]),
        ]

    async def all(self, request: Request) -> Response:
        """Every endpoint."""
        caller = self._changes.caller(request, "manage")
        page = Page(self._cursors, request, caller.tenant, "endpoints")
        rows = self._store.of(caller.tenant, page.behind(str, ""), page.limit + 1)
        shown, following = page.cut(rows, lambda one: one.id)
        return json_reply(EndpointsView(tuple(map(_view, shown)), following))

    async def one(self, request: Request) -> Response:
        """One endpoint."""
        endpoint = self._found(self._changes.caller(request, "manage").tenant, request)
        return json_reply(_view(endpoint), _etag(endpoint))

    async def add(self, request: Request) -> Response:
        """A new endpoint, with a secret of its own."""

        def make(asked: Asked) -> Made:
            choice = self._choice(asked.document, ("url", "types"))
            tenant = asked.caller.tenant
            assert choice.url is not msgspec.UNSET
            assert choice.types is not msgspec.UNSET
            if self._store.count(tenant) >= ENDPOINTS_MAX:
                raise TooManyEndpoints(f"there are {ENDPOINTS_MAX} endpoints already; remove one first")
            endpoint = Endpoint(
                id=new_endpoint_id(),
                tenant=tenant,
                url=choice.url,
                types=choice.types,
                description=choice.description or "",
                ordering=choice.ordering or "none",
                enabled=choice.enabled is not False,
                created_ms=self._clock.now_ms(),
            )
            return Made(
                change=endpoint_added(endpoint, self._store.seal, asked.caller.key_id),
                view=_view(endpoint),
                status=201,
                headers={"Location": f"/api/v1/webhook-endpoints/{endpoint.id}", "ETag": _etag(endpoint)},
                then=self._on_listening,
            )

        return await self._changes.take(request, "manage", make)

    async def change(self, request: Request) -> Response:
        """Choose otherwise; what is left out stays. Enabling one that was gone sends again what happens from now on."""

        def make(asked: Asked) -> Made:
            before = self._found(asked.caller.tenant, request)
            choice = self._choice(asked.document)
            asked.over(_etag(before))
            given = {name: value for name in _CHOICES if (value := getattr(choice, name)) is not msgspec.UNSET}
            after = msgspec.structs.replace(before, **given, version=before.version + 1)
            if after.enabled:
                after = msgspec.structs.replace(after, disabled_ms=None)
            made = endpoint_changed(before, after, asked.caller.key_id)
            return Made(change=made, view=_view(after), headers={"ETag": _etag(after)}, then=self._on_listening)

        return await self._changes.take(request, "manage", make)

    async def remove(self, request: Request) -> Response:
        """Remove an endpoint; what had not arrived is parked."""

        def make(asked: Asked) -> Made:
            endpoint = self._found(asked.caller.tenant, request)
            asked.over(_etag(endpoint))
            return Made(change=endpoint_removed(endpoint, asked.caller.key_id, self._clock.now_ms()), status=204)

        return await self._changes.take(request, "manage", make)

    async def secrets(self, request: Request) -> Response:
        """The secrets that sign now."""
        return json_reply(SecretsView(self._found(self._changes.caller(request, "manage").tenant, request).secrets))

    async def rotate(self, request: Request) -> Response:
        """A new secret; the former one signs too for a while."""

        def make(asked: Asked) -> Made:
            endpoint = self._found(asked.caller.tenant, request)
            hours = taken(asked.document, RotationChoice).overlap_hours
            says = f"overlap_hours must be a whole number from 0 to {SECRET_OVERLAP_HOURS_MAX}"
            refuse(failed([("/overlap_hours", 0 <= hours <= SECRET_OVERLAP_HOURS_MAX, says)]))
            until_ms = self._clock.now_ms() + hours * HOUR_MS
            after = msgspec.structs.replace(
                endpoint, former_until_ms=until_ms if hours else None, version=endpoint.version + 1
            )
            made = secret_rotated(endpoint, self._store.seal, asked.caller.key_id, until_ms)
            return Made(change=made, view=_view(after), headers={"ETag": _etag(after)})

        return await self._changes.take(request, "manage", make)

    async def test(self, request: Request) -> Response:
        """Send a message of the type `webhook.test`, once."""

        def make(asked: Asked) -> Made:
            endpoint = self._found(asked.caller.tenant, request)
            now_ms = self._clock.now_ms()
            asked_for = NewDelivery(
                id=new_delivery_id(), tenant=endpoint.tenant, receiver=endpoint.id, type=TEST,
                entity="endpoint:" + endpoint.id, seq=0, detail=b'{"test":true}', line=None, not_before_ms=now_ms,
                expires_ms=now_ms + TEST_LIFE_MS,
            )  # fmt: skip
            made = delivery_asked(
                [asked_for], asked.caller.key_id, now_ms, "endpoint.tested", f"webhook-endpoints/{endpoint.id}"
            )
            return Made(change=made, view=AskedView((asked_for.id,)), status=202)

        return await self._changes.take(request, "manage", make, has_body=False)

    def _found(self, tenant: int, request: Request) -> Endpoint:
        endpoint = self._store.find(tenant, request.path_params["endpoint_id"])
        if endpoint is None:
            raise NotFound("there is no webhook endpoint with this id")
        return endpoint

    def _choice(self, document: dict[str, Any], needed: tuple[str, ...] = ()) -> EndpointChoice:
        """A choice as it was sent; raises `ManyFaults`."""
        faults = [Fault(f"/{key}", "missing_key", f"{key} is needed") for key in needed if key not in document]
        faults += [Fault(f"/{key}", "bad_value", _UNDERSTOOD) for key in document if key not in _CHOICES]
        if "url" in document:
            why = "the address must be a text" if type(document["url"]) is not str else None
            why = why or ("the address is too long" if len(document["url"]) > ENDPOINT_URL_CHARS_MAX else None)
            why = why or self._fault_of_url(document["url"])
            if why is not None:
                faults.append(Fault("/url", "bad_address", why))
        for key, fault in _FAULTS.items():
            if key in document and (why := fault(document[key])) is not None:
                faults.append(Fault(f"/{key}", "bad_value", why))
        refuse(faults)
        return msgspec.convert(document, EndpointChoice)


def _fault_of_types(value: object) -> str | None:
    known = isinstance(value, list) and value and all(isinstance(one, str) and one in EVENT_TYPES for one in value)
    if known and isinstance(value, list) and len(set(value)) == len(value):
        return None
    return "types must be a list, without repeats, of " + ", ".join(EVENT_TYPES)


_FAULTS: dict[str, Callable[[object], str | None]] = {
    "types": _fault_of_types,
    "description": lambda value: (
        None
        if isinstance(value, str) and len(value) <= ENDPOINT_DESCRIPTION_CHARS_MAX
        else f"description must be a text of at most {ENDPOINT_DESCRIPTION_CHARS_MAX} characters"
    ),
    "ordering": lambda value: None if value in get_args(Ordering) else "ordering must be none or entity",
    "enabled": lambda value: None if isinstance(value, bool) else "enabled must be true or false",
}


def _view(endpoint: Endpoint) -> EndpointView:
    return EndpointView(
        id=endpoint.id,
        url=endpoint.url,
        types=endpoint.types,
        description=endpoint.description,
        ordering=endpoint.ordering,
        enabled=endpoint.enabled,
        disabled_at=None if endpoint.disabled_ms is None else iso_ms(endpoint.disabled_ms),
        former_secret_until=None if endpoint.former_until_ms is None else iso_ms(endpoint.former_until_ms),
        created_at=iso_ms(endpoint.created_ms),
    )


def _etag(endpoint: Endpoint) -> str:
    return etag_of((endpoint.id, endpoint.version))
