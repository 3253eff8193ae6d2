"""What a recorded event is known again by: a key exactly where a server would take each sending for a new event."""

import json

import pytest

from fourthwatch.clock import Millis
from fourthwatch.engine.identity import identity_of
from fourthwatch.events import KINDS
from fourthwatch.wire.decode import decode_event
from fourthwatch.workbench.recording import Recorded
from fourthwatch.workbench.repeats import repeat_key

BODIES = (
    {"_userId": "u-1"}, {"_sessionId": "s-1"}, {"_itemId": "i-1"}, {"_userId": "", "_sessionId": "s-1"},
    {"_userId": 7}, {"_userId": "u-1", "_originTimestamp": "yesterday"}, {"_userId": "u-1", "_originTimestamp": ""},
    {"_userId": "u-1", "_originTimestamp": "1524585600000"}, {"_sessionId": "s-1", "_originTimestamp": 1524585600},
)  # fmt: skip
ORDERED = {"createOrder", "update_order", "transaction"}


@pytest.mark.parametrize("more", [{}, {"_orderId": "o-1"}, {"_orderId": 1}, {"_orderId": ""}], ids=json.dumps)
def test_a_key_is_sent_with_just_what_the_server_would_not_know_again(more: dict[str, object]) -> None:
    looked_at = 0
    for kind in KINDS:
        if kind.name in ORDERED and not more.get("_orderId"):
            continue  # refused
        for given in BODIES:
            body = json.dumps({**given, **more}).encode()
            identity = identity_of(decode_event(body, kind, Millis(1_700_000_000_000), "", keep=frozenset()), None)
            is_known = identity.exact is not None or identity.family != ()
            assert (repeat_key("mark", Recorded(1, kind.name, body)) is None) == is_known, (kind.name, body)
            looked_at += 1
    assert looked_at >= 17 * len(BODIES)


def test_a_key_follows_from_the_file_the_line_and_the_body() -> None:
    body = b'{"_userId": "u-1"}'
    key = repeat_key("mark", Recorded(1, "login", body))
    assert key == repeat_key("mark", Recorded(1, "login", body))
    others = {
        repeat_key("other", Recorded(1, "login", body)),
        repeat_key("mark", Recorded(2, "login", body)),
        repeat_key("mark", Recorded(1, "login", b'{"_userId": "u-2"}')),
    }
    assert len(others | {key}) == 4


@pytest.mark.parametrize("body", [b'{"_userId": "\xff"}', b'{"_userId": }', b"{"])
def test_what_no_server_can_read_has_no_key(body: bytes) -> None:
    assert repeat_key("mark", Recorded(1, "login", body)) is None


def test_an_alias_of_a_kind_is_that_kind() -> None:
    assert repeat_key("mark", Recorded(1, "custom", b'{"_orderId": "o-1"}')) is not None
    assert repeat_key("mark", Recorded(1, "create_order", b'{"_orderId": "o-1"}')) is None
