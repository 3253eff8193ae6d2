"""Who gets into the console, and to what: sign-in, links, sessions, forged forms, guesses, roles (R-33, R-35, R-36)."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pyotp
import pytest

from console.visitor import PASSWORD, Visitor, make_user, signed_in
from fourthwatch.clock import ManualClock, SystemClock
from fourthwatch.console import passwords
from fourthwatch.console.app import Console
from fourthwatch.console.gate import FORM_COOKIE, SESSION_COOKIE
from fourthwatch.console.guesses import Guesses, guessers_of
from fourthwatch.console.visit import OPEN
from fourthwatch.errors import TooMany
from fourthwatch.limits import GUESSES_MAX, GUESSES_WINDOW_S
from fourthwatch.store.users import ABSOLUTE_MS, FIRST_TENANT, IDLE_MS, LINK_MS, ROLES, UserStore
from served import KEY_HEADER, Served, run
from webhooks.listening import Receiver

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that the tests of this page share."""
    with Served(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture
def console(tmp_path: Path) -> Console:
    async def nobody(*_: object) -> tuple[int, dict[str, str], bytes]:
        raise AssertionError

    clock = SystemClock()
    return Console(UserStore(tmp_path, clock), nobody, clock)


def filled(path: str) -> str:
    """A page's path with something in its holes."""
    return "/console" + re.sub(r"{\w+(:path)?}", "never-seen", path)


def first_link(served: Served) -> str:
    """What the server printed; its log is read beside us, so we may be early."""
    for _ in range(1_000):
        for line in served.log:
            if "become_the_administrator" in line:
                return str(json.loads(line)["become_the_administrator"])
        served.request("GET", "/healthz")
    raise AssertionError(served.log)


# Sign-in.


def test_the_first_start_prints_a_link_that_makes_the_administrator_once(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        path = first_link(served).removeprefix(served.url)
        first = Visitor(served)
        assert "Become the administrator" in first.get(path).body.decode()
        weak = first.post(path, {"name": "asha@example.com", "password": "short", "again": "short"})
        assert weak.status == 400
        made = first.post(path, {"name": "Asha@example.com", "password": PASSWORD, "again": PASSWORD})
        assert made.status == 303
        assert first.get("/console").status == 200
        second = Visitor(served)
        assert second.get(path).status == 404
        assert second.sign_in("asha@example.com").status == 303
    with Served(tmp_path) as served:
        assert not [line for line in served.log if "become_the_administrator" in line]


def test_a_link_from_the_command_line_lets_in_a_user_of_that_role(served: Served) -> None:
    data = str(served.directory)
    made = run(
        "users", "create-link", "--data", data, "--name", "new@example.com", "--role", "viewer", "--url", served.url
    )
    path = made.stdout.strip().removeprefix(served.url)
    visitor = Visitor(served)
    visitor.get(path)
    assert visitor.post(path, {"password": PASSWORD, "again": PASSWORD}).status == 303
    listed = json.loads(run("users", "list", "--data", data, "--json").stdout)
    row = next(row for row in listed if row["name"] == "new@example.com")
    assert (row["role"], row["has_password"], row["disabled_at"]) == ("viewer", True, None)
    assert run("users", "disable", "--data", data, "new@example.com").returncode == 0
    assert visitor.get("/console").status == 303
    assert visitor.sign_in("new@example.com").status == 401


def test_a_wrong_name_and_a_wrong_password_are_told_the_same(served: Served) -> None:
    make_user(served.directory, "told@example.com", "viewer")
    pages = []
    for name, password in (("told@example.com", "not the one, no"), ("nobody@example.com", PASSWORD)):
        visitor = Visitor(served)
        reply = visitor.sign_in(name, password)
        assert reply.status == 401
        pages.append(re.sub(r'value="[^"]*"', "", re.sub(r"hx-headers='[^']*'", "", reply.body.decode())))
    assert pages[0] == pages[1]


def test_the_session_cookie_is_for_this_host_and_no_script_and_new_at_each_sign_in(served: Served) -> None:
    make_user(served.directory, "cookie@example.com", "viewer")
    visitor = Visitor(served)
    visitor.get("/console/sign-in")
    visitor.cookies[SESSION_COOKIE] = "chosen-by-somebody-else"
    connection = served.connection()
    visitor.token = ""
    visitor.cookies.pop(SESSION_COOKIE)
    visitor.get("/console/sign-in")
    connection.request(
        "POST", "/console/sign-in",
        f"csrf={visitor.token}&name=cookie%40example.com&password={PASSWORD.replace(' ', '+')}",
        {"Origin": served.url, "Cookie": f"{FORM_COOKIE}={visitor.cookies[FORM_COOKIE]}; {SESSION_COOKIE}=chosen"},
    )  # fmt: skip
    told = [value for name, value in connection.getresponse().getheaders() if name.lower() == "set-cookie"]
    connection.close()
    session = next(value for value in told if value.startswith(SESSION_COOKIE + "="))
    assert session.startswith("__Host-")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(re.split("; ", session)[1:])
    assert "chosen" not in session
    assert len(session.split("=")[1].split(";")[0]) >= 43


def test_a_second_factor_is_asked_for_and_each_code_is_taken_once(served: Served) -> None:
    visitor = signed_in(served, "viewer", "factor@example.com")
    page = visitor.get("/console/account").body.decode()
    secret = re.search(r'name="secret" value="(\w+)"', page)
    assert secret is not None
    code = pyotp.TOTP(secret[1]).now()
    on = visitor.post("/console/account/second-factor", {"secret": secret[1], "code": code, "now": PASSWORD})
    assert on.status == 303
    other = Visitor(served)
    assert other.sign_in("factor@example.com").headers["location"] == "/console/sign-in/code"
    assert other.get("/console").status == 303
    other.get("/console/sign-in/code")
    assert other.post("/console/sign-in/code", {"code": code}).status == 401
    later = pyotp.TOTP(secret[1]).at(SystemClock().now_ms() // 1000 + 30)
    assert other.post("/console/sign-in/code", {"code": later}).status == 303
    assert other.get("/console").status == 200


# Guesses.


def test_a_stranger_has_ten_guesses_and_the_known_browser_still_gets_in(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        owner = signed_in(served, "viewer", "guessed@example.com")
        owner.post("/console/sign-out")
        answers = [Visitor(served).sign_in("guessed@example.com", f"guess number {n}").status for n in range(12)]
        assert answers == [401] * GUESSES_MAX + [429] * 2
        assert Visitor(served).sign_in("guessed@example.com").status == 429
        assert owner.sign_in("guessed@example.com").status == 303


def test_ten_thousand_guesses_over_http_cost_ten_hashes_and_keep_nobody_out(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        owner = signed_in(served, "viewer", "guessed@example.com")
        owner.post("/console/sign-out")
        key = served.key("ingest")
        before = resident_bytes(served.pid)
        with ThreadPoolExecutor(4) as strangers:
            found = sum(strangers.map(lambda n: guessed_at(served, n), range(0, 10_000, 500)), Counter[int]())
        assert found == {401: GUESSES_MAX, 429: 10_000 - GUESSES_MAX}
        assert served.send(key, "createOrder", {"_orderId": "o", "_userId": "u"}).status == 200
        assert resident_bytes(served.pid) - before < 100 * 2**20  # two hashes at once take less than half of that
        assert owner.sign_in("guessed@example.com").status == 303


def guessed_at(served: Served, first: int) -> Counter[int]:
    """Five hundred guesses of one browser, by status."""
    stranger = Visitor(served)
    stranger.get("/console/sign-in")
    form = {"name": "guessed@example.com"}
    return Counter(
        stranger.post("/console/sign-in", {**form, "password": f"guess {number}"}).status
        for number in range(first, first + 500)
    )


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_guesses_are_counted_over_a_window_and_given_back_when_right() -> None:
    clock = ManualClock(0)
    guesses = Guesses(clock)
    guessers = guessers_of("asha", "203.0.113.7", None)
    for _ in range(GUESSES_MAX):
        guesses.take(guessers)
    with pytest.raises(TooMany):
        guesses.take(guessers)
    with pytest.raises(TooMany):
        guesses.take(guessers_of("other", "203.0.113.7", None))
    clock.advance(int(GUESSES_WINDOW_S * 1000) + 1)
    for _ in range(3 * GUESSES_MAX):
        guesses.take(guessers)
        guesses.was_right(guessers)


def test_of_ten_thousand_guesses_at_one_account_ten_are_looked_at_and_its_owner_still_gets_in() -> None:
    clock = ManualClock(0)
    guesses = Guesses(clock)
    looked_at = 0
    for number in range(10_000):
        clock.advance(int(GUESSES_WINDOW_S * 1000 / 10_001))
        address = f"203.0.{number // 250 % 250}.{number % 250}"
        try:
            guesses.take(guessers_of("asha", address, None))
            looked_at += 1
        except TooMany:
            continue
    assert looked_at == GUESSES_MAX
    guesses.take(guessers_of("asha", "198.51.100.1", "her-own-browser"))


def test_of_ten_thousand_guesses_from_one_address_ten_are_looked_at() -> None:
    clock = ManualClock(0)
    guesses = Guesses(clock)
    looked_at = 0
    for number in range(10_000):
        try:
            guesses.take(guessers_of(f"user-{number}", "2001:db8::" + format(number, "x"), None))
            looked_at += 1
        except TooMany:
            continue
    assert looked_at == GUESSES_MAX


def test_an_unknown_name_costs_the_same_hash_as_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes is measured by `python -m bench sign-in`; here, that the same is done."""
    verified: list[str] = []
    verify = passwords._verify

    def counted(kept: str, password: str) -> bool:
        verified.append(kept.rpartition("$")[0].rpartition("$")[0])
        return verify(kept, password)

    monkeypatch.setattr(passwords, "_verify", counted)

    async def both() -> tuple[bool, bool]:
        gate = passwords.Passwords()
        known = await gate.hash(PASSWORD)
        return await gate.matches(known, "not this one, no"), await gate.matches(None, PASSWORD)

    assert asyncio.run(both()) == (False, False)
    assert len(verified) == 2
    assert verified[0] == verified[1]  # the same algorithm with the same cost


# Sessions.


def test_a_session_ends_when_idle_when_old_and_when_the_role_changes(tmp_path: Path) -> None:
    clock = ManualClock(10**12)
    store = UserStore(tmp_path, clock)
    user = store.add(FIRST_TENANT, "asha@example.com", "analyst")
    token = store.begin_session(user)
    for _ in range(ABSOLUTE_MS // (IDLE_MS - 60_000)):
        clock.advance(IDLE_MS - 60_000)
        assert (store.session(token, touch=True) is None) == (clock.now_ms() - 10**12 >= ABSOLUTE_MS)
    token = store.begin_session(user)
    clock.advance(IDLE_MS - 1)
    assert store.session(token, touch=False) is not None
    clock.advance(1)
    assert store.session(token, touch=True) is None
    token = store.begin_session(user)
    store.set_role(user, "viewer")
    assert store.session(token, touch=True) is None
    secret = store.link_for(FIRST_TENANT, user)
    clock.advance(LINK_MS)
    assert store.link(secret) is None
    store.close()


def test_signing_out_ends_the_session_at_the_server(served: Served) -> None:
    visitor = signed_in(served, "viewer", "leaves@example.com")
    kept = dict(visitor.cookies)
    assert visitor.post("/console/sign-out").status == 303
    visitor.cookies = kept
    assert visitor.get("/console").status == 303


def test_no_unsafe_page_takes_a_session_that_ended_by_signing_out_or_by_another_role(
    served: Served, console: Console
) -> None:
    store = UserStore(served.directory, SystemClock())
    unsafe = [page for page in console.pages if page.method != "GET" and page.role != OPEN]
    assert len(unsafe) >= 25
    for how in ("out", "role"):
        visitor = signed_in(served, "admin", f"ended-{how}@example.com")
        kept, token = dict(visitor.cookies), visitor.token
        if how == "out":
            assert visitor.post("/console/sign-out").status == 303
        else:
            user = store.named(f"ended-{how}@example.com")
            assert user is not None
            store.set_role(user, "analyst")
        for page in unsafe:
            visitor.cookies, visitor.token = dict(kept), token
            reply = visitor.post(filled(page.path))
            assert (reply.status, reply.headers["location"][:16]) == (303, "/console/sign-in"), page.path
    store.close()


def test_the_data_file_holds_no_password_session_or_link(served: Served) -> None:
    visitor = signed_in(served, "viewer", "secret@example.com")
    made = run(
        "users", "create-link", "--data", str(served.directory), "--name", "linked@example.com", "--role", "viewer"
    )
    secrets = [PASSWORD, visitor.cookies[SESSION_COOKIE], made.stdout.strip().rsplit("/", 1)[1]]
    contents = [path.read_bytes() for path in Path(served.directory).rglob("*") if path.is_file()]
    for secret in secrets:
        assert not any(secret.encode() in content for content in contents)
    assert not any(PASSWORD in line or secrets[1] in line for line in served.log)


# Pages by role, and forged forms.


def test_every_page_sends_whoever_is_not_signed_in_to_sign_in(served: Served, console: Console) -> None:
    assert len(console.pages) >= 15
    for page in console.pages:
        visitor = Visitor(served)
        visitor.get("/console/sign-in")
        path = filled(page.path)
        reply = visitor.get(path) if page.method == "GET" else visitor.post(path)
        if page.role != OPEN:
            assert reply.status == 303, path
            assert reply.headers["location"].startswith("/console/sign-in"), path


def test_no_page_opens_to_a_lesser_role(served: Served, console: Console) -> None:
    for role in ROLES[:-1]:
        visitor = signed_in(served, role)
        token = visitor.token
        for page in console.pages:
            if page.role == OPEN or page.path == "/sign-out" or ROLES.index(page.role) <= ROLES.index(role):
                continue
            visitor.token = token
            path = filled(page.path)
            reply = visitor.get(path) if page.method == "GET" else visitor.post(path)
            assert reply.status == 403, (role, path)


def test_no_form_is_taken_without_its_token_or_from_another_site(served: Served, console: Console) -> None:
    visitor = signed_in(served, "admin")
    token = visitor.token
    unsafe = [page for page in console.pages if page.method != "GET"]
    assert len(unsafe) >= 6
    for page in unsafe:
        path = filled(page.path)
        for form, headers in (
            ({"csrf": ""}, {}),
            ({"csrf": token[:-1] + "x"}, {}),
            ({}, {"Origin": "https://evil.example"}),
            ({}, {"Origin": "null"}),
            ({}, {"Sec_Fetch_Site": "cross-site", "Sec-Fetch-Site": ""}),
            ({}, {"Sec_Fetch_Site": "same-site", "Sec-Fetch-Site": ""}),
            ({}, {"Origin": "", "Sec-Fetch-Site": ""}),
        ):
            visitor.token = token
            assert visitor.post(path, form, **headers).status == 403, (path, headers)
    assert visitor.get("/console/account").status == 200


def test_every_page_has_the_policy_and_allows_no_script_of_a_page(served: Served, console: Console) -> None:
    visitor = signed_in(served, "admin")
    for page in console.pages:
        if page.method == "GET":
            reply = visitor.get(filled(page.path))
            policy = reply.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert "require-trusted-types-for 'script'" in policy
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["cache-control"] == "no-store"
            text = reply.body.decode()
            assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|<style|javascript:", text), page.path


def test_another_tenants_order_is_like_one_that_never_was(served: Served) -> None:
    key = served.key("ingest", name="neighbour", tenant="neighbour")
    assert served.send(key, "createOrder", {"_orderId": "theirs", "_userId": "u"}).status == 200
    visitor = signed_in(served, "admin")
    theirs, none = (visitor.get(f"/console/orders/{name}") for name in ("theirs", "nobodys"))
    assert theirs.status == none.status == 404
    assert theirs.body.decode().replace(visitor.token, "") == none.body.decode().replace(visitor.token, "")


def test_a_file_of_the_console_is_kept_for_ever_and_has_its_content_in_its_address(served: Served) -> None:
    page = Visitor(served).get("/console/sign-in").body.decode()
    found = re.findall(r'(?:href|src)="(/console/static/[0-9a-f]{12}/[^"]+)"', page)
    assert len(found) >= 3
    for address in found:
        reply = served.request("GET", address)
        assert reply.status == 200
        assert "immutable" in reply.headers["cache-control"]
        assert served.request("GET", re.sub(r"/[0-9a-f]{12}/", "/000000000000/", address)).status == 404


def test_the_tables_of_people_know_each_tenant(tmp_path: Path) -> None:
    store = UserStore(tmp_path, SystemClock())
    with pytest.raises(apsw.ConstraintError):
        store._connection.execute("INSERT INTO console_link VALUES (x'00', 99, NULL, 1)")
    store.close()


def test_a_manager_tries_an_endpoint_out_and_an_analyst_does_not(tmp_path: Path) -> None:
    with Receiver() as receiver:
        settings = {"FOURTHWATCH_PRIVATE_RECEIVERS": f"127.0.0.1:{receiver.port}"}
        with Served(tmp_path, environment=settings) as server:
            key = server.key("manage")
            body = json.dumps({"url": receiver.url, "types": ["order.scored"], "enabled": False})
            made = server.request("POST", "/api/v1/webhook-endpoints", body, {KEY_HEADER: key}).json
            manager = signed_in(server, "manager")
            page = manager.get("/console/developers/deliveries").body.decode()
            assert receiver.url in page
            assert "not enabled" in page
            there = "/console/developers/deliveries/test"
            answered = manager.post(there, {"endpoint": made["id"]})
            heard = receiver.wait_for(lambda heard: b"webhook.test" in heard.body)
            delivery = heard.headers["webhook-id"]
            assert (answered.status, answered.headers["location"]) == (
                303,
                f"/console/developers/deliveries/{delivery}",
            )
            assert manager.post(there).headers["location"] == "/console/developers/deliveries", (
                "there is no shop to try"
            )
            assert signed_in(server, "analyst", "a@example.com").post(there, {"endpoint": made["id"]}).status == 403
            assert len(receiver.heard) == 1
