"""The ASGI application: a table of exact paths for the event corridor, and a router for everything else.

Every path answers JSON, nothing redirects, and a slash at the end makes no difference.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from fourthwatch.api.intake import Intake
from fourthwatch.api.neo import Neo
from fourthwatch.api.problems import is_management, problem_reply
from fourthwatch.api.queries import strict
from fourthwatch.api.request import ClientGone, Receive, Scope, Send, send_refusal
from fourthwatch.api.seen import conditional
from fourthwatch.api.shortcut import Shortcut
from fourthwatch.api.standby import StandBy
from fourthwatch.engine.flight import unavailable
from fourthwatch.engine.walk import unreadable
from fourthwatch.errors import (
    FourthwatchError,
    Internal,
    LedgerBusy,
    LedgerFull,
    LedgerUnreadable,
    MethodNotAllowed,
    NotFound,
    Refused,
    Unavailable,
)
from fourthwatch.events import KINDS, Kind
from fourthwatch.logs import log
from fourthwatch.metrics import REPLIES
from fourthwatch.wire.reply import ErrorReply, encode, error_body

EventHandler = Callable[[Scope, Receive, Send, Kind], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class Part(Protocol):
    """Something that has routes."""

    def routes(self) -> list[Route]:
        """For the router; exactly these, every other path is refused."""
        ...


CAN_WAIT = (
    "/api/v1/search", "/api/v1/graph", "/api/v1/insights", "/api/v1/entities/", "/api/v1/users/",
    "/api/v1/rules/preview",
)  # fmt: skip
"""What is asked under these goes through many events."""
_CAN_WAIT_EXACTLY = frozenset({"/api/v1/orders", "/api/v1/queue", "/api/v1/events", "/api/v1/audit"})
_LISTS = "/api/v1/lists/"
_OF_LISTS = ("/imports", "/entries")
_EVENTS_TAKEN = REPLIES.labels("event", "200")


class Application:
    """What the HTTP server calls."""

    def __init__(
        self, intake: Intake, neo: Neo, parts: Iterable[Part], is_pressed: Callable[[], bool] = lambda: False
    ) -> None:
        """`parts` have the routes that a router serves: those of the management API, and the open pages.

        While `is_pressed` says so, what goes through many events is not begun: decisions go before it.
        """
        self._stand_by = StandBy(is_pressed)
        self._event = intake.event
        self._events = event_paths()
        self.shortcut = Shortcut(intake, self._events)
        """For a connection that can do without ASGI."""
        self._others: dict[str, tuple[str, Handler]] = {
            "/neo/v1/score": ("GET", neo.score),
            "/v1/get/score": ("GET", neo.score),
            "/event/v1/get/score": ("GET", neo.score),
            "/neo/v1/addpostbackurl": ("POST", neo.register_postbacks),
            "/neo/v1/clientaction": ("POST", neo.client_action),
            "/v1/thirdwatch/orders": ("POST", neo.razorpay_order),
        }
        self._rest = Starlette(
            routes=strict(conditional(route for part in parts for route in part.routes())),
            exception_handlers={HTTPException: _http_exception, FourthwatchError: _refused, Exception: _failed},
        )
        self._rest.router.redirect_slashes = False
        self._console: Handler | None = None

    def open_console(self, console: Handler) -> None:
        """Let it answer everything below `/console`."""
        self._console = console

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
                if can_wait(path) and not await self._stand_by.is_eased():
                    refusal = Unavailable("events wait for their decisions; ask again shortly", retry_after_s=1)
                    await problem_reply(refusal)(scope, receive, send)
                    return
                rest: Handler = self._rest
                if self._console is not None and (path + "/").startswith("/console/"):
                    rest = self._console
                await rest(scope, receive, send)
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
        except (LedgerFull, LedgerBusy, LedgerUnreadable) as failure:
            await send_refusal(send, _unavailable(failure))
        except ClientGone:
            log.debug("client_gone")


def can_wait(path: str) -> bool:
    """Whether what is asked goes through many events, orders or entries: history, exports, searches, whole lists."""
    if path.startswith(_LISTS):
        return path.endswith(_OF_LISTS)
    return path in _CAN_WAIT_EXACTLY or path.startswith(CAN_WAIT)


def _without_end_slashes(scope: Scope) -> str:
    """The path without the slashes at its end; an encoded one belongs to an id and stays."""
    path: str = scope["path"]
    if not path.endswith("/"):
        return path
    raw: bytes = scope["raw_path"]
    slashes = len(raw) - len(raw.rstrip(b"/"))
    return path[: len(path) - slashes] or "/"


def event_paths() -> dict[str, Kind]:
    """Every path under which an event is taken: names and aliases, with `/event` once or, for old clients, twice.

    A client whose base address was written with a slash at its end sends a doubled one.
    """
    paths: dict[str, Kind] = {}
    for kind in KINDS:
        for name in (kind.name, *kind.aliases):
            for base in ("/event/v1/", "/event/event/v1/", "/event/event/", "/event//v1/", "/event//event/"):
                paths[base + name] = kind
    return paths


def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, LedgerFull | LedgerBusy | LedgerUnreadable):
        error = _unavailable(error)
    if not isinstance(error, Refused):
        log.error("request_failed", reason=str(error))
        return _failed(request, error)
    return _refusal(request, error, {})


def _unavailable(failure: LedgerFull | LedgerBusy | LedgerUnreadable) -> Unavailable:
    """Nothing of a change was kept, and it can be sent again."""
    if isinstance(failure, LedgerUnreadable):
        return unreadable(failure)
    log.error("change_failed", reason=str(failure))
    return unavailable("full" if isinstance(failure, LedgerFull) else "busy")


def _failed(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _refusal(request, Internal("the server failed to answer this request"), {})


def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 404:
        return _refusal(request, NotFound("there is nothing at this path; see /docs"), headers)
    if error.status_code == 405:
        headers["Allow"] = _allowed(request)
        return _refusal(request, MethodNotAllowed("this path is not called with this method"), headers)
    message = "the request cannot be taken"
    body = encode(ErrorReply(message, message, "refused", msgspec.UNSET))
    return Response(body, error.status_code, headers, "application/json")


def _allowed(request: Request) -> str:
    """The methods of every route of this path; the router itself tells those of the first alone."""
    fitting = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for route in fitting for method in route.methods}))


def _refusal(request: Request, refusal: Refused, headers: dict[str, str]) -> Response:
    """In the shape of the API that was asked: a problem document, or the old contract's error."""
    if is_management(request.scope["path"]):
        return problem_reply(refusal, headers)
    if refusal.retry_after_s is not None:
        headers = {**headers, "Retry-After": str(refusal.retry_after_s)}
    return Response(error_body(refusal), refusal.status, headers, "application/json")
