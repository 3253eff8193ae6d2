"""What a number is by its country's plan: our reading against the library's own, and digits that look made up."""

import random

import phonenumbers
import pytest

from fourthwatch.entities.phone_plan import longest_digit_run, looks_invented, number_kind, phone_facts

KIND_OF_TYPE = {
    phonenumbers.PhoneNumberType.MOBILE: "mobile",
    phonenumbers.PhoneNumberType.FIXED_LINE: "fixed",
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed or mobile",
    phonenumbers.PhoneNumberType.VOIP: "voip",
    phonenumbers.PhoneNumberType.TOLL_FREE: "toll free",
    phonenumbers.PhoneNumberType.PREMIUM_RATE: "premium",
    phonenumbers.PhoneNumberType.SHARED_COST: "shared cost",
    phonenumbers.PhoneNumberType.UNKNOWN: "unassigned",
}
TYPES = range(11)


def sampled_keys(chance: random.Random) -> list[str]:
    """Numbers of every country and kind, and as many that share only their first digits."""
    keys = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for type_ in TYPES:
            number = phonenumbers.example_number_for_type(region, type_)
            if number is not None:
                key = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
                keys += [key, key[:5] + "".join(chance.choice("0123456789") for _ in key[5:])]
    return keys


def test_a_plan_is_read_as_the_library_reads_it() -> None:
    compared = 0
    for key in sampled_keys(random.Random(5)):
        number = phonenumbers.parse(key)
        if phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) != key:
            continue
        kind = KIND_OF_TYPE.get(phonenumbers.number_type(number), "other")
        assert number_kind(key) == (kind if phonenumbers.is_valid_number(number) else "unassigned"), key
        compared += 1
    assert compared > 2_000


@pytest.mark.parametrize("text", ["", "+", "919820133417", "+999123456", "+" + "9" * 100])
def test_what_is_no_key_has_no_kind(text: str) -> None:
    assert number_kind(text) in (None, "unassigned")


@pytest.mark.parametrize(
    ("text", "invented"),
    [
        ("9999999999", True),
        ("1212121212", True),
        ("9000000001", True),
        ("98765 43210", True),
        ("1234567890", True),
        ("0123456", True),
        ("9820133417", False),
        ("९८२०१३३४१७", False),
        ("+44 20 7946 0018", False),
        ("123456", None),
        ("none", None),
    ],
)
def test_digits_that_nobody_was_given_are_told(text: str, invented: bool | None) -> None:
    assert looks_invented(text) is invented


def test_a_run_goes_over_separators() -> None:
    assert longest_digit_run("98-2 2(2)2 17") == 4
    assert longest_digit_run("") == 0


def test_a_number_without_country_is_unknown_unless_it_carries_its_own() -> None:
    assert phone_facts("9820133417", None).kind is None
    assert phone_facts("+919820133417", None).kind == "mobile"
    assert phone_facts("+919820133417", None).country == "IN"
    assert phone_facts("+91 98", None).kind == "unassigned"
