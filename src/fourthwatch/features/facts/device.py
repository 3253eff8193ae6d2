"""Facts of the device and of what its user wrote: automated browsers, clocks set elsewhere, messages that lead away.

The contract has no field for the device; user agent, time zone and language are read from `_customInfo` under the names
that shops use. They are the sender's word.
"""

import re

from fourthwatch.entities.browser import Browser, read_browser
from fourthwatch.entities.country import country_code
from fourthwatch.entities.network import ip_key, is_public
from fourthwatch.entities.zone import offsets_minutes, zone_offset_minutes
from fourthwatch.events import Login, SendMessage, SubmitReview
from fourthwatch.events.values import outcome_of
from fourthwatch.features.facts.fact import Compute, Fact, country_of, custom_number, custom_text, said, truth
from fourthwatch.features.subject import Subject, minor_units
from fourthwatch.limits import MESSAGE_CHARS_MAX

_OFFSET_MINUTES_MAX = 15 * 60
_AGENT_KEYS = ("userAgent", "user_agent", "user-agent", "browserUserAgent")
_ZONE_KEYS = ("timezone", "timeZone", "time_zone")
_OFFSET_KEYS = ("timezoneOffset", "timeZoneOffset", "timezone_offset")
_LANGUAGE_KEYS = ("language", "browserLanguage", "acceptLanguage", "locale")
_LANGUAGE_REGION = re.compile(r"[a-z]{2,3}[-_]([A-Za-z]{2})\b")


def _browser(subject: Subject) -> Browser | None:
    text = custom_text(subject, _AGENT_KEYS)
    return None if text is None else read_browser(text)


def _is_automated(subject: Subject) -> float | None:
    browser = _browser(subject)
    return None if browser is None else truth(browser.is_automated)


def _is_handheld(subject: Subject) -> float | None:
    browser = _browser(subject)
    return None if browser is None else truth(browser.is_handheld)


def _is_embedded(subject: Subject) -> float | None:
    browser = _browser(subject)
    return None if browser is None else truth(browser.is_embedded)


def _is_rare_browser(subject: Subject) -> float | None:
    browser = _browser(subject)
    return None if browser is None else truth(browser.family in ("other", "internet explorer"))


def device_offset(subject: Subject) -> int | None:
    """Minutes ahead of UTC; browsers count `timezoneOffset` the other way, minutes behind."""
    zone = custom_text(subject, _ZONE_KEYS)
    offset = None if zone is None else zone_offset_minutes(zone, subject.occurred_ms)
    if offset is not None:
        return offset
    behind = custom_number(subject, _OFFSET_KEYS)
    return None if behind is None or abs(behind) > _OFFSET_MINUTES_MAX else -round(behind)


def _does_zone_differ(subject: Subject) -> float | None:
    """Against every offset in use in the country."""
    country, own = country_of(subject), device_offset(subject)
    if country is None or own is None:
        return None
    theirs = offsets_minutes(country, subject.occurred_ms)
    return truth(own not in theirs) if theirs else None


def _minutes_apart(subject: Subject) -> float | None:
    country, own = country_of(subject), device_offset(subject)
    if country is None or own is None:
        return None
    return min((abs(own - one) for one in offsets_minutes(country, subject.occurred_ms)), default=None)


def _does_language_differ(subject: Subject) -> float | None:
    country, text = country_of(subject), custom_text(subject, _LANGUAGE_KEYS)
    matched = None if text is None else _LANGUAGE_REGION.match(text)
    region = None if matched is None else country_code(matched.group(1).upper())
    return None if region is None or country is None else truth(region != country)


def _is_device_told(subject: Subject) -> float | None:
    return truth(subject.involved.device is not None) if subject.order is not None else None


def _is_ip_private(subject: Subject) -> float | None:
    ip = subject.involved.ip
    return None if ip is None else truth(not is_public(ip))


def _is_ip_unreadable(subject: Subject) -> float | None:
    text = said(subject.event.device_ip)
    return None if text is None else truth(ip_key(text) is None)


def _has_login_failed(subject: Subject) -> float | None:
    event = subject.event
    return truth(outcome_of(event.login_status) == "failure") if isinstance(event, Login) else None


_LINK = re.compile(
    r"(?:https?://|\bwww\.)\S{0,200}|\b[a-z0-9-]{2,40}\.(?:com|net|org|io|ru|xyz|top|link|shop|click)\b", re.IGNORECASE
)
_CONTACT = re.compile(
    r"\+?[0-9][0-9 -]{7,16}[0-9]|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.\w|\bwhats ?app\b|\btelegram\b", re.IGNORECASE
)


def _written(subject: Subject) -> str | None:
    """What a user wrote in a message or review."""
    event = subject.event
    if isinstance(event, SendMessage):
        title, text = event.subject, event.content
    elif isinstance(event, SubmitReview):
        title, text = event.review_title, event.review_content
    else:
        return None
    return said(f"{(title or '')[:MESSAGE_CHARS_MAX]} {(text or '')[:MESSAGE_CHARS_MAX]}")


def _text_length(subject: Subject) -> float | None:
    text = _written(subject)
    return None if text is None else len(text)


def _occurrences(pattern: re.Pattern[str]) -> Compute:
    def compute(subject: Subject) -> float | None:
        text = _written(subject)
        return None if text is None else sum(1 for _ in pattern.finditer(text))

    return compute


def _capitals_share(subject: Subject) -> float | None:
    text = _written(subject)
    cased = 0 if text is None else sum(character.isupper() or character.islower() for character in text)
    return None if text is None or not cased else sum(map(str.isupper, text)) / cased


def _rating(subject: Subject) -> float | None:
    event = subject.event
    hundredths = minor_units(event.rating, None) if isinstance(event, SubmitReview) else None
    return None if hundredths is None else hundredths / 100


DEVICE_FACTS: tuple[Fact, ...] = (
    Fact("device_told", "0 or 1", "the shop said which device the order came from", _is_device_told,
         "device_not_told"),
    Fact("browser_is_automated", "0 or 1", "a program drives the browser, or it is none", _is_automated,
         "automated_browser"),
    Fact("browser_is_handheld", "0 or 1", "ordered on a phone or tablet", _is_handheld, "handheld_device"),
    Fact("browser_is_embedded", "0 or 1", "ordered in a view inside another app", _is_embedded, "embedded_browser"),
    Fact("browser_is_rare", "0 or 1", "the browser is none that people commonly use", _is_rare_browser,
         "rare_browser"),
    Fact("device_zone_differs", "0 or 1", "the device's clock is set to no time zone of the country delivered to",
         _does_zone_differ, "device_time_zone_mismatch"),
    Fact("device_zone_minutes", "minutes", "minutes between the device's clock and that of the country delivered to",
         _minutes_apart, "device_time_zone_mismatch"),
    Fact("language_country_differs", "0 or 1", "the browser's language is that of another country",
         _does_language_differ, "device_language_mismatch"),
    Fact("ip_is_private", "0 or 1", "the IP is no public address: the shop may have sent its own", _is_ip_private,
         "private_ip"),
    Fact("ip_unreadable", "0 or 1", "what was sent as the IP is none", _is_ip_unreadable, "invalid_ip"),
    Fact("login_failed", "0 or 1", "the login failed", _has_login_failed, "failed_login"),
    Fact("text_length", "characters", "length of the message or review", _text_length, "text_length"),
    Fact("text_links", "times", "links in the message or review", _occurrences(_LINK), "links_in_text"),
    Fact("text_contacts", "times", "phone numbers, e-mails and chat names in the message or review",
         _occurrences(_CONTACT), "contact_in_text"),
    Fact("text_capitals_share", "ratio", "share of capital letters in the message or review", _capitals_share,
         "capitals_in_text"),
    Fact("rating", "stars", "stars that the review gives", _rating, "rating"),
)  # fmt: skip
