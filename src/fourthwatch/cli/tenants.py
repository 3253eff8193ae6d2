"""`fourthwatch tenants`: make and list merchants; works while the server runs."""

from pathlib import Path

import click
import msgspec

from fourthwatch.cli.options import data_option, json_option, there_option
from fourthwatch.clock import SystemClock
from fourthwatch.store.keys import KeyStore


@click.group(epilog="Example: fourthwatch tenants list --data ./data")
def tenants() -> None:
    """Make and list tenants.

    A tenant is one merchant: its keys, events, rules, lists, features, policy and audit trail are its own, and nothing
    of another's is ever seen.
    """


@tenants.command(epilog="Example: fourthwatch tenants create 'second shop' --data ./data")
@click.argument("name")
@data_option
@json_option
def create(name: str, directory: Path, as_json: bool) -> None:
    """Make a tenant. Its first key is made with `fourthwatch keys create --tenant`."""
    store = KeyStore(directory, SystemClock())
    try:
        number = store.create_tenant(name)
    finally:
        store.close()
    click.echo(msgspec.json.encode({"id": number, "name": name}) if as_json else f"made {name}")


@tenants.command("list", epilog="Example: fourthwatch tenants list --data ./data --json")
@there_option
@json_option
def list_(directory: Path, as_json: bool) -> None:
    """List tenants, with how many keys of each are in force."""
    store = KeyStore(directory, SystemClock())
    try:
        names, keys = store.tenants(), store.all()
    finally:
        store.close()
    rows = [
        {"id": number, "name": name,
         "keys": sum(key.tenant == number and key.revoked_ms is None for key in keys)}
        for number, name in names.items()
    ]  # fmt: skip
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    for row in rows:
        click.echo(f"{row['name']:<32} {row['keys']} keys in force")
