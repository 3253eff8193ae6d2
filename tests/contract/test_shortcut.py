"""Events take a shorter way through the server than other requests; nobody can tell by what comes back."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from contract.shop import PATIENCE_S, Shop, fresh
from faults.broken import broken
from served import KEY_HEADER, Reply, Served, run

pytestmark = pytest.mark.slow

_SHORT, _LONG = "/event/v1/login", "/event/v1/login/"
"""The same event; a slash at the end makes it an ordinary request."""


@pytest.fixture
def line(shop: Shop) -> Iterator[socket.socket]:
    """A connection to the shop's server."""
    with socket.create_connection(("127.0.0.1", shop.served.port), PATIENCE_S) as sock:
        yield sock


def request(
    shop: Shop, user: str, path: str = _SHORT, *more: str, version: str = "1.1", key: str | None = None
) -> bytes:
    body = json.dumps({"_userId": user}).encode()
    lines = [f"POST {path} HTTP/{version}", "Host: shop.example.com", f"{KEY_HEADER}: {key or shop.key}", *more]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def replies(sock: socket.socket, number: int) -> list[Reply]:
    """So many answers, in the order in which they come."""
    with sock.makefile("rb") as stream:
        return [_next_reply(stream) for _ in range(number)]


def _next_reply(stream: Any) -> Reply:
    status = int(stream.readline().split()[1])
    headers = dict(line.split(": ", 1) for line in iter(lambda: stream.readline().decode().strip(), ""))
    return Reply(status, headers, stream.read(int(headers["content-length"])))


def told(reply: Reply) -> tuple[int, list[str], dict[str, Any]]:
    """All but what differs each time."""
    content = {key: value for key, value in reply.json.items() if key != "event_id"}
    return reply.status, [name for name in reply.headers if name != "date"], content


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"_userId": "u-1"}', {}),
        (b'{"_userId": "u-1", "_unknownKey": 1}', {}),
        (b"{", {}),
        (b"", {}),
        (b'{"a": 1}', {}),
        (b'{"_userId": "u-1"}', {"Idempotency-Key": ""}),
        (b'{"_userId": "u-1"}', {"Content-Encoding": "br"}),
        (b'{"_userId": "u-1"}', {"Content-Encoding": "gzip"}),
        (b'{"_userId": "u-1"}', {KEY_HEADER: "wrong"}),
        (b'{"_userId": "u-1"}', {KEY_HEADER: ""}),
        (b'{"_userId": "u-1"}', {"Connection": "close"}),
    ],
)
def test_both_ways_answer_alike(shop: Shop, body: bytes, headers: dict[str, str]) -> None:
    sent = {KEY_HEADER: shop.key, **headers}
    short, long = (shop.served.request("POST", path, body, sent) for path in (_SHORT, _LONG))
    assert told(short) == told(long)


def test_a_repeat_is_marked_on_both_ways(shop: Shop) -> None:
    key = fresh("key")
    first = shop.post(_SHORT, b'{"_userId": "u-1"}', Idempotency_Key=key)
    short, long = (shop.post(path, b'{"_userId": "u-1"}', Idempotency_Key=key) for path in (_SHORT, _LONG))
    assert (short.headers["fourthwatch-replayed"], long.headers["fourthwatch-replayed"]) == ("true", "true")
    assert first.body == short.body == long.body
    assert told(short) == told(long)


@pytest.mark.parametrize("path", [_SHORT, _LONG, "/api/v1/lists"])
def test_several_idempotency_keys_are_refused_where_they_differ(shop: Shop, line: socket.socket, path: str) -> None:
    one, other = f"Idempotency-Key: {fresh('key')}", f"idempotency-key: {fresh('key')}"
    before = shop.stored()
    line.sendall(request(shop, fresh("u"), path, one, other) + request(shop, fresh("u"), path, "Idempotency-Key:", one))
    refused = replies(line, 2)
    assert [(reply.status, reply.json["code"]) for reply in refused] == [(400, "bad_header")] * 2
    assert all(b"headers of this request differ" in reply.body for reply in refused)
    assert shop.stored() == before
    line.sendall(request(shop, "u-1", path, one, one) + request(shop, "u-1", path, one))
    assert len({reply.body for reply in replies(line, 2)}) == 1, "the same twice is one key"


def test_pipelined_events_are_answered_in_order(shop: Shop, line: socket.socket) -> None:
    users = [fresh("user") for _ in range(40)]
    line.sendall(b"".join(request(shop, user, (_SHORT, _LONG)[number % 3 == 2]) for number, user in enumerate(users)))
    shown = [shop.event(reply.json["event_id"]) for reply in replies(line, 40)]
    assert [event["body"]["_userId"] for event in shown] == users


def test_a_peer_that_does_not_read_gets_all_answers_in_the_end(shop: Shop, line: socket.socket) -> None:
    users = [fresh("user") for _ in range(1_500)]
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    line.settimeout(PATIENCE_S)
    unsent = memoryview(b"".join(request(shop, user, f"{_SHORT}?return_score=true") for user in users))
    before = shop.stored()
    line.setblocking(False)
    taken = -1
    while unsent and shop.stored() != taken:  # until the server takes no more of what nobody asks answers of
        taken = shop.stored()
        try:
            while unsent:
                unsent = unsent[line.send(unsent) :]
        except BlockingIOError:
            continue
    line.setblocking(True)
    line.settimeout(PATIENCE_S)
    answered = 0
    with line.makefile("rb") as stream:
        while answered < len(users):
            assert _next_reply(stream).status == 200
            answered += 1
            if unsent:
                unsent = unsent[line.send(unsent[:400]) :]
    assert shop.stored() - before == len(users)


def test_a_wrong_key_is_refused_before_the_body_is_there_and_the_connection_goes_on(
    shop: Shop, line: socket.socket
) -> None:
    whole = request(shop, fresh("user"), key="wrong")
    line.sendall(whole[:-5])
    (early,) = replies(line, 1)
    assert early.status == 401
    line.sendall(whole[-5:] + request(shop, fresh("user")))
    (next_one,) = replies(line, 1)
    assert next_one.status == 200


def test_a_chunked_event_is_taken(shop: Shop, line: socket.socket) -> None:
    head = f"POST {_SHORT} HTTP/1.1\r\nHost: a\r\n{KEY_HEADER}: {shop.key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    line.sendall(head.encode() + b'5\r\n{"_us\r\nd\r\nerId": "u-1"}\r\n0\r\n\r\n')
    (reply,) = replies(line, 1)
    assert (reply.status, shop.event(reply.json["event_id"])["body"]) == (200, {"_userId": "u-1"})


def test_a_peer_that_waits_for_100_continue_is_told_to_go_on(shop: Shop, line: socket.socket) -> None:
    whole = request(shop, fresh("user"), _SHORT, "Expect: 100-continue")
    head, _, body = whole.partition(b"\r\n\r\n")
    line.sendall(head + b"\r\n\r\n")
    with line.makefile("rb") as stream:
        assert stream.readline().split()[1] == b"100"
        assert stream.readline() == b"\r\n"
        line.sendall(body)
        assert _next_reply(stream).status == 200


@pytest.mark.parametrize(("version", "more"), [("1.0", ()), ("1.1", ("Connection: close",))])
def test_a_connection_that_is_not_kept_is_closed_behind_the_answer(
    shop: Shop, line: socket.socket, version: str, more: tuple[str, ...]
) -> None:
    line.sendall(request(shop, fresh("user"), _SHORT, *more, version=version))
    reply = http.client.HTTPResponse(line)
    reply.begin()
    assert (reply.status, reply.headers["connection"]) == (200, "close")
    reply.read()
    assert line.recv(1) == b""


def test_another_method_is_refused_with_the_right_one(shop: Shop) -> None:
    reply = shop.get(_SHORT)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_an_event_of_which_the_sender_hung_up_stays(shop: Shop, line: socket.socket) -> None:
    user = fresh("user")
    body = request(shop, user, f"{_SHORT}?return_score=true", "Idempotency-Key: " + user)
    line.sendall(body)
    line.shutdown(socket.SHUT_WR)
    line.close()
    again = shop.post(f"{_SHORT}?return_score=true", json.dumps({"_userId": user}).encode(), Idempotency_Key=user)
    assert again.status == 200
    assert shop.event(again.json["event_id"])["body"]["_userId"] == user


def test_the_same_head_is_read_alike_however_often_it_comes_and_however_it_is_cut(
    shop: Shop, line: socket.socket
) -> None:
    users = [f"{fresh('user')}x"[:8].ljust(8, "x") for _ in range(12)]
    whole = [request(shop, user) for user in users]
    assert len({one.partition(b"\r\n\r\n")[0] for one in whole}) == 1
    events = []
    for number, one in enumerate(whole):
        cut = (number * 37) % len(one)
        line.sendall(one[:cut])
        line.sendall(one[cut:])
        (reply,) = replies(line, 1)
        events.append(shop.event(reply.json["event_id"])["body"]["_userId"])
    line.sendall(b"".join(whole[:3]) + whole[3][:-1])
    assert [reply.status for reply in replies(line, 3)] == [200] * 3
    line.sendall(whole[3][-1:])
    assert [reply.status for reply in replies(line, 1)] == [200]
    assert events == users


def test_a_known_head_is_no_way_around_a_revoked_key(shop: Shop, line: socket.socket) -> None:
    name = fresh("key")
    key = shop.served.key("ingest", name=name)
    again = request(shop, "u-1", key=key)
    line.sendall(again + again)
    assert [reply.status for reply in replies(line, 2)] == [200, 200]
    listed = json.loads(run("keys", "list", "--data", str(shop.served.directory), "--json").stdout)
    (key_id,) = [row["id"] for row in listed if row["name"] == name]
    assert run("keys", "revoke", key_id, "--data", str(shop.served.directory)).returncode == 0
    statuses = [200]
    with line.makefile("rb") as stream:
        while statuses[-1] == 200:  # it stops within a second
            line.sendall(again)
            statuses.append(_next_reply(stream).status)
    assert statuses[-1] == 401


def test_a_known_head_with_a_body_that_is_refused_leaves_the_connection_open(shop: Shop, line: socket.socket) -> None:
    good = request(shop, "u-1")
    bad = good.replace(b'{"_userId"', b"}{_userId'")
    line.sendall(good + bad + good)
    assert [reply.status for reply in replies(line, 3)] == [200, 400, 200]


@pytest.mark.parametrize("path", [_SHORT, _LONG])
def test_a_peer_that_closes_its_half_behind_the_event_hears_what_became_of_it(
    shop: Shop, line: socket.socket, path: str
) -> None:
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)  # else the answer may be out before the end arrives
    line.sendall(request(shop, fresh("u"), path))
    line.shutdown(socket.SHUT_WR)
    (reply,) = replies(line, 1)
    assert (reply.status, reply.headers["connection"]) == (200, "close")
    assert line.recv(1) == b""


@pytest.mark.parametrize("path", [_SHORT, _LONG])
@pytest.mark.parametrize("body", [b"", b"{}"])
def test_nothing_is_read_behind_the_last_request_of_a_connection_that_is_refused_at_its_head(
    shop: Shop, line: socket.socket, path: str, body: bytes
) -> None:
    head = request(shop, "u-1", path, "Connection: close", key="wrong").partition(b"Content-Length")[0]
    before = shop.stored()
    line.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body + request(shop, fresh("user")))
    (reply,) = replies(line, 1)
    assert (reply.status, reply.headers["connection"]) == (401, "close")
    assert line.recv(1) == b""
    shop.taken("login", {"_userId": fresh("user")})
    assert shop.stored() - before == 1


@pytest.fixture(scope="module")
def stumbling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A server that meets a fault of its own where a body, or a key, says `stumble`."""
    with Served(tmp_path_factory.mktemp("stumbling"), program=broken("stumbles-over-a-body")) as server:
        yield Shop(server, server.key("ingest", "read"))


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("path", [_SHORT, _LONG])
def test_a_fault_in_reading_a_body_leaves_the_next_request_where_it_begins(
    stumbling: Shop, path: str, *, known: bool
) -> None:
    good, bad, inside = (request(stumbling, user, path) for user in ("u-123456", "stumble1", "u-inside"))
    smuggling = json.dumps({"_userId": "stumble", "_note": inside.decode()}, indent=1).encode()
    longer = request(stumbling, "", path).replace(b"Content-Length: 15", b"Content-Length: %d" % len(smuggling))
    chunked = bad.partition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    chunked += b'13\r\n{"_userId":"stumble\r\n2\r\n"}\r\n0\r\n\r\n'
    before = stumbling.stored()
    with socket.create_connection(("127.0.0.1", stumbling.served.port), PATIENCE_S) as line:
        faulty = [bad, longer.removesuffix(b'{"_userId": ""}') + smuggling, chunked]
        line.sendall(b"".join([good] * known + [one + good for one in faulty]))
        answers = replies(line, known + 6)
    assert [reply.status for reply in answers] == [200] * known + [500, 200] * 3
    assert [one.json["code"] for one in answers if one.status == 500] == ["internal"] * 3
    shown = [stumbling.event(one.json["event_id"])["body"] for one in answers if one.status == 200]
    assert shown == [{"_userId": "u-123456"}] * (known + 3)
    assert stumbling.stored() - before == known + 3


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_fault_before_the_body_is_there_ends_the_connection(stumbling: Shop, body: bytes) -> None:
    head = request(stumbling, "u-1", key="stumble").partition(b"Content-Length")[0]
    before = stumbling.stored()
    with socket.create_connection(("127.0.0.1", stumbling.served.port), PATIENCE_S) as line:
        line.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body + request(stumbling, "u-1"))
        (reply,) = replies(line, 1)
        assert (reply.status, reply.headers["connection"]) == (500, "close")
        assert line.recv(1) == b""
    assert stumbling.send("login", {"_userId": "u-2"}).status == 200
    assert stumbling.stored() - before == 1
