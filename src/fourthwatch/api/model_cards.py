"""A model's card as it was written when it was made, and the way back from the champion to the one before."""

import base64
import hashlib
import re

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.bodies import taken
from fourthwatch.api.changes import Asked, Changes, Made
from fourthwatch.api.models import check_features
from fourthwatch.engine.corridor import Corridor
from fourthwatch.errors import InUse, ModelRefused, NotFound
from fourthwatch.store.models import ModelStore

_STYLE = re.compile(rb"<style>(.*?)</style>", re.DOTALL)
_WHY_CHARS_MAX = 500


class RollbackChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the champion goes."""

    why: str = ""


class RolledBackView(msgspec.Struct, frozen=True):
    """What judges from now on."""

    retired: str
    champion: str | None
    """The champion before; null: there was none, and the points of the rules judge."""


class ModelCards:
    """The handlers."""

    def __init__(self, changes: Changes, models: ModelStore, corridor: Corridor) -> None:
        self._changes = changes
        self._corridor = corridor
        self._models = models

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/models/rollback", self.roll_back, methods=["POST"]),
            Route("/api/v1/models/{model_id}/card", self.card, methods=["GET"]),
        ]

    async def card(self, request: Request) -> Response:
        """The page for people; it may come from elsewhere with its model, so nothing in it is let run or load."""
        caller = self._changes.caller(request, "read")
        content = self._models.files(caller.tenant, request.path_params["model_id"]).card
        if not content:
            raise NotFound("this model came without a card")
        style = _STYLE.search(content)
        digest = b"" if style is None else base64.b64encode(hashlib.sha256(style[1]).digest())
        policy = f"default-src 'none'; style-src 'sha256-{digest.decode()}'; sandbox; frame-ancestors 'none'"
        headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
        return Response(content, headers=headers, media_type="text/html; charset=utf-8")

    async def roll_back(self, request: Request) -> Response:
        """The champion retires and the one before it judges again."""

        def make(asked: Asked) -> Made:
            why = taken(asked.document, RollbackChoice).why.strip()[:_WHY_CHARS_MAX]
            champion = self._models.champion(asked.caller.tenant)
            change, before = self._models.rolled_back(asked.caller.tenant, actor=asked.caller.key_id, why=why)
            assert champion is not None
            if before is not None:
                try:
                    check_features(self._corridor, self._models.get(asked.caller.tenant, before))
                except ModelRefused as refused:
                    told = f"{before}, the champion before, cannot decide again: {refused}; retire this one instead"
                    raise InUse(told) from refused
            return Made(change=change, view=RolledBackView(champion.id, before))

        return await self._changes.take(request, "manage", make)
