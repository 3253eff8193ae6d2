"""In front of every page: who is it, may they, does the request come from our own page; and the headers behind it.

A page that does not say who may see it cannot be added; whoever is not signed in sees the sign-in page.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fourthwatch.console.door import Ask
from fourthwatch.console.passing import Passing
from fourthwatch.console.visit import OPEN, Visit
from fourthwatch.errors import Forbidden
from fourthwatch.store.users import Session, UserStore

SESSION_COOKIE = "__Host-fourthwatch"
FORM_COOKIE = "__Host-fourthwatch-form"
"""Before anybody is signed in: what the sign-in form's token is made of."""
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types fourthwatch default",
    )
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "cache-control": "no-store",
}

_ON_PAGE = frozenset({"order", "entity", "open", "q", "cursor"})

PageHandler = Callable[[Visit], Awaitable[Response]]


class Page(msgspec.Struct, frozen=True):
    """One row of the table of pages."""

    method: str
    path: str
    """Below `/console`."""
    role: str
    """The least role that may, or `open`."""
    handler: PageHandler
    touches: bool = True
    """Whether it keeps a session from running out; what a page asks by itself does not."""


class Gate:
    """Turns rows into routes."""

    def __init__(self, users: UserStore, passing: Passing, ask: Ask) -> None:
        self._users = users
        self._passing = passing
        self._ask = ask

    def routes(self, pages: Sequence[Page]) -> list[Route]:
        """One route a row."""
        return [Route("/console" + page.path, self._guarded(page), methods=[page.method]) for page in pages]

    def session_of(self, request: Request, *, touch: bool) -> tuple[Session | None, str]:
        """The session that the browser presents, and the cookie's text."""
        token = request.cookies.get(SESSION_COOKIE, "")
        return (self._users.session(token, touch=touch) if token else None), token

    def visit(self, request: Request, *, touch: bool = True) -> Visit:
        """For a page of errors, too."""
        session, token = self.session_of(request, touch=touch)
        visit = Visit(request, session, token if session else request.cookies.get(FORM_COOKIE, ""), self._ask)
        if session is not None:
            visit.is_revealed = self._passing.is_revealed(session.hash, page_of(request.url.path, request.url.query))
        return visit

    def _guarded(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            unsafe = page.method != "GET"
            if unsafe:
                refuse_foreign(request)
            visit = self.visit(request, touch=page.touches)
            if page.role != OPEN:
                if visit.session is None:
                    return _to_sign_in(visit)
                visit.must(page.role)
            fresh = ""
            if unsafe:
                await visit.read_form()
                if not visit.has_token():
                    raise Forbidden("this form has grown old; go back, load the page again and repeat what you did")
            elif visit.session is None and FORM_COOKIE not in request.cookies:
                fresh = secrets.token_urlsafe(32)
                visit = Visit(request, None, fresh, self._ask)
            response = await page.handler(visit)
            if fresh:
                set_cookie(response, FORM_COOKIE, fresh)
            return response

        return guarded


def page_of(path: str, query: str) -> str:
    """What is one page to whoever gave a reason to see personal data: the path, and which order or thing it shows."""
    told = sorted(pair for pair in parse_qsl(query) if pair[0] in _ON_PAGE)
    return path + ("?" + urlencode(told) if told else "")


def refuse_foreign(request: Request) -> None:
    """Raises `Forbidden` unless a page of this very site sent it: by what the browser itself says of that."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is None and origin is None:
        raise Forbidden("the browser does not say which page this comes from; programs use the API with a key")
    if site is not None and site != "same-origin":
        raise Forbidden("this was sent by a page of another site")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("this was sent by a page of another site")


def set_cookie(response: Response, name: str, value: str, max_age_s: int | None = None) -> None:
    """A cookie that only this host gets back, only over TLS or on this machine, and that no script sees."""
    response.set_cookie(name, value, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="lax")


def clear_cookie(response: Response, name: str) -> None:
    """Take a cookie back."""
    response.set_cookie(name, "", max_age=0, path="/", secure=True, httponly=True, samesite="lax")


def _to_sign_in(visit: Visit) -> Response:
    request = visit.request
    if visit.is_partial:
        return Response(status_code=401, headers={"HX-Redirect": "/console/sign-in"})
    there = "/console/sign-in"
    if request.method == "GET":
        asked = request.url.path + ("?" + request.url.query if request.url.query else "")
        there += "?next=" + quote(asked, safe="")
    return RedirectResponse(there, 303)
