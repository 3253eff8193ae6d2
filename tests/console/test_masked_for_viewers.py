"""What personal data a viewer could read on any page, or behind it: in links, drawings, titles and pieces."""

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from console.route_table import not_gone_to
from console.visitor import Visitor, signed_in
from fourthwatch.clock import SystemClock
from fourthwatch.console.app import Console
from fourthwatch.console.masking import Personal
from fourthwatch.store.users import UserStore
from served import KEY_HEADER, Served

pytestmark = pytest.mark.slow

ORDER, OTHER, USER = "ord-1", "ord-2", "pepita.user@example.org"
ADDRESS = {"_name": "Pepita Quillfeather", "_phone": "+919811122233", "_address1": "77 Marigold Arcade",
           "_city": "Pune", "_zipcode": "411001", "_country": "IN"}  # fmt: skip
BODY: dict[str, Any] = {
    "_orderId": ORDER, "_userId": USER, "_userEmail": "quillfeather@example.com", "_deviceIp": "203.0.113.77",
    "_deviceId": "dev-7", "_sessionId": "s-7", "_amount": "1499.00", "_currencyCode": "INR",
    "_billingAddress": ADDRESS, "_shippingAddress": {**ADDRESS, "_address2": "Behind the Thistle Pump"},
    "_paymentMethods": [{"_paymentType": "_creditCard", "_cardBin": "411111", "_cardLast4": "8642",
                         "_cardExpiryMonth": "07", "_cardExpiryYear": "2031"}],
    "_customInfo": {"nickname": "Wrenthimble"},
}  # fmt: skip
SECRETS = (
    "quillfeather", "pepita", "9811122233", "Marigold", "Thistle", "203.0.113.77", "8642", "Wrenthimble",
    "called her at home",
)  # fmt: skip
PAGES = (
    "/console", "/console/queue", f"/console/queue?open={ORDER}", "/console/orders", f"/console/orders?open={ORDER}",
    f"/console/orders/{ORDER}", f"/console/history/{ORDER}", "/console/why/{event}", f"/console/presence/{ORDER}",
    f"/console/graph?order={ORDER}", f"/console/graph?order={ORDER}&hops=3&unfold=yes",
    "/console/graph?entity=device:dev-7", "/console/entities/device/dev-7", "/console/entities/session/s-7",
    "/console/search", "/console/search?q=ord", "/console/search?q=quill", "/console/search?q=pep",
    "/console/search?q=203.0", "/console/search?q=Wren", "/console/search?q=411111", "/console/search?q=2233",
    "/console/rules", "/console/rules/edit/mail", "/console/rules/versions", "/console/rules/versions/1",
    "/console/lists", "/console/lists/mails", "/console/features", "/console/features/account_age",
    "/console/models", "/console/insights", "/console/insights/reasons", "/console/insights/groups",
    "/console/insights/quality", "/console/developers", "/console/developers/events/{event}",
    "/console/developers/refusals", "/console/developers/sandbox", "/console/decisions/{event}", "/console/account",
)  # fmt: skip
NOT_THERE = {"/models/{model_id}": "there is no model", "/users/{value:path}": "only leads on"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    with Served(tmp_path_factory.mktemp("masking")) as served:
        key = served.key("ingest", "read", "manage")

        def ask(method: str, path: str, body: object) -> None:
            told = served.request(method, path, json.dumps(body), {KEY_HEADER: key, "If-Match": "*"})
            assert told.status < 300, (path, told.body)

        rule = {"name": "mail", "class": "review", "when": "amount > 1", "says": "Dear", "shows": "user_email"}
        ask("PUT", "/api/v1/rules/mail", {**rule, "state": "live"})
        ask("POST", "/api/v1/lists", {"name": "mails", "type": "email", "kind": "watch", "says": "Seen"})
        ask("POST", "/api/v1/lists/mails/entries", {"value": BODY["_userEmail"], "reason": "seen"})
        for body in (BODY, {**BODY, "_orderId": OTHER}):
            assert served.send(key, "createOrder", body).status == 200
        event = {"_eventName": "call", "_orderId": ORDER, "_userId": USER, "said": "Wrenthimble", "inner": ["Thistle"]}
        assert served.send(key, "custom_event", event).status == 200
        ask("POST", f"/api/v1/orders/{ORDER}/notes", {"text": "called her at home", "author": "asha"})
        yield served, key


def readable(body: bytes) -> str:
    """A page as whoever looks behind it reads it: entities and addresses undone, escapes of JSON too."""
    text = body.decode("utf-8", "replace")
    for _ in range(2):
        text = unquote(html.unescape(text))
    return text.lower()


def found_in(visitor: Visitor, path: str) -> list[str]:
    reply = visitor.get(path, {"HX-Request": "true"} if "/why/" in path else None)
    assert reply.status == 200, (path, reply.status)
    text = readable(reply.body)
    return [secret for secret in SECRETS if secret.lower() in text]


def test_a_viewer_can_read_no_personal_data_on_any_page_nor_behind_it(shop: tuple[Served, str]) -> None:
    served, key = shop
    event = served.get(key, f"/api/v1/orders/{ORDER}").json["decision"]["event_id"]
    viewer, analyst = signed_in(served, "viewer"), signed_in(served, "analyst")
    shown: set[str] = set()
    leaks = {}
    for path in PAGES:
        address = path.replace("{event}", event)
        leaks[address] = found_in(viewer, address)
        shown |= set(found_in(analyst, address))
    assert {address: found for address, found in leaks.items() if found} == {}
    assert shown == set(SECRETS), "who may see it does, so the test looks where it is"


def test_every_page_that_a_viewer_may_open_is_looked_at(tmp_path: Path) -> None:
    async def nobody(*_: Any) -> Any:
        raise AssertionError("the table is only looked at")

    users = UserStore(tmp_path, SystemClock())
    table = [
        page.path
        for page in Console(users, nobody, SystemClock()).pages
        if (page.method, page.role) == ("GET", "viewer")
    ]
    users.close()
    lacking = not_gone_to(table, PAGES) - set(NOT_THERE)
    assert lacking == set()


def test_a_reason_shows_one_page_and_not_every_search_or_graph(shop: tuple[Served, str]) -> None:
    served, key = shop
    viewer = signed_in(served, "viewer", "second-viewer@example.com")
    mine, other = (f"/console/graph?order={order_id}" for order_id in (ORDER, OTHER))
    viewer.get(mine)
    assert viewer.post("/console/reveal", {"back": mine, "reason": "she asked"}).status == 303
    assert "quillfeather" in found_in(viewer, mine)
    assert "quillfeather" in found_in(viewer, mine + "&hops=1")
    assert found_in(viewer, other) == []
    viewer.get("/console/search?q=quill")
    assert viewer.post("/console/reveal", {"back": "/console/search?q=quill", "reason": "she asked"}).status == 303
    assert "quillfeather" in found_in(viewer, "/console/search?q=quill")
    assert found_in(viewer, "/console/search?q=pep") == []
    entries = served.get(key, "/api/v1/audit?action=personal.revealed").json["entries"]
    assert [entry["thing"] for entry in entries] == ["search", f"graph/{ORDER}"]


def test_who_knows_a_whole_value_finds_it_and_who_knows_its_beginning_does_not(shop: tuple[Served, str]) -> None:
    served, _ = shop
    viewer = signed_in(served, "viewer")
    for typed, hit in (("quillfeather@example.com", "q•••@example.com"), ("203.0.113.77", "203.0.•••")):
        assert hit in viewer.get("/console/search?q=" + quote(typed)).body.decode()
        assert hit not in viewer.get("/console/search?q=" + quote(typed[:-2])).body.decode()


def test_numbers_and_yes_or_no_of_a_reason_are_nobodys() -> None:
    masked = Personal(shown=False)
    assert [masked.reason(text) for text in ("15", "-0.5", "true", "false", "asha@example.com")] == [
        "15", "-0.5", "yes", "no", "•••",
    ]  # fmt: skip
