"""Phone normal forms: E.164, by the metadata of each country."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import the_same_each_time
from fourthwatch.entities import phone as phone_room
from fourthwatch.entities.phone import phone_country, phone_key
from fourthwatch.limits import BODY_BYTES_MAX

ANY_TEXT = st.text(st.characters())
REGIONS = st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)) | st.none()
NUMBERS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "+", "00", "011", "tel:"]),
    st.sampled_from(["", *map(str, sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))]),
    st.text("0123456789 -()", max_size=18),
)


@pytest.mark.parametrize(
    ("written", "country", "key"),
    [
        ("+91 98765 43211", None, "+919876543211"),
        ("98765 43211", "IN", "+919876543211"),
        ("098765-43211", "in", "+919876543211"),
        ("919876543211", "IN", "+919876543211"),
        ("0091 98765 43211", "IN", "+919876543211"),
        ("0091 98765 43211", None, "+919876543211"),
        ("0091 98765 43211", "US", "+919876543211"),
        ("+91 (0) 98765 43211", None, "+919876543211"),
        ("٩٨٧٦٥٤٣٢١١", "IN", "+919876543211"),
        ("(415) 555-0123", "US", "+14155550123"),
        ("1-415-555-0123", "US", "+14155550123"),
        ("+1 415 555 0123 ext. 7", "IN", "+14155550123"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("613 555 0123", "CA", "+16135550123"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("020 7946 0018", "UK", "+442079460018"),
        ("+44 (0)20 7946 0018", None, "+442079460018"),
        ("030 123456", "DE", "+4930123456"),
        ("06 1234567", "IT", "+39061234567"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("0812-3456-7890", "ID", "+6281234567890"),
        ("0412 345 678", "AU", "+61412345678"),
        ("(11) 91234-5678", "BR", "+5511912345678"),
        ("050 123 4567", "AE", "+971501234567"),
        ("8 (912) 345-67-89", "RU", "+79123456789"),
        ("tel:+1-415-555-0123", None, "+14155550123"),
        ("+52 1 55 1234 5678", None, "+525512345678"),
        ("0052 1 55 1234 5678", "US", "+525512345678"),
        ("1 55 1234 5678", "MX", "+525512345678"),
        ("+52 55 1234 5678", None, "+525512345678"),
    ],
)
def test_a_number_is_read_with_its_country(written: str, country: str | None, key: str) -> None:
    assert phone_key(written, country) == key
    assert phone_key(key, None) == key


@pytest.mark.parametrize(
    ("written", "country"),
    [
        ("", "IN"),
        ("+", None),
        ("-", "US"),
        ("98765 43211", None),
        ("98765 43211", "Atlantis"),
        ("98765 43211", "ZZ"),
        ("98765", "IN"),
        ("123", "US"),
        ("+999 123456789", None),
        ("hello", "US"),
        ("n/a", "US"),
        ("0000000000", "IN"),
        ("9999999999", "IN"),
        ("+15555555555", None),
        ("1234567890", "IN"),
        ("+1 234 567 890 123 456", None),
        ("+52 2 55 1234 5678", None),
        ("\ud800", "IN"),
        ("+\x0091", "IN"),
    ],
)
def test_what_cannot_be_dialled_is_unknown(written: str, country: str | None) -> None:
    assert phone_key(written, country) is None


@the_same_each_time
@given(NUMBERS, REGIONS)
def test_a_key_is_its_own_key_whatever_the_country(written: str, region: str | None) -> None:
    key = phone_key(written, region)
    if key is not None:
        assert phone_key(key, region) == key
        assert phone_key(key, None) == key
        assert key[1:].isascii()
        assert key[1:].isdigit()


@the_same_each_time
@given(ANY_TEXT | NUMBERS, ANY_TEXT | REGIONS)
def test_no_text_is_refused_with_an_error(text: str, country: str | None) -> None:
    phone_key(text, country)
    phone_country(text)


@the_same_each_time
@given(st.from_regex(phone_room._PLAIN_MOBILE, fullmatch=True))
def test_the_short_way_for_mobile_numbers_gives_what_the_library_gives(number: str) -> None:
    parsed = phonenumbers.parse(number)
    assert phonenumbers.is_possible_number(parsed)
    assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number


@the_same_each_time
@given(st.sampled_from(sorted(phone_room._PLAIN_NATIONAL)), st.data())
def test_the_short_way_for_national_numbers_gives_what_the_library_gives(region: str, data: st.DataObject) -> None:
    number = data.draw(st.from_regex(phone_room._PLAIN_NATIONAL[region], fullmatch=True))
    parsed = phonenumbers.parse(number, region)
    assert phonenumbers.is_possible_number(parsed)
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    assert phone_key(number, region) in (e164, None)
    assert e164 == phone_room._CALLING_CODES[region] + number


@pytest.mark.parametrize("part", ["1", "+", " ", "(", "x", "٩", "a"])
def test_a_text_as_long_as_a_body_is_unknown(part: str) -> None:
    text = part * BODY_BYTES_MAX
    assert phone_key(text, "US") is None
    assert phone_key("+91" + text, None) is None
    assert phone_key("98765 43211", text) is None
    assert phone_country("+" + text) is None


@pytest.mark.parametrize(
    ("key", "country"),
    [
        ("+919876543211", "IN"),
        ("+14155550123", "US"),
        ("+16135550123", "CA"),
        ("+442079460018", "GB"),
        ("+6281234567890", "ID"),
        ("+80012345678", None),
        ("+10005550123", None),
        ("+9991234567", None),
        ("919876543211", None),
        ("", None),
        ("+", None),
    ],
)
def test_a_key_has_one_country_or_an_unknown_one(key: str, country: str | None) -> None:
    assert phone_country(key) == country
