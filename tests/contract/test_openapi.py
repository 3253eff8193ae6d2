"""The published description and the pages for operators: whole, true to the server, and without a network."""

import html
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from contract.shop import Shop, fresh
from fourthwatch import __version__
from fourthwatch.events import KINDS
from served import KEY_HEADER

pytestmark = pytest.mark.slow

EXACT_MAX = 2**53 - 1
"""Beyond it an integer is no longer exact for every reader of JSON (RELIABILITY, finding 9)."""
LIST_PATHS = {
    "": "get post", "/{name}": "get patch delete", "/{name}/entries": "get post",
    "/{name}/entries/{value}": "get delete", "/{name}/imports": "post",
}  # fmt: skip
OTHERS = {
    ("get", "/neo/v1/score"), ("post", "/neo/v1/addpostbackurl"), ("post", "/neo/v1/clientaction"),
    ("post", "/v1/thirdwatch/orders"), ("get", "/api/v1/events/{event_id}"), ("get", "/api/v1/orders/{order_id}"),
    ("get", "/api/v1/postbacks"), ("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics"),
    ("get", "/openapi.json"), ("get", "/docs"), ("get", "/api/v1/features"), ("post", "/api/v1/features"),
    ("get", "/api/v1/features/{name}"), ("delete", "/api/v1/features/{name}"),
    ("get", "/api/v1/entities/{type}/{value}"), ("get", "/api/v1/audit"),
    ("get", "/api/v1/orders"), ("get", "/api/v1/queue"), ("get", "/api/v1/search"), ("get", "/api/v1/graph"),
    ("get", "/api/v1/index"), ("get", "/api/v1/events"), ("get", "/api/v1/refusals"),
    ("get", "/api/v1/users/{user_id}/export"),
    ("get", "/api/v1/policy"), ("put", "/api/v1/policy"), ("get", "/api/v1/policy/versions"),
    ("post", "/api/v1/labels"), ("get", "/api/v1/orders/{order_id}/labels"), ("get", "/api/v1/users/{user_id}/labels"),
    ("get", "/api/v1/console-users"), ("post", "/api/v1/console-users"), ("get", "/api/v1/console-users/{user_id}"),
    ("patch", "/api/v1/console-users/{user_id}"), ("post", "/api/v1/console-users/{user_id}/links"),
    ("get", "/api/v1/keys"), ("post", "/api/v1/keys"), ("get", "/api/v1/keys/{key_id}"),
    ("delete", "/api/v1/keys/{key_id}"),
    *((method, "/api/v1/lists" + path) for path, methods in LIST_PATHS.items() for method in methods.split()),
    *(("get", f"/api/v1/insights/{name}")
      for name in ("overview", "days", "scores", "reasons", "rules", "groups", "quality", "exploration")),
    ("get", "/api/v1/decisions/{event_id}"), ("get", "/api/v1/decisions/{event_id}/trace"),
    ("get", "/api/v1/decisions/{event_id}/counterfactual"), ("get", "/api/v1/decisions/{event_id}/contributions"),
    ("post", "/api/v1/rules/preview"),
    ("get", "/api/v1/rules"), ("get", "/api/v1/rules/{name}"), ("put", "/api/v1/rules/{name}"),
    ("delete", "/api/v1/rules/{name}"), ("get", "/api/v1/rule-sets"), ("post", "/api/v1/rule-sets"),
    ("get", "/api/v1/rule-sets/{version}"), ("get", "/api/v1/rule-sets/{version}/differences"),
    ("get", "/api/v1/rule-sets/{version}/statistics"),
    ("post", "/api/v1/rule-sets/{version}/decide-again"),
    ("post", "/api/v1/rule-sets/{version}/rollback"), ("get", "/api/v1/rule-proposals"),
    ("get", "/api/v1/rule-proposals/{proposal}"), ("delete", "/api/v1/rule-proposals/{proposal}"),
    ("post", "/api/v1/rule-proposals/{proposal}/approval"),
    ("get", "/api/v1/cases"), ("post", "/api/v1/orders/{order_id}/decisions"),
    ("post", "/api/v1/orders/{order_id}/postbacks"), ("post", "/api/v1/postbacks/test"),
    ("get", "/api/v1/webhook-endpoints"), ("post", "/api/v1/webhook-endpoints"),
    ("get", "/api/v1/webhook-endpoints/{endpoint_id}"), ("patch", "/api/v1/webhook-endpoints/{endpoint_id}"),
    ("delete", "/api/v1/webhook-endpoints/{endpoint_id}"), ("get", "/api/v1/webhook-endpoints/{endpoint_id}/secrets"),
    ("post", "/api/v1/webhook-endpoints/{endpoint_id}/secrets"),
    ("post", "/api/v1/webhook-endpoints/{endpoint_id}/test"), ("get", "/api/v1/deliveries"),
    ("post", "/api/v1/deliveries/replay"), ("get", "/api/v1/deliveries/{delivery_id}"),
    ("post", "/api/v1/deliveries/{delivery_id}/replay"),
    ("get", "/api/v1/models"), ("get", "/api/v1/models/{model_id}"), ("post", "/api/v1/models/{model_id}/state"),
    ("get", "/api/v1/models/{model_id}/drift"), ("get", "/api/v1/models/{model_id}/weeks"), ("get", "/api/v1/alerts"),
    ("get", "/api/v1/claims"),
    ("get", "/api/v1/orders/{order_id}/claim"),
    ("put", "/api/v1/orders/{order_id}/claim"),
    ("delete", "/api/v1/orders/{order_id}/claim"),
    ("post", "/api/v1/orders/{order_id}/presence"),
    ("get", "/api/v1/orders/{order_id}/notes"),
    ("post", "/api/v1/orders/{order_id}/notes"),
    ("get", "/api/v1/views"),
    ("post", "/api/v1/views"),
    ("get", "/api/v1/views/{view_id}"),
    ("delete", "/api/v1/views/{view_id}"),
    ("post", "/api/v1/trials"),
    ("get", "/api/v1/models/{model_id}/card"),
    ("post", "/api/v1/models/rollback"),
    ("get", "/api/v1/keeping"),
    ("put", "/api/v1/keeping"),
    ("get", "/api/v1/backups"),
    ("post", "/api/v1/backups"),
    ("get", "/api/v1/backups/{name}"),
    ("get", "/api/v1/erasures"),
    ("put", "/api/v1/users/{user_id}/erasure"),
    ("delete", "/api/v1/users/{user_id}/erasure"),
}  # fmt: skip


@pytest.fixture(scope="module")
def document(shop: Shop) -> dict[str, Any]:
    reply = shop.served.request("GET", "/openapi.json")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    shown: dict[str, Any] = reply.json
    return shown


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """By method and path."""
    return {(method, path): found for path, item in document["paths"].items() for method, found in item.items()}


def inside(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document, itself included."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(child)


def schema_of(document: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    """What a reference points at."""
    found: dict[str, Any] = document["components"]["schemas"][reference["$ref"].rsplit("/", 1)[1]]
    return found


def test_the_document_is_openapi_3_1_of_this_version(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"]
    assert document["info"]["version"] == __version__
    assert set(document) <= {"openapi", "info", "paths", "components", "security", "servers", "tags"}


def test_every_event_and_every_other_endpoint_is_described(document: dict[str, Any]) -> None:
    events = {("post", f"/event/v1/{kind.name}") for kind in KINDS}
    assert set(operations(document)) == events | OTHERS
    assert len(events) == 20


def test_every_operation_has_what_3_1_demands(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document).values()]
    assert len(names) == len(set(names))
    schemes = document["components"]["securitySchemes"]
    for (method, path), operation in operations(document).items():
        assert method in ("get", "post", "put", "patch", "delete")
        assert path.startswith("/")
        parameters = operation.get("parameters", [])
        assert {p["name"] for p in parameters if p["in"] == "path"} == set(re.findall(r"{(\w+)}", path))
        for parameter in parameters:
            assert parameter["in"] in ("path", "query", "header")
            assert parameter["required"] or parameter["in"] != "path"
            assert parameter["schema"]
        assert all(response["description"] for response in operation["responses"].values())
        assert all(re.fullmatch(r"[1-5]\d\d|default", status) for status in operation["responses"])
        asks_for_nothing = path.endswith(("/test", "}/replay", "}/decide-again"))
        assert ("requestBody" in operation) == (method in ("post", "put", "patch") and not asks_for_nothing)
        for requirement in operation.get("security", document["security"]):
            assert set(requirement) <= set(schemes)


def test_every_reference_points_at_something(document: dict[str, Any]) -> None:
    references = [found["$ref"] for found in inside(document) if "$ref" in found]
    assert len(references) > 50
    for reference in references:
        start, sections, group, name = reference.split("/")
        assert (start, sections) == ("#", "components")
        assert name in document["components"][group]


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_a_method_that_a_path_has_not_is_405_and_hears_of_all_that_it_has(
    shop: Shop, document: dict[str, Any], method: str
) -> None:
    for path, item in document["paths"].items():
        reply = shop.served.request(method, re.sub(r"{\w+}", "x", path), None, {KEY_HEADER: shop.key})
        assert reply.status == 405, path
        assert set(reply.headers["allow"].split(", ")) >= {name.upper() for name in item}, path


def test_published_bounds_of_integers_are_exact_in_every_json_reader(document: dict[str, Any]) -> None:
    for found in inside(document):
        for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
            if bound in found and found.get("type") == "integer":
                assert type(found[bound]) is int
                assert abs(found[bound]) <= EXACT_MAX
    numbers = re.findall(r"(?<![\w.\"-])-?\d{16,}", json.dumps(document))
    assert numbers == []


def test_every_key_of_a_contract_event_is_published_and_none_is_forbidden(document: dict[str, Any]) -> None:
    for kind in KINDS:
        operation = operations(document)["post", f"/event/v1/{kind.name}"]
        schema = schema_of(document, operation["requestBody"]["content"]["application/json"]["schema"])
        assert {"_userId", "_sessionId", "_originTimestamp", "_customInfo"} <= set(schema["properties"])
        assert schema.get("additionalProperties", True) is not False


def test_every_documented_body_is_taken_as_it_stands(shop: Shop, document: dict[str, Any]) -> None:
    page = html.unescape(shop.served.request("GET", "/docs").body.decode())
    key = shop.served.key(tenant="documented")  # so that nobody else has addresses for postbacks from here on
    sent = 0
    for (method, path), operation in sorted(operations(document).items(), key=lambda row: row[0][1].startswith("/neo")):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if path.startswith("/api/"):
            continue
        assert ("example" in content) == ("schema" in content), path
        if "example" not in content:
            continue
        body = dict(content["example"])
        assert all(f'"{name}": ' in page for name in body), path
        if "secret" in body:
            body["secret"] = key
        reply = shop.served.request(method.upper(), path, json.dumps(body), {KEY_HEADER: key})
        assert (reply.status, reply.json.get("warnings", [])) == (200, []), (path, reply.json)
        sent += 1
    assert sent == len(KINDS) + 3


def test_the_page_tells_the_keys_of_what_travels_inside_an_event(shop: Shop) -> None:
    page = shop.served.request("GET", "/docs").body.decode()
    parts = page.partition('id="parts"')[2]
    for key in ("_zipcode", "_cardLast4", "_discountPrice", "_minPurchaseAmount", "_onboardingIpAddress"):
        assert f"<code>{key}</code>" in parts


def test_replies_have_the_published_keys_and_no_others(shop: Shop, document: dict[str, Any]) -> None:
    order_id = fresh("order")
    receipt = shop.taken("createOrder", {"_orderId": order_id, "_userId": "u", "_odd": 1})
    replies = {
        ("post", "/event/v1/createOrder"): receipt,
        ("get", "/neo/v1/score"): shop.score(order_id),
        ("get", "/api/v1/events/{event_id}"): shop.event(receipt["event_id"]),
        ("get", "/api/v1/orders/{order_id}"): shop.order(order_id),
        ("get", "/api/v1/postbacks"): shop.get("/api/v1/postbacks").json,
        ("get", "/api/v1/features"): shop.get("/api/v1/features").json,
        ("get", "/api/v1/features/{name}"): shop.get("/api/v1/features/account_age").json,
        ("get", "/api/v1/entities/{type}/{value}"): shop.get("/api/v1/entities/user/u").json,
        ("get", "/api/v1/decisions/{event_id}/contributions"): shop.get(
            f"/api/v1/decisions/{receipt['event_id']}/contributions"
        ).json,
        ("get", "/api/v1/alerts"): shop.get("/api/v1/alerts").json,
        ("get", "/api/v1/models"): shop.get("/api/v1/models").json,
        ("get", "/api/v1/audit"): shop.get("/api/v1/audit").json,
        ("get", "/api/v1/orders"): shop.get("/api/v1/orders?fresh=true").json,
        ("get", "/api/v1/queue"): shop.get("/api/v1/queue").json,
        ("get", "/api/v1/search"): shop.get("/api/v1/search?q=order").json,
        ("get", "/api/v1/graph"): shop.get(f"/api/v1/graph?order={order_id}").json,
        ("get", "/api/v1/index"): shop.get("/api/v1/index").json,
        ("get", "/api/v1/events"): shop.get("/api/v1/events").json,
        ("get", "/api/v1/refusals"): shop.get("/api/v1/refusals").json,
        ("get", "/api/v1/insights/overview"): shop.get("/api/v1/insights/overview").json,
        ("get", "/api/v1/insights/exploration"): shop.get("/api/v1/insights/exploration").json,
        ("get", "/api/v1/insights/groups"): shop.get("/api/v1/insights/groups?by=hour").json,
        ("get", "/api/v1/insights/quality"): shop.get("/api/v1/insights/quality").json,
    }
    for key, reply in replies.items():
        schema = operations(document)[key]["responses"]["200"]["content"]["application/json"]["schema"]
        published = schema_of(document, schema)
        assert set(reply) <= set(published["properties"]), key
        assert set(published.get("required", [])) <= set(reply), key
    error = operations(document)["get", "/neo/v1/score"]["responses"]["default"]["content"]["application/json"][
        "schema"
    ]
    refused = shop.get("/neo/v1/score").json
    assert set(schema_of(document, error)["required"]) <= set(refused) <= set(schema_of(document, error)["properties"])


class Loaded(HTMLParser):
    """Everything that a browser would fetch for a page, and its links within the page."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.scripts = 0
        self.anchors: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.scripts += tag == "script" or any(name.startswith("on") for name in given)
        self.fetched += [given[name] for name in ("src", "srcset", "data", "poster", "background") if name in given]
        if tag in ("link", "base", "use", "image"):
            self.fetched.append(given.get("href", ""))
        elif "href" in given:
            self.links.append(given["href"])
        self.anchors.add(given.get("id", ""))


def test_the_docs_page_needs_no_network_and_no_script(shop: Shop) -> None:
    reply = shop.served.request("GET", "/docs")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = reply.body.decode()
    loaded = Loaded()
    loaded.feed(page)
    assert [address for address in loaded.fetched if not address.startswith("data:")] == []
    assert loaded.scripts == 0
    assert re.findall(r"url\(\s*['\"]?(?!data:)|@import", page) == []
    assert not any(link.startswith(("http:", "https:", "//")) for link in loaded.links)
    assert {link[1:] for link in loaded.links if link.startswith("#")} <= loaded.anchors
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_docs_page_shows_every_operation(shop: Shop, document: dict[str, Any]) -> None:
    page = shop.served.request("GET", "/docs").body.decode()
    for _, path in operations(document):
        assert path in page
    for key in ("_paymentMethods", "_originTimestamp", "X-THIRDWATCH-API-KEY"):
        assert key in page


def test_health_readiness_and_measurements_are_open_and_hold_no_secret(shop: Shop) -> None:
    shop.taken("login", {"_userId": "u-in-no-metric"})
    assert shop.served.request("GET", "/healthz").json == {"status": "ok"}
    assert shop.served.request("GET", "/readyz").json == {"status": "ready"}
    metrics = shop.served.request("GET", "/metrics")
    assert metrics.status == 200
    assert metrics.headers["content-type"].startswith("text/plain")
    assert shop.key.encode() not in metrics.body
    assert b"u-in-no-metric" not in metrics.body


def test_the_measurements_move_with_the_events(shop: Shop) -> None:
    def taken() -> float:
        text = shop.served.request("GET", "/metrics").body.decode()
        lines = [line for line in text.splitlines() if line.startswith("fourthwatch_") and 'status="200"' in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if "event" in line)

    before = taken()
    for _ in range(3):
        shop.taken("login", {"_userId": fresh("user")})
    assert taken() == before + 3
