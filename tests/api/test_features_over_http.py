"""Features over HTTP: defined after the events they look at, counted from the first of them, exactly once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fourthwatch.clock import iso_ms
from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow

DAY_MS = 86_400_000
START_MS = 1_790_000_000_000
DISTANCE = (
    'distance_km(custom.lat, custom.lon, previous(custom.lat of custom "trackLocation", by user), '
    'previous(custom.lon of custom "trackLocation", by user))'
)
SPEED = 'km_moved / (since_last(custom "trackLocation", by user) / 1h)'


class Merchant:
    """A server with one merchant's key."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.key = served.key("ingest", "read", "manage")

    def ask(self, method: str, path: str, body: Any = None) -> Reply:
        sent = None if body is None else json.dumps(body)
        return self.served.request(method, path, sent, {KEY_HEADER: self.key, "If-Match": "*"})

    def define(self, name: str, text: str, query: str = "", **more: str) -> Reply:
        return self.ask("POST", f"/api/v1/features{query}", {"name": name, "text": text, **more})

    def feature(self, name: str) -> Any:
        reply = self.ask("GET", f"/api/v1/features/{name}")
        assert reply.status == 200, reply.body
        return reply.json

    def until_complete(self, name: str) -> list[int]:
        """Positions that the count was seen at; should it never end, the test's time runs out."""
        seen = []
        while (state := self.feature(name))["state"] == "counting":
            assert 0 <= state["done"] <= state["total"]
            seen.append(state["done"])
        assert state["state"] == "complete"
        return seen

    def until_indexed(self) -> None:
        """What writes the index may only just be starting."""
        while self.ask("GET", "/api/v1/index").json["behind_events"]:
            pass

    def track(self, user: str, number: int, lat: float, lon: float, *, at_top: bool, query: str = "") -> Reply:
        place: dict[str, Any] = {"lat": lat, "lon": lon}
        body = {
            "_eventName": "trackLocation", "_userId": user, "_originTimestamp": str(START_MS + number * 3_600_000),
            **(place if at_top else {"_customInfo": place}),
        }  # fmt: skip
        reply = self.served.send(self.key, "custom_event", body, query=query)
        assert reply.status == 200, reply.body
        return reply

    def own(self, event_id: str) -> Any:
        return self.ask("GET", f"/api/v1/events/{event_id}").json["decision"]["own_features"]


@pytest.fixture
def merchant(tmp_path: Path) -> Iterator[Merchant]:
    with Served(tmp_path) as served:
        yield Merchant(served)


def test_a_feature_defined_over_last_months_custom_events_is_right_for_the_next_decision(merchant: Merchant) -> None:
    merchant.track("u-1", 0, 52.5, 13.4, at_top=False)
    merchant.track("u-1", 2, 48.1, 11.6, at_top=True)
    merchant.track("u-2", 3, 28.6, 77.2, at_top=True)
    made = merchant.define("km_moved", DISTANCE, unit="km", says="kilometres since the last known place")
    assert made.status == 201, made.body
    assert made.headers["location"] == "/api/v1/features/km_moved"
    assert (made.json["own"], made.json["total"], made.json["cost"]["own_series"]) == (True, 100, 2)
    speed = merchant.define("km_per_hour", SPEED, unit="km/h")
    assert speed.status == 201, speed.body
    assert speed.json["uses"] == ["km_moved"]
    merchant.until_complete("km_per_hour")
    assert merchant.feature("km_moved")["done"] == 100
    event_id = merchant.track("u-1", 4, 52.5, 13.4, at_top=False, query="return_score=true").json["event_id"]
    own = merchant.own(event_id)
    assert own["km_moved"] == pytest.approx(504, abs=5)
    assert own["km_per_hour"] == pytest.approx(252, abs=3)
    order = {"_orderId": "o-1", "_userId": "u-2", "_originTimestamp": str(START_MS + 5 * 3_600_000),
             "_customInfo": {"lat": 19.1, "lon": 72.9}}  # fmt: skip
    receipt = merchant.served.send(merchant.key, "createOrder", order).json
    assert merchant.own(receipt["event_id"])["km_moved"] == pytest.approx(1_150, abs=30)
    unplaced = merchant.served.send(merchant.key, "createOrder", {"_orderId": "o-2", "_userId": "u-2"}).json
    assert merchant.own(unplaced["event_id"])["km_moved"] is None


def test_a_feature_is_unknown_until_its_past_is_in_also_after_a_kill_amid_counting(tmp_path: Path) -> None:
    served = Served(tmp_path).start()
    merchant = Merchant(served)
    try:
        recorded = tmp_path / "many.jsonl"
        lines = [
            {"event": "custom_event", "body": {
                "_eventName": "coupon_failed", "_userId": f"u-{number % 10}",
                "_originTimestamp": str(START_MS + number * 1_000)}}
            for number in range(6_000)
        ]  # fmt: skip
        recorded.write_text("".join(json.dumps(line) + "\n" for line in lines))
        from served import run

        assert run("replay", str(recorded), "--to", served.url, "--key", merchant.key).returncode == 0
        assert merchant.define("coupons_failed", 'count(custom "coupon_failed", by user)').status == 201
        state = merchant.feature("coupons_failed")
        assert (state["state"], state["total"]) == ("counting", 100)
        order = {"_orderId": "o-1", "_userId": "u-3", "_originTimestamp": str(START_MS + DAY_MS)}
        early = served.send(merchant.key, "createOrder", order).json
        assert merchant.own(early["event_id"]) == {"coupons_failed": None}
        served.kill()
        served.start()
        merchant.until_complete("coupons_failed")
        late = served.send(merchant.key, "createOrder", {**order, "_orderId": "o-2"}).json
        assert merchant.own(late["event_id"]) == {"coupons_failed": 600}
        assert served.stop() == 0
        served.start()  # from the snapshot, which has it
        assert merchant.feature("coupons_failed")["state"] == "complete"
    finally:
        if served.is_running:
            served.stop()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "x", "text": "amout > 3"}, 400, "language"),
        ({"name": "x", "text": "count(order, by user"}, 400, "language"),
        ({"name": "x", "text": "count(order, by user, last 9000d)"}, 400, "language"),
        ({"name": "x", "text": "x + 1"}, 400, "language"),
        ({"name": "X y", "text": "amount"}, 400, "bad_name"),
        ({"name": "a" * 65, "text": "amount"}, 400, "bad_value"),
        ({"name": "amount", "text": "amount"}, 400, "bad_name"),
        ({"name": "shipping_address", "text": "amount"}, 400, "bad_name"),
        ({"name": "count", "text": "amount"}, 400, "bad_name"),
        ({"name": "order", "text": "amount"}, 400, "bad_name"),
        ({"name": "account_age", "text": "amount"}, 409, "name_taken"),
        ({"name": "mine", "text": "amount"}, 409, "name_taken"),
        ({"name": "x"}, 400, "missing_key"),
        ({"name": "x", "text": 3}, 400, "bad_value"),
        ({"name": "x", "text": "amount", "colour": "red"}, 400, "bad_value"),
    ],
)
def test_what_is_no_definition_is_refused(small: Merchant, body: Any, status: int, code: str) -> None:
    reply = small.ask("POST", "/api/v1/features", body)
    assert (reply.status, reply.json["code"]) == (status, code)
    assert isinstance(reply.json["detail"], str)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Merchant]:
    with Served(tmp_path_factory.mktemp("small")) as served:
        merchant = Merchant(served)
        assert merchant.define("mine", "amount / 2").status == 201
        yield merchant


def test_a_fault_is_told_with_line_column_hint_and_caret(small: Merchant) -> None:
    error = small.define("x", "count(order, by user) +\n  amout").json
    (fault,) = error["diagnostics"]
    assert (fault["line"], fault["column"], fault["end_column"]) == (2, 3, 8)
    assert "amount" in fault["hint"]
    assert "^^^^^" in error["rendered"]


UNBOUNDED = {
    "more of the past than is kept": ("count(order, by user, last 401d)", "window_too_long", 23),
    "a past that begins too far back": ("count(order, by user, until 401d ago)", "window_too_long", 23),
    "more values than are kept": ("previous(amount of order, by user, nth 5)", "too_costly", 36),
    "entities of every combination": ("count(order, by user+ip+device+card)", "too_costly", 32),
    "more questions than a decision has time for": (
        " + ".join(f"count(order, by user, last {number}m)" for number in range(1, 34)), "too_costly", 1,
    ),
    "a list without end": (f"amount in [{', '.join(map(str, range(1_000)))}]", "too_long", 1),
    "depth without end": ("(" * 49 + "amount" + ")" * 49, "too_deep", 49),
    "signs without end": ("-" * 49 + "amount", "too_deep", 49),
    "a name without end": ("custom" + ".a" * 65, "too_deep", 1),
    "a pattern of too much memory": ('matches(user_email, "(([a-z]{1,99}){1,99}){1,99}")', "bad_pattern", 21),
}  # fmt: skip


@pytest.mark.parametrize("why", UNBOUNDED)
def test_what_cannot_be_bounded_is_refused_with_its_place_and_what_to_do(small: Merchant, why: str) -> None:
    text, code, column = UNBOUNDED[why]
    refused = small.define("unbounded", text)
    assert (refused.status, refused.json["code"]) == (400, "language")
    (fault,) = refused.json["diagnostics"]
    assert (fault["code"], fault["line"], fault["column"]) == (code, 1, column)
    assert fault["hint"]
    assert small.ask("GET", "/api/v1/features/unbounded").status == 404


def test_each_window_is_told_with_its_slack(small: Merchant) -> None:
    text = (
        "count(order, by ip, last 1h) / count(order, by ip, last 90d, until 30d ago) + distinct(user, by ip, last 7d)"
    )
    told = small.define("windowed", text + " + count(order, by ip)", "?dry_run=true").json["windows"]
    assert told == [
        {"last_s": 3_600, "until_s": None, "slack_s": 600, "estimated": False},
        {"last_s": 7 * 86_400, "until_s": None, "slack_s": 0, "estimated": True},
        {"last_s": 90 * 86_400, "until_s": 30 * 86_400, "slack_s": 86_400, "estimated": False},
    ]


def test_a_dry_run_tells_the_cost_and_keeps_nothing(small: Merchant) -> None:
    told = small.define("x", 'count(custom "a", by user) + count(custom "a", by ip, last 1h)', "?dry_run=true")
    assert told.status == 200
    assert told.json["cost"] == {"aggregates": 2, "series": 2, "own_series": 2, "bytes_max": 2 * 4_824}
    assert small.ask("GET", "/api/v1/features/x").status == 404


def test_what_the_program_counts_already_is_complete_at_once(small: Merchant) -> None:
    small.served.send(small.key, "login", {"_userId": "u"})
    made = small.define("orders_by_ip_2h", "count(order, by ip, last 2h)").json
    assert (made["state"], made["cost"]["own_series"]) == ("complete", 0)
    assert small.ask("DELETE", "/api/v1/features/orders_by_ip_2h").status == 204


def test_features_are_listed_in_pages(small: Merchant) -> None:
    every: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = small.ask("GET", "/api/v1/features?limit=7" + (cursor and f"&cursor={cursor}")).json
        every += [one["name"] for one in page["features"]]
        cursor = page["next"]
    assert len(every) == len(set(every)) >= 60
    assert {"account_age", "mine"} <= set(every)
    assert [one["name"] for one in small.ask("GET", "/api/v1/features?own=true").json["features"]] == ["mine"]
    assert small.ask("GET", "/api/v1/features?own=maybe").status == 400


def test_a_feature_that_others_are_made_of_stays_until_they_are_gone(small: Merchant) -> None:
    assert small.define("part", 'count(custom "b", by user)').status == 201
    assert small.define("whole", "part * 2").status == 201
    refused = small.ask("DELETE", "/api/v1/features/part")
    assert (refused.status, refused.json["code"]) == (409, "in_use")
    assert [small.ask("DELETE", f"/api/v1/features/{name}").status for name in ("whole", "part", "part")] == [
        204, 204, 404,
    ]  # fmt: skip


def test_what_comes_with_the_program_cannot_be_removed(small: Merchant) -> None:
    for name in ("account_age", "amount_against_own_mean"):
        assert small.ask("DELETE", f"/api/v1/features/{name}").status == 403


def test_another_tenants_features_are_not_there(small: Merchant) -> None:
    stranger = small.served.key("read", "manage", tenant="stranger")
    for method in ("GET", "DELETE"):
        reply = small.served.request(method, "/api/v1/features/mine", headers={KEY_HEADER: stranger})
        assert reply.status == 404


# Entities.


def test_an_entity_is_shown_with_its_features_links_and_timeline(small: Merchant) -> None:
    for number, user in enumerate(["ann", "bob", "ann"]):
        body = {
            "_orderId": f"e-{number}", "_userId": user, "_deviceIp": "203.0.113.44", "_userEmail": "A.Nn@Example.org",
            "_originTimestamp": str(START_MS + number * 60_000),
        }  # fmt: skip
        assert small.served.send(small.key, "createOrder", body).status == 200
    small.until_indexed()
    at = START_MS + 5 * 60_000
    shown = small.ask("GET", f"/api/v1/entities/ip/203.0.113.44?at={at}&limit=2").json
    assert shown["value"] == "203.0.113.44"
    assert shown["first_heard_at"].startswith("2026-")
    assert len(shown["timeline"]) == 2
    features = {one["name"]: one["value"] for one in shown["features"]}
    assert (features["orders_by_ip_24h"], features["users_by_ip_7d"]) == (3, 2)
    assert shown["linked"]["user"] == 2
    assert {one["value"] for one in shown["links"]["user"]} == {"ann", "bob"}
    rest = small.ask("GET", f"/api/v1/entities/ip/203.0.113.44?at={at}&cursor={shown['next']}").json
    times = [event["occurred_at"] for event in shown["timeline"] + rest["timeline"]]
    assert len(times) == 3
    assert times == sorted(times, reverse=True)
    mail = small.ask("GET", "/api/v1/entities/email/a.nn%40example.org").json
    assert len(mail["timeline"]) == 3
    facts = {one["name"]: one["value"] for one in mail["facts"]}
    assert (facts["email_length"], facts["email_is_disposable"], facts["email_has_tag"]) == (4, 0, 0)
    assert not facts.keys() & {"amount", "email_missing", "order_lines"}
    assert small.ask("GET", f"/api/v1/entities/ip/203.0.113.44?at={START_MS}").json["features"]
    then = small.ask("GET", f"/api/v1/entities/ip/203.0.113.44?at={iso_ms(at)}&limit=2").json
    assert (then["as_of"], then["features"]) == (iso_ms(at), shown["features"]), "a time may be written out"
    told = small.ask("GET", "/api/v1/entities/city/austin")
    assert told.status == 404
    assert "`US austin`" in told.json["detail"]


def test_what_is_part_of_very_many_events_is_shown_from_the_newest_of_all(small: Merchant) -> None:
    for number, category in enumerate(["Broad Shoes", "hats", "broad shoes "]):
        body = {
            "_orderId": f"b-{number}", "_userId": "bea", "_amount": "10", "_currencyCode": "nok",
            "_items": [{"_itemId": "i-1", "_category": category}],
            "_shippingAddress": {"_region": "MH", "_country": "IN", "_zipcode": "411 001"},
        }  # fmt: skip
        assert small.served.send(small.key, "createOrder", body).status == 200
    shoes = small.ask("GET", "/api/v1/entities/category/Broad%20shoes?limit=1").json
    assert (shoes["value"], shoes["timeline"][0]["body"]["_orderId"]) == ("broad shoes", "b-2")
    kinds = {"user", "item_code", "address", "postcode", "region", "area", "currency"}
    assert set(shoes["links"]) == kinds
    rest = small.ask("GET", f"/api/v1/entities/category/Broad%20shoes?cursor={shoes['next']}").json
    assert [event["body"]["_orderId"] for event in rest["timeline"]] == ["b-0"]
    for path in ("region/IN%20MH", "area/IN%20411", "currency/NOK"):
        shown = small.ask("GET", f"/api/v1/entities/{path}").json
        assert [event["body"]["_orderId"] for event in shown["timeline"]] == ["b-2", "b-1", "b-0"]
        assert {link["value"] for link in shown["links"]["category"]} == {"broad shoes", "hats"}
    shop = small.ask("GET", "/api/v1/entities/shop/all?limit=2").json
    assert (shop["value"], len(shop["timeline"])) == ("all", 2)
    assert small.ask("GET", "/api/v1/entities/category/nobodys").status == 404


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("shop/x", "cannot be the value of shop"),
        ("nothing/x", "there are account, address"),
        ("usr/x", "did you mean `user`?"),
        ("ip/nowhere", "cannot be the value of ip"),
        ("user/", "nothing at this path"),
    ],
)
def test_an_entity_of_no_type_or_without_a_normal_form_is_not_there(small: Merchant, path: str, why: str) -> None:
    reply = small.ask("GET", f"/api/v1/entities/{path}")
    assert reply.status == 404
    assert why in reply.json["detail"]


def test_a_name_that_is_nearly_a_features_gets_a_hint(small: Merchant) -> None:
    assert "did you mean `account_age`?" in small.ask("GET", "/api/v1/features/acount_age").json["detail"]
    assert "did you mean" not in small.ask("GET", "/api/v1/features/zzz").json["detail"]
