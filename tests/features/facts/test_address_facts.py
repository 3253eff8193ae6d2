"""Facts of the delivery address on orders made by hand: yes, no and unknown of each."""

import pytest

from fourthwatch.features.facts.address import ADDRESS_FACTS
from said import Example, Value, on_address, on_event, on_order, without_examples, wrong


def says(name: str, expected: Value, **changed: str | bool | None) -> Example:
    return name, expected, on_address(name, **changed)


def silent(name: str) -> Example:
    return name, None, on_order(name, _shippingAddress=None)


EXAMPLES = [
    *(silent(fact.name) for fact in ADDRESS_FACTS),
    says("address_length", 31, _address1="Flat 3, 12 Lotus Street", _address2="Sector 9"),
    says("address_digits", 4, _address1="Flat 3, 12 Lotus Street", _address2="Sector 9"),
    says("address_words", 3, _address1="12 Lotus Street", _address2=None),
    says("address_longest_word", 6, _address1="12 Lotus Street", _address2=None),
    says("address_longest_word", 17, _address1="12LotusStreetPune", _address2=None),
    says("address_commas", 2, _address1="3, Lotus, Street", _address2=None),
    says("address_symbols", 2, _address1="#3/4 Lotus", _address2=None),
    says("address_symbols", 1, _address1="१२ कमल मार्ग (पुणे", _address2=None),
    says("address_digit_share", 0.25, _address1="1 abc", _address2=None),
    says("has_house_number", 1, _address1="12 Lotus Street"),
    says("has_house_number", 0, _address1="Lotus Street", _address2=None),
    says("has_building_word", 1, _address1="Lotus Towers, Pune"),
    says("has_building_word", 0, _address1="12 MG Road", _address2=None),
    says("has_building_word", None, _address1="१२ कमल मार्ग", _address2=None),
    says("has_locality_word", 1, _address1="12 Shivajinagar", _address2=None),
    says("has_locality_word", 1, _address1="Lindenstraße 4", _address2=None),
    says("has_locality_word", 0, _address1="Lotus Towers 4", _address2=None),
    says("has_landmark", 1, _address1="Opp. City Mall"),
    says("has_landmark", 0, _address1="12 Lotus Street"),
    says("has_second_line", 1),
    says("has_second_line", 0, _address2=None),
    says("has_second_line", None, _address1=None),
    says("address_repeats_line", 1, _address1="12 Lotus Street", _address2="12 lotus street "),
    says("address_repeats_line", 0),
    says("address_at_random", 1, _address1="asdfgh jkl"),
    says("address_at_random", 0, _address1="12 Lotus Street"),
    says("address_repeated_words", 2, _address1="Lotus Lotus Lotus", _address2=None),
    says("address_is_dummy", 1, _address1="test", _address2=None),
    says("address_is_dummy", 1, _address1="12 Test Street", _address2=None),
    says("address_is_dummy", 1, _address1="my home", _address2=None),
    says("address_is_dummy", 1, _address1="xxxx", _address2="xxxx"),
    says("address_is_dummy", 1, _address1="12345", _address2=None),
    says("address_is_dummy", 0, _address1="12 House Street", _address2=None),
    says("address_is_dummy", 0, _address1="12 First Street", _address2=None),
    says("address_is_dummy", 0, _address1="B 12", _address2="Nehru Place"),
    says("address_invalid_characters", 3, _address1="12 Lotus* Street <b", _address2="🍕"),
    says("address_invalid_characters", 0, _address1="12/3-B, Lotus St. (rear) #4"),
    says("address_less_detailed", 1, _address1="Pune", _address2=None),
    says("address_less_detailed", 0, _address1="12 Lotus Street", _address2=None),
    says("address_missing_parts", 0),
    says("address_missing_parts", 2, _city=None, _zipcode=" "),
    says("address_missing_parts", 0, _country="AE", _zipcode=None),
    says("address_completeness", 1),
    says("address_completeness", 0.75, _phone=None, _address2=None),
    says("address_is_collection_point", 1, _address1="P.O. Box 77", _address2=None),
    says("address_is_collection_point", 1, _address1="c/o Ravi Iyer, 4 MG Road"),
    says("address_is_collection_point", 0, _address1="4 Boxwood Lane", _address2=None),
    says("address_holds_contact", 1, _address1="12 Lotus Street call 9820133417"),
    says("address_holds_contact", 1, _address1="mail me a.b@example.com"),
    says("address_holds_contact", 0),
    says("city_missing", 1, _city=" "),
    says("city_missing", 0),
    says("region_missing", 1, _region=None),
    says("region_missing", 0),
    says("city_at_random", 1, _city="xkcdqwrty"),
    says("city_at_random", 0, _city="Bengaluru"),
    says("city_has_digits", 1, _city="Pune 4"),
    says("city_has_digits", 0),
    says("postcode_missing", 1, _zipcode=None),
    says("postcode_missing", 0),
    says("postcode_missing", None, _country="AE", _zipcode=None),
    says("postcode_invalid", 1, _zipcode="011001"),
    says("postcode_invalid", 1, _zipcode="290001"),
    says("postcode_invalid", 0, _zipcode="411 001"),
    says("postcode_invalid", 0, _country="GB", _zipcode="sw1a1aa"),
    says("postcode_invalid", 1, _country="US", _zipcode="9021"),
    says("postcode_invalid", None, _country=None),
    says("postcode_incomplete", 1, _zipcode="4110"),
    says("postcode_incomplete", 0, _zipcode="4110011"),
    says("postcode_state_differs", 1, _region="Kerala"),
    says("postcode_state_differs", 0, _region="MH"),
    says("postcode_state_differs", None, _region="Narnia"),
    says("postcode_state_differs", None, _zipcode="900001"),
    says("postcode_state_differs", 1, _country="US", _zipcode="90210", _region="New York"),
    says("postcode_city_differs", 1, _city="Mumbai"),
    says("postcode_city_differs", 0, _city="PUNE"),
    says("postcode_city_differs", None, _city="Smalltown"),
    says("postcode_incorrect", 1, _zipcode="4110"),
    says("postcode_incorrect", 1, _city="Mumbai"),
    says("postcode_incorrect", 0),
    says("is_office_address", 1, _isOfficeAddress=True),
    says("is_office_address", 0, _isOfficeAddress=False),
    says("is_home_address", 1, _isHomeAddress=True),
    says("is_home_address", 0, _isHomeAddress=False),
]


def test_every_fact_of_the_address_has_its_examples() -> None:
    assert without_examples(ADDRESS_FACTS, EXAMPLES) == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example[0]}={example[1]}")
def test_an_address_says(example: Example) -> None:
    assert not wrong([example])


def test_the_delivery_address_of_an_account_counts_too() -> None:
    assert on_event("has_house_number", "create_account", _userId="asha", _shippingAddress={"_address1": "4 Elm"}) == 1
