"""Telling a batch what became of it."""

from fourthwatch.api.intake import settle
from fourthwatch.engine.corridor import Ticket
from fourthwatch.engine.flight import NOBODY
from fourthwatch.errors import Unavailable


def test_one_who_cannot_be_told_keeps_nobody_from_hearing() -> None:
    heard: list[object] = []

    def gone(_outcome: object) -> None:
        raise RuntimeError("its connection is no more")

    outcome = Unavailable("the server is stopping", retry_after_s=1)
    settle([(Ticket(gone), outcome), (NOBODY, outcome), (Ticket(heard.append), outcome)])
    assert heard == [outcome]
