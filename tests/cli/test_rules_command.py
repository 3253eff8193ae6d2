"""Rules from the command line: linted, tried and formed offline; compared, pushed and pulled over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from served import Served, run

pytestmark = pytest.mark.slow

RULES = """[[rule]]
name = "look"
class = "review"
when = 'amount>100   and count(order, by ip, last 1h) >= 2'
says = "Look at it"
examples = [ { expect = "miss", body = { _orderId = "o", _userId = "u", _amount = "5" } } ]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


def written(directory: Path, text: str) -> str:
    path = directory / "rules.toml"
    path.write_text(text)
    return str(path)


def test_a_file_is_linted_tried_and_formed_without_a_server(tmp_path: Path) -> None:
    file = written(tmp_path, RULES)
    assert run("rules", "lint", file).returncode == 0
    tried = run("rules", "test", file)
    assert (tried.returncode, tried.stderr.strip()) == (0, "1 example, 0 failed; 0 rules have none")
    assert run("rules", "fmt", "--check", file).returncode == 1
    assert run("rules", "fmt", file).returncode == 0
    assert run("rules", "fmt", "--check", file).returncode == 0
    assert 'when = "amount > 100 and count(order, by ip, last 1h) >= 2"' in Path(file).read_text()


def test_faults_and_failed_examples_are_told_with_their_rule(tmp_path: Path) -> None:
    bad = run("rules", "lint", "--json", written(tmp_path, RULES.replace("amount>", "amuont >")))
    assert bad.returncode == 1
    (finding,) = json.loads(bad.stdout)["findings"]
    assert (finding["rule"], finding["diagnostics"][0]["hint"]) == ("look", "did you mean `amount`?")
    failed = run("rules", "test", written(tmp_path, RULES.replace('"miss"', '"hit"')))
    assert failed.returncode == 1
    assert failed.stdout.strip().startswith("look: example 1 should be a hit, and is miss (")


def test_every_fault_of_shape_is_told_beside_those_of_the_rules_that_can_be_read(tmp_path: Path) -> None:
    other = RULES.replace('"look"', '"other"').replace('"review"', '"maybe"').replace("says", "say")
    file = written(tmp_path, RULES.replace("amount>", "amuont >") + other + "[[rule]]\nname = 3\n")
    told = run("rules", "lint", "--json", file)
    found = json.loads(told.stdout)
    assert (told.returncode, found["checked"]) == (1, 3)
    assert [(one["rule"], one["code"]) for one in found["findings"]] == [
        *[("other", "bad_shape")] * 3, *[("", "bad_shape")] * 4, ("look", "language"),
    ]  # fmt: skip
    assert f"{file}: rule number 3: class is missing" in [one["message"] for one in found["findings"]]


def test_rules_that_use_ones_own_features_are_told_where_these_are(tmp_path: Path) -> None:
    features = tmp_path / "features.toml"
    features.write_text("[[feature]]\nname = 'calls'\ntext = 'count(message, by user)'\n")
    file = written(tmp_path, RULES.replace("amount>100", "calls > 3"))
    assert run("rules", "lint", file).returncode == 1
    assert run("rules", "lint", file, "--features", str(features)).returncode == 0


def test_the_starter_set_is_printed_as_a_file_that_holds(tmp_path: Path) -> None:
    printed = run("rules", "starter", "--preset", "digital_goods")
    file = written(tmp_path, printed.stdout)
    assert run("rules", "fmt", "--check", file).returncode == 0
    assert run("rules", "test", file).returncode == 0


def test_a_set_is_compared_pushed_and_pulled(tmp_path: Path, server: Served) -> None:
    to = ("--to", server.url, "--key", server.key("read", "manage"))
    file = written(tmp_path, RULES)
    assert run("rules", "diff", file, *to).returncode == 1
    tried = run("rules", "try", file, *to)
    assert (tried.returncode, tried.stdout.splitlines()[0].split(":")[1]) == (
        0,
        " hits 0 of 0 (0 known bad, 0 good), unknown 0",
    )
    dry = run("rules", "push", file, "--dry-run", *to)
    assert dry.stdout.splitlines()[-1] == "1 rule holds, 1 example is as it should be"
    pushed = run("rules", "push", file, "--note", "first", *to)
    assert pushed.stdout.splitlines()[-1] == "published as version 1", pushed.stderr
    assert run("rules", "diff", file, *to).returncode == 0
    other = str(tmp_path / "other.toml")
    dry_pull = run("rules", "pull", other, "--dry-run", "--json", *to)
    assert (dry_pull.returncode, json.loads(dry_pull.stdout)) == (1, {"file": other, "rules": 1, "changed": True})
    assert not Path(other).exists()
    assert run("rules", "pull", other, *to).returncode == 0
    assert run("rules", "pull", other, "--dry-run", *to).returncode == 0
    assert run("rules", "diff", other, *to).returncode == 0  # its expressions are in canonical text now
    again = run("rules", "push", other, *to)
    assert (again.returncode, again.stdout) == (0, "nothing differs from what is in force: nothing is published\n")
    refused = run("rules", "push", written(tmp_path, RULES.replace('"miss"', '"hit"')), *to)
    assert refused.returncode == 1
    assert "example 1 should be a hit, and is miss" in refused.stderr


CONTRADICTORY = RULES.replace("amount>100   and", "amount > 5 and amount < 3 and")


def test_what_looks_wrong_about_a_set_is_told_where_it_is_pushed_as_by_the_linter(
    tmp_path: Path, server: Served
) -> None:
    to = ("--to", server.url, "--key", server.key("read", "manage", name="warned"))
    file = written(tmp_path, CONTRADICTORY)
    linted = json.loads(run("rules", "lint", "--json", file).stdout)["findings"]
    assert [(one["rule"], one["code"]) for one in linted] == [("look", "contradictory")]
    dry = run("rules", "push", file, "--dry-run", *to)
    assert f"warning  look: {linted[0]['message']}" in dry.stdout.splitlines()
    pushed = run("rules", "push", file, "--json", *to)
    assert (pushed.returncode, json.loads(pushed.stdout)["findings"]) == (0, linted)
    again = run("rules", "push", file, *to)
    assert again.stdout.splitlines() == [
        f"warning  look: {linted[0]['message']}", "nothing differs from what is in force: nothing is published",
    ]  # fmt: skip
