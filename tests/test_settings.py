"""Settings from the environment: sane without any, and a start that stops with the name of what cannot be read."""

import pytest

from fourthwatch.errors import UsageError
from fourthwatch.settings import Settings, read_settings


def test_nothing_has_to_be_set() -> None:
    settings = read_settings({})
    assert settings == Settings()
    assert (settings.red_above, settings.events_per_second, settings.log_level) == (70, None, "info")
    assert settings.disk_reserve_bytes == 64 * 1024 * 1024


def test_what_is_set_is_read() -> None:
    settings = read_settings(
        {
            "FOURTHWATCH_RED_ABOVE": "55",
            "FOURTHWATCH_DISK_RESERVE_BYTES": "0",
            "FOURTHWATCH_EVENTS_PER_SECOND": "0.5",
            "FOURTHWATCH_LOG_LEVEL": "debug",
        }
    )
    assert (settings.red_above, settings.disk_reserve_bytes) == (55, 0)
    assert (settings.events_per_second, settings.log_level) == (0.5, "debug")


def test_an_empty_variable_is_not_set_and_other_programs_variables_are_left_alone() -> None:
    assert read_settings({"FOURTHWATCH_RED_ABOVE": "", "RED_ABOVE": "1", "HOME": "/x"}) == Settings()


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOURTHWATCH_RED_ABOVE", "12")
    assert read_settings().red_above == 12


@pytest.mark.parametrize("value", ["0", "100"])
def test_the_ends_of_the_scale_are_thresholds_too(value: str) -> None:
    assert read_settings({"FOURTHWATCH_RED_ABOVE": value}).red_above == int(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RED_ABOVE", "-1"),
        ("RED_ABOVE", "101"),
        ("RED_ABOVE", "seventy"),
        ("RED_ABOVE", "70.5"),
        ("DISK_RESERVE_BYTES", "-1"),
        ("DISK_RESERVE_BYTES", "64 MB"),
        ("EVENTS_PER_SECOND", "0"),
        ("EVENTS_PER_SECOND", "-3"),
        ("EVENTS_PER_SECOND", "nan"),
        ("EVENTS_PER_SECOND", "many"),
        ("LOG_LEVEL", "loud"),
        ("LOG_LEVEL", "INFO"),
    ],
)
def test_a_value_that_cannot_be_stops_the_start_and_says_which(name: str, value: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_settings({"FOURTHWATCH_" + name: value})
    assert str(refused.value).startswith(f"FOURTHWATCH_{name} ")
