"""The documentation tells what is there: links, commands, settings, codes, reasons, metrics and replies are looked up.

Examples run against a served program: each `curl` line of a page in turn, its reply compared with the JSON after it.
"""

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import click
import pytest
from prometheus_client import REGISTRY

import fourthwatch.metrics  # noqa: F401 (so that our metrics are in the registry)
from contract.shop import Shop
from documented import FENCE, PAGES, ROOT, calls_of, shell_lines, text_of
from fourthwatch import limits
from fourthwatch.api import exchange
from fourthwatch.api.app import event_paths
from fourthwatch.api.openapi import openapi
from fourthwatch.cli.main import root
from fourthwatch.errors import NotUnderstood, Refused
from fourthwatch.events import KINDS
from fourthwatch.features.catalogue import built_in
from fourthwatch.rules.starter import THEMES, theme
from fourthwatch.settings import Settings
from fourthwatch.wire import masking
from served import Served

SOURCE = ROOT / "src" / "fourthwatch"
REFERENCE = ROOT / "docs" / "reference"
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_EVENT_ID = re.compile(r"ev_[0-9a-f]{32}")


def program_calls() -> Iterator[tuple[str, list[str]]]:
    """Every call of our own program in the documentation: the page, and the words behind the program's name."""
    for page in PAGES:
        for words in shell_lines(page):
            # Behind `sudo -u somebody`, or by itself.
            at = 3 if words[:2] == ["sudo", "-u"] else 0
            if len(words) > at and words[at].rsplit("/", 1)[-1] == "fourthwatch":
                yield page.name, words[at + 1 :]


# What there is must be told.


def test_there_are_pages_to_look_at() -> None:
    assert len(PAGES) >= 24


def test_every_setting_is_in_the_reference_with_its_default() -> None:
    told = text_of("docs/reference/settings.md")
    rows = {
        line.split("|")[1].strip(" `"): line.split("|")[2].strip(" `") for line in told.split("\n") if "| `" in line
    }
    defaults = Settings()
    assert len(Settings.__struct_fields__) >= 4
    for name in Settings.__struct_fields__:
        value = getattr(defaults, name)
        assert rows["FOURTHWATCH_" + name.upper()] == ("not set" if value is None else str(value))


def test_no_setting_is_told_that_is_not_there() -> None:
    known = {"FOURTHWATCH_" + name.upper() for name in Settings.__struct_fields__}
    known |= {str(option.envvar) for _, command in commands() for option in command.params if option.envvar}
    for page in PAGES:
        assert set(re.findall(r"FOURTHWATCH_[A-Z_]+", page.read_text("utf-8"))) <= known, page.name


@pytest.mark.slow
def test_every_error_code_is_in_the_reference_with_its_status() -> None:
    rows = table_rows("docs/reference/errors.md", "## Refusals")
    told = {(int(row[0]), row[1].strip("`")) for row in rows}
    there = error_codes()
    assert len(there) >= 25
    assert there == told


@pytest.mark.slow
def test_every_warning_code_is_in_the_reference() -> None:
    told = {row[0].strip("`") for row in table_rows("docs/reference/errors.md", "## Warnings")}
    there = warning_codes()
    assert len(there) >= 8
    assert there == told


def test_the_generated_pages_are_current() -> None:
    generate = generator()
    for name, text in generate.pages().items():
        assert (ROOT / "docs" / name).read_text("utf-8") == text, f"{name} is not current: run python docs/generate.py"


def test_every_feature_reason_and_command_is_in_the_reference() -> None:
    features, cli = text_of("docs/features.md"), text_of("docs/reference/cli.md")
    rows = [line.split(" | ") for line in features.split("\n") if line.startswith("| `")]
    told = {row[0].strip("| `"): row for row in rows}
    for one in built_in():
        feature = one.feature
        assert told[feature.name][1:3] == [feature.says, feature.unit]
        assert feature.reason in (told[feature.name][3].strip("| `") or feature.name)
        assert one.checked is None or told[feature.name][5].strip("| `") == feature.text
    rules = text_of("docs/reference/starter-rules.md")
    assert all(f"`{rule.name}`" in rules and f"`{rule.code}`" in rules for name in THEMES for rule in theme(name).rules)
    assert all(f"## `{path}`" in cli for path, _ in commands())


def test_how_exact_a_window_is_stands_beside_its_feature() -> None:
    features = text_of("docs/features.md")
    rows = [line.split(" | ") for line in features.split("\n") if line.startswith("| `")]
    slack = {row[0].strip("| `"): row[4].strip() for row in rows if len(row) == 6}
    assert slack["cart_changes_1h"] == "10m"
    assert slack["orders_by_ip_24h"] == "2h"
    assert slack["amount_against_shop_mean"] == "24h"
    assert slack["orders_by_user_ever"] == ""
    assert slack["users_by_ip_7d"] == "1 in 7"


def test_every_kind_of_event_is_in_the_concepts() -> None:
    told = text_of("docs/concepts.md")
    assert all(f"`{kind.name}`" in told for kind in KINDS)


def test_every_metric_is_in_the_operators_page() -> None:
    told = text_of("docs/operating/run-in-production.md")
    names = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in REGISTRY.collect()
        if family.name.startswith("fourthwatch_")
    }
    assert len(names) >= 7
    assert {name for name in names if f"`{name}`" not in told} == set()


def test_the_limits_are_told_as_they_are() -> None:
    told = " ".join(text_of("README.md").split())
    for number in (limits.KEYS_MAX, limits.CONNECTIONS_MAX, limits.QUEUE_MAX):
        assert f"{number:,}" in told
    assert f"{limits.BODY_BYTES_MAX // 1024} KiB after decompression" in told
    assert f"{limits.HEADER_BYTES_MAX // 1024} KiB and {limits.HEADER_COUNT_MAX} fields of headers" in told
    assert f"{limits.JSON_DEPTH_MAX} levels deep" in told
    assert f"{limits.TEXT_ID_MAX} characters" in told


def test_every_decision_record_is_in_the_index_and_in_the_architecture() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    assert len(records) >= 7
    for record in records:
        assert record.name in text_of("docs/adr/README.md")
        assert record.name in text_of("ARCHITECTURE.md")


# What is told must be there.


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_resolves(page: Path) -> None:
    for target in _LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        assert aim.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(aim), f"{page.name} links to {target}"


def test_every_command_told_exists_with_the_options_told() -> None:
    known = dict(commands())
    calls = list(program_calls())
    assert len(calls) >= 20
    for page, words in calls:
        path = "fourthwatch"
        while words and isinstance(known[path], click.Group) and f"{path} {words[0]}" in known:
            path, words = f"{path} {words[0]}", words[1:]
        assert not isinstance(known[path], click.Group), f"{page}: {path} {words} is no command"
        command = known[path]
        options = {name for option in command.params for name in option.opts} | {"--help"}
        for word in words:
            if word.startswith("--"):
                assert word.split("=")[0] in options, f"{page}: {path} has no option {word}"


def test_commands_named_in_the_text_exist() -> None:
    known = dict(commands())
    for page in PAGES:
        for name in re.findall(r"`(fourthwatch(?: [a-z][a-z-]*)+)", FENCE.sub("", page.read_text("utf-8"))):
            assert name in known, f"{page.name} names {name!r}"


def test_every_make_target_told_exists() -> None:
    texts = [page.read_text("utf-8") for page in PAGES]
    named = {name for text in texts for name in re.findall(r"(?:`|^)make ([a-z]+)\b", text, re.MULTILINE)}
    assert len(named) >= 5
    makefile = text_of("Makefile")
    assert {name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)} == set()


def test_every_path_that_is_called_exists() -> None:
    known = {*event_paths(), *openapi()["paths"]}
    patterns = [re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "/?$") for path in known]
    called = [call.path for page in PAGES for call in calls_of(page)]
    assert len(called) >= 12
    for path in called:
        assert any(pattern.match(path.partition("?")[0]) for pattern in patterns), path


def test_the_documentation_names_no_place_of_its_making() -> None:
    for page in [*PAGES, ROOT / "docs" / "corridor.svg"]:
        text = page.read_text("utf-8")
        assert not re.search(r"/(?:wor[k]|home|root|tmp)/|p[y]pi\.or[g]|p[y]thonhosted", text), page.name


def test_every_named_source_file_exists() -> None:
    for page in PAGES:
        for name in re.findall(r"`((?:src|tests|docs|requirements|store)/[\w/.-]+\.\w+)`", page.read_text("utf-8")):
            assert (ROOT / name).exists() or (SOURCE / name).exists(), f"{page.name} names {name}"


def test_the_picture_has_a_title_and_a_description_and_is_readable_in_dark() -> None:
    picture = text_of("docs/corridor.svg")
    assert "<title id=" in picture
    assert "<desc id=" in picture
    assert "prefers-color-scheme: dark" in picture


# Examples, against the served program.


def differences(told: Any, got: Any, at: str = "") -> list[str]:
    """Where the reply is not as told; a reply may hold more, and `…` in a told text stands for anything."""
    if isinstance(told, dict) and isinstance(got, dict):
        return [
            line
            for key, value in told.items()
            for line in (differences(value, got[key], f"{at}/{key}") if key in got else [f"{at}/{key} is absent"])
        ]
    if isinstance(told, list) and isinstance(got, list):
        if len(told) > len(got) or (not told and got):
            return [f"{at} holds {len(got)} elements"]
        return [line for n, pair in enumerate(zip(told, got, strict=False)) for line in differences(*pair, f"{at}/{n}")]
    if isinstance(told, str) and isinstance(got, str) and "…" in told:
        return [] if got.startswith(told.partition("…")[0]) else [f"{at} is {got!r}"]
    return [] if told == got else [f"{at} is {got!r}"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("docs")) as running:
        shop = Shop(running, running.key("ingest", "read"))
        shop.taken("login", {"_userId": "somebody"})
        while shop.get("/api/v1/index").json["behind_events"]:  # until what writes the index has started
            pass
        yield running


PAGES_WITH_CALLS = [page for page in PAGES if any(calls_of(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES_WITH_CALLS, ids=lambda page: page.name)
def test_the_examples_of_a_page_come_out_as_told(page: Path, server: Served) -> None:
    values = {"KEY": server.key("ingest", "read", "manage", tenant=page.name), "EVENT": ""}
    for number in range(len(list(calls_of(page)))):
        call = list(calls_of(page, **values))[number]
        got = server.request(call.method, call.path, call.body, call.headers)
        if call.reply is None or not {"error", "code"} & call.reply.keys():
            assert got.status in (200, 201, 202), (call.path, got.body)
        if call.reply is not None:
            assert differences(call.reply, got.json) == [], (call.path, got.json)
        if "event_id" in got.json:
            assert _EVENT_ID.fullmatch(got.json["event_id"])
            values["EVENT"] = got.json["event_id"]


def test_a_wrong_example_would_be_noticed() -> None:
    assert differences({"score": 3}, {"score": 4}) == ["/score is 4"]
    assert differences({"reasons": [{"name": "_a"}]}, {"reasons": []}) == ["/reasons holds 0 elements"]
    assert differences({"event_id": "ev_…", "left": None}, {"event_id": "ev_12"}) == ["/left is absent"]


# Finding what there is.


def commands() -> list[tuple[str, click.Command]]:
    return list(generator().commands(root, "fourthwatch"))


def generator() -> ModuleType:
    """The program that writes the generated pages."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table_rows(page: str, heading: str) -> list[list[str]]:
    """Cells of the rows of the first table under a heading."""
    section = text_of(page).split(heading + "\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.split("\n") if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as they are made for the web."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def error_codes() -> set[tuple[int, str]]:
    """Status and code of every refusal: the classes', those given to `Malformed`, and the protocol's."""
    kinds: list[type[Refused]] = [Refused, *Refused.__subclasses__(), *NotUnderstood.__subclasses__()]
    found = {(kind.status, kind.code) for kind in kinds}
    protocol = [value for value in vars(exchange).values() if isinstance(value, exchange.Refusal)]
    found |= {(refusal.status, refusal.code) for refusal in protocol}
    for call in source_calls():
        if name_of(call) == "Malformed":
            codes = [word.value for word in call.keywords if word.arg == "code"]
            found |= {(400, str(code.value)) for code in codes if isinstance(code, ast.Constant)}
        elif name_of(call) in ("_refuse", "_refuse_at") and isinstance(call.args[-1], ast.Constant):
            found.add((400, str(call.args[-1].value)))  # of the strict parser, which says it last
    return found


def warning_codes() -> set[str]:
    """Second argument of every `BodyWarning`, and what masking says."""
    found = set(get_args(masking.Code))
    for call in source_calls():
        if name_of(call) == "BodyWarning" and isinstance(call.args[1], ast.Constant):
            found.add(str(call.args[1].value))
    return found


def name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def source_calls() -> Iterator[ast.Call]:
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield node
