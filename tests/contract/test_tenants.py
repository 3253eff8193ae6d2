"""One merchant hears nothing of another: its answers are the same bytes whether or not there is another's traffic.

Two houses are asked the same by merchant B. In one of them merchant A is at work, too. What is drawn at random (ids of
events and keys, hints, cursors, hashes over them) is named by the order in which B hears of it; all else is compared.
"""

import asyncio
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from fourthwatch.api.intake import settle
from fourthwatch.clock import ManualClock
from fourthwatch.decision import Policy
from fourthwatch.engine.corridor import Corridor, CorridorSettings
from fourthwatch.server.assembly import Assembly
from fourthwatch.settings import Settings
from fourthwatch.store.keys import KeyStore
from served import Served, run
from story import NOW_MS

pytestmark = pytest.mark.slow

_DRAWN = re.compile(rb'ev_[0-9a-f]{32}|key_[0-9a-f]{12}|"[0-9a-f]{32}"|"next":"[^"]+"|"fw_[^"]+"')
_SCOPES = ("ingest", "read", "manage")


class House:
    """A server's inside with two merchants, asked on a loop of its own."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="house-"))
        self.clock = ManualClock(NOW_MS)
        keys = KeyStore(self.directory, self.clock)
        self.keys = {name: keys.create("everything", _SCOPES, tenant=name) for name in ("a", "b")}
        keys.close()
        self._names: dict[bytes, bytes] = {}
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._open())

    async def _open(self) -> None:
        wanted = CorridorSettings(
            directory=self.directory, policy=Policy(deadline_ms=0), disk_reserve_bytes=0, snapshot_every_events=10**6
        )  # fmt: skip
        loop = asyncio.get_running_loop()
        self.corridor = Corridor(wanted, self.clock, os.urandom, settle, lambda: None, loop.call_soon_threadsafe)
        self.corridor.start()
        self.assembly = Assembly(self.directory, self.clock, self.corridor, Settings())

    def ask(self, who: str, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body of one request."""
        return self._loop.run_until_complete(self._ask(self.keys[who], method, path, body))

    def heard(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """The same for merchant B, with what was drawn at random named by the order in which it was heard of."""
        status, told = self.ask("b", method, path, body)

        def named(found: "re.Match[bytes]") -> bytes:
            return self._names.setdefault(found[0], b"drawn-%d" % len(self._names))

        return status, _DRAWN.sub(named, told)

    def index(self) -> None:
        """Let the index come to the end of the log."""

        async def to_the_end() -> None:
            while self.assembly.indexing.behind():
                await self.assembly.indexing._step()

        self._loop.run_until_complete(to_the_end())

    def close(self) -> None:
        """Stop, and leave nothing behind."""
        self._loop.run_until_complete(asyncio.to_thread(self.corridor.stop))
        self.assembly.close()
        self._loop.close()
        shutil.rmtree(self.directory)

    async def _ask(self, key: str, method: str, path: str, body: Any) -> tuple[int, bytes]:
        raw = b"" if body is None else json.dumps(body).encode()
        messages: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        path, _, query = path.partition("?")
        scope: dict[str, Any] = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path,
            "raw_path": path.encode(), "query_string": query.encode(), "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 1),
            "headers": [(b"x-thirdwatch-api-key", key.encode()), (b"if-match", b"*"), (b"host", b"shop.example.com")],
        }  # fmt: skip
        await self.assembly.application(scope, receive, send)
        start = next(message for message in messages if message["type"] == "http.response.start")
        told = b"".join(message.get("body", b"") for message in messages if message["type"] == "http.response.body")
        return int(start["status"]), told


NAMES = st.sampled_from(["one", "two", "three"])
EVENTS = st.sampled_from(["createOrder", "login", "transaction", "order_status", "chargeback", "tag", "custom_event"])


def event_body(name: str, number: int) -> dict[str, Any]:
    return {
        "_userId": f"user-{name}", "_orderId": f"order-{name}", "_deviceIp": "203.0.113.7", "_deviceId": "d-1",
        "_userEmail": "asha@example.com", "_amount": str(number), "_transactionStatus": "_failure",
        "_orderStatus": "_rto", "_isBad": True, "_originTimestamp": str(NOW_MS + number),
    }  # fmt: skip


class TwoMerchants(RuleBasedStateMachine):
    """What merchant B is told, beside merchant A and alone."""

    def __init__(self) -> None:
        super().__init__()
        self.crowded, self.alone = House(), House()
        self.number = 0
        self.of_a: list[str] = []
        """Paths of what is A's, with ids and cursors that only A should know."""

    def teardown(self) -> None:
        self.crowded.close()
        self.alone.close()

    def both(self, method: str, path: str, body: Any = None) -> None:
        """B asks in both houses; the answers are the same bytes."""
        beside, alone = (house.heard(method, path, body) for house in (self.crowded, self.alone))
        assert beside == alone, (method, path, body)
        assert beside[0] < 500

    @rule(event=EVENTS, name=NAMES)
    def a_sends_an_event(self, event: str, name: str) -> None:
        self.number += 1
        body = event_body(name, self.number)
        status, told = self.crowded.ask("a", "POST", f"/event/v1/{event}?return_score=true", body)
        assert status == 200
        self.of_a.append(f"/api/v1/events/{json.loads(told)['event_id']}")

    @rule(name=NAMES, kind=st.sampled_from(["user", "email", "ip"]))
    def a_changes_something(self, name: str, kind: str) -> None:
        self.crowded.ask("a", "POST", "/api/v1/lists", {"name": f"of_a_{name}", "type": kind})
        values = {"user": f"user-{name}", "email": "asha@example.com", "ip": "203.0.113.0/24"}
        self.crowded.ask("a", "POST", f"/api/v1/lists/of_a_{name}/entries", {"value": values[kind]})
        self.crowded.ask("a", "POST", "/api/v1/labels", {"order_id": f"order-{name}", "label": "fraud"})
        self.crowded.ask("a", "PUT", "/api/v1/policy", {"red_above": 5, "decline_above": 10})
        self.of_a += [f"/api/v1/lists/of_a_{name}", f"/api/v1/lists/of_a_{name}/entries"]
        status, told = self.crowded.ask("a", "GET", "/api/v1/audit?limit=1")
        if status == 200 and json.loads(told)["next"]:
            self.of_a.append(f"/api/v1/audit?limit=1&cursor={json.loads(told)['next']}")

    @rule(event=EVENTS, name=NAMES)
    def b_sends_an_event(self, event: str, name: str) -> None:
        self.number += 1
        self.both("POST", f"/event/v1/{event}?return_score=true", event_body(name, self.number))

    @rule(name=NAMES, word=st.sampled_from(["fraud", "good", "none", "chargeback", "rto"]))
    def b_labels(self, name: str, word: str) -> None:
        self.both("POST", "/api/v1/labels", {"order_id": f"order-{name}", "label": word})

    @rule(name=NAMES, value=st.sampled_from(["203.0.113.0/24", "203.0.113.7", "nonsense"]))
    def b_changes_a_list(self, name: str, value: str) -> None:
        self.both("POST", "/api/v1/lists", {"name": name, "type": "ip"})
        self.both("POST", f"/api/v1/lists/{name}/entries", {"value": value})
        self.both("DELETE", f"/api/v1/lists/{name}/entries/203.0.113.7")

    @rule(red=st.integers(0, 100))
    def b_sets_a_policy(self, red: int) -> None:
        self.both("PUT", "/api/v1/policy", {"red_above": red, "decline_above": 100})

    @rule(name=NAMES)
    def b_reads(self, name: str) -> None:
        for path in (
            f"/api/v1/orders/order-{name}", f"/api/v1/orders/order-{name}?limit=1", "/api/v1/lists", "/api/v1/policy",
            f"/api/v1/orders/order-{name}/labels", f"/api/v1/users/user-{name}/labels",
            f"/neo/v1/score?order_id=order-{name}",
            f"/api/v1/lists/{name}/entries", f"/api/v1/lists/{name}/entries/203.0.113.9", "/api/v1/audit",
            "/api/v1/policy/versions", "/api/v1/postbacks", "/api/v1/lists?limit=1",
        ):  # fmt: skip
            self.both("GET", path)

    @rule(name=NAMES, text=st.sampled_from(["user-one", "order-t", "asha@example.com", "203.0.113.7", "d-1"]))
    def b_looks_things_up(self, name: str, text: str) -> None:
        for house in (self.crowded, self.alone):
            house.index()
        for path in (
            "/api/v1/orders?count=true", "/api/v1/orders?limit=1&sort=risk", "/api/v1/queue",
            f"/api/v1/search?q={text}", f"/api/v1/graph?order=order-{name}", f"/api/v1/graph?user=user-{name}",
            f"/api/v1/users/user-{name}", "/api/v1/entities/ip/203.0.113.7", "/api/v1/entities/device/d-1",
            "/api/v1/insights/days?from=2026-01-01&to=2028-01-01", "/api/v1/insights/scores", "/api/v1/events?limit=2",
        ):  # fmt: skip
            self.both("GET", path)
        self.both("POST", "/api/v1/rules/preview", {"when": "count(order, by ip, last 1h) >= 1"})

    @precondition(lambda self: self.of_a)
    @rule(data=st.data())
    def b_tries_what_is_of_a(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self.of_a))
        self.both("GET", path)
        if "/lists/" in path and not path.endswith("/entries"):
            self.both("DELETE", path)
            self.both("PATCH", path, {"kind": "block"})
        status, _ = self.crowded.heard("GET", path)
        assert status in (400, 404)

    @rule(ms=st.integers(1, 100_000))
    def time_passes(self, ms: int) -> None:
        for house in (self.crowded, self.alone):
            house.clock.advance(ms)


TestTwoMerchants = TwoMerchants.TestCase
TestTwoMerchants.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def test_a_house_that_lets_one_policy_hold_for_all_would_be_noticed() -> None:
    machine = TwoMerchants()
    try:
        policies = machine.crowded.corridor.definitions.walk.policies
        of: Callable[[int], Policy] = policies.of
        policies.of = lambda tenant: of(min(tenant, 2))  # type: ignore[method-assign]
        machine.a_changes_something(name="one", kind="ip")
        with pytest.raises(AssertionError):
            machine.both("GET", "/api/v1/policy")
    finally:
        machine.teardown()


def test_tenants_are_made_and_listed_and_their_keys_are_theirs(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    assert run("tenants", "create", "second shop", *data).returncode == 0
    twice = run("tenants", "create", "second shop", *data)
    assert (twice.returncode, "already" in twice.stderr) == (2, True)
    with Served(tmp_path) as served:
        key = served.key("read", "manage", tenant="second shop")
        made = json.loads(run("tenants", "create", "third", *data, "--json").stdout)
        rows = json.loads(run("tenants", "list", *data, "--json").stdout)
        assert [(row["name"], row["keys"]) for row in rows] == [("default", 0), ("second shop", 1), ("third", 0)]
        assert rows[2]["id"] == made["id"]
        actions = [entry["action"] for entry in served.get(key, "/api/v1/audit").json["entries"]]
        assert actions == ["key.created", "tenant.created"]
