"""What comes back, whatever was asked: an object that every old client can digest, and never a redirect."""

import gzip
import json
import zlib

import pytest

from contract.shop import Shop, assert_error, fresh, http_10
from fourthwatch.limits import BODY_BYTES_MAX, HEADER_BYTES_MAX, HEADER_COUNT_MAX
from served import KEY_HEADER, Served

pytestmark = pytest.mark.slow

ODD_PATHS = (
    "/", "//", "/event", "/event/", "/event/v1", "/event/v1/", "/event/v1/nothing", "/event/v2/login",
    "//event/v1/login", "/event//v1//login", "/event/v1/login/x", "/event/v1/LOGIN", "/event/v1/log%69n",
    "/event/v1/login//", "/event/event", "/event/event/v1/login", "/event/v1/../v1/login",
    "/event/v1/%2e%2e/login", "/neo", "/neo/v1", "/neo/v1/score/", "/neo/v1/Score", "/neo/v1/addpostbackurl",
    "/neo/v1/addpostbackurl//", "/v1/get/score", "/v1/thirdwatch/orders/", "/api", "/api/v1", "/api/v1/events",
    "/api/v1/events/", "/api/v1/events/nothing", "/api/v1/events/ev_" + "0" * 32, "/api/v1/events/ev_%00",
    "/api/v1/orders", "/api/v1/orders/", "/api/v1/orders/none", "/api/v1/orders/a/b/c", "/api/v1/orders/%ff%fe",
    "/api/v1/orders/o?limit=x", "/api/v1/postbacks/", "/docs/", "/docs/x", "/openapi.json/", "/healthz/",
    "/robots.txt", "/favicon.ico", "/.git/config", "/event/v1/login;x=1", "/%", "/%zz", "/\\", "/a%0d%0ab",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def login() -> str:
    return json.dumps({"_userId": fresh("user"), "_loginStatus": "_success"})


@pytest.mark.parametrize("method", METHODS)
def test_no_path_redirects_and_every_refusal_is_json(shop: Shop, method: str) -> None:
    body = login() if method in ("POST", "PUT", "PATCH") else None
    for path in ODD_PATHS:
        for headers in ({}, {KEY_HEADER: shop.key}):
            reply = shop.served.request(method, path, body, headers)
            assert reply.status == 200 or 400 <= reply.status < 500, (method, path, reply)
            if reply.status != 200:
                assert reply.headers["content-type"] in ("application/json", "application/problem+json"), (method, path)
                if method != "HEAD":
                    assert_error(reply, reply.status)


def test_a_receipt_has_status_and_message_as_strings_and_is_json(shop: Shop) -> None:
    reply = shop.send("login", {"_userId": fresh("user")})
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert isinstance(reply.json["status"], str)
    assert isinstance(reply.json["message"], str)


def test_a_wrong_method_on_an_event_is_405_and_says_which_is_right(shop: Shop) -> None:
    for path in ("/event/v1/login", "/neo/v1/addpostbackurl/", "/neo/v1/clientaction", "/v1/thirdwatch/orders"):
        reply = shop.get(path)
        assert_error(reply, 405)
        assert reply.headers["allow"] == "POST"
    reply = shop.post("/neo/v1/score", "{}")
    assert_error(reply, 405)
    assert reply.headers["allow"] == "GET"
    reply = shop.post("/api/v1/events/x", "{}")
    assert_error(reply, 405)
    assert "GET" in reply.headers["allow"]


def test_an_unknown_event_is_404(shop: Shop) -> None:
    assert_error(shop.send("no_such_event", {"_userId": "u"}), 404)


def test_a_body_over_the_limit_is_413_and_leaves_nothing(shop: Shop) -> None:
    before = shop.stored()
    body = json.dumps({"_userId": "u", "_customInfo": {"text": "x" * BODY_BYTES_MAX}})
    assert_error(shop.post("/event/v1/custom_event", body), 413)
    assert shop.stored() == before


def test_a_body_of_exactly_the_limit_is_taken(shop: Shop) -> None:
    head, tail = '{"_userId":"' + fresh("user") + '","_customInfo":{"text":"', '"}}'
    body = head + "x" * (BODY_BYTES_MAX - len(head) - len(tail)) + tail
    assert shop.post("/event/v1/custom_event", body).status == 200


def test_a_chunked_body_over_the_limit_is_413(shop: Shop) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    head = f"POST /event/v1/login HTTP/1.1\r\nHost: s\r\n{KEY_HEADER}: {shop.key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert_error(shop.raw(head.encode() + chunk * 5), 413)


def test_a_chunked_body_within_the_limit_is_taken(shop: Shop) -> None:
    body = login().encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:7], body[7:]))
    head = f"POST /event/v1/login HTTP/1.1\r\nHost: s\r\n{KEY_HEADER}: {shop.key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = shop.raw(head.encode() + chunks + b"0\r\n\r\n")
    assert reply.status == 200, reply.body
    assert shop.event(reply.json["event_id"])["body"] == json.loads(body)


def test_too_many_or_too_large_headers_are_431(shop: Shop) -> None:
    many = "".join(f"X-Filler-{number}: 1\r\n" for number in range(HEADER_COUNT_MAX + 1))
    large = f"X-Filler: {'x' * HEADER_BYTES_MAX}\r\n"
    for filler in (many, large):
        assert_error(shop.raw(f"GET /healthz HTTP/1.1\r\nHost: s\r\n{filler}\r\n".encode()), 431)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"POST /event/v1/login HTTP/1.1\r\nHost: s\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /event/v1/login HTTP/1.1\r\nHost: s\r\nContent-Length: x\r\n\r\n",
    ],
    ids=["no-http", "no-host", "two-lengths", "no-number"],
)
def test_what_is_not_http_is_a_json_400(shop: Shop, request_bytes: bytes) -> None:
    assert_error(shop.raw(request_bytes), 400)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"text"', b"null", b"7", b"{", b'{"_userId":"u","_userId":"v"}', b'{"_userId":NaN}', b"\xff\xfe{}",
     b"\xef\xbb\xbf{}", b'{"_userId":"\\ud800"}', b'{"_userId":"a\\u0000b"}', b"[" * 200_000, b'{"_userId":"u"} x'],
    ids=["empty", "list", "text", "null", "number", "open", "twice", "nan", "utf-16", "bom", "surrogate", "nul", "deep",
         "trailing"],
)  # fmt: skip
def test_a_body_that_is_not_one_clean_json_object_is_a_400_that_leaves_nothing(shop: Shop, body: bytes) -> None:
    before = shop.stored()
    assert_error(shop.served.request("POST", "/event/v1/login", body, {KEY_HEADER: shop.key}), 400)
    assert shop.stored() == before


def test_a_refusal_quotes_nothing_of_the_body(shop: Shop) -> None:
    for body in (b'{"_userId":"secret-7f3a"', b'{"secret-7f3a":1}', b'{"_userId":"u","a":"secret-7f3a\\u0000"}'):
        reply = shop.served.request("POST", "/event/v1/login", body, {KEY_HEADER: shop.key})
        assert reply.status == 400
        assert b"secret-7f3a" not in reply.body


def test_http_1_0_is_answered(shop: Shop) -> None:
    body = json.dumps({"_userId": fresh("user"), "secret": "ignored here"}).encode()
    request = http_10("/event/v1/login", body).replace(b"\r\n\r\n", f"\r\n{KEY_HEADER}: {shop.key}\r\n\r\n".encode(), 1)
    reply = shop.raw(request)
    assert reply.status == 200, reply.body
    assert_error(shop.raw(b"GET /nothing HTTP/1.0\r\n\r\n"), 404)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "deflate", "identity"])
def test_a_compressed_body_is_stored_as_it_was_before_compression(shop: Shop, encoding: str) -> None:
    plain = login().encode()
    packed = {"deflate": zlib.compress(plain), "identity": plain}.get(encoding, gzip.compress(plain))
    headers = {KEY_HEADER: shop.key, "Content-Encoding": encoding}
    reply = shop.served.request("POST", "/event/v1/login", packed, headers)
    assert reply.status == 200, reply.body
    assert shop.event(reply.json["event_id"])["body"] == json.loads(plain)


def test_a_gzip_bomb_is_413_and_leaves_nothing(shop: Shop) -> None:
    before = shop.stored()
    bomb = gzip.compress(b'{"_userId":"' + b"x" * 64_000_000 + b'"}')
    assert len(bomb) < BODY_BYTES_MAX
    headers = {KEY_HEADER: shop.key, "Content-Encoding": "gzip"}
    for path in ("/event/v1/login", "/neo/v1/addpostbackurl/", "/neo/v1/clientaction", "/v1/thirdwatch/orders"):
        assert_error(shop.served.request("POST", path, bomb, headers), 413)
    assert shop.stored() == before


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", b"{}"), ("br", b"{}"), ("gzip", gzip.compress(b"{}")[:-4]), ("gzip", gzip.compress(b"{}") + b"x")],
    ids=["plain", "unknown", "cut-off", "trailing"],
)
def test_a_body_that_is_not_what_its_encoding_says_is_400(shop: Shop, encoding: str, body: bytes) -> None:
    headers = {KEY_HEADER: shop.key, "Content-Encoding": encoding}
    assert_error(shop.served.request("POST", "/event/v1/login", body, headers), 400)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "text/plain",
        "application/x-www-form-urlencoded",
    ],
)
def test_the_content_type_does_not_matter_as_long_as_the_body_is_json(shop: Shop, content_type: str) -> None:
    assert shop.post("/event/v1/login", login(), Content_Type=content_type).status == 200


def test_a_request_without_a_content_type_is_taken(shop: Shop) -> None:
    body = login().encode()
    head = (
        f"POST /event/v1/login HTTP/1.1\r\nHost: s\r\n{KEY_HEADER}: {shop.key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    assert shop.raw(head.encode() + body).status == 200


def test_many_requests_go_over_one_connection(shop: Shop) -> None:
    connection = shop.served.connection()
    for _ in range(20):
        connection.request("POST", "/event/v1/login", login(), {KEY_HEADER: shop.key})
        reply = connection.getresponse()
        assert reply.status == 200
        reply.read()
    connection.close()


def test_a_query_with_more_fields_than_anybody_needs_is_400(shop: Shop) -> None:
    assert_error(shop.get("/neo/v1/score?" + "&".join(f"a{number}=1" for number in range(50))), 400)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "limit=", "cursor=", "cursor=1.5", "cursor=AAAA", "limit=" + "9" * 30]
)
def test_a_page_that_cannot_be_is_400(shop: Shop, query: str) -> None:
    order_id = fresh("order")
    shop.taken("createOrder", {"_orderId": order_id, "_userId": "u"})
    assert_error(shop.get(f"/api/v1/orders/{order_id}?{query}"), 400)


def test_a_key_over_its_rate_gets_429_with_the_wait(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("throttled")
    with Served(directory, environment={"FOURTHWATCH_EVENTS_PER_SECOND": "1"}) as served:
        key, other = served.key("ingest"), served.key("ingest", name="other")
        replies = [served.send(key, "login", {"_userId": "u"}) for _ in range(40)]
        refused = [reply for reply in replies if reply.status != 200]
        assert refused
        for reply in refused:
            assert_error(reply, 429)
            assert int(reply.headers["retry-after"]) >= 1
        assert served.send(other, "login", {"_userId": "u"}).status == 200
