"""A hundred thousand bodies that nobody should send: never a 5xx, always an answer, nothing kept of the refused.

`FUZZ_SEED` repeats a run, `FUZZ_COUNT` makes it longer or shorter.
"""

import http.client
import json
import os
import resource
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from fourthwatch.api.intake import Intake
from fourthwatch.api.request import Receive, Scope, Send, read_body, send_json
from fourthwatch.errors import Malformed
from fourthwatch.events import Kind
from fuzz.inside import Findings, Reply, fuzz
from fuzz.mutation import Mutator, Request
from served import KEY_HEADER, Served

_COUNT = int(os.environ.get("FUZZ_COUNT", "100000"))
_SEED = int(os.environ.get("FUZZ_SEED") or int.from_bytes(os.urandom(4), "big"))
_SOCKET_COUNT = 2_000
_SELF_TEST_COUNT = 1_500
_GROWTH_PER_EVENT_BYTES = 512
"""What an event may leave in memory, entities and windows included; its body alone is about twice that."""
_GROWTH_FREE_BYTES = 32 * 1024 * 1024


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.slow
def test_mutated_bodies_are_answered_and_leave_nothing_behind_when_refused(tmp_path: Path) -> None:
    print(f"FUZZ_SEED={_SEED} FUZZ_COUNT={_COUNT}")
    resident: dict[int, int] = {}

    def watch(number: int) -> None:
        if number in (_COUNT // 4, _COUNT - 1):
            resident[number] = _resident_bytes()

    findings = fuzz(tmp_path, _SEED, _COUNT, watch=watch)
    print(findings.statuses, f"{len(findings.new_ids)} stored", resident)
    assert findings.problems == []
    assert findings.statuses.total() == _COUNT
    # The run means nothing unless it reached both sides: many were taken, many were refused.
    assert findings.statuses[200] > _COUNT * 0.3
    assert findings.statuses[400] > _COUNT * 0.15
    growth = resident[_COUNT - 1] - resident[_COUNT // 4]
    assert growth < _GROWTH_FREE_BYTES + _GROWTH_PER_EVENT_BYTES * len(findings.new_ids)


@pytest.mark.slow
def test_mutated_bodies_over_the_socket_of_the_served_program(tmp_path: Path) -> None:
    seed = _SEED + 1
    print(f"FUZZ_SEED={_SEED}")
    findings, mutator = Findings(seed), Mutator(seed)
    with Served(tmp_path) as served:
        key = served.key("ingest")
        connection = served.connection()
        for number in range(_SOCKET_COUNT):
            request = next(mutator)
            try:
                findings.note(number, request, _over(connection, key, request))
            except (http.client.HTTPException, OSError) as error:
                findings.problems.append(f"seed {seed}, request {number}: {error!r}")
                connection.close()
        connection.close()
        assert served.stop() == 0
        log = "\n".join(served.log)
    findings.compare(tmp_path)
    assert findings.problems == []
    assert "Traceback" not in log
    assert "walk_failed" not in log


def _over(connection: http.client.HTTPConnection, key: str, request: Request) -> Reply:
    headers = dict(request.headers) | {KEY_HEADER: key if request.with_key else "fw_nobody"}
    target = request.path + (f"?{request.query}" if request.query else "")
    chunked = len(request.body) % 5 == 4
    body = iter([request.body[:7], request.body[7:]]) if chunked else request.body
    connection.request(request.method, target, body, headers, encode_chunked=chunked)
    reply = connection.getresponse()
    named = {name.lower().encode(): value.encode("latin-1") for name, value in reply.getheaders()}
    return Reply(reply.status, named, reply.read())


# The same checks against builds that are broken on purpose: each must be noticed.


class _TripsOverAField(Intake):
    """Raises `KeyError` for bodies with one particular field."""

    async def event(self, scope: Scope, receive: Receive, send: Send, kind: Kind) -> None:
        raw = await read_body(receive)
        if b'"_isGift"' in raw:
            raise KeyError("_isGift")
        await super().event(scope, _giving(raw), send, kind)


class _KeepsWhatItRefuses(Intake):
    """Stores an event for every body that it refuses."""

    async def event(self, scope: Scope, receive: Receive, send: Send, kind: Kind) -> None:
        try:
            await super().event(scope, receive, send, kind)
        except Malformed:
            plain = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] == b"x-thirdwatch-api-key"]}
            await super().event(plain, _giving(b'{"_sessionId":"refused","_orderId":"refused"}'), _nowhere, kind)
            raise


class _AnswersWithoutStoring(Intake):
    """Acknowledges logins and keeps nothing of them."""

    async def event(self, scope: Scope, receive: Receive, send: Send, kind: Kind) -> None:
        if kind.name == "login":
            await send_json(send, 200, b'{"status":"ok","message":"event recorded","event_id":"ev_none","warnings":[]}')
        else:
            await super().event(scope, receive, send, kind)


class _SaysNull(Intake):
    """Answers logins with a message that is null."""

    async def event(self, scope: Scope, receive: Receive, send: Send, kind: Kind) -> None:
        if kind.name == "login":
            await send_json(send, 200, b'{"status":"ok","message":null,"event_id":"ev_none","warnings":[]}')
        else:
            await super().event(scope, receive, send, kind)


def _giving(body: bytes) -> Receive:
    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _nowhere(message: MutableMapping[str, Any]) -> None:
    """Send to nobody."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "noticed"),
    [
        (_TripsOverAField, "a 500"),
        (_KeepsWhatItRefuses, "kept though not acknowledged"),
        (_AnswersWithoutStoring, "acknowledged and not kept"),
        (_SaysNull, "message is not a string"),
    ],
)
def test_a_build_that_is_broken_on_purpose_is_noticed(tmp_path: Path, broken: type[Intake], noticed: str) -> None:
    findings = fuzz(tmp_path, seed=11, count=_SELF_TEST_COUNT, make_intake=broken)
    assert any(noticed in problem for problem in findings.problems), findings.problems[:3]


def test_the_same_seed_gives_the_same_requests() -> None:
    first, second, other = Mutator(3), Mutator(3), Mutator(4)
    rows = [[next(mutator) for _ in range(200)] for mutator in (first, second, other)]
    assert rows[0] == rows[1] != rows[2]


def test_mutations_reach_every_kind_and_both_sound_and_broken_json() -> None:
    mutator = Mutator(5)
    requests = [next(mutator) for _ in range(3_000)]
    paths = {request.path.rstrip("/").rsplit("/", 1)[1] for request in requests}
    assert len(paths) >= 20 + 4
    assert 0.1 < sum(map(_is_broken, requests)) / len(requests) < 0.5


def _is_broken(request: Request) -> bool:
    try:
        json.loads(request.body)
    except (ValueError, RecursionError):
        return True
    return False
