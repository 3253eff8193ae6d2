"""Address normal forms and the facts about their writing."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourthwatch.entities.address import (
    AddressFacts,
    address_facts,
    address_key,
    looks_typed_at_random,
    same_address,
)
from fourthwatch.limits import BODY_BYTES_MAX

MAYBE_TEXT = st.none() | st.text(st.characters())


def _us(address1: str | None, address2: str | None = None, zipcode: str | None = "10001") -> str | None:
    return address_key(address1, address2, "New York", "NY", zipcode, "US")


def _in(address1: str, address2: str | None = None) -> str | None:
    return address_key(address1, address2, "Bengaluru", "KA", "560001", "IN")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_us("12 High Street"), _us("12 HIGH ST.")),
        (_us("12 High Street", "Apt 3"), _us("Apartment 3, 12 High St")),
        (_us("12 High St Flat 3"), _us("12, High St", "apt. 3")),
        (_us("350 5th Ave"), _us("350 Fifth Avenue")),
        (_us("1 N Main Blvd"), _us("1 North Main Boulevard")),
        (_us("12 St John's Road"), _us("12 Saint Johns Rd")),
        (_us("12-B High St"), _us("12b High St")),
        (_us("12 High St", zipcode="10001-1234"), _us("12 High St", zipcode="10001")),
        (_us("12 High St", "n/a"), _us("12 High St", None)),
        (_us("１２ High St"), _us("12 High St")),
        (_us("12 Rue Émile"), _us("12 rue Emile")),
        (_us("12 Rue E\u0301mile"), _us("12 rue Émile")),
        (_us("12\u00a0High\u2003St"), _us("12 High St")),
        (_us("12 Hi\u200bgh St"), _us("12 High St")),
        (_in("No. 12, 4th Cross, Gandhi Nagar"), _in("# 12 4th Crs", "Gandhi Nagar")),
        (_in("Flat No 3, 12 MG Road"), _in("12 MG Rd.", "flat 3")),
        (
            address_key("Lindenstr. 5", None, "Berlin", None, "10969", "DE"),
            address_key("Lindenstraße 5", "", "berlin", "BE", "10969", "Germany"),
        ),
        (
            address_key("1 High St", None, "London", None, "sw1a 1aa", "UK"),
            address_key("1 High St", None, "Westminster", None, "SW1A1AA", "GB"),
        ),
        (
            address_key("1 High St", None, "São Paulo", "SP", None, "BR"),
            address_key("1 High St", None, "SAO PAULO", "Sao Paulo", "", "br"),
        ),
    ],
)
def test_two_spellings_of_one_address_share_a_key(one: str | None, other: str | None) -> None:
    assert same_address(one, other) is True


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_us("12 High St"), _us("13 High St")),
        (_us("12 High St"), _us("12 Low St")),
        (_us("12 High St"), _us("12 High Rd")),
        (_us("12 High St"), _us("12 High St", "Apt 3")),
        (_us("12 High St", "Apt 3"), _us("3 High St", "Apt 12")),
        (_us("12 High St"), _us("12 High St", zipcode="10002")),
        (_us("12 High St", zipcode=None), _us("12 High St")),
        (_us("12 High St"), _us("12 Нigh St")),  # the second has a Cyrillic H
        (_us("12 हिन्दी"), _us("12 हन्दी")),
        (_us("12 がれ"), _us("12 かれ")),
        (
            address_key("1 High St", None, "Leeds", None, None, "GB"),
            address_key("1 High St", None, "York", None, None, "GB"),
        ),
        (
            address_key("1 High St", None, None, "Kent", None, "GB"),
            address_key("1 High St", None, None, "Essex", None, "GB"),
        ),
        (
            address_key("1 High St", None, None, None, "10001", "US"),
            address_key("1 High St", None, None, None, "10001", "DE"),
        ),
        (
            address_key("1 High St", None, None, None, "10001", "NA"),
            address_key("1 High St", None, None, None, "10001", None),
        ),
    ],
)
def test_two_addresses_stay_apart(one: str | None, other: str | None) -> None:
    assert same_address(one, other) is False


@pytest.mark.parametrize("empty", [None, "", " ", "-", "n/a", "NULL", "none", "undefined", "?!", "\u200b"])
def test_with_neither_line_nor_postcode_an_address_is_unknown(empty: str | None) -> None:
    assert address_key(empty, empty, "New York", "NY", empty, "US") is None
    assert address_facts(empty, empty) is None
    assert address_key(empty, empty, "Pune", "MH", "000000", "IN") is None
    assert address_key(None, None, None, None, "10001", None) is not None


def test_a_key_shows_its_version_and_nothing_of_the_address() -> None:
    key = _us("12 High St")
    assert key is not None
    assert re.fullmatch("a1:[0-9a-f]{32}", key)


def test_a_key_is_the_same_in_every_run() -> None:
    # Keys are stored: whoever changes this one raises the number in front.
    assert _us("12 High Street", "Apt. 3") == "a1:d6ba9a40a2b0dd03ef3d9cd18b2325c8"


@settings(deadline=None)
@given(MAYBE_TEXT, MAYBE_TEXT, MAYBE_TEXT, MAYBE_TEXT, MAYBE_TEXT, MAYBE_TEXT)
def test_no_text_is_refused_with_an_error(
    one: str | None,
    two: str | None,
    city: str | None,
    region: str | None,
    zipcode: str | None,
    country: str | None,
) -> None:
    key = address_key(one, two, city, region, zipcode, country)
    assert address_key(two, one, city, region, zipcode, country) == key or key is None or one or two
    facts = address_facts(one, two)
    assert facts is None or facts.tokens > facts.repeated_tokens >= 0
    looks_typed_at_random(one or "")


@settings(deadline=None)
@given(st.lists(st.sampled_from(["High", "Street", "4th", "flat 3", "12", "Rose Villa", "Émile"]), unique=True))
def test_the_order_of_the_parts_makes_no_difference(parts: list[str]) -> None:
    assert _us(", ".join(parts)) == _us(", ".join(reversed(parts)))
    half = len(parts) // 2
    assert _us(", ".join(parts)) == _us(", ".join(parts[half:]), ", ".join(parts[:half]))


@pytest.mark.parametrize("part", ["a", "1", " ", "a ", "é", "flat 3 ", "\u0301", "ﷺ"])
def test_of_texts_as_long_as_a_body_only_the_beginning_counts(part: str) -> None:
    text = part * (BODY_BYTES_MAX // len(part))
    assert address_key(text, text, text, text, text, text) == address_key(*[text + "x"] * 6)
    facts = address_facts(text, text)
    assert facts is None or facts.length <= 1024
    looks_typed_at_random(text)


def test_facts_count_what_is_written() -> None:
    assert address_facts("12 High Street", "Apt 34") == AddressFacts(
        length=20, digits=4, tokens=4, has_house_number=True, has_second_line=True, repeated_tokens=0
    )
    assert address_facts("test test TEST", None) == AddressFacts(
        length=14, digits=0, tokens=3, has_house_number=False, has_second_line=False, repeated_tokens=2
    )


def test_an_ordinal_is_no_house_number() -> None:
    facts = address_facts("4th Avenue", "-")
    assert facts is not None
    assert not facts.has_house_number
    assert not facts.has_second_line


@pytest.mark.parametrize(
    "text",
    [
        "12 High Street",
        "350 Fifth Avenue, Apt 3",
        "Angstschweißgasse 5",
        "Knightsbridge",
        "Schlossstrasse",
        "221B Baker Street",
        "HSR Layout, Sector 2",
        "Thiruvananthapuram",
        "Property Lane",
        "Wertheimstrasse",
        "Hauptstr. 5",
        "Krzysztofa Komedy",
        "Pkwy Blvd Church Rd",
        "Brighton Wharf",
        "Rhythm House",
        "Vrchlického",
        "Jl. Jenderal Sudirman",
        "Powerscourt",
        "Aoyama Eiouan",
    ],
)
def test_words_do_not_look_typed_at_random(text: str) -> None:
    assert looks_typed_at_random(text) is False


@pytest.mark.parametrize(
    "text",
    [
        "asdfgh",
        "asdf asdf",
        "xkcdqwr",
        "qwertyuiop",
        "sdkfjhsdkf",
        "aaaaaaa",
        "bbbb cccc",
        "hjkl hjkl 12",
        "zxcvbnm",
    ],
)
def test_fingers_on_a_keyboard_do(text: str) -> None:
    assert looks_typed_at_random(text) is True


@pytest.mark.parametrize(
    "text", ["", "12345", "abc", "abcde", "St Rd Ave", "улица Ленина", "北京市朝阳区", "हिन्दी मार्ग", "\ud800"]
)
def test_too_few_letters_or_another_script_is_unknown(text: str) -> None:
    assert looks_typed_at_random(text) is None


def test_keys_compare_only_when_both_are_known_and_of_one_version() -> None:
    assert same_address(None, "a1:00") is None
    assert same_address("a1:00", None) is None
    assert same_address("a1:00", "a2:00") is None
    assert same_address("a1:00", "a1:00") is True
    assert same_address("a1:00", "a1:01") is False
