"""How pages are made: templates with autoescape, what they may call, and static files under a name of their content.

Everything a shop or a shopper wrote is text here and never markup; there is no filter that says otherwise.
"""

import hashlib
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
import msgspec
from markupsafe import Markup
from starlette.responses import Response

from fourthwatch import __version__
from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Clock
from fourthwatch.console import masking
from fourthwatch.console.door import path_of
from fourthwatch.console.figures import amount_text, count_text, percent_text, size_text, value_text
from fourthwatch.console.navigation import navigation
from fourthwatch.console.notices import forget_notice, notice_of
from fourthwatch.console.visit import Visit

_ROOM = Path(__file__).parent
_TYPES = {
    ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".woff2": "font/woff2",
    ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}  # fmt: skip
_WIRE_WORD = re.compile(r"_[A-Za-z][A-Za-z_]{0,40}")
THEME_COOKIE = "fourthwatch-theme"
THEMES = ("auto", "light", "dark")


class Statics:
    """Files that never change under their address: own style sheets, and the bundle where it was built."""

    def __init__(self) -> None:
        files = [*sorted((_ROOM / "static").iterdir()), *sorted((_ROOM / "bundle").glob("*"))]
        self._files = {path.name: path.read_bytes() for path in files if path.suffix in _TYPES}
        digest = hashlib.sha256()
        for name, content in sorted(self._files.items()):
            digest.update(f"{name} {len(content)} ".encode() + content)
        self.version = digest.hexdigest()[:12]
        """Part of every file's address."""

    def has(self, name: str) -> bool:
        """Whether there is such a file; the bundle may be missing."""
        return name in self._files

    def address(self, name: str) -> str:
        """Where a browser finds it."""
        return f"/console/static/{self.version}/{name}"

    def response(self, version: str, name: str) -> Response | None:
        """The file, to be kept for ever; `None` when there is none."""
        content = self._files.get(name)
        if content is None or version != self.version:
            return None
        headers = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
        return Response(content, headers=headers, media_type=_TYPES[Path(name).suffix])


class Looks:
    """Renders pages."""

    def __init__(self, statics: Statics, clock: Clock) -> None:
        self._statics = statics
        self._clock = clock
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_ROOM / "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._environment.filters.update(
            time=self.time, ago=self.ago, day=day_text, amount=amount_text, count=count_text, percent=percent_text,
            value=value_text, size=size_text, said=said_text, pretty=pretty, compact=compact, words=words_of,
        )  # fmt: skip
        self._environment.globals.update(
            static=statics.address, has_static=statics.has, version=__version__, with_query=with_query,
            address=address_of, navigation=navigation,
        )  # fmt: skip

    def page(self, template: str, visit: Visit, *, status: int = 200, **given: Any) -> Response:
        """A page, or the piece of it that a script picks out."""
        theme = visit.request.cookies.get(THEME_COOKIE, "auto")
        notice = notice_of(visit.request)
        body = self._environment.get_template(template).render(
            visit=visit,
            theme=theme if theme in THEMES else "auto",
            notice=notice,
            here=visit.request.url.path,
            now_ms=self._clock.now_ms(),
            personal=masking.Personal(shown=visit.sees_personal),
            **given,
        )
        response = Response(body, status, media_type="text/html; charset=utf-8")
        if notice is not None:
            forget_notice(response)
        return response

    def time(self, moment: str | int | None, *, short: bool = False) -> Markup | str:
        """A moment for people, in UTC until a script puts it into the viewer's zone."""
        at_ms = ms_of(moment)
        if at_ms is None:
            return "unknown"
        at = datetime.fromtimestamp(at_ms / SECOND_MS, UTC)
        shown = f"{at:%H:%M}" if short else f"{at.day} {at:%b %Y, %H:%M}"
        return Markup('<time datetime="{}" title="{} UTC"{}>{}</time>').format(
            f"{at:%Y-%m-%dT%H:%M:%S}Z", f"{at:%Y-%m-%d %H:%M:%S}", Markup(" data-short") if short else "", shown
        )

    def ago(self, moment: str | int | None) -> Markup | str:
        """How long ago, with the moment on hover."""
        at_ms = ms_of(moment)
        if at_ms is None:
            return "unknown"
        at = datetime.fromtimestamp(at_ms / SECOND_MS, UTC)
        return Markup('<time datetime="{}" title="{} UTC" data-ago>{}</time>').format(
            f"{at:%Y-%m-%dT%H:%M:%S}Z", f"{at:%Y-%m-%d %H:%M:%S}", age_text(self._clock.now_ms() - at_ms)
        )


def age_text(age_ms: int) -> str:
    """A span in its largest unit.

    >>> age_text(30_000), age_text(3_700_000), age_text(-5), age_text(400 * DAY_MS)
    ('30 s', '1 h', '0 s', '400 d')
    """
    for unit_ms, name in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min")):
        if age_ms >= unit_ms:
            return f"{age_ms // unit_ms} {name}"
    return f"{max(0, age_ms) // SECOND_MS} s"


def day_text(day: str) -> str:
    """A day as the console writes dates.

    >>> day_text("2026-11-08"), day_text("some day")
    ('8 Nov 2026', 'some day')
    """
    try:
        at = date.fromisoformat(day)
    except ValueError:
        return day
    return f"{at.day} {at:%b %Y}"


def ms_of(moment: str | int | None) -> int | None:
    """Epoch milliseconds of a moment as the API writes it; `None` when it cannot be read."""
    if moment is None or isinstance(moment, int):
        return moment
    try:
        return int(datetime.fromisoformat(moment).timestamp() * SECOND_MS)
    except ValueError:
        return None


def pretty(value: Any) -> str:
    """JSON as people read it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def compact(value: Any) -> str:
    """JSON for a script, in an attribute; the template escapes it."""
    return msgspec.json.encode(value).decode()


def said_text(value: Any) -> str:
    """A value of an event for people: the wire's own words without their mark, everything else as it was sent.

    >>> said_text("_creditCard"), said_text("_x <b>"), said_text("Fashion"), said_text(True)
    ('credit card', '_x <b>', 'Fashion', 'yes')
    """
    return words_of(value) if isinstance(value, str) and _WIRE_WORD.fullmatch(value) else value_text(value)


def words_of(name: str) -> str:
    """A name of the wire or the code as words.

    >>> words_of("_firstName"), words_of("custom_event"), words_of("createOrder")
    ('first name', 'custom event', 'create order')
    """
    spaced = "".join(" " + char.lower() if char.isupper() else char for char in name.strip("_"))
    return spaced.replace("_", " ").strip()


def with_query(visit: Visit, **changes: str | int | None) -> str:
    """The page's own address with some fields of the query changed; `None` takes one out."""
    fields = [(name, value) for name, value in visit.request.query_params.multi_items() if name not in changes]
    fields += [(name, str(value)) for name, value in changes.items() if value is not None]
    path = visit.request.url.path
    return path + ("?" + urlencode(fields) if fields else "")


def address_of(*parts: str, **query: str | int | None) -> str:
    """A page's address, every part of it percent-encoded."""
    return path_of("console", *parts, **query)
