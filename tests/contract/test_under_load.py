"""Decisions while a past is brought in, lists are imported and people search and export: all at once, and counted.

What is asserted are answers, not times: each order is answered with its verdict and stored once; whatever can wait is
done or put off with a time to come back, and is done in the end.
"""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from contract.shop import PATIENCE_S, Shop
from fourthwatch.api.app import can_wait
from fourthwatch.store.reader import LedgerReader
from served import KEY_HEADER, Served

pytestmark = pytest.mark.slow
SENDERS, ORDERS = 16, 60
IMPORTERS, PAST = 3, 150
ASKED = (
    ("GET", "/api/v1/search?q=user-3", None), ("GET", "/api/v1/orders?count=true", None),
    ("GET", "/api/v1/queue", None), ("GET", "/api/v1/events?limit=500", None),
    ("GET", "/api/v1/users/user-3/export", None),
    ("POST", "/api/v1/lists/watched/imports", {"csv": "value\n" + "\n".join(f"user-{n}" for n in range(2_000))}),
    ("POST", "/api/v1/rules/preview", {"when": "count(order, by ip, last 1h) >= 2"}),
)  # fmt: skip


class Line:
    """One connection that stays open, and what was answered on it."""

    def __init__(self, shop: Shop) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", shop.served.port, timeout=4 * PATIENCE_S)
        self._headers = {KEY_HEADER: shop.key}
        self.answers: list[tuple[str, int, dict[str, str], Any]] = []

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = None if body is None else json.dumps(body)
        self._connection.request(method, path, sent, {**self._headers, "If-Match": "*", **named})
        reply = self._connection.getresponse()
        read = reply.read()
        told = {key.lower(): value for key, value in reply.getheaders()}
        self.answers.append((path, reply.status, told, json.loads(read) if read[:1] in (b"{", b"[") else None))
        return reply.status

    def close(self) -> None:
        """Nothing more is asked."""
        self._connection.close()


def sending(line: Line, sender: int) -> None:
    for number in range(ORDERS):
        body = {"_orderId": f"order-{sender}-{number}", "_userId": f"user-{number % 50}", "_deviceIp": "203.0.113.9"}
        line.ask("POST", "/event/v1/createOrder", body)


def importing(line: Line, importer: int) -> None:
    for number in range(PAST):
        body = {"_userId": f"user-{number % 50}", "_sessionId": f"past-{importer}-{number}"}
        while line.ask("POST", "/event/v1/login", body, Fourthwatch_Priority="bulk") == 503:
            pass


def asking(line: Line, _: int) -> None:
    for _ in range(8):
        for method, path, body in ASKED:
            line.ask(method, path, body)


def test_orders_are_answered_whatever_else_is_asked_at_the_same_time(tmp_path: Path) -> None:
    with Served(tmp_path) as served, ExitStack() as lined:
        shop = Shop(served, served.key("ingest", "read", "manage"))
        assert shop.post("/event/v1/createOrder", json.dumps({"_orderId": "first", "_userId": "user-3"})).status == 200
        assert (
            shop.post("/api/v1/lists", json.dumps({"name": "watched", "type": "user", "kind": "watch"})).status == 201
        )
        lines: dict[Callable[[Line, int], None], list[Line]] = {sending: [], importing: [], asking: []}
        threads = []
        for work, many in ((sending, SENDERS), (importing, IMPORTERS), (asking, 3)):
            for number in range(many):
                lines[work].append(lined.enter_context(closing(Line(shop))))
                threads.append(threading.Thread(target=work, args=(lines[work][-1], number)))
        assert shop.get("/api/v1/users/user-3/export").status == 200
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        decided = [answer for line in lines[sending] for answer in line.answers]
        assert Counter(status for _, status, _, _ in decided) == {200: SENDERS * ORDERS}
        assert {told["verdict"] for *_, told in decided} <= {"approve", "review", "decline"}
        assert len({told["event_id"] for *_, told in decided}) == SENDERS * ORDERS
        others = [answer for work in (importing, asking) for line in lines[work] for answer in line.answers]
        assert {status for _, status, _, _ in others} <= {200, 503}, Counter(one[:2] for one in others)
        assert all("retry-after" in headers for _, status, headers, _ in others if status == 503)
        after = lined.enter_context(closing(Line(shop)))
        assert [after.ask(*one) for one in ASKED] == [200] * len(ASKED)
    reader = LedgerReader(tmp_path)
    kinds = Counter(event.subject for event in reader.newest(1, 10**6))
    reader.close()
    assert all(kinds[f"order:order-{sender}-{number}"] == 1 for sender in range(SENDERS) for number in range(ORDERS))
    assert kinds[None] == IMPORTERS * PAST


def test_what_names_one_thing_is_never_put_off() -> None:
    assert all(can_wait(path.partition("?")[0]) for _, path, _ in ASKED)
    one = ("/api/v1/orders/o-1", "/api/v1/rules", "/api/v1/lists", "/api/v1/lists/vip", "/api/v1/policy", "/healthz",
           "/api/v1/decisions/ev_1", "/api/v1/lists/vip/entries/user-1", "/api/v1/labels", "/docs")  # fmt: skip
    assert not any(map(can_wait, one))
