"""The console as the application sees it: one table of pages, and what a failure looks like to a person."""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from fourthwatch.clock import Clock
from fourthwatch.console.account import Account
from fourthwatch.console.deciding import Deciding
from fourthwatch.console.decisions import DecisionPages
from fourthwatch.console.developers import Developers
from fourthwatch.console.door import Ask
from fourthwatch.console.entities import Entities
from fourthwatch.console.features import Features
from fourthwatch.console.gate import HEADERS, Gate, Page
from fourthwatch.console.graph import LinkGraph
from fourthwatch.console.guesses import Guesses
from fourthwatch.console.insights import Insights
from fourthwatch.console.keeping import Keeping
from fourthwatch.console.lists import Lists
from fourthwatch.console.looks import Looks, Statics
from fourthwatch.console.models import ModelPages
from fourthwatch.console.orders import Orders
from fourthwatch.console.overview import Overview
from fourthwatch.console.passing import Passing
from fourthwatch.console.passwords import Passwords
from fourthwatch.console.queue import Queue
from fourthwatch.console.rules import Rules
from fourthwatch.console.sandbox import Sandbox
from fourthwatch.console.search import Search
from fourthwatch.console.settings_pages import SettingsPages
from fourthwatch.console.sign_in import SignIn
from fourthwatch.console.thresholds import Thresholds
from fourthwatch.errors import FourthwatchError, Internal, Refused, UsageError
from fourthwatch.logs import log
from fourthwatch.store.users import UserStore


class Console:
    """Every page, as one ASGI callable below `/console`."""

    def __init__(self, users: UserStore, ask: Ask, clock: Clock) -> None:
        self._statics = Statics()
        self._looks = Looks(self._statics, clock)
        passing = Passing(clock)
        self._gate = Gate(users, passing, ask)
        passwords, guesses = Passwords(), Guesses(clock)
        self.pages: Sequence[Page] = (
            *SignIn(users, passwords, guesses, self._looks, clock).pages(),
            *Account(users, passwords, guesses, self._looks, clock).pages(),
            *Overview(self._looks).pages(),
            *Queue(self._looks, clock).pages(),
            *Deciding(self._looks, passing, users).pages(),
            *Orders(self._looks).pages(),
            *DecisionPages(self._looks).pages(),
            *Search(self._looks).pages(),
            *LinkGraph(self._looks).pages(),
            *Entities(self._looks).pages(),
            *Features(self._looks).pages(),
            *Rules(self._looks, clock).pages(),
            *Lists(self._looks).pages(),
            *ModelPages(self._looks).pages(),
            *Insights(self._looks).pages(),
            *Developers(self._looks).pages(),
            *Sandbox(self._looks).pages(),
            *SettingsPages(self._looks).pages(),
            *Thresholds(self._looks).pages(),
            *Keeping(self._looks).pages(),
        )
        """The table: a page that is not in it is not there."""
        self._router = Starlette(
            routes=[
                Route("/console/static/{version}/{name}", self._static, methods=["GET"]),
                *self._gate.routes(self.pages),
            ],
            exception_handlers={HTTPException: self._http, FourthwatchError: self._refused, Exception: self._failed},
        )
        self._router.router.redirect_slashes = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request; every reply carries the security headers."""

        async def send_guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                more = [
                    (name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in there
                ]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._router(scope, receive, send_guarded)

    async def _static(self, request: Request) -> Response:
        found = self._statics.response(request.path_params["version"], request.path_params["name"])
        return Response("there is no such file", 404) if found is None else found

    async def _refused(self, request: Request, error: Exception) -> Response:
        if isinstance(error, Refused):
            return self._failure(request, error.status, error.message)
        if isinstance(error, UsageError):
            return self._failure(request, 400, str(error))
        log.error("page_failed", reason=type(error).__name__)
        return self._failure(request, 500, "the server failed to answer this request")

    async def _failed(self, request: Request, _error: Exception) -> Response:
        return self._failure(request, 500, Internal("the server failed to answer this request").message)

    async def _http(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code != 405:
            return self._failure(request, error.status_code, "there is no such page")
        failure = self._failure(request, 405, "this page is not called this way")
        fitting = [route for route in self._router.routes if route.matches(request.scope)[0] is not Match.NONE]
        methods = {method for route in fitting if isinstance(route, Route) for method in route.methods or ()}
        failure.headers["Allow"] = ", ".join(sorted(methods))
        return failure

    def _failure(self, request: Request, status: int, message: str) -> Response:
        visit = self._gate.visit(request)
        if visit.is_partial:
            return self._looks.page("failure_piece.html", visit, status=status, code=status, message=message)
        return self._looks.page("failure.html", visit, status=status, code=status, message=message)
