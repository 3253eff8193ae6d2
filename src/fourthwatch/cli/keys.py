"""`fourthwatch keys`: make, list and revoke API keys; works while the server runs."""

from pathlib import Path

import click
import msgspec

from fourthwatch.cli.options import data_option, json_option, there_option
from fourthwatch.clock import SystemClock, iso_ms
from fourthwatch.errors import FourthwatchError
from fourthwatch.store.keys import SCOPES, ApiKey, KeyStore, key_hash

DEFAULT_SCOPES = ("ingest", "read")


@click.group(epilog="Example: fourthwatch keys create --data ./data --name 'web shop' --scope ingest")
def keys() -> None:
    """Make, list and revoke API keys.

    Scopes: `ingest` sends events and asks for scores, `read` reads events and orders back, `manage` changes settings.
    """


@keys.command(epilog="Example: KEY=$(fourthwatch keys create --data ./data --name 'web shop')")
@data_option
@click.option("--name", required=True, help="What the key is for; shown in lists.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES),
    help="May be repeated. Without it: ingest and read. A key that lies on a shop's web server needs ingest alone.",
)  # fmt: skip
@click.option("--tenant", default="default", show_default=True, help="The merchant it belongs to; made when new.")
@json_option
def create(directory: Path, name: str, scopes: tuple[str, ...], tenant: str, as_json: bool) -> None:
    """Make a key and print it, alone and this one time; only its hash is kept.

    With --json it is `key` of an object, with the id and scopes beside it.
    """
    store = KeyStore(directory, SystemClock())
    try:
        key = store.create(name, scopes or DEFAULT_SCOPES, tenant)
        row = next(one for one in store.all() if one.hash == key_hash(key))
    finally:
        store.close()
    click.echo(msgspec.json.encode({**_told(row), "key": key}) if as_json else key)
    click.echo(f"scopes: {' '.join(row.scopes)}. Keep it now, it is not shown again.", err=True)


@keys.command("list", epilog="Example: fourthwatch keys list --data ./data --json")
@there_option
@json_option
def list_keys(directory: Path, as_json: bool) -> None:
    """List all keys, revoked ones too; never the keys themselves."""
    store = KeyStore(directory, SystemClock())
    try:
        found = store.all()
    finally:
        store.close()
    if as_json:
        click.echo(msgspec.json.encode([_told(key) for key in found]))
        return
    if not found:
        click.echo("there are no keys yet; make one with `fourthwatch keys create`", err=True)
    for key in found:
        state = "in force" if key.revoked_ms is None else f"revoked {iso_ms(key.revoked_ms)}"
        click.echo(f"{key.id}  {key.hint:<12}  {','.join(key.scopes):<18}  {state:<32}  {key.name}")


@keys.command(epilog="Example: fourthwatch keys revoke --data ./data key_0a1b2c3d4e5f")
@there_option
@click.argument("key")
@json_option
def revoke(directory: Path, key: str, as_json: bool) -> None:
    """Revoke the key with this id or name; a running server refuses it within a second."""
    store = KeyStore(directory, SystemClock())
    try:
        revoked = store.revoke(key)
    finally:
        store.close()
    if revoked == 0:
        raise FourthwatchError(f"no key in force has the id or name {key!r}; see `fourthwatch keys list`")
    if as_json:
        click.echo(msgspec.json.encode({"revoked": revoked}))
    click.echo(f"revoked {revoked}", err=True)


def _told(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id, "name": key.name, "tenant": key.tenant, "hint": key.hint, "scopes": list(key.scopes),
        "created_at": iso_ms(key.created_ms), "revoked_at": None if key.revoked_ms is None else iso_ms(key.revoked_ms),
    }  # fmt: skip
