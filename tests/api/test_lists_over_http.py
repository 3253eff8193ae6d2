"""Lists over HTTP and from the command line: normal forms, history, imports, exports, and who may do what to whom."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from served import KEY_HEADER, Reply, Served, run

pytestmark = pytest.mark.slow


class Merchant:
    """One merchant's key at a server."""

    def __init__(self, served: Served, key: str) -> None:
        self.served, self.key = served, key

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        named = {"If-Match": "*", **{name.replace("_", "-").title(): value for name, value in headers.items()}}
        sent = None if body is None else json.dumps(body)
        return self.served.request(method, "/api/v1/lists" + path, sent, {KEY_HEADER: self.key, **named})

    def create(self, name: str, type_name: str, **more: str) -> None:
        assert self.ask("POST", "", {"name": name, "type": type_name, **more}).status == 201

    def add(self, name: str, value: str, **more: str) -> Reply:
        return self.ask("POST", f"/{name}/entries", {"value": value, **more})

    def values(self, name: str, query: str = "") -> list[str]:
        return [entry["value"] for entry in self.ask("GET", f"/{name}/entries{query}").json["entries"]]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        done = run("lists", *arguments, "--to", self.served.url, "--key", self.key)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def merchant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Merchant]:
    with Served(tmp_path_factory.mktemp("lists")) as served:
        yield Merchant(served, served.key("ingest", "read", "manage"))


@pytest.mark.parametrize(
    ("type_name", "sent", "form", "refused"),
    [
        ("email", "A.Sha@GoogleMail.com", "asha@gmail.com", "nobody"),
        ("email_domain", "@Example.COM", "example.com", "a@b@c"),
        ("phone", "+91 98765-43210", "+919876543210", "98765 43210"),
        ("card", "411111 1111 7/31", "411111-1111-203107", "4111111111111111"),
        ("bin", "41111122", "411111", "4111"),
        ("ip", "203.0.113.9/24", "203.0.113.0/24", "203.0.113.999"),
        ("postcode", "in 560 001", "IN 560001", "nowhere"),
        ("text", "  Gift   CARD ", "gift card", "   "),
        ("user", "U-1 ", "U-1 ", " "),
    ],
)
def test_an_entry_has_the_form_that_events_have_or_is_refused(
    merchant: Merchant, type_name: str, sent: str, form: str, refused: str
) -> None:
    name = f"forms_of_{type_name}"
    merchant.create(name, type_name)
    made = merchant.add(name, sent, reason="because")
    assert (made.status, made.json["value"], made.json["sent"]) == (201, form, sent)
    again = merchant.add(name, form)
    assert (again.status, merchant.values(name)) == (200, [form])
    wrong = merchant.add(name, refused)
    assert (wrong.status, wrong.json["code"], wrong.json["pointer"]) == (400, "bad_value", "/value")
    assert not refused.strip() or refused not in wrong.json["detail"]
    assert merchant.values(name) == [form]


def test_a_list_is_made_edited_and_removed_over_what_was_seen(merchant: Merchant) -> None:
    merchant.create("edited", "email", kind="block", says="bad ones")
    shown = merchant.ask("GET", "/edited")
    assert (shown.json["type"], shown.json["kind"], shown.json["says"]) == ("email", "block", "bad ones")
    etag = shown.headers["etag"]
    assert merchant.add("edited", "a@example.com").headers["etag"] != etag
    assert merchant.ask("PATCH", "/edited", {"kind": "allow"}, if_match=etag).status == 412
    etag = merchant.ask("GET", "/edited").headers["etag"]
    changed = merchant.ask("PATCH", "/edited", {"kind": "allow"}, if_match=etag)
    assert (changed.status, changed.json["kind"], changed.json["says"]) == (200, "allow", "bad ones")
    assert merchant.ask("PATCH", "/edited", {"type": "ip"}).json["pointer"] == "/type"
    assert merchant.ask("POST", "", {"name": "edited", "type": "ip"}).status == 409
    assert merchant.ask("DELETE", "/edited").status == 204
    assert merchant.ask("GET", "/edited").status == 404
    merchant.create("edited", "ip")
    assert merchant.values("edited") == []
    for wrong in ({"name": "Bad", "type": "ip"}, {"name": "x", "type": "odd"}, {"name": "x", "type": "ip", "more": 1}):
        assert merchant.ask("POST", "", wrong).status == 400


def test_what_a_list_held_at_a_past_time_is_still_known(merchant: Merchant) -> None:
    merchant.create("past", "ip")
    first = merchant.add("past", "198.51.100.0/24").json["added_at"]
    second = merchant.add("past", "198.51.100.7", reason="one of them").json["added_at"]
    assert merchant.ask("DELETE", "/past/entries/198.51.100.0%2F24").status == 204
    third = merchant.add("past", "192.0.2.1").json["added_at"]
    assert merchant.values("past") == ["192.0.2.1", "198.51.100.7"]
    assert "198.51.100.0/24" in merchant.values("past", f"?as_of={second}") or second == third
    assert merchant.values("past", f"?as_of={third}") == ["192.0.2.1", "198.51.100.7"]
    assert merchant.values("past", "?as_of=2020-01-01") == []
    told = merchant.ask("GET", "/past/entries/198.51.100.0%2F24").json
    assert (told["is_in"], len(told["history"]), told["history"][0]["added_at"]) == (False, 1, first)
    assert told["history"][0]["removed_at"] is not None
    held = merchant.ask("GET", "/past/entries/198.51.100.7").json
    assert (held["is_in"], held["entry"]["reason"]) == (True, "one of them")
    assert merchant.ask("GET", "/past/entries/192.0.2.200").status == 404
    assert merchant.ask("GET", "/past/entries?as_of=soon").json["code"] == "bad_query"


def test_an_address_was_in_a_list_at_a_past_time_by_the_network_around_it_however_often_that_was_edited_since(
    merchant: Merchant,
) -> None:
    merchant.create("past_networks", "ip")
    merchant.add("past_networks", "198.51.0.0/16", reason="wide")
    first = merchant.add("past_networks", "198.51.100.0/24", reason="narrow").json["added_at"]
    for _ in range(25):
        last = merchant.add("past_networks", "198.51.100.0/24", reason="again").json["added_at"]
    assert merchant.ask("DELETE", "/past_networks/entries/198.51.100.0%2F24").status == 204
    history = merchant.ask("GET", "/past_networks/entries/198.51.100.0%2F24").json["history"]
    assert (len(history), history[0]["added_at"]) == (20, last), "more edits than are shown"
    then = merchant.ask("GET", f"/past_networks/entries/198.51.100.7?as_of={first}").json
    assert (then["is_in"], then["history"], then["entry"]["value"]) == (True, [], "198.51.100.0/24")
    assert then["entry"]["reason"] in ("narrow", "again"), "the next edit may have come within the same millisecond"
    removed = history[0]["removed_at"]
    assert merchant.ask("GET", f"/past_networks/entries/198.51.100.7?as_of={removed}").json["entry"]["reason"] == "wide"
    assert merchant.ask("GET", "/past_networks/entries/198.51.100.7?as_of=2020-01-01").status == 404


def test_the_narrowest_network_around_an_address_is_told(merchant: Merchant) -> None:
    merchant.create("networks", "ip")
    for value in ("10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"):
        assert merchant.add("networks", value).status == 201
    merchant.add("networks", "10.1.2.3")
    for value, network in (("10.1.2.3", "10.1.2.3"), ("10.1.2.3/32", "10.1.2.3")):
        assert merchant.ask("GET", f"/networks/entries/{value}").json["entry"]["value"] == network


def test_an_import_says_first_what_it_would_do_and_a_bad_row_stops_no_other(merchant: Merchant) -> None:
    merchant.create("brought", "email")
    merchant.add("brought", "old@example.com")
    text = (
        "value,reason,expires_at\r\n"
        "new@example.com,first,\r\n"
        "nonsense,,\r\n"
        "old@example.com,again,2099-01-01\r\n"
        "NEW@example.com,second,\r\n"
        "late@example.com,,tomorrow\r\n"
    )
    preview = merchant.ask("POST", "/brought/imports?preview=true", {"csv": text})
    assert preview.status == 200, preview.body
    assert (preview.json["added"], preview.json["replaced"], preview.json["invalid_count"]) == (1, 1, 2)
    assert [row["line"] for row in preview.json["invalid"]] == [3, 6]
    assert [row["line"] for row in preview.json["duplicates"]] == [5]
    assert merchant.values("brought") == ["old@example.com"]
    done = merchant.ask("POST", "/brought/imports", {"csv": text}, idempotency_key="import-1")
    again = merchant.ask("POST", "/brought/imports", {"csv": text}, idempotency_key="import-1")
    assert done.body == again.body
    assert {**preview.json, "preview": False} == done.json
    entries = merchant.ask("GET", "/brought/entries").json["entries"]
    assert [(one["value"], one["reason"]) for one in entries] == [
        ("new@example.com", "second"), ("old@example.com", "again"),
    ]  # fmt: skip
    assert entries[1]["expires_at"] == "2099-01-01T00:00:00.000Z"
    for wrong in ("", "email\r\na@example.com", 'value\r\n"a', 7):
        assert merchant.ask("POST", "/brought/imports", {"csv": wrong}).json["code"] == "bad_csv"


def test_a_file_that_was_exported_comes_back_and_no_cell_of_it_begins_a_formula(
    merchant: Merchant, tmp_path: Path
) -> None:
    merchant.create("formulas", "user")
    merchant.create("back", "user")
    values = ["=cmd()", "+1", "-1", "@x", "\tx", "＝1", "'=x", "plain", '"quoted", with comma', "'tis"]
    for value in values:
        assert merchant.add("formulas", value, reason="=1+1").status == 201
    code, text, _ = merchant.run("export", "formulas")
    assert code == 0
    page = merchant.ask("GET", "/formulas/entries?format=csv")
    assert page.headers["content-type"] == "text/csv; charset=utf-8"
    for cell in [cell for row in text.splitlines() for cell in row.split(",")]:
        assert not cell.lstrip('"').startswith(("=", "+", "-", "@", "\t", "＝", "＋"))
    file = tmp_path / "export.csv"
    file.write_text(text, "utf-8")
    code, _, told = merchant.run("import", "back", str(file))
    assert code == 0, told
    assert sorted(merchant.values("back")) == sorted(values)


def test_the_command_line_makes_fills_shows_and_empties_a_list(merchant: Merchant, tmp_path: Path) -> None:
    assert merchant.run("create", "by_hand", "--type", "ip", "--kind", "block", "--says", "no")[0] == 0
    assert merchant.run("add", "by_hand", "203.0.113.0/24", "192.0.2.1", "--reason", "seen")[0] == 0
    code, out, _ = merchant.run("show", "by_hand", "--json")
    shown = json.loads(out)
    assert (code, len(shown["entries"]), shown["kind"]) == (0, 2, "block")
    assert "by_hand" in merchant.run("list")[1]
    file = tmp_path / "more.csv"
    file.write_text("value\n198.51.100.1\nwrong\n198.51.100.1\n")
    code, out, told = merchant.run("import", "by_hand", str(file), "--preview")
    assert (code, ":3:" in out, ":4:" in out, "1 would be added" in told) == (1, True, True, True)
    assert merchant.run("remove", "by_hand", "192.0.2.1")[0] == 0
    assert merchant.values("by_hand") == ["203.0.113.0/24"]
    assert merchant.run("remove", "by_hand")[0] == 2
    assert merchant.run("remove", "by_hand", "--whole")[0] == 0
    assert merchant.run("show", "by_hand")[0] == 1


def test_entries_and_lists_survive_a_kill_and_leave_rows_in_the_trail(tmp_path: Path) -> None:
    served = Served(tmp_path).start()
    try:
        merchant = Merchant(served, served.key("read", "manage", "ingest"))
        merchant.create("kept", "email", kind="block")
        first = merchant.add("kept", "a@example.com", reason="one").json
        merchant.add("kept", "b@example.com")
        merchant.ask("DELETE", "/kept/entries/b%40example.com")
        etag = merchant.ask("GET", "/kept").headers["etag"]
        served.kill()
        served.start()
        assert merchant.ask("GET", "/kept").headers["etag"] == etag
        assert merchant.ask("GET", "/kept/entries").json["entries"] == [first]
        merchant.add("kept", "c@example.com")
        trail = served.get(merchant.key, "/api/v1/audit?action=list.").json["entries"]
        assert [entry["action"] for entry in trail] == [
            "list.entry_added", "list.entry_removed", "list.entry_added", "list.entry_added", "list.created",
        ]  # fmt: skip
        assert trail[1]["before"]["value"] == "b@example.com"
        assert run("audit", "verify", "--data", str(tmp_path)).returncode == 0
    finally:
        served.kill()


def test_another_tenants_lists_are_not_there(merchant: Merchant) -> None:
    merchant.create("mine_alone", "email")
    merchant.add("mine_alone", "a@example.com")
    other = Merchant(merchant.served, merchant.served.key("read", "manage", tenant="other"))
    for method, path, body in (
        ("GET", "/mine_alone", None), ("PATCH", "/mine_alone", {"kind": "block"}), ("DELETE", "/mine_alone", None),
        ("GET", "/mine_alone/entries", None), ("POST", "/mine_alone/entries", {"value": "x@example.com"}),
        ("GET", "/mine_alone/entries/a%40example.com", None), ("DELETE", "/mine_alone/entries/a%40example.com", None),
        ("POST", "/mine_alone/imports", {"csv": "value\nx@example.com"}),
    ):  # fmt: skip
        foreign = other.ask(method, path, body)
        unknown = other.ask(method, path.replace("mine_alone", "never_seen"), body)
        assert foreign.status == unknown.status == 404
        assert foreign.body == unknown.body
    other.create("mine_alone", "ip")
    assert merchant.values("mine_alone") == ["a@example.com"]
    cursor = merchant.ask("GET", "?limit=1").json["next"]
    assert other.ask("GET", f"?limit=1&cursor={cursor}").json["code"] == "bad_cursor"
