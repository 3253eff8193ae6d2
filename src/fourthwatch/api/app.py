"""The ASGI application: a table of exact paths for the event corridor, and a router for everything else.

Every path answers JSON, nothing redirects, and a slash at the end makes no difference.
"""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.entities import Entities
from fourthwatch.api.features import Features
from fourthwatch.api.intake import Intake
from fourthwatch.api.management import Management
from fourthwatch.api.neo import Neo
from fourthwatch.api.pages import Pages
from fourthwatch.api.request import ClientGone, Receive, Scope, Send, send_refusal
from fourthwatch.errors import FourthwatchError, Internal, MethodNotAllowed, Refused
from fourthwatch.events import KINDS, Kind
from fourthwatch.logs import log
from fourthwatch.metrics import REPLIES
from fourthwatch.wire.reply import ErrorReply, encode, error_body

EventHandler = Callable[[Scope, Receive, Send, Kind], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


_EVENTS_TAKEN = REPLIES.labels("event", "200")


class Application:
    """What the HTTP server calls."""

    def __init__(
        self, intake: Intake, neo: Neo, management: Management, features: Features, entities: Entities, pages: Pages
    ) -> None:
        self._event = intake.event
        self._events = event_paths()
        self._others: dict[str, tuple[str, Handler]] = {
            "/neo/v1/score": ("GET", neo.score),
            "/v1/get/score": ("GET", neo.score),
            "/event/v1/get/score": ("GET", neo.score),
            "/neo/v1/addpostbackurl": ("POST", neo.register_postbacks),
            "/neo/v1/clientaction": ("POST", neo.client_action),
            "/v1/thirdwatch/orders": ("POST", neo.razorpay_order),
        }
        self._rest = Starlette(
            routes=[*management.routes(), *features.routes(), *entities.routes(), *pages.routes()],
            exception_handlers={HTTPException: _http_exception, FourthwatchError: _refused, Exception: _failed},
        )
        self._rest.router.redirect_slashes = False

    def contract_paths(self) -> dict[str, str]:
        """Method by path, of the old contract's endpoints and their aliases."""
        return dict.fromkeys(self._events, "POST") | {path: row[0] for path, row in self._others.items()}

    def routes(self) -> list[Route]:
        """Routes of the router."""
        return [route for route in self._rest.routes if isinstance(route, Route)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything that is not HTTP is ignored."""
        if scope["type"] != "http":
            return
        path = _without_end_slashes(scope)
        kind = self._events.get(path)
        try:
            if kind is not None:
                if scope["method"] != "POST":
                    raise MethodNotAllowed("send this event with POST")
                await self._event(scope, receive, send, kind)
                _EVENTS_TAKEN.inc()
                return
            other = self._others.get(path)
            if other is None:
                scope["path"] = path
                await self._rest(scope, receive, send)
                return
            method, handler = other
            if scope["method"] != method:
                raise MethodNotAllowed(f"call this with {method}")
            await handler(scope, receive, send)
            REPLIES.labels("neo", "200").inc()
        except Refused as refusal:
            REPLIES.labels("event" if kind is not None else "neo", str(refusal.status)).inc()
            if refusal.status == 405:
                allowed = b"POST" if kind is not None else self._others[path][0].encode()
                await send_refusal(send, refusal, (b"allow", allowed))
            else:
                await send_refusal(send, refusal)
        except ClientGone:
            log.debug("client_gone")


def _without_end_slashes(scope: Scope) -> str:
    """The path without the slashes at its end; an encoded one belongs to an id and stays."""
    path: str = scope["path"]
    if not path.endswith("/"):
        return path
    raw: bytes = scope["raw_path"]
    slashes = len(raw) - len(raw.rstrip(b"/"))
    return path[: len(path) - slashes] or "/"


def event_paths() -> dict[str, Kind]:
    """Every path under which an event is taken: names and aliases, with `/event` once or, for old clients, twice."""
    paths: dict[str, Kind] = {}
    for kind in KINDS:
        for name in (kind.name, *kind.aliases):
            for base in ("/event/v1/", "/event/event/v1/", "/event/event/"):
                paths[base + name] = kind
    return paths


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        log.error("request_failed", reason=str(error))
        return _failed(request, error)
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    return Response(error_body(error), error.status, headers, "application/json")


def _failed(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return Response(error_body(Internal("the server failed to answer this request")), 500, None, "application/json")


def _http_exception(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        message, code = "there is nothing at this path; see /docs", "not_found"
    elif error.status_code == 405:
        message, code = "this path is not called with this method", "method_not_allowed"
    else:
        message, code = "the request cannot be taken", "refused"
    body = encode(ErrorReply(message, message, code, msgspec.UNSET))
    return Response(body, error.status_code, error.headers, "application/json")
