"""Time: wall time may jump, monotonic time may not, and both come from one place."""

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Clock, ManualClock, SystemClock, iso_ms


def test_the_units_fit_together() -> None:
    assert (SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS) == (1_000, 60_000, 3_600_000, 86_400_000)


def test_a_manual_clock_stands_still_until_it_is_told_to_move() -> None:
    clock: Clock = ManualClock(5_000)
    assert [clock.now_ms(), clock.now_ms()] == [5_000, 5_000]
    assert clock.monotonic_s() == 0


def test_both_times_advance_together() -> None:
    clock = ManualClock(5_000)
    clock.advance(1_500)
    assert (clock.now_ms(), clock.monotonic_s()) == (6_500, 1.5)


def test_wall_time_jumps_alone_and_either_way() -> None:
    clock = ManualClock(DAY_MS)
    clock.jump(-2 * HOUR_MS)
    assert (clock.now_ms(), clock.monotonic_s()) == (DAY_MS - 2 * HOUR_MS, 0)
    clock.jump(30 * DAY_MS)
    assert (clock.now_ms(), clock.monotonic_s()) == (31 * DAY_MS - 2 * HOUR_MS, 0)


def test_the_systems_wall_time_is_in_milliseconds_of_our_century_and_monotonic_time_never_goes_back() -> None:
    clock = SystemClock()
    assert iso_ms(clock.now_ms())[:2] == "20"
    read = [clock.monotonic_s() for _ in range(1_000)]
    assert read == sorted(read)


def test_a_time_is_printed_in_utc_with_milliseconds() -> None:
    assert iso_ms(0) == "1970-01-01T00:00:00.000Z"
    assert iso_ms(1_524_585_600_007) == "2018-04-24T16:00:00.007Z"
    assert iso_ms(253_402_300_799_999) == "9999-12-31T23:59:59.999Z"
