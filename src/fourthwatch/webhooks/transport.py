"""One request to a receiver that may be hostile: one look-up, one checked address, one connection, one bounded reply.

No proxy, no redirect, no decompression, nothing kept for the next request; one deadline over all of it.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import h11
import msgspec

from fourthwatch.limits import DELIVERY_DEADLINE_S, REPLY_BYTES_MAX, REPLY_HEADER_BYTES_MAX
from fourthwatch.webhooks.addresses import PUBLIC_PORTS, Named, refusal_of

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host; raises `OSError`."""

Dial = Callable[..., Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""Connects to an address; takes what `asyncio.open_connection` takes."""

_READ_BYTES = 16 * 1024
_INTERIM_MAX = 8
"""Interim replies (1xx) in front of the real one."""
_CLOSE_S = 1.0
_FAULT_CHARS_MAX = 200
"""Of what is wrong with a reply: it may have the reply's own bytes in it."""


class Target(msgspec.Struct, frozen=True, gc=False):
    """An address of a receiver, taken apart once."""

    is_tls: bool
    host: str
    """Without brackets."""
    port: int
    authority: str
    """For the header `Host`."""
    path: str
    """With the query."""


class Replied(msgspec.Struct, frozen=True, gc=False):
    """What a receiver answered."""

    status: int
    retry_after: str | None
    body: bytes
    """Its beginning; the rest was not kept."""
    address: str


class NotReplied(Exception):
    """The request did not come to a usable reply; the text says why, `address` what was connected to."""

    def __init__(self, message: str, address: str | None = None) -> None:
        super().__init__(message)
        self.address = address


class Transport:
    """Sends requests. A resolver of one's own decides what names mean, a dial of one's own where addresses lead."""

    def __init__(
        self,
        named: Named = frozenset(),
        *,
        resolve: Resolve | None = None,
        dial: Dial = asyncio.open_connection,
        trust: ssl.SSLContext | None = None,
        deadline_s: float = DELIVERY_DEADLINE_S,
    ) -> None:
        self._named = named
        self._resolve = resolve or system_addresses
        self._dial = dial
        self._trust = trust or ssl.create_default_context()
        self._deadline_s = deadline_s

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, plain_is_right: bool) -> Replied:
        """Send; raises `NotReplied`. `plain_is_right` lets http through to a public address."""
        at: list[str] = []
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._post(url, headers, body, plain_is_right=plain_is_right, at=at)
        except TimeoutError:
            raise NotReplied(f"no whole reply within {self._deadline_s:g} s", at[0] if at else None) from None
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or error.reason or "unknown"
            raise NotReplied(f"TLS failed: {why}", at[0] if at else None) from None
        except OSError as error:
            raise NotReplied(f"no connection: {error.strerror or error}", at[0] if at else None) from None

    async def _post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, plain_is_right: bool, at: list[str]
    ) -> Replied:
        target = target_of(url)
        is_named = (target.host.lower(), target.port) in self._named
        refusal = fault_of_target(target, is_named=is_named, plain_is_right=plain_is_right)
        if refusal is not None:
            raise NotReplied(refusal)
        address = await self._address_of(target, is_named=is_named)
        at.append(address)
        tls = self._trust if target.is_tls else None
        reader, writer = await self._dial(
            address, target.port, ssl=tls, server_hostname=target.host if tls is not None else None,
            limit=REPLY_BYTES_MAX,
        )  # fmt: skip
        try:
            peer = self._checked_peer(writer, is_named=is_named)
            return await _exchange(reader, writer, target, headers, body, peer)
        finally:
            writer.transport.abort()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await writer.wait_closed()

    def _checked_peer(self, writer: asyncio.StreamWriter, *, is_named: bool) -> str:
        """The address that a connection leads to, before anything is said; raises `NotReplied`."""
        peer, own = str(writer.get_extra_info("peername")[0]), str(writer.get_extra_info("sockname")[0])
        refusal = refusal_of(peer, is_named=is_named)
        if refusal is None and peer == own and not is_named:
            refusal = "the address is this machine's own"
        if refusal is not None:
            raise NotReplied(refusal, peer)
        return peer

    async def _address_of(self, target: Target, *, is_named: bool) -> str:
        """The address to connect to: the first, and none when any may not be connected to."""
        found = await self._resolve(target.host, target.port)
        for address in found:
            refusal = refusal_of(address, is_named=is_named)
            if refusal is not None:
                raise NotReplied(refusal, address)
        if not found:
            raise NotReplied("the name has no address")
        return found[0]


def target_of(url: str) -> Target:
    """An http or https address, taken apart; raises `NotReplied`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not url.isascii() or any(ord(one) <= 32 or ord(one) == 127 for one in url):
        raise NotReplied("the address cannot be read")
    if parts.scheme not in ("http", "https") or parts.username is not None or parts.password is not None:
        raise NotReplied("the address must be http or https, without a user")
    is_tls = parts.scheme == "https"
    number = port if port is not None else 443 if is_tls else 80
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port is None else f"{shown}:{port}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(is_tls, host, number, authority, path)


def fault_of_target(target: Target, *, is_named: bool, plain_is_right: bool) -> str | None:
    """What is wrong with an address before anything is looked up; `None` when nothing is."""
    if is_named:
        return None
    if not target.is_tls and not plain_is_right:
        return "the address must be https, unless the operator has named this receiver"
    if target.port not in PUBLIC_PORTS["https" if target.is_tls else "http"]:
        return f"port {target.port} is only for receivers that the operator has named"
    return None


def fault_of_url(url: str, named: Named) -> str | None:
    """Why a webhook cannot be sent to an address, whatever it leads to; `None` when nothing is wrong with it."""
    try:
        target = target_of(url)
    except NotReplied as error:
        return str(error)
    is_named = (target.host.lower(), target.port) in named
    return fault_of_target(target, is_named=is_named, plain_is_right=False)


async def system_addresses(host: str, port: int) -> Sequence[str]:
    """As the system's resolver says; an address stands for itself."""
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    address: str,
) -> Replied:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=REPLY_HEADER_BYTES_MAX)
    every = {"Host": target.authority, **headers, "Content-Length": str(len(body)), "Connection": "close"}
    try:
        request = h11.Request(method="POST", target=target.path, headers=list(every.items()))
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        with suppress(ConnectionError):  # it may have answered before it has read everything
            await writer.drain()
        return await _reply(reader, connection, address)
    except h11.RemoteProtocolError as error:
        raise NotReplied(f"the reply is not HTTP: {str(error)[:_FAULT_CHARS_MAX]}", address) from None
    except h11.LocalProtocolError as error:
        raise NotReplied(f"the request cannot be written: {error}", address) from None


async def _reply(reader: asyncio.StreamReader, connection: h11.Connection, address: str) -> Replied:
    response: h11.Response | None = None
    body = bytearray()
    interim = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.InformationalResponse):
            interim += 1
            if interim > _INTERIM_MAX:
                raise NotReplied("too many interim replies", address)
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > REPLY_BYTES_MAX:
                raise NotReplied(f"the reply is longer than {REPLY_BYTES_MAX} bytes", address)
        elif isinstance(event, h11.EndOfMessage) and response is not None:
            return Replied(response.status_code, _retry_after(response), bytes(body), address)
        else:
            raise NotReplied("the connection was closed before the reply was whole", address)


def _retry_after(response: h11.Response) -> str | None:
    return next((str(value, "latin-1") for name, value in response.headers if name == b"retry-after"), None)
