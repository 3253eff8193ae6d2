"""The compiled look over a body raises every doubt that its specification raises, and none over ordinary bodies."""

import json
from pathlib import Path
from random import Random

import pytest

from fourthwatch.limits import JSON_DEPTH_MAX
from fourthwatch.wire.masking import mask
from fourthwatch.wire.scan import (
    CARD,
    COLONS_FROM,
    COMPILED,
    EMPTY,
    SHAPE,
    colons,
    may_hold_card_data,
    may_hold_nothing,
    scan,
    specified,
)

_FRAGMENTS = (
    *('"', '""', ":", ",", "{", "}", "[", "]", " ", "\n", "-", ".", "/", "_", "+", "\\", "\\\\", '\\"', "\\/", "%"),
    *("0", "1", "4", "8", "9", "4111", "4111111111111111", "411111111111", "5500 0055 5555 5559", "1764000000000"),
    *("4111:1111:1111:1111", "5500*0055*5555*5559", "4111%1111%", "1111%1111", ":1111", "*1111", "2:"),
    *("2.5e3", "4e15", "1E+9", "a3e5", "3e5,", "e", "E+", "null", "nu", "n", "NULL", "true"),
    *("cvv", "CVV2", "cvc", "c-v-v", "csc", "cav", "cvn", "cvd", "card", "cardcode", "card verification code", "cas"),
    *("securitycode", "security code", "verification value", "application", "verifi", "cation", "c", "v", "s", "a"),
    *('"_cvvResponseCode":"M"', '"_cvvResponseCode": "",', '"_cvvResponseCode":12}', '"_cvvResponseCode":"123",'),
    *('\\"_cvvResponseCode":"M",', '"_CVVResponseCode":"M",', '"_cvvResponseCode":1234,', "_cvvResponseCode"),
    *("\\u0034", "\\u00e9", "\\u003a", "\\u0000", "\\u0664", "\\ud835", "\\udfce", "\\u12", "\\uzzzz"),
    *("\\n4", "\\t", "\\b"),
    *("%34", "%E2%80%8B", "%zz", "é", "ß", "ü", "\u0664", "\u00a0", "\u200b", "\U0001d7ce", "न", "漢", "\u00b7"),
    *("NDExMTExMTExMTExMTExMQ==", "MTIz", "NDEx", "K", "ICIg", "0" * 12, "0" * 19, "7" * 30, "x" * 20),
)  # fmt: skip


def soup(random: Random) -> bytes:
    """Pieces that mean something to one rule or another, thrown together; JSON or not."""
    return "".join(random.choices(_FRAGMENTS, k=random.randint(1, 12))).encode("utf-8", "surrogatepass")


def test_the_look_is_compiled_where_the_tests_run() -> None:
    assert COMPILED


def test_the_bound_of_brackets_is_that_of_the_limits() -> None:
    from fourthwatch.wire import _scan

    assert _scan.BRACKETS_MAX == JSON_DEPTH_MAX


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_no_doubt_of_the_specification_is_left_out(seed: int) -> None:
    random = Random(seed)
    for _ in range(2_000):
        body = soup(random)
        found, wanted = scan(body), specified(body)
        assert found >> COLONS_FROM == wanted >> COLONS_FROM == colons(body)
        assert may_hold_nothing(body) == (wanted & EMPTY != 0), body
        assert wanted & ~found & (CARD | EMPTY | SHAPE) == 0, body


@pytest.mark.parametrize("seed", range(5))
def test_broken_utf8_is_read_to_its_end_and_no_further(seed: int) -> None:
    random = Random(seed)
    for _ in range(1_000):
        body = bytearray(soup(random))
        for _ in range(3):
            body.insert(random.randint(0, len(body)), random.randint(0x80, 0xFF))
        whole = bytes(body)
        assert specified(whole) & ~scan(whole) & (CARD | EMPTY | SHAPE) == 0, whole


def test_every_prefix_of_a_body_is_looked_at_within_its_end() -> None:
    body = b'{"cvv":"card verification","a":"\\u00e9\\n %41 MTIzMTIzMTIz null","_cvvResponseCode":"M","b":4e1}'
    for size in range(len(body) + 1):
        assert specified(body[:size]) & ~scan(body[:size]) & (CARD | EMPTY | SHAPE) == 0, body[:size]
        assert may_hold_nothing(body[:size]) == (specified(body[:size]) & EMPTY != 0), body[:size]


def test_ordinary_orders_raise_no_doubt() -> None:
    order = {
        "_orderId": "o-1", "_originTimestamp": "1764000000000", "_phone": "+917000012345",
        "_userEmail": "a.b7@example.com",
        "_paymentMethods": [{"_cardBin": "411111", "_cardLast4": "1111",
                             "_cvvResponseCode": "M", "_paymentType": "_cash"}],
        "_shippingAddress": {"_address1": "12, Straße des Cafés", "_city": "मुंबई", "_zipcode": "400001"},
        "_orderReferrer": "https://www.example.com/spring?from=newsletter",
        "_customInfo": {"case": "a3e5", "scroll": 0.8},
    }  # fmt: skip
    for body in (json.dumps(order), json.dumps(order, ensure_ascii=False), json.dumps(order, separators=(",", ":"))):
        assert scan(body.encode()) & (CARD | EMPTY | SHAPE) == 0, body
    php = json.dumps(order).replace("/", "\\/")
    assert scan(php.encode()) & (CARD | EMPTY | SHAPE) == 0


def test_ids_of_shops_raise_no_doubt_unless_they_are_card_numbers_by_their_check_digit() -> None:
    random = Random(11)
    raised = 0
    for _ in range(2_000):
        digits = random.randint(12, 22)
        ids = {
            "_orderId": f"ord-5{random.randrange(10**3):03d}-11-28-{random.randrange(10**8):08d}",
            "_itemId": f"4{random.randrange(10**digits):0{digits}d}",
            "_own": 5 * 10**12 + random.randrange(10**12),
        }
        body = json.dumps(ids).encode()
        is_card = mask(ids)[1] != []
        assert may_hold_card_data(body) == is_card, body
        raised += scan(body) & CARD
    assert raised < 700  # of 2,000: one in ten for each of three ids, whatever their scheme


@pytest.mark.parametrize("seed", range(5))
def test_of_digits_and_separators_no_doubt_of_the_specification_is_left_out_and_it_leaves_out_no_card(
    seed: int,
) -> None:
    random = Random(seed)
    for _ in range(2_000):
        pieces = random.choices(("4111111111111111", "5500005555555559", "4", "37", "6011", "123", "00", "9"), k=9)
        text = "".join(piece + random.choice(("", "", " ", "-", ".", "x", "é", "नः", "/", '"')) for piece in pieces)
        for body in (json.dumps([text]).encode(), json.dumps([text], ensure_ascii=False).encode()):
            assert specified(body) & ~scan(body) & CARD == 0, body
            assert specified(body) & CARD or not mask([text])[1], body


def test_a_number_that_is_rounded_to_that_of_a_card_raises_a_doubt() -> None:
    body = b'{"_a":4111111111111110.9999}'
    assert mask(json.loads(body))[1]
    assert scan(body) & specified(body) & CARD


def test_nine_in_ten_recorded_requests_raise_no_doubt_that_the_specification_has_not() -> None:
    recorded = json.loads((Path(__file__).parents[1] / "contract" / "recorded_requests.json").read_text())
    bodies = [one["body_raw"].encode() for one in recorded if one.get("body_raw")]
    alike = sum(scan(body) == specified(body) for body in bodies)
    assert len(bodies) >= 20
    assert alike >= 0.9 * len(bodies)


def test_only_bytes_are_looked_at() -> None:
    with pytest.raises(TypeError):
        scan("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        colons(bytearray(b":"))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        may_hold_nothing("text")  # type: ignore[arg-type]
