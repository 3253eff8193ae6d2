"""A shop's own numbers stay under the keys that its operator named, from the environment to what is stored."""

import json

import pytest

from fourthwatch.clock import Millis
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.settings import read_settings
from fourthwatch.wire.decode import Decoded, decode_document, decode_event

_NOW = Millis(1_700_000_000_000)
_LOOKS_LIKE_A_CARD = "4111111111111111"
_BODY = {
    "_orderId": _LOOKS_LIKE_A_CARD,
    "_userId": "user-1001",
    "_customInfo": {"_trackingNumber": int(_LOOKS_LIKE_A_CARD), "note": _LOOKS_LIKE_A_CARD},
}


def decode(keep: frozenset[str]) -> Decoded:
    return decode_event(json.dumps(_BODY).encode(), KIND_OF_NAME["createOrder"], _NOW, keep=keep)


def test_named_keys_keep_their_numbers_and_all_others_are_masked() -> None:
    settings = read_settings({"FOURTHWATCH_NUMBER_FIELDS": " _orderId, _trackingNumber,"})
    assert settings.number_field_names == {"_orderId", "_trackingNumber"}
    decoded = decode(settings.number_field_names)
    assert decoded.event.order_id == _LOOKS_LIKE_A_CARD
    stored = json.loads(decoded.body)
    assert stored["_orderId"] == _LOOKS_LIKE_A_CARD
    assert stored["_customInfo"] == {"_trackingNumber": int(_LOOKS_LIKE_A_CARD), "note": "411111******1111"}
    masked = [warning for warning in decoded.warnings if warning.code == "card_number_masked"]
    assert [warning.pointer for warning in masked] == ["/_customInfo/note"]
    assert "FOURTHWATCH_NUMBER_FIELDS" in masked[0].message


def test_without_the_setting_nothing_is_exempt() -> None:
    assert read_settings({}).number_field_names == frozenset()
    decoded = decode(frozenset())
    assert decoded.event.order_id == "411111******1111"
    assert _LOOKS_LIKE_A_CARD.encode() not in decoded.body


@pytest.mark.parametrize("value", ["4111 1111 1111 1111", "order 4111111111111111"])
def test_a_named_key_is_no_way_in_for_a_number_that_is_not_bare(value: str) -> None:
    document: dict[str, object] = {"_orderId": value}
    kind = KIND_OF_NAME["order_status"]
    decoded = decode_document(
        document | {"_orderStatus": "_held"}, json.dumps(document).encode(), kind, _NOW, keep=frozenset({"_orderId"})
    )
    assert "111111111" not in decoded.body.decode().replace(" ", "")
