"""Lists in memory: what holds what, until when, against a plain reading of every entry; and what rules hear of it."""

import ipaddress
from random import Random
from typing import Any

import msgspec
import pytest

from fourthwatch.errors import LanguageError
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.list_types import LIST_TYPES, form_of
from fourthwatch.features.lists import Entry, List, Lists
from fourthwatch.features.observe import Present
from fourthwatch.features.windows import Windows
from fourthwatch.language import read
from fourthwatch.rules.check import check_set
from fourthwatch.rules.rule import RuleSet
from fourthwatch.rules.ruling import Ruling
from rules.judging import TENANT, rule
from story import NOW_MS, Story

SEEDS = range(200)


def filled(type_name: str, *values: str, name: str = "it", expires_ms: int | None = None) -> Lists:
    one = List(1, name, type_name, "block")
    for number, value in enumerate(values, 1):
        form = form_of(type_name, value)
        assert form is not None, value
        one.put(Entry(number, form, expires_ms))
    lists = Lists()
    lists.put(TENANT, one)
    return lists


def judged(lists: Lists, condition: str, received_ms: int = 0, **body: Any) -> bool | None:
    """What a rule with this condition says of an order with this body."""
    book = built_in().for_tenant()
    book.lists = lambda: lists.words(TENANT)

    checked = check_set(RuleSet((rule(when=condition),), -15.0), book, TENANT)
    windows = Windows(asked={TENANT: checked.asking})
    windows.lists = lists
    ruling = Ruling(checked, windows)
    subject = Story(TENANT, windows).subject("createOrder", NOW_MS, **{"_orderId": "o-1", **body})
    subject = msgspec.structs.replace(subject, received_ms=received_ms)
    return {"h": True, "m": False, "u": None}[ruling.judge(Present(subject, {})).results]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_address_is_in_a_list_when_a_plain_reading_of_every_entry_says_so(seed: int) -> None:
    random = Random(seed)
    one = List(1, "it", "ip", "block")
    held: dict[str, tuple[int, int | None]] = {}

    def value() -> str:
        if random.random() < 0.3:
            base = f"2001:db8:{random.randrange(4):x}::{random.randrange(4):x}"
            return base if random.random() < 0.5 else f"{base}/{random.choice((32, 48, 64, 127, 128))}"
        base = f"10.{random.randrange(3)}.{random.randrange(3)}.{random.randrange(4)}"
        return base if random.random() < 0.4 else f"{base}/{random.choice((0, 8, 15, 16, 24, 31, 32))}"

    for number in range(1, 40):
        form = form_of("ip", value())
        assert form is not None
        if random.random() < 0.3:
            one.drop(form)
            held.pop(form, None)
        else:
            expires = random.choice((None, None, 50, 150))
            one.put(Entry(number, form, expires))
            held[form] = (number, expires)
    assert len(one) == len(held)
    for _ in range(60):
        address = form_of("ip", value().partition("/")[0])
        assert address is not None
        around = [
            (ipaddress.ip_network(form).prefixlen, number)
            for form, (number, expires) in held.items()
            if ipaddress.ip_network(form).version == ipaddress.ip_address(address).version
            and ipaddress.ip_address(address) in ipaddress.ip_network(form)
            and (expires is None or expires > 100)
        ]
        assert one.holding(address, 100) == (max(around)[1] if around else None), address


@pytest.mark.parametrize(
    ("type_name", "entry", "asked", "body", "other"),
    [
        ("user", "asha", "user", {"_userId": "asha"}, {"_userId": "Asha"}),
        ("email", "a.sha@gmail.com", "email", {"_userEmail": "ASHA@googlemail.com"}, {"_userEmail": "b@gmail.com"}),
        ("email_domain", "example.com", "email", {"_userEmail": "x@EXAMPLE.com"}, {"_userEmail": "x@a.example.com"}),
        ("phone", "+919876543210", "phone",
         {"_shippingAddress": {"_phone": "098765 43210", "_country": "IN"}}, {"_shippingAddress": {"_phone": "+911"}}),
        ("ip", "203.0.113.0/24", "ip", {"_deviceIp": "203.0.113.77"}, {"_deviceIp": "203.0.114.77"}),
        ("device", "d-1", "device", {"_deviceId": "d-1"}, {"_deviceId": "d-2"}),
        ("postcode", "560001", "postcode", {"_shippingAddress": {"_zipcode": "560 001", "_country": "IN"}},
         {"_shippingAddress": {"_zipcode": "560002", "_country": "IN"}}),
        ("item", "sku-9", "item_code", {"_items": [{"_itemId": "sku-8"}, {"_itemId": "sku-9"}]},
         {"_items": [{"_itemId": "sku-8"}]}),
        ("text", "gift  CARD", "custom.note", {"_customInfo": {"note": "Gift card"}},
         {"_customInfo": {"note": "gift"}}),
        ("text", "ASHA", "user", {"_userId": "Asha"}, {"_userId": "Ash"}),
        ("ip", "203.0.113.9", "custom.proxy", {"_customInfo": {"proxy": "203.0.113.9"}},
         {"_customInfo": {"proxy": "203.0.113.8"}}),
    ],
)  # fmt: skip
def test_what_an_event_names_is_found_in_its_normal_form(
    type_name: str, entry: str, asked: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    lists = filled(type_name, entry)
    condition = f'in_list({asked}, "it")'
    assert judged(lists, condition, **body) is True
    assert lists.found == [1]
    lists.found.clear()
    assert judged(lists, condition, **other) in (False, None)
    assert judged(lists, condition, _sessionId="s-1") is None
    assert lists.found == []


@pytest.mark.parametrize(
    "card", [{"_cardBin": "411111", "_cardLast4": "1111", "_expirationMonth": "7", "_expirationYear": "2031"}]
)
def test_a_card_is_found_by_itself_and_by_its_bank(card: dict[str, str]) -> None:
    body: dict[str, Any] = {"_paymentMethods": [{"_cardBin": "550000", "_cardLast4": "0004"}, card]}
    whole, bank = filled("card", "411111-1111 07/31"), filled("bin", "411111")
    known = judged(whole, 'in_list(card, "it")', **body)
    assert known in (True, False)
    assert judged(bank, 'in_list(card, "it")', **body) is True
    assert judged(bank, 'in_list(bin, "it")', **body) is True
    assert judged(filled("bin", "424242"), 'in_list(card, "it")', **body) is False


def test_an_entry_ends_by_when_an_event_was_received() -> None:
    lists = filled("user", "asha", expires_ms=1_000)
    assert judged(lists, 'in_list(user, "it")', received_ms=999, _userId="asha") is True
    assert judged(lists, 'in_list(user, "it")', received_ms=1_000, _userId="asha") is False


def test_a_list_that_is_gone_is_unknown_and_another_tenants_is_not_asked() -> None:
    lists = filled("user", "asha")
    foreign = Lists()
    foreign.put(TENANT + 1, List(1, "it", "user", "block"))
    assert judged(lists, 'not in_list(user, "it")', _userId="asha") is False
    with pytest.raises(Exception, match="no list"):
        judged(foreign, 'in_list(user, "it")', _userId="asha")


def test_every_type_says_what_it_wants_and_refuses_what_is_none() -> None:
    assert len(LIST_TYPES) == 12
    for row in LIST_TYPES.values():
        assert row.says
        assert row.wanted
        for wrong in ("", " ", "\x00", "x" * 2_000):
            assert form_of(row.name, wrong) is None, (row.name, wrong)
        assert row.things or row.name == "text"


def test_a_feature_may_not_ask_a_list() -> None:
    book = built_in().for_tenant()
    book.lists = lambda: filled("user", "asha").words(TENANT)
    with pytest.raises(LanguageError) as refused:
        read('in_list(user, "it")', book.schema)
    assert refused.value.diagnostics[0].code == "no_lists_here"
    assert read('in_list(user, "it")', book.rule_schema).type == "truth"
