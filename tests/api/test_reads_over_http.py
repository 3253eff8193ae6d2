"""What stands behind the pages, over HTTP: lists, the queue, search, the graph, timelines; fresh, paged, by tenant."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from contract.shop import assert_error
from fourthwatch.store.index_file import FILE_NAME
from served import KEY_HEADER, Reply, Served

_PATIENCE_S = 60.0
pytestmark = pytest.mark.slow

START_MS = 1_790_000_000_000
MINUTE_MS = 60_000


class Merchant:
    """A key of a tenant at a server."""

    def __init__(self, served: Served, tenant: str = "default") -> None:
        self.served = served
        self.key = served.key("ingest", "read", "manage", tenant=tenant)

    def get(self, path: str) -> Any:
        reply = self.ask(path)
        assert reply.status == 200, reply.body
        return reply.json

    def ask(self, path: str) -> Reply:
        return self.served.request("GET", path, headers={KEY_HEADER: self.key})

    def send(self, kind: str, number: int = 0, **body: Any) -> str:
        told = {"_originTimestamp": str(START_MS + number * MINUTE_MS), **body}
        reply = self.served.send(self.key, kind, told)
        assert reply.status == 200, reply.body
        event_id: str = reply.json["event_id"]
        return event_id

    def order(self, number: int, **body: Any) -> str:
        told = {"_orderId": f"o-{number}", "_userId": f"u-{number}", "_amount": str(100 * number + 100)}
        return self.send("createOrder", number, **{**told, "_currencyCode": "INR", **body})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("reads")
    with Served(directory, environment={"FOURTHWATCH_RED_ABOVE": "1"}) as server:
        yield server


@pytest.fixture(scope="module")
def shop(served: Served) -> Merchant:
    merchant = Merchant(served)
    for number in range(12):
        merchant.order(number, _deviceId=f"dev-{number // 4}", _userEmail=f"p{number}@example.com")
    merchant.send("order_status", 20, _orderId="o-1", _orderStatus="_fulfilled")
    merchant.send(
        "order_status", 21, _orderId="o-2", _orderStatus="_canceled", _source="_manualReview", _analyst="meena"
    )
    return merchant


@pytest.fixture(scope="module")
def stranger(served: Served, shop: Merchant) -> Merchant:
    assert shop.key
    return Merchant(served, tenant="stranger")


def test_an_event_is_in_a_fresh_list_as_soon_as_it_was_answered(shop: Merchant) -> None:
    for number in range(100, 110):
        shop.order(number)
        newest = shop.get("/api/v1/orders?limit=1&fresh=true")
        assert newest["orders"][0]["order_id"] == f"o-{number}"
        assert newest["behind_events"] == 0


def test_a_list_is_filtered_sorted_counted_and_paged(shop: Merchant) -> None:
    asked = "/api/v1/orders?fresh=true&max_amount=120000&sort=amount&order=asc&count=true&limit=5"
    first = shop.get(asked)
    assert [one["amount_minor"] for one in first["orders"]] == [10_000, 20_000, 30_000, 40_000, 50_000]
    assert first["count"] == 12
    second = shop.get(f"{asked}&cursor={first['next']}")
    third = shop.get(f"{asked}&cursor={second['next']}")
    assert [len(page["orders"]) for page in (first, second, third)] == [5, 5, 2]
    assert third["next"] is None
    state = shop.get("/api/v1/orders?state=fulfilled")["orders"]
    assert [(one["order_id"], one["labels"]["rto"], one["user_id"]) for one in state] == [("o-1", False, "u-1")]
    assert shop.get("/api/v1/orders?from=2100-01-01")["orders"] == []


def test_the_queue_holds_what_is_to_be_reviewed_most_at_risk_first(shop: Merchant) -> None:
    queue = shop.get("/api/v1/queue?limit=500&fresh=true")
    shown = {one["order_id"] for one in queue["orders"]}
    reviewed = {one["order_id"] for one in shop.get("/api/v1/orders?verdict=review&limit=500")["orders"]}
    assert shown == reviewed - {"o-1", "o-2"}
    assert {"o-1", "o-2"} <= reviewed
    assert queue["open"] == len(shown)
    risks = [one["risk_minor"] for one in queue["orders"]]
    assert risks == sorted(risks, reverse=True)
    assert queue["risk_minor"] == sum(risks)
    assert queue["oldest_at"] == min(one["placed_at"] for one in queue["orders"])
    (decided,) = shop.get("/api/v1/orders?decision=decline")["orders"]
    assert (decided["analyst"], decided["analyst_decision"], decided["in_review"]) == ("meena", "decline", False)


@pytest.mark.parametrize(
    "query",
    ["flag=blue", "verdict=maybe", "state=gone", "label=x", "sort=score", "order=up", "from=yesterday", "limit=0",
     "min_amount=-1", "min_amount=1.5", "fresh=perhaps", "cursor=AAAA", "user=", "decision=later", "city=" + "x" * 300],
)  # fmt: skip
def test_a_query_that_cannot_be_meant_is_refused(shop: Merchant, query: str) -> None:
    assert_error(shop.ask("/api/v1/orders?" + query), 400)


def test_a_cursor_of_one_list_is_none_of_another(shop: Merchant, stranger: Merchant) -> None:
    cursor = shop.get("/api/v1/orders?limit=1")["next"]
    assert shop.get(f"/api/v1/orders?limit=1&cursor={cursor}")["orders"]
    for path in (f"/api/v1/orders?flag=red&cursor={cursor}", f"/api/v1/queue?cursor={cursor}"):
        assert_error(shop.ask(path), 400)
    assert_error(stranger.ask(f"/api/v1/orders?limit=1&cursor={cursor}"), 400)


def test_nothing_of_a_tenant_is_seen_by_another(stranger: Merchant, shop: Merchant) -> None:
    assert shop.get("/api/v1/search?q=u-1&fresh=true")["results"]["user"]
    empty = stranger.get("/api/v1/orders?count=true")
    assert (empty["orders"], empty["count"], empty["next"]) == ([], 0, None)
    queue = stranger.get("/api/v1/queue")
    assert (queue["orders"], queue["open"], queue["oldest_at"], queue["risk_minor"]) == ([], 0, None, 0)
    for typed in ("o-1", "u-1", "dev-1", "p1@example.com"):
        assert stranger.get(f"/api/v1/search?q={typed}")["results"] == {}
    for start in ("order=o-1", "order=o-1&as_of=order", "entity=device:dev-1", "entity=user:u-1"):
        assert_error(stranger.ask(f"/api/v1/graph?{start}"), 404)
        assert_error(stranger.ask("/api/v1/graph?order=never"), 404)
    assert_error(stranger.ask("/api/v1/entities/device/dev-1"), 404)


def test_search_finds_orders_and_things_with_when_they_were_seen(shop: Merchant) -> None:
    found = shop.get("/api/v1/search?q=o-1&limit=20&fresh=true")["results"]
    assert {"o-1", "o-10", "o-11"} <= {hit["value"] for hit in found["order"]}
    (first,) = [hit for hit in found["order"] if hit["value"] == "o-1"]
    assert first["order"]["state"] == "fulfilled"
    (device,) = shop.get("/api/v1/search?q=dev-1")["results"]["device"]
    assert device["events"] == 4
    assert device["first_at"] <= device["last_at"]
    assert shop.get("/api/v1/search?q=")["results"] == {}
    assert shop.get("/api/v1/search?q=" + quote("'; DROP TABLE line --"))["results"] == {}


def test_the_graph_is_drawn_from_an_order_and_from_a_thing(shop: Merchant) -> None:
    shown = shop.get("/api/v1/graph?order=o-0&fresh=true")
    assert shown["nodes"][0]["id"] == "order:o-0"
    assert {"device:dev-0", "user:u-3", "order:o-3"} <= {node["id"] for node in shown["nodes"]}
    then = shop.get("/api/v1/graph?order=o-0&as_of=order")
    assert {node["id"] for node in then["nodes"]} == {"order:o-0", "user:u-0", "device:dev-0", "email:p0@example.com"}
    assert then["as_of"].startswith("2026-")
    later = shop.get(f"/api/v1/graph?order=o-0&as_of={START_MS + MINUTE_MS}")
    assert "user:u-1" in {node["id"] for node in later["nodes"]}
    assert "user:u-2" not in {node["id"] for node in later["nodes"]}
    assert shop.get("/api/v1/graph?entity=email:P0@Example.com&hops=1")["nodes"][0]["id"] == "email:p0@example.com"
    for query in ("", "order=o-0&entity=user:u-0", "entity=nothing", "entity=ip:nowhere", "order=o-0&hops=9",
                  "entity=user:u-0&as_of=order", "order=o-0&as_of=soon"):  # fmt: skip
        assert_error(shop.ask(f"/api/v1/graph?{query}"), 400)


def test_a_timeline_pages_through_all_events_of_an_entity_and_no_others(shop: Merchant) -> None:
    sent = [shop.send("custom_event", 30 + n, _eventName="seen", _userId="walker", n=n) for n in range(23)]
    shop.send("custom_event", 90, _eventName="seen", _userId="somebody else")
    seen: list[str] = []
    path = "/api/v1/entities/user/walker?limit=5"
    page = shop.get(path)
    while True:
        seen += [event["event_id"] for event in page["timeline"]]
        if page["next"] is None:
            break
        page = shop.get(f"{path}&cursor={page['next']}")
    assert seen == sent[::-1]


def test_the_index_says_how_far_it_is(shop: Merchant) -> None:
    shop.get("/api/v1/orders?fresh=true")
    told = shop.get("/api/v1/index")
    assert told["position"] == told["newest"] > 10
    assert (told["behind_events"], told["behind_ms"]) == (0, 0)


# Ends of all kinds.


def many(merchant: Merchant, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        merchant.order(number, _deviceId="dev")


def test_after_a_kill_in_the_middle_of_catching_up_nothing_is_missing_and_nothing_is_twice(tmp_path: Path) -> None:
    with Served(tmp_path) as server:
        merchant = Merchant(server)
        many(merchant, 40)
        server.kill()
        for number in range(3):
            (tmp_path / FILE_NAME).unlink(missing_ok=True)  # so that it has everything to catch up with
            server.start()
            merchant.order(40 + number, _deviceId="dev")
            server.kill()
        server.start()
        listed = merchant.get("/api/v1/orders?limit=100&fresh=true&count=true")
        assert [one["order_id"] for one in listed["orders"]] == [f"o-{n}" for n in range(42, -1, -1)]
        assert listed["count"] == 43
        assert merchant.get("/api/v1/search?q=dev")["results"]["device"][0]["events"] == 43


@pytest.mark.parametrize("when", ["stopped", "running"])
def test_a_damaged_index_is_made_again(tmp_path: Path, when: str) -> None:
    with Served(tmp_path) as server:
        merchant = Merchant(server)
        many(merchant, 60)
        assert merchant.get("/api/v1/orders?fresh=true&count=true")["count"] == 60
        if when == "stopped":
            assert server.stop() == 0
            (tmp_path / FILE_NAME).write_bytes(b"\0" * 100_000)
            server.start()
        else:
            spoilt = bytearray((tmp_path / FILE_NAME).read_bytes())
            for at in range(100, len(spoilt), 512):
                spoilt[at] ^= 255
            (tmp_path / FILE_NAME).write_bytes(spoilt)
            for leftover in ("-wal",):
                with (tmp_path / (FILE_NAME + leftover)).open("r+b") as file:
                    file.truncate(0)
        many(merchant, 5, first=60)
        deadline = time.monotonic() + _PATIENCE_S
        reply = merchant.ask("/api/v1/orders?fresh=true&count=true")
        while not (reply.status == 200 and reply.json["count"] == 65):
            assert time.monotonic() < deadline, (reply.status, reply.body, server.log[-5:])
            reply = merchant.ask("/api/v1/orders?fresh=true&count=true")
        many(merchant, 5, first=65)
        assert merchant.get("/api/v1/orders?fresh=true&count=true")["count"] == 70
        assert server.stop() == 0


def test_events_are_taken_while_the_index_is_made_anew(tmp_path: Path) -> None:
    with Served(tmp_path) as server:
        merchant = Merchant(server)
        many(merchant, 30)
        assert server.stop() == 0
        (tmp_path / FILE_NAME).unlink()
        server.start()
        body = json.dumps({"_orderId": "now", "_userId": "u"})
        assert server.request("POST", "/event/v1/createOrder", body, {KEY_HEADER: merchant.key}).status == 200
        assert merchant.get("/api/v1/orders?fresh=true&count=true")["count"] == 31


# Insights.


def test_days_are_those_of_the_zone_and_rows_add_up_to_the_total(shop: Merchant) -> None:
    asked = "/api/v1/insights/days?from=2026-09-01&to=2026-10-30&fresh=true"
    table = shop.get(asked)
    assert table["currency"] == "INR"
    assert [row["name"] for row in table["rows"]] == ["2026-09-21"]
    # 23:30 on the 21st in UTC is the 22nd in Kolkata.
    shop.send("createOrder", 0, _orderId="late", _userId="u", _originTimestamp="2026-09-21T23:30:00Z")
    late = shop.get(asked + "&tz=Asia/Kolkata")
    assert [row["name"] for row in late["rows"]] == ["2026-09-21", "2026-09-22"]
    assert [row["name"] for row in shop.get(asked)["rows"]] == ["2026-09-21"]
    for name in ("orders", "approved", "amount_minor"):
        assert sum(row["sums"][name] for row in late["rows"]) == late["total"][name]
    assert late["complete"]


def test_scores_reasons_rules_and_groups_are_tables_of_the_same_orders(shop: Merchant) -> None:
    span = "from=2026-09-01&to=2026-10-30&fresh=true"
    total = shop.get(f"/api/v1/insights/days?{span}")["total"]
    scores = shop.get(f"/api/v1/insights/scores?{span}")
    assert sum(row["sums"]["orders"] for row in scores["rows"]) == total["orders"] == scores["total"]["orders"]
    assert [int(row["name"]) for row in scores["rows"]] == sorted(int(row["name"]) for row in scores["rows"])
    assert shop.get(f"/api/v1/insights/reasons?{span}")["rows"][0]["sums"]["orders"] > 0
    assert shop.get(f"/api/v1/insights/rules?{span}")["total"] == total
    hours = shop.get(f"/api/v1/insights/groups?by=hour&{span}")
    assert sum(row["sums"]["orders"] for row in hours["rows"]) == total["orders"]
    states = {
        row["name"]: row["sums"]["orders"] for row in shop.get(f"/api/v1/insights/groups?by=state&{span}")["rows"]
    }
    assert (states["fulfilled"], states["canceled"]) == (1, 1)


def test_the_overview_is_there_with_and_without_anything(shop: Merchant, stranger: Merchant) -> None:
    told = shop.get("/api/v1/insights/overview?tz=Asia/Kolkata&currency=inr&fresh=true")
    assert (told["tz"], told["currency"]) == ("Asia/Kolkata", "INR")
    assert told["open"] == shop.get("/api/v1/queue")["open"]
    empty = stranger.get("/api/v1/insights/overview")
    assert (empty["currency"], empty["open"], empty["oldest_at"]) == (None, 0, None)
    assert empty["today"]["sums"]["orders"] == 0
    assert empty["today"]["sums"]["approval_rate"] is None
    for name in ("days", "scores", "reasons", "rules", "groups?by=city"):
        assert stranger.get(f"/api/v1/insights/{name}")["rows"] == []


def test_quality_counts_warnings_fields_events_and_unknown_features(shop: Merchant) -> None:
    shop.send("custom_event", 40, _eventName="weighed", _userId="w", grams=5)
    shop.send("login", 41, _userId="w", _oddKey="x")
    for number in range(200, 216):
        shop.order(number)
    told = shop.get("/api/v1/insights/quality?fresh=true")
    counts = {name: {one["name"]: one["count"] for one in told[name]} for name in ("events", "warnings", "fields")}
    assert counts["events"]["custom_event:weighed"] == 1
    assert counts["warnings"]["unknown_key"] >= 1
    assert counts["fields"]["weighed.grams"] == 1
    assert told["sampled_decisions"] > 0
    assert {one["share"] for one in told["unknown"]} <= {count / told["sampled_decisions"] for count in range(1, 99)}


@pytest.mark.parametrize(
    "path", ["days?tz=Mars/Base", "days?from=2026-09-02&to=2026-09-01", "days?from=2020-01-01&to=2026-01-01",
             "groups", "groups?by=colour", "overview?currency=rupees", "scores?matured_days=x"],
)  # fmt: skip
def test_an_insight_that_cannot_be_meant_is_refused(shop: Merchant, path: str) -> None:
    assert_error(shop.ask(f"/api/v1/insights/{path}"), 400)
