"""One HTTP request and its answer, and the answers given without asking the application.

Every error body is `{"error": text, "message": text, "code": code}`: some clients read one, some the other.
"""

import asyncio
import re
import urllib.parse
from collections.abc import Coroutine
from typing import Any, Final, Literal, NamedTuple, Protocol, Self

import httptools
import msgspec
from uvicorn._types import ASGISendEvent, HTTPScope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from fourthwatch import limits

Phase = Literal["head", "body", "chunks", "answer", "drain", "closed"]
"""What a connection waits for: a request's head, the rest of a body of known length or of a chunked body, our
own answer to a request that is wholly read, the end of an upload nobody will read, its own end."""


class Refusal(NamedTuple):
    """An answer of the server's own; `retry_after_s` is None where trying again does not help."""

    status: int
    code: str
    text: str
    retry_after_s: int | None = None

    def body(self) -> bytes:
        """The error body of the house.

        >>> Refusal(400, "malformed", "No.").body()
        b'{"error":"No.","message":"No.","code":"malformed"}'
        """
        return msgspec.json.encode({"error": self.text, "message": self.text, "code": self.code})

    def answer(self, default_headers: list[tuple[bytes, bytes]]) -> bytes:
        """The whole response, which ends its connection."""
        body = self.body()
        lines = [STATUS_LINE[self.status]]
        lines.extend(name + b": " + value + b"\r\n" for name, value in default_headers)
        if self.retry_after_s is not None:
            lines.append(b"retry-after: %d\r\n" % self.retry_after_s)
        lines.append(b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body))
        lines.append(b"connection: close\r\n\r\n")
        lines.append(body)
        return b"".join(lines)


_H2C_OFFER = re.compile(rb"\r\n(?:upgrade:[ \t]*h2c[ \t]*\r\n)+", re.IGNORECASE)
HEADERS_TOO_LARGE: Final = Refusal(
    431, "headers_too_large",
    f"The request's headers have more than {limits.HEADER_BYTES_MAX} bytes or {limits.HEADER_COUNT_MAX} fields.",
)  # fmt: skip
HEADERS_TOO_SLOW: Final = Refusal(408, "header_timeout", "The request's headers did not arrive in time.")
BODY_TOO_SLOW: Final = Refusal(408, "body_timeout", "The request's body did not arrive in time.")
BODY_TOO_LARGE: Final = Refusal(413, "too_large", f"the body is larger than {limits.BODY_BYTES_MAX} bytes")
MALFORMED: Final = Refusal(400, "malformed_http", "This is not a well-formed HTTP/1.1 request.")
HOST_MISSING: Final = Refusal(400, "malformed_http", "An HTTP/1.1 request needs exactly one Host header.")
ENCODING_UNKNOWN: Final = Refusal(400, "malformed_http", "The only transfer encoding taken here is chunked.")
UPGRADE_REFUSED: Final = Refusal(400, "upgrade_refused", "This server speaks HTTP/1.1 and does not upgrade.")
VERSION_REFUSED: Final = Refusal(505, "http_version", "Use HTTP/1.1 or HTTP/1.0.")
CROWDED: Final = Refusal(503, "unavailable", "Too many connections; try again shortly.", retry_after_s=1)
FAILED: Final = Refusal(500, "internal", "The server failed to answer this request.")


def refusal_of(version: str, hosts: int, encoding: bytes | None, *, upgrades: bool, large: bool) -> Refusal | None:
    """Why a request is refused when its head is complete; `hosts` says how often one was named."""
    if version not in ("1.1", "1.0"):
        return VERSION_REFUSED
    if upgrades:
        return UPGRADE_REFUSED
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        return HOST_MISSING
    if encoding is not None and (encoding != b"chunked" or version == "1.0"):
        return ENCODING_UNKNOWN
    return BODY_TOO_LARGE if large else None


def target_of(url: bytes) -> tuple[str, bytes, bytes] | None:
    """Path, the path as it was sent, and query of a request's target, as uvicorn splits it; `None`: it is none."""
    try:
        target = httptools.parse_url(url)
        raw_path = target.path or b"/"
        return urllib.parse.unquote(raw_path.decode("ascii")), raw_path, target.query or b""
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
        return None


def fill_in(
    scope: HTTPScope,
    target: tuple[str, bytes, bytes],
    root_path: str,
    headers: list[tuple[bytes, bytes]],
    method: bytes,
    version: str,
) -> None:
    """What the application is told of the request, in a scope of uvicorn's."""
    path, raw_path, scope["query_string"] = target
    scope["path"] = root_path + path
    scope["raw_path"] = root_path.encode("ascii") + raw_path
    scope["headers"], scope["method"], scope["http_version"] = headers, method.decode("ascii"), version


class Connection(Protocol):
    """What an exchange needs of its connection."""

    transport: asyncio.Transport

    def finish(self) -> None:
        """Close once the answer is out."""

    def is_finished(self) -> bool:
        """Whether nothing more can be said."""


class Outlet(asyncio.Transport):
    """The connection as an exchange sees it: silent once the exchange has been refused, and closed gently."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._connection.is_finished():
            self._connection.transport.write(data)

    def close(self) -> None:
        self._connection.finish()

    def is_closing(self) -> bool:
        return self._connection.is_finished()


class Exchange(RequestResponseCycle):
    """uvicorn's exchange, with our error body for a broken application."""

    @classmethod
    def on(cls, connection: HttpToolsProtocol, outlet: Outlet, *, keep_alive: bool) -> Self:
        """The exchange of the request whose head a connection has just read."""
        return cls(
            scope=connection.scope,
            transport=outlet,
            flow=connection.flow,
            logger=connection.logger,
            access_logger=connection.access_logger,
            access_log=connection.access_log,
            default_headers=connection.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=connection.expect_100_continue and connection.scope["http_version"] == "1.1",
            keep_alive=keep_alive,
            on_response=connection.on_response_complete,
        )

    def send(self, message: ASGISendEvent) -> Coroutine[Any, Any, None]:
        if self.waiting_for_100_continue and self.more_body:
            # Answered without having asked for the body: nobody knows whether it comes: let nothing follow.
            self.keep_alive = False
        return super().send(message)

    async def send_500_response(self) -> None:
        body = FAILED.body()
        await self.send(
            {
                "type": "http.response.start",
                "status": FAILED.status,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", b"%d" % len(body)),
                    (b"connection", b"close"),
                ],
            }
        )
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def without_offer(head: bytes) -> bytes:
    """A head, or a piece of one, without the offer of HTTP/2 that Java's client makes at first: a server may pass over
    that, the parser not."""
    return _H2C_OFFER.sub(b"\r\n", head)
