"""Facts of differences, time, device and words on events made by hand: yes, no and unknown of each."""

from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.features.facts.circumstances import CIRCUMSTANCE_FACTS
from fourthwatch.features.facts.device import DEVICE_FACTS
from said import (
    Example,
    Value,
    address,
    on_event,
    on_order,
    on_transaction,
    without_examples,
    wrong,
)

MIDNIGHT_MS = 1_793_471_400_000
"""Sunday, 1 November 2026, 00:00 in India (UTC+5:30), 31 October 18:30 UTC, 31 October 14:30 in New York."""
PHONE_BROWSER = (
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
)
DESKTOP_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0"


def billed(name: str, expected: Value, **changed: Any) -> Example:
    return name, expected, on_order(name, _billingAddress=address(**changed))


def at(name: str, expected: Value, ms: int, **changed: Any) -> Example:
    return name, expected, on_order(name, MIDNIGHT_MS + ms, _shippingAddress=address(**changed))


def custom(name: str, expected: Value, **fields: Any) -> Example:
    return name, expected, on_order(name, _customInfo=fields)


def review(name: str, expected: Value, **body: Any) -> Example:
    return name, expected, on_event(name, "submit_review", _userId="asha", **body)


def message(name: str, expected: Value, content: str) -> Example:
    return name, expected, on_event(name, "send_message", _userId="asha", _content=content)


def silent(name: str) -> Example:
    return name, None, on_event(name, "logout", _userId="asha")


US = {"_country": "US", "_zipcode": "10001", "_region": "NY"}
EXAMPLES = [
    *(silent(fact.name) for fact in (*CIRCUMSTANCE_FACTS, *DEVICE_FACTS)),
    billed("same_addresses", 1),
    billed("same_addresses", 0, _address1="4 MG Road"),
    billed("same_country", 1, _country="India"),
    billed("same_country", 0, _country="US"),
    billed("same_city", 1, _city="PUNE "),
    billed("same_city", 0, _city="Mumbai"),
    billed("same_postcode", 1, _zipcode="411 001"),
    billed("same_postcode", 0, _zipcode="400001"),
    ("ips_match", 1, on_transaction("ips_match", {}, _deviceIp="203.0.113.7")),
    ("ips_match", 0, on_transaction("ips_match", {}, _deviceIp="198.51.100.9")),
    ("ips_match", None, on_order("ips_match")),
    ("same_email", 1, on_transaction("same_email", {}, _userEmail="Asha.Rao@example.com")),
    ("same_email", 0, on_transaction("same_email", {}, _userEmail="ravi@example.com")),
    at("hour_of_day", 0, 0),
    at("hour_of_day", 14, 0, **US),
    at("hour_of_day", None, 0, _country="US", _region="TX"),
    at("weekday", 6, 0),
    at("weekday", 5, -1),
    at("is_night", 1, 6 * HOUR_MS - 1),
    at("is_night", 0, 6 * HOUR_MS),
    at("is_weekend", 1, DAY_MS - 1),
    at("is_weekend", 0, DAY_MS),
    at("day_of_month", 31, -1),
    at("day_of_month", 1, 0),
    at("days_to_month_end", 0, -1),
    at("days_to_month_end", 29, 0),
    ("device_told", 1, on_order("device_told", _customInfo={"deviceId": "dv-1"})),
    ("device_told", 0, on_order("device_told")),
    custom("browser_is_automated", 1, userAgent="Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/130.0"),
    custom("browser_is_automated", 1, user_agent="python-requests/2.31"),
    custom("browser_is_automated", 0, userAgent=PHONE_BROWSER),
    custom("browser_is_handheld", 1, userAgent=PHONE_BROWSER),
    custom("browser_is_handheld", 0, userAgent=DESKTOP_BROWSER),
    custom("browser_is_embedded", 1, userAgent=PHONE_BROWSER.replace("14)", "14; wv)") + " FBAV/400.0"),
    custom("browser_is_embedded", 0, userAgent=PHONE_BROWSER),
    custom("browser_is_rare", 1, userAgent="Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1)"),
    custom("browser_is_rare", 0, userAgent=DESKTOP_BROWSER),
    custom("device_zone_differs", 1, timezoneOffset=300),
    custom("device_zone_differs", 1, timezone="America/New_York"),
    custom("device_zone_differs", 0, timezone="Asia/Calcutta"),
    custom("device_zone_differs", 0, timezoneOffset="-330"),
    custom("device_zone_differs", None, timezoneOffset=9_000),
    custom("device_zone_minutes", 330, timezone="UTC"),
    custom("language_country_differs", 1, language="ru-RU"),
    custom("language_country_differs", 0, language="hi-IN,hi;q=0.9"),
    custom("language_country_differs", None, language="hi"),
    ("ip_is_private", 1, on_order("ip_is_private", _deviceIp="10.0.0.7")),
    ("ip_is_private", 0, on_order("ip_is_private")),
    ("ip_unreadable", 1, on_order("ip_unreadable", _deviceIp="somewhere")),
    ("ip_unreadable", 0, on_order("ip_unreadable")),
    ("login_failed", 1, on_event("login_failed", "login", _userId="asha", _loginStatus="_failure")),
    ("login_failed", 0, on_event("login_failed", "login", _userId="asha", _loginStatus="_success")),
    message("text_length", 5, "Hello"),
    message("text_links", 2, "see https://example.com/a and shop.xyz"),
    message("text_links", 0, "fine. thanks"),
    message("text_contacts", 2, "WhatsApp +91 98201 33417"),
    message("text_capitals_share", 0.5, "ABcd 12"),
    review("rating", 4.5, _rating="4.5"),
    review("rating", None, _rating="good"),
]


def test_every_fact_of_the_circumstances_has_its_examples() -> None:
    assert without_examples((*CIRCUMSTANCE_FACTS, *DEVICE_FACTS), EXAMPLES) == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example[0]}={example[1]}")
def test_circumstances_say(example: Example) -> None:
    assert not wrong([example])


def test_a_long_text_made_to_be_slow_is_read_in_time() -> None:
    for text in ("a" * 9_000, "a-" * 5_000, "1 " * 5_000, "a@" * 5_000, "a." * 5_000, "+" * 9_000):
        told = on_event("text_contacts", "send_message", _userId="asha", _content=text)
        assert told is not None
        assert told <= 5_000
