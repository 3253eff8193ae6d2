"""Getting in: name and password, a code where there is a second factor, and the one-time link that begins it all.

What is said to a wrong guess never tells whether there is such a user; guesses are counted before they are looked at.
"""

import secrets
from collections import OrderedDict

from starlette.responses import RedirectResponse, Response

from fourthwatch.clock import Clock
from fourthwatch.console.gate import FORM_COOKIE, SESSION_COOKIE, Page, clear_cookie, set_cookie
from fourthwatch.console.guesses import Guesses, guessers_of
from fourthwatch.console.looks import Looks
from fourthwatch.console.notices import then
from fourthwatch.console.passwords import Passwords, refuse_weak
from fourthwatch.console.second_factor import step_of_code
from fourthwatch.console.visit import OPEN, Visit, is_own_page
from fourthwatch.errors import NotFound, Refused, UsageError
from fourthwatch.logs import log
from fourthwatch.store.users import Link, User, UserStore, secret_hash

DEVICE_COOKIE = "__Host-fourthwatch-device"
_HALF_COOKIE = "__Host-fourthwatch-code"
_DEVICE_S = 400 * 24 * 3600
_HALF_S = 300.0
_HALVES_MAX = 1_000
_WRONG = "The name or the password is not right."


class SignIn:
    """Handlers of the pages that nobody need be signed in for."""

    def __init__(self, users: UserStore, passwords: Passwords, guesses: Guesses, looks: Looks, clock: Clock) -> None:
        self._users = users
        self._passwords = passwords
        self._guesses = guesses
        self._looks = looks
        self._clock = clock
        self._halves: OrderedDict[str, tuple[str, str, float]] = OrderedDict()
        """Who has given the right password and owes a code: user, next page, until when."""

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/sign-in", OPEN, self.form),
            Page("POST", "/sign-in", OPEN, self.sign_in),
            Page("GET", "/sign-in/code", OPEN, self.code_form),
            Page("POST", "/sign-in/code", OPEN, self.code),
            Page("POST", "/sign-out", "viewer", self.sign_out),
            Page("GET", "/welcome/{secret}", OPEN, self.welcome),
            Page("POST", "/welcome/{secret}", OPEN, self.choose),
        ]

    async def form(self, visit: Visit) -> Response:
        """Name and password."""
        if visit.session is not None:
            return RedirectResponse(_own(visit.query.get("next")), 303)
        return self._form(visit, visit.query.get("next"), kept="kept" not in visit.query)

    async def sign_in(self, visit: Visit) -> Response:
        """Try them."""
        name, there = visit.form.get("name").lower(), visit.form.get("next")
        guessers = self._guessers(visit, name)
        try:
            self._guesses.take(guessers)
        except Refused as refusal:
            return self._form(visit, there, refusal.message, status=429, name=name)
        user = self._users.named(name)
        usable = user is not None and user.disabled_ms is None
        password = dict(visit.form.pairs).get("password", "")
        right = await self._passwords.matches(user.password if user is not None and usable else None, password)
        if user is None or not right:
            return self._form(visit, there, _WRONG, status=401, name=name)
        self._guesses.was_right(guessers)
        if user.totp is None:
            return self._in(visit, user, there)
        half = secrets.token_urlsafe(32)
        self._halves[half] = (user.id, there, self._clock.monotonic_s() + _HALF_S)
        while len(self._halves) > _HALVES_MAX:
            self._halves.popitem(last=False)
        response = RedirectResponse("/console/sign-in/code", 303)
        set_cookie(response, _HALF_COOKIE, half, int(_HALF_S))
        return response

    async def code_form(self, visit: Visit) -> Response:
        """The second factor's code."""
        if self._half(visit) is None:
            return RedirectResponse("/console/sign-in", 303)
        return self._looks.page("sign_in_code.html", visit, fault="")

    async def code(self, visit: Visit) -> Response:
        """Try it."""
        half = self._half(visit)
        user = None if half is None else self._users.user(half[0])
        if half is None or user is None or user.totp is None or user.disabled_ms is not None:
            return RedirectResponse("/console/sign-in", 303)
        guessers = self._guessers(visit, user.name)
        try:
            self._guesses.take(guessers)
        except Refused as refusal:
            return self._looks.page("sign_in_code.html", visit, status=429, fault=refusal.message)
        step = step_of_code(user.totp, visit.form.get("code"), self._clock.now_ms())
        if step is None or not self._users.take_totp_step(user, step):
            return self._looks.page("sign_in_code.html", visit, status=401, fault="The code is not right, or was used.")
        self._guesses.was_right(guessers)
        self._halves.pop(visit.request.cookies[_HALF_COOKIE], None)
        response = self._in(visit, user, half[1])
        clear_cookie(response, _HALF_COOKIE)
        return response

    async def sign_out(self, visit: Visit) -> Response:
        """End the session, here and now."""
        assert visit.session is not None
        self._users.end_session(visit.session.hash)
        response = RedirectResponse("/console/sign-in", 303)
        clear_cookie(response, SESSION_COOKIE)
        return response

    async def welcome(self, visit: Visit) -> Response:
        """What a one-time link leads to."""
        link = self._link(visit)
        return self._looks.page("welcome.html", visit, name=self._name_of(link), is_first=link.user is None, fault="")

    async def choose(self, visit: Visit) -> Response:
        """Use the link up: a password for a user, or the first administrator."""
        link = self._link(visit)
        sent = dict(visit.form.pairs)
        password = sent.get("password", "")
        name = self._name_of(link) or visit.form.get("name").lower()
        try:
            refuse_weak(password, name)
            if password != sent.get("again"):
                raise UsageError("the two passwords are not the same")
            if link.user is None and not name:
                raise UsageError("choose a name to sign in with")
            hashed = await self._passwords.hash(password)
            user = self._user_of(link, name)
        except (UsageError, Refused) as error:
            shown, is_first = name or "", link.user is None
            return self._looks.page("welcome.html", visit, status=400, name=shown, is_first=is_first, fault=str(error))
        if not self._users.use_link(link):
            raise NotFound("this link was used already")
        self._users.set_password(user, hashed, actor=user.id)
        return self._in(visit, user, "")

    def _user_of(self, link: Link, name: str) -> User:
        if link.user is None:
            return self._users.add(link.tenant, name, "admin", "one-time link")
        user = self._users.user(link.user)
        if user is None or user.disabled_ms is not None:
            raise NotFound("this link cannot be used any more")
        return user

    def _form(
        self, visit: Visit, there: str | None, fault: str = "", *, status: int = 200, name: str = "", kept: bool = True
    ) -> Response:
        return self._looks.page(
            "sign_in.html", visit, status=status, fault=fault, name=name, next=there or "", cookie_kept=kept,
            has_users=bool(self._users.all()),
        )  # fmt: skip

    def _guessers(self, visit: Visit, name: str) -> tuple[str, ...]:
        device = visit.request.cookies.get(DEVICE_COOKIE, "")
        known = secret_hash(device).hex() if device and self._users.knows_device(name, device) else None
        client = visit.request.client
        return guessers_of(name, client.host if client is not None else "", known)

    def _in(self, visit: Visit, user: User, there: str) -> Response:
        """A new session; never one that was there before."""
        if visit.session is not None:
            self._users.end_session(visit.session.hash)
        log.info("signed_in", user=user.id)
        response = then("/console/signed-in?next=" + _own(there).replace("&", "%26"))
        set_cookie(response, SESSION_COOKIE, self._users.begin_session(user))
        clear_cookie(response, FORM_COOKIE)
        device = visit.request.cookies.get(DEVICE_COOKIE, "") or secrets.token_urlsafe(32)
        self._users.remember_device(user, device)
        set_cookie(response, DEVICE_COOKIE, device, _DEVICE_S)
        return response

    def _half(self, visit: Visit) -> tuple[str, str, float] | None:
        half = self._halves.get(visit.request.cookies.get(_HALF_COOKIE, ""))
        return half if half is not None and half[2] > self._clock.monotonic_s() else None

    def _link(self, visit: Visit) -> Link:
        link = self._users.link(visit.request.path_params["secret"])
        if link is None or (link.user is None and self._users.all()):
            raise NotFound("this link was used already, is older than a day, or never was; ask for a new one")
        return link

    def _name_of(self, link: Link) -> str:
        user = None if link.user is None else self._users.user(link.user)
        return "" if user is None else user.name


def _own(there: str | None) -> str:
    """A page of ours to go on to; anything else becomes the overview.

    >>> _own("/console/queue?x=1"), _own("//evil.example"), _own("/console/\\\\evil"), _own(None)
    ('/console/queue?x=1', '/console', '/console', '/console')
    """
    return there if there is not None and is_own_page(there) else "/console"
