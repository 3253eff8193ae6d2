"""Which pages there are to go to, in which order, and where one is."""

import msgspec

from fourthwatch.console.visit import Visit


class Place(msgspec.Struct, frozen=True):
    """One line of the navigation."""

    title: str
    href: str
    icon: str
    is_here: bool


_GROUPS: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "Work",
        (
            ("Overview", "/console", "overview", "viewer"),
            ("Review queue", "/console/queue", "queue", "viewer"),
            ("Orders", "/console/orders", "orders", "viewer"),
            ("Search", "/console/search", "search", "viewer"),
        ),
    ),
    (
        "Policy",
        (
            ("Rules", "/console/rules", "rules", "viewer"),
            ("Lists", "/console/lists", "lists", "viewer"),
            ("Features", "/console/features", "features", "viewer"),
            ("Models", "/console/models", "models", "viewer"),
        ),
    ),
    ("Results", (("Insights", "/console/insights", "insights", "viewer"),)),
    (
        "System",
        (
            ("Developers", "/console/developers", "developers", "viewer"),
            ("Settings", "/console/settings", "settings", "manager"),
        ),
    ),
)


def navigation(visit: Visit) -> list[tuple[str, list[Place]]]:
    """Groups of places that the user may go to; the page's own, or the one that it belongs to, is marked."""
    path = visit.request.url.path.rstrip("/")
    groups = []
    for title, rows in _GROUPS:
        places = [
            Place(name, href, icon, path == href or (href != "/console" and path.startswith(href + "/")))
            for name, href, icon, role in rows
            if visit.may(role)
        ]
        if places:
            groups.append((title, places))
    return groups
