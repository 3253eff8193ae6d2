"""Countries, postcodes, states, currencies and time zones: forms that are right, wrong and not known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import the_same_each_time
from fourthwatch.entities.country import country_code, is_usual_currency
from fourthwatch.entities.places import CITY_PINS, STATES_BY_POSTCODE, state_code
from fourthwatch.entities.postcode import (
    is_postcode_form,
    is_postcode_incomplete,
    is_postcode_of_city,
    is_postcode_of_state,
    plain_postcode,
    postcode_countries,
)
from fourthwatch.entities.zone import offset_minutes, offsets_minutes, zone_offset_minutes

JULY_MS = 1_784_000_000_000
JANUARY_MS = 1_768_000_000_000
RIGHT = {
    "IN": "411001", "US": "90210-1234", "GB": "EC1A 1BB", "CA": "K1A 0B6", "DE": "10115", "FR": "75008",
    "NL": "1012 AB", "BR": "01310-100", "JP": "100-0001", "AU": "2000", "IE": "D02 AF30", "PL": "00-950",
    "SE": "114 55", "PT": "1000-205", "AR": "C1002AAA", "SG": "018956", "ID": "10110", "ES": "28013",
    "LV": "LV-1010", "LU": "L-1009", "MT": "VLT 1117", "KZ": "050000", "IL": "9414219", "TW": "100",
    "CN": "100000", "ZA": "8001", "SA": "11564", "VN": "100000",
}  # fmt: skip
WRONG = {
    "IN": "291001", "US": "9021", "GB": "QQ1 1AA", "CA": "D1A 0B6", "DE": "1011", "NL": "0012 AB", "BR": "1310-100",
    "ES": "53000", "IE": "B02 AF30", "JP": "100-001", "AU": "20000", "PT": "0000-205", "FR": "ABCDE", "SG": "18956",
}  # fmt: skip


def test_sixty_countries_and_more_have_a_form() -> None:
    assert len(postcode_countries()) >= 90
    assert all(country_code(country) == country for country in postcode_countries())


@pytest.mark.parametrize("country", RIGHT)
def test_a_right_postcode_is_right(country: str) -> None:
    assert is_postcode_form(RIGHT[country], country) is True
    assert is_postcode_incomplete(RIGHT[country], country) is False


@pytest.mark.parametrize("country", WRONG)
def test_a_wrong_postcode_is_wrong(country: str) -> None:
    assert is_postcode_form(WRONG[country], country) is False


@the_same_each_time
@given(st.text(), st.sampled_from(sorted(postcode_countries())) | st.text(max_size=3))
def test_no_text_breaks_a_postcode(text: str, country: str) -> None:
    told = is_postcode_form(text, country)
    assert (told is None) == (plain_postcode(text) == "" or country not in postcode_countries())
    assert is_postcode_incomplete(text, country) is not True or told is False
    assert is_postcode_of_state(text, text, country) in (None, True, False)
    assert is_postcode_of_city(text, text, country) in (None, True, False)


@pytest.mark.parametrize(
    ("postcode", "region", "country", "fits"),
    [
        ("110001", "Delhi", "IN", True),
        ("403001", "Goa", "IN", True),
        ("605001", "Pondicherry", "IN", True),
        ("248001", "Uttarakhand", "IN", True),
        ("500001", "Andhra Pradesh", "IN", True),
        ("411001", "Gujarat", "IN", False),
        ("900056", "Maharashtra", "IN", None),
        ("10001", "NY", "US", True),
        ("10001", "Texas", "US", False),
        ("K1A 0B6", "Ontario", "CA", True),
        ("K1A 0B6", "Quebec", "CA", False),
        ("2600", "ACT", "AU", True),
        ("3000", "QLD", "AU", False),
        ("10115", "Berlin", "DE", None),
    ],
)
def test_a_postcode_lies_in_its_state(postcode: str, region: str, country: str, fits: bool | None) -> None:
    assert is_postcode_of_state(postcode, region, country) is fits


def test_areas_name_only_states_that_are_known() -> None:
    for country, areas in STATES_BY_POSTCODE.items():
        for states in areas.values():
            assert all(state_code(state, country) == state for state in states)


def test_every_city_lies_in_a_state_that_has_its_pins() -> None:
    assert len(CITY_PINS) >= 60
    for pins in CITY_PINS.values():
        assert all(pin[:2] in STATES_BY_POSTCODE["IN"] for pin in pins)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, None),
        ("", None),
        ("IN", "IN"),
        ("in ", "IN"),
        ("uk", "GB"),
        ("U.S.A.", "US"),
        ("ZZ", None),
        ("x" * 99, None),
    ],
)
def test_a_country_is_read_as_people_write_it(text: str | None, code: str | None) -> None:
    assert country_code(text) == code


def test_a_currency_is_usual_somewhere() -> None:
    assert is_usual_currency("EUR", "DE") is True
    assert is_usual_currency("EUR", "BG") is True
    assert is_usual_currency("INR", "NP") is True
    assert is_usual_currency("EUR", "GB") is False
    assert is_usual_currency("EUR", "ZZ") is None


@pytest.mark.parametrize(
    ("country", "region", "at_ms", "minutes"),
    [
        ("IN", None, JULY_MS, 330),
        ("DE", None, JULY_MS, 120),
        ("DE", None, JANUARY_MS, 60),
        ("CN", None, JULY_MS, 480),
        ("ES", None, JANUARY_MS, 60),
        ("US", "NY", JULY_MS, -240),
        ("US", "AZ", JULY_MS, -420),
        ("US", "TX", JULY_MS, None),
        ("US", None, JULY_MS, None),
        ("ZZ", None, JULY_MS, None),
        ("IN", None, -1, None),
        ("IN", None, 1 << 60, None),
    ],
)
def test_clock_time_is_known_where_all_keep_the_same(
    country: str, region: str | None, at_ms: int, minutes: int | None
) -> None:
    assert offset_minutes(country, region, at_ms) == minutes


def test_every_zone_of_the_table_can_be_read() -> None:
    for country in ("US", "RU", "BR", "AQ", "KI"):
        assert offsets_minutes(country, JULY_MS)
    assert zone_offset_minutes("Asia/Calcutta", JULY_MS) == 330
    assert zone_offset_minutes("../../etc/passwd", JULY_MS) is None
    assert offsets_minutes("IN", -1) == frozenset()
