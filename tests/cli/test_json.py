"""What `--json` prints: one value that a program can read and nothing beside it, and the talk on standard error."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from fourthwatch.cli.main import root
from fourthwatch.errors import FourthwatchError
from fourthwatch.rules.rule import RuleSet
from fourthwatch.rules.starter import preset
from fourthwatch.store.ledger import Ledger
from store.rows import event


@pytest.fixture
def data(tmp_path: Path) -> Path:
    ledger = Ledger(tmp_path / "data")
    ledger.append([event(seq, body=b'{"_userId":"u-%d"}' % seq) for seq in (1, 2, 3)], [])
    ledger.close()
    return tmp_path / "data"


def told(*arguments: str) -> Any:
    """What standard output holds, which has to be one JSON value."""
    ended = CliRunner().invoke(root, [*arguments, "--json"], catch_exceptions=False)
    assert ended.exit_code == 0
    return json.loads(ended.stdout)


def test_a_key_is_made_and_revoked(data: Path) -> None:
    at = ("--data", str(data))
    made = told("keys", "create", *at, "--name", "web shop", "--scope", "ingest")
    assert (made["name"], made["scopes"], made["revoked_at"]) == ("web shop", ["ingest"], None)
    assert made["key"].startswith("fw_")
    (listed,) = told("keys", "list", *at)
    assert {**listed, "key": made["key"]} == made
    assert told("keys", "revoke", *at, made["id"]) == {"revoked": 1}


def test_a_user_gets_a_link_and_is_locked_out(data: Path) -> None:
    at = ("--data", str(data))
    linked = told("users", "create-link", *at, "--name", "asha@example.com", "--url", "https://fraud.example.com/")
    assert linked["link"].startswith("https://fraud.example.com/console/welcome/")
    assert (linked["role"], linked["disabled_at"]) == ("admin", None)
    disabled = told("users", "disable", *at, "asha@example.com")
    assert disabled["disabled_at"] is not None
    assert told("users", "list", *at) == [disabled]


def test_a_backup_says_what_is_in_it(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    made = told("backup", "--data", str(data), "--out", str(out))
    assert made == {"directory": str(out), "events": 3, "bytes": (out / "fourthwatch.db").stat().st_size}


def test_erasing_says_how_much_was_erased(data: Path) -> None:
    erase = ("erase", "--data", str(data), "--yes", "--user")
    assert told(*erase, "u-2")["events"] == 1
    assert told(*erase, "nobody") == {"id": None, "events": 0}


def test_files_of_rules_are_formed_and_begun(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("[[rule]]\nname='a'\nclass='review'\nwhen='amount>1'\nsays='Look at it'\n")
    formed = CliRunner().invoke(root, ["rules", "fmt", "--check", str(file), "--json"])
    assert (formed.exit_code, json.loads(formed.stdout)) == (1, {"checked": 1, "changed": [str(file)]})
    assert told("rules", "fmt", str(file))["changed"] == [str(file)]
    assert told("rules", "fmt", str(file)) == {"checked": 1, "changed": []}
    begun = told("rules", "starter", "--preset", "fashion")
    assert msgspec.convert(begun, RuleSet, strict=False) == preset("fashion")


def test_a_conversion_says_how_many_events_came_of_it(tmp_path: Path) -> None:
    source = tmp_path / "purchases.csv"
    source.write_text(
        "user_id,signup_time,purchase_time,purchase_value,device_id,source,browser,sex,age,ip_address,class\n"
        "7,2015-02-24 22:55:49,2015-04-18 02:47:11,34,QVPSPJUOCKZAR,SEO,Chrome,M,39,3221225985.0,1\n"
    )
    made = told(
        "convert", "fraudecom", str(source), "--out", str(tmp_path / "r.jsonl"), "--truth", str(tmp_path / "t.csv")
    )
    assert (made["rows"], made["bad"], sum(made["events"].values())) == (1, 1, 4)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("users", "create-link", "--name", "asha", "--url", "fraud.example.com"), "it should begin with https://"),
        (("audit", "verify", "--head", "abc"), "--head is the `chain` of an entry"),
        (("audit", "export", "--tenant", "nobody"), "there is no tenant 'nobody' in this data file"),
        (
            ("audit", "verify", "--tenant", "nobody", "--head", "0" * 32),
            "there is no tenant 'nobody' in this data file",
        ),
        (("events", "export", "--tenant", "nobody"), "there is no tenant 'nobody' in this data file"),
    ],
)
def test_what_was_not_meant_so_is_named(arguments: tuple[str, ...], sentence: str, data: Path) -> None:
    ended = CliRunner().invoke(root, [*arguments, "--data", str(data)])
    assert isinstance(ended.exception, FourthwatchError)
    assert sentence in str(ended.exception)
    assert ended.stdout == ""
