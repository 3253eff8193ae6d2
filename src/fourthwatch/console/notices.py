"""What a page says after something was done: told to the next page by a cookie, shown once."""

import base64
import binascii

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fourthwatch.console.gate import clear_cookie, set_cookie

NOTICE_COOKIE = "__Host-fourthwatch-notice"
_CHARS_MAX = 1_500


class Notice(msgspec.Struct, frozen=True):
    """One message; `undo` is the address that takes back what was done."""

    text: str
    tone: str = "good"
    """good, warn or bad."""
    undo: str = ""
    undo_value: str = ""


def then(there: str, text: str = "", *, tone: str = "good", undo: str = "", undo_value: str = "") -> Response:
    """Go on to a page, which says this."""
    response = RedirectResponse(there, 303)
    if text:
        notice = msgspec.json.encode(Notice(text[:500], tone, undo, undo_value))
        set_cookie(response, NOTICE_COOKIE, base64.urlsafe_b64encode(notice).decode(), 60)
    return response


def notice_of(request: Request) -> Notice | None:
    """What the page before wanted said."""
    text = request.cookies.get(NOTICE_COOKIE, "")
    if not 0 < len(text) <= 4 * _CHARS_MAX:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text), type=Notice)
    except (msgspec.DecodeError, msgspec.ValidationError, binascii.Error, ValueError):
        return None


def forget_notice(response: Response) -> None:
    """It was shown."""
    clear_cookie(response, NOTICE_COOKIE)
