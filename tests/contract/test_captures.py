"""Requests of the real clients as they were recorded on the wire, sent again byte for byte over a raw socket."""

import json
from pathlib import Path
from typing import Any

import pytest

from contract.shop import Shop, assert_error

pytestmark = pytest.mark.slow

RECORDED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "recorded_requests.json").read_text("utf-8"))
BY_CLIENT = {client: [r for r in RECORDED if r["client"] == client] for client in ("python", "node", "go-minimal")}
FULL = BY_CLIENT["python"] + BY_CLIENT["node"]
GO = {recorded["name"]: recorded for recorded in BY_CLIENT["go-minimal"]}


@pytest.fixture(scope="module")
def keys(shop: Shop) -> dict[str, str]:
    """A merchant per client: they all tell of the same order and user, and one must not repeat the other."""
    return {client: shop.served.key("ingest", "read", name=client, tenant=f"recorded-{client}") for client in BY_CLIENT}


def request_of(recorded: dict[str, Any], key: str) -> bytes:
    """The request with another key, and with Host and Content-Length as the client would set them."""
    body: bytes = recorded["body_raw"].encode()
    lines = [f"POST {recorded['path']} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    for name, value in recorded["headers"]:
        lines.append(f"{name}: {key if name.lower() == 'x-thirdwatch-api-key' else value}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def of(recorded: dict[str, Any]) -> str:
    return f"{recorded['client']}-{recorded['name']}"


def test_the_recordings_are_whole() -> None:
    assert [len(requests) for requests in BY_CLIENT.values()] == [20, 20, 4]
    assert len({recorded["path"] for recorded in BY_CLIENT["python"]}) == 20
    assert all(len(recorded["body_raw"].encode()) == recorded["body_bytes"] for recorded in RECORDED)


@pytest.mark.parametrize("recorded", FULL, ids=of)
def test_a_recorded_request_is_taken_and_comes_back_byte_for_byte(
    shop: Shop, keys: dict[str, str], recorded: dict[str, Any]
) -> None:
    key = keys[recorded["client"]]
    reply = shop.raw(request_of(recorded, key))
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "application/json"
    receipt = reply.json
    assert all(isinstance(receipt[name], str) and receipt[name] for name in ("status", "message", "event_id"))
    assert receipt["warnings"] == []
    shown = shop.served.get(key, f"/api/v1/events/{receipt['event_id']}")
    assert b'"body":' + recorded["body_raw"].encode() + b',"warnings"' in shown.body
    assert shown.json["event"] == recorded["path"].rsplit("/", 1)[1]


@pytest.mark.parametrize("recorded", FULL, ids=of)
def test_a_recorded_request_with_the_recorded_key_is_refused(shop: Shop, recorded: dict[str, Any]) -> None:
    assert_error(shop.raw(request_of(recorded, "test-key-0123456789abcdef")), 401)


@pytest.mark.parametrize("name", ["createOrder", "transaction"])
def test_an_empty_order_id_as_go_sends_it_is_refused_with_its_place(
    shop: Shop, keys: dict[str, str], name: str
) -> None:
    before = shop.stored()
    error = assert_error(shop.raw(request_of(GO[name], keys["go-minimal"])), 400)
    assert error["pointer"] == "/_orderId"
    assert shop.stored() == before


@pytest.mark.parametrize("name", ["add_to_cart", "tag"])
def test_an_event_with_the_empty_key_that_go_sends_when_none_is_set_is_refused(shop: Shop, name: str) -> None:
    before = shop.stored()
    assert_error(shop.raw(request_of(GO[name], "")), 401)
    assert shop.stored() == before


@pytest.mark.parametrize("name", ["add_to_cart", "tag"])
def test_the_empty_objects_that_go_always_sends_are_taken_without_a_warning(
    shop: Shop, keys: dict[str, str], name: str
) -> None:
    reply = shop.raw(request_of(GO[name], keys["go-minimal"]))
    assert reply.status == 200, reply.body
    assert reply.json["warnings"] == []
