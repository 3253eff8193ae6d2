"""Requests that nobody should send: recorded bodies bent, broken, mixed and grown; equal seeds give equal ones."""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes

import msgspec

from fourthwatch.events import KINDS

_Place = tuple[str | int, ...]

RAZORPAY_PATH = "/v1/thirdwatch/orders"
_SEEDS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "seeds.json").read_text())
_NEO_SEEDS: list[tuple[str, dict[str, Any]]] = [
    ("/neo/v1/addpostbackurl/", {"score_postback": "https://shop.example.com/score", "action_postback":
                                 "https://shop.example.com/action", "url": "https://shop.example.com/"}),
    ("/neo/v1/clientaction", {"order_id": "o-1", "order_timestamp": "1524585600000", "action_type": "approved",
                              "message": "seen by staff"}),
    (RAZORPAY_PATH, {
        "device": {"ip": "203.0.113.9", "session_id": "sess-1", "user-agent": "Mozilla/5.0"},
        "user": {"id": "u-1", "created_at": "1500000000000", "email": "b@example.com", "first_purchase": True},
        "order": {"id": "o-1", "created_at": "1524585600000", "amount": "50000", "currency": "INR", "prepaid": False,
                  "items": [{"id": "sku-1", "title": "USB cable", "amount": "25000", "quantity": 2}],
                  "shipping_address": {"name": "Asha Rao", "line1": "Flat 4B", "city": "Pune", "country": "IN"},
                  "payment": {"method": "cod", "amount": "50000", "currency": "INR"}}}),
]  # fmt: skip
_PLAIN_NAMES = [name for kind in KINDS for name in (kind.name, *kind.aliases)]

_ODD_TEXTS = [
    "", " ", "0", "-1", "--5", "+-5", "1e999", "NaN", "null", "true", "TRUE", "1.0000", "9" * 18, "9" * 40, "\x01",
    "\x7f", "\u200b", "\ufeff", "\u202egnp.exe", "é", "e\u0301", "ß", "İ", "ﬃ", "😀", "👨‍👩‍👧‍👦", "١٢٣", "１２３", "²",
    "\ud800", "\udfff", "\x00", "a\x00b", "%00", "%s%n", "../../etc", "'; DROP TABLE event;--",
    "<script>alert(1)</script>", "${7*7}", "{{7*7}}", "\\", '"', "a:b:c", "::::", "{", "}", "[]", "\r\n", "x" * 255,
    "x" * 256, "x" * 257, "x" * 5_000, "é" * 300, "4111111111111111", "4111 1111 1111 1111", "cvv: 123",
    "5500-0055-5555-5559", "@", "a@b", "@example.com", "a@@example.com", "a+b@gmail.com", "a" * 70 + "@example.com",
    "a@" + "b" * 300, "a@xn--", "a@пример.рф", '"a b"@example.com', "+919812345678", "+", "00", "00000000000", "+1",
    "(020) 7946-0000 ext 9", "p:+44", "+999999999999999999999", "203.0.113.9", "2001:db8::1", "::ffff:203.0.113.9",
    "203.0.113.9, 10.0.0.1", "999.1.1.1", "fe80::1%eth0", "[::1]:80", "0x7f000001", "::", "1524585600000",
    "1524585600", "2018-04-24T16:00:00Z", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00+14:00", "-1524585600000",
    "10000000000000000000000000", "IN", "in", "India", "ZZ", "I", "411001", "_success", "_failed", "_review",
    "_wo_on-hold", "_cash",
]  # fmt: skip
_ODD_NUMBERS: list[Any] = [
    0, -1, 1, 2, 10**11, 10**12, 1524585600000, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1,
    2**64, 10**100, 0.0, -0.0, 0.1, 1.5, 1e-320, 1e22, 1.7e308, float("nan"), float("inf"), float("-inf"),
    99.999999999, -500.5,
]  # fmt: skip
_TOKENS = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\\u0000",
    b"\\ud800", b"1e400", b"NaN", b"-", b"0", b"null", b"true", b'"_userId":"x",', b'"_userId":', b"\xef\xbb\xbf",
    b"\n", b"\t", b"/*", b"9" * 30, b"e",
]  # fmt: skip


class Request(NamedTuple):
    """One request, to be sent to the application or over a socket."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    """Without the key."""
    body: bytes
    with_key: bool
    """Whether it comes with a key that is known."""

    @property
    def is_event(self) -> bool:
        """Whether it goes to one of the twenty kinds."""
        return self.path.startswith("/event/") and self.method == "POST"


class Mutator:
    """An endless row of requests; equal seeds give equal rows."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._bases = [(f"/event/v1/{seed['event']}", seed["body"]) for seed in _SEEDS]
        self._raw = [(path, msgspec.json.encode(body), list(_places(body))) for path, body in self._bases]
        self._neo = [(path, msgspec.json.encode(body), list(_places(body))) for path, body in _NEO_SEEDS]
        self._keys = sorted({str(place[-1]) for _, _, places in self._raw for place in places if place})
        self._kinds: list[tuple[float, Callable[[], tuple[str, bytes]]]] = [
            (0.18, self._fresh), (0.66, self._bent), (0.84, self._broken), (0.95, self._grown), (0.98, self._extreme),
            (1.0, self._noise),
        ]  # fmt: skip

    def __next__(self) -> Request:
        chance = self._random
        if chance.random() < 0.03:
            return self._score()
        roll = chance.random()
        path, body = next(make for bound, make in self._kinds if roll <= bound)()
        headers: list[tuple[str, str]] = [("content-type", "application/json")]
        if chance.random() < 0.05:
            headers.append(("user-agent", "Swagger-Codegen/0.0.1/go"))
        if chance.random() < 0.03:
            headers.append(("idempotency-key", chance.choice(("k1", "k2", "x" * 255, "x" * 256, str(chance.random())))))
        if chance.random() < 0.03:
            headers.append(("content-encoding", chance.choice(("gzip", "deflate", "br", "identity"))))
            if chance.random() < 0.7:
                body = gzip.compress(body, 1, mtime=0)
        query = "return_score=true" if chance.random() < 0.05 else ""
        return Request("POST", path, query, tuple(headers), body, with_key=chance.random() < 0.99)

    def _seed(self) -> tuple[str, bytes, list[_Place]]:
        return self._random.choice(self._neo if self._random.random() < 0.1 else self._raw)

    def _fresh(self) -> tuple[str, bytes]:
        """A sound body with ids and times of its own, so that there is a past for the others to refer to."""
        path, raw, _ = self._seed()
        document: dict[str, Any] = msgspec.json.decode(raw)
        self._renew(document)
        return path, self._written(document)

    def _bent(self) -> tuple[str, bytes]:
        """A recorded body with a few of its parts changed, still JSON for the most part."""
        path, raw, places = self._seed()
        document: dict[str, Any] = msgspec.json.decode(raw)
        if self._random.random() < 0.7:
            self._renew(document)
        for _ in range(self._random.choice((1, 1, 1, 2, 3, 6))):
            self._bend(document, self._random.choice(places))
        if path.startswith("/event/") and self._random.random() < 0.2:
            path = self._any_event_path()
        return path, self._written(document)

    def _broken(self) -> tuple[str, bytes]:
        """A recorded body with a few of its bytes changed."""
        chance = self._random
        path, raw, _ = self._seed()
        body = bytearray(raw)
        for _ in range(chance.choice((1, 1, 2, 5))):
            spot = chance.randrange(len(body) + 1)
            match chance.randrange(6):
                case 0:
                    body[spot : spot + 1] = bytes((chance.randrange(256),))
                case 1:
                    body[spot:spot] = chance.choice(_TOKENS)
                case 2:
                    del body[spot : spot + chance.choice((1, 1, 3, 50))]
                case 3:
                    del body[spot:]
                case 4:
                    body[spot:spot] = body[spot : spot + chance.choice((5, 40, 400))]
                case _:
                    other = chance.choice(self._raw)[1]
                    body[spot:] = other[chance.randrange(len(other)) :]
        return path, bytes(body)

    def _grown(self) -> tuple[str, bytes]:
        """A body made up from the contract's keys and odd values."""
        chance = self._random
        document = {chance.choice(self._keys): self._odd(3) for _ in range(chance.randrange(12))}
        if chance.random() < 0.8:
            document |= {"_userId": self._id("u"), "_orderId": self._id("o")}
        path = chance.choice(self._neo)[0] if chance.random() < 0.1 else self._any_event_path()
        return path, self._written(document)

    def _extreme(self) -> tuple[str, bytes]:
        """Very deep, very wide, very long."""
        chance = self._random
        size = chance.choice((31, 32, 33, 100, 900, 1_000, 5_000, 20_000))
        body = chance.choice(
            (
                b"[" * size + b"]" * size,
                b'{"a":' * size + b"1" + b"}" * size,
                b'{"_userId":"u","_orderId":"o","_customInfo":' + b'{"a":' * size + b"1" + b"}" * size + b"}",
                b'{"_userId":' + b"[" * size + b"]" * size + b',"_userId":"u"}',
                b'{"_userId":"u","_items":[' + b"1," * size + b"1]}",
                b'{"_userId":"u","_amount":' + b"9" * size + b"}",
                b'{"_userId":"u","_orderId":"o","_amount":"' + b"9" * size + b'"}',
                b'{"_userId":"u","_orderId":"o","_userEmail":"' + b"a" * size + b'@example.com"}',
                b'{"_userId":"u",'
                + b",".join(b'"k%d":%d' % (number, number) for number in range(min(size, 5_000)))
                + b"}",
                b'{"_userId":"u","_orderId":"o","_items":['
                + b",".join([b'{"_itemID":"a:b"}'] * min(size, 2_000))
                + b"]}",
                b'{"_userId":"u"' + b" " * size * 20 + b"}",
            )
        )
        return self._any_event_path(), body

    def _noise(self) -> tuple[str, bytes]:
        chance = self._random
        if chance.random() < 0.5:
            return self._any_event_path(), chance.randbytes(chance.choice((0, 1, 2, 10, 100, 2_000)))
        return self._any_event_path(), b"".join(chance.choices(_TOKENS, k=chance.randrange(1, 20)))

    def _score(self) -> Request:
        chance = self._random
        path = chance.choice(("/neo/v1/score", "/v1/get/score", "/event/v1/get/score", "/neo/v1/score/"))
        said = quote_from_bytes(self._text().encode("utf-8", "surrogatepass"))
        fields = [f"order_id={said}"] * chance.choice((0, 1, 1, 1, 2, 30))
        if chance.random() < 0.5:
            fields = [f"order_id={self._id('o')}"]
        return Request("GET", path, "&".join(fields), (), b"", with_key=chance.random() < 0.95)

    def _bend(self, document: Any, place: _Place) -> None:
        """Change the value at a place of the document, if it is still there."""
        inside = document
        for step in place[:-1]:
            try:
                inside = inside[step]
            except (KeyError, IndexError, TypeError):
                return
        if not place or not isinstance(inside, dict | list):
            return
        step, chance = place[-1], self._random
        if isinstance(inside, list):
            if isinstance(step, int) and step < len(inside):
                inside[step] = [self._odd(2), [inside[step]], None][chance.randrange(3)]
            return
        key = str(step)
        match chance.randrange(8):
            case 0:
                inside.pop(key, None)
            case 1:
                other = key.swapcase() if chance.random() < 0.5 else key + chance.choice(("", "s", " ", "\x00", "é"))
                inside[other] = inside.pop(key, 1)
            case 2:
                inside[key] = {key: inside.get(key)}
            case 3:
                inside[key] = [inside.get(key)] * chance.choice((0, 1, 2, 50))
            case 4:
                inside[self._text()] = self._odd(2)
            case _:
                inside[key] = self._odd(3)

    def _renew(self, document: dict[str, Any]) -> None:
        chance = self._random
        for key, prefix in (("_orderId", "o"), ("_userId", "u"), ("_sessionId", "s"), ("order_id", "o")):
            if key in document:
                document[key] = self._id(prefix)
        if "_originTimestamp" in document:
            document["_originTimestamp"] = str(1_524_585_600_000 + chance.randrange(10**9))
        if isinstance(document.get("order"), dict):
            document["order"]["id"] = self._id("o")

    def _id(self, prefix: str) -> str:
        return f"{prefix}-{self._random.randrange(3_000)}"

    def _any_event_path(self) -> str:
        base = self._random.choice(("/event/v1/", "/event/v1/", "/event/event/v1/", "/event/event/"))
        return base + self._random.choice(_PLAIN_NAMES) + self._random.choice(("", "", "/"))

    def _text(self) -> str:
        return self._random.choice(_ODD_TEXTS)

    def _odd(self, depth: int) -> Any:
        chance = self._random
        roll = chance.random() * (1.0 if depth else 0.7)
        if roll < 0.45:
            return self._text()
        if roll < 0.6:
            return chance.choice(_ODD_NUMBERS)
        if roll < 0.7:
            return chance.choice((None, True, False))
        if roll < 0.82:
            return [self._odd(depth - 1) for _ in range(chance.choice((0, 1, 2, 4)))]
        keys = chance.choices(self._keys, k=chance.choice((0, 1, 2, 4)))
        return {key: self._odd(depth - 1) for key in keys}

    def _written(self, document: Any) -> bytes:
        """As JSON in one of the clients' styles; lone surrogates become escapes or, now and then, their bytes."""
        chance = self._random
        if chance.random() < 0.5:
            return json.dumps(document).encode()
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogatepass")


def _places(value: Any, place: _Place = ()) -> list[_Place]:
    """Where every value of a document stands."""
    found: list[_Place] = [place]
    steps: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        found += _places(inner, (*place, step))
    return found
