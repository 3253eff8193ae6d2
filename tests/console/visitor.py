"""A person at the console without a browser: keeps cookies, finds the token of a form, and says where it comes from."""

import http.cookies
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

from fourthwatch.clock import SystemClock
from fourthwatch.console.passwords import hash_password
from fourthwatch.store.users import FIRST_TENANT, User, UserStore
from served import Reply, Served

PASSWORD = "five quiet lanterns"  # invented
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
_HASHED = hash_password(PASSWORD)


class Visitor:
    """Cookies of one browser."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.cookies: dict[str, str] = {}
        self.token = ""

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """A page."""
        return self.ask("GET", path, None, headers or {})

    def post(self, path: str, form: Mapping[str, str] | None = None, **headers: str) -> Reply:
        """A form, with the token of the page seen last unless told otherwise."""
        sent = urlencode({"csrf": self.token, **(form or {})})
        given = {"Origin": self.served.url, "Sec-Fetch-Site": "same-origin", **headers}
        named = {name.replace("_", "-"): value for name, value in given.items() if value}
        return self.ask("POST", path, sent, {"Content-Type": "application/x-www-form-urlencoded", **named})

    def ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Reply:
        """One request, and what the browser would keep of its answer."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = self.served.connection()
        try:
            connection.request(method, path, body, {**headers, **({"Cookie": cookies} if cookies else {})})
            answer = connection.getresponse()
            told = answer.getheaders()
            reply = Reply(answer.status, {name.lower(): value for name, value in told}, answer.read())
        finally:
            connection.close()
        for name, value in told:
            if name.lower() == "set-cookie":
                self._keep(value)
        found = _TOKEN.search(reply.body.decode("utf-8", "replace"))
        if found is not None:
            self.token = found[1]
        return reply

    def sign_in(self, name: str, password: str = PASSWORD) -> Reply:
        """By the form; the last reply is that of the sign-in."""
        self.get("/console/sign-in")
        reply = self.post("/console/sign-in", {"name": name, "password": password})
        if reply.status == 303:
            self.get("/console/account")
        return reply

    def _keep(self, header: str) -> None:
        parsed = http.cookies.SimpleCookie(header)
        for name, morsel in parsed.items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


def make_user(directory: Path, name: str, role: str, tenant: int = FIRST_TENANT) -> User:
    """A user with the password of the tests."""
    store = UserStore(directory, SystemClock())
    try:
        user = store.add(tenant, name, role)
        store.set_password(user, _HASHED)
    finally:
        store.close()
    return user


def signed_in(served: Served, role: str, name: str = "") -> Visitor:
    """Somebody of a role, signed in."""
    visitor = Visitor(served)
    called = name or f"{role}@example.com"
    store = UserStore(served.directory, SystemClock())
    known = store.named(called)
    store.close()
    if known is None:
        make_user(served.directory, called, role)
    assert visitor.sign_in(called).status == 303
    return visitor


def page(*parts: str) -> str:
    """A path below `/console`, encoded."""
    return "/console/" + "/".join(quote(part, safe="") for part in parts)
