"""A sender's timestamp to milliseconds; what cannot be read is `None`, never silently *now* (the caller says so).

Read are: epoch milliseconds or seconds (below 1e11, contract section 9 row 14) as number or decimal text, and ISO-8601.
"""

import math
from datetime import UTC, datetime, timedelta

from fourthwatch.limits import SECONDS_BELOW

_EARLIEST_MS = 0
_LATEST_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z."""
_TEXT_CHARS_MAX = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def read_timestamp_ms(value: object) -> int | None:
    """Milliseconds since 1970, or `None` when unreadable, zero, negative or past the year 9999.

    >>> read_timestamp_ms("1524585600000"), read_timestamp_ms(1524585600), read_timestamp_ms("2018-04-24T16:00:00Z")
    (1524585600000, 1524585600000, 1524585600000)
    >>> read_timestamp_ms("yesterday") is None, read_timestamp_ms(0) is None
    (True, True)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _from_number(value)
    if isinstance(value, float):
        return _from_number(value) if math.isfinite(value) else None
    if not isinstance(value, str):
        return None
    text = value if len(value) == 13 else value.strip()
    if len(text) > _TEXT_CHARS_MAX:
        return None
    if text.isascii() and text.isdigit():
        return _from_number(int(text))
    return _from_text(text)


def _from_number(number: float) -> int | None:
    if not _EARLIEST_MS < number <= _LATEST_MS:
        return None
    ms = round(number * 1_000 if number < SECONDS_BELOW else number)
    return ms if _EARLIEST_MS < ms <= _LATEST_MS else None


def _from_text(text: str) -> int | None:
    try:
        if text.isascii() and text.replace(".", "", 1).isdigit():
            return _from_number(float(text))
        moment = datetime.fromisoformat(text.upper())  # which knows no `z`, where RFC 3339 does
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)  # a time without a zone is taken as UTC
        ms = (moment - _EPOCH) // _MILLISECOND  # in whole numbers: a float would lose a millisecond now and then
    except (ValueError, OverflowError):
        return None
    return ms if _EARLIEST_MS < ms <= _LATEST_MS else None
