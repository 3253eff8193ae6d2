"""Facts of the delivery address: whether a parcel can reach anybody there, the first cause of return to origin."""

from operator import attrgetter

from fourthwatch.entities.address import looks_typed_at_random
from fourthwatch.entities.address_look import AddressLook, address_look
from fourthwatch.entities.country import country_code
from fourthwatch.entities.postcode import (
    is_postcode_form,
    is_postcode_incomplete,
    is_postcode_of_city,
    is_postcode_of_state,
    postcode_countries,
)
from fourthwatch.features.facts.fact import Compute, Fact, is_stated, said, truth
from fourthwatch.features.subject import Subject

_DETAILS_WORDS_MIN = 4
_DETAILS_MIN = 2
_WITH_POSTCODES = postcode_countries()


def _look(subject: Subject) -> AddressLook | None:
    address = subject.shipping_address()
    return None if address is None else address_look(address.address1, address.address2)


def _of_look(attribute: str) -> Compute:
    read = attrgetter(attribute)

    def compute(subject: Subject) -> float | None:
        look = _look(subject)
        value: float | None = None if look is None else read(look)
        return None if value is None else float(value)

    return compute


def address_length(subject: Subject) -> float | None:
    """Characters of both lines; unknown without a first line."""
    address = subject.shipping_address()
    if address is None or address.address1 is None:
        return None
    return len(address.address1.strip()) + len((address.address2 or "").strip())


def has_second_line(subject: Subject) -> float | None:
    """Unknown without a first line."""
    address = subject.shipping_address()
    return None if address is None or address.address1 is None else float(address.address2 is not None)


def address_at_random(subject: Subject) -> float | None:
    """Of the first line; unknown where that has too few Latin letters."""
    address = subject.shipping_address()
    told = None if address is None or address.address1 is None else looks_typed_at_random(address.address1)
    return None if told is None else float(told)


def _digit_share(subject: Subject) -> float | None:
    look = _look(subject)
    return None if look is None else look.digits / ((look.digits + look.letters) or 1)


def _is_less_detailed(subject: Subject) -> float | None:
    """Fewer than two of: a house number, a building, a locality, four words."""
    look = _look(subject)
    if look is None or look.has_building_word is None or look.has_locality_word is None:
        return None
    details = (
        look.has_house_number, look.has_building_word, look.has_locality_word, look.words >= _DETAILS_WORDS_MIN,
    )  # fmt: skip
    return truth(sum(details) < _DETAILS_MIN)


def _missing_parts(subject: Subject) -> float | None:
    address = subject.shipping_address()
    if address is None or not is_stated(address):
        return None
    country = country_code(address.country)
    missing = (said(address.address1) is None) + (said(address.city) is None) + (said(address.country) is None)
    return missing + (said(address.zipcode) is None and (country is None or country in _WITH_POSTCODES))


def _completeness(subject: Subject) -> float | None:
    address = subject.shipping_address()
    if address is None or not is_stated(address):
        return None
    parts = (
        address.name, address.phone, address.address1, address.address2, address.city, address.region, address.zipcode,
        address.country,
    )  # fmt: skip
    return sum(said(part) is not None for part in parts) / len(parts)


def _is_city_missing(subject: Subject) -> float | None:
    address = subject.shipping_address()
    return None if address is None or not is_stated(address) else truth(said(address.city) is None)


def _is_region_missing(subject: Subject) -> float | None:
    address = subject.shipping_address()
    return None if address is None or not is_stated(address) else truth(said(address.region) is None)


def _is_postcode_missing(subject: Subject) -> float | None:
    address = subject.shipping_address()
    if address is None or country_code(address.country) not in _WITH_POSTCODES:
        return None
    return truth(said(address.zipcode) is None)


def _is_postcode_invalid(subject: Subject) -> float | None:
    told = _judge_postcode(subject)
    return None if told is None else truth(not told)


def _judge_postcode(subject: Subject) -> bool | None:
    address = subject.shipping_address()
    if address is None or address.zipcode is None:
        return None
    country = country_code(address.country)
    return None if country is None else is_postcode_form(address.zipcode, country)


def _is_postcode_short(subject: Subject) -> float | None:
    address = subject.shipping_address()
    country = None if address is None else country_code(address.country)
    if address is None or address.zipcode is None or country is None:
        return None
    return truth(is_postcode_incomplete(address.zipcode, country))


def _postcode_fits_state(subject: Subject) -> bool | None:
    address = subject.shipping_address()
    if address is None or address.zipcode is None or address.region is None:
        return None
    country = country_code(address.country)
    return None if country is None else is_postcode_of_state(address.zipcode, address.region, country)


def _postcode_fits_city(subject: Subject) -> bool | None:
    address = subject.shipping_address()
    if address is None or address.zipcode is None or address.city is None:
        return None
    country = country_code(address.country)
    return None if country is None else is_postcode_of_city(address.zipcode, address.city, country)


def _differs_from_state(subject: Subject) -> float | None:
    told = _postcode_fits_state(subject)
    return None if told is None else truth(not told)


def _differs_from_city(subject: Subject) -> float | None:
    told = _postcode_fits_city(subject)
    return None if told is None else truth(not told)


def _is_postcode_incorrect(subject: Subject) -> float | None:
    """Wrong by form, state or city, whichever can be told."""
    told = (_judge_postcode(subject), _postcode_fits_state(subject), _postcode_fits_city(subject))
    return 1.0 if False in told else None if told == (None, None, None) else 0.0


def _is_city_at_random(subject: Subject) -> float | None:
    address = subject.shipping_address()
    return None if address is None or address.city is None else truth(looks_typed_at_random(address.city))


def _has_city_digits(subject: Subject) -> float | None:
    address = subject.shipping_address()
    city = None if address is None else said(address.city)
    return None if city is None else truth(any(map(str.isdecimal, city)))


def _is_office(subject: Subject) -> float | None:
    address = subject.shipping_address()
    return None if address is None else truth(address.is_office_address)


def _is_home(subject: Subject) -> float | None:
    address = subject.shipping_address()
    return None if address is None else truth(address.is_home_address)


ADDRESS_FACTS: tuple[Fact, ...] = (
    Fact("address_length", "characters", "length of the delivery address", address_length, "short_shipping_address"),
    Fact("address_digits", "digits", "digits in the delivery address", _of_look("digits"), "address_digits"),
    Fact("address_words", "words", "words and numbers in the delivery address", _of_look("words"), "address_words"),
    Fact("address_longest_word", "characters", "length of the longest word in the delivery address",
         _of_look("longest_word"), "address_without_blanks"),
    Fact("address_commas", "times", "commas in the delivery address", _of_look("commas"), "address_commas"),
    Fact("address_symbols", "characters", "characters of the delivery address that are no letter, digit or comma",
         _of_look("symbols"), "address_symbols"),
    Fact("address_digit_share", "ratio", "share of digits among letters and digits of the delivery address",
         _digit_share, "address_digit_share"),
    Fact("has_house_number", "0 or 1", "the delivery address has a house number", _of_look("has_house_number"),
         "address_house_number_absent"),
    Fact("has_building_word", "0 or 1", "the delivery address names a house, flat or building",
         _of_look("has_building_word"), "address_building_name_absent"),
    Fact("has_locality_word", "0 or 1", "the delivery address names a street or locality",
         _of_look("has_locality_word"), "address_locality_name_absent"),
    Fact("has_landmark", "0 or 1", "the delivery address describes a place near something else",
         _of_look("has_landmark"), "address_landmark"),
    Fact("has_second_line", "0 or 1", "the delivery address has a second line", has_second_line,
         "address_line_2_missing"),
    Fact("address_repeats_line", "0 or 1", "the second line of the delivery address repeats the first",
         _of_look("repeats_line"), "address_line_repeated"),
    Fact("address_at_random", "0 or 1", "the delivery address looks typed at random", address_at_random,
         "gibberish_detected_in_address"),
    Fact("address_repeated_words", "words", "words that the delivery address says again", _of_look("repeated_words"),
         "address_repeated_words"),
    Fact("address_is_dummy", "0 or 1", "the delivery address is a placeholder, such as test or none",
         _of_look("is_dummy"), "dummy_address_detected"),
    Fact("address_invalid_characters", "characters", "characters that no postal address is written with",
         _of_look("invalid_characters"), "address_contains_invalid_characters"),
    Fact("address_less_detailed", "0 or 1", "the delivery address says too little: number, building, locality, words",
         _is_less_detailed, "address_is_less_detailed"),
    Fact("address_missing_parts", "fields", "missing of first line, city, postcode and country of the delivery address",
         _missing_parts, "incomplete_shipping_address"),
    Fact("address_completeness", "ratio", "share of the fields of the delivery address that are filled",
         _completeness, "incomplete_shipping_address"),
    Fact("address_is_collection_point", "0 or 1", "the delivery address is a PO box, a locker or a forwarder",
         _of_look("is_collection_point"), "address_collection_point"),
    Fact("address_holds_contact", "0 or 1", "a phone number, e-mail or link stands in the delivery address",
         _of_look("holds_contact"), "address_holds_contact"),
    Fact("city_missing", "0 or 1", "the delivery address has no city", _is_city_missing, "address_city_missing"),
    Fact("region_missing", "0 or 1", "the delivery address has no state or region", _is_region_missing,
         "address_state_missing"),
    Fact("city_at_random", "0 or 1", "the city of the delivery address looks typed at random", _is_city_at_random,
         "gibberish_detected_in_city"),
    Fact("city_has_digits", "0 or 1", "the city of the delivery address has digits in it", _has_city_digits,
         "invalid_city"),
    Fact("postcode_missing", "0 or 1", "no PIN or ZIP code, in a country that has them", _is_postcode_missing,
         "missing_pincode"),
    Fact("postcode_invalid", "0 or 1", "the PIN or ZIP code has no form that its country gives out",
         _is_postcode_invalid, "invalid_pincode"),
    Fact("postcode_incomplete", "0 or 1", "the PIN or ZIP code is too short for its country", _is_postcode_short,
         "incomplete_pincode"),
    Fact("postcode_state_differs", "0 or 1", "the PIN or ZIP code lies in another state than the one written",
         _differs_from_state, "address_pincode_state_mismatch"),
    Fact("postcode_city_differs", "0 or 1", "the PIN code lies outside the city that is written",
         _differs_from_city, "address_pincode_city_mismatch"),
    Fact("postcode_incorrect", "0 or 1", "the PIN or ZIP code is wrong by its form, its state or its city",
         _is_postcode_incorrect, "address_incorrect_pincode"),
    Fact("is_office_address", "0 or 1", "the delivery address is marked as an office", _is_office, "office_address"),
    Fact("is_home_address", "0 or 1", "the delivery address is marked as a home", _is_home, "home_address"),
)  # fmt: skip
