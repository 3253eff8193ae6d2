"""Shoppers who send events with marks, note what they are told, and send some of them again.

An event is sent again only with the same content, and only if the server can know it again.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from random import Random
from typing import Literal, NamedTuple, Self

from faults.history import History
from served import KEY_HEADER, Reply, Served

Counted = Literal["orders_by_ip_24h", "failed_transactions_24h", "failed_logins_24h"]

_REPLY_S = 60.0
_RESENT_AFTER_OK = 0.15
_RESENT_AFTER_UNKNOWN = 0.7
_WENT_WRONG_ON_DISK = "could not write its data file"


class Made(NamedTuple):
    """An event to be sent."""

    mark: str
    event: str
    """As in the path."""
    ip: str
    body: bytes
    counted: Counted | None = None
    """The feature that goes up by one for later orders from the same IP."""
    idempotency_key: str | None = None
    repeatable: bool = True
    """Whether the server can tell a retry of it from a second one like it."""


def shopping(random: Random, who: int, at_ms: int | None = None) -> Iterator[Made]:
    """Events without end, about one shopper after the other; each has an IP, a user and a session.

    They happen at `at_ms`, or now.
    """
    shopper = 0
    while True:
        shopper += 1
        events = list(_visit(f"{who}-{shopper}", f"2001:db8:{who:x}:{shopper & 0xFFFF:x}::1", at_ms))
        random.shuffle(events)
        yield from events


def probe(ip: str, mark: str) -> Made:
    """An order from this IP by somebody new: its features tell what is remembered of the IP."""
    return _made(mark, "createOrder", ip, None, {"_orderId": f"o-{mark}", "_userId": f"u-{mark}", "_amount": "1"})


def _visit(name: str, ip: str, at_ms: int | None) -> Iterator[Made]:
    now_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    user, session = {"_userId": f"u{name}"}, {"_sessionId": f"s{name}"}
    for number in range(5):
        mark = f"{name}-order{number}"
        amount = {"_orderId": f"o{name}-{number}", "_amount": f"{number}9.90", "_currencyCode": "INR"}
        yield _made(mark, "createOrder", ip, "orders_by_ip_24h", {**user, **session, **amount})
    for number in range(4):
        payment = {
            "_orderId": f"o{name}-{number}",
            "_transactionStatus": "_failure",
            "_originTimestamp": now_ms + number,
        }
        yield _made(f"{name}-pay{number}", "transaction", ip, "failed_transactions_24h", {**user, **payment})
    for number in range(3):
        mark = f"{name}-login{number}"
        failed = {**user, "_loginStatus": "_failure"}
        yield _made(mark, "login", ip, "failed_logins_24h", failed)._replace(idempotency_key=mark)
    yield _made(f"{name}-untimed", "login", ip, None, {**user, "_loginStatus": "_success"})._replace(repeatable=False)
    linked = {"_originTimestamp": now_ms, **session}
    yield _made(f"{name}-link", "link_session_to_user", ip, None, {**user, **linked})
    yield _made(f"{name}-link-other", "link_session_to_user", ip, None, {"_userId": f"w{name}", **linked})
    for number in range(4):
        seen = {"_originTimestamp": now_ms + number, **session}
        yield _made(f"{name}-cart{number}", "add_to_cart", ip, None, seen)
    for number, status in enumerate(("_approved", "_fulfilled", "_rto")):
        about = {"_orderId": f"o{name}-{number}", "_orderStatus": status, "_originTimestamp": now_ms, **session}
        yield _made(f"{name}-custom{number}", "custom_event", ip, None, {"_eventName": "Moved", **about})


def _made(mark: str, event: str, ip: str, counted: Counted | None, body: Mapping[str, object]) -> Made:
    whole = {**body, "_deviceIp": ip, "_customInfo": {"mark": mark}}
    return Made(mark, event, ip, json.dumps(whole).encode(), counted)


def submit(history: History, connection: http.client.HTTPConnection, key: str, made: Made) -> Reply | None:
    """Send it and note what came of it; `None` when nothing did."""
    history.submitting(made.mark, made.body)
    headers = {KEY_HEADER: key}
    if made.idempotency_key is not None:
        headers["Idempotency-Key"] = made.idempotency_key
    try:
        if connection.sock is None:
            connection.connect()
    except OSError:
        history.told(made.mark, "fail")
        return None
    try:
        connection.request("POST", f"/event/v1/{made.event}", made.body, headers)
        answer = connection.getresponse()
        reply = Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    except (OSError, http.client.HTTPException):
        connection.close()
        history.told(made.mark, "unknown")
        return None
    if reply.status == 200:
        history.told(made.mark, "ok", reply.json["event_id"])
    elif _WENT_WRONG_ON_DISK in reply.json["message"]:
        history.told(made.mark, "unknown")
    else:
        history.told(made.mark, "fail")
    return reply


class Load:
    """Several shoppers at once, for as long as the `with` lasts; they wait while the server is away."""

    def __init__(self, server: Served, key: str, random: Random, shoppers: int = 6) -> None:
        self.history = History()
        self.sent: dict[str, Made] = {}
        self.replies: list[Reply] = []
        self._server = server
        self._key = key
        self._there = threading.Event()
        self._stopping = False
        self._news = threading.Condition()
        self._acknowledged = 0
        self._faults: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._live, args=(who, Random(random.random())), daemon=True)
            for who in range(1, shoppers + 1)
        ]

    def resume(self) -> None:
        """The server is there."""
        self._there.set()

    def pause(self) -> None:
        """The server is not there: who notices waits."""
        self._there.clear()

    def wait_for(self, more: int, timeout_s: float = 120.0) -> None:
        """Until so many more events were acknowledged."""
        with self._news:
            wanted = self._acknowledged + more
            done = self._news.wait_for(lambda: self._acknowledged >= wanted or self._faults, timeout_s)
        assert done, f"no {more} acknowledgements in {timeout_s} s; last replies: {self.replies[-3:]}"
        self._raise_faults()

    def wait_for_refusal(self, status: int, timeout_s: float = 120.0) -> Reply:
        """Until somebody, from now on, is answered with this status."""
        looked_at = len(self.replies)

        def found() -> Reply | None:
            return next((reply for reply in self.replies[looked_at:] if reply.status == status), None)

        with self._news:
            self._news.wait_for(lambda: found() is not None or self._faults, timeout_s)
        self._raise_faults()
        reply = found()
        assert reply is not None, f"nobody was answered {status} in {timeout_s} s"
        return reply

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._there.set()
        for thread in self._threads:
            thread.join()
        self._raise_faults()

    def _raise_faults(self) -> None:
        if self._faults:
            raise self._faults[0]

    def _live(self, who: int, random: Random) -> None:
        try:
            self._shop(who, random)
        except BaseException as fault:
            self._faults.append(fault)

    def _shop(self, who: int, random: Random) -> None:
        new, again = shopping(random, who), list[Made]()
        connection: http.client.HTTPConnection | None = None
        while not self._stopping:
            self._there.wait()
            if connection is None:
                connection = self._server.connection(_REPLY_S)
            made = again.pop(random.randrange(len(again))) if again and random.random() < 0.5 else next(new)
            self.sent[made.mark] = made
            reply = submit(self.history, connection, self._key, made)
            acknowledged = reply is not None and reply.status == 200
            if made.repeatable and random.random() < (_RESENT_AFTER_OK if acknowledged else _RESENT_AFTER_UNKNOWN):
                again.append(made)
            if reply is None:
                connection.close()
                connection = None
                self._yield_to(random)
                continue
            with self._news:
                self.replies.append(reply)
                self._acknowledged += acknowledged
                self._news.notify_all()
            if not acknowledged:
                self._yield_to(random)
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _yield_to(self, random: Random) -> None:
        """A polite client waits a little before it tries again."""
        threading.Event().wait(random.uniform(0.001, 0.01))


def expected_counts(sent: dict[str, Made], marks: set[str]) -> "dict[str, Counter[str]]":
    """What the features of each IP should be, given the marks of all events that are stored."""
    counts: dict[str, Counter[str]] = {}
    for mark in marks:
        made = sent[mark]
        if made.counted is not None:
            counts.setdefault(made.ip, Counter())[made.counted] += 1
    return counts
