"""A page of the data file that went bad: whoever asks for what was on it hears so, everybody else is served."""

import json
import time
from pathlib import Path

import pytest

from faults.broken import broken
from fourthwatch.store.file import FILE_NAME
from fourthwatch.store.index_file import FILE_NAME as INDEX_NAME
from served import PATIENCE_S, Served

pytestmark = pytest.mark.slow

UNREADABLE = "what is stored about this cannot be read; the operator has been told"
ORDERS = 300
BAD = 150


def test_who_asks_for_what_is_damaged_is_refused_and_the_others_are_served(tmp_path: Path) -> None:
    server, key, bad = with_a_bad_page(tmp_path)
    try:
        for _ in range(3):  # again and again: no loop of crashes
            retry = server.send(key, "createOrder", order(BAD))
            assert (retry.status, retry.json["message"]) == (503, UNREADABLE)
            assert retry.headers["retry-after"] == "60"
            paid = server.send(key, "transaction", payment(BAD))
            assert paid.status == 503
        assert server.is_running
        old = server.send(key, "createOrder", order(1))
        assert old.status == 200
        assert old.headers["fourthwatch-replayed"] == "true"
        assert server.send(key, "transaction", payment(2)).status == 200
        fresh = server.send(key, "createOrder", order(ORDERS + 1))
        assert fresh.status == 200
        assert stored(server) == ORDERS + 2, "what was refused left something behind"
        server.logs("stored_event_unreadable")
        timeline = server.get(key, f"/api/v1/orders/o-{BAD}")
        assert (timeline.status, timeline.json["code"]) == (503, "unavailable")
        assert timeline.headers["retry-after"] == "60"
        assert server.get(key, f"/neo/v1/score?api_key={key}&order_id=o-{BAD}").status == 503
        assert server.get(key, "/api/v1/orders/o-2").status == 200
        assert indexed(server, key) == ORDERS + 2, "what can be read is not found"
        assert f'"position":{BAD}' in server.logs("event_left_out").replace(" ", "")
        assert not any(bad in line for line in server.log)
    finally:
        assert server.stop() == 0


def test_a_build_that_gives_up_at_a_bad_page_is_caught(tmp_path: Path) -> None:
    """Its process ends, and the same retry ends the next one, too."""
    whole, key, _ = with_a_bad_page(tmp_path)
    whole.stop()
    server = Served(tmp_path, program=broken("ends-at-a-bad-page")).start()
    reply = server.send(key, "createOrder", order(BAD))
    assert reply.json["message"] != UNREADABLE
    assert server.wait() == 1


def with_a_bad_page(directory: Path) -> tuple[Served, str, str]:
    """A server over a file in which the body of one order cannot be read; a word of it, too. The index is begun."""
    server = Served(directory).start()
    key = server.key("ingest", "read")
    for number in range(1, ORDERS + 1):
        assert server.send(key, "createOrder", order(number)).status == 200
    assert server.stop() == 0
    (directory / INDEX_NAME).unlink()
    word = word_of(BAD)
    path = directory / FILE_NAME
    whole = bytearray(path.read_bytes())
    places = [at for at in range(len(whole)) if whole.startswith(word.encode(), at)]
    assert places, "the order's body is not in the file as it was sent"
    for at in places:
        whole[at] ^= 0x20
    path.write_bytes(whole)
    return server.start(), key, word


def order(number: int) -> dict[str, object]:
    return {
        "_userId": f"u-{number}", "_orderId": f"o-{number}", "_amount": "20", "_currencyCode": "INR",
        "_customInfo": {"note": note(number)},
    }  # fmt: skip


def note(number: int) -> str:
    """Long, so that an order has pages of its own, with a word of its own on one of them."""
    return "word " * 2_000 + word_of(number) + " word" * 2_000


def word_of(number: int) -> str:
    return f"invented-{number}-"


def payment(number: int) -> dict[str, object]:
    return {"_orderId": f"o-{number}", "_transactionStatus": "_success", "_transactionId": f"t-{number}"}


def indexed(server: Served, key: str) -> int:
    """How far the index is, when it has come to the end."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        told = server.get(key, "/api/v1/index")  # refused while what it lacks cannot be counted
        if told.status == 200 and told.json["position"] == told.json["newest"]:
            return int(told.json["position"])
        assert time.monotonic() < deadline, (told, server.log[-8:])


def stored(server: Served) -> int:
    reply = server.request("GET", "/metrics")
    line = next(one for one in reply.body.decode().splitlines() if one.startswith("fourthwatch_events_stored "))
    return int(float(line.split()[1]))


def test_the_word_of_the_bad_order_is_of_no_other() -> None:
    assert json.dumps([order(number) for number in range(1, ORDERS + 1)]).count(word_of(BAD)) == 1
