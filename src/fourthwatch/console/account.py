"""A user's own affairs: password, second factor, how the console looks, where a session begins."""

from starlette.responses import RedirectResponse, Response

from fourthwatch.clock import Clock
from fourthwatch.console.gate import Page
from fourthwatch.console.guesses import Guesses
from fourthwatch.console.looks import THEME_COOKIE, THEMES, Looks
from fourthwatch.console.notices import then
from fourthwatch.console.passwords import Passwords, refuse_weak
from fourthwatch.console.second_factor import new_secret, picture_of, provisioning, side_of, step_of_code
from fourthwatch.console.visit import OPEN, Visit, is_own_page
from fourthwatch.errors import Refused, UsageError
from fourthwatch.store.users import UserStore


class Account:
    """Handlers of the pages about oneself."""

    def __init__(self, users: UserStore, passwords: Passwords, guesses: Guesses, looks: Looks, clock: Clock) -> None:
        self._users = users
        self._passwords = passwords
        self._guesses = guesses
        self._looks = looks
        self._clock = clock

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/signed-in", OPEN, self.signed_in),
            Page("GET", "/account", "viewer", self.account),
            Page("POST", "/account/password", "viewer", self.password),
            Page("POST", "/account/second-factor", "viewer", self.second_factor),
            Page("POST", "/account/theme", "viewer", self.theme),
        ]

    async def signed_in(self, visit: Visit) -> Response:
        """The first page with the cookie; says so where the browser did not keep it."""
        if visit.session is None:
            return RedirectResponse("/console/sign-in?kept=no", 303)
        there = visit.query.get("next", "/console")
        return RedirectResponse(there if is_own_page(there) else "/console", 303)

    async def account(self, visit: Visit) -> Response:
        """Password, second factor, look."""
        return self._page(visit)

    async def password(self, visit: Visit) -> Response:
        """Another password; every other session ends."""
        assert visit.session is not None
        sent = dict(visit.form.pairs)
        try:
            await self._prove(visit, sent.get("now", ""))
            refuse_weak(sent.get("password", ""), visit.user.name)
            if sent.get("password") != sent.get("again"):
                raise UsageError("the two passwords are not the same")
            hashed = await self._passwords.hash(sent["password"])
        except (UsageError, Refused) as error:
            return self._page(visit, status=400, fault=str(error))
        self._users.set_password(visit.user, hashed, keep=visit.session.hash, actor=visit.user.id)
        return then("/console/account", "Your password is changed. Everywhere else you are signed out.")

    async def second_factor(self, visit: Visit) -> Response:
        """Turn it on with a first code, or off with the password."""
        assert visit.session is not None
        try:
            await self._prove(visit, dict(visit.form.pairs).get("now", ""))
            if visit.user.totp is not None:
                self._users.set_totp(visit.user, None, keep=visit.session.hash, actor=visit.user.id)
                return then("/console/account", "The second factor is off.", tone="warn")
            secret = visit.form.get("secret")
            step = step_of_code(secret, visit.form.get("code"), self._clock.now_ms()) if _is_secret(secret) else None
            if step is None:
                raise UsageError("the code is not right; is the clock of your phone?")
        except (UsageError, Refused) as error:
            return self._page(visit, status=400, fault=str(error))
        self._users.set_totp(visit.user, secret, step, keep=visit.session.hash, actor=visit.user.id)
        return then("/console/account", "The second factor is on: from now on signing in asks for a code.")

    async def theme(self, visit: Visit) -> Response:
        """Dark, light, or as the system has it."""
        wanted = visit.form.get("theme")
        response = then("/console/account")
        response.set_cookie(
            THEME_COOKIE, wanted if wanted in THEMES else "auto", max_age=400 * 86_400, samesite="lax", httponly=True
        )
        return response

    async def _prove(self, visit: Visit, password: str) -> None:
        guessers = (f"session of {visit.user.id}",)
        self._guesses.take(guessers)
        if not await self._passwords.matches(visit.user.password, password):
            raise UsageError("your present password is not right")
        self._guesses.was_right(guessers)

    def _page(self, visit: Visit, *, status: int = 200, fault: str = "") -> Response:
        secret = new_secret()
        uri = provisioning(secret, visit.user.name)
        return self._looks.page(
            "account.html", visit, status=status, fault=fault, secret=secret, picture=picture_of(uri), side=side_of(uri)
        )


def _is_secret(text: str) -> bool:
    return len(text) == 32 and all(char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" for char in text)
