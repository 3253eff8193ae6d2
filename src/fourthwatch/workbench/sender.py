"""Sends recorded bodies to a server over kept connections, in order, a few under way at a time.

Nothing counts as sent until the server has said so: what got no answer is sent again, which a server that
knows its events takes as the same event.
"""

import http.client
import json
import queue
import socket
import ssl
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import TypeVar
from urllib.parse import urlsplit

from fourthwatch.clock import Clock
from fourthwatch.errors import SendingStopped, UsageError
from fourthwatch.workbench.turns import Outgoing, Turn, Turns

T = TypeVar("T")

WORKERS = 16
TIMEOUT_S = 30.0
PATIENCE_S = 120.0
"""How long a server may be away, or busy, before sending stops."""
FIRST_PATIENCE_S = 10.0
"""The same for a server that has never answered: most likely a wrong address."""
BACKOFF_FIRST_S = 0.05
BACKOFF_MOST_S = 5.0
RETRY_AFTER_MOST_S = 60.0
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
READ_AHEAD = 4
"""Events per connection that may be read before those in front of them are answered."""
KEY_HEADER = "X-THIRDWATCH-API-KEY"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said. `body` is empty when it was no JSON object; `attempts` counts from 1."""

    status: int
    body: dict[str, object]
    attempts: int = 1

    @property
    def acknowledged(self) -> bool:
        """The server has taken the event: 2xx with the `status` text that every reply of the contract has."""
        return 200 <= self.status < 300 and isinstance(self.body.get("status"), str)

    @property
    def told(self) -> str:
        """The server's own words about what is wrong; a short sentence without any value of the event."""
        text = self.body.get("message") or self.body.get("error")
        return text if isinstance(text, str) else "no explanation"


@dataclass(frozen=True, slots=True)
class Target:
    """A server's address. `path` is what stands before `/event` and `/neo`, without a slash at its end."""

    secure: bool
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> "Target":
        """Take a base address with or without `/event` at its end. Raises `UsageError` when it is none.

        >>> Target.of("http://localhost:8080/event/")
        Target(secure=False, host='localhost', port=8080, path='')
        >>> Target.of("https://shop.example.com").port
        443
        """
        parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
        try:
            port = parts.port
        except ValueError as error:
            raise UsageError(f"{url!r} has no readable port: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(f"{url!r} is no base address: it should be like https://localhost:8443/event")
        if parts.username is not None:
            raise UsageError("the base address should not hold a user name; the key is given by itself")
        secure = parts.scheme == "https"
        path = parts.path.rstrip("/").removesuffix("/event")
        return cls(secure, parts.hostname, port or (443 if secure else 80), path)

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http{'s' if self.secure else ''}://{self.authority}{self.path}"


class Connection:
    """One kept connection to a server; used by one thread, a context manager.

    `stop` ends waiting; `insecure` takes any certificate, for self-signed ones on one's own machine.
    """

    def __init__(
        self,
        target: Target,
        key: str,
        *,
        clock: Clock,
        random: Random,
        stop: threading.Event | None = None,
        insecure: bool = False,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        if not (key.isascii() and key.isprintable()):
            raise UsageError("the key should be printable ASCII, as the server issued it")
        self.target = target
        self._clock = clock
        self._random = random
        self._stop = stop or threading.Event()
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._reached = False
        self._head = (
            f"Host: {target.authority}\r\n{KEY_HEADER}: {key}\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\nUser-Agent: fourthwatch\r\n"
            "Fourthwatch-Priority: bulk\r\n"  # what was recorded can wait, a shopper at the till cannot
        )
        self._tls = _tls(insecure=insecure) if target.secure else None
        self._kept: socket.socket | None = None

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def post(self, event: str, body: bytes, repeat_key: str | None = None) -> Reply:
        """Send one event and wait for its reply, again and again while the server is away or busy.

        `repeat_key` goes along as `Idempotency-Key`. Raises `SendingStopped` when the server stays so for longer than
        `patience_s`, and when `stop` is set.
        """
        more = "" if repeat_key is None else f"Idempotency-Key: {repeat_key}\r\n"
        return self._asked("POST", f"{self.target.path}/event/v1/{event}", body, more)

    def get(self, path: str) -> Reply:
        """Ask for `path`, such as `/neo/v1/score?order_id=…`; otherwise like `post`."""
        return self._asked("GET", f"{self.target.path}{path}", b"")

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def hang_up(self) -> None:
        """From another thread: end the exchange under way, if there is one, by cutting the connection."""
        kept = self._kept
        if kept is not None:
            with suppress(OSError):
                kept.shutdown(socket.SHUT_RDWR)

    def _asked(self, method: str, path: str, body: bytes, more: str = "") -> Reply:
        if not (path.isascii() and path.isprintable() and " " not in path):
            raise UsageError(f"{path!r} is no path of a request: it should be percent-encoded ASCII")
        started_s = self._clock.monotonic_s()
        attempts = 0
        while True:
            attempts += 1
            wait_s = self._backoff_s(attempts)
            if self._stop.is_set():
                raise SendingStopped("sending was stopped")
            try:
                status, retry_after_s, raw = self._exchange(method, path, body, more)
            except ssl.SSLCertVerificationError as error:
                raise SendingStopped(
                    f"{self.target.url}: its certificate is not trusted ({error.verify_message}); "
                    "a self-signed one of your own needs the insecure option"
                ) from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                trouble = f"{type(error).__name__}: {error}"
            else:
                self._reached = True
                reply = Reply(status, _object(raw), attempts)
                if status not in RETRIED_STATUSES:
                    return reply
                trouble = f"{status}: {reply.told}"
                wait_s = max(wait_s, retry_after_s)
            patience_s = self._patience_s if self._reached else min(self._patience_s, FIRST_PATIENCE_S)
            if self._clock.monotonic_s() + wait_s > started_s + patience_s:
                raise SendingStopped(f"{self.target.url} does not take events, tried {attempts} times: {trouble}")
            self._stop.wait(wait_s)

    def _exchange(self, method: str, path: str, body: bytes, more: str) -> tuple[int, float, bytes]:
        """One request on the kept connection: status, seconds to wait as the server wishes, body."""
        kept = self._kept
        if kept is None:
            kept = self._kept = self._connected()
        # Head and body leave in one write; the two of http.client's own request cost a quarter of the speed.
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{more}Content-Length: {len(body)}\r\n\r\n"
        kept.sendall(head.encode("ascii") + body)
        response = http.client.HTTPResponse(kept, method=method)
        try:
            response.begin()
            raw = response.read()
        finally:
            response.close()
        if response.will_close:
            self.close()
        return response.status, _retry_after_s(response.getheader("Retry-After")), raw

    def _connected(self) -> socket.socket:
        target = self.target
        plain = socket.create_connection((target.host, target.port), self._timeout_s)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            return plain
        try:
            return self._tls.wrap_socket(plain, server_hostname=target.host)
        except (OSError, ValueError):
            plain.close()
            raise

    def _backoff_s(self, attempts: int) -> float:
        """Growing and jittered, so that many connections do not come back at once."""
        most: float = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2 ** min(attempts - 1, 10))
        return most * self._random.uniform(0.5, 1.0)


class Sender:
    """Sends a stream of events over `workers` kept connections; a context manager.

    Events start in the order given and up to `workers` are under way together. Two about the same user, session
    or order (`Outgoing.about`) are never under way together, so no payment overtakes its order; strangers may
    arrive in another order, which is harmless to a server that reads features as of an event's own time.
    """

    def __init__(
        self,
        to: str,
        key: str,
        *,
        clock: Clock,
        random: Random,
        workers: int = WORKERS,
        insecure: bool = False,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        if not 1 <= workers <= 256:
            raise UsageError(f"workers is {workers}: it should be 1 to 256")
        self.target = Target.of(to)
        self.stop = threading.Event()
        """Set it from anywhere to end sending; what is under way is no longer waited for."""
        self._clock = clock
        self._connections = [
            Connection(
                self.target,
                key,
                clock=clock,
                random=Random(random.random()),  # noqa: S311 - jitter; one each, for threads of their own
                stop=self.stop,
                insecure=insecure,
                timeout_s=timeout_s,
                patience_s=patience_s,
            )
            for _ in range(workers)
        ]

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()

    def send(self, outgoing: Iterable[Outgoing[T]]) -> Generator[tuple[T, Reply], None, None]:
        """Send everything and yield each tag with its reply, as replies come.

        `outgoing` is read only as fast as it can be sent. Raises `SendingStopped` like `Connection.post`,
        after the replies that came before it. A sender that was stopped, or left before its end, is done.
        """
        todo: queue.SimpleQueue[Turn[T] | None] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[Turn[T], Reply | Exception]] = queue.SimpleQueue()
        threads = [
            threading.Thread(target=_work, args=(connection, todo, done), name="sender", daemon=True)
            for connection in self._connections
        ]
        for thread in threads:
            thread.start()
        finished = False
        try:
            yield from self._window(iter(outgoing), todo, done)
            finished = True
        finally:
            for _ in threads:
                todo.put(None)
            if not finished:
                self._hang_up()
            for thread in threads:
                # Somebody who is only just connecting is not waited for; the thread ends by itself.
                thread.join(timeout=1.0)

    def _hang_up(self) -> None:
        self.stop.set()
        for connection in self._connections:
            connection.hang_up()

    def _window(
        self,
        outgoing: Iterator[Outgoing[T]],
        todo: "queue.SimpleQueue[Turn[T] | None]",
        done: "queue.SimpleQueue[tuple[Turn[T], Reply | Exception]]",
    ) -> Generator[tuple[T, Reply], None, None]:
        turns: Turns[T] = Turns()
        under_way, workers = 0, len(self._connections)
        following = next(outgoing, None)
        while following is not None or turns.unanswered:
            while turns.ready and under_way < workers:
                todo.put(turns.ready.popleft())
                under_way += 1
            wait_s: float | None = None
            if following is not None and under_way < workers and turns.unanswered < READ_AHEAD * workers:
                wait_s = 0.0 if following.due_s is None else following.due_s - self._clock.monotonic_s()
                if wait_s <= 0:
                    turns.join(following)
                    following = next(outgoing, None)
                    continue
            if self.stop.is_set():
                raise SendingStopped("sending was stopped")
            try:
                # Woken every so often to see whether it was told to stop.
                turn, outcome = done.get(timeout=0.5 if wait_s is None else min(wait_s, 0.5))
            except queue.Empty:
                continue
            under_way -= 1
            if isinstance(outcome, Exception):
                raise outcome
            turns.answered(turn)
            yield turn.outgoing.tag, outcome


def _work(
    connection: Connection,
    todo: "queue.SimpleQueue[Turn[T] | None]",
    done: "queue.SimpleQueue[tuple[Turn[T], Reply | Exception]]",
) -> None:
    """A worker's life: take, send, tell. What goes wrong is told too, or the caller would wait for ever."""
    while (turn := todo.get()) is not None:
        try:
            outgoing = turn.outgoing
            done.put((turn, connection.post(outgoing.event, outgoing.body, outgoing.repeat_key)))
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
            done.put((turn, error))
    connection.close()


def _object(raw: bytes) -> dict[str, object]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after_s(value: str | None) -> float:
    """Seconds of a `Retry-After`, 0 when it is absent or a date; bounded, for a server may say anything."""
    if value is None or not value.strip().isdecimal():
        return 0.0
    return min(float(value), RETRY_AFTER_MOST_S)


def _tls(*, insecure: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
