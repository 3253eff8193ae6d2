"""When to try again, and how fast."""

from random import Random

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.limits import (
    DELIVERY_LIFE_MS,
    RECEIVER_CONNECTIONS_FIRST,
    RECEIVER_CONNECTIONS_MAX,
    RETRY_AFTER_MAX_MS,
    RETRY_LONGEST_MS,
)
from fourthwatch.webhooks.pace import Pace
from fourthwatch.webhooks.schedule import asked_delay_ms, delay_bound_ms, meaning_of, retry_ms


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(200, "delivered"), (201, "delivered"), (204, "delivered"), (299, "delivered"), (301, "retry"), (302, "retry"),
     (304, "retry"), (307, "retry"), (308, "retry"), (400, "retry"), (401, "retry"), (404, "retry"), (409, "retry"),
     (410, "gone"), (429, "slower"), (500, "retry"), (502, "slower"), (503, "slower"), (504, "slower"), (599, "retry"),
     (None, "slower")],
)  # fmt: skip
def test_what_a_status_means(status: int | None, meaning: str) -> None:
    assert meaning_of(status) == meaning


def test_delays_are_spread_evenly_up_to_a_bound_that_doubles() -> None:
    random = Random(1)
    for attempts in (1, 2, 5, 40):
        bound = delay_bound_ms(attempts)
        delays = [retry_ms(attempts, 0, DELIVERY_LIFE_MS, None, random) or 0 for _ in range(4_000)]
        assert 0 <= min(delays) < bound * 0.01
        assert bound * 0.99 < max(delays) <= bound
        assert abs(sum(delays) / len(delays) - bound / 2) < bound * 0.02
    assert delay_bound_ms(1_000) == RETRY_LONGEST_MS


def test_a_week_of_refusals_is_a_bearable_number_of_attempts() -> None:
    random = Random(2)
    for _ in range(50):
        now_ms, attempts = 0, 1
        while (next_ms := retry_ms(attempts, now_ms, DELIVERY_LIFE_MS, None, random)) is not None:
            now_ms, attempts = next_ms, attempts + 1
        assert now_ms > DELIVERY_LIFE_MS - RETRY_LONGEST_MS
        assert 35 < attempts < 130


@pytest.mark.parametrize(
    ("text", "delay_ms"),
    [(None, None), ("0", 0), ("120", 120_000), (" 7 ", 7_000), ("9" * 60, RETRY_AFTER_MAX_MS), ("-1", None),
     ("1.5", None), ("soon", None), ("", None), ("x" * 10_000, None), ("Thu, 01 Jan 1970 02:00:00 GMT", HOUR_MS),
     ("Thu, 01 Jan 1970 00:30:00 GMT", 0), ("Thu, 01 Jan 2037 00:00:00 GMT", RETRY_AFTER_MAX_MS), ("９", None)],
)  # fmt: skip
def test_what_a_receiver_asks_for_is_read(text: str | None, delay_ms: int | None) -> None:
    assert asked_delay_ms(text, HOUR_MS) == delay_ms


def test_what_a_receiver_asks_for_is_the_least_that_is_waited() -> None:
    random = Random(3)
    assert all((retry_ms(1, 0, DELIVERY_LIFE_MS, HOUR_MS, random) or 0) >= HOUR_MS for _ in range(100))
    assert retry_ms(1, 0, HOUR_MS, 2 * HOUR_MS, random) is None


def test_a_receiver_in_trouble_gets_less_at_once_and_in_the_end_one_probe_at_a_time() -> None:
    pace, random, now_ms = Pace(), Random(4), 0
    assert pace.room(now_ms) == RECEIVER_CONNECTIONS_FIRST
    pauses = []
    for _ in range(20):
        pace.note("slower", now_ms, None, random)
        pauses.append(pace.paused_until_ms - now_ms)
        now_ms = max(now_ms, pace.paused_until_ms)
        assert pace.room(now_ms) <= RECEIVER_CONNECTIONS_FIRST
    assert pace.room(now_ms) == 1
    assert pauses[:3] == [0, 0, 0]
    assert 30_000 <= pauses[-1] <= 60_000
    for _ in range(20):
        pace.note("delivered", now_ms, None, random)
    assert pace.room(now_ms) == RECEIVER_CONNECTIONS_MAX


def test_a_refusal_of_one_order_slows_no_other() -> None:
    pace = Pace()
    for _ in range(100):
        pace.note("retry", 0, None, Random(1))
    assert pace.room(0) == RECEIVER_CONNECTIONS_MAX


def test_a_receiver_that_asks_for_time_gets_it() -> None:
    pace = Pace()
    pace.note("slower", 0, DAY_MS, Random(1))
    assert pace.room(DAY_MS - 1) == 0
    assert pace.room(DAY_MS) > 0
