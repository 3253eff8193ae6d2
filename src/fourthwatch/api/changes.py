"""The way in for what people change: who may, over which state, once, on record, in one transaction.

An edit says what it has seen (`If-Match`), a creation may say which attempt it is (`Idempotency-Key`). Changes are made
one after the other: what was looked at when a change was checked holds until it is durable.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fourthwatch.api.access import Access, Caller
from fourthwatch.api.request import decompressed, read_body
from fourthwatch.engine.corridor import Corridor, Ticket
from fourthwatch.engine.flight import Edited
from fourthwatch.errors import Changed, ConditionMissing, Conflict, Malformed, Refused
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
    is_new: bool = False
    """Whether it is only to be made when there is none yet: `If-None-Match: *`."""

    def over(self, etag: str | None) -> None:
        """That the caller has seen this state, `None` of what is not there; raises `ConditionMissing` or `Changed`."""
        if self.is_new:
            if etag is not None:
                raise Changed("there is one of this name already; look at it, then send its ETag as If-Match")
            return
        if self.if_match is None:
            raise ConditionMissing("send If-Match with the ETag of what you have seen; * takes whatever there is")
        self.over_if_told(etag)

    def over_if_told(self, etag: str | None) -> None:
        """The same for what may be done unseen; raises `Changed`."""
        if self.if_match is not None and self.if_match.strip() != "*":
            seen = {one.strip() for one in self.if_match.split(",")}
            if etag is None:
                raise Changed("there is none of this name; send If-None-Match: * to make it")
            if etag not in seen:
                raise Changed("it was changed since you have seen it; look again, then send this with the new ETag")


Make = Callable[[Asked], Made | Response]
Mark = tuple[bytes, bytes]
"""Hashes of an `Idempotency-Key` and of its request."""
Finish = Callable[[Made | Response], tuple[Change | None, Response, Callable[[], None] | None]]


class Changes:
    """Takes changes for whoever has the right; one for the whole server."""

    def __init__(self, access: Access, configuration: Configuration, corridor: Corridor) -> None:
        self._access = access
        self._configuration = configuration
        self._corridor = corridor
        self._changing = asyncio.Lock()

    def caller(self, request: Request, scope: str) -> Caller:
        """Who calls; raises `Unauthorised` or `Forbidden`."""
        return caller_of(self._access, request, scope)

    def look_at_keys(self) -> None:
        """Know keys that were just made or revoked at once, not at the next look."""
        self._access.refresh()

    async def take(self, request: Request, scope: str, make: Make, *, has_body: bool = True) -> Response:
        """One change, to its end. `make` checks it, while no other is made, and raises `Refused`; or it answers itself.

        It takes effect once it is durable, when `Made.then` is called. A repeat of an `Idempotency-Key` gets the first
        answer again and has no second effect; with another body, method or path it is a conflict.
        """
        asked, mark = await self._asked(request, scope, has_body=has_body)

        async def write(finish: Finish) -> Response:
            change, answer, then = finish(make(asked))
            if change is not None:
                await asyncio.to_thread(self._configuration.apply, change)
            if then is not None:
                then()
            return answer

        return await self._once(asked, mark, write)

    async def take_between_events(
        self, request: Request, scope: str, make: Callable[[Asked, int], Made | Response], *, has_body: bool = True,
        prepare: Callable[[Asked], None] | None = None,
    ) -> Response:  # fmt: skip
        """The same for a change of what judges. `make` is called between two events, with the position of the first
        one that sees the change, and lets it take effect there; should it not become durable, it is as if never made.

        `prepare` comes before it, on another thread: for what takes so long that events would wait for it.
        """
        asked, mark = await self._asked(request, scope, has_body=has_body)

        async def write(finish: Finish) -> Response:
            if prepare is not None:
                await asyncio.to_thread(prepare, asked)

            def edit(seq: int) -> Edited | Response:
                change, answer, then = finish(make(asked, seq))
                assert then is None
                return answer if change is None else Edited(change, answer)

            future: asyncio.Future[Response | Refused] = asyncio.get_running_loop().create_future()
            self._corridor.edit(edit, Ticket(future.set_result))
            outcome = await future
            if isinstance(outcome, Refused):
                raise outcome
            return outcome

        return await self._once(asked, mark, write)

    async def _asked(self, request: Request, scope: str, *, has_body: bool) -> tuple[Asked, Mark | None]:
        caller = self.caller(request, scope)
        key = idempotency_key(request)
        document: dict[str, Any] = {}
        canonical = b""
        if has_body and request.method in _WITH_BODY:
            raw = decompressed(await read_body(request.receive), request.headers.get("content-encoding"))
            document, canonical = read_object(raw)
        is_new = request.headers.get("if-none-match", "").strip() == "*"
        asked = Asked(caller, document, request.headers.get("if-match"), is_new)
        mark = None if key is None else (_hash(key.encode()), _fingerprint(request, canonical))
        return asked, mark

    async def _once(self, asked: Asked, mark: Mark | None, write: Callable[[Finish], Awaitable[Response]]) -> Response:
        """Nobody else's change in between; whoever hangs up does not stop it between its two halves."""
        return await asyncio.shield(asyncio.ensure_future(self._alone(asked.caller.tenant, mark, write)))

    async def _alone(self, tenant: int, mark: Mark | None, write: Callable[[Finish], Awaitable[Response]]) -> Response:
        async with self._changing:
            if mark is not None:
                kept = await asyncio.to_thread(self._configuration.kept_answer, tenant, mark[0])
                if kept is not None:
                    return _again(kept, mark[1])
            return await write(lambda made: _finished(made, mark))


def _finished(made: Made | Response, mark: Mark | None) -> tuple[Change | None, Response, Callable[[], None] | None]:
    """What is to be written, answered, and called in between."""
    if isinstance(made, Response):
        return None, made, None
    body = b"" if made.view is None else encode(made.view)
    change = made.change
    if mark is not None:
        answer = KeptAnswer(key=mark[0], fingerprint=mark[1], status=made.status, headers=made.headers, body=body)
        change = msgspec.structs.replace(change, answer=answer)
    return change, _reply(made.status, made.headers, body), made.then


def caller_of(access: Access, request: Request, scope: str) -> Caller:
    """Who calls; raises `Unauthorised` or `Forbidden`."""
    presented = request.headers.get("x-thirdwatch-api-key") or request.headers.get("authorization")
    return access.caller(presented, scope)


async def document_of(request: Request) -> dict[str, Any]:
    """The body of what is no change of the configuration; raises `Malformed`."""
    raw = decompressed(await read_body(request.receive), request.headers.get("content-encoding"))
    return read_object(raw)[0]


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
