"""R-28: whatever a shopper writes into any field of any event is text on every page, and never runs.

Every field of every kind of event carries a marker that would run if any page took it for markup.
"""

import json
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from selenium.common.exceptions import JavascriptException

from console.browser import Browser, browser
from console.shopfront import hang_models
from console.visitor import PASSWORD, make_user
from fourthwatch.events import KINDS, Kind
from fourthwatch.events.parts import Part, wire_name
from served import KEY_HEADER, Served
from webhooks.listening import Receiver

pytestmark = pytest.mark.slow

PAYLOADS = (
    '"><img src=x onerror=window.__x=1>',
    "</script><script>window.__x=1</script>",
    "' autofocus onfocus=window.__x=1 x='",
    "</textarea></title><svg/onload=window.__x=1>",
    "javascript:window.__x=1//",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "<b>bold</b>&lt;i&gt;&#x27;",
    "\x1b[31m' OR 1=1;--\t=cmd()",
)
ORDER = 'order-"><img src=x onerror=window.__x=1>'
USER = "user-</script><script>window.__x=1</script>"
DEVICE = "dev-' onfocus=window.__x=1 x='"


class Marks:
    """A marker for each field, none like another."""

    def __init__(self) -> None:
        self.count = 0

    def text(self) -> str:
        self.count += 1
        return f"m{self.count}{PAYLOADS[self.count % len(PAYLOADS)]}"

    def value(self, kind: Any) -> Any:
        """Something of a type, with markers wherever a text can stand."""
        options = [one for one in get_args(kind) if one is not type(None)] if isinstance(kind, UnionType) else [kind]
        chosen = options[0]
        if get_origin(chosen) is tuple:
            return [self.value(get_args(chosen)[0]), self.value(get_args(chosen)[0])]
        if isinstance(chosen, type) and issubclass(chosen, Part):
            return self.fields(chosen)
        if chosen is bool:
            return True
        if chosen is int:
            return 2
        if get_origin(chosen) is dict:
            return {
                "<b onclick=window.__x=1>own</b>": self.text(),
                "inner": {"list": [self.text(), {"x": self.text()}]},
            }
        return self.text()

    def fields(self, kind: type[msgspec.Struct]) -> dict[str, Any]:
        return {wire_name(name): self.value(hint) for name, hint in get_type_hints(kind).items()}


def body_of(kind: Kind, marks: Marks) -> dict[str, Any]:
    """An event of a kind with a marker in every field, about the one order of the one user."""
    body = marks.fields(kind.type)
    body |= {"_orderId": ORDER, "_userId": USER, "_deviceId": DEVICE, "_deviceIp": "203.0.113.66"}
    body.pop("_originTimestamp", None)
    if kind.name == "custom_event":
        body |= {"_eventName": marks.text(), "top<i>level": marks.text()}
    if "_amount" in body:
        body["_amount"] = "1499.00"
        body["_currencyCode"] = "INR"
    return body


class Visited:
    """The server with all events in it, the browser in front of it, and what was sent."""

    def __init__(self, opened: Browser, sent: dict[str, dict[str, Any]], served: Served, known: dict[str, str]) -> None:
        self.known = known
        """What stands for the names behind an @ in addresses."""
        self.browser = opened
        self.sent = sent
        self.served = served


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    directory: Path = tmp_path_factory.mktemp("injection")
    with (
        Receiver() as shop,
        Served(directory, environment={"FOURTHWATCH_PRIVATE_RECEIVERS": f"127.0.0.1:{shop.port}"}) as served,
    ):
        key = served.key("ingest", "read", "manage", name='k-"><img src=x onerror=window.__x=1>')
        marks, sent = Marks(), {}
        for kind in sorted(KINDS, key=lambda one: one.name != "createOrder"):
            body = body_of(kind, marks)
            reply = served.send(key, kind.name, body)
            assert reply.status == 200, (kind.name, reply.body)
            sent[kind.name] = body
        assert len(sent) == 20
        assert marks.count > 300
        known = work_in(served, key, shop)
        known["model"] = hang_models(directory)[1]
        make_user(directory, "admin@example.com", "admin")
        with browser(served.url) as opened:
            opened.sign_in("admin@example.com", PASSWORD)
            yield Visited(opened, sent, served, known)


def work_in(served: Served, key: str, shop: Receiver) -> dict[str, str]:
    """A rule, a list and a decision with markers, and the shop told of it; what their addresses are made of."""

    def ask(method: str, path: str, body: object) -> None:
        told = served.request(method, path, json.dumps(body), {KEY_HEADER: key, "If-Match": "*"})
        assert told.status < 300, (path, told.body)

    ask("POST", "/neo/v1/addpostbackurl", {"secret": key, "action_postback": shop.url + "/action"})
    rule = {"name": "marked", "class": "review", "when": "amount > 1", "says": PAYLOADS[0], "owner": PAYLOADS[1]}
    ask("PUT", "/api/v1/rules/marked", {**rule, "state": "shadow"})
    ask("POST", "/api/v1/lists", {"name": "marked_first", "type": "user", "kind": "watch", "says": PAYLOADS[2]})
    ask("POST", "/api/v1/lists/marked_first/entries", {"value": USER, "reason": PAYLOADS[3]})
    decided = f"/api/v1/orders/{urllib.parse.quote(ORDER, safe='')}/decisions"
    ask("POST", decided, {"verdict": "decline", "message": PAYLOADS[0], "author": PAYLOADS[1]})
    shop.wait_for(lambda heard: heard.path == "/action")
    order = served.get(key, f"/api/v1/orders/{urllib.parse.quote(ORDER, safe='')}").json
    (delivery, *_) = served.get(key, "/api/v1/deliveries").json["deliveries"]
    custom = next(row["event_id"] for row in order["timeline"] if row["event"] == "custom_event")
    return {"decision": order["decision"]["event_id"], "custom": custom, "delivery": delivery["id"]}


def page(*parts: str, **query: str) -> str:
    path = "/console/" + "/".join(urllib.parse.quote(part, safe="") for part in parts)
    return path + ("?" + urllib.parse.urlencode(query) if query else "")


PAGES = (
    "/console", page("queue"), page("queue", open=ORDER), page("orders"), page("orders", open=ORDER),
    page("orders", user=USER), page("orders", ORDER), page("graph", order=ORDER),
    page("graph", entity="device:" + DEVICE),
    page("entities", "user", USER), page("entities", "device", DEVICE), page("entities", "ip", "203.0.113.66"),
    page("search", q=ORDER), page("search", q=USER), page("search", q="m1"), page("search", q=PAYLOADS[0]),
    page("developers"), page("developers", warned="true"), page("developers", "keys"),
    page("developers", "deliveries"), page("developers", "refusals"), page("developers", "events", "ev_x"),
    page("developers", "sandbox"),
    page("settings", "policy"), page("settings", "keeping"),
    page("features"), page("features", q=PAYLOADS[0]), page("rules"), page("rules", q=PAYLOADS[1]),
    page("rules", "edit", "new"), page("rules", "versions"), page("lists"), page("insights"),
    page("insights", "scores"),
    page("insights", "reasons"), page("insights", "rules"), page("insights", "groups", by="city"),
    page("insights", "groups", by="payment_type"), page("insights", "quality"), page("settings"),
    page("insights", "exploration"), page("decisions", "@decision"), page("developers", "events", "@decision"),
    page("developers", "events", "@custom"), page("developers", "deliveries", "@delivery"),
    page("rules", "edit", "marked"),
    page("rules", "versions", "1"), page("lists", "marked_first"), page("features", "account_age"), page("models"),
    page("models", "@model"),
    page("settings", "users"), page("account"), page("nowhere", PAYLOADS[0]), page("orders", PAYLOADS[0]),
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_nothing_that_a_shopper_wrote_runs_or_is_reported(visited: Visited, path: str) -> None:
    opened = visited.browser
    opened.complaints()
    for name, value in visited.known.items():
        path = path.replace("%40" + name, value)
    opened.open(path)
    opened.one("main")
    opened.settle()  # pieces that are loaded later, too
    opened.wait(lambda: opened.script("return document.readyState") == "complete")
    for summary in opened.all("main details:not([open])")[:30]:
        opened.script("arguments[0].open = true", summary)
    assert opened.script("return window.__x === undefined"), path
    assert (
        opened.script("return document.querySelectorAll('main img:not(.pictures img), main script, main b').length")
        == 0
    )
    handlers = (
        "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => a.name.startsWith('on'))"
    )
    assert opened.script(f"return {handlers}.length") == 0
    odd = [line for line in opened.complaints() if "the server responded with a status of 40" not in line]
    assert odd == [], path
    links = opened.script("return [...document.querySelectorAll('a[href]')].map(a => a.protocol)")
    assert set(links) <= {"http:"}


def test_what_was_written_stands_on_the_page_of_the_order_as_it_was_written(visited: Visited) -> None:
    opened, order = visited.browser, visited.sent["createOrder"]
    opened.open(page("orders", ORDER))
    shown = opened.script("return document.querySelector('main').textContent")
    update = visited.sent["update_order"]
    texts = [ORDER, update["_userEmail"], update["_shippingMethod"], update["_items"][0]["_productTitle"],
             update["_billingAddress"]["_name"], update["_shippingAddress"]["_address1"],
             update["_paymentMethods"][1]["_accountName"], update["_promotions"][0]["_description"]]  # fmt: skip
    for text in texts:
        assert " ".join(text.split()) in " ".join(shown.split()), text
    assert order["_userEmail"] in shown


def test_each_event_in_the_log_is_to_the_character_what_was_sent(visited: Visited) -> None:
    opened = visited.browser
    opened.open(page("developers"))
    texts: list[str] = opened.script(
        "return [...document.querySelectorAll('pre[aria-label^=\"The event\"]')].map(p => p.textContent)"
    )
    logged = [json.loads(text) for text in texts]
    assert len(logged) == 21, "and the decision by hand"
    for name, body in visited.sent.items():
        assert body in logged, name


def test_a_list_a_note_a_view_and_a_user_with_markers_are_text_too(visited: Visited) -> None:
    opened = visited.browser
    opened.open(page("lists"))
    opened.fill("input[name=name]", "marked")
    opened.fill("form[action='/console/lists'] input[name=says]", PAYLOADS[0])
    opened.click("form[action='/console/lists'] button.primary")
    opened.see(PAYLOADS[0])
    opened.fill("form[action$='/entries'] input[name=value]", USER)
    opened.fill("form[action$='/entries'] input[name=reason]", PAYLOADS[1])
    opened.click("form[action$='/entries'] button.primary")
    opened.see(PAYLOADS[1])
    opened.open(page("orders", ORDER))
    opened.fill("form[action='/console/note'] textarea", PAYLOADS[3])
    opened.click("form[action='/console/note'] button")
    opened.see(PAYLOADS[3])
    opened.open(page("queue", flag="red"))
    opened.click("details:has(form[action='/console/views']) > summary")
    opened.fill("form[action='/console/views'] input[name=name]", PAYLOADS[0])
    opened.click("form[action='/console/views'] button")
    opened.see(f"The view “{PAYLOADS[0]}” is saved.")
    assert PAYLOADS[0] in opened.one(".chip-view").text
    opened.open(page("settings", "users"))
    opened.fill("form[action='/console/settings/users'] input[name=name]", PAYLOADS[1])
    opened.click("form[action='/console/settings/users'] button.primary")
    opened.see(PAYLOADS[1])
    assert opened.script("return window.__x === undefined")
    assert opened.complaints() == []


def test_the_marker_would_be_noticed_where_it_runs(visited: Visited) -> None:
    """The net itself: the same marker, as an element in the page, is counted and reported; as markup it is refused."""
    opened = visited.browser
    opened.open("/console")
    opened.wait(lambda: opened.script("return window.htmx !== undefined"))
    opened.complaints()
    opened.script(
        "const image = document.createElement('img'); image.src = 'x';document.querySelector('main').append(image)"
    )
    assert opened.wait(opened.complaints)
    assert opened.script("return document.querySelectorAll('main img').length") == 1
    with pytest.raises(JavascriptException):
        opened.script("document.querySelector('main').insertAdjacentHTML('beforeend', arguments[0])", PAYLOADS[0])
