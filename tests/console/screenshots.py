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

TARGET = Path(__file__).parents[2] / "docs" / "screenshots"
ORDER = "ring-4"
PAGES = {
    "overview": "/console", "queue": f"/console/queue?open={ORDER}", "orders": "/console/orders",
    "order": f"/console/orders/{ORDER}", "graph": f"/console/graph?order={ORDER}",
    "entity": f"/console/entities/device/{RING_DEVICE}", "search": "/console/search?q=ring",
    "rules": "/console/rules", "rule": "/console/rules/edit/failed_payment",
    "rule-new": "/console/rules/edit/new?when=distinct(user,+by+device,+last+1d)+%3E%3D+3",
    "lists": "/console/lists", "features": "/console/features?q=device", "insights": "/console/insights",
    "insights-scores": "/console/insights/scores", "developers": "/console/developers",
    "refused": "/console/developers/refusals", "sandbox": "/console/developers/sandbox",
    "settings": "/console/settings",
    "policy": "/console/settings/policy", "keeping": "/console/settings/keeping",
    "users": "/console/settings/users", "account": "/console/account",
}  # fmt: skip
_HEIGHT_MAX = 1_000
_PAST_DAYS = 63
"""Nine weeks, so that a model has weeks whose labels are in."""


def settle_in(served: Served, key: str) -> None:
    """Somebody has worked here: a list, a policy, a backup, a decision, and an event that was refused."""

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
    ask("POST", "orders/ring-0/decisions", {"verdict": "decline", "message": "Same ring", "author": "asha@example.com"})
    ask("PUT", "orders/ring-3/claim", {"name": "omar@example.com"})
    ask("POST", "backups", {})
    assert served.request("POST", "/event/v1/createOrder", '{"_userId": "u"}', {KEY_HEADER: key}).status == 400


def main() -> None:
    """All of them; whatever else lies there goes."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as directory, Served(Path(directory)) as served:
        key = served.key("ingest", "read", "manage", name="web shop")
        open_past(served, key)
        open_shop(served, key, ordinary=40, ring=8)
        settle_in(served, key)
        event_id = served.get(key, f"/api/v1/orders/{ORDER}").json["decision"]["event_id"]
        more = {"event": f"/console/developers/events/{event_id}", "decision": f"/console/decisions/{event_id}",
                "exploration": "/console/insights/exploration"}  # fmt: skip
        shoot(served, Path(directory), {**PAGES, **more}, dark=("queue", "order"))
    with tempfile.TemporaryDirectory() as directory, Served(Path(directory)) as served:
        key = served.key("ingest", "read", "manage", name="web shop")
        champion, candidate = hang_models(Path(directory))
        served.stop()
        served.start()  # with the champion judging, so that there are weeks of what it foretold
        open_past(served, key, days=_PAST_DAYS)
        pages = {"models": "/console/models", "model": f"/console/models/{candidate}",
                 "champion": f"/console/models/{champion}"}  # fmt: skip
        shoot(served, Path(directory), pages, dark=("champion",))
    print(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET}")


def shoot(served: Served, directory: Path, pages: dict[str, str], *, dark: tuple[str, ...]) -> None:
    """Each page at both widths, and some in the dark."""
    make_user(directory, "asha@example.com", "admin")
    looks = [(WIDE, "light", ""), (NARROW, "light", "-narrow")]
    with browser(served.url) as opened:
        opened.sign_in("asha@example.com", PASSWORD)
        for name, path in pages.items():
            for size, scheme, suffix in [*looks, *([(WIDE, "dark", "-dark")] if name in dark else [])]:
                opened.size(*size)
                opened.prefer(scheme)
                opened.open(path)
                opened.one("main")
                opened.settle()
                opened.shoot(TARGET / f"{name}{suffix}.png", height_max=_HEIGHT_MAX)


if __name__ == "__main__":
    main()
