"""What a reply means, and when to try again: full jitter up to a bound that doubles, within seven days."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random
from typing import Literal

from fourthwatch.limits import RETRY_AFTER_MAX_MS, RETRY_FIRST_MS, RETRY_LONGEST_MS

Meaning = Literal["delivered", "retry", "slower", "gone"]
"""`slower` is a retry that says that the receiver has too much to do or is not there."""

_SLOWER = frozenset({429, 502, 503, 504})


def meaning_of(status: int | None) -> Meaning:
    """Of a reply's status; `None` when there was no reply.

    >>> meaning_of(204), meaning_of(302), meaning_of(400), meaning_of(429), meaning_of(410), meaning_of(None)
    ('delivered', 'retry', 'retry', 'slower', 'gone', 'slower')
    """
    if status is None or status in _SLOWER:
        return "slower"
    if status == 410:
        return "gone"
    return "delivered" if 200 <= status < 300 else "retry"


def delay_bound_ms(attempts: int) -> int:
    """The longest delay after so many attempts, the first one being number 1.

    >>> [delay_bound_ms(attempts) // 1000 for attempts in (1, 2, 3, 20)]
    [10, 20, 40, 21600]
    """
    return int(min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** min(attempts - 1, 30)))


def retry_ms(attempts: int, now_ms: int, expires_ms: int, asked_ms: int | None, random: Random) -> int | None:
    """When to try again; `None` when the delivery's time would be over. `asked_ms` is what the receiver asked for."""
    delay = random.uniform(0, delay_bound_ms(attempts))
    at_ms = now_ms + max(int(delay), asked_ms or 0)
    return at_ms if at_ms < expires_ms else None


def asked_delay_ms(retry_after: str | None, now_ms: int) -> int | None:
    """What a header `Retry-After` asks for, in seconds or as a date, up to a day; `None` when it asks for nothing.

    >>> asked_delay_ms("120", 0), asked_delay_ms("Thu, 01 Jan 1970 00:01:00 GMT", 0), asked_delay_ms("soon", 0)
    (120000, 60000, None)
    """
    if retry_after is None or len(retry_after) > 64:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(int(text) * 1_000, RETRY_AFTER_MAX_MS)
    try:
        then = parsedate_to_datetime(text)
        at_ms = int((then if then.tzinfo is not None else then.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError):
        return None
    return min(max(at_ms - now_ms, 0), RETRY_AFTER_MAX_MS)
