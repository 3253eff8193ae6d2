"""The way in for what people change: who may, over which state, once, on record, in one transaction.

An edit says what it has seen (`If-Match`), a creation may say which attempt it is (`Idempotency-Key`). Changes are made
one after the other: what was looked at when a change was checked holds until it is durable.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fourthwatch.api.access import Access, Caller
from fourthwatch.api.request import decompressed, read_body
from fourthwatch.errors import Changed, ConditionMissing, Conflict, Malformed
from fourthwatch.limits import IDEMPOTENCY_KEY_CHARS_MAX
from fourthwatch.store.changes import Change, Configuration, KeptAnswer
from fourthwatch.wire.reply import encode
from fourthwatch.wire.strict import read_object

_KEY_BYTES = 16
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was checked, and what is answered once it is durable."""

    change: Change
    view: msgspec.Struct | None = None
    """`None` answers with no body."""
    status: int = 200
    headers: dict[str, str] = {}
    then: Callable[[], None] | None = None
    """Called on the loop when the change is durable, before it is answered; lets it take effect."""


class Asked(msgspec.Struct, frozen=True):
    """A change as it is asked for."""

    caller: Caller
    document: dict[str, Any]
    """The body; empty for a method that has none."""
    if_match: str | None

    def over(self, etag: str) -> None:
        """That the caller has seen this state; raises `ConditionMissing` or `Changed`."""
        if self.if_match is None:
            raise ConditionMissing("send If-Match with the ETag of what you have seen; * takes whatever there is")
        self.over_if_told(etag)

    def over_if_told(self, etag: str) -> None:
        """The same for what may be done unseen; raises `Changed`."""
        if self.if_match is not None and self.if_match.strip() != "*":
            seen = {one.strip() for one in self.if_match.split(",")}
            if etag not in seen:
                raise Changed("it was changed since you have seen it; look again, then send this with the new ETag")


Make = Callable[[Asked], Made | Response]


class Changes:
    """Takes changes for whoever has the right; one for the whole server."""

    def __init__(self, access: Access, configuration: Configuration) -> None:
        self._access = access
        self._configuration = configuration
        self._changing = asyncio.Lock()

    def caller(self, request: Request, scope: str) -> Caller:
        """Who calls; raises `Unauthorised` or `Forbidden`."""
        return caller_of(self._access, request, scope)

    async def take(self, request: Request, scope: str, make: Make, *, has_body: bool = True) -> Response:
        """One change, to its end. `make` checks it, while no other is made, and raises `Refused`; or it answers itself.

        A repeat of an `Idempotency-Key` gets the first answer again and has no second effect; with another body,
        method or path it is a conflict.
        """
        caller = self.caller(request, scope)
        key = idempotency_key(request)
        document: dict[str, Any] = {}
        canonical = b""
        if has_body and request.method in _WITH_BODY:
            raw = decompressed(await read_body(request.receive), request.headers.get("content-encoding"))
            document, canonical = read_object(raw)
        asked = Asked(caller, document, request.headers.get("if-match"))
        mark = None if key is None else (_hash(key.encode()), _fingerprint(request, canonical))
        # Whoever hangs up does not stop a change between its two halves.
        return await asyncio.shield(asyncio.ensure_future(self._make(asked, mark, make)))

    async def _make(self, asked: Asked, mark: tuple[bytes, bytes] | None, make: Make) -> Response:
        async with self._changing:
            if mark is not None:
                kept = await asyncio.to_thread(self._configuration.kept_answer, asked.caller.tenant, mark[0])
                if kept is not None:
                    return _again(kept, mark[1])
            made = make(asked)
            if isinstance(made, Response):
                return made
            body = b"" if made.view is None else encode(made.view)
            change = made.change
            if mark is not None:
                answer = KeptAnswer(
                    key=mark[0], fingerprint=mark[1], status=made.status, headers=made.headers, body=body
                )
                change = msgspec.structs.replace(change, answer=answer)
            await asyncio.to_thread(self._configuration.apply, change)
            if made.then is not None:
                made.then()
        return _reply(made.status, made.headers, body)


def caller_of(access: Access, request: Request, scope: str) -> Caller:
    """Who calls; raises `Unauthorised` or `Forbidden`."""
    presented = request.headers.get("x-thirdwatch-api-key") or request.headers.get("authorization")
    return access.caller(presented, scope)


def etag_of(state: object) -> str:
    """The strong ETag of a state: a struct, or plain objects, of all that an edit could be wrong about."""
    return f'"{_hash(msgspec.json.encode(state, order="deterministic")).hex()}"'


def idempotency_key(request: Request) -> str | None:
    """The header of that name, when it means something: to a POST; raises `Malformed`."""
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= IDEMPOTENCY_KEY_CHARS_MAX:
        raise Malformed(f"Idempotency-Key must have 1 to {IDEMPOTENCY_KEY_CHARS_MAX} characters", code="bad_header")
    return key if request.method == "POST" else None


def json_reply(view: msgspec.Struct, etag: str | None = None) -> Response:
    """A view with status 200."""
    return _reply(200, {} if etag is None else {"ETag": etag}, encode(view))


def _reply(status: int, headers: dict[str, str], body: bytes) -> Response:
    return Response(body, status, headers, "application/json" if body else None)


def _again(kept: KeptAnswer, fingerprint: bytes) -> Response:
    if kept.fingerprint != fingerprint:
        raise Conflict("this Idempotency-Key was used before with another request; use a new one")
    return _reply(kept.status, {**kept.headers, "Fourthwatch-Replayed": "true"}, kept.body)


def _fingerprint(request: Request, canonical: bytes) -> bytes:
    return _hash(f"{request.method} {request.url.path}?{request.url.query}\n".encode() + canonical)


def _hash(told: bytes) -> bytes:
    return hashlib.blake2b(told, digest_size=_KEY_BYTES).digest()
