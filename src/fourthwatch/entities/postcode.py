"""Postcodes against their country: the form, and, where the first characters settle it, the state and the city.

Forms and areas are written here from public knowledge of the postal systems. What is not sure is left unknown: a code
is called wrong only where its country's own rules say so.
"""

import re
from functools import lru_cache

from fourthwatch.entities.places import CITY_PINS, STATES_BY_POSTCODE, state_code
from fourthwatch.entities.words import word_set
from fourthwatch.limits import ADDRESSES_CACHED_MAX

POSTCODES_VERSION = 1
"""Goes up when a form or an area changes, here or in `places`."""
_TEXT_CHARS_MAX = 32

# Without blanks and hyphens. A letter in front that only some people write is optional.
_FORMS = {
    "4 digits": (r"[0-9]{4}", 4, "AT AU BD BG CH CY GE HU LI NO PH PY SI TN ZA GL MD AM"),
    "from 1000": (r"[1-9][0-9]{3}", 4, "BE DK"),
    "4 digits, L": (r"(?:L)?[0-9]{4}", 4, "LU"),
    "4 digits, LV": (r"(?:LV)?[0-9]{4}", 4, "LV"),
    "New Zealand": (r"[0-9]{4}", 4, "NZ"),
    "5 digits": (
        r"[0-9]{5}", 5,
        "CR CU CZ DE DZ EE EG FI FR HR ID IQ IT JO KE KR KW LK MA ME MX MY NP PE PK RS SK TH TR UA UY ZM BA BT MM SN",
    ),
    "Greece, Sweden": (r"[0-9]{5}", 5, "GR SE"),
    "5 digits, LT": (r"(?:LT)?[0-9]{5}", 5, "LT"),
    "Poland": (r"[0-9]{5}", 5, "PL"),
    "Spain": (r"(?:0[1-9]|[1-4][0-9]|5[0-2])[0-9]{3}", 5, "ES"),
    "United States": (r"[0-9]{5}(?:[0-9]{4})?", 5, "US PR"),
    "5 and 4": (r"[0-9]{5}(?:[0-9]{4})?", 5, "SA"),
    "5 or 7": (r"[0-9]{5}(?:[0-9]{2})?", 5, "IL"),
    "5 or 6": (r"[0-9]{5,6}", 5, "VN"),
    "6 digits": (r"[0-9]{6}", 6, "BY CN CO EC KG MN NG RO RU SG TJ TM UZ"),
    "Kazakhstan": (r"[0-9]{6}|[A-Z][0-9]{2}[A-Z][0-9][A-Z][0-9]", 6, "KZ"),
    "India": (r"[1-8][0-9]{5}|9[0-9]{5}", 6, "IN"),
    "7 digits": (r"[0-9]{7}", 7, "CL JP"),
    "8 digits": (r"[0-9]{8}", 8, "BR"),
    "Taiwan": (r"[0-9]{3}(?:[0-9]{2,3})?", 3, "TW"),
    "Iceland": (r"[1-9][0-9]{2}", 3, "IS"),
    "Portugal": (r"[1-9][0-9]{3}(?:[0-9]{3})?", 4, "PT"),
    "Netherlands": (r"[1-9][0-9]{3}[A-Z]{2}", 6, "NL"),
    "Argentina": (r"[A-HJ-NP-Z][0-9]{4}[A-Z]{3}|[0-9]{4}", 4, "AR"),
    "Canada": (r"[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z][0-9][ABCEGHJ-NPRSTV-Z][0-9]", 6, "CA"),
    "United Kingdom": (
        r"[A-PR-UWYZ](?:[0-9][0-9A-HJKPSTUW]?|[A-HK-Y][0-9][0-9ABEHMNPRVWXY]?)[0-9][ABD-HJLNP-UW-Z]{2}|GIR0AA", 5, "GB",
    ),
    "Ireland": (r"[AC-FHKNPRTV-Y](?:[0-9]{2}|6W)[0-9AC-FHKNPRTV-Y]{4}", 7, "IE"),
    "Malta": (r"[A-Z]{3}[0-9]{2,4}", 5, "MT"),
}  # fmt: skip
_FORM_OF = {
    country: (re.compile(pattern), least)
    for pattern, least, countries in _FORMS.values()
    for country in countries.split()
}
_UNUSED_PINS = word_set("10 29 35 54 55 65 66 86 87 88 89")
"""First two digits that India Post has given to no circle."""


def postcode_countries() -> frozenset[str]:
    """Alpha-2 of every country whose form is known here."""
    return frozenset(_FORM_OF)


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def plain_postcode(text: str) -> str:
    """Capital letters and ASCII digits of a postcode, nothing between them; empty when there are none, or too many.

    >>> plain_postcode(" sw1a 1aa"), plain_postcode("४११ ००१")
    ('SW1A1AA', '411001')
    """
    if len(text) > _TEXT_CHARS_MAX:
        return ""
    if text.isascii():
        return text if text.isdigit() else "".join(filter(str.isalnum, text)).upper()
    return "".join(str(int(mark)) if mark.isdecimal() else mark.upper() for mark in text if mark.isalnum())


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def is_postcode_form(text: str, country: str) -> bool | None:
    """Whether a postcode has a form that its country (alpha-2) gives out. None: no form known, or nothing written.

    >>> is_postcode_form("411001", "IN"), is_postcode_form("011001", "IN"), is_postcode_form("12", "AE")
    (True, False, None)
    """
    code, form = plain_postcode(text), _FORM_OF.get(country)
    if form is None or not code:
        return None
    return form[0].fullmatch(code) is not None and not (country == "IN" and code[:2] in _UNUSED_PINS)


def is_postcode_incomplete(text: str, country: str) -> bool | None:
    """Whether a postcode is shorter than any of its country. None: no form known, or nothing written.

    >>> is_postcode_incomplete("4110", "IN"), is_postcode_incomplete("4110011", "IN")
    (True, False)
    """
    code, form = plain_postcode(text), _FORM_OF.get(country)
    return None if form is None or not code else len(code) < form[1]


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def is_postcode_of_state(text: str, region: str, country: str) -> bool | None:
    """Whether the first characters of a postcode can stand for the state or province that was written.

    None: not one of the countries whose areas are known (IN, US, CA, AU), no such state, or a code without its form.

    >>> is_postcode_of_state("411001", "Maharashtra", "IN"), is_postcode_of_state("411001", "Kerala", "IN")
    (True, False)
    >>> is_postcode_of_state("90210", "CA", "US"), is_postcode_of_state("411001", "Narnia", "IN")
    (True, None)
    """
    areas = STATES_BY_POSTCODE.get(country)
    if areas is None or not is_postcode_form(text, country):
        return None
    state = state_code(region, country)
    code = plain_postcode(text)
    states = areas.get(code[:2] if country == "IN" else code[:1])
    return None if state is None or states is None else state in states


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def is_postcode_of_city(text: str, city: str, country: str) -> bool | None:
    """Whether the first three digits of an Indian PIN are among those of the city that was written.

    None: another country, a city that is not in the table of the greatest ones, or a code without its form.

    >>> is_postcode_of_city("411001", "Pune", "IN"), is_postcode_of_city("110001", "Pune", "IN")
    (True, False)
    """
    if country != "IN" or not is_postcode_form(text, country):
        return None
    pins = CITY_PINS.get(" ".join(city.lower().split())) if len(city) <= _TEXT_CHARS_MAX else None
    return None if pins is None else plain_postcode(text)[:3] in pins
