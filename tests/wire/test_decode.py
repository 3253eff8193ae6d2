"""From bytes to an event: anchors, ids, unknown keys, names, devices, fingerprints, and reading stored bodies."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourthwatch.clock import Millis
from fourthwatch.errors import Malformed
from fourthwatch.events import KIND_OF_NAME, KINDS, CreateAccount, CreateOrder, Kind, OrderStatus, Tag
from fourthwatch.limits import TEXT_ID_MAX, WARNINGS_MAX
from fourthwatch.wire.decode import ANCHORS, Decoded, decode_document, decode_event, read_stored

_NOW = Millis(1_800_000_000_000)
_SEEDS: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "fuzz" / "seeds.json").read_text())


def _decoded(event: str, body: object, user_agent: str = "") -> Decoded:
    return decode_event(json.dumps(body).encode(), KIND_OF_NAME[event], _NOW, user_agent)


def _refusal(event: str, body: object) -> Malformed:
    with pytest.raises(Malformed) as caught:
        _decoded(event, body)
    return caught.value


def _warned(decoded: Decoded) -> list[tuple[str, str]]:
    return [(warning.pointer, warning.code) for warning in decoded.warnings]


@pytest.mark.parametrize("seed", _SEEDS, ids=lambda seed: f"{seed['client']}-{seed['event']}")
def test_recorded_bodies_are_read_without_a_warning(seed: dict[str, Any]) -> None:
    decoded = _decoded(seed["event"], seed["body"])
    assert type(decoded.event) is KIND_OF_NAME[seed["event"]].type
    assert decoded.warnings == ()
    assert decoded.body == json.dumps(seed["body"]).encode()


def test_every_part_of_a_recorded_order_is_read() -> None:
    body = next(seed["body"] for seed in _SEEDS if seed["event"] == "createOrder")
    event = _decoded("createOrder", body).event
    assert isinstance(event, CreateOrder)
    assert json.loads(msgspec.json.encode(event, order="sorted")) == body


# What is absent, and what must be there.


def test_empty_text_and_null_mean_absent_at_the_top_and_in_parts() -> None:
    empty = _decoded(
        "createOrder",
        {
            "_orderId": "o", "_userId": "", "_sessionId": "s", "_amount": None, "_isGift": "",
            "_items": [{"_itemId": "", "_quantity": None, "_seller": {"_name": ""}}], "_billingAddress": {"_city": ""},
        },
    )  # fmt: skip
    plain = _decoded(
        "createOrder",
        {"_orderId": "o", "_sessionId": "s", "_items": [{"_seller": {}}], "_billingAddress": {}},
    )
    assert empty.event == plain.event
    assert empty.warnings == ()
    assert empty.event.user_id is None


@pytest.mark.parametrize("key", ANCHORS)
def test_one_anchor_of_any_sort_is_enough(key: str) -> None:
    assert _decoded("custom_event", {key: "x"}).name == "custom"
    assert _decoded("custom_event", {key: 5}).kind.name == "custom_event"


def test_a_device_inside_the_free_fields_is_an_anchor_too() -> None:
    assert _decoded("custom_event", {"_customInfo": {"deviceId": "d"}}).event.device_id == "d"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"_userId": ""}, {"_userId": None}, {"_userId": [], "_orderId": {}}, {"_userId": {"_userId": "u"}},
        {"_deviceIp": "192.0.2.1"}, {"userId": "u"}, {"_customInfo": {"userId": "u"}},
        {"_customInfo": {"deviceId": ""}}, {"_customInfo": {"deviceId": 7}}, {"_userId": "", "unknown": "x"},
    ],
)  # fmt: skip
def test_an_event_that_names_nobody_is_refused(body: dict[str, Any]) -> None:
    for kind in KINDS:
        if not kind.required:
            assert _refusal(kind.name, body).code == "no_anchor"


@pytest.mark.parametrize("event", ["createOrder", "update_order", "transaction"])
@pytest.mark.parametrize("value", [None, "", [], {}, ["o"], {"id": "o"}])
def test_decided_kinds_need_an_order_id(event: str, value: object) -> None:
    for body in ({"_userId": "u", "_orderId": value}, {"_userId": "u"}):
        refusal = _refusal(event, body)
        assert (refusal.code, refusal.pointer, refusal.status) == ("missing_key", "/_orderId", 400)
        assert event in refusal.message


def test_a_number_as_order_id_is_read_as_text() -> None:
    assert _decoded("createOrder", {"_orderId": 17}).event.order_id == "17"


@pytest.mark.parametrize("key", ["_orderId", "_userId", "_sessionId"])
def test_ids_longer_than_the_limit_are_refused(key: str) -> None:
    body = {"_orderId": "o", "_userId": "u"}
    assert _decoded("createOrder", {**body, key: "x" * TEXT_ID_MAX}).warnings == ()
    refusal = _refusal("createOrder", {**body, key: "é" * (TEXT_ID_MAX + 1)})
    assert (refusal.code, refusal.pointer) == ("id_too_long", "/" + key)


# Unknown keys.


def test_unknown_keys_are_kept_and_warned_about_with_a_hint() -> None:
    raw = (
        b'{"_userId":"u","_orderId":"o","_amout":"5","_items":[{"_itemID":"i","x":1}],'
        b'"_shippingAddress":{"_zip/code":""}}'
    )
    decoded = decode_event(raw, KIND_OF_NAME["createOrder"], _NOW)
    said = {warning.pointer: warning.message for warning in decoded.warnings}
    assert {warning.code for warning in decoded.warnings} == {"unknown_key"}
    assert set(said) == {"/_amout", "/_items/0/_itemID", "/_items/0/x"}  # an empty one means absent, even if unknown
    assert said["/_amout"].endswith("did you mean _amount?")
    assert said["/_items/0/_itemID"].endswith("did you mean _itemId?")
    assert said["/_items/0/x"] == "this key is not in the contract; it is kept"
    assert decoded.body == raw


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"_items": [{"_itemId": "a"}, {"_itemID": "b"}]}, "/_items/1/_itemID"),
        ({"_items": {"_itemID": "b"}}, "/_items/_itemID"),
        ({"_items": [{"_seller": {"_sellerID": "s"}}]}, "/_items/0/_seller/_sellerID"),
        ({"_billingAddress": {"_zip": "411001"}}, "/_billingAddress/_zip"),
        ({"_paymentMethods": [{"_cardbin": "411111"}]}, "/_paymentMethods/0/_cardbin"),
        ({"_promotions": [{"id": "P"}]}, "/_promotions/0/id"),
    ],
)
def test_an_unknown_key_is_noticed_when_it_stands_in_a_part_only(body: dict[str, Any], pointer: str) -> None:
    decoded = _decoded("createOrder", {"_userId": "u", "_orderId": "o", **body})
    assert (pointer, "unknown_key") in _warned(decoded)


def test_pointers_to_unknown_keys_are_escaped_and_cut() -> None:
    decoded = _decoded("login", {"_userId": "u", "a/b~": 1, "k" * 10_000: 1})
    assert [warning.pointer for warning in decoded.warnings] == ["/a~1b~0", "/" + "k" * TEXT_ID_MAX]


def test_custom_events_may_have_any_keys_without_a_warning() -> None:
    assert _decoded("custom_event", {"_userId": "u", "anything": [1, {"_x": 2}], "_amount": 5}).warnings == ()


def test_thousands_of_unknown_keys_get_a_bounded_answer() -> None:
    items = [{f"_quantitz{number}": 1 for number in range(8)} for _ in range(500)]
    decoded = _decoded("createOrder", {"_userId": "u", "_orderId": "o", "_items": items})
    assert len(decoded.warnings) == WARNINGS_MAX + 1
    assert decoded.warnings[-1].message == f"{4_000 - WARNINGS_MAX} more warnings were left out"
    assert sum("did you mean" in warning.message for warning in decoded.warnings) <= 8


# Nothing of a body in what is said about it.


def _planted(value: object, canary: str) -> object:
    """The same shape, with a canary in place of each value, in a type that is seldom the right one."""
    if isinstance(value, dict):
        return {key: _planted(inner, canary) for key, inner in value.items()}
    if isinstance(value, list):
        return [*(_planted(inner, canary) for inner in value), canary]
    return {"nested": [canary]} if isinstance(value, str) else canary


@pytest.mark.parametrize("seed", _SEEDS, ids=lambda seed: f"{seed['client']}-{seed['event']}")
def test_no_warning_repeats_a_value(seed: dict[str, Any]) -> None:
    canary = "canary-7f3a"
    body = _planted(seed["body"], canary)
    assert isinstance(body, dict)
    decoded = _decoded(seed["event"], {**body, "_userId": "u", "_orderId": "o", "_originTimestamp": canary})
    assert len(decoded.warnings) > 0
    assert canary not in repr(decoded.warnings)


@pytest.mark.parametrize(
    "body",
    [
        b'{"_userId":"canary', b'{"_userId":"canary"', b'{"_userId":canary}',
        b'{"_userId":"canary","_userId":"canary"}', b'{"_userId":"canary\\ud800"}',
        b'{"_userId":"canary\\u0000"}', b'{"_customInfo":{"x":"canary"}}', b'"canary"', b'["canary"]', b"canary",
        b'{"_userId":"u","_quantity":99999999999999999999,"x":"canary"}', b'{"_userId":"canary\xff"}',
        b'{"_userId":"' + b"canary" * 100 + b'"}', b"[" * 40 + b'"canary"' + b"]" * 40, b'{"_orderId":["canary"]}',
    ],
)  # fmt: skip
def test_no_refusal_repeats_a_value(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        decode_event(body, KIND_OF_NAME["createOrder"], _NOW)
    assert "canary" not in caught.value.message + caught.value.pointer + caught.value.code


def test_card_numbers_in_keys_are_not_repeated() -> None:
    card = "4111 1111 1111 1111"
    decoded = _decoded("login", {"_userId": "u", card: 1, "pan=5500005555555559": {"x": 1}, "x" * 245 + " " + card: 1})
    said = repr(decoded.warnings) + decoded.body.decode()
    for digits in ("1111 1111", "11111111", "5500005555555559"):
        assert digits not in said
    assert {code for _, code in _warned(decoded)} == {"card_number_masked", "unknown_key"}


def test_card_numbers_in_values_are_neither_kept_nor_repeated() -> None:
    body = {"_userId": "u", "_orderId": "o", "_customInfo": {"note": "paid with 4111111111111111, cvv 123"}}
    decoded = _decoded("createOrder", body)
    assert b"4111111111111111" not in decoded.body
    assert "4111111111111111" not in repr(decoded.event) + repr(decoded.warnings)
    assert json.loads(decoded.body)["_userId"] == "u"
    assert ("/_customInfo/note", "card_number_masked") in _warned(decoded)


# Names, devices, booleans.


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"_eventName": "a", "_event": "b", "_name": "c", "_type": "d", "_customInfo": {"eventName": "e"}}, "a"),
        ({"_event": "b", "_name": "c", "_type": "d", "_customInfo": {"eventName": "e"}}, "b"),
        ({"_name": "c", "_type": "d", "_customInfo": {"eventName": "e"}}, "c"),
        ({"_type": "d", "_customInfo": {"eventName": "e"}}, "d"),
        ({"_customInfo": {"type": "h", "name": "g", "event": "f", "eventName": "e"}}, "e"),
        ({"_customInfo": {"type": "h", "name": "g", "event": "f"}}, "f"),
        ({"_customInfo": {"type": "h", "name": "g"}}, "g"),
        ({"_customInfo": {"type": "h"}}, "h"),
        (
            {"_eventName": "", "_event": None, "_name": 5, "_type": ["x"], "_customInfo": {"name": "  padded  "}},
            "padded",
        ),
        ({"_eventName": "   ", "_customInfo": {"_eventName": "underscored"}}, "custom"),
        ({"eventName": "bare", "_customInfo": "text"}, "custom"),
        ({"_customInfo": {}}, "custom"),
        ({}, "custom"),
        ({"_eventName": "n" * 500}, "n" * 100),
    ],
)
def test_a_custom_event_is_named_where_shops_put_the_name(body: dict[str, Any], name: str) -> None:
    assert _decoded("custom_event", {"_userId": "u", **body}).name == name


def test_other_kinds_have_no_name_of_their_own() -> None:
    assert _decoded("login", {"_userId": "u", "_eventName": "x"}).name is None


@pytest.mark.parametrize(
    ("body", "device"),
    [
        ({"_customInfo": {"deviceId": "d"}}, "d"),
        ({"_customInfo": {"device_id": "d"}}, "d"),
        ({"_customInfo": {"_deviceId": "d"}}, "d"),
        ({"_customInfo": {"deviceId": "d", "device_id": "e"}}, "d"),
        ({"_customInfo": {"deviceId": "", "device_id": "e"}}, "e"),
        ({"_customInfo": {"deviceId": 7}}, None),
        ({"_deviceId": "top", "_customInfo": {"deviceId": "d"}}, "top"),
        ({"_deviceId": "", "_customInfo": {"deviceId": "d"}}, "d"),
        ({"_customInfo": ["deviceId"]}, None),
        ({}, None),
    ],
)
def test_the_device_is_read_from_the_free_fields_too(body: dict[str, Any], device: str | None) -> None:
    assert _decoded("login", {"_userId": "u", **body}).event.device_id == device


def test_an_absent_boolean_is_unknown_but_for_the_client_that_cannot_say_false() -> None:
    body = {"_userId": "u", "_orderId": "o", "_isGift": True}
    for agent, absent in (("", None), ("node-superagent/3.5.2", None), ("Swagger-Codegen/0.0.1/go", False)):
        event = _decoded("createOrder", body, agent).event
        assert isinstance(event, CreateOrder)
        assert (event.is_gift, event.is_pre_paid, event.has_expedited_shipping) == (True, absent, absent)
        tag = _decoded("tag", {"_userId": "u"}, agent).event
        assert isinstance(tag, Tag)
        assert tag.is_bad is absent
        account = _decoded("create_account", {"_userId": "u"}, agent).event
        assert isinstance(account, CreateAccount)
        assert account.is_newsletter_subscribed is absent


def test_what_the_go_client_left_out_is_not_written_into_the_body() -> None:
    assert _decoded("tag", {"_userId": "u"}, "Swagger-Codegen/0.0.1/go").body == b'{"_userId": "u"}'


# Fingerprints.


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        pairs = list(value.items())
        chance.shuffle(pairs)
        return {key: _shuffled(inner, chance) for key, inner in pairs}
    return [_shuffled(inner, chance) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", _SEEDS, ids=lambda seed: f"{seed['client']}-{seed['event']}")
def test_the_fingerprint_does_not_depend_on_the_order_of_keys_on_blanks_or_on_escapes(seed: dict[str, Any]) -> None:
    kind, chance = KIND_OF_NAME[seed["event"]], random.Random(7)
    writers: list[Callable[[Any], str]] = [
        json.dumps,
        lambda body: json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        lambda body: json.dumps(body, indent=4),
        lambda body: json.dumps(_shuffled(body, chance)),
        lambda body: json.dumps(body, sort_keys=True).replace("/", "\\/"),
    ]
    prints = {decode_event(write(seed["body"]).encode(), kind, _NOW).fingerprint for write in writers}
    assert len(prints) == 1
    assert len(prints.pop()) == 16


def test_the_fingerprint_depends_on_the_kind_and_on_every_value() -> None:
    body = {"_userId": "u", "_orderId": "o", "_items": [{"_itemId": "a"}, {"_itemId": "b"}], "_customInfo": {"x": 1}}
    bodies: list[dict[str, Any]] = [
        body, {**body, "_userId": "v"}, {**body, "_customInfo": {"x": 2}}, {**body, "_customInfo": {"x": "1"}},
        {**body, "_customInfo": {"y": 1}}, {**body, "_customInfo": {"x": True}}, {**body, "_isGift": False},
        {**body, "_items": [{"_itemId": "b"}, {"_itemId": "a"}]}, {**body, "_items": [{"_itemId": "a"}]},
        {**body, "unknown": 1}, {**body, "_amount": "5"}, {**body, "_amount": 5}, {**body, "_amount": 5.0},
    ]  # fmt: skip
    prints = {_decoded(kind, body).fingerprint for kind in ("createOrder", "update_order") for body in bodies}
    assert len(prints) == 2 * len(bodies)


# Reading again what was stored.


_TEXTS = ["", "u", "true", "0", "12", "--1", "1.0000", "4111 1111 1111 1111", "5500005555555559", "cvv: 123"]
_INNER_KEYS = ["_itemId", "_price", "_quantity", "_city", "_isOnSale", "_seller", "deviceId", "cvv", "unknown"]
_VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(_TEXTS), st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8),
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(_INNER_KEYS), inner, max_size=4),
    max_leaves=6,
)  # fmt: skip
_FIELDS = {kind.name: [field.encode_name for field in msgspec.structs.fields(kind.type)] for kind in KINDS}


@st.composite
def _bodies(draw: st.DrawFn) -> tuple[Kind, dict[str, Any]]:
    kind = draw(st.sampled_from(KINDS))
    keys = st.sampled_from([*_FIELDS[kind.name], "_eventName", "4111111111111111", "unknown"])
    return kind, {**draw(st.dictionaries(keys, _VALUES, max_size=7)), "_userId": "u", "_orderId": "o"}


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(_bodies())
def test_a_stored_body_is_read_again_as_the_same_event(drawn: tuple[Kind, dict[str, Any]]) -> None:
    kind, body = drawn
    decoded = decode_event(json.dumps(body).encode(), kind, _NOW)
    assert read_stored(kind, decoded.body) == decoded.event
    again = decode_event(decoded.body, kind, _NOW)
    assert again.event == decoded.event
    assert again.fingerprint == decoded.fingerprint


@pytest.mark.parametrize("seed", _SEEDS, ids=lambda seed: f"{seed['client']}-{seed['event']}")
def test_recorded_bodies_are_read_again_as_the_same_event(seed: dict[str, Any]) -> None:
    decoded = _decoded(seed["event"], seed["body"])
    assert read_stored(decoded.kind, decoded.body) == decoded.event


def test_the_body_is_kept_byte_for_byte() -> None:
    raw = b'{ "_orderId" :"o\\u00e9\\/" ,\r\n"_orderStatus":"_wo_on-hold", "x": 1.10, "y": 1E2 }'
    decoded = decode_event(raw, KIND_OF_NAME["order_status"], _NOW)
    assert decoded.body == raw
    assert isinstance(decoded.event, OrderStatus)
    assert decoded.event.order_id == "oé/"


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(_bodies(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_the_short_way_of_plain_bodies_ends_where_the_long_way_does(
    drawn: tuple[Kind, dict[str, Any]], separators: tuple[str, str]
) -> None:
    kind, body = drawn
    raw = json.dumps(body, separators=separators).encode()
    assert decode_event(raw, kind, _NOW) == decode_document(json.loads(raw), raw, kind, _NOW)


@pytest.mark.parametrize("seed", _SEEDS, ids=lambda seed: f"{seed['client']}-{seed['event']}")
def test_recorded_bodies_end_the_same_on_the_short_and_on_the_long_way(seed: dict[str, Any]) -> None:
    kind, raw = KIND_OF_NAME[seed["event"]], json.dumps(seed["body"]).encode()
    assert decode_event(raw, kind, _NOW) == decode_document(json.loads(raw), raw, kind, _NOW)


def test_an_own_field_that_is_null_was_not_said_when_it_came_in_nor_when_it_is_read_again() -> None:
    kind = KIND_OF_NAME["custom_event"]
    body = b'{"_userId":"u","_eventName":null,"_city":null,"_size":1}'
    event = decode_event(body, kind, Millis(1_800_000_000_000)).event
    assert event.custom_info == {"size": 1}
    assert read_stored(kind, body) == event
