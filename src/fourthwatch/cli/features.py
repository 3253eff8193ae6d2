"""`fourthwatch features`: look at features, check definitions offline, define and remove one's own over HTTP."""

import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import msgspec

from fourthwatch.api.features import definition_of
from fourthwatch.cli.counting import counted
from fourthwatch.cli.options import Command, json_option
from fourthwatch.errors import FourthwatchError, LanguageError, NameTaken, Refused
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.definition import Feature
from fourthwatch.language import render
from fourthwatch.limits import PAGE_ROWS_MAX
from fourthwatch.workbench.asking import Server, Told

_OFFLINE_TENANT = 1


def server_options(command: Command) -> Command:
    """`--to URL --key KEY`: the server that is asked."""
    options: tuple[Callable[[Any], Any], ...] = (
        click.option("--insecure", is_flag=True, help="Do not verify the server's certificate (self-signed)."),
        click.option("--key", required=True, envvar="FOURTHWATCH_KEY", show_envvar=True,
                     help="A key with the scope read; manage to define and remove."),
        click.option("--to", required=True, metavar="URL", help="The server."),
    )  # fmt: skip
    for option in options:
        command = option(command)
    return command


@click.group(epilog="Example: fourthwatch features list --to http://127.0.0.1:8080 --key $KEY")
def features() -> None:
    """Look at features, and define your own.

    A feature is a number that decisions are made of, written in the language of docs/reference/language.md.
    """


@features.command("list", epilog="Example: fourthwatch features list --to http://127.0.0.1:8080 --key $KEY --own")
@server_options
@click.option("--own", is_flag=True, help="Only those that you have defined.")
@json_option
def list_(to: str, key: str, insecure: bool, own: bool, as_json: bool) -> None:
    """List features with their state."""
    server = Server(to, key, insecure=insecure)
    rows: list[dict[str, Any]] = []
    query = f"?limit={PAGE_ROWS_MAX}" + ("&own=true" if own else "")
    cursor: str | None = ""
    while cursor is not None:
        page = _done(server.ask("GET", "/api/v1/features" + query + (cursor and f"&cursor={cursor}")))
        rows += page["features"]
        cursor = page["next"]
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    for row in rows:
        state = row["state"] if row["state"] != "counting" else f"counting {_share(row)}"
        click.echo(f"{row['name']:<32} {state:<14} {row['unit']:<12} {row['says']}".rstrip())


@features.command(epilog="Example: fourthwatch features show account_age --to http://127.0.0.1:8080 --key $KEY")
@click.argument("name")
@server_options
@json_option
def show(name: str, to: str, key: str, insecure: bool, as_json: bool) -> None:
    """Show one feature, what it costs, and how far its past is in."""
    _tell(_done(Server(to, key, insecure=insecure).ask("GET", _path(name))), as_json=as_json)


@features.command(epilog="Example: fourthwatch features lint features.toml")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def lint(files: tuple[Path, ...], as_json: bool) -> None:
    """Check files of definitions, without a server: names, words, types, bounds.

    A file is TOML, one table per feature: `[[feature]]`, `name = "…"`, `text = "…"`, and if wanted `unit`, `says`,
    `reason`. A feature may use those above it, in the same file or in one before. Exit code 1 when something was found.
    """
    book = built_in().for_tenant()
    findings: list[dict[str, Any]] = []
    checked = 0
    for file in files:
        for number, row in enumerate(definitions_in(file), 1):
            checked += 1
            where = {"file": str(file), "feature": row.get("name", f"number {number}")}
            try:
                sent = definition_of(row)
                if sent.name in book:
                    raise NameTaken("there is a feature of this name already")
                book.add(Feature(sent.name, sent.text, sent.unit, sent.says, sent.reason, _OFFLINE_TENANT))
            except Refused as error:
                findings.append({**where, "code": error.code, "message": error.message, "diagnostics": []})
            except LanguageError as error:
                shown = render(row["text"], error.diagnostics)
                told = msgspec.to_builtins(error.diagnostics)
                findings.append({**where, "code": "language", "message": shown, "diagnostics": told})
    if as_json:
        click.echo(msgspec.json.encode({"checked": checked, "findings": findings}))
    else:
        for finding in findings:
            click.echo(f"{finding['file']}: {finding['feature']}: {finding['message'].rstrip()}")
        click.echo(f"{counted(checked, 'definition')}, {len(findings):,} with findings", err=True)
    if findings:
        sys.exit(1)


@features.command(epilog="Example: fourthwatch features add features.toml --to http://127.0.0.1:8080 --key $KEY")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@server_options
@click.option("--dry-run", is_flag=True, help="Only let the server check them, one by one.")
@json_option
def add(files: tuple[Path, ...], to: str, key: str, insecure: bool, dry_run: bool, as_json: bool) -> None:
    """Define the features of some files, in their order; stops at the first that is refused.

    The files are those that `lint` checks. What was stored before counts: the server looks through it in the
    background, and says with `show` how far it is.
    """
    server = Server(to, key, insecure=insecure)
    for file in files:
        for row in definitions_in(file):
            told = server.ask("POST", "/api/v1/features" + ("?dry_run=true" if dry_run else ""), row)
            _tell(_done(told), as_json=as_json)


@features.command(epilog="Example: fourthwatch features remove km_moved --to http://127.0.0.1:8080 --key $KEY")
@click.argument("names", nargs=-1, required=True)
@server_options
@json_option
def remove(names: tuple[str, ...], to: str, key: str, insecure: bool, as_json: bool) -> None:
    """Remove features of your own, in this order; one that another is made of stays until that is gone."""
    server = Server(to, key, insecure=insecure)
    for name in names:
        _done(server.ask("DELETE", _path(name), headers={"If-Match": "*"}))
        click.echo(msgspec.json.encode({"removed": name}) if as_json else f"removed {name}")


def definitions_in(file: Path) -> Iterator[dict[str, Any]]:
    """The tables of a file of definitions; raises `FourthwatchError` when it is none."""
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise FourthwatchError(f"{file}: this is not TOML: {error}") from error
    rows = document.get("feature")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or len(document) != 1:
        raise FourthwatchError(f"{file}: a file of definitions has tables [[feature]], and nothing else")
    yield from rows


def _path(name: str) -> str:
    return "/api/v1/features/" + quote(name, safe="")


def _done(told: Told) -> dict[str, Any]:
    if 200 <= told.status < 300:
        return told.body
    shown = told.body.get("rendered")
    raise FourthwatchError(told.message + (f"\n{shown.rstrip()}" if isinstance(shown, str) else ""))


def _tell(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(row))
        return
    click.echo(f"{row['name']}: {row['text']}")
    for name in ("says", "unit", "reason"):
        if row[name]:
            click.echo(f"  {name:<8} {row[name]}")
    click.echo(f"  state    {row['state']}" + (f", {_share(row)} of the log" if row["state"] == "counting" else ""))
    cost = row["cost"]
    click.echo(
        f"  cost     {counted(cost['aggregates'], 'question')} per decision, "
        f"{counted(cost['series'], 'selection')} of events remembered, "
        f"{cost['own_series']} of them for you alone, with up to {cost['bytes_max']:,} bytes of each user, card, …"
    )


def _share(row: dict[str, Any]) -> str:
    return f"{100 * row['done'] / max(1, row['total']):.0f} %"
