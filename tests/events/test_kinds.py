"""The twenty kinds and their parts against the contract's field list, and the words read into meanings."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fourthwatch.events import KIND_OF_NAME, KIND_OF_NUMBER, KIND_OF_TYPE, KINDS, Event, Part
from fourthwatch.events import kinds as kinds_module
from fourthwatch.events import parts as parts_module
from fourthwatch.events.values import is_cash, order_state_of, outcome_of

_CONTRACT: dict[str, Any] = json.loads((Path(__file__).parent / "contract_fields.json").read_text())
_MODELS: dict[str, dict[str, str]] = _CONTRACT["models"]
_ENDPOINTS: list[dict[str, Any]] = _CONTRACT["endpoints"]
_OURS = {"BillingAddress": "Address", "ShippingAddress": "Address", "UnTag": "Untag", "Custom": "CustomEvent"}
"""Names of models that we call otherwise; both addresses have the same keys."""
_ADDED = {"_deviceId", "_orderId", "_sessionId", "_userId", "_deviceIp", "_originTimestamp", "_customInfo"}
"""Read from every kind, though the contract has some of them on some kinds only."""
_FREE_KEYS = {"CustomEvent": {"_orderStatus"}}
"""A custom event may move an order along."""


def _struct_of(model: str) -> type[msgspec.Struct]:
    name = _OURS.get(model, model)
    found: type[msgspec.Struct] = getattr(kinds_module, name, None) or getattr(parts_module, name)
    return found


def _declared(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Wire key → type in the contract's words."""
    return {field.encode_name: _word(field.type) for field in msgspec.inspect.type_info(struct).fields}  # type: ignore[attr-defined]


def _word(info: Any) -> str:
    if isinstance(info, msgspec.inspect.UnionType):
        plain = [member for member in info.types if not isinstance(member, msgspec.inspect.NoneType)]
        assert len(plain) == 1
        assert info.includes_none
        return _word(plain[0])
    if isinstance(info, msgspec.inspect.VarTupleType):
        return f"array<{_word(info.item_type)}>"
    if isinstance(info, msgspec.inspect.StructType):
        return info.cls.__name__
    names: dict[type, str] = {
        msgspec.inspect.StrType: "string",
        msgspec.inspect.BoolType: "boolean",
        msgspec.inspect.IntType: "integer",
        msgspec.inspect.DictType: "CustomInfo",
    }
    return names[type(info)]


def test_the_fixture_holds_every_request_field_of_the_contract() -> None:
    assert sum(len(fields) for fields in _MODELS.values()) == 282
    assert len(_ENDPOINTS) == 20


@pytest.mark.parametrize("model", sorted(_MODELS))
def test_every_field_of_the_contract_is_declared_with_its_type(model: str) -> None:
    declared = _declared(_struct_of(model))
    for key, kind in _MODELS[model].items():
        expected = kind.replace("BillingAddress", "Address").replace("ShippingAddress", "Address")
        assert declared.get(key) == expected, key


@pytest.mark.parametrize("model", sorted(_MODELS))
def test_nothing_is_declared_that_the_contract_does_not_have_but_the_keys_every_kind_may_carry(model: str) -> None:
    struct = _struct_of(model)
    more = set(_declared(struct)) - set(_MODELS[model])
    allowed = (_ADDED if issubclass(struct, Event) else set()) | _FREE_KEYS.get(struct.__name__, set())
    assert more <= allowed


def test_every_field_may_be_absent() -> None:
    for kind in KINDS:
        event = kind.type()
        assert all(getattr(event, name) is None for name in event.__struct_fields__)


def test_events_and_parts_cannot_be_changed_after_they_were_made() -> None:
    event = KIND_OF_NAME["login"].type(user_id="u")
    with pytest.raises(AttributeError):
        event.user_id = "v"  # type: ignore[misc]


def test_there_are_twenty_kinds_with_numbers_names_and_types_of_their_own() -> None:
    assert len(KINDS) == 20
    assert len(KIND_OF_NUMBER) == len(KIND_OF_TYPE) == 20
    assert len(KIND_OF_NAME) == sum(1 + len(kind.aliases) for kind in KINDS)
    assert sorted(KIND_OF_NUMBER) == list(range(1, 21))


def test_numbers_of_kinds_are_those_that_ledgers_were_written_with() -> None:
    assert {kind.number: kind.name for kind in KINDS} == {
        1: "create_account", 2: "update_account", 3: "login", 4: "logout", 5: "link_session_to_user",
        6: "add_to_cart", 7: "remove_from_cart", 8: "createOrder", 9: "update_order", 10: "order_status",
        11: "item_status", 12: "transaction", 13: "chargeback", 14: "add_promotion", 15: "submit_review",
        16: "send_message", 17: "report_item", 18: "tag", 19: "untag", 20: "custom_event",
    }  # fmt: skip


@pytest.mark.parametrize("endpoint", _ENDPOINTS, ids=lambda endpoint: endpoint["model"])
def test_each_endpoint_of_the_contract_leads_to_the_kind_of_its_model(endpoint: dict[str, Any]) -> None:
    names = [path.rsplit("/", 1)[1] for path in endpoint["paths"]]
    kinds = {KIND_OF_NAME[name] for name in names}
    assert {kind.type for kind in kinds} == {_struct_of(endpoint["model"])}
    kind = kinds.pop()
    assert kind.name == names[0]
    assert set(kind.aliases) == set(names[1:]) - {kind.name}


@pytest.mark.parametrize("endpoint", _ENDPOINTS, ids=lambda endpoint: endpoint["model"])
def test_what_a_kind_requires_is_what_the_contract_requires(endpoint: dict[str, Any]) -> None:
    # `_transactionStatus` has a documented default and may be absent (contract, section 9, row 20).
    required = [key for key in endpoint["required"] if key != "_transactionStatus"]
    assert list(KIND_OF_NAME[endpoint["paths"][0].rsplit("/", 1)[1]].required) == required


def test_what_is_decided_is_also_scored_again() -> None:
    assert {kind.name for kind in KINDS if kind.decided} == {"createOrder", "update_order", "transaction"}
    assert all(kind.rescores for kind in KINDS if kind.decided)


def test_every_part_is_used_by_an_event() -> None:
    parts = {struct for struct in vars(parts_module).values() if isinstance(struct, type) and issubclass(struct, Part)}
    used = {_struct_of(model) for model in _MODELS} - {kind.type for kind in KINDS}
    assert parts - {Part} == used


# What plugins were seen to send (contract, section 8), and what is documented.


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("_success", "success"), ("success", "success"), ("_failure", "failure"), ("_failed", "failure"),
        ("_Failed", "failure"), (" _FAILURE ", "failure"), ("_pending", "pending"), ("_review", "other"),
        ("", "other"), ("__success", "other"), (None, "success"),
    ],
)  # fmt: skip
def test_an_outcome_is_read_from_the_words_that_clients_use(said: str | None, meant: str) -> None:
    assert outcome_of(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("_approved", "approved"), ("_wo_processing", "approved"), ("processing", "approved"),
        ("_canceled", "canceled"), ("canceled", "canceled"), ("_wo_cancelled", "canceled"), ("_wo_failed", "canceled"),
        ("_declined", "canceled"), ("_held", "held"), ("holded", "held"), ("_wo_on-hold", "held"), ("onhold", "held"),
        ("_fulfilled", "fulfilled"), ("complete", "fulfilled"), ("_wo_completed", "fulfilled"),
        ("closed", "fulfilled"), ("_returned", "returned"), ("_wo_refunded", "returned"), ("_rto", "rto"),
        ("RTO", "rto"), ("new", "other"), ("_wo_pending", "other"), ("_wo_checkout-draft", "other"), ("", "other"),
        ("ﬁlled", "other"), (None, None),
    ],
)  # fmt: skip
def test_an_order_state_is_read_from_the_words_that_clients_use(said: str | None, meant: str | None) -> None:
    assert order_state_of(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("_cash", True), ("cod", True), ("robu_cod", True), ("Cash On Delivery", True), ("CashOnDelivery", True),
        ("phoenix_cashondelivery", True), ("_creditCard", False), ("razorpay", False), ("", False), (None, None),
    ],
)  # fmt: skip
def test_cash_on_delivery_is_told_from_other_payments_and_from_silence(said: str | None, meant: bool | None) -> None:
    assert is_cash(said) is meant
