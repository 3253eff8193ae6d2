"""The console's own table of pages, for tests that have to go to each; what is no page is named, with the reason."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.routing import compile_path

from fourthwatch.clock import SystemClock
from fourthwatch.console.app import Console
from fourthwatch.store.users import UserStore

NO_PAGES = {
    "/signed-in": "leads on to another page",
    "/users/{value:path}": "leads on to another page",
    "/export/{value:path}": "a file",
    "/models/{model_id}/pictures/{number}": "a drawing, shown by the page of the model",
    "/presence/{order_id:path}": "a piece that the page of an order loads",
    "/history/{order_id:path}": "a piece that the page of an order loads",
    "/why/{event_id}": "a piece that the page of an order loads",
}
"""What a GET of the table answers with that is no page of its own, and why not."""


async def _nobody(*_: Any) -> Any:
    raise AssertionError("the table is only looked at")


def paths_of_pages(directory: Path) -> list[str]:
    """The path below `/console` of everything that a browser can open, in the order of the table."""
    users = UserStore(directory, SystemClock())
    try:
        table = Console(users, _nobody, SystemClock()).pages
        return [page.path for page in table if page.method == "GET"]
    finally:
        users.close()


def not_gone_to(table: Iterable[str], gone_to: Iterable[str]) -> set[str]:
    """Rows of the table that none of these addresses leads to; the first row that fits answers, as in the router."""
    patterns = [(path, compile_path("/console" + path)[0]) for path in table]
    seen = set()
    for address in gone_to:
        path = unquote(address.partition("?")[0])
        seen |= {next((row for row, pattern in patterns if pattern.match(path)), "")}
    return {row for row, _ in patterns} - seen - set(NO_PAGES)
