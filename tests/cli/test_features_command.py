"""Features from the command line: checked offline, defined, shown and removed over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from served import Served, run

pytestmark = pytest.mark.slow

GOOD = """
[[feature]]
name = "coupons_failed_1h"
text = 'count(custom "coupon_failed", by user, last 1h)'
unit = "coupons"
says = "coupons that did not work in the last hour"

[[feature]]
name = "many_coupons"
text = "coupons_failed_1h > 5"
"""
BAD = """
[[feature]]
name = "first"
text = "count(order, by user) + amout"

[[feature]]
name = "account_age"
text = "amount"

[[feature]]
name = "Third"
text = "amount"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


def written(directory: Path, text: str) -> str:
    path = directory / "features.toml"
    path.write_text(text)
    return str(path)


def test_a_file_without_fault_is_checked_without_a_server(tmp_path: Path) -> None:
    done = run("features", "lint", written(tmp_path, GOOD))
    assert (done.returncode, done.stdout) == (0, "")
    assert "2 definitions, 0 with findings" in done.stderr


def test_every_fault_of_a_file_is_shown_with_its_place(tmp_path: Path) -> None:
    done = run("features", "lint", written(tmp_path, BAD))
    assert done.returncode == 1
    assert "first: 1:25:" in done.stdout
    assert "did you mean `amount`?" in done.stdout
    assert "^^^^^" in done.stdout
    assert "account_age: there is a feature of this name already" in done.stdout
    assert "Third: a name has small letters" in done.stdout
    told = json.loads(run("features", "lint", "--json", written(tmp_path, BAD)).stdout)
    assert [finding["code"] for finding in told["findings"]] == ["language", "name_taken", "bad_name"]
    assert told["findings"][0]["diagnostics"][0]["column"] == 25


@pytest.mark.parametrize("text", ["not toml", 'feature = "x"', "[[feature]]\nname = 'a'\n[other]\nx = 1"])
def test_a_file_that_holds_no_definitions_is_refused(tmp_path: Path, text: str) -> None:
    done = run("features", "lint", written(tmp_path, text))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "features.toml" in done.stderr


def test_features_are_added_shown_listed_and_removed(server: Served, tmp_path: Path) -> None:
    at = ("--to", server.url, "--key", server.key("read", "manage"))
    file = written(tmp_path, GOOD)
    assert (
        run("features", "add", written(tmp_path, GOOD), "--dry-run", *at).returncode == 1
    )  # the second needs the first
    added = run("features", "add", file, *at)
    assert added.returncode == 0, added.stderr
    assert "coupons_failed_1h: count(custom" in added.stdout
    assert "1 question per decision, 1 selection of events remembered" in added.stdout
    assert "1 of them for you alone, with up to 4,824 bytes" in added.stdout
    shown = json.loads(run("features", "show", "many_coupons", "--json", *at).stdout)
    assert (shown["state"], shown["uses"]) == ("complete", ["coupons_failed_1h"])
    own = json.loads(run("features", "list", "--own", "--json", *at).stdout)
    assert [row["name"] for row in own] == ["coupons_failed_1h", "many_coupons"]
    assert "account_age" in run("features", "list", *at).stdout
    again = run("features", "add", file, *at)
    assert again.returncode == 1
    assert "a feature of this name already" in again.stderr
    used = run("features", "remove", "coupons_failed_1h", *at)
    assert used.returncode == 1
    assert "many_coupons" in used.stderr
    assert run("features", "remove", "many_coupons", "coupons_failed_1h", *at).returncode == 0
    assert json.loads(run("features", "list", "--own", "--json", *at).stdout) == []


def test_a_fault_that_the_server_finds_is_shown_with_a_caret(server: Served, tmp_path: Path) -> None:
    at = ("--to", server.url, "--key", server.key("manage"))
    done = run("features", "add", written(tmp_path, BAD), *at)
    assert done.returncode == 1
    assert "^^^^^" in done.stderr


def test_a_key_without_the_scope_and_a_server_that_is_not_there_are_told(server: Served) -> None:
    refused = run("features", "list", "--to", server.url, "--key", server.key("ingest"))
    assert refused.returncode == 1
    assert "lacks the scope read" in refused.stderr
    away = run("features", "list", "--to", "http://127.0.0.1:1", "--key", "fw_x")
    assert away.returncode == 1
    assert "cannot be asked" in away.stderr


def test_doctor_tells_features_over_what_was_never_sent(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as served:
        key = served.key("ingest", "read", "manage")
        sent = {"_eventName": "seen", "_userId": "u", "_customInfo": {"there": 1}}
        assert served.send(key, "custom_event", sent).status == 200
        file = written(
            tmp_path,
            "[[feature]]\nname = 'a'\ntext = 'sum(custom.there of custom \"seen\", by user)'\n"
            "[[feature]]\nname = 'b'\ntext = 'sum(custom.absent of custom \"seen\" where custom.gone > 1, by user)'\n"
            "[[feature]]\nname = 'c'\ntext = 'count(custom \"never\", by user)'\n",
        )
        assert run("features", "add", file, "--to", served.url, "--key", key).returncode == 0
    told = json.loads(run("doctor", "--data", str(tmp_path / "data"), "--json").stdout)
    said = [row["says"] for row in told if row["name"] == "features"]
    assert said == [
        "b: no event had the field custom.absent in the newest 1 events",
        "b: no event had the field custom.gone in the newest 1 events",
        "c: no event was called 'never' in the newest 1 events",
    ]


def test_doctor_and_server_use_the_operators_files_and_name_one_that_cannot_be_read(tmp_path: Path) -> None:
    table, broken = tmp_path / "ips.csv", tmp_path / "broken.mmdb"
    table.write_text("203.0.113.0,203.0.113.255,64500,IN,Home\n", "utf-8")
    broken.write_bytes(b"nothing")
    data, files = str(tmp_path / "data"), {"FOURTHWATCH_IP_FILES": str(table)}
    with Served(tmp_path / "data", environment=files) as served:
        key = served.key("ingest", "read", "manage")
        body = {"_orderId": "o-1", "_deviceIp": "203.0.113.7", "_shippingAddress": {"_country": "US"}}
        assert served.send(key, "createOrder", body).status == 200
        file = written(
            tmp_path, "[[feature]]\nname = 'from'\ntext = 'count(order where ip_country == \"IN\", by ip)'\n"
        )
        assert run("features", "add", file, "--to", served.url, "--key", key).returncode == 0
        decision = served.get(key, "/api/v1/orders/o-1").json["decision"]
        assert list(decision["versions"]["files"]) == ["ips.csv"]

    def says(name: str, ip_files: str = "") -> list[str]:
        told = json.loads(run("doctor", "--data", data, "--json", FOURTHWATCH_IP_FILES=ip_files).stdout)
        return [row["says"] for row in told if row["name"] == name]

    assert says("lookup files", str(table))[0].startswith("ips.csv (sha256:")
    assert says("features", str(table)) == ["1 of your own; all that they name was sent lately"]
    assert says("features") == ["from: no event had the field ip_country in the newest 1 events"]
    assert "broken.mmdb" in says("lookup files", str(broken))[0]
    refused = run("serve", "--data", data, "--listen", "127.0.0.1:0", FOURTHWATCH_IP_FILES=str(broken))
    assert (refused.returncode, "broken.mmdb" in refused.stderr) == (2, True)
