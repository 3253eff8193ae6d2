"""A day's work in the browser: find a ring, look at its links, write a rule, decide several, take it back, see it told.

Also by the keyboard alone, and without scripts. Over the demo shop it is done in one piece by `test_demo_shop`.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from selenium.webdriver.common.keys import Keys

from console.browser import NARROW, WIDE, Browser, axe_faults, browser
from console.shopfront import RING_DEVICE, hang_models, open_shop
from console.visitor import PASSWORD, Visitor, make_user, signed_in
from fourthwatch.clock import SystemClock
from fourthwatch.store.models import ModelFiles, ModelStore
from served import KEY_HEADER, Served
from small_model import small_model
from webhooks.listening import Receiver

pytestmark = pytest.mark.slow

RING = "ring-5"


class Office:
    """The server with a shop in it, and the browser in front of it."""

    def __init__(self, served: Served, opened: Browser, key: str, ring: list[str], shop: Receiver) -> None:
        self.shop = shop
        self.served = served
        self.browser = opened
        self.key = key
        self.ring = ring


def told_about(shop: Receiver) -> dict[str, str]:
    """The operator allows the shop's address, which is on this machine."""
    return {"FOURTHWATCH_PRIVATE_RECEIVERS": f"127.0.0.1:{shop.port}"}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    directory = tmp_path_factory.mktemp("work")
    with Receiver() as shop, Served(directory, environment=told_about(shop)) as served:
        key = served.key("ingest", "read", "manage")
        register = {"secret": key, "action_postback": shop.url + "/action"}
        assert served.request("POST", "/neo/v1/addpostbackurl", json.dumps(register)).status == 200
        ring = open_shop(served, key)
        make_user(directory, "asha@example.com", "admin")
        with browser(served.url) as opened:
            opened.sign_in("asha@example.com", PASSWORD)
            yield Office(served, opened, key, ring, shop)


def test_the_queue_is_worked_by_keyboard_alone(office: Office) -> None:
    opened = office.browser
    opened.open("/console/queue")
    opened.one("tr[data-row]")
    opened.press("j")
    opened.one("aside.panel")
    first = opened.one("tr[aria-selected=true] a[data-open]").text
    opened.press("j")
    opened.wait(lambda: opened.one("tr[aria-selected=true] a[data-open]").text != first)
    opened.press("k")
    opened.wait(lambda: first in opened.one("aside.panel h2").text)
    opened.press("c")
    opened.see(f"Order {first} is yours")
    opened.press("h")
    opened.see(f"Order {first} is held.")
    opened.press("u")
    opened.see("back in the queue")
    for key, said in (("d", "is declined."), ("a", "is approved.")):
        opened.press("j")
        shown_beside(opened)
        opened.press(key)
        opened.see(said)
        opened.press("u")
        opened.see("back in the queue")
    opened.press("j")
    shown_beside(opened)
    opened.press_with_control("k")
    opened.press("hold this", Keys.ENTER)
    opened.see("is held.")
    opened.press("j")
    shown = shown_beside(opened)
    opened.press("o")
    opened.see(f"Order {shown}")
    assert opened.driver.current_url.endswith(f"/console/orders/{shown}")
    opened.press("/")
    opened.press("ring-2", Keys.ENTER)
    opened.see("Orders")
    opened.press_with_control("k")
    opened.press("insights", Keys.ENTER)
    opened.wait(lambda: opened.driver.current_url.endswith("/console/insights"))
    opened.press(Keys.TAB)
    assert opened.script("return document.activeElement.textContent") == "Skip to the content"


def test_a_key_struck_before_the_next_order_is_there_is_not_about_the_one_before(office: Office) -> None:
    opened = office.browser
    opened.open("/console/queue")
    opened.one("tr[data-row]")
    opened.press("j")
    first = shown_beside(opened)
    opened.script(
        """
        const strike = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        strike("j"); strike("c");  // both before any answer can have come
        """
    )
    assert shown_beside(opened, but_not=first) != first
    assert f"Order {first} is yours" not in opened.text()


def shown_beside(opened: Browser, but_not: str = "") -> str:
    """The order that is chosen, once it is the one beside the list."""

    def shown() -> str:
        chosen = opened.one("tr[aria-selected=true] a[data-open]").text
        return chosen if chosen != but_not and chosen in opened.one("aside.panel h2").text else ""

    return str(opened.wait(shown))


def test_a_list_that_has_just_come_answers_to_keys_at_once(office: Office) -> None:
    """Links that wait to be enlivened open a whole page, and the key behind it is about the order before, or lost."""
    opened = office.browser
    opened.open("/console/queue")
    opened.one("tr[data-row]")
    opened.script(
        """
        document.stillHere = true;
        const strike = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        const next = () => queueMicrotask(() => { strike("j"); strike("r"); });
        document.body.addEventListener("htmx:afterSwap", next, { once: true });
        strike("j");
        """
    )
    opened.wait(lambda: opened.script("return document.activeElement.name === 'reason'"))
    assert opened.script("return document.stillHere") is True
    rows = opened.script("return [...document.querySelectorAll('tr[data-row]')].map((row) => row.ariaSelected)")
    assert rows[:2] == ["false", "true"]


def test_a_refusal_of_the_next_order_is_a_page_that_says_why_and_not_an_empty_one(office: Office) -> None:
    opened = office.browser
    opened.open("/console/queue")
    opened.one("tr[data-row]")
    opened.script(
        """
        const link = document.querySelector("a[data-open]");
        link.setAttribute("hx-get", "/console/queue?sort=colour");
        htmx.process(link);
        """
    )
    opened.press("j")
    opened.see("That cannot be done")
    opened.see("sort")
    opened.driver.back()
    opened.one("tr[data-row]")


def test_marks_stay_while_orders_are_looked_at_one_after_the_other(office: Office) -> None:
    opened = office.browser
    opened.open("/console/queue")
    opened.one("tr[data-row]")
    for _ in range(2):
        before = opened.script("return document.querySelector('aside.panel h2')?.textContent")
        opened.press("j")
        opened.wait(
            lambda before=before: (
                opened.script("return document.querySelector('aside.panel h2')?.textContent") not in (None, before)
            )
        )
        opened.press("x")
    marked = "return [...document.querySelectorAll('.marking tbody input:checked')].length"
    opened.wait(lambda: opened.script(marked) == 2)
    assert opened.one(".bulk").text.startswith("2 marked:")
    bulk = opened.script("const at = document.querySelector('.bulk').getBoundingClientRect(); return at.bottom")
    assert bulk <= opened.script("return window.innerHeight"), "what can be done stays in sight"
    opened.click(".bulk button[value=hold]")
    opened.see("Decide about 2 orders")


def test_a_reason_is_written_by_keyboard_and_enter_in_it_decides_nothing(office: Office) -> None:
    opened, order_id = office.browser, office.ring[3]
    opened.open(f"/console/orders/{order_id}")
    opened.one("button[data-key=d]")
    opened.press("r")
    opened.press("Same ring, " + order_id, Keys.ENTER)
    assert opened.one(".decide input[name=reason]").get_attribute("value") == f"Same ring, {order_id}"
    opened.press(Keys.ESCAPE)
    opened.script("for (const _ of [1, 2]) document.querySelector('[data-key=d]').click()")
    opened.see("is declined.")
    timeline = office.served.get(office.key, f"/api/v1/orders/{order_id}").json["timeline"]
    said = [row["body"]["_description"] for row in timeline if row["event"] == "order_status"]
    assert said == [f"Same ring, {order_id}"], "struck twice, sent once"
    opened.press("u")
    opened.see("back in the queue")


def test_moments_are_in_the_viewers_zone_with_utc_on_hover_and_a_chart_tells_its_newest_day(office: Office) -> None:
    opened = office.browser
    opened.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "America/Los_Angeles"})
    try:
        opened.open(f"/console/orders/{office.ring[2]}")
        opened.one("html.has-scripts")
        moment = opened.one("h1 + p time")
        at = datetime.fromisoformat(str(moment.get_attribute("datetime")))
        here = at.astimezone(ZoneInfo("America/Los_Angeles"))
        assert moment.text.startswith(f"{here.day} ")
        assert moment.text.endswith(f"{here:%Y, %H:%M}")
        assert moment.get_attribute("title") == f"{at:%Y-%m-%d %H:%M:%S} UTC"
        opened.open("/console")
        opened.open("/console")  # by now the server has heard of the zone
        days = office.served.get(office.key, "/api/v1/insights/days?tz=America/Los_Angeles").json["rows"]
        newest = datetime.fromisoformat(days[-1]["name"])
        told = opened.one(".chart .u-legend").text.replace("\n", " ")
        assert f"{newest:%a}, {newest.day} " in told
        assert "--" not in told
    finally:
        opened.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


def test_the_pages_work_without_scripts(office: Office) -> None:
    visitor = signed_in(office.served, "analyst")
    page = visitor.get(f"/console/queue?open={office.ring[0]}").body.decode()
    assert office.ring[0] in page
    assert "/console/decide" in page
    done = visitor.post("/console/decide", {"order": office.ring[0], "verdict": "approve", "back": "/console/queue"})
    assert done.headers["location"] == "/console/queue"
    assert f"Order {office.ring[0]} is approved." in visitor.get("/console/queue").body.decode()
    line = office.served.get(office.key, "/api/v1/orders?user=r0&fresh=true").json["orders"][0]
    assert (line["analyst_decision"], line["analyst"]) == ("approve", "analyst@example.com")


def test_what_made_the_score_stands_in_the_why_of_a_red_order_and_is_computed_for_any_other(office: Office) -> None:
    opened = office.browser
    orders = {row["flag"]: row for row in office.served.get(office.key, "/api/v1/orders?limit=500").json["orders"]}
    for flag in ("red", "green"):
        order_id = orders[flag]["order_id"]
        opened.open(f"/console/orders/{order_id}")
        if flag == "green":
            assert "What made the score" not in opened.one("section[aria-labelledby=why]").text
            opened.one("#why-more a.button").click()
        opened.see("What made the score")
        opened.see("What would change the verdict")
        event = office.served.get(office.key, f"/api/v1/orders/{order_id}").json["decision"]["event_id"]
        parts = office.served.get(office.key, f"/api/v1/decisions/{event}/contributions").json["contributions"]
        shown = opened.one("section[aria-labelledby=why]").text
        assert all(part["name"] in shown for part in parts[:12])
    there = signed_in(office.served, "analyst").get(f"/console/why/{event}").headers["location"]
    assert there == f"/console/decisions/{event}", "without a script it is a page of its own"


def test_two_people_see_each_other_and_a_claim(office: Office) -> None:
    first, second = (signed_in(office.served, "analyst", name) for name in ("one@example.com", "two@example.com"))
    there = "/console/presence/good-1"
    assert "Only you are here" in first.get(there).body.decode()
    assert "one@example.com" in second.get(there).body.decode()
    first.get("/console/queue")
    first.post("/console/claim", {"order": "good-1", "back": "/console/queue"})
    assert "one@example.com is at it" in second.get(there).body.decode()
    second.get("/console/queue")
    second.post("/console/claim", {"order": "good-1", "back": "/console/queue"})
    assert "one@example.com is at order good-1" in second.get("/console/queue").body.decode()


def test_a_viewer_sees_personal_data_masked_until_a_reason_is_on_record(office: Office) -> None:
    viewer = signed_in(office.served, "viewer")
    path = f"/console/orders/{office.ring[5]}"
    page = viewer.get(path).body.decode()
    for personal in ("r5@example.com", "9 Hill View", "+9198765", "Shopper 5"):
        assert personal not in page
    assert "r•••@example.com" in page
    assert viewer.post("/console/reveal", {"back": path, "reason": "customer calls"}).status == 303
    page = viewer.get(path).body.decode()
    assert "r5@example.com" in page
    assert "9 Hill View" in page
    assert "9 Hill View" not in viewer.get(f"/console/orders/{office.ring[4]}").body.decode()
    entry = office.served.get(office.key, "/api/v1/audit?action=personal.revealed").json["entries"][0]
    assert (entry["thing"], entry["after"]) == (f"orders/{office.ring[5]}", {"reason": "customer calls"})
    assert viewer.post("/console/decide", {"order": office.ring[5], "verdict": "approve"}).status == 403


def test_a_saved_view_keeps_its_filters_for_whoever_saved_it(office: Office) -> None:
    visitor, other = (signed_in(office.served, "analyst", name) for name in ("one@example.com", "two@example.com"))
    visitor.get("/console/queue?flag=red")
    visitor.post("/console/views", {"page": "queue", "name": "Only red", "query": "flag=red"})
    assert "Only red" in visitor.get("/console/queue").body.decode()
    assert "Only red" not in other.get("/console/queue").body.decode()


def test_a_list_is_filled_from_a_file_that_is_looked_through_first(office: Office) -> None:
    visitor = signed_in(office.served, "manager")
    visitor.get("/console/lists")
    visitor.post("/console/lists", {"name": "stolen", "type": "email", "kind": "block", "says": "x"})
    visitor.get("/console/lists/stolen")
    text = "value,reason\na@example.com,one\nnot an address,two\na@example.com,three\n"
    looked = visitor.post("/console/lists/stolen/import", {"csv": text}).body.decode()
    assert "1 new" in looked
    assert "1 twice in the file" in looked
    assert "1 that cannot be taken" in looked
    assert office.served.get(office.key, "/api/v1/lists/stolen").json["entries"] == 0
    assert visitor.post("/console/lists/stolen/import", {"csv": text, "take": "yes"}).status == 303
    assert office.served.get(office.key, "/api/v1/lists/stolen").json["entries"] == 1


def test_a_key_from_the_console_works_and_is_never_shown_again(office: Office) -> None:
    visitor = signed_in(office.served, "admin", "keys@example.com")
    visitor.get("/console/developers/keys")
    made = visitor.post("/console/developers/keys", {"name": "from the console", "scope": "read"}).body.decode()
    key = made.partition('id="made-key">')[2].partition("<")[0]
    assert office.served.request("GET", "/api/v1/orders", headers={KEY_HEADER: key}).status == 200
    assert key not in Visitor(office.served).get("/console/sign-in").body.decode()
    assert key not in visitor.get("/console/developers/keys").body.decode()


def test_a_label_and_a_list_entry_are_made_where_the_thing_is_looked_at(office: Office) -> None:
    visitor = signed_in(office.served, "manager")
    there = "/console/orders/good-2"
    assert "Nobody has said" in visitor.get(there).body.decode()
    visitor.post("/console/label", {"order": "good-2", "label": "good", "back": there})
    assert "The order is labelled good." in visitor.get(there).body.decode()
    assert office.served.get(office.key, "/api/v1/orders/good-2/labels").json["is_fraud"] is False
    visitor.get("/console/lists")
    visitor.post("/console/lists", {"name": "watched_devices", "type": "device", "kind": "watch", "says": "x"})
    page = f"/console/entities/device/{RING_DEVICE}"
    assert "In no list." in visitor.get(page).body.decode()
    visitor.post("/console/graph/list", {"list": "watched_devices", "thing": f"device:{RING_DEVICE}", "back": page})
    assert "/console/lists/watched_devices" in visitor.get(page).body.decode()


def test_every_feature_is_in_the_list_and_an_unchanged_rule_changes_nothing(office: Office) -> None:
    visitor = signed_in(office.served, "manager")
    total = 0
    cursor = ""
    while True:
        page = office.served.get(office.key, f"/api/v1/features?limit=200{cursor}").json
        total += len(page["features"])
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert total > 400
    assert f"{total} of them" in visitor.get("/console/features").body.decode()
    rule = office.served.get(office.key, "/api/v1/rules?limit=3").json["rules"][1]
    visitor.get("/console/rules")
    form = {name: rule[name] for name in ("name", "class", "when", "says")} | {"was": rule["name"]}
    form |= {"weight": str(rule["weight"]), "reason": rule.get("reason", ""), "shows": rule.get("shows", "")}
    form["examples"] = json.dumps(rule["examples"])
    told = visitor.post("/console/rules/check", form).body.decode()
    assert "holds" in told
    assert "would change" not in told


def test_thresholds_are_set_over_what_was_seen_and_a_wrong_number_changes_nothing(office: Office) -> None:
    visitor = signed_in(office.served, "manager")
    page = visitor.get("/console/settings/policy").body.decode()
    assert 'name="red_above"' in page
    before = office.served.get(office.key, "/api/v1/policy").json
    form = {
        "version": str(before["version"]), "red_above": "65", "decline_above": "90", "deadline_ms": "50",
        "currency": "inr", "review_minor": "25", "chargeback_minor": "1250.50", "return_minor": "80.5",
        "margin_percent": "20",
    }  # fmt: skip
    refused = visitor.post("/console/settings/policy", {**form, "review_minor": "1.234"})
    assert refused.status == 400
    assert "Review is no number that fits." in refused.body.decode()
    assert 'value="1.234"' in refused.body.decode()
    assert visitor.post("/console/settings/policy", {**form, "red_above": "95"}).status == 400
    assert office.served.get(office.key, "/api/v1/policy").json == before
    assert visitor.post("/console/settings/policy", form).status == 303
    after = office.served.get(office.key, "/api/v1/policy").json
    assert (after["red_above"], after["costs"]["chargeback_minor"], after["costs"]["return_minor"]) == (
        65,
        125_050,
        8_050,
    )
    assert after["costs"]["currency"] == "INR"
    assert visitor.post("/console/settings/policy", form).status == 412
    assert "manager@example.com" in visitor.get("/console/settings/policy").body.decode()
    back = {**form, "version": str(after["version"]), "red_above": "70", "decline_above": "94"}
    assert visitor.post("/console/settings/policy", back).status == 303


@pytest.mark.parametrize(
    ("currency", "typed", "minor", "too_fine"), [("JPY", "2500", 2_500, "25.5"), ("KWD", "1.250", 1_250, "1.2345")]
)
def test_money_of_the_policy_has_the_digits_of_its_currency(
    office: Office, currency: str, typed: str, minor: int, too_fine: str
) -> None:
    visitor = signed_in(office.served, "manager")
    visitor.get("/console/settings/policy")
    before = office.served.get(office.key, "/api/v1/policy").json
    form = {
        "version": str(before["version"]), "red_above": "70", "decline_above": "94", "deadline_ms": "50",
        "currency": currency, "review_minor": typed, "chargeback_minor": "0", "return_minor": "0",
        "margin_percent": "20", "explore_percent": "0", "explore_orders": "0", "explore_minor": typed,
        "explore_currency": currency,
    }  # fmt: skip
    refused = visitor.post("/console/settings/policy", {**form, "review_minor": too_fine})
    assert refused.status == 400
    assert "digits behind the point" in refused.body.decode()
    assert visitor.post("/console/settings/policy", form).status == 303
    after = office.served.get(office.key, "/api/v1/policy").json
    assert (after["costs"]["review_minor"], after["exploration"]["amount_minor_per_day"]) == (minor, minor)
    assert visitor.get("/console/settings/policy").body.decode().count(f'value="{typed}"') == 2
    back = {**form, "version": str(after["version"]), "currency": "INR", "explore_currency": "INR",
            "review_minor": "25", "explore_minor": "0"}  # fmt: skip
    assert visitor.post("/console/settings/policy", back).status == 303


def test_exploration_is_off_until_a_share_and_both_caps_are_set_and_its_report_stands_in_the_insights(
    tmp_path: Path,
) -> None:
    with Served(tmp_path) as served:
        key = served.key("ingest", "read", "manage")
        open_shop(served, key, ordinary=1, ring=1)
        make_user(tmp_path, "manager@example.com", "manager")
        visitor = Visitor(served)
        visitor.sign_in("manager@example.com")
        page = visitor.get("/console/settings/policy").body.decode()
        assert 'name="explore_percent" type="number" min="0" max="20" required value="0"' in page
        assert "It is off." in visitor.get("/console/insights/exploration").body.decode()
        form = {
            "version": "0", "red_above": "0", "decline_above": "0", "deadline_ms": "50", "currency": "inr",
            "review_minor": "25", "chargeback_minor": "1250", "return_minor": "80", "margin_percent": "20",
            "explore_percent": "20", "explore_orders": "40", "explore_minor": "90000.50", "explore_currency": "inr",
        }  # fmt: skip
        for name, wrong, said in (
            ("explore_percent", "21", "a whole number of percent, 0 to 20"), ("explore_orders", "0", "needs both caps"),
            ("explore_minor", "1.234", "an amount of money"), ("explore_currency", "", "needs the currency"),
        ):  # fmt: skip
            refused = visitor.post("/console/settings/policy", {**form, name: wrong})
            assert (refused.status, said in refused.body.decode()) == (400, True), name
            assert f'value="{wrong}"' in refused.body.decode()
        assert served.get(key, "/api/v1/policy").json["exploration"]["percent"] == 0
        assert visitor.post("/console/settings/policy", form).status == 303
        chance = {"percent": 20, "orders_per_day": 40, "amount_minor_per_day": 9_000_050, "currency": "INR"}
        assert served.get(key, "/api/v1/policy").json["exploration"] == chance
        assert "It is on:" in visitor.get("/console/insights/exploration").body.decode()
        body = json.dumps({"_userId": "u", "_orderId": "by-chance", "_amount": "900.00", "_currencyCode": "INR"})
        for number in range(30):
            sent = body.replace("by-chance", f"by-chance-{number}")
            assert served.request("POST", "/event/v1/createOrder", sent, {KEY_HEADER: key}).status == 200
        report = served.get(key, "/api/v1/insights/exploration?fresh=true").json
        told = visitor.get("/console/insights/exploration").body.decode()
        assert report["drawn"] > 0
        assert f"of {report['drawn']} that chance was drawn for" in told
        assert "estimated, in this time" in told
        left = {name: value for name, value in form.items() if not name.startswith("explore")}
        assert visitor.post("/console/settings/policy", {**left, "version": "1"}).status == 303
        assert served.get(key, "/api/v1/policy").json["exploration"] == chance


def test_an_event_is_tried_in_the_sandbox_and_nothing_of_it_stays_until_it_is_sent(office: Office) -> None:
    visitor = signed_in(office.served, "manager")
    visitor.get("/console/developers/sandbox")
    body = json.dumps({"_orderId": "sand-1", "_userId": "r1", "_deviceId": RING_DEVICE, "_odd": 1})
    tried = visitor.post("/console/developers/sandbox", {"event": "createOrder", "body": body, "do": "try"})
    assert "would be taken" in tried.body.decode()
    assert "/_odd" in tried.body.decode()
    assert office.served.get(office.key, "/api/v1/orders/sand-1").status == 404
    wrong = visitor.post("/console/developers/sandbox", {"event": "createOrder", "body": "{", "do": "try"})
    assert (wrong.status, "This is no JSON" in wrong.body.decode()) == (400, True)
    lacking = visitor.post("/console/developers/sandbox", {"event": "createOrder", "body": "{}", "do": "send"})
    assert lacking.status == 400
    assert "createOrder" in visitor.get("/console/developers/refusals").body.decode()
    analyst = signed_in(office.served, "analyst")
    analyst.get("/console/developers/sandbox")
    form = {"event": "createOrder", "body": body, "do": "send"}
    assert analyst.post("/console/developers/sandbox", form).status == 403
    assert office.served.get(office.key, "/api/v1/orders/sand-1").status == 404
    assert "taken for good" in visitor.post("/console/developers/sandbox", form).body.decode()
    assert office.served.get(office.key, "/api/v1/orders/sand-1").status == 200


def test_a_user_is_to_be_erased_only_by_an_administrator_who_types_who(office: Office) -> None:
    admin, manager = signed_in(office.served, "admin"), signed_in(office.served, "manager")
    there = "/console/entities/user/asha7"
    assert "Erase this person" not in manager.get(there).body.decode()
    assert manager.post("/console/erasure", {"user": "asha7", "again": "asha7"}).status == 403
    assert "Erase this person" in admin.get(there).body.decode()
    admin.post("/console/erasure", {"user": "asha7", "again": "asha"})
    assert office.served.get(office.key, "/api/v1/erasures").json["erasures"] == []
    admin.post("/console/erasure", {"user": "asha7", "again": "asha7"})
    assert "waits to be erased" in admin.get(there).body.decode()
    assert "asha7" in admin.get("/console/settings/keeping").body.decode()
    assert "One person waits to be erased" in admin.get("/console").body.decode()
    admin.post("/console/erasure", {"user": "asha7", "take_back": "yes"})
    assert office.served.get(office.key, "/api/v1/erasures").json["erasures"] == []


def test_a_backup_is_made_from_the_settings(office: Office) -> None:
    admin = signed_in(office.served, "admin")
    admin.get("/console/settings/keeping")
    assert admin.post("/console/settings/keeping/backup").status == 303
    name = office.served.get(office.key, "/api/v1/backups").json["backups"][0]["name"]
    assert name in admin.get("/console/settings/keeping").body.decode()


def test_how_long_histories_are_kept_is_chosen_by_an_administrator_who_was_told_what_it_does(office: Office) -> None:
    admin, manager = signed_in(office.served, "admin"), signed_in(office.served, "manager")
    there, form = "/console/settings/keeping", "/console/settings/keeping/histories"
    assert form not in manager.get(there).body.decode()
    assert manager.post(form, {"days": "150", "sure": "yes"}).status == 403
    assert 'name="days"' in admin.get(there).body.decode()
    refused = admin.post(form, {"days": "99", "sure": "yes"})
    assert (refused.status, "Days are a whole number from 100" in refused.body.decode()) == (400, True)
    told = admin.post(form, {"days": "150"}).body.decode()
    assert "Nothing has happened yet" in told
    assert "silent for more than 150 days is new when it comes back" in told
    assert office.served.get(office.key, "/api/v1/keeping").json["histories"]["days_next"] == 400
    assert admin.post(form, {"days": "150", "sure": "yes"}).status == 303
    page = admin.get(there).body.decode()
    assert "From the next start of the server on histories are kept for 150 days; until then for 400" in page
    assert "Chosen by admin@example.com" in page
    entry = office.served.get(office.key, "/api/v1/audit?action=retention.set").json["entries"][0]
    assert entry["after"] == {"forget_after_days": 150}
    assert "Keep histories for 400 days?" in admin.post(form, {"days": "150", "own": "yes"}).body.decode()
    assert admin.post(form, {"days": "150", "own": "yes", "sure": "yes"}).status == 303
    assert office.served.get(office.key, "/api/v1/keeping").json["histories"]["chosen_at"] is None


def test_who_is_asked_to_confirm_is_told_on_the_order_until_the_shop_answers(office: Office) -> None:
    analyst = signed_in(office.served, "analyst")
    there = "/console/orders/good-9"
    analyst.get(there)
    analyst.post("/console/decide", {"order": "good-9", "verdict": "confirm", "reason": "Call her.", "back": there})
    page = analyst.get(there).body.decode()
    assert "held for the customer’s confirmation" in page
    assert "waits for the customer’s confirmation" in page
    action = {"secret": office.key, "order_id": "good-9", "action_type": "approved", "message": "She did."}
    assert office.served.request("POST", "/neo/v1/clientaction", json.dumps(action)).status == 200
    assert "waits for the customer’s confirmation" not in analyst.get(there).body.decode()


def test_nobody_decides_an_order_that_somebody_else_has_claimed(office: Office) -> None:
    first, second = (signed_in(office.served, "analyst", name) for name in ("one@example.com", "two@example.com"))
    for visitor in (first, second):
        visitor.get("/console/queue")
    first.post("/console/claim", {"order": "good-5", "back": "/console/queue"})
    second.post("/console/decide", {"order": "good-5", "verdict": "decline", "back": "/console/queue"})
    assert "nothing was decided" in second.get("/console/queue").body.decode()
    assert office.served.get(office.key, "/api/v1/orders/good-5").json["analyst_decision"] is None
    preview = second.post("/console/decide/preview", {"order": "good-5", "verdict": "decline"}).body.decode()
    assert "one@example.com is at it" in preview
    assert 'value="good-5" disabled' in preview
    second.post("/console/decide/several", {"order": "good-5", "verdict": "decline", "back": "/console/queue"})
    assert "1 could not be: good-5" in second.get("/console/queue").body.decode()
    assert office.served.get(office.key, "/api/v1/orders/good-5").json["analyst_decision"] is None
    first.post("/console/decide", {"order": "good-5", "verdict": "approve", "back": "/console/queue"})
    assert office.served.get(office.key, "/api/v1/orders/good-5").json["analyst_decision"]["verdict"] == "approve"
    assert office.served.get(office.key, "/api/v1/orders/good-5/claim").status == 404


def test_models_are_shown_with_their_pictures_and_become_champion_only_by_their_gates_or_a_reason(
    tmp_path: Path,
) -> None:
    with Served(tmp_path) as served:
        key = served.key("ingest", "read", "manage")
        open_shop(served, key, ordinary=3, ring=1)
        champion, candidate = hang_models(tmp_path)
        make_user(tmp_path, "asha@example.com", "manager")
        with browser(served.url) as opened:
            opened.sign_in("asha@example.com", PASSWORD)
            for path in ("/console/models", f"/console/models/{candidate}", f"/console/models/{champion}"):
                for width, scheme in ((WIDE, "light"), (NARROW, "dark")):
                    opened.size(*width)
                    opened.prefer(scheme)
                    opened.open(path)
                    opened.one("main table")
                    assert axe_faults(opened) == []
                    assert opened.script("return document.documentElement.scrollWidth") <= width[0]
            opened.size(*WIDE)
            opened.prefer("light")
            opened.open(f"/console/models/{candidate}")
            opened.see("a score of 70 stands for a chance of 30.0 %")
            opened.see("0.8910 against 0.8710")
            opened.wait(lambda: opened.script(
                "const all = [...document.querySelectorAll('.pictures img')];"
                "all.forEach(one => one.loading = 'eager');"
                "return all.length === 2 && all.every(one => one.naturalWidth)"
            ), "no pictures")  # fmt: skip
            opened.one("button[value=champion]").click()
            opened.see("has not passed its gates")
            opened.fill("input[name=override]", "Latency was measured on a busy machine")
            opened.one("button[value=champion]").click()
            opened.see("The model is champion now.")
            states = {one["id"]: one["state"] for one in served.get(key, "/api/v1/models").json["models"]}
            assert states == {candidate: "champion", champion: "retired"}
            opened.open("/console/models")
            opened.one("summary.button").click()
            opened.fill("input[name=why]", "More reviews than people")
            opened.one("form[action='/console/models/rollback'] button").click()
            opened.see(f"{champion} judges again")
            states = {one["id"]: one["state"] for one in served.get(key, "/api/v1/models").json["models"]}
            assert states == {candidate: "retired", champion: "champion"}
            entry = served.get(key, f"/api/v1/audit?thing=models/{candidate}").json["entries"][0]
            assert entry["after"]["why"] == "More reviews than people"
            assert opened.complaints() == []
        card = served.get(key, f"/api/v1/models/{candidate}/card")
        assert "sandbox" in card.headers["content-security-policy"]
        assert served.get(served.key("read", tenant="next"), f"/api/v1/models/{candidate}/card").status == 404


def test_a_model_that_says_no_figures_stands_in_the_list_and_has_a_page(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        store, bare = ModelStore(tmp_path, SystemClock()), small_model()
        store.add(1, "own-1", bare.manifest, ModelFiles(bare.body, bare.golden, b""), actor="command line")
        store.close()
        visitor = signed_in(served, "viewer")
        for path in ("/console/models", "/console/models/own-1"):
            page = visitor.get(path)
            assert (page.status, b"own-1" in page.body) == (200, True), path
        assert served.get(served.key("read"), "/api/v1/models/own-1/card").status == 404, "it came without one"


def test_a_script_cannot_put_markup_that_runs_into_a_page(office: Office) -> None:
    opened = office.browser
    opened.open("/console/queue")
    opened.wait(lambda: opened.script("return window.htmx !== undefined"))
    opened.complaints()
    tried = (
        "<img src=x onerror=window.__x=1>", "<script>window.__x=1</script>", "<a href='javascript:window.__x=1'>a</a>",
        "<template><b onclick=window.__x=1>b</b></template>", "<div hx-on:click='window.__x=1'>c</div>",
        "<iframe srcdoc='x'></iframe>", "<script src='https://evil.example/x.js'></script>",
    )  # fmt: skip
    # From a timer: what the driver itself runs is not held to the policy of the page.
    ask = (
        "const [markup, done] = arguments; setTimeout(() => { const box = document.createElement('div');"
        "try { box.innerHTML = markup; done(box.innerHTML); } catch { done('refused'); } })"
    )
    for markup in tried:
        assert opened.driver.execute_async_script(ask, markup) == "refused", markup
    assert opened.driver.execute_async_script(ask, "<b>order &lt;script&gt; onload=1</b>") != "refused"
    assert opened.script("return window.__x === undefined")
    opened.complaints()
