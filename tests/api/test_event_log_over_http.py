"""The log of events and what is handed out of a person, over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.test_reads_over_http import MINUTE_MS, START_MS, Merchant
from contract.shop import assert_error
from served import KEY_HEADER, Served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("log")) as server:
        yield server


@pytest.fixture(scope="module")
def shop(served: Served) -> Merchant:
    return Merchant(served)


def ids(page: Any) -> list[str]:
    return [event["event_id"] for event in page["events"]]


def test_the_log_shows_events_newest_first_with_the_reply_that_each_got(shop: Merchant) -> None:
    reply = shop.served.send(shop.key, "createOrder", {"_orderId": "l-1", "_userId": "lena", "_oddKey": 1})
    quiet = shop.send("order_status", 3, _orderId="l-1", _orderStatus="_held")
    page = shop.get("/api/v1/events?fresh=true&limit=2")
    assert ids(page) == [quiet, reply.json["event_id"]]
    older = page["events"][1]
    assert older["reply"] == reply.json
    assert older["body"] == {"_orderId": "l-1", "_userId": "lena", "_oddKey": 1}
    assert (older["decided"], page["events"][0]["decided"]) == (True, True)
    assert "score" not in page["events"][0]["reply"]


def test_the_log_is_narrowed_down_and_paged(shop: Merchant) -> None:
    sent = [
        shop.send("custom_event", n, _eventName="scan", _userId="omar", _deviceId="d-9", _sessionId=f"s-{n % 2}")
        for n in range(9)
    ]
    other = shop.send("login", 20, _userId="omar", _deviceId="d-9", _strange="x")
    shop.send("login", 21, _userId="nina", _deviceId="d-9")
    assert ids(shop.get("/api/v1/events?user=omar&fresh=true")) == [other, *sent[::-1]]
    assert ids(shop.get("/api/v1/events?user=omar&kind=login")) == [other]
    assert ids(shop.get("/api/v1/events?user=omar&warned=true")) == [other]
    assert ids(shop.get("/api/v1/events?name=scan&session=s-1&device=d-9")) == sent[1::2][::-1]
    assert len(ids(shop.get("/api/v1/events?entity=device:d-9"))) == 11
    assert ids(shop.get("/api/v1/events?user=omar&name=never")) == []
    assert ids(shop.get("/api/v1/events?user=omar&to=2020-01-01")) == []
    assert ids(shop.get("/api/v1/events?user=omar&from=2100-01-01")) == []
    assert len(ids(shop.get("/api/v1/events?user=omar&from=2020-01-01&to=2100-01-01"))) == 10
    assert ids(shop.get("/api/v1/events?user=omar&from=2100-01-01t00:00:00z")) == []
    page = shop.get("/api/v1/events?user=omar&limit=4")
    seen = ids(page)
    while page["next"] is not None:
        page = shop.get(f"/api/v1/events?user=omar&limit=4&cursor={page['next']}")
        seen += ids(page)
    assert seen == [other, *sent[::-1]]
    for query in ("kind=never", "entity=nothing:x", "entity=ip:nowhere", "warned=maybe", "from=soon", "user="):
        assert_error(shop.ask(f"/api/v1/events?{query}"), 400)


def test_a_span_holds_what_was_received_in_it(shop: Merchant) -> None:
    first = shop.send("custom_event", 0, _eventName="span", _userId="spa")
    second = shop.send("custom_event", 0, _eventName="span", _userId="spa", n=2)
    received = {one["event_id"]: one["received_at"] for one in shop.get("/api/v1/events?user=spa&fresh=true")["events"]}
    assert first not in ids(shop.get(f"/api/v1/events?user=spa&to={received[first]}"))
    assert second in ids(shop.get(f"/api/v1/events?user=spa&from={received[second]}"))


def test_what_was_refused_is_told_without_what_was_sent(shop: Merchant) -> None:
    assert shop.get("/api/v1/refusals")["refusals"] == []
    for body in ('{"_orderId": "secret-1", "_userId":', '{"_userId": "secret-2"}', "[]"):
        reply = shop.served.request(
            "POST", "/event/v1/createOrder", body, {KEY_HEADER: shop.key, "User-Agent": "sdk/go"}
        )
        assert_error(reply, 400)
    told = shop.get("/api/v1/refusals")["refusals"]
    assert [one["body_bytes"] for one in told] == [2, 23, 35]
    assert {(one["event"], one["status"], one["user_agent"]) for one in told} == {("createOrder", 400, "sdk/go")}
    assert told[1]["pointer"] == "/_orderId"
    assert "secret" not in str(told)
    shop.served.request("POST", "/event/v1/login", "[]", {KEY_HEADER: "fw_wrong"})
    assert len(shop.get("/api/v1/refusals")["refusals"]) == 3
    for number in range(210):
        shop.served.request("POST", "/event/v1/login", "x" * number, {KEY_HEADER: shop.key})
    assert [one["body_bytes"] for one in shop.get("/api/v1/refusals")["refusals"]] == list(range(209, 9, -1))


def test_everything_of_a_person_is_handed_out_and_that_it_was_is_on_record(shop: Merchant) -> None:
    sent = [shop.send("custom_event", n, _eventName="page", _userId="pia", n=n) for n in range(450)]
    order = shop.send("createOrder", 500, _orderId="p-1", _userId="pia", _userEmail="pia@example.com")
    about = shop.send("order_status", 501, _orderId="p-1", _orderStatus="_held")
    shop.send("custom_event", 502, _eventName="page", _userId="paul")
    told = shop.get("/api/v1/users/pia/export")
    assert told["user_id"] == "pia"
    assert [event["event_id"] for event in told["events"]] == [about, order, *sent[::-1]]
    assert told["events"][1]["decision"]["features"]
    trail = shop.get("/api/v1/audit?action=user.exported")["entries"]
    assert [entry["thing"] for entry in trail] == ["users/pia"]
    assert_error(shop.ask("/api/v1/users/nobody/export"), 404)


def test_another_tenant_sees_no_event_and_exports_nobody(served: Served, shop: Merchant) -> None:
    shop.send("createOrder", 600, _orderId="q-1", _userId="quinn", _originTimestamp=str(START_MS + MINUTE_MS))
    assert shop.get("/api/v1/events?user=quinn&fresh=true")["events"]
    stranger = Merchant(served, tenant="stranger")
    assert stranger.get("/api/v1/events")["events"] == []
    assert stranger.get("/api/v1/refusals")["refusals"] == []
    assert stranger.get("/api/v1/events?user=quinn")["events"] == []
    assert_error(stranger.ask("/api/v1/users/quinn/export"), 404)
