"""Writes a picture of each page at both widths into docs/screenshots: `make screenshots`.

A small shop is opened for it, with the same orders each time.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from console.browser import NARROW, WIDE, browser
from console.shopfront import RING_DEVICE, hang_models, open_shop
from console.visitor import PASSWORD, make_user
from served import Served

TARGET = Path(__file__).parents[2] / "docs" / "screenshots"
ORDER = "ring-4"
PAGES = {
    "overview": "/console", "queue": f"/console/queue?open={ORDER}", "orders": "/console/orders",
    "order": f"/console/orders/{ORDER}", "graph": f"/console/graph?order={ORDER}",
    "entity": f"/console/entities/device/{RING_DEVICE}", "search": "/console/search?q=ring",
    "rules": "/console/rules", "rule": "/console/rules/edit/failed_payment", "rule-new": "/console/rules/edit/new",
    "lists": "/console/lists", "features": "/console/features?q=device", "insights": "/console/insights",
    "insights-scores": "/console/insights/scores", "developers": "/console/developers",
    "sandbox": "/console/developers/sandbox", "settings": "/console/settings",
    "policy": "/console/settings/policy", "keeping": "/console/settings/keeping",
    "users": "/console/settings/users", "account": "/console/account",
}  # fmt: skip
_HEIGHT_MAX = 1_000


def main() -> None:
    """All of them; whatever else lies there goes."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.glob("*.png"):
        old.unlink()
    with tempfile.TemporaryDirectory() as directory, Served(Path(directory)) as served:
        open_shop(served, served.key("ingest", "read", "manage", name="web shop"), ordinary=40, ring=8)
        make_user(Path(directory), "asha@example.com", "admin")
        PAGES["models"], PAGES["model"] = "/console/models", f"/console/models/{hang_models(Path(directory))[1]}"
        with browser(served.url) as opened:
            opened.sign_in("asha@example.com", PASSWORD)
            for name, path in PAGES.items():
                for size, scheme, suffix in ((WIDE, "light", ""), (NARROW, "light", "-narrow")):
                    opened.size(*size)
                    opened.prefer(scheme)
                    opened.open(path)
                    opened.one("main")
                    opened.settle()
                    opened.shoot(TARGET / f"{name}{suffix}.png", height_max=_HEIGHT_MAX)
            opened.size(*WIDE)
            opened.prefer("dark")
            opened.open(PAGES["queue"])
            opened.settle()
            opened.shoot(TARGET / "queue-dark.png", height_max=_HEIGHT_MAX)
    print(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET}")


if __name__ == "__main__":
    main()
