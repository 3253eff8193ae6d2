"""What a user agent says of itself: family, system, kind of machine, and whether a program drives it.

Everything here is the sender's word; a careful cheat sends a perfect one. Only what gives itself away is found.
"""

import re
from functools import lru_cache
from typing import Literal

import msgspec

from fourthwatch.limits import DOMAINS_CACHED_MAX, USER_AGENT_CHARS_MAX

BROWSERS_VERSION = 1
"""Goes up when what is recognised below changes."""

Family = Literal["chrome", "edge", "firefox", "opera", "safari", "samsung", "internet explorer", "app", "other"]
System = Literal["android", "ios", "windows", "mac", "linux", "other"]


class Browser(msgspec.Struct, frozen=True, gc=False):
    """What one user agent says."""

    family: Family
    """`app`: a shop's own app or a view inside another app; `other`: none of those known here."""
    system: System
    is_handheld: bool
    """A phone or a tablet."""
    is_automated: bool
    """A crawler, a library or a browser that a program drives."""
    is_embedded: bool
    """A view inside another app."""


def read_browser(user_agent: str) -> Browser | None:
    """None: nothing but blanks.

    >>> read_browser("python-requests/2.31.0").is_automated
    True
    >>> phone = read_browser("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36")
    >>> phone.family, phone.system, phone.is_handheld, phone.is_automated
    ('chrome', 'android', True, False)
    """
    return _read(user_agent[:USER_AGENT_CHARS_MAX].strip().lower())


@lru_cache(maxsize=DOMAINS_CACHED_MAX)
def _read(text: str) -> Browser | None:
    if not text:
        return None
    system: System = next((name for mark, name in _SYSTEMS if mark in text), "other")
    return Browser(
        family=next((name for mark, name in _FAMILIES if mark in text), "other"),
        system=system,
        is_handheld=system in ("android", "ios") or "mobile" in text or "tablet" in text,
        is_automated=_AUTOMATED.search(text) is not None or not text.startswith(_BEGINNINGS),
        is_embedded="; wv)" in text or _EMBEDDED.search(text) is not None,
    )


_BEGINNINGS = tuple("abcdefghijklmnopqrstuvwxyz")
"""What begins with anything else is no name of a program."""
# The first that is found counts: every browser also calls itself those that it wants to be taken for.
_FAMILIES: tuple[tuple[str, Family], ...] = (
    ("; wv)", "app"),
    ("fban/", "app"),
    ("fbav/", "app"),
    ("instagram", "app"),
    ("okhttp", "app"),
    ("cfnetwork", "app"),
    ("dalvik/", "app"),
    ("edg/", "edge"),
    ("edga/", "edge"),
    ("edgios/", "edge"),
    ("edge/", "edge"),
    ("opr/", "opera"),
    ("opera", "opera"),
    ("samsungbrowser", "samsung"),
    ("fxios", "firefox"),
    ("firefox", "firefox"),
    ("msie ", "internet explorer"),
    ("trident/", "internet explorer"),
    ("crios", "chrome"),
    ("chrome/", "chrome"),
    ("chromium", "chrome"),
    ("safari/", "safari"),
)
_SYSTEMS: tuple[tuple[str, System], ...] = (
    ("windows phone", "other"),
    ("android", "android"),
    ("okhttp", "android"),
    ("iphone", "ios"),
    ("ipad", "ios"),
    ("ipod", "ios"),
    ("cfnetwork", "ios"),
    ("windows", "windows"),
    ("macintosh", "mac"),
    ("mac os", "mac"),
    ("cros", "linux"),
    ("linux", "linux"),
    ("x11", "linux"),
)
_AUTOMATED = re.compile(
    r"headless|phantomjs|selenium|webdriver|puppeteer|playwright|slimerjs|electron/|jsdom|nightmare"
    r"|python|aiohttp|httpx|urllib|curl/|wget|libwww|java/|go-http|axios|node-fetch|node\.js|guzzle|php/|ruby"
    r"|apache-httpclient|postman|insomnia|scrapy|mechanize|perl|powershell|httpie"
    r"|bot\b|bot/|crawler|spider|slurp|archiver|preview|monitor|lighthouse|checker|scanner"
)
_EMBEDDED = re.compile(r"fban/|fbav/|instagram|line/|micromessenger|snapchat|pinterest/|tiktok|bytedance|gsa/")
