"""Two merchants in one house, and one alone in another: `PYTHONPATH=tests python -m contract.two_merchants STEPS`.

Both houses are asked the same by merchant B. In one of them merchant A is at work, too; whatever B hears must be the
same bytes. What is drawn at random (ids of events and keys, hints, cursors, hashes over them) is named by the order in
which B hears of it; all else is compared. A test makes some thousands of steps, a release a hundred thousand (R-34).
"""

import asyncio
import atexit
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import MutableMapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, cast

import uvloop
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from fourthwatch.api.intake import settle
from fourthwatch.clock import ManualClock
from fourthwatch.decision import Policy
from fourthwatch.engine.corridor import Corridor, CorridorSettings
from fourthwatch.server.assembly import Assembly
from fourthwatch.server.filer import Filer
from fourthwatch.server.index_process import Scribe
from fourthwatch.server.index_talk import Doubts, Told
from fourthwatch.settings import Settings
from fourthwatch.store.keys import KeyStore
from story import NOW_MS

Asked: TypeAlias = tuple[str, str, Any]
"""Method, path and body; bytes are sent as they are."""
STEPS_PER_HISTORY = 250
_DRAWN = re.compile(rb'\b[a-z]{2,8}_[0-9a-f]{12,}|"[0-9a-f]{32}"|"next":"[^"]+"|fw_[^"]+|whsec_[^"]+|welcome/[^"]+')
_POSITION = re.compile(rb'(?<="position":)\d+|(?<="from_position":)\d+')
"""The server's, as ids are (docs/reference/management.md, Tenants)."""
_CLOCKED = re.compile(rb'(?<="micros":)\[[^]]+\]|"state":"(?:counting|complete)","why":null,"done":\d+')
"""How long something took, and how far the past of a feature is counted by now."""
_SCOPES = ("ingest", "read", "manage")
_SHARED_MEMORY = Path("/dev/shm")
"""What is durable is no question here; where there is none, the disk will do."""


@cache
def _furnished() -> tuple[Path, dict[str, str]]:
    """A directory with two tenants that was served once, for every house to begin as a copy of it, and their keys."""
    directory = _scratch()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    keys = KeyStore(directory, ManualClock(NOW_MS))
    made = {name: keys.create("everything", _SCOPES, tenant=name) for name in ("a", "b")}
    keys.close()
    House(directory, made).close(keep=True)
    return directory, made


def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="house-", dir=_SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None))


class Beside:
    """What the process that writes the index does, in this one: a hundred houses need not have one each."""

    def __init__(self, directory: Path) -> None:
        self._scribe = Scribe(directory)
        self.position = 0

    async def told(self, message: Told, within_s: float | None = None) -> Doubts | None:
        answer = self._scribe.answer(message)
        if isinstance(answer, Doubts):
            return answer
        assert answer.reason is None, answer.reason
        self.position = answer.seq
        return None

    def close(self) -> None:
        self._scribe.close()


class House:
    """A server's inside with two merchants, asked on a loop of its own."""

    def __init__(self, directory: Path, keys: dict[str, str]) -> None:
        self.directory, self.keys = directory, keys
        self.clock = ManualClock(NOW_MS)
        self._names: dict[bytes, bytes] = {}
        self._loop = uvloop.new_event_loop()
        self._wanted: asyncio.Queue[tuple[str, Sequence[Asked], asyncio.Future[list[tuple[int, bytes]]]]] = (
            asyncio.Queue()
        )
        self._loop.run_until_complete(self._open())
        # One task asks everything: with one each, the threads that look things up would be made anew each time.
        self._asking = self._loop.create_task(self._ask_for_ever())

    @classmethod
    def furnished(cls) -> "House":
        """A new one, with two merchants that did nothing so far."""
        model, keys = _furnished()
        directory = _scratch()
        shutil.copytree(model, directory, dirs_exist_ok=True)
        return cls(directory, keys)

    async def _open(self) -> None:
        wanted = CorridorSettings(
            directory=self.directory, policy=Policy(deadline_ms=0), disk_reserve_bytes=0, snapshot_every_events=10**6
        )  # fmt: skip
        loop = asyncio.get_running_loop()
        self.corridor = Corridor(wanted, self.clock, os.urandom, settle, lambda: None, loop.call_soon_threadsafe)
        self.corridor.start()
        self.assembly = Assembly(self.directory, self.clock, self.corridor, Settings())

    def ask(self, who: str, asked: Sequence[Asked]) -> list[tuple[int, bytes]]:
        """Status and body of each request, one after the other."""
        answered: asyncio.Future[list[tuple[int, bytes]]] = self._loop.create_future()
        self._wanted.put_nowait((who, asked, answered))
        return self._loop.run_until_complete(answered)

    def heard(self, asked: Sequence[Asked]) -> list[tuple[int, bytes]]:
        """The same for merchant B, with what was drawn at random named by the order in which it was heard of."""

        def named(found: "re.Match[bytes]") -> bytes:
            return self._names.setdefault(found[0], b"drawn-%d" % len(self._names))

        return [
            (status, _CLOCKED.sub(b"", _POSITION.sub(b"0", _DRAWN.sub(named, told))))
            for status, told in self.ask("b", asked)
        ]

    def index(self) -> None:
        """Let the index come to the end of the log."""

        async def to_the_end(writer: Beside) -> None:
            while self.assembly.indexing.behind():
                await self.assembly.indexing._step(cast(Filer, writer))

        if self.assembly.indexing.behind():
            with closing(Beside(self.directory)) as writer:
                self._loop.run_until_complete(to_the_end(writer))

    def close(self, *, keep: bool = False) -> None:
        """Stop, and unless it is to be kept leave nothing behind."""
        self._asking.cancel()
        self._loop.run_until_complete(asyncio.gather(self._asking, return_exceptions=True))
        self._loop.run_until_complete(asyncio.to_thread(self.corridor.stop))
        self.assembly.close()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        if not keep:
            shutil.rmtree(self.directory)

    async def _ask_for_ever(self) -> None:
        while True:
            who, asked, answered = await self._wanted.get()
            try:
                answered.set_result([await self._ask(self.keys[who], *one) for one in asked])
            except Exception as error:
                answered.set_exception(error)

    async def _ask(self, key: str, method: str, path: str, body: Any) -> tuple[int, bytes]:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        messages: list[MutableMapping[str, Any]] = []
        unread = [raw]

        async def receive() -> MutableMapping[str, Any]:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            await asyncio.get_running_loop().create_future()  # whoever asks stays for the answer
            raise AssertionError

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


def gets(*paths: str) -> list[Asked]:
    """Reads, to be asked one after the other."""
    return [("GET", path, None) for path in paths]


def same(asked: Asked, one: tuple[int, bytes], other: tuple[int, bytes]) -> None:
    """That two answers are the same to the byte, and not for a fault of ours."""
    at = next((at for at, (a, b) in enumerate(zip(one[1], other[1], strict=False)) if a != b), 0)
    shown = slice(max(0, at - 200), at + 100)
    assert one == other, (asked, one[0], one[1][shown], other[0], other[1][shown])
    assert one[0] < 500, (asked, one)


NAMES = st.sampled_from(["one", "two", "three"])
EVENTS = st.sampled_from(["createOrder", "login", "transaction", "order_status", "chargeback", "tag", "custom_event"])
_FEATURE = 'count(custom "e", by user, last 7d)'
_RULE = {"class": "score", "weight": 1.5, "reason": "many", "says": "Many orders by one IP", "state": "live"}


def event_body(name: str, number: int) -> dict[str, Any]:
    """Of any kind; A and B talk of the same things."""
    return {
        "_userId": f"user-{name}", "_orderId": f"order-{name}", "_deviceIp": "203.0.113.7", "_deviceId": "d-1",
        "_userEmail": "asha@example.com", "_amount": str(number), "_transactionStatus": "_failure",
        "_orderStatus": "_rto", "_isBad": True, "_originTimestamp": str(NOW_MS + number),
    }  # fmt: skip


def changes(name: str, number: int) -> list[tuple[Asked, ...]]:
    """What a merchant may change, in pieces that belong together."""
    order, user, list_ = f"/api/v1/orders/order-{name}", f"/api/v1/users/user-{name}", f"/api/v1/lists/{name}"
    when = f"count(order, by ip, last {number % 5 + 1}h) >= {number % 3 + 1}"
    return [
        (
            ("POST", "/api/v1/lists", {"name": name, "type": "ip"}),
            ("POST", list_ + "/entries", {"value": "203.0.113.0/24"}),
            ("POST", list_ + "/entries", {"value": "nonsense"}),
            ("DELETE", list_ + "/entries/203.0.113.7", None),
        ),
        (("POST", list_ + "/imports", {"csv": f"value,reason\n203.0.113.{number % 250},bad\nnonsense,\n"}),),
        (("PATCH", list_, {"kind": "block"}), ("POST", list_ + "/entries", {"value": "203.0.113.7"})),
        (("DELETE", list_, None),),
        (("PUT", "/api/v1/policy", {"red_above": number % 101, "decline_above": 100}),),
        (("PUT", "/api/v1/policy", {"red_above": 5, "decline_above": 10, "deadline_ms": 0}),),
        (
            ("POST", "/api/v1/rule-sets", {"rules": [{**_RULE, "name": "any", "when": "amount > 5"}], "note": name}),
            ("PUT", f"/api/v1/rules/{name}", {**_RULE, "when": when}),
            ("DELETE", "/api/v1/rules/three", None),
        ),
        (("POST", f"/api/v1/rule-sets/{number % 3 + 1}/rollback", {}),),
        (("POST", f"/api/v1/rule-sets/{number % 3 + 1}/decide-again", {"rules": [name]}),),
        (
            ("POST", "/api/v1/features", {"name": f"of_{name}", "text": _FEATURE, "unit": "e"}),
            ("DELETE", "/api/v1/features/of_three", None),
        ),
        (("POST", "/neo/v1/addpostbackurl", {"score_postback": f"https://shop.example.com/{name}"}),),
        (("POST", "/api/v1/keys", {"name": name, "scopes": ["ingest"]}),),
        (("PUT", order + "/claim", {}), ("DELETE", "/api/v1/orders/order-three/claim", None)),
        (("POST", order + "/notes", {"text": f"number {number}"}), ("POST", order + "/presence", {})),
        (("POST", "/api/v1/views", {"page": "orders", "name": name, "query": "flag=red"}),),
        (("PUT", user + "/erasure", {}), ("DELETE", "/api/v1/users/user-one/erasure", None)),
        (("POST", order + "/decisions", {"verdict": "decline", "message": name}),),
        (("POST", "/api/v1/labels", {"order_id": f"order-{name}", "label": ["fraud", "good", "none"][number % 3]}),),
        (("POST", "/api/v1/trials", {"event": "createOrder", "body": event_body(name, number)}),),
        (("POST", "/api/v1/rules/preview", {"when": when}),),
        (("POST", order + "/postbacks", {"purpose": "payment_link", "payment_link": "https://example.com/pay"}),
         ("POST", "/api/v1/postbacks/test", {})),
        (("POST", "/api/v1/console-users", {"name": name, "role": "analyst"}),),
        (("POST", "/api/v1/deliveries/replay", {"receiver": name}), ("POST", "/api/v1/backups", {})),
    ]  # fmt: skip


def reads(name: str) -> list[tuple[str, ...]]:
    """Every read that there is, in pieces of about equal work; a test holds them against the table of routes."""
    order, user, days = f"/api/v1/orders/order-{name}", f"/api/v1/users/user-{name}", "from=2026-06-01&to=2027-01-01"
    return [
        (order, order + "?limit=1", order + "/labels", user + "/labels", f"/neo/v1/score?order_id=order-{name}"),
        (f"/v1/get/score?order_id=order-{name}", f"/event/v1/get/score?order_id=order-{name}", order + "/notes"),
        ("/api/v1/lists", "/api/v1/lists?limit=1", f"/api/v1/lists/{name}", f"/api/v1/lists/{name}/entries",
         f"/api/v1/lists/{name}/entries/203.0.113.9"),
        ("/api/v1/audit", "/api/v1/audit?limit=1", "/api/v1/policy", "/api/v1/policy/versions", "/api/v1/postbacks"),
        ("/api/v1/orders?count=true", "/api/v1/orders?limit=1&sort=risk", "/api/v1/queue"),
        (f"/api/v1/graph?order=order-{name}", f"/api/v1/graph?entity=user:user-{name}", f"{order}/claim"),
        (f"/api/v1/entities/user/user-{name}",),
        ("/api/v1/entities/ip/203.0.113.7",),
        ("/api/v1/entities/device/d-1",),
        (f"/api/v1/insights/days?{days}", "/api/v1/insights/overview", f"/api/v1/insights/scores?{days}"),
        (f"/api/v1/insights/reasons?{days}", f"/api/v1/insights/rules?{days}", f"/api/v1/insights/quality?{days}"),
        (f"/api/v1/insights/groups?{days}&by=country", f"/api/v1/insights/exploration?{days}", "/api/v1/alerts"),
        ("/api/v1/events?limit=2", "/api/v1/events?kind=login", "/api/v1/refusals", "/api/v1/index"),
        ("/api/v1/rules", f"/api/v1/rules/{name}", "/api/v1/rule-sets", "/api/v1/rule-sets/1"),
        ("/api/v1/rule-proposals", "/api/v1/rule-proposals/1", "/api/v1/backups/never-made"),
        ("/api/v1/rule-sets/1/differences", "/api/v1/rule-sets/1/statistics", f"/api/v1/features/of_{name}"),
        ("/api/v1/features", "/api/v1/models", "/api/v1/models/m", "/api/v1/models/m/drift", "/api/v1/models/m/weeks",
         "/api/v1/models/m/card"),
        ("/api/v1/webhook-endpoints", "/api/v1/deliveries", "/api/v1/keys", "/api/v1/console-users", "/api/v1/claims"),
        ("/api/v1/views", "/api/v1/erasures", "/api/v1/keeping", "/api/v1/backups", "/api/v1/cases", user + "/export"),
    ]  # fmt: skip


LOOKED_UP = ("user-one", "order-t", "asha@example.com", "203.0.113.7", "d-1")
OF_AN_EVENT = ("events/{}", "decisions/{}", "decisions/{}/trace", "decisions/{}/counterfactual",
               "decisions/{}/contributions")  # fmt: skip
OF_A_RECEIVER = ("webhook-endpoints/{}", "webhook-endpoints/{}/secrets")
OF_ANOTHER_THING = ("deliveries/{}", "keys/{}", "console-users/{}", "views/{}")
_ID = re.compile(rb'"(?:event_id|view_id|id)":"([a-z]+_[0-9a-zA-Z]+)"')


class TwoMerchants(RuleBasedStateMachine):
    """What merchant B is told, beside merchant A and alone."""

    def __init__(self) -> None:
        super().__init__()
        self.crowded, self.alone = House.furnished(), House.furnished()
        self.number = 0
        self.of_a: list[str] = []
        """Paths of what is A's, with ids and cursors that only A should know."""
        self.ids: tuple[list[str], list[str]] = ([], [])
        """Of B's events, in each of the houses."""

    def teardown(self) -> None:
        self.crowded.close()
        self.alone.close()

    def both(self, *asked: Asked) -> None:
        """B asks in both houses; the answers are the same bytes."""
        beside, alone = self.crowded.heard(asked), self.alone.heard(asked)
        for (method, path, body), one, other in zip(asked, beside, alone, strict=True):
            same((method, path, body), one, other)

    @rule(event=EVENTS, name=NAMES)
    def a_sends_an_event(self, event: str, name: str) -> None:
        self.number += 1
        sent = ("POST", f"/event/v1/{event}?return_score=true", event_body(name, self.number))
        ((status, told),) = self.crowded.ask("a", [sent])
        assert status == 200
        self._know(told, OF_AN_EVENT)

    @rule(name=NAMES, data=st.data())
    def a_changes_something(self, name: str, data: st.DataObject) -> None:
        self.number += 1
        self.crowded.index()
        endpoint = ("POST", "/api/v1/webhook-endpoints", {"url": f"https://shop.example.com/{name}", "types": ["*"]})
        # B makes none: they are listed by their ids, which are drawn at random.
        asked = data.draw(st.sampled_from([*changes(f"{name}_of_a", self.number), (endpoint,)]))
        for (method, path, _), (status, told) in zip(asked, self.crowded.ask("a", asked), strict=True):
            assert status < 500, (method, path, told)
            if status < 300:
                self.of_a.append(path)
                self._know(told, OF_ANOTHER_THING + OF_A_RECEIVER)
        ((status, told),) = self.crowded.ask("a", gets("/api/v1/audit?limit=1"))
        if status == 200 and json.loads(told)["next"]:
            self.of_a.append(f"/api/v1/audit?limit=1&cursor={json.loads(told)['next']}")

    @rule(event=EVENTS, name=NAMES)
    def b_sends_an_event(self, event: str, name: str) -> None:
        self.number += 1
        sent = ("POST", f"/event/v1/{event}?return_score=true", event_body(name, self.number))
        self.both(sent)
        again = [(house, house.ask("b", [sent])[0][1]) for house in (self.crowded, self.alone)]  # answered as before
        for known, (_, told) in zip(self.ids, again, strict=True):
            known.append(json.loads(told)["event_id"])

    @rule(name=NAMES, data=st.data())
    def b_changes_something(self, name: str, data: st.DataObject) -> None:
        self.number += 1
        self._index()
        self.time_passes(ms=1)  # what is made in one millisecond is listed by ids, which are drawn at random
        self.both(*data.draw(st.sampled_from(changes(name, self.number))))

    @rule(name=NAMES, data=st.data())
    def b_reads(self, name: str, data: st.DataObject) -> None:
        self._index()
        self.both(*gets(*data.draw(st.sampled_from(reads(name)))))

    @rule(text=st.sampled_from(LOOKED_UP))
    def b_searches(self, text: str) -> None:
        self._index()
        self.both(*gets(f"/api/v1/search?q={text}"))

    @precondition(lambda self: self.ids[0])
    @rule(number=st.integers(0, 1_000), path=st.sampled_from(OF_AN_EVENT))
    def b_reads_an_event_of_its_own(self, number: int, path: str) -> None:
        at = number % len(self.ids[0])
        paths = ["/api/v1/" + path.format(known[at]) for known in self.ids]
        beside, alone = (
            house.heard(gets(one)) for house, one in zip((self.crowded, self.alone), paths, strict=True)
        )  # fmt: skip
        same(("GET", path, None), beside[0], alone[0])

    @precondition(lambda self: self.of_a)
    @rule(data=st.data())
    def b_tries_what_is_of_a(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self.of_a))
        self.both(*gets(path), ("DELETE", path, None), ("PATCH", path, {"kind": "block"}), ("PUT", path, {}))

    @rule(ms=st.integers(1, 100_000))
    def time_passes(self, ms: int) -> None:
        for house in (self.crowded, self.alone):
            house.clock.advance(ms)

    def _index(self) -> None:
        for house in (self.crowded, self.alone):
            house.index()

    def _know(self, told: bytes, paths: Sequence[str]) -> None:
        for found in _ID.findall(told):
            self.of_a += ["/api/v1/" + path.format(found.decode()) for path in paths]
        del self.of_a[:-200]


def machine_settings(steps: int, *, derandomize: bool = False) -> settings:
    """So many steps, in histories of `STEPS_PER_HISTORY`."""
    return settings(
        max_examples=max(1, steps // STEPS_PER_HISTORY), stateful_step_count=STEPS_PER_HISTORY, deadline=None,
        suppress_health_check=list(HealthCheck), database=None, phases=(Phase.generate,),
        derandomize=derandomize,
    )  # fmt: skip


if __name__ == "__main__":
    steps, chosen = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began = time.monotonic()
    run_state_machine_as_test(seed(chosen)(TwoMerchants), settings=machine_settings(steps))
    taken_s = time.monotonic() - began
    print(f"{steps:,} steps with seed {chosen} in {taken_s:,.0f} s: nothing that B hears tells of A")
