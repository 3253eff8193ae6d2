"""One request's headers and body as we need them, and one reply: the smallest ASGI that the event path can do with."""

import zlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from fourthwatch.errors import Malformed, Refused, TooLarge
from fourthwatch.limits import BODY_BYTES_MAX, GZIP_MEMBERS_MAX, IDEMPOTENCY_KEY_CHARS_MAX
from fourthwatch.wire.reply import error_body

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

Pair = tuple[bytes, bytes]
"""Name and value of a header."""

IDEMPOTENCY_HEADER = b"idempotency-key"
REPLAYED: Pair = (b"fourthwatch-replayed", b"true")
_JSON: Pair = (b"content-type", b"application/json")
_GZIP_WINDOW = 31
_ZLIB_WINDOW = 15


class ClientGone(Exception):
    """The client hung up before its body was whole."""


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of this (lower-case) name."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


def idempotency_key_in(headers: Iterable[Pair]) -> str | None:
    """The `Idempotency-Key`; of several that differ each on a line of its own, which `checked_key` refuses."""
    told = dict.fromkeys(str(value, "latin-1") for name, value in headers if name == IDEMPOTENCY_HEADER)
    return "\n".join(told) if told else None


def checked_key(key: str | None) -> str | None:
    """The same; raises `Malformed` when it cannot be one."""
    if key is not None and "\n" in key:
        raise Malformed("the Idempotency-Key headers of this request differ; send one", code="bad_header")
    if key is not None and not 0 < len(key) <= IDEMPOTENCY_KEY_CHARS_MAX:
        raise Malformed(f"Idempotency-Key must have 1 to {IDEMPOTENCY_KEY_CHARS_MAX} characters", code="bad_header")
    return key


async def read_body(receive: Receive) -> bytes:
    """The body, counted while it comes; raises `TooLarge` or `ClientGone`."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return bounded(body)
    chunks = [body]
    size = len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def bounded(body: bytes) -> bytes:
    """The body; raises `TooLarge`."""
    if len(body) > BODY_BYTES_MAX:
        raise _too_large()
    return body


def decompressed(body: bytes, encoding: str | None) -> bytes:
    """The body as it was before `Content-Encoding`, with the same bound; raises `Malformed` or `TooLarge`."""
    if encoding is None:
        return body
    word = encoding.strip().lower()
    if word in ("", "identity"):
        return body
    if word not in ("gzip", "x-gzip", "deflate"):
        raise Malformed("this Content-Encoding is not understood; send gzip or none", code="unknown_encoding")
    if word == "deflate":
        plain, rest = _member(body, _ZLIB_WINDOW, BODY_BYTES_MAX)
    else:
        plain, rest = _member(body, _GZIP_WINDOW, BODY_BYTES_MAX)
        for _ in range(GZIP_MEMBERS_MAX - 1):  # one behind the other are one file (RFC 1952, 2.2)
            if not rest:
                break
            more, rest = _member(rest, _GZIP_WINDOW, BODY_BYTES_MAX - len(plain))
            plain += more
    if rest:
        raise Malformed("the compressed body has something behind it, or too many members", code="bad_encoding")
    return plain


def _member(packed: bytes, window: int, room: int) -> tuple[bytes, bytes]:
    """What was packed, inflated no further than `room`, and what lies behind it."""
    unpacker = zlib.decompressobj(window)
    try:
        plain = unpacker.decompress(packed, room + 1)
    except zlib.error:
        raise Malformed("the body is not what its Content-Encoding says", code="bad_encoding") from None
    if len(plain) > room:
        raise _too_large()
    if not unpacker.eof:
        raise Malformed("the compressed body is cut off", code="bad_encoding")
    return plain, unpacker.unused_data


async def send_json(send: Send, status: int, body: bytes, *extra: Pair) -> None:
    """One whole JSON reply."""
    headers = [_JSON, (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_refusal(send: Send, refusal: Refused, *extra: Pair) -> None:
    """A refusal in the shape that every old client can digest."""
    await send_json(send, refusal.status, error_body(refusal), *extra, *refusal_headers(refusal))


def refusal_headers(refusal: Refused) -> tuple[Pair, ...]:
    """What a refusal says beside its body."""
    return () if refusal.retry_after_s is None else ((b"retry-after", b"%d" % refusal.retry_after_s),)


def _too_large() -> TooLarge:
    return TooLarge(f"the body is larger than {BODY_BYTES_MAX} bytes")
