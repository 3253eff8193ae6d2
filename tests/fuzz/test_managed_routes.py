"""What nobody should ask of the management API: every route, with odd ids, queries and bodies, beside another tenant.

Never a 5xx, a redirect or anything but JSON; nothing of the other tenant; what is refused leaves no row in the trail. A
long run over the socket is the same with a larger number: `FUZZ_MANAGED` says how many.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from contract.test_access import MATRIX, OPEN
from contract.two_merchants import House, gets
from fourthwatch.store.changes import AuditTrail

pytestmark = pytest.mark.slow

_COUNT = int(os.environ.get("FUZZ_MANAGED", "300"))
_SECRET = "told-to-b-alone"
_ROUTES = [
    (method, path)
    for (method, path), scope in MATRIX.items()
    if scope != OPEN and path.startswith("/api/v1") and path != "/api/v1/backups"
]
_IDS = (
    "rule_of_b", "list_of_b", "order-b", "user-b", "rule_of_a", "list_of_a", "order-a", "user-a", "ip", "user",
    "203.0.113.9", "current", "0", "1", "-1", "9223372036854775808", "9" * 30, "..%2f..", "%00", "%ff", "'",
    "%F0%9F%98%80", "x" * 2_000, "١", "NaN", "*", "ev_" + "0" * 32,
)  # fmt: skip
_QUERIES = (
    "limit", "cursor", "as_of", "format", "preview", "dry_run", "against", "from", "to", "sort", "count", "q", "entity",
    "order", "by", "force", "action", "thing", "state", "fresh",
)  # fmt: skip
_BODIES: tuple[dict[str, Any], ...] = (
    {"name": "made", "type": "ip", "kind": "block"}, {"value": "198.51.100.7", "expires_at": "2099-01-01"},
    {"csv": "value,reason\n198.51.100.1,x\nnonsense,y\n"}, {"class": "review", "when": "amount > 5", "says": "x"},
    {"rules": [{"name": "a", "class": "block", "when": "amount > 1e9", "says": "s"}], "prior": -15, "note": "n"},
    {"red_above": 70, "decline_above": 94, "costs": {"review_minor": 5}, "four_eyes": True}, {"minutes": 15},
    {"order_id": "order-b", "label": "fraud"}, {"order_id": "order-a", "label": "none"}, {"text": "a note"},
    {"user_id": "user-a", "label": "bad"}, {"name": "f", "text": "amount / 3", "unit": "u"}, {"when": "true"},
    {"event": "createOrder", "body": {"_orderId": "x", "_userId": "u"}}, {"name": "k", "scopes": ["read"]},
    {"url": "https://shop.example.com/x", "types": ["case.opened"]}, {"verdict": "decline"}, {"state": "champion"},
    {"page": "orders", "name": "v", "query": "flag=red"}, {"name": "p@example.com", "role": "analyst"},
    {"receiver": "x"},
)  # fmt: skip
_VALUES = (
    "NaN", "-Infinity", "1e400", "9223372036854775808", "-9223372036854775809", "9" * 400, "-0.0", "0.1", "null",
    "true", "[]", "{}", '""', '" "', '"\\u0000"', '"\\ud800"', '"' + "é" * 300 + '"', "[" * 40 + "]" * 40, '"=cmd|1"',
    '"count(order, by ip, last 99999999999d) > 1"', '"((((((("', '"in_list(ip, \\"list_of_b\\")"', '"1 / 0 > 1"',
    '"matches(user_email, \\"(a+)+$\\")"', '"value\\n\\"unclosed"', '"reason\\nx"', '"9999-12-31T23:59:59Z"', '"-1"',
)  # fmt: skip


@pytest.fixture
def house() -> Iterator[House]:
    made = House.furnished()
    furnish(made)
    yield made
    made.close()


def furnish(house: House) -> None:
    for who, told in (("a", "mine"), ("b", _SECRET)):
        order = {"_orderId": f"order-{who}", "_userId": f"user-{who}", "_deviceId": told}
        rule = {"class": "review", "when": "amount > 20000", "says": told}
        answers = house.ask(who, [
            ("POST", "/event/v1/createOrder", order),
            ("POST", "/api/v1/lists", {"name": f"list_of_{who}", "type": "ip", "says": told}),
            ("POST", f"/api/v1/lists/list_of_{who}/entries", {"value": "203.0.113.9", "reason": told}),
            ("PUT", f"/api/v1/rules/rule_of_{who}", rule), ("POST", "/api/v1/keys", {"name": told, "scopes": ["read"]}),
            ("POST", f"/api/v1/orders/order-{who}/notes", {"text": told}),
        ])  # fmt: skip
        assert all(status < 300 for status, _ in answers), answers


def of_b(house: House) -> list[tuple[int, bytes]]:
    asked = ("lists", "lists/list_of_b/entries", "rule-sets", "policy", "keys", "features", "orders/order-b", "audit")
    return house.ask("b", gets(*(f"/api/v1/{one}" for one in asked)))


def request(chance: Random) -> tuple[str, str, bytes | None]:
    method, path = chance.choice(_ROUTES)
    if chance.random() < 0.05:
        method = chance.choice(("GET", "POST", "PUT", "PATCH", "DELETE"))
    asked = re.sub(r"\{\w+\}", lambda _: chance.choice(_IDS), path)
    if chance.random() < 0.5:
        named = (f"{chance.choice(_QUERIES)}={chance.choice((*_IDS, 'true', '2026-01-01'))}" for _ in range(2))
        asked += "?" + "&".join(named)
    return method, asked.encode("utf-8").decode("latin-1"), body(chance) if method in ("POST", "PUT", "PATCH") else None


def body(chance: Random) -> bytes:
    document = dict(chance.choice(_BODIES))
    which, key = chance.random(), chance.choice(list(document))
    if which < 0.25:
        return json.dumps(document).encode()
    if which < 0.8:
        document[key] = "@"
        return json.dumps(document).replace('"@"', chance.choice(_VALUES), 1).encode()
    raw = json.dumps(document)
    odd = (
        f'{raw[:-1]}, "{key}": 1}}',
        f'{raw[:-1]}, "odd": 1}}',
        raw[: chance.randrange(len(raw))],
        "[]",
        "",
        "\ufeff{}",
    )
    return chance.choice(odd).encode()


def ask_much(house: House, count: int) -> Counter[int]:
    """So many requests of merchant A; what should not be is an assertion."""
    chance, statuses = Random(count), Counter[int]()
    (trail,) = house.ask("a", gets("/api/v1/audit?limit=1"))
    for number in range(count):
        asked = request(chance)
        answer, after = house.ask("a", [asked, *gets("/api/v1/audit?limit=1")])
        status, told = answer
        shown = (number, asked, status, told[:500])
        assert status < 500 or status == 503, shown
        assert not 300 <= status < 400, shown
        assert _SECRET.encode() not in told, shown
        if told and not (status == 200 and "format=csv" in asked[1]):
            json.loads(told)
        if status >= 400:
            assert after == trail, shown
        trail = after
        statuses[status] += 1
    return statuses


def test_odd_requests_are_refused_whole_and_tell_nothing_of_another_tenant(house: House) -> None:
    before = of_b(house)
    statuses = ask_much(house, _COUNT)
    assert of_b(house) == before
    # The run means nothing unless it reached both sides.
    assert sum(statuses[status] for status in (200, 201, 202, 204)) > _COUNT * 0.15, statuses
    assert sum(statuses[status] for status in (400, 404, 405, 409, 422)) > _COUNT * 0.3, statuses


def test_a_build_that_shows_everybody_one_tenants_trail_would_be_noticed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = AuditTrail.page
    monkeypatch.setattr(AuditTrail, "page", lambda self, tenant, *asked, **more: page(self, 3, *asked, **more))
    with pytest.raises(AssertionError):
        ask_much(house, _COUNT)
