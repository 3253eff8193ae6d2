"""Every fact keeps the contract of facts: pure, safe with what is not said, finite, explained; found by discovery."""

import math
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fourthwatch.entities.supplied import read_supplied
from fourthwatch.events import KINDS
from fourthwatch.features.facts import FACT_OF_NAME, FACTS, UNITS, lookups
from fourthwatch.features.windows import Windows
from mmdb import write_mmdb
from said import ADDRESS, CARD, ORDER, every_value
from story import NOW_MS, Story

SUBJECTS = 2_000
REQUIRED: dict[str, dict[str, Any]] = {
    "createOrder": {"_orderId": "ord-1"},
    "update_order": {"_orderId": "ord-1"},
    "transaction": {"_orderId": "ord-1", "_transactionStatus": "_success"},
}
SAID_BY_ABSENCE = {"card_told", "device_told", "email_missing", "order_is_referred", "phone_missing"}
"""Facts about what is not said; for them an order that says nothing says something."""
ACCOUNT_KINDS = {"create_account", "update_account"}

REASON_NAMES = {
    "_sameBillShippAddress": "same_addresses",
    "_isFirstNameLastNameSame": "name_twice",
    "_validEmail": "email_names_person",
    "_shipAddressHasSecondField": "has_second_line",
    "_isOrdTransIpMatch": "ips_match",
    "short_shipping_address": "address_length",
    "incomplete_shipping_address": "address_missing_parts",
    "gibberish_detected_in_address": "address_at_random",
    "dummy_address_detected": "address_is_dummy",
    "dummy_name_detected": "name_is_dummy",
    "address_is_less_detailed": "address_less_detailed",
    "address_line_2_missing": "has_second_line",
    "address_contains_invalid_characters": "address_invalid_characters",
    "address_building_name_absent": "has_building_word",
    "address_locality_name_absent": "has_locality_word",
    "address_incorrect_pincode": "postcode_incorrect",
    "address_pincode_city_mismatch": "postcode_city_differs",
    "address_pincode_state_mismatch": "postcode_state_differs",
    "incomplete_pincode": "postcode_incomplete",
    "invalid_pincode": "postcode_invalid",
    "invalid_phone": "phone_valid",
    "invalid_email_address": "email_invalid",
    "invalid_email_domain": "email_domain_invalid",
    "gibberish_detected_in_email": "email_at_random",
    "short_email": "email_length",
    "potential_fraud_email": "email_is_disposable",
    "new_customer_on_your_store": "is_first_order_told",
    "_accountAge": "account_age_told",
    "_ipLocation": "ip_country_differs",
}
"""The names of contract.json's `reason_names` that one event can decide by itself; the others count what happened
before."""
ONE_FACT_TWO_NAMES = {"_shipAddressHasSecondField"}


def test_facts_are_discovered_named_once_and_explained() -> None:
    assert len(FACTS) == 159
    assert len(FACT_OF_NAME) == len(FACTS)
    assert len({fact.says for fact in FACTS}) == len(FACTS)
    for fact in FACTS:
        assert fact.name.isidentifier()
        assert fact.name == fact.name.lower()
        assert fact.unit in UNITS
        assert 10 < len(fact.says) <= 100
        assert fact.says[0] != fact.says[0].upper() or fact.says.startswith("Saturday")
        assert fact.reason.isidentifier()


def test_every_unit_of_the_closed_set_is_used() -> None:
    assert {fact.unit for fact in FACTS} == UNITS


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_an_event_that_says_nothing_says_nothing(name: str) -> None:
    subject = Story().subject(name, _userId="asha", **REQUIRED.get(name, {}))
    told = {name for name, value in every_value(subject).items() if value is not None}
    if name in ACCOUNT_KINDS:
        told -= {"profile_completeness", "has_social_sign_on", "is_referred"}
    assert told <= SAID_BY_ABSENCE | {"payment_failed", "login_failed"}


@pytest.mark.parametrize("reason", REASON_NAMES)
def test_a_reason_that_needs_no_history_has_its_fact(reason: str) -> None:
    fact = FACT_OF_NAME[REASON_NAMES[reason]]
    assert fact.reason == reason or reason in ONE_FACT_TWO_NAMES


def test_an_empty_address_of_the_go_client_says_nothing() -> None:
    values = every_value(Story().subject("createOrder", _orderId="ord-1", _shippingAddress={}, _billingAddress={}))
    assert values["address_missing_parts"] is None
    assert values["address_completeness"] is None
    assert values["city_missing"] is None
    assert values["phone_missing"] is None


@pytest.mark.slow
def test_two_thousand_ugly_subjects_give_finite_numbers_twice_the_same(tmp_path: Path) -> None:
    chance = random.Random(11)
    known = set()
    files = {
        "ips.csv": "203.0.113.0,203.0.113.99,64500,IN,Home\n203.0.113.100,203.0.113.255,64501,US,Racks\n",
        "hosting.csv": "64501\n",
        "cards.csv": "bin,country\n411111,US\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    listed = {"203.0.113.0/25": {"is_anonymous_vpn": True}}
    ips = (tmp_path / "ips.csv", tmp_path / "hosting.csv", write_mmdb(tmp_path / "a.mmdb", "Anonymous-IP", listed))
    supplied = read_supplied(ips, tmp_path / "cards.csv")
    for number in range(SUBJECTS):
        subject = ugly_subject(chance)
        if number % 4:
            subject = msgspec.structs.replace(subject, supplied=supplied)
        values = every_value(subject)
        assert values == every_value(subject)
        for name, value in values.items():
            if value is not None:
                known.add(name)
                assert math.isfinite(value), name
                assert FACT_OF_NAME[name].unit != "0 or 1" or value in (0, 1), name
                assert FACT_OF_NAME[name].unit != "hour" or 0 <= value <= 23
                assert FACT_OF_NAME[name].unit != "weekday" or 0 <= value <= 6
    assert known == FACT_OF_NAME.keys()


def test_every_table_has_a_version_to_show() -> None:
    assert len(lookups()) == 9
    assert all(version and version[0].isdigit() for version in lookups().values())


UGLY = (
    "", " ", "\u0001", "\u200b", "🍕", "a", "0", "-1", "NaN", "1e309", "९८२०१३३४१७", "१२, कमल मार्ग", "улица Ленина 5",
    "null", "test", "asdfgh", "x" * 3_000, "<script>", "'; x --", "上海市浦东", "ß", "İ", "ﷺ" * 40, "a@b", "@",
    "a@b.co.in", "x7k2q9w4@mailinator.com", "1/1/2020", "+", "00", "++91", "9" * 70, "c/o PO Box 5", "01", "12",
)  # fmt: skip
_GOOD: dict[str, tuple[Any, ...]] = {
    "_country": ("IN", "US", "GB", "india", "CN", "AE", "DE"),
    "_zipcode": ("411001", "90210", "SW1A 1AA", "10115", "4110"),
    "_region": ("Maharashtra", "CA", "KL", "NSW"),
    "_city": ("Pune", "mumbai", "London"),
    "_phone": ("+919820133417", "098201 33417", "+442079460018", "+18005550123", "9999999999"),
    "_userEmail": ("asha.rao+1@gmail.com", "info@shop.de", "xkcdqwr@qwrtpsdf.com", "a@mailinator.com"),
    "_cardBin": ("411111", "4111 11"),
    "_cardExpiryMonth": ("1", "12"),
    "_cardExpiryYear": ("2019", "30"),
    "_amount": ("500", "19.99", "0", "-5", "10000"),
    "_price": ("10", "99.5"),
    "_discountPrice": ("5", "8"),
    "_percentageOff": ("10", "250"),
    "_currencyCode": ("INR", "usd", "PTS", "JPY"),
    "_paymentType": ("_creditCard", "_wallet", "_giftCard", "_cash", "_cryptoCurrency", "_invoice"),
    "_avsResponseCode": ("Y", "N", "U"),
    "_cvvResponseCode": ("M", "N"),
    "_age": ("19", "200"),
    "_rating": ("4.5", "5"),
    "_createdDate": ("2026-01-01", "1700000000"),
    "_emailConfirmedStatus": ("_success", "_pending"),
    "_phoneConfirmedStatus": ("_success", "_failure"),
    "_deviceIp": ("203.0.113.7", "203.0.113.170", "10.0.0.1", "::1", "2001:db8::1"),
    "_status": ("_success", "_Failed"),
    "_content": ("call me +91 98201 33417 or WWW.example.com", "HELLO"),
}  # fmt: skip


def ugly_subject(chance: random.Random) -> Any:
    """A random event of any kind with random parts, good and ugly; at times about an order told before."""
    story = Story(windows=Windows())  # facts ask no history
    kind = chance.choice(KINDS)
    at_ms = NOW_MS + chance.randrange(-(10**11), 10**10)
    order = ugly({**ORDER, "_items": [ITEM, ITEM], "_promotions": [PROMOTION]} | FLAGS, chance)
    if kind.name != "createOrder" and chance.random() < 0.5:
        story.tell("createOrder", at_ms, **{**order, "_orderId": "ord-1", "_userId": "asha"})
    body = ugly(WHOLE.get(kind.name, {**ORDER, **FLAGS}), chance)
    return story.subject(kind.name, at_ms, **{**body, "_orderId": "ord-1", "_userId": "asha"})


def ugly(part: Any, chance: random.Random, key: str = "") -> Any:
    """A part with some values left out and some replaced."""
    if isinstance(part, dict):
        return {key: ugly(value, chance, key) for key, value in part.items() if chance.random() < 0.85}
    if isinstance(part, list):
        return [ugly(one, chance, key) for one in part * chance.choice((0, 1, 1, 2))]
    drawn = chance.random()
    if isinstance(part, str) and drawn < 0.25:
        return chance.choice(UGLY)
    if drawn < 0.7 and key in _GOOD:
        return chance.choice(_GOOD[key])
    return not part if isinstance(part, bool) and drawn < 0.5 else part


ITEM: dict[str, Any] = {
    "_itemId": "i1", "_price": "10", "_discountPrice": "8", "_quantity": 2, "_maxQuantity": 2, "_category": "Toys",
    "_isOnSale": True, "_country": "CN",
    "_seller": {"_sellerId": "asha", "_email": "s@example.com", "_createdDate": "2026-01-01",
                "_onboardingIpAddress": "203.0.113.7"},
}  # fmt: skip
PROMOTION: dict[str, Any] = {
    "_promotionId": "TEN", "_status": "_success", "_amount": "5", "_percentageOff": "10", "_referrerUserId": "ravi",
}  # fmt: skip
FLAGS: dict[str, Any] = {
    "_isGift": True, "_hasExpeditedShipping": True, "_isReturn": False, "_isFirstTimeBuyer": True,
    "_shippingMethod": "_physical", "_orderReferrer": "friend",
    "_shippingAddress": {**ADDRESS, "_isOfficeAddress": True, "_isHomeAddress": False},
    "_paymentMethods": [{**CARD, "_amount": "500", "_currencyCode": "INR", "_avsResponseCode": "Y",
                         "_cvvResponseCode": "M"}],
    "_customInfo": {"userAgent": "Mozilla/5.0 (Linux; Android 14) Chrome/130.0", "timezoneOffset": -330,
                    "timezone": "Asia/Kolkata", "language": "en-IN", "userCreatedAt": "1700000000000",
                    "firstName": "Asha", "lastName": "Rao"},
}  # fmt: skip
ACCOUNT: dict[str, Any] = {
    "_userEmail": "asha.rao@example.com", "_firstName": "Asha", "_lastName": "Rao", "_phone": "+919820133417",
    "_age": "30", "_shippingAddress": ADDRESS, "_emailConfirmedStatus": "_success",
    "_phoneConfirmedStatus": "_success", "_referralCode": "r", "_googleId": "g",
}  # fmt: skip
WHOLE: dict[str, dict[str, Any]] = {
    "create_account": ACCOUNT,
    "update_account": ACCOUNT,
    "login": {"_loginStatus": "_failure", "_deviceIp": "203.0.113.7"},
    "transaction": {
        "_userEmail": "asha.rao@example.com", "_deviceIp": "203.0.113.7", "_transactionStatus": "_failure",
        "_transactionType": "_refund", "_paymentMethod": CARD, "_amount": "500", "_currencyCode": "INR",
    },
    "add_to_cart": {"_item": ITEM},
    "remove_from_cart": {"_item": ITEM},
    "add_promotion": {"_promotions": [PROMOTION]},
    "submit_review": {"_reviewTitle": "Fine", "_content": "x", "_reviewContent": "Nice, see www.example.com",
                      "_rating": "5"},
    "send_message": {"_subject": "Hello", "_content": "call +91 98201 33417"},
}  # fmt: skip
