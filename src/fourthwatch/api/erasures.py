"""Who is to be erased: asked for here, carried out at the next start, before the server takes events (ADR 19)."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.changes import Asked, Changes, Made, json_reply
from fourthwatch.clock import iso_ms
from fourthwatch.errors import Malformed, NotFound
from fourthwatch.limits import TEXT_ID_MAX
from fourthwatch.store.wishes import Wish, WishStore


class ErasureView(msgspec.Struct, frozen=True):
    """Somebody who is to be erased."""

    user_id: str
    asked_at: str
    asked_by: str
    """Id of the user or key."""


class ErasuresView(msgspec.Struct, frozen=True):
    """Everybody who waits to be erased, the oldest first."""

    erasures: tuple[ErasureView, ...]


class Erasures:
    """Handlers of erasures."""

    def __init__(self, changes: Changes, wishes: WishStore) -> None:
        self._changes = changes
        self._wishes = wishes

    def routes(self) -> list[Route]:
        """For the router."""
        one = "/api/v1/users/{user_id:path}/erasure"
        return [
            Route("/api/v1/erasures", self.all, methods=["GET"]),
            Route(one, self.ask, methods=["PUT"]),
            Route(one, self.take_back, methods=["DELETE"]),
        ]

    async def all(self, request: Request) -> Response:
        """Who waits."""
        caller = self._changes.caller(request, "manage")
        return json_reply(ErasuresView(tuple(map(_view, self._wishes.of(caller.tenant)))))

    async def ask(self, request: Request) -> Response:
        """Have a user erased at the next start; asked twice is asked once."""

        def make(asked: Asked) -> Made:
            user_id, caller = request.path_params["user_id"], asked.caller
            if asked.document:
                raise Malformed("an erasure is asked for with an empty object, {}", code="bad_value")
            if not 0 < len(user_id) <= TEXT_ID_MAX:
                raise NotFound("nothing was heard of this user")
            waiting = self._found(caller.tenant, user_id)
            if waiting is not None:
                return Made(change=None, view=_view(waiting))
            wish, change = self._wishes.asked(caller.tenant, user_id, caller.key_id)
            return Made(change=change, view=_view(wish), status=202)

        return await self._changes.take(request, "manage", make)

    async def take_back(self, request: Request) -> Response:
        """Not to be erased after all."""

        def make(asked: Asked) -> Made:
            caller = asked.caller
            wish = self._found(caller.tenant, request.path_params["user_id"])
            if wish is None:
                raise NotFound("this user does not wait to be erased")
            return Made(change=self._wishes.taken_back(wish, caller.key_id), status=204)

        return await self._changes.take(request, "manage", make, has_body=False)

    def _found(self, tenant: int, user_id: str) -> Wish | None:
        return next((wish for wish in self._wishes.of(tenant) if wish.user_id == user_id), None)


def _view(wish: Wish) -> ErasureView:
    return ErasureView(wish.user_id, iso_ms(wish.at_ms), wish.actor)
