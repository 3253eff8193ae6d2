"""Phone numbers in E.164, with the metadata of every country that the `phonenumbers` library keeps.

A number without a country code means something only with a country beside it; without one it is unknown.
"""

import re
from functools import lru_cache

import phonenumbers

from fourthwatch.limits import NORMAL_FORMS_CACHED_MAX, PHONE_CHARS_MAX

# What people write between digits; the library drops the same.
_SEPARATORS = str.maketrans("", "", " -().")
# Numbers that the library gives back as they are (a test holds this to its word): 1 µs instead of 30.
_PLAIN_MOBILE = re.compile(
    r"\+(?:1[2-9][0-9]{9}|91[6-9][0-9]{9}|447[1-9][0-9]{8}|491[5-7][0-9]{8,9}|33[67][0-9]{8}|346[0-9]{8}"
    r"|614[0-9]{8}|628[1-9][0-9]{7,9}|971[5][0-9]{8}|79[0-9]{9}|65[89][0-9]{7})"
)
_PLAIN_NATIONAL = {
    "IN": re.compile("[6-9][0-9]{9}"),
    "US": re.compile("[2-9][0-9]{9}"),
    "CA": re.compile("[2-9][0-9]{9}"),
}
_CALLING_CODES = {"IN": "+91", "US": "+1", "CA": "+1"}
_FILLERS = frozenset({"1234567890", "123456789", "0123456789"})
_MEXICO = 52
_PASSES_MAX = 4
_CODES_CACHED_MAX = 1_024
_COUNTRY_CHARS_MAX = 8


def phone_key(text: str, country: str | None) -> str | None:
    """The number in E.164: `+`, country code, national number; an extension is dropped.

    `country` (ISO alpha-2) is used when the number is written without its country code. None: not a number
    that could be dialled, no country to read it with, or a filler (one digit throughout, 1234567890).
    Whether the number is given out to anybody is not asked.

    >>> phone_key("98765 43210", "IN")
    '+919876543210'
    >>> phone_key("98765 43210", None) is None
    True
    """
    if len(text) > PHONE_CHARS_MAX:
        return None
    compact = text if text[1:].isalnum() or not text.isascii() else text.translate(_SEPARATORS)
    if _PLAIN_MOBILE.fullmatch(compact):
        return _usable(compact)
    region = None if country is None or len(country) > _COUNTRY_CHARS_MAX else _region(country)
    if region is not None and region in _PLAIN_NATIONAL and _PLAIN_NATIONAL[region].fullmatch(compact):
        return _usable(_CALLING_CODES[region] + compact)
    return _parsed(text, None if compact.startswith("+") else region)


@lru_cache(maxsize=NORMAL_FORMS_CACHED_MAX)
def phone_country(key: str) -> str | None:
    """ISO alpha-2 of the country that a key of `phone_key` belongs to.

    None: not a key, a code of no country (+800), or a code of several countries (+1) where the number is in
    none of their plans.
    """
    if len(key) > PHONE_CHARS_MAX or not key.startswith("+"):
        return None
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(calling_code(key), ())
    if len(regions) == 1:
        return None if regions[0] == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY else regions[0]
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(key)) if regions else None
    except phonenumbers.NumberParseException:
        return None


def calling_code(key: str) -> int:
    """The country code that `+` is followed by; zero when it is none. No code is the beginning of another.

    >>> calling_code("+919876543210"), calling_code("+12015550123"), calling_code("12")
    (91, 1, 0)
    """
    return _code_of(key[1:4])


@lru_cache(maxsize=_CODES_CACHED_MAX)
def _code_of(digits: str) -> int:
    for end in (1, 2, 3):
        code = digits[:end]
        if code.isascii() and code.isdigit() and int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return int(code)
    return 0


def _region(country: str) -> str | None:
    """The hint as the library knows it; None for anything that is no country."""
    region = country.strip().upper()
    if region == "UK":
        region = "GB"
    return region if region in phonenumbers.SUPPORTED_REGIONS else None


@lru_cache(maxsize=NORMAL_FORMS_CACHED_MAX)
def _parsed(text: str, region: str | None) -> str | None:
    key = _e164(text, region)
    if key is None and (digits := text.strip()).startswith("00"):
        # The international prefix of most of the world, written where the region's own is another or unknown.
        key = _e164("+" + digits[2:], None)
    for _ in range(_PASSES_MAX):
        if key is None or not _has_national_prefix(key):
            break
        # "+44 (0) (0) 20...": each pass takes off one national prefix, and a key must be its own key.
        again = _e164(key, None)
        if again == key:
            break
        key = again
    else:
        return None
    return None if key is None else _usable(key)


def _has_national_prefix(key: str) -> bool:
    """Whether the library might take something off the national number if it read the key again."""
    code = calling_code(key)
    prefix = _national_prefix(code)
    found = None if prefix is None else prefix.match(key, 1 + len(str(code)))
    return found is not None and found.end() > found.start()


@lru_cache(maxsize=512)
def _national_prefix(code: int) -> re.Pattern[str] | None:
    region = phonenumbers.region_code_for_country_code(code)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    if metadata is None or metadata.national_prefix_for_parsing is None:
        return None
    return re.compile(metadata.national_prefix_for_parsing)


def _e164(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    national = number.national_number or 0
    if number.country_code == _MEXICO and national // 10**10 == 1:
        number.national_number = (
            national - 10**10
        )  # until 2019 a 1 stood before a mobile's number, and often still does
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _usable(key: str) -> str | None:
    """The key, unless it is what people type to get past a mandatory field."""
    if key[-3:] != key[-1] * 3 and not key.endswith(("7890", "6789")):
        # Nearly every number ends here: the rest costs five times as much.
        return key
    national = key[1 + len(str(calling_code(key))) :]
    return None if national in _FILLERS or national.count(national[:1]) == len(national) else key
