"""Every page of the console's own table: at both widths, in both lights, against the rules of accessibility.

A page that is added to the table and not gone to here, or not by the injection test, fails this file.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest

from console.browser import NARROW, WIDE, Browser, axe_faults, browser
from console.route_table import not_gone_to, paths_of_pages
from console.screenshots import DOORS as DOORS_PICTURED
from console.screenshots import MODEL_PAGES as MODELS_PICTURED
from console.screenshots import PAGES as PICTURED
from console.screenshots import TARGET as PICTURES
from console.shopfront import RING_DEVICE, hang_models, open_shop
from console.test_injection import PAGES as PAGES_OF_INJECTION
from console.visitor import PASSWORD, make_user
from fourthwatch.clock import SystemClock
from fourthwatch.store.users import FIRST_TENANT, UserStore
from served import KEY_HEADER, Served
from webhooks.listening import Receiver

pytestmark = pytest.mark.slow

RING = "ring-5"
FACTOR, NEWCOMER = "factor@example.com", "newcomer@example.com"
PAGES = (
    "/console", "/console/queue", f"/console/queue?open={RING}", "/console/orders", f"/console/orders/{RING}",
    f"/console/graph?order={RING}", f"/console/entities/device/{RING_DEVICE}", "/console/entities/user/r1",
    "/console/search", "/console/search?q=ring", "/console/rules", "/console/rules/edit/new", "/console/rules/versions",
    "/console/lists", "/console/features", "/console/features/account_age", "/console/insights",
    "/console/models",
    "/console/insights/scores", "/console/insights/reasons", "/console/insights/groups", "/console/insights/quality",
    "/console/developers", "/console/developers/keys", "/console/developers/deliveries", "/console/settings",
    "/console/settings/users", "/console/settings/policy", "/console/settings/keeping", "/console/developers/sandbox",
    "/console/developers/sandbox?event=login", "/console/developers/refusals", "/console/account",
    "/console/orders/never-was",
    "/console/orders/good-1", "/console/decisions/{event}", "/console/developers/events/{event}",
    "/console/developers/deliveries/{delivery}", "/console/rules/versions/1", "/console/rules/edit/many",
    "/console/lists/stolen", "/console/models/{model}", "/console/insights/rules", "/console/insights/exploration",
    "/console/orders?open=good-1", "/console/queue?flag=green", "/console/search?q=nothing-like-it", "/console/nowhere",
)  # fmt: skip
OPEN_PAGES = ("/console/sign-in", "/console/sign-in/code", "/console/welcome/{secret}")
"""For whoever is not signed in."""


class House:
    """A server with something on every page, and the browser in front of it."""

    def __init__(self, served: Served, opened: Browser, known: dict[str, str]) -> None:
        self.served = served
        self.browser = opened
        self.known = known
        """What stands for the names in braces."""

    def address(self, path: str) -> str:
        for name, value in self.known.items():
            path = path.replace("{" + name + "}", value)
        return path


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory: Path = tmp_path_factory.mktemp("pages")
    with Receiver() as shop:
        allowed = {"FOURTHWATCH_PRIVATE_RECEIVERS": f"127.0.0.1:{shop.port}"}
        with Served(directory, environment=allowed) as served:
            key = served.key("ingest", "read", "manage")
            known = work_in(served, key, shop)
            known["model"] = hang_models(directory)[1]
            make_user(directory, "asha@example.com", "admin")
            with browser(served.url) as opened:
                opened.sign_in("asha@example.com", PASSWORD)
                yield House(served, opened, known)


def work_in(served: Served, key: str, shop: Receiver) -> dict[str, str]:
    """Orders, a rule, a list, and a decision that the shop was told; what the addresses of their pages are made of."""

    def ask(method: str, path: str, body: object) -> None:
        told = served.request(method, path, json.dumps(body), {KEY_HEADER: key, "If-Match": "*"})
        assert told.status < 300, (path, told.body)

    ask("POST", "/neo/v1/addpostbackurl", {"secret": key, "action_postback": shop.url + "/action"})
    open_shop(served, key)
    rule = {"name": "many", "class": "review", "when": "distinct(user, by device, last 1d) >= 3", "says": "Many users"}
    ask("PUT", "/api/v1/rules/many", {**rule, "state": "shadow"})
    ask("POST", "/api/v1/lists", {"name": "stolen", "type": "card", "kind": "block", "says": "Reported stolen"})
    ask("POST", "/api/v1/orders/good-11/decisions", {"verdict": "decline", "author": "asha@example.com"})
    shop.wait_for(lambda heard: b"good-11" in heard.body)
    order = served.get(key, f"/api/v1/orders/{RING}").json
    (delivery, *_) = served.get(key, "/api/v1/deliveries").json["deliveries"]
    return {"event": order["decision"]["event_id"], "delivery": delivery["id"]}


def look_at(opened: Browser, path: str) -> None:
    for width, scheme in ((WIDE, "light"), (NARROW, "dark")):
        opened.size(*width)
        opened.prefer(scheme)
        opened.open(path)
        opened.one("main")
        opened.settle()
        assert axe_faults(opened) == []
        assert opened.script("return document.documentElement.scrollWidth") <= width[0]
    opened.size(*WIDE)
    opened.prefer("light")
    assert [line for line in opened.complaints() if "status of 404" not in line] == []


@pytest.mark.parametrize("path", PAGES)
def test_every_page_keeps_to_wcag_aa_and_fits_both_widths_in_both_lights(house: House, path: str) -> None:
    look_at(house.browser, house.address(path))


def test_so_do_the_pages_before_anybody_is_signed_in(house: House) -> None:
    users = UserStore(house.served.directory, SystemClock())
    try:
        secret = users.link_for(FIRST_TENANT, make_user(house.served.directory, NEWCOMER, "viewer"))
        users.set_totp(make_user(house.served.directory, FACTOR, "viewer"), pyotp.random_base32())
    finally:
        users.close()
    with browser(house.served.url) as opened:
        look_at(opened, "/console/sign-in")
        look_at(opened, f"/console/welcome/{secret}")
        opened.open("/console/sign-in")
        opened.fill("input[name=name]", FACTOR)
        opened.fill("input[name=password]", PASSWORD)
        opened.one("button.primary").click()
        opened.one("input[name=code]")
        look_at(opened, "/console/sign-in/code")
        opened.one("input[name=code]")


def test_no_page_of_the_table_is_left_out(tmp_path: Path) -> None:
    table = paths_of_pages(tmp_path)
    assert len(table) > 35
    assert not_gone_to(table, (*PAGES, *OPEN_PAGES)) == set()
    assert not_gone_to(table, (*PAGES_OF_INJECTION, *OPEN_PAGES)) == set()


def test_there_is_a_picture_of_every_page(tmp_path: Path) -> None:
    without = {"/sign-in/code": "like the sign-in", "/welcome/{secret}": "like the sign-in"}
    pictured = (*PICTURED.values(), *MODELS_PICTURED.values(), *DOORS_PICTURED.values())
    assert not_gone_to(paths_of_pages(tmp_path), pictured) == set(without)
    names = {path.stem for path in PICTURES.glob("*.png")}
    assert {*PICTURED, *MODELS_PICTURED, *DOORS_PICTURED, "bulk"} == {
        name for name in names if not name.endswith(("-narrow", "-dark"))
    }


def test_a_page_that_is_not_gone_to_would_be_noticed(tmp_path: Path) -> None:
    table = [*paths_of_pages(tmp_path), "/brand-new/{thing}"]
    assert not_gone_to(table, (*PAGES, *OPEN_PAGES)) == {"/brand-new/{thing}"}
    assert "/rules/versions/{version}" in not_gone_to(
        table, [one for one in PAGES if one != "/console/rules/versions/1"]
    )
