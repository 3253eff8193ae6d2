"""Planted card numbers and verification values do not survive masking, and ordinary orders pass untouched.

The numbers planted here are invented: a scheme's prefix, random digits, a right check digit; or well-known
test numbers of payment providers.
"""

import base64
import copy
import json
import random
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourthwatch.limits import MASKING_WORK_MAX, TEXT_ID_MAX, WARNINGS_MAX
from fourthwatch.wire.masking import Masked, Work, is_card_number, mask, mask_text, may_hold_card_data

VISA = "4111111111111111"
TEST_NUMBERS = (
    VISA,
    "4222222222222",
    "5500005555555559",
    "2223003122003222",
    "378282246310005",
    "36148900647913",
    "30569309025904",
    "3530111333300000",
    "6011111111111117",
    "6200000000000005",
    "6759649826438453",
    "2200000000000004",
    "4111110000000000008",
    "6062826786276634",
    "6375991234567893",
    "5019717010103742",
    "5041751234567897",
)


def order() -> dict[str, object]:
    """An order as the contract's clients send it, with the digits they send."""
    address = {"_name": "Asha Rao", "_phone": "+919812345678", "_city": "Näher Straße", "_zipcode": "411001"}
    seller = {"_sellerId": "s-9", "_phone": "+912222222222", "_createdDate": "1500000000000"}
    return {
        "_userId": "user-1001",
        "_sessionId": "550e8400-e29b-41d4-a716-446655440000",
        "_orderId": "ord-5001",
        "_deviceIp": "203.0.113.24",
        "_originTimestamp": "1524585600000",
        "_userEmail": "buyer@example.com",
        "_amount": "500",
        "_orderReferrer": "https://shop.example.com/p/2024/05/12/usb-cable?ref=home",
        "_isGift": True,
        "_billingAddress": address,
        "_paymentMethods": [
            {
                "_paymentType": "_creditCard",
                "_cardBin": "411111",
                "_cardLast4": "1111",
                "_cvvResponseCode": "M",
                "_avsResponseCode": "Y",
                "_cardExpiryYear": "2030",
            }
        ],
        "_items": [
            {
                "_itemId": "sku-1",
                "_price": 250.5,
                "_upc": "012345678905",
                "_isbn": "9780000000002",
                "_tags": "usb,cable",
                "_quantity": 2,
                "_seller": seller,
            }
        ],
        "_customInfo": {},
    }


def bodies(document: object) -> tuple[bytes, bytes]:
    return json.dumps(document).encode(), json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


def with_check_digit(digits: str) -> str:
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


PREFIXES = (
    *(
        ("4", 16),
        ("4", 13),
        ("4", 19),
        ("51", 16),
        ("55", 16),
        ("2221", 16),
        ("2720", 16),
        ("34", 15),
        ("37", 15),
    ),
    *(("36", 14), ("3001", 14), ("38", 16), ("3530", 16), ("6011", 16), ("645", 16), ("65", 19), ("62", 17)),
    *(
        ("6759", 13),
        ("5018", 18),
        ("508501", 16),
        ("607001", 16),
        ("818000", 16),
        ("2204", 16),
        ("506100", 18),
    ),
)


def card_number(chance: random.Random) -> str:
    prefix, length = chance.choice(PREFIXES)
    return with_check_digit(prefix + "".join(chance.choices("0123456789", k=length - 1 - len(prefix))))


SEPARATORS = (" ", "-", ".", "/", "_", "\u00a0", "\u200b", "\u2009", "\u2013", "\t", "\n", " - ", "\ufeff")
SCRIPTS = (
    "0123456789",
    "٠١٢٣٤٥٦٧٨٩",
    "०१२३४५६७८९",
    "０１２３４５６７８９",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "⓪①②③④⑤⑥⑦⑧⑨",
)


def split(number: str, chance: random.Random) -> str:
    separator = chance.choice(SEPARATORS)
    size = chance.choice((1, 2, 4, 5))
    return separator.join(number[place : place + size] for place in range(0, len(number), size))


def evenly(number: str, _: random.Random) -> str:
    """In fours with colons between them, which of other lengths is no spelling of a number."""
    return ":".join(number[place : place + 4] for place in range(0, 16, 4)) if len(number) == 16 else number


def in_script(number: str, chance: random.Random) -> str:
    return number.translate(dict(zip(range(48, 58), chance.choice(SCRIPTS), strict=True)))


def in_base64(number: str, chance: random.Random) -> str:
    before = "".join(chance.choices('abc:{"?>ÿ', k=chance.randrange(4)))
    raw = f"{before}{number}{chance.choice(['', '}', ' ok'])}".encode("latin-1")
    coded = chance.choice((base64.b64encode, base64.urlsafe_b64encode))(raw).decode()
    return chance.choice((coded, coded.rstrip("=")))


SPELLINGS: tuple[Callable[[str, random.Random], object], ...] = (
    lambda number, _: number,
    lambda number, _: int(number),
    lambda number, _: float(number) if len(number) <= 15 else int(number),
    split,
    in_script,
    lambda number, chance: split(in_script(number, chance), chance),
    in_base64,
    lambda number, chance: f"paid by {split(number, chance)} 12/30, thanks",
    lambda number, chance: f"card:{number};",
    lambda number, chance: json.dumps({"card": split(in_script(number, chance), chance)}),
    lambda number, chance: json.dumps({"a": json.dumps({"card": split(number, chance)})}),
    lambda number, chance: json.dumps({"card": split(number, chance)}).replace("/", "\\/"),
    lambda number, chance: "q=1&card=" + quote(split(in_script(number, chance), chance)),
    lambda number, chance: "q=" + quote(quote(split(number, chance))),
    lambda number, chance: "".join(f"%{ord(char):02X}" for char in number),
    lambda number, chance: {number: "by key"},
    evenly,
    lambda number, chance: f"pan {evenly(in_script(number, chance), chance)}, thanks",
    lambda number, chance: [1, {"deep": [[split(number, chance)]]}],
)


def plant(document: object, value: object, chance: random.Random) -> None:
    """Puts `value` in a random field of `document`, over what stands there or as a new one."""
    node = document
    while True:
        if isinstance(node, dict):
            key = chance.choice([*node, "_note"])
            inner = node.get(key)
            if not (isinstance(inner, dict | list) and inner):
                node[key] = value
                return
            node = inner
        elif isinstance(node, list):
            place = chance.randrange(len(node))
            if not isinstance(node[place], dict | list):
                node[place] = value
                return
            node = node[place]


def digits_of(text: str) -> str:
    """All digits of `text` in ASCII, whatever stands between them; base64 and URL escapes resolved first."""
    text = re.sub(r"(?:%(?:25)*[0-9a-fA-F]{2})+", _octets, text)
    return "".join(str(int(char)) if char.isdecimal() else _digit(char) for char in text)


def _octets(match: re.Match[str]) -> str:
    return bytes.fromhex(re.sub("%(?:25)*", "", match[0])).decode("utf-8", "replace")


def _digit(char: str) -> str:
    for script in SCRIPTS:
        if char in script:
            return str(script.index(char))
    return "*" if char == "*" else ""


def decoded_base64(text: str) -> str:
    decoded = ""
    for run in re.findall(r"[A-Za-z0-9+/_-]{18,}", text):
        coded = run.replace("+", "-").replace("/", "_")
        coded = coded[:-1] if len(coded) % 4 == 1 else coded
        decoded += base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode("latin-1")
    return decoded


def texts_of(node: object) -> list[str]:
    if isinstance(node, dict):
        return [text for key, value in node.items() for text in (str(key), *texts_of(value))]
    if isinstance(node, list):
        return [text for value in node for text in texts_of(value)]
    return [str(node)]


def holds(document: object, number: str) -> bool:
    """Whether `number` can still be read anywhere in `document`, by an independent and greedier reading."""
    body, utf8 = bodies(document)
    if number.encode() in body or number.encode() in utf8:
        return True
    return any(
        number in digits_of(reading)
        for text in texts_of(document)
        for reading in (text, unescaped_json(text), decoded_base64(text))
    )


def unescaped_json(text: str) -> str:
    """`text` with the escapes of JSON within it resolved."""
    if "\\u" not in text:
        return text
    units = re.sub(r"\\+u([0-9a-f]{4})", lambda escape: chr(int(escape[1], 16)), text)
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# Card numbers.


@pytest.mark.parametrize("number", TEST_NUMBERS)
def test_a_card_number_keeps_its_first_six_and_last_four_digits(number: str) -> None:
    stars = "*" * (len(number) - 10)
    assert mask({"_note": number}) == (
        {"_note": f"{number[:6]}{stars}{number[-4:]}"},
        [Masked("/_note", "card_number_masked")],
    )


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4111 1111 1111 1111 12/30", "4111 11** **** 1111 12/30"),
        ("paid by 4111-1111-1111-1111.", "paid by 4111-11**-****-1111."),
        ("4111.1111.1111.1111", "4111.11**.****.1111"),
        ("4111/1111/1111/1111", "4111/11**/****/1111"),
        ("4111_1111_1111_1111", "4111_11**_****_1111"),
        ("4111\u00a01111\u200b1111 \u2013 1111", "4111\u00a011**\u200b**** \u2013 1111"),
        ("x4111111111111111y", "x411111******1111y"),
        ("card4111111111111111x", "card411111******1111x"),
        ("4111:1111:1111:1111", "4111:11**:****:1111"),
        ("card:4111:1111:1111:1111:12/30", "card:4111:11**:****:1111:12/30"),
        ("4111*1111*1111*1111.", "4111*11********1111."),
        ("2223:0031:2200:3222", "2223:00**:****:3222"),
        ("no 5500%0055%5555%5559", "no 5500%00**%****%5559"),
        ("４１１１:１１１１:１１１１:１１１１", "４１１１:１１**:****:１１１１"),
        (r'{"n":"4111\u003a1111\u003a1111\u003a1111"}', r'{"n":"4111\u003a11**\u003a****\u003a1111"}'),
        ("a 4111111111111111 b 378282246310005 c", "a 411111******1111 b 378282*****0005 c"),
        ("４１１１１１１１１１１１１１１１", "４１１１１１******１１１１"),
        ("4111%201111%201111%201111", "4111%2011**%20****%201111"),
        ("%34%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31", "%34%31%31%31%31%31******%31%31%31%31"),
        (r'{"n":"\u0034111111111111111"}', r'{"n":"\u003411111******1111"}'),
        ("NDExMTExMTExMTExMTExMQ==", base64.b64encode(b"411111******1111").decode()),
        ("user-NDExMTExMTExMTExMTExMQ", "user-" + base64.b64encode(b"411111******1111").decode().rstrip("=")),
    ],
)
def test_a_card_number_is_found_however_it_is_spelled(text: str, masked: str) -> None:
    assert mask_text(text) == masked
    assert all(may_hold_card_data(body) for body in bodies({"_note": text}))


@pytest.mark.parametrize("value", [4111111111111111, -4111111111111111, 4111111111111111.0])
def test_a_card_number_sent_as_a_json_number_becomes_a_masked_text(value: float) -> None:
    masked, found = mask([value])
    assert masked == [("-" if value < 0 else "") + "411111******1111"]
    assert found == [Masked("/0", "card_number_masked")]
    assert may_hold_card_data(json.dumps([value]).encode())


def test_a_number_written_with_an_exponent_is_suspected() -> None:
    assert mask([4.2e15])[1] == [Masked("/0", "card_number_masked")]
    assert may_hold_card_data(b'{"_amount": 4.2E+15}')


def test_a_key_that_is_a_card_number_is_masked_in_the_document_and_in_the_pointer() -> None:
    document = {"a/b": {VISA: {"cvv": "123"}, "4111112222221111": 1}}
    masked, found = mask(document)
    assert masked == {"a/b": {"411111******1111": {"cvv": "***"}, "4111112222221111": 1}}
    assert found == [
        Masked("/a~1b/411111******1111", "card_number_masked"),
        Masked("/a~1b/411111******1111/cvv", "cvv_masked"),
    ]


def test_two_keys_that_mask_alike_both_stay() -> None:
    masked, _ = mask({VISA: 1, VISA[:4] + "-" + VISA[4:]: 2, "4111110000001111": 3, "4111 1111 1111 1111": 4})
    assert isinstance(masked, dict)
    assert sorted(masked.values()) == [1, 2, 3, 4]
    masked, _ = mask({VISA: 1, "411111******1111": 2})
    assert masked == {"411111******1111 (2)": 1, "411111******1111": 2}


@pytest.mark.parametrize(
    "text",
    [
        "41111111111111111111",  # twenty digits: an id, not looked into
        "94111111111111111",
        "4111111111111112",  # wrong check digit
        "1111111111111117",  # right check digit, no scheme
        "411111111111116",  # no Visa of fifteen digits
        "51.50735091234563",  # a latitude
        "4111,1111,1111,1111",  # a list of numbers
        "4111, 1111, 1111, 1111",
        "4111;1111;1111;1111",
        "4111:1111:1111:1111:1111",  # a longer list
        "1111:4111:1111:1111:1111",
        "4111:1111*1111:1111",  # not evenly
        "4111:111:1111:11111",
        "4111::1111::1111::1111",
        "4111:1111:1111:1112",  # wrong check digit
        "1111:1111:1111:1117",  # no scheme
        "2001:db8::4111:1111:1111:1111",
        "2001:db8:a:4111:1111:1111:1111",
        "2223:0031:2200:3222::1",
        "2223:0031:2200:3222:a:b:c:d",
        "14:02:33:41:11:11:11:11",
        "+91 98123 45678",
        "978-3-16-148410-0",
        "2024-05-12 10:33:44.123456",
        "550e8400-e29b-41d4-a716-446655440000",
        "203.0.113.24 198.51.100.7",
    ],
)
def test_what_is_no_card_number_is_left_alone(text: str) -> None:
    assert mask_text(text) == text


def test_ids_are_masked_too_unless_their_field_is_kept() -> None:
    document = {"_orderId": VISA, "_items": [{"_orderId": int(VISA), "_note": VISA}]}
    assert len(mask(document)[1]) == 3
    masked, found = mask(document, keep=frozenset({"_orderId"}))
    assert found == [Masked("/_items/0/_note", "card_number_masked")]
    assert masked == {"_orderId": VISA, "_items": [{"_orderId": int(VISA), "_note": "411111******1111"}]}
    assert "FOURTHWATCH_NUMBER_FIELDS" in found[0].sentence


def test_a_kept_field_keeps_bare_digits_only() -> None:
    document = {"_orderId": "4111 1111 1111 1111", "ids": [VISA], "cvv": "123"}
    masked, _ = mask(document, keep=frozenset({"_orderId", "ids", "cvv"}))
    assert masked == {"_orderId": "4111 11** **** 1111", "ids": [VISA], "cvv": "***"}


# Verification values.


@pytest.mark.parametrize(
    "key",
    [
        *(
            "cvv",
            "CVV",
            "cvv2",
            "_cvv",
            "cardCvv",
            "card_cvv",
            "cvvCode",
            "cvc",
            "CVC2",
            "card-cvc",
            "CVN",
            "cav2",
        ),
        *(
            "csc",
            "cardCid",
            "card_cid",
            "securityCode",
            "card_security_code",
            "Security-Code",
            "cardSecurityCode",
        ),
        *("verificationValue", "cardVerificationCode", "card_code", "cvvResult", "_cvvResponseCode"),
    ],
)
@pytest.mark.parametrize("value", ["123", "1234", 123, 1234, 123.0, " 1 2 3 ", "१२३", ["123"], {"value": "123"}])
def test_a_verification_value_is_removed_under_any_of_its_names(key: str, value: object) -> None:
    document = {"_customInfo": [{key: value}]}
    masked, found = mask(document)
    assert "***" in json.dumps(masked)
    assert not {"123", "1234"} & set(re.findall(r"[0-9]+", json.dumps(masked).replace("\\u", "")))
    assert [one.code for one in found] == ["cvv_masked"]
    assert found[0].pointer.startswith(f"/_customInfo/0/{key}")
    assert all(may_hold_card_data(body) for body in bodies(document))


def test_lawful_card_fields_are_left_alone() -> None:
    document: dict[str, object] = {"_cvvResponseCode": "M", "cvv_result_code": "N2", "cvvResult": 1}
    document |= {"_cardBin": "411111", "_cardLast4": "1111", "_cardExpiryYear": "2030", "cid": "1234"}
    document |= {"cvvPresent": True, "cvc": None, "cave": 123, "_zipcode": "1234", "currencyCode": "356"}
    document |= {"verificationCode": "1234"}
    masked, found = mask(document)
    assert masked is document
    assert found == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("cvv: 123", "cvv: ***"),
        ("my CVC=1234, ok", "my CVC=***, ok"),
        ("security code 123", "security code ***"),
        ("the CVV2 is 123.", "the CVV2 is ***."),
        ('{"cvv":"123","a":1}', '{"cvv":"***","a":1}'),
        (r"{\"cvv2\": \"123\"}", r"{\"cvv2\": \"***\"}"),
        ("card[cvv]=123&x=1", "card[cvv]=***&x=1"),
        ("cvv%3D123%26", "cvv%3D***%26"),
        ("<cvv>123</cvv>", "<cvv>***</cvv>"),
        ("cvv 4111 1111 1111 1111", "cvv *** 11** **** 1111"),
        ("cvv: 12", "cvv: 12"),
        ("cvv: 12345", "cvv: 12345"),
        ("cvv response M", "cvv response M"),
        ("a cave of 1234", "a cave of 1234"),
    ],
)
def test_a_verification_value_in_free_text_is_removed(text: str, masked: str) -> None:
    assert mask_text(text) == masked
    assert masked == text or all(may_hold_card_data(body) for body in bodies([text]))


# The document.


def test_an_ordinary_order_comes_back_as_the_same_object() -> None:
    document = order()
    masked, found = mask(document)
    assert masked is document
    assert found == []


def test_masking_leaves_its_input_untouched() -> None:
    document = order() | {"_note": [VISA, {"cvv": 123}]}
    before = copy.deepcopy(document)
    masked, _ = mask(document)
    assert document == before
    assert masked != before


def test_masking_twice_finds_nothing_more() -> None:
    masked, _ = mask({"_note": "12345678 4111111111111111 30123456 4111111111111111", "cvv": "1234"})
    assert mask(masked) == (masked, [])


def test_numbers_too_large_for_a_card_and_other_constants_pass() -> None:
    document: list[object] = [10**5000, float("inf"), float("nan"), True, None, 1e300, "", [], {}, 0, -1.5]
    assert mask(document)[0] is document


# The prefilter.


def test_an_ordinary_order_does_not_trigger_the_prefilter() -> None:
    document = order()
    document["_note"] = "यह एक परीक्षण ऑर्डर है, café, Straße; can cancel cash orders in each category"
    document["_deviceIp"] = "2001:db8::1"
    assert [may_hold_card_data(body) for body in bodies(document)] == [False, False]


def test_an_escaped_quote_does_not_pass_text_as_a_lawful_field() -> None:
    document = {'"_cvvResponseCode":"M",': "123"}
    assert mask(document)[1] != []
    assert all(may_hold_card_data(body) for body in bodies(document))


PIECES = st.one_of(
    st.sampled_from([*TEST_NUMBERS, *SEPARATORS, "411111", "1111", "cvv", "CVC", "csc", "card", "security code"]),
    st.sampled_from(["\\u0034", "\\u00e9", "\\n", "\\/", "%34", "%2534", "%20", "%", "\\", "é", "ä", "\u00ea", "m"]),
    st.sampled_from([": 123", '"', ":", ",", "1234", "=", "verification value", "cid", "_cvvResponseCode", "e", "}"]),
    st.sampled_from(["4111:1111:", "1111:1111", "4111*1111*1111*1111", ":1111", "*1111", "%1111", "4111%"]),
    st.sampled_from(["NDExMTExMTExMTExMTExMQ", "/NDExMTEgMTExMTExMTExMTEx", "٤١", "𝟒", "\ud835", "\u0131"]),
    st.text(max_size=3),
    st.from_regex(r"\A[0-9 ]{1,6}\Z"),
)
TEXTS = st.lists(PIECES, max_size=7).map("".join)
DOCUMENTS = st.recursive(
    st.one_of(TEXTS, st.sampled_from([int(VISA), float(VISA), 4.2e15, 6.2e17, 123, 123.0, True, None])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(DOCUMENTS)
def test_the_prefilter_never_misses_what_masking_finds(document: object) -> None:
    masked, found = mask(document)
    if found:
        for body in bodies(document):
            assert may_hold_card_data(body), body
        assert mask(masked)[1] == []
    else:
        assert masked is document


# Bodies built to cost much.


def test_an_ordinary_order_costs_next_to_nothing_of_the_work_that_a_body_is_given() -> None:
    work = Work()
    mask(order() | {"_note": f"paid by {VISA}, and 4111 1111 1111 1111 before"}, work=work)
    assert 0 < MASKING_WORK_MAX - work.left < 100


def linked(count: int) -> str:
    """Card numbers of which each comes to light when the one behind it was masked."""
    chance = random.Random(7)
    chunks = ["411111"]
    while len(chunks) < count:
        start = "4" + "".join(chance.choices("0123456789", k=8))
        chunks.append(next(start + end for end in "0123456789" if is_card_number(start + end + chunks[-1][:6])))
    return " ".join(reversed(chunks))


@pytest.mark.parametrize(
    "text",
    [
        "3 0 " * 65_000,
        "4 " * 130_000,
        (VISA + " ") * 15_000,
        "%34%20%30%20" * 20_000,
        "٤ ٠ " * 40_000,
        base64.b64encode(b"3 0 " * 48_000).decode(),
        (base64.b64encode(VISA.encode()).decode() + " ") * 10_000,
        linked(20_000),
    ],
    ids=["diners", "visa", "cards", "escaped", "other script", "base64", "base64 runs", "linked"],
)
def test_a_text_with_endless_digits_is_masked_whole_before_it_costs_much(text: str) -> None:
    work = Work()
    masked, found = mask({"_note": text}, work=work)
    assert work.is_over
    assert work.left > -MASKING_WORK_MAX
    assert [one.code for one in found] == ["card_number_masked"]
    note = masked["_note"] if isinstance(masked, dict) else None
    assert isinstance(note, str)
    assert re.search(r"[0-9٠٤](?:[ /_.+-]{0,4}[0-9٠٤]){12}", note) is None
    assert mask(masked) == (masked, [])
    assert may_hold_card_data(json.dumps({"_note": text}).encode())


def test_many_small_texts_share_the_work_of_one_body() -> None:
    work = Work()
    masked, found = mask(["6011 " * 4] * 10_000, work=work)
    assert work.is_over
    assert isinstance(masked, list)
    assert masked[0] == "6011 " * 4
    assert masked[-1].strip() == "***"
    assert 0 < len(found) < 10_000
    assert work.left > -MASKING_WORK_MAX


def test_without_work_left_every_spelling_of_a_card_number_is_masked_and_short_numbers_stay() -> None:
    chance = random.Random(8)
    for spelling in SPELLINGS:
        for _ in range(50):
            number = card_number(chance)
            masked, found = mask({"_note": spelling(number, chance), "_zipcode": "411001"}, work=Work(0))
            assert found
            assert not holds(masked, number)
            assert isinstance(masked, dict)
            assert masked["_zipcode"] == "411001"
    assert mask(["1111 1111 1111 1", 1111111111111], work=Work(0))[0] == ["***", "***"]


def test_digits_that_start_no_card_number_cost_nothing() -> None:
    work = Work()
    document = ["1 7 9 0 " * 10_000, "1" * 50_000, "2024 2025 2026 2027 " * 2_000]
    assert mask(document, work=work) == (document, [])
    assert work.left == MASKING_WORK_MAX


def test_a_free_name_for_a_masked_key_is_found_without_trying_all_taken_ones_again() -> None:
    class Counted(dict[str, object]):
        asked = 0

        def __contains__(self, key: object) -> bool:
            self.asked += 1
            return super().__contains__(key)

    alike = (f"411111{middle:06d}1111" for middle in range(10**6))
    document = Counted({key: 1 for key in (next(alike) for _ in range(10_000)) if is_card_number(key)})
    assert len(document) == 1_000
    masked, _ = mask(document)
    assert isinstance(masked, dict)
    assert len(masked) == 1_000
    assert document.asked < 3_000


def test_pointers_stay_small_however_long_the_keys_and_however_many_the_numbers() -> None:
    _, found = mask({"k" * 10_000: [VISA] * 100})
    assert found[1] == Masked(f"/{'k' * TEXT_ID_MAX}/1", "card_number_masked")
    assert [one.pointer for one in found[WARNINGS_MAX:]] == [""] * (100 - WARNINGS_MAX)


def test_a_long_run_of_backslashes_is_read_once() -> None:
    text = "\\" * 200_000 + " cvv: 123"
    assert mask_text(text) == "\\" * 200_000 + " cvv: ***"
    assert may_hold_card_data(json.dumps([text]).encode())


# At scale.


def test_the_byte_scan_sees_a_number_in_each_spelling() -> None:
    chance = random.Random(4)
    for spelling in SPELLINGS:
        for _ in range(100):
            number = card_number(chance)
            assert holds({"_note": spelling(number, chance)}, number)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_of_25_000_planted_numbers_none_is_left_and_none_passes_the_prefilter(seed: int) -> None:
    chance = random.Random(seed)
    large = order()
    # A smaller order for most of them: what matters is the spelling and the place.
    small = json.dumps({"_orderId": "o-1", "_items": [{"_upc": "012345678905"}], "_customInfo": {"a": 1}})
    left: list[str] = []
    for index in range(6_250):
        document = json.loads(small) if index % 100 else copy.deepcopy(large)
        planted: dict[str, object] = {}
        for _ in range(4):
            number = card_number(chance)
            planted[number] = chance.choice(SPELLINGS)(number, chance)
            plant(document, planted[number], chance)
            if not may_hold_card_data(bodies(planted[number])[index % 2]):
                left.append(f"passed the prefilter: {planted[number]!r}")
        masked, found = mask(document)
        body = json.dumps(masked)
        for number, value in planted.items():
            if not found or number in body or (index % 5 == 0 and holds(masked, number)):
                left.append(json.dumps(value))
    assert left == []


def test_millisecond_and_microsecond_timestamps_are_never_taken_for_a_card_number() -> None:
    chance = random.Random(5)
    for unit, last_s in ((1_000, 2_240_611_200), (1_000_000, 2_200_000_000)):
        for _ in range(100_000):
            stamp = str(chance.randrange(1_262_304_000 * unit, last_s * unit))
            assert not is_card_number(stamp)
        assert mask({"_originTimestamp": stamp, "_at": int(stamp)})[1] == []


def test_at_most_three_in_a_hundred_random_16_digit_ids_look_like_a_card_number() -> None:
    chance = random.Random(6)
    hits = sum(is_card_number(f"{chance.randrange(10**16):016d}") for _ in range(100_000))
    assert 0.02 < hits / 100_000 <= 0.03
