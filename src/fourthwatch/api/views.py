"""`/api/v1/views`: filters of a list under a name, as the console offers them; one's own, or shared with the tenant."""

from typing import Literal, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.bodies import failed, refuse, taken
from fourthwatch.api.changes import Asked, Changes, Made, json_reply
from fourthwatch.api.paging import word_in
from fourthwatch.errors import NotFound
from fourthwatch.limits import VIEW_NAME_CHARS_MAX, VIEW_QUERY_CHARS_MAX
from fourthwatch.store.views import SavedView, ViewStore, new_view_id

Page = Literal["queue", "orders"]


class ViewView(msgspec.Struct, frozen=True):
    """A saved view."""

    view_id: str
    page: str
    """queue or orders."""
    name: str
    query: str
    """As `/api/v1/queue` and `/api/v1/orders` take it."""
    shared: bool
    own: bool
    """Whether it is the caller's."""


class ViewsView(msgspec.Struct, frozen=True):
    """The caller's views and those that are shared, by name; at most 50 are a caller's own."""

    views: tuple[ViewView, ...]


class ViewChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A view to keep."""

    page: Page
    name: str
    """One of the same name and page is replaced."""
    query: str
    shared: bool = False


class Views:
    """Handlers of saved views."""

    def __init__(self, changes: Changes, views: ViewStore) -> None:
        self._changes = changes
        self._views = views

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/views", self.all, methods=["GET"]),
            Route("/api/v1/views", self.save, methods=["POST"]),
            Route("/api/v1/views/{view_id}", self.one, methods=["GET"]),
            Route("/api/v1/views/{view_id}", self.remove, methods=["DELETE"]),
        ]

    async def all(self, request: Request) -> Response:
        """The caller's views and the shared ones, of one page or of all."""
        caller = self._changes.caller(request, "read")
        found = self._views.of(caller.tenant, caller.key_id, word_in(request, "page", get_args(Page)))
        return json_reply(ViewsView(tuple(_view(view, caller.key_id) for view in found)))

    async def one(self, request: Request) -> Response:
        """One that the caller may use."""
        caller = self._changes.caller(request, "read")
        for view in self._views.of(caller.tenant, caller.key_id, None):
            if view.id == request.path_params["view_id"]:
                return json_reply(_view(view, caller.key_id))
        raise NotFound("there is no view with this id that you may use")

    async def save(self, request: Request) -> Response:
        """Keep a view under a name."""

        def make(asked: Asked) -> Made:
            sent, caller = _checked(asked), asked.caller
            before = self._views.named(caller.tenant, caller.key_id, sent.page, sent.name.strip())
            view = SavedView(
                id=new_view_id() if before is None else before.id, user=caller.key_id, page=sent.page,
                name=sent.name.strip(), query=sent.query, shared=sent.shared,
            )  # fmt: skip
            change = self._views.saved(caller.tenant, view, before)
            headers = {"Location": f"/api/v1/views/{view.id}"}
            status = 201 if before is None else 200
            return Made(change=change, view=_view(view, caller.key_id), status=status, headers=headers)

        return await self._changes.take(request, "manage", make)

    async def remove(self, request: Request) -> Response:
        """Forget a view of the caller's own."""

        def make(asked: Asked) -> Made:
            caller = asked.caller
            view = self._views.one(caller.tenant, caller.key_id, request.path_params["view_id"])
            if view is None:
                raise NotFound("there is no view of yours with this id")
            return Made(change=self._views.removed(caller.tenant, view), status=204)

        return await self._changes.take(request, "manage", make, has_body=False)


def _checked(asked: Asked) -> ViewChoice:
    sent = taken(asked.document, ViewChoice)
    named = 0 < len(sent.name.strip()) <= VIEW_NAME_CHARS_MAX and sent.name.isprintable()
    asks = len(sent.query) <= VIEW_QUERY_CHARS_MAX and sent.query.isprintable()
    refuse(failed([
        ("/name", named, f"name has 1 to {VIEW_NAME_CHARS_MAX} printable characters"),
        ("/query", asks, f"query has at most {VIEW_QUERY_CHARS_MAX} printable characters"),
    ]))  # fmt: skip
    return sent


def _view(view: SavedView, caller: str) -> ViewView:
    return ViewView(view.id, view.page, view.name, view.query, view.shared, view.user == caller)
