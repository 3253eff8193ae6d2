"""`fourthwatch lists`: look at lists, make them, put things in and take them out, import and export, over HTTP."""

import csv
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click
import msgspec

from fourthwatch.api.list_views import ListEntryView, entries_csv
from fourthwatch.cli.counting import counted
from fourthwatch.cli.features import server_options
from fourthwatch.cli.options import json_option
from fourthwatch.errors import FourthwatchError
from fourthwatch.features.list_types import LIST_TYPES
from fourthwatch.limits import IMPORT_ROWS_MAX, PAGE_ROWS_MAX
from fourthwatch.wire.cells import csv_rows, csv_text
from fourthwatch.workbench.asking import Server, Told

_IMPORT_CHARS = 150_000
"""Of one request; a longer file is sent in several."""


@click.group(epilog="Example: fourthwatch lists list --to http://127.0.0.1:8080 --key $KEY")
def lists() -> None:
    """Look at lists, make them, and put things in.

    A list holds things of one type, and a rule asks for it: in_list(email, "vip").
    """


@lists.command("list", epilog="Example: fourthwatch lists list --to http://127.0.0.1:8080 --key $KEY --json")
@server_options
@json_option
def list_(to: str, key: str, insecure: bool, as_json: bool) -> None:
    """List the lists."""
    rows = list(_pages(Server(to, key, insecure=insecure), "/api/v1/lists", "lists"))
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    for row in rows:
        click.echo(f"{row['name']:<32} {row['type']:<13} {row['kind']:<8} {row['entries']:>8,}  {row['says']}".rstrip())


@lists.command(epilog="Example: fourthwatch lists show vip --to http://127.0.0.1:8080 --key $KEY")
@click.argument("name")
@server_options
@click.option("--as-of", metavar="TIME", help="Those that were in force then, as 2027-01-31T12:00:00Z.")
@json_option
def show(name: str, to: str, key: str, insecure: bool, as_of: str | None, as_json: bool) -> None:
    """Show a list and its entries."""
    server = Server(to, key, insecure=insecure)
    row = _done(server.ask("GET", _path(name)))
    rows = list(_pages(server, _path(name) + "/entries", "entries", **({} if as_of is None else {"as_of": as_of})))
    if as_json:
        click.echo(msgspec.json.encode({**row, "entries": rows}))
        return
    click.echo(f"{row['name']}: {row['kind']} list of {row['type']}, version {row['version']}. {row['says']}".rstrip())
    for one in rows:
        ends = f"  until {one['expires_at']}" if one["expires_at"] else ""
        click.echo(f"  {one['value']:<40} {one['hits']:>7,} hits{ends}  {one['reason']}".rstrip())


@lists.command(epilog="Example: fourthwatch lists create vip --type email --kind allow --to $URL --key $KEY")
@click.argument("name")
@server_options
@click.option("--type", "type_name", required=True, type=click.Choice(list(LIST_TYPES)), help="What it holds.")
@click.option("--kind", default="watch", show_default=True, help="block, allow, watch or a word of yours.")
@click.option("--says", default="", help="A sentence about it.")
@json_option
def create(name: str, to: str, key: str, insecure: bool, type_name: str, kind: str, says: str, as_json: bool) -> None:
    """Make a list."""
    body = {"name": name, "type": type_name, "kind": kind, "says": says}
    row = _done(Server(to, key, insecure=insecure).ask("POST", "/api/v1/lists", body, _once()))
    click.echo(msgspec.json.encode(row) if as_json else f"made {row['name']}, a {row['kind']} list of {row['type']}")


@lists.command(epilog="Example: fourthwatch lists add vip asha@example.com --reason 'knows us' --to $URL --key $KEY")
@click.argument("name")
@click.argument("values", nargs=-1, required=True)
@server_options
@click.option("--reason", default="", help="Why; shown with the entry.")
@click.option("--expires-at", metavar="TIME", help="Until when, as 2027-01-31; for ever when absent.")
@json_option
def add(
    name: str, values: tuple[str, ...], to: str, key: str, insecure: bool, reason: str, expires_at: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Put values into a list; one that is in already is replaced."""
    server = Server(to, key, insecure=insecure)
    for value in values:
        body = {"value": value, "reason": reason, **({} if expires_at is None else {"expires_at": expires_at})}
        row = _done(server.ask("POST", _path(name) + "/entries", body, _once()))
        click.echo(msgspec.json.encode(row) if as_json else f"added {row['value']}")


@lists.command(epilog="Example: fourthwatch lists remove vip asha@example.com --to $URL --key $KEY")
@click.argument("name")
@click.argument("values", nargs=-1)
@server_options
@click.option("--whole", is_flag=True, help="The list itself, with its entries.")
@json_option
def remove(name: str, values: tuple[str, ...], to: str, key: str, insecure: bool, whole: bool, as_json: bool) -> None:
    """Take values out of a list, or with --whole the list away."""
    if whole == bool(values):
        raise click.UsageError("name the values to take out, or say --whole")
    server = Server(to, key, insecure=insecure)
    for path, removed in [
        (_path(name) + "/entries/" + quote(value, safe=""), value) for value in values
    ] or [(_path(name), name)]:  # fmt: skip
        _done(server.ask("DELETE", path, headers={"If-Match": "*"}))
        click.echo(msgspec.json.encode({"removed": removed}) if as_json else f"removed {removed}")


@lists.command("import", epilog="Example: fourthwatch lists import vip vip.csv --preview --to $URL --key $KEY")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@server_options
@click.option("--preview", is_flag=True, help="Only say what would be: rows that cannot be taken, and duplicates.")
@json_option
def import_(name: str, file: Path, to: str, key: str, insecure: bool, preview: bool, as_json: bool) -> None:
    """Put the rows of a CSV file into a list.

    The first line names the columns: value, and if wanted reason and expires_at; what `export` writes can be read back.
    A row that cannot be taken stops no other; exit code 1 when there was one. A long file is sent in pieces, each of
    which is taken as a whole.
    """
    server = Server(to, key, insecure=insecure)
    total = {"preview": preview, "rows": 0, "added": 0, "replaced": 0, "invalid_count": 0, "duplicate_count": 0}
    faults: dict[str, list[dict[str, Any]]] = {"invalid": [], "duplicates": []}
    for text, lines in _pieces(file):
        query = "?preview=true" if preview else ""
        told = _done(server.ask("POST", _path(name) + "/imports" + query, {"csv": text}, _once()))
        for count in ("rows", "added", "replaced", "invalid_count", "duplicate_count"):
            total[count] += told[count]
        for which, found in faults.items():
            found += [{**one, "line": lines[one["line"] - 1]} for one in told[which]]
    if as_json:
        click.echo(msgspec.json.encode({**total, **faults}))
    else:
        for fault in faults["invalid"] + faults["duplicates"]:
            click.echo(f"{file}:{fault['line']}: {fault['why']}")
        would = "would be " if preview else ""
        click.echo(
            f"{counted(total['rows'], 'row')}: {total['added']:,} {would}added, {total['replaced']:,} {would}replaced, "
            f"{total['invalid_count']:,} cannot be taken, {total['duplicate_count']:,} say the same as another",
            err=True,
        )
    if total["invalid_count"]:
        sys.exit(1)


@lists.command(epilog="Example: fourthwatch lists export vip --to $URL --key $KEY > vip.csv")
@click.argument("name")
@server_options
@click.option("--as-of", metavar="TIME", help="Those that were in force then, as 2027-01-31T12:00:00Z.")
def export(name: str, to: str, key: str, insecure: bool, as_of: str | None) -> None:
    """Print a list as CSV that `import` takes back; no cell of it begins a formula."""
    server = Server(to, key, insecure=insecure)
    rows = _pages(server, _path(name) + "/entries", "entries", **({} if as_of is None else {"as_of": as_of}))
    click.echo(entries_csv([msgspec.convert(row, ListEntryView) for row in rows]), nl=False)


def _pieces(file: Path) -> Iterator[tuple[str, list[int]]]:
    """Texts that one request takes, each with the head; and for each of its lines the one in the file."""
    try:
        rows = csv_rows(file.read_text("utf-8"))
    except (ValueError, csv.Error) as error:
        raise FourthwatchError(f"{file}: this is not CSV in UTF-8") from error
    if not rows:
        raise FourthwatchError(f"{file}: there is nothing in it")
    head, *rest = rows
    piece, lines, size = [head[1]], [head[0]], 0
    for line, cells in rest:
        length = sum(map(len, cells))
        if len(piece) > 1 and (size + length > _IMPORT_CHARS or len(piece) > IMPORT_ROWS_MAX):
            yield csv_text(piece), lines
            piece, lines, size = [head[1]], [head[0]], 0
        one_line = [" ".join(cell.splitlines()) for cell in cells]
        piece.append(one_line)
        lines.append(line)
        size += length
    yield csv_text(piece), lines


def _pages(server: Server, path: str, what: str, **query: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        asked = {**query, "limit": str(PAGE_ROWS_MAX), **({"cursor": cursor} if cursor else {})}
        page = _done(server.ask("GET", f"{path}?{urlencode(asked)}"))
        yield from page[what]
        cursor = page["next"]


def _path(name: str) -> str:
    return "/api/v1/lists/" + quote(name, safe="")


def _once() -> dict[str, str]:
    """So that a request that was sent twice on its way counts once."""
    return {"Idempotency-Key": secrets.token_hex(16)}


def _done(told: Told) -> dict[str, Any]:
    if 200 <= told.status < 300:
        return told.body
    raise FourthwatchError(told.message)
