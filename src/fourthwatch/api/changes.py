"""The way in for what people change: who may, over which state, once, on record, in one transaction.

An edit says what it has seen (`If-Match`), any change may say which attempt it is (`Idempotency-Key`). Changes are made
one after the other: what was looked at when a change was checked holds until it is durable.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fourthwatch.api.access import Access, Caller, presented_key
from fourthwatch.api.request import checked_key, decompressed, idempotency_key_in, read_body
from fourthwatch.engine.corridor import Corridor, Ticket
from fourthwatch.engine.flight import Edited
from fourthwatch.errors import Changed, ConditionMissing, Conflict, Refused
from fourthwatch.store.changes import Change, Configuration, KeptAnswer
from fourthwatch.wire.reply import encode
from fourthwatch.wire.strict import read_object

REPEATED = {"Fourthwatch-Replayed": "true"}
"""Stands beside the answer to a repeat."""
_KEY_BYTES = 16
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was checked, and what is answered once it is durable."""

    change: Change | None
    """`None` when there is nothing to change, or when what was done is durable already."""
    also: tuple[Change, ...] = ()
    """More of it, in the same transaction; of what does not judge."""
    view: msgspec.Struct | None = None
    """`None` answers with no body."""
    again: msgspec.Struct | None = None
    """What a repeat is told in place of the view, and so what is kept: the view without its secret."""
    status: int = 200
    headers: dict[str, str] = {}
    then: Callable[[], None] | None = None
    """Called on the loop when the change is durable, before it is answered; lets it take effect."""
    is_repeat: bool = False
    """Whether it was found done already, though no answer was kept."""


class Asked(msgspec.Struct, frozen=True):
    """A change as it is asked for."""

    caller: Caller
    document: dict[str, Any]
    """The body; empty for a method that has none."""
    if_match: str | None
    is_new: bool = False
    """Whether it is only to be made when there is none yet: `If-None-Match: *`."""
    key: str | None = None
    """The `Idempotency-Key`."""

    def over(self, etag: str | None) -> None:
        """That the caller has seen this state, `None` of what is not there; raises `ConditionMissing` or `Changed`."""
        if self.is_new:
            if etag is not None:
                raise Changed("there is one of this name already; look at it, then send its ETag as If-Match")
            return
        if self.if_match is None and etag is None:
            raise ConditionMissing("there is none of this name; send If-None-Match: * to make it")
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


class Mark(msgspec.Struct, frozen=True):
    """Which attempt at which request it is: hashes of the `Idempotency-Key` and of what is asked."""

    key: bytes
    fingerprint: bytes
    entity: str | None
    """The order or user that it is about."""


Make = Callable[[Asked], Made | Response]
"""A bare response is of what only looks, and is not kept for a repeat."""


class _Finished(msgspec.Struct):
    """What is to be written, what is answered, and what is called in between."""

    answer: Response
    changes: tuple[Change, ...] = ()
    kept: KeptAnswer | None = None
    """To be kept by itself where nothing is written."""
    then: Callable[[], None] | None = None


Finish = Callable[[Made | Response], _Finished]


class Changes:
    """Takes changes for whoever has the right; one for the whole server."""

    def __init__(self, access: Access, configuration: Configuration, corridor: Corridor) -> None:
        self._access = access
        self._configuration = configuration
        self._corridor = corridor
        self._changing = asyncio.Lock()
        self._attempts: WeakValueDictionary[tuple[int, bytes], asyncio.Lock] = WeakValueDictionary()

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
            return await self._written(asked, finish(make(asked)))

        return await self._once(asked, mark, write, self._changing)

    async def take_apart(
        self, request: Request, scope: str, make: Callable[[Asked], Awaitable[Made]], *, has_body: bool = True
    ) -> Response:
        """The same for what takes its time or becomes an event: other changes do not wait for it, repeats of it do.

        Killed before its answer is kept, it may have been done: `make` finds that by `Asked.key`.
        """
        asked, mark = await self._asked(request, scope, has_body=has_body)

        async def write(finish: Finish) -> Response:
            return await self._written(asked, finish(await make(asked)))

        return await self._once(asked, mark, write, asyncio.Lock())

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

            def edit(seq: int) -> Edited | _Finished:
                done = finish(make(asked, seq))
                assert done.then is None
                assert len(done.changes) < 2
                return Edited(done.changes[0], done) if done.changes else done

            future: asyncio.Future[_Finished | Refused] = asyncio.get_running_loop().create_future()
            self._corridor.edit(edit, Ticket(future.set_result))
            outcome = await future
            if isinstance(outcome, Refused):
                raise outcome
            return outcome.answer if outcome.changes else await self._written(asked, outcome)

        return await self._once(asked, mark, write, self._changing)

    async def _written(self, asked: Asked, done: _Finished) -> Response:
        if done.changes:
            await asyncio.to_thread(self._configuration.apply, *done.changes)
        elif done.kept is not None:
            await asyncio.to_thread(self._configuration.keep, asked.caller.tenant, done.kept)
        if done.then is not None:
            done.then()
        return done.answer

    async def _asked(self, request: Request, scope: str, *, has_body: bool) -> tuple[Asked, Mark | None]:
        caller = self.caller(request, scope)
        key = idempotency_key(request)
        document: dict[str, Any] = {}
        canonical = b""
        if has_body and request.method in _WITH_BODY:
            raw = decompressed(await read_body(request.receive), request.headers.get("content-encoding"))
            document, canonical = read_object(raw)
        is_new = request.headers.get("if-none-match", "").strip() == "*"
        asked = Asked(caller, document, request.headers.get("if-match"), is_new, key)
        if key is None:
            return asked, None
        return asked, Mark(_hash(key.encode()), _fingerprint(request, canonical), _entity(request, document))

    async def _once(
        self, asked: Asked, mark: Mark | None, write: Callable[[Finish], Awaitable[Response]], others: asyncio.Lock
    ) -> Response:
        """No other attempt and nothing under the lock in between; whoever hangs up does not stop it half-way."""
        return await asyncio.shield(asyncio.ensure_future(self._alone(asked.caller.tenant, mark, write, others)))

    async def _alone(
        self, tenant: int, mark: Mark | None, write: Callable[[Finish], Awaitable[Response]], others: asyncio.Lock
    ) -> Response:
        lock = asyncio.Lock()
        if mark is not None:
            lock = self._attempts.setdefault((tenant, mark.key), lock)
        async with lock, others:
            if mark is not None:
                kept = await asyncio.to_thread(self._configuration.kept_answer, tenant, mark.key)
                if kept is not None:
                    return _again(kept, mark.fingerprint)
            return await write(lambda made: _finished(made, mark))


def _finished(made: Made | Response, mark: Mark | None) -> _Finished:
    if isinstance(made, Response):
        return _Finished(made)
    told, again = (b"" if view is None else encode(view) for view in (made.view, made.again or made.view))
    headers = {**made.headers, **REPEATED} if made.is_repeat else made.headers
    kept = None
    changes = () if made.change is None else (made.change, *made.also)
    if mark is not None:
        kept = KeptAnswer(
            key=mark.key, fingerprint=mark.fingerprint, status=made.status, headers=made.headers, body=again,
            entity=mark.entity,
        )  # fmt: skip
        if changes:
            changes = (msgspec.structs.replace(changes[0], answer=kept), *changes[1:])
    return _Finished(_reply(made.status, headers, told), changes, kept, made.then)


def caller_of(access: Access, request: Request, scope: str) -> Caller:
    """Who calls; raises `Unauthorised` or `Forbidden`."""
    headers = request.scope["headers"]
    return access.caller(presented_key(headers) or presented_key(headers, b"authorization"), scope)


async def document_of(request: Request) -> dict[str, Any]:
    """The body of what is no change of the configuration; raises `Malformed`."""
    raw = decompressed(await read_body(request.receive), request.headers.get("content-encoding"))
    return read_object(raw)[0]


def etag_of(state: object) -> str:
    """The strong ETag of a state: a struct, or plain objects, of all that an edit could be wrong about."""
    return f'"{_hash(msgspec.json.encode(state, order="deterministic")).hex()}"'


def idempotency_key(request: Request) -> str | None:
    """The header of that name; raises `Malformed`."""
    return checked_key(idempotency_key_in(request.scope["headers"]))


def json_reply(view: msgspec.Struct, etag: str | None = None) -> Response:
    """A view with status 200."""
    return _reply(200, {} if etag is None else {"ETag": etag}, encode(view))


def _reply(status: int, headers: dict[str, str], body: bytes) -> Response:
    return Response(body, status, headers, "application/json" if body else None)


def _again(kept: KeptAnswer, fingerprint: bytes) -> Response:
    if kept.fingerprint != fingerprint:
        raise Conflict("this Idempotency-Key was used before with another request; use a new one")
    return _reply(kept.status, {**kept.headers, **REPEATED}, kept.body)


def _fingerprint(request: Request, canonical: bytes) -> bytes:
    return _hash(f"{request.method} {request.url.path}?{request.url.query}\n".encode() + canonical)


def _entity(request: Request, document: dict[str, Any]) -> str | None:
    """The order or user that is named, in the path or in the body."""
    for kind in ("order", "user"):
        name = request.path_params.get(f"{kind}_id", document.get(f"{kind}_id"))
        if isinstance(name, str):
            return f"{kind}:{name}"
    return None


def _hash(told: bytes) -> bytes:
    return hashlib.blake2b(told, digest_size=_KEY_BYTES).digest()
