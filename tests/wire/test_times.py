"""A sender's time in every form it was seen in, and in the absurd ones (R-11): read, or `None`; never an exception."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourthwatch.clock import Millis, iso_ms
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.limits import FUTURE_SLACK_MS, SECONDS_BELOW
from fourthwatch.wire.decode import Decoded, decode_event
from fourthwatch.wire.times import read_timestamp_ms

_AT = 1_524_585_600_000
_LATEST = 253_402_300_799_999
_NOW = Millis(1_800_000_000_000)


@pytest.mark.parametrize(
    "said",
    [
        _AT, str(_AT), float(_AT), f" {_AT} ", _AT // 1000, str(_AT // 1000), float(_AT // 1000), "1524585600.0",
        "1524585600.000", "1524585600000.0", "2018-04-24T16:00:00Z", "2018-04-24T16:00:00.000Z",
        "2018-04-24T16:00:00+00:00", "2018-04-24T21:30:00+05:30", "2018-04-24T21:30:00+0530", "2018-04-24T16:00:00",
        "2018-04-24 16:00:00", "2018-04-24 16:00", "20180424T160000Z", "2018-04-24T11:00:00-05:00", "2018-W17-2T16:00",
        "2018-04-24t16:00:00z", "2018-04-24T16:00:00.000z", "2018-04-24t21:30:00+05:30", "20180424t160000z",
    ],
)  # fmt: skip
def test_every_form_of_the_same_moment_is_read_alike(said: object) -> None:
    assert read_timestamp_ms(said) == _AT


@pytest.mark.parametrize(
    "said",
    [
        None, True, False, "", " ", "0", 0, -0.0, 0.0, -1, "-1", "-1524585600000", -(2**63), 2**63 - 1, 2**64, 10**18,
        str(10**18), "9" * 40, "9" * 41, "1" * 100_000, 1e18, 1e308, math.inf, -math.inf, math.nan, 0.0001, "0.0001",
        "0.00049", "yesterday", "2018-04-24T25:00:00Z", "2018-02-30", "2016-12-31T23:59:60Z", "24/04/2018", "1.5e12",
        "0x16317b1d400", "1524585600000ms", "١٥٢٤٥٨٥٦٠٠٠٠٠", "１５２４５８５６０００００", "²", "1.2.3",
        ".", "..", "\x00", "2018-04-24T16:00:00+99:99", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z",
        "1,524,585,600,000", "10000-01-01T00:00:00Z", [], {}, [_AT], {"ms": _AT}, b"1524585600000", "T", "-" * 40,
    ],
)  # fmt: skip
def test_what_cannot_be_a_time_of_an_event_is_unreadable_and_never_now(said: object) -> None:
    assert read_timestamp_ms(said) is None


def test_the_border_between_seconds_and_milliseconds_is_where_the_contract_draws_it() -> None:
    assert read_timestamp_ms(SECONDS_BELOW - 1) == (SECONDS_BELOW - 1) * 1_000
    assert read_timestamp_ms(SECONDS_BELOW) == SECONDS_BELOW
    assert read_timestamp_ms(str(SECONDS_BELOW)) == SECONDS_BELOW


def test_the_first_and_the_last_readable_millisecond() -> None:
    assert read_timestamp_ms(_LATEST) == read_timestamp_ms("9999-12-31T23:59:59.999Z") == _LATEST
    assert read_timestamp_ms(_LATEST + 1) is None
    assert read_timestamp_ms("1970-01-01T00:00:00.001Z") == 1
    assert read_timestamp_ms("1970-01-01T00:00:00Z") is None


@given(st.integers(1, _LATEST))
def test_a_time_as_the_contract_prints_it_is_read_to_the_millisecond(ms: int) -> None:
    assert read_timestamp_ms(iso_ms(ms)) == ms


@given(st.integers(SECONDS_BELOW, _LATEST))
def test_milliseconds_are_read_as_they_are_from_numbers_and_text(ms: int) -> None:
    assert read_timestamp_ms(ms) == read_timestamp_ms(str(ms)) == read_timestamp_ms(float(ms)) == ms


@given(st.integers(1, 4_000_000_000), st.integers(0, 999))
def test_seconds_with_a_fraction_are_read_to_the_millisecond(seconds: int, ms: int) -> None:
    assert read_timestamp_ms(f"{seconds}.{ms:03d}") == seconds * 1_000 + ms
    assert read_timestamp_ms(seconds + ms / 1_000) == seconds * 1_000 + ms


_ANY_TIME = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.text(max_size=45),
    st.text(alphabet="0123456789-:.TZ+W ", max_size=30),
    st.datetimes().map(str),
    st.booleans(),
    st.none(),
    st.lists(st.integers(), max_size=2),
)


@pytest.mark.slow
@settings(max_examples=800, deadline=None)
@given(_ANY_TIME)
def test_any_value_is_read_or_unreadable_and_within_bounds(said: Any) -> None:
    at_ms = read_timestamp_ms(said)
    assert at_ms is None or (type(at_ms) is int and 0 < at_ms <= _LATEST)


def _login_at(said: object) -> Decoded:
    raw = json.dumps({"_userId": "u", "_originTimestamp": said}, ensure_ascii=True).encode()
    return decode_event(raw, KIND_OF_NAME["login"], _NOW)


def _codes(decoded: Decoded) -> list[str]:
    return [warning.code for warning in decoded.warnings]


@settings(max_examples=300, deadline=None)
@given(_ANY_TIME.filter(lambda said: not (isinstance(said, str) and ("\x00" in said or _has_surrogate(said)))))
def test_an_event_with_any_time_is_taken_and_says_when_its_time_was_not_used(said: Any) -> None:
    decoded = _login_at(said if not isinstance(said, list) else [number % 2**60 for number in said])
    codes = set(_codes(decoded))
    if decoded.sent_ms is None:
        assert decoded.occurred_ms == _NOW
        assert said in (None, "") or "unreadable_time" in codes
    elif decoded.sent_ms > _NOW + FUTURE_SLACK_MS:
        assert decoded.occurred_ms == _NOW
        assert "future_time" in codes
    else:
        assert decoded.occurred_ms == decoded.sent_ms
        assert not codes & {"unreadable_time", "future_time"}


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def test_a_clock_five_minutes_ahead_is_believed_and_a_millisecond_more_is_not() -> None:
    assert _login_at(_NOW + FUTURE_SLACK_MS).occurred_ms == _NOW + FUTURE_SLACK_MS
    ahead = _login_at(str(_NOW + FUTURE_SLACK_MS + 1))
    assert (ahead.occurred_ms, ahead.sent_ms) == (_NOW, _NOW + FUTURE_SLACK_MS + 1)
    assert _codes(ahead) == ["future_time"]


def test_a_late_event_keeps_its_own_time() -> None:
    assert _login_at(_AT).occurred_ms == _AT
    assert _login_at(str(_AT)).warnings == ()
