"""Facts that the operator's files tell, each with examples; without the files all of them are unknown."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fourthwatch.entities.supplied import Supplied, read_supplied
from fourthwatch.features.facts import FACT_OF_NAME
from fourthwatch.features.facts.looked_up import LOOKED_UP_FACTS
from fourthwatch.features.fields import FIELDS
from fourthwatch.features.subject import Subject
from mmdb import write_mmdb
from story import Story

HOME, ABROAD, RACK, NOWHERE = "203.0.113.7", "198.51.100.7", "203.0.113.200", "192.0.2.7"
AT_HOME: dict[str, Any] = {
    "_shippingAddress": {"_country": "IN", "_phone": "+919820133417"},
    "_billingAddress": {"_country": "IN"},
}
CARD = {"_paymentType": "_creditCard", "_cardBin": "411111", "_cardLast4": "1111"}


@pytest.fixture(scope="module")
def supplied(tmp_path_factory: pytest.TempPathFactory) -> Supplied:
    directory = tmp_path_factory.mktemp("files")
    countries = {"203.0.113.0/24": {"country": {"iso_code": "IN"}}, "198.51.100.0/24": {"country": {"iso_code": "US"}}}
    networks = {
        "203.0.113.0/25": {"autonomous_system_number": 64_500},
        "203.0.113.128/25": {"autonomous_system_number": 64_501},
        "198.51.100.0/24": {"autonomous_system_number": 64_502},
    }  # fmt: skip
    (directory / "hosting.csv").write_text("64501\n", "utf-8")
    (directory / "cards.csv").write_text("bin,country\n411111,US\n", "utf-8")
    files = (
        write_mmdb(directory / "c.mmdb", "Country", countries), write_mmdb(directory / "a.mmdb", "ASN", networks),
        write_mmdb(directory / "v.mmdb", "Anonymous-IP", {"198.51.100.0/28": {"is_anonymous_vpn": True}}),
        directory / "hosting.csv",
    )  # fmt: skip
    return read_supplied(files, directory / "cards.csv")


def ordered(supplied: Supplied | None, **body: Any) -> Subject:
    return msgspec.structs.replace(Story().subject("createOrder", _orderId="o", **body), supplied=supplied)


def paid_from(supplied: Supplied, at_order: str, at_payment: str) -> Subject:
    story = Story()
    story.tell("createOrder", _orderId="o", _deviceIp=at_order)
    return msgspec.structs.replace(story.subject("transaction", _orderId="o", _deviceIp=at_payment), supplied=supplied)


def value(name: str, subject: Subject) -> float | None:
    return FACT_OF_NAME[name].compute(subject)


ORDERS: list[tuple[str, float | None, dict[str, Any]]] = [
    ("ip_country_differs", 0, {"_deviceIp": HOME, **AT_HOME}),
    ("ip_country_differs", 1, {"_deviceIp": ABROAD, **AT_HOME}),
    ("ip_country_differs", None, {"_deviceIp": NOWHERE, **AT_HOME}),
    ("ip_country_differs", None, {"_deviceIp": ABROAD}),
    ("ip_country_differs_from_billing", 1, {"_deviceIp": ABROAD, **AT_HOME}),
    ("ip_country_differs_from_billing", 0, {"_deviceIp": HOME, **AT_HOME}),
    ("ip_country_differs_from_phone", 1, {"_deviceIp": ABROAD, **AT_HOME}),
    ("ip_country_differs_from_phone", 0, {"_deviceIp": HOME, **AT_HOME}),
    ("ip_country_differs_from_card", 1, {"_deviceIp": HOME, "_paymentMethods": [CARD]}),
    ("ip_country_differs_from_card", 0, {"_deviceIp": ABROAD, "_paymentMethods": [CARD]}),
    ("ip_country_differs_from_card", None, {"_deviceIp": ABROAD, "_paymentMethods": [{**CARD, "_cardBin": "400000"}]}),
    ("ip_zone_differs", 1, {"_deviceIp": HOME, "_customInfo": {"timezone": "Europe/Berlin"}}),
    ("ip_zone_differs", 0, {"_deviceIp": HOME, "_customInfo": {"timezone": "Asia/Kolkata"}}),
    ("ip_is_hosting", 1, {"_deviceIp": RACK}),
    ("ip_is_hosting", 0, {"_deviceIp": HOME}),
    ("ip_is_anonymous", 1, {"_deviceIp": ABROAD}),
    ("ip_is_anonymous", 0, {"_deviceIp": HOME}),
    ("card_country_differs_from_billing", 1, {"_paymentMethods": [CARD], **AT_HOME}),
    ("card_country_differs_from_billing", 0, {"_paymentMethods": [CARD], "_billingAddress": {"_country": "US"}}),
    ("card_country_differs_from_billing", None, {"_paymentMethods": [CARD]}),
    ("card_country_differs_from_delivery", 1, {"_paymentMethods": [CARD], **AT_HOME}),
    ("card_country_differs_from_delivery", 0, {"_paymentMethods": [CARD], "_shippingAddress": {"_country": "US"}}),
]


@pytest.mark.parametrize(("name", "wanted", "body"), ORDERS)
def test_an_order_says(supplied: Supplied, name: str, wanted: float | None, body: dict[str, Any]) -> None:
    assert value(name, ordered(supplied, **body)) == wanted
    assert value(name, ordered(None, **body)) is None
    assert value(name, ordered(Supplied(), **body)) is None


def test_a_payment_is_compared_with_its_order(supplied: Supplied) -> None:
    pairs = [(HOME, HOME), (HOME, RACK), (HOME, ABROAD), (HOME, NOWHERE)]
    told = [
        [value(name, paid_from(supplied, *pair)) for pair in pairs]
        for name in ("ip_country_changed", "ip_operator_changed")
    ]
    assert told == [[0, 0, 1, None], [0, 1, 1, None]]
    assert value("ip_country_changed", ordered(supplied, _deviceIp=HOME)) is None


def test_every_fact_that_is_looked_up_has_examples() -> None:
    shown = {name for name, _, _ in ORDERS} | {"ip_country_changed", "ip_operator_changed"}
    assert shown == {fact.name for fact in LOOKED_UP_FACTS}


def test_fields_tell_the_same_to_features_and_rules(supplied: Supplied) -> None:
    subject = ordered(supplied, _deviceIp=ABROAD)
    assert [FIELDS[name].read(subject) for name in ("ip_country", "ip_asn", "ip_operator")] == ["US", 64_502, None]
    assert FIELDS["ip_country"].read(ordered(None, _deviceIp=ABROAD)) is None


def test_the_files_are_named_with_their_versions(supplied: Supplied, tmp_path: Path) -> None:
    assert list(supplied.versions) == ["c.mmdb", "a.mmdb", "v.mmdb", "hosting.csv", "cards.csv"]
    assert all("sha256:" in version for version in supplied.versions.values())
