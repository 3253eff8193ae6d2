"""Writes a picture of each page at both widths into docs/screenshots: `make screenshots`.

A small shop is opened for it, with the same orders each time.
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from console.browser import NARROW, WIDE, browser
from console.shopfront import RING_DEVICE, hang_models, open_past, open_shop
from console.visitor import PASSWORD, make_user
from served import KEY_HEADER, Served
from webhooks.listening import Receiver

TARGET = Path(__file__).parents[2] / "docs" / "screenshots"
ORDER = "ring-4"
PAGES = {
    "overview": "/console", "queue": f"/console/queue?open={ORDER}", "orders": "/console/orders",
    "order": f"/console/orders/{ORDER}", "graph": f"/console/graph?order={ORDER}",
    "entity": f"/console/entities/device/{RING_DEVICE}", "user": "/console/entities/user/r4",
    "search": "/console/search?q=ring",
    "rules": "/console/rules", "rule": "/console/rules/edit/failed_payment",
    "rule-new": "/console/rules/edit/new?when=distinct(user,+by+device,+last+1d)+%3E%3D+3",
    "rule-sets": "/console/rules/versions", "rule-set": "/console/rules/versions/1",
    "lists": "/console/lists", "list": "/console/lists/good_customers", "features": "/console/features?q=device",
    "feature": "/console/features/users_by_device_30d", "insights": "/console/insights",
    "insights-scores": "/console/insights/scores", "insights-reasons": "/console/insights/reasons",
    "insights-rules": "/console/insights/rules", "insights-groups": "/console/insights/groups?by=city",
    "exploration": "/console/insights/exploration", "quality": "/console/insights/quality",
    "developers": "/console/developers", "event": "/console/developers/events/{event}",
    "decision": "/console/decisions/{event}", "refused": "/console/developers/refusals",
    "sandbox": "/console/developers/sandbox", "deliveries": "/console/developers/deliveries",
    "delivery": "/console/developers/deliveries/{delivery}", "keys": "/console/developers/keys",
    "settings": "/console/settings",
    "policy": "/console/settings/policy", "keeping": "/console/settings/keeping",
    "users": "/console/settings/users", "account": "/console/account",
}  # fmt: skip
MODEL_PAGES = {
    "models": "/console/models",
    "model": "/console/models/{model}",
    "champion": "/console/models/{champion}",
}
DOORS = {"sign-in": "/console/sign-in"}
"""Before anybody is signed in."""
_HEIGHT_MAX = 1_000
_PAST_DAYS = 63
"""Nine weeks, so that a model has weeks whose labels are in."""


def settle_in(served: Served, key: str, shop: Receiver) -> None:
    """Somebody has worked here: a list, a policy, a rule, a backup, a decision that the shop was told of, and an event
    that was refused."""

    def ask(method: str, path: str, body: object, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = served.request(method, "/api/v1/" + path, json.dumps(body), {KEY_HEADER: key, **named})
        assert reply.status < 300, (path, reply.body)

    ask("POST", "lists", {"name": "stolen_cards", "type": "card", "kind": "block", "says": "Cards reported stolen"})
    ask("POST", "lists", {"name": "good_customers", "type": "user", "kind": "allow", "says": "Known for years"})
    ask("POST", "lists/good_customers/entries", {"value": "asha1", "reason": "orders since 2021"})
    costs = {"currency": "INR", "review_minor": 2_500, "chargeback_minor": 125_000, "return_minor": 8_000,
             "margin_percent": 20}  # fmt: skip
    ask("PUT", "policy", {"red_above": 70, "decline_above": 94, "deadline_ms": 50, "costs": costs}, If_Match="*")
    rule = {"name": "many_users_one_device", "class": "review", "says": "Three users and more on one device in a day",
            "when": "distinct(user, by device, last 1d) >= 3", "state": "shadow"}  # fmt: skip
    ask("PUT", "rules/many_users_one_device", rule, If_Match="*")
    register = json.dumps({"secret": key, "action_postback": shop.url + "/action"})
    assert served.request("POST", "/neo/v1/addpostbackurl", register, {KEY_HEADER: key}).status == 200
    ask("POST", "orders/ring-0/decisions", {"verdict": "decline", "message": "Same ring", "author": "asha@example.com"})
    shop.wait_for(lambda heard: heard.path == "/action")
    ask("PUT", "orders/ring-3/claim", {"name": "omar@example.com"})
    ask("POST", "backups", {})
    assert served.request("POST", "/event/v1/createOrder", '{"_userId": "u"}', {KEY_HEADER: key}).status == 400


def main() -> None:
    """All of them; whatever else lies there goes."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as directory, Receiver() as shop:
        allowed = {"FOURTHWATCH_PRIVATE_RECEIVERS": f"127.0.0.1:{shop.port}"}
        with Served(Path(directory), environment=allowed) as served:
            key = served.key("ingest", "read", "manage", name="web shop")
            open_past(served, key)
            open_shop(served, key, ordinary=40, ring=8)
            settle_in(served, key, shop)
            event_id = served.get(key, f"/api/v1/orders/{ORDER}").json["decision"]["event_id"]
            (delivery, *_) = served.get(key, "/api/v1/deliveries").json["deliveries"]
            known = {"event": event_id, "delivery": delivery["id"]}
            shoot(served, Path(directory), PAGES, known, dark=("overview", "queue", "order", "graph"), bulk=True)
    with tempfile.TemporaryDirectory() as directory, Served(Path(directory)) as served:
        key = served.key("ingest", "read", "manage", name="web shop")
        champion, candidate = hang_models(Path(directory))
        served.stop()
        served.start()  # with the champion judging, so that there are weeks of what it foretold
        open_past(served, key, days=_PAST_DAYS)
        shoot(served, Path(directory), MODEL_PAGES, {"model": candidate, "champion": champion}, dark=("champion",))
    print(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET}")


def shoot(
    served: Served, directory: Path, pages: dict[str, str], known: dict[str, str], *, dark: tuple[str, ...],
    bulk: bool = False,
) -> None:  # fmt: skip
    """Each page at both widths, and some in the dark; `known` is what stands for names in braces."""
    make_user(directory, "asha@example.com", "admin")
    with browser(served.url) as opened:

        def shown(name: str, path: str) -> None:
            looks = [(WIDE, "light", ""), (NARROW, "light", "-narrow")]
            for size, scheme, suffix in [*looks, *([(WIDE, "dark", "-dark")] if name in dark else [])]:
                opened.size(*size)
                opened.prefer(scheme)
                opened.open(path.format_map(known) if "{" in path else path)
                picture(name + suffix)

        def picture(name: str) -> None:
            opened.one("main")
            opened.settle()
            opened.shoot(TARGET / f"{name}.png", height_max=_HEIGHT_MAX)

        for name, path in DOORS.items():
            shown(name, path)
        opened.sign_in("asha@example.com", PASSWORD)
        for name, path in pages.items():
            shown(name, path)
        if bulk:  # what stands between a list and a decision about several has no address of its own
            for size, suffix in ((WIDE, ""), (NARROW, "-narrow")):
                opened.size(*size)
                opened.prefer("light")
                opened.open("/console/queue")
                for box in opened.all("tbody input[name=order]")[:3]:
                    box.click()
                opened.click(".bulk button[value=decline]")
                opened.see("Nothing has happened yet")
                picture("bulk" + suffix)


if __name__ == "__main__":
    main()
