"""Several decisions taken back at once, where the API refuses some of them."""

import asyncio
import json
from pathlib import Path
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from fourthwatch.clock import SystemClock
from fourthwatch.console.deciding import Deciding
from fourthwatch.console.looks import Looks, Statics
from fourthwatch.console.notices import Notice, notice_of
from fourthwatch.console.passing import Passing
from fourthwatch.console.visit import Form, Visit
from fourthwatch.store.users import FIRST_TENANT, Session, UserStore

Answer = tuple[int, dict[str, str], bytes]


class Desk:
    """One person, and an API that does not know some orders."""

    def __init__(self, directory: Path, unknown: set[str]) -> None:
        self.clock = SystemClock()
        self.users = UserStore(directory, self.clock)
        self.user = self.users.add(FIRST_TENANT, "asha@example.com", "analyst")
        self.passing = Passing(self.clock)
        self.deciding = Deciding(Looks(Statics(), self.clock), self.passing, self.users)
        self.unknown = unknown
        self.held: list[str] = []

    async def answer(
        self, _tenant: int, _actor: str, _method: str, path: str, _body: bytes | None, _headers: dict[str, str]
    ) -> Answer:
        order_id = unquote(path.split("/")[-2])
        if order_id in self.unknown:
            return 404, {}, json.dumps({"detail": "there is no order with this id"}).encode()
        self.held.append(order_id)
        return 200, {}, b"{}"

    def undo(self, batch: str) -> Notice:
        """What is said when a batch is taken back."""
        session = Session(hash=b"", user=self.user, created_ms=self.user.created_ms, seen_ms=self.user.created_ms)
        visit = Visit(Request({"type": "http", "headers": []}), session, "", self.answer)
        visit.form = Form((("undo", batch),))
        notice = notice_of(_following(asyncio.run(self.deciding.undo(visit))))
        assert notice is not None
        return notice


def _following(response: Response) -> Request:
    """What the browser asks next, with the cookie that it was given."""
    cookie = response.headers["set-cookie"].partition(";")[0]
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


def test_one_order_that_cannot_be_taken_back_stops_no_other_and_is_told_with_the_reason(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {"o-1"})
    said = desk.undo(desk.passing.remember(desk.user, ["o-1", "o-2", "o-3"]))
    assert desk.held == ["o-2", "o-3"]
    assert said.text == (
        "Taken back: 2 orders back in the queue. 1 could not be: o-1 (there is no order with this id)"
    )  # fmt: skip
    assert said.tone == "warn"
    desk.unknown.clear()
    again = desk.undo(said.undo_value)
    assert (desk.held, again.text) == (["o-2", "o-3", "o-1"], "Taken back: 1 order back in the queue.")
    assert (again.tone, again.undo) == ("good", "")
    desk.users.close()
