"""Card normal forms: one card, one key, and never a whole number in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourthwatch.entities.card import card_key, months_to_expiry
from fourthwatch.limits import BODY_BYTES_MAX

MAYBE_TEXT = st.none() | st.text(st.characters()) | st.text("0123456789 -*/", max_size=20)
APRIL_2018_MS = 1_524_585_600_000


@pytest.mark.parametrize(
    ("bin_", "last4", "month", "year", "key"),
    [
        ("411111", "1111", "07", "2031", "411111-1111-203107"),
        ("411111", "1111", "7", "31", "411111-1111-203107"),
        (" 411111 ", " 1111 ", " 12 ", " 31 ", "411111-1111-203112"),
        ("41111111", "1111", "07", "2031", "411111-1111-203107"),
        ("4111 11", "1111", "07", "2031", "411111-1111-203107"),
        ("4111-11", "1111", "07", "2031", "411111-1111-203107"),
        ("411111XXXXXX1111", "xxxx-xxxx-xxxx-1111", "07", "2031", "411111-1111-203107"),
        ("411111", "**** **** **** 1111", None, None, "411111-1111-"),
        ("411111", "411111******1111", None, None, "411111-1111-"),
        ("411111", "4111 11xx xxxx 1111", None, None, "411111-1111-"),
        ("411111", "•••• 0005", "07", None, "411111-0005-"),
        ("411111", "1111", None, "2031", "411111-1111-"),
        ("411111", "1111", "13", "2031", "411111-1111-"),
        ("411111", "1111", "0", "2031", "411111-1111-"),
        ("411111", "1111", "07", "1931", "411111-1111-"),
        ("411111", "1111", "07", "031", "411111-1111-"),
        ("411111", "1111", "", "", "411111-1111-"),
    ],
)
def test_a_card_has_one_key(bin_: str, last4: str, month: str | None, year: str | None, key: str) -> None:
    assert card_key(bin_, last4, month, year) == key


@pytest.mark.parametrize(
    ("bin_", "last4"),
    [
        (None, "1111"),
        ("411111", None),
        ("", "1111"),
        ("41111", "1111"),
        ("4111x1", "1111"),
        ("000000", "1111"),
        ("visa", "1111"),
        ("411111", ""),
        ("411111", "111"),
        ("411111", "11111"),
        ("411111", "4111111111111111"),
        ("411111", "****"),
        ("411111", "4111 1111"),
        ("411111", "4111 1111 11** 1111"),
        ("４１１１１１", "1111"),
        ("411111", "１１１１"),
        ("٤١١١١١", "1111"),
        ("411111", "11\ud80011"),
    ],
)
def test_without_issuer_or_last_four_a_card_is_unknown(bin_: str | None, last4: str | None) -> None:
    assert card_key(bin_, last4, "07", "2031") is None


@settings(deadline=None)
@given(MAYBE_TEXT, MAYBE_TEXT, MAYBE_TEXT, MAYBE_TEXT)
def test_no_text_is_refused_with_an_error_and_no_key_holds_more_than_ten_digits_of_a_card(
    bin_: str | None, last4: str | None, month: str | None, year: str | None
) -> None:
    key = card_key(bin_, last4, month, year)
    if key is not None:
        issuer, last, expiry = key.split("-")
        assert (len(issuer), len(last)) == (6, 4)
        assert len(expiry) in (0, 6)
        assert (issuer + last + expiry).isascii()
        assert (issuer + last + expiry).isdigit()
        assert card_key(issuer, last, expiry[4:] or None, expiry[:4] or None) == key
    months_to_expiry(month, year, 0)


def test_a_whole_number_in_the_bin_field_leaves_its_middle_outside() -> None:
    key = card_key("4242424242424242", "4242", "1", "30")
    assert key == "424242-4242-203001"


@pytest.mark.parametrize("part", ["1", "*", " ", "x", "é"])
def test_texts_as_long_as_a_body_are_unknown(part: str) -> None:
    text = part * BODY_BYTES_MAX
    assert card_key("411111", text, "07", "2031") is None
    assert card_key("411111", "1111", text, text) == "411111-1111-"
    assert card_key(text, "1111", "07", "2031") == ("111111-1111-203107" if part == "1" else None)
    assert months_to_expiry(text, text, 0) is None


@pytest.mark.parametrize(
    ("month", "year", "months"),
    [
        ("04", "2018", 0),
        ("4", "18", 0),
        ("05", "2018", 1),
        ("03", "2018", -1),
        ("12", "2017", -4),
        ("01", "2019", 9),
        ("04", "2099", 81 * 12),
        (None, "2018", None),
        ("04", None, None),
        ("00", "2018", None),
        ("April", "2018", None),
    ],
)
def test_months_are_counted_to_the_month_of_expiry(month: str | None, year: str | None, months: int | None) -> None:
    assert months_to_expiry(month, year, APRIL_2018_MS) == months


def test_the_month_turns_at_midnight_utc() -> None:
    first_of_may_ms = 1_525_132_800_000
    assert months_to_expiry("05", "2018", first_of_may_ms - 1) == 1
    assert months_to_expiry("05", "2018", first_of_may_ms) == 0


@settings(deadline=None)
@given(st.integers() | st.integers(-(2**63), 2**63 - 1))
def test_a_time_outside_the_calendar_makes_it_unknown(as_of_ms: int) -> None:
    months = months_to_expiry("05", "2018", as_of_ms)
    if not -62_135_596_800_000 <= as_of_ms < 253_402_300_800_000:
        assert months is None
    else:
        assert months is not None
