"""The compiled look takes in 64 bytes at once: no doubt of the specification is lost where two such words meet."""

import json
from base64 import b64encode
from collections.abc import Callable
from random import Random

import pytest

from fourthwatch.wire.card_numbers import EVEN_SEPARATORS, SEPARATORS, has_check_digit
from fourthwatch.wire.scan import CARD, COLONS_FROM, EMPTY, SHAPE, scan, specified

_WORD = 64
_SCHEMES = (
    *(("4", 13), ("4", 16), ("4", 19), ("51", 16), ("2221", 16), ("34", 15), ("37", 15), ("305", 14), ("36", 19)),
    *(("3528", 16), ("6011", 17), ("65", 18), ("62", 19), ("8171", 16), ("5018", 13), ("6304", 14), ("508500", 16)),
    *(("817200", 16), ("2200", 16), ("506099", 18), ("509000", 16), ("606282", 13), ("5019", 16)),
)
_ORDINARY = json.dumps(
    {
        "_orderId": "ord-5012-11-28", "_originTimestamp": "1764000000000", "_phone": "+917000012345",
        "_customInfo": {"channel": "web", "basket": {"age_s": 340, "changed": True}, "case": "a3e5"},
        "_paymentMethods": [{"_cardBin": "411111", "_cardLast4": "1111", "_cvvResponseCode": "M", "_x": "SKU-17"}],
        "_description": "Sold and shipped by the seller, returns within ten days, one year of warranty.",
        "_currencyCode": "INR", "_price": "799.00", "_manufacturer": "Unbranded", "_at": "2026-11-28T10:04:05Z",
    },
    separators=(",", ":"),
).encode()  # fmt: skip
_FILLERS = (_ORDINARY, json.dumps(json.loads(_ORDINARY), indent=4).encode(), b"x" * 512, b" " * 512, "न".encode() * 170)
_BYTES = b"0123456789" * 3 + SEPARATORS.encode() * 2 + b'\\\\"":*%,ceEvsauCnul{[ IMTx\x00\x80\xe0\xff'


def _card(random: Random) -> str:
    prefix, length = random.choice(_SCHEMES)
    digits = prefix + "".join(random.choices("0123456789", k=length - 1 - len(prefix)))
    return digits + next(last for last in "0123456789" if has_check_digit(digits + last))


def _parted(random: Random) -> str:
    between: str = random.choice(("", " ", "-", *SEPARATORS, "\\", '"', "--  ", "\\/"))
    size = random.choice((1, 3, 4, 4, 4, 6))
    digits = _card(random)
    return between.join(digits[at : at + size] for at in range(0, len(digits), size))


def _even(random: Random) -> str:
    return random.choice(EVEN_SEPARATORS).join(("4111", "1111", "1111", "1111"))


def _escaped(random: Random) -> str:
    written = random.choice(("\\u{:04x}", "\\u{:04X}", "%{:02x}"))
    return "".join(written.format(ord(digit)) if random.random() < 0.3 else digit for digit in _card(random))


def _behind_an_escape(random: Random) -> str:
    before = random.choice(("\\u00e9", "\\u0939", "\\u5609", "\\uABCD", "\\u12", "\\n", "\\/", "\\\\u0939"))
    return before + random.choice((_card(random), _card(random)[:9] + ".5", _card(random)[:13] + ".5"))


def _base64(random: Random) -> str:
    return b64encode(("x" * random.randint(0, 2) + _parted(random)).encode()).decode()


def _word(random: Random) -> str:
    word = random.choice(("cvv", "cvc", "cvn", "cvd", "csc", "cav", "card code", "card cvv", "security code"))
    word = random.choice((word, word, word, "card verification code", "verification value", "card-cid"))
    between = random.choice(("", "", "", *SEPARATORS))
    return random.choice((str.lower, str.upper, str.title))(between.join(word))


def _other(random: Random) -> str:
    return random.choice(
        (
            *('""', '""', "null", "null", "4e15", "2.5E+9,", "4e1 ", "[" * 33, "{" * 33, "9" * 19, "1" * 18),
            *('"_cvvResponseCode":"M",', '"_cvvResponseCode":"123",', '\\"_cvvResponseCode":"M",', "%41", "%zz"),
            *("\\u0034", "\\u0000", "\\u1", "\u0664", "\u200b", "\U0001d7ce", "न"),
        )
    )  # fmt: skip


_KINDS: tuple[Callable[[Random], str], ...] = (
    *(_card, _parted, _even, _escaped, _behind_an_escape, _base64, _word, _other),
)


def _mutated(random: Random) -> bytes:
    """A body in which something lies across an edge between words, with up to three bytes changed near it."""
    piece = random.choice(_KINDS)(random).encode()
    start = max(0, random.randint(1, 4) * _WORD + random.randint(-1, 1) - random.randint(0, len(piece)))
    filler = random.choice(_FILLERS)
    body = bytearray(filler[:start] + piece + filler[start : random.randint(start, len(filler))])
    for _ in range(random.choice((0, 0, 1, 2, 3))):
        at = min(len(body) - 1, max(0, start + random.randint(-2, len(piece) + 1)))
        body[at : at + random.randint(0, 1)] = random.choices(_BYTES, k=random.randint(0, 1))
        body += b"x"
    return bytes(body)


@pytest.mark.parametrize("seed", range(20))
def test_what_lies_across_an_edge_raises_every_doubt_of_the_specification(seed: int) -> None:
    random = Random(seed)
    raised = {CARD: 0, EMPTY: 0, SHAPE: 0}
    for _ in range(1_000):
        body = _mutated(random)
        found, wanted = scan(body), specified(body)
        assert found >> COLONS_FROM == wanted >> COLONS_FROM, body
        assert wanted & ~found & (CARD | EMPTY | SHAPE) == 0, body
        for doubt in raised:
            raised[doubt] += wanted & doubt != 0
    assert raised[CARD] > 400
    assert raised[EMPTY] > 5
    assert raised[SHAPE] > 40


@pytest.mark.parametrize("kind", _KINDS)
def test_it_raises_them_wherever_it_lies(kind: Callable[[Random], str]) -> None:
    random = Random(1)
    for start in range(2 * _WORD + 2):
        piece = kind(random).encode()
        for body in (_ORDINARY[:start] + piece, b" " * start + piece + b"x" * random.randint(0, _WORD)):
            assert specified(body) & ~scan(body) & (CARD | EMPTY | SHAPE) == 0, body


@pytest.mark.parametrize("body", [b'"\\u4234123456789.5"', b'"\\/3497475689788.7"'])
def test_a_number_may_be_rounded_though_an_escape_ends_within_or_before_it(body: bytes) -> None:
    assert specified(body) & scan(body) & CARD


def test_an_ordinary_body_raises_none_wherever_its_words_end() -> None:
    for blanks in range(_WORD + 1):
        for size in range(0, len(_ORDINARY), 7):
            body = b" " * blanks + _ORDINARY[:size]
            assert scan(body) == specified(body), body
        body = b"x" * blanks + _ORDINARY
        assert scan(body) == specified(body) == _ORDINARY.count(b":") << COLONS_FROM
