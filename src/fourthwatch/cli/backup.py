"""`fourthwatch backup`: a copy of the data file, while a server runs or not."""

from pathlib import Path

import click
import msgspec

from fourthwatch.cli.counting import counted
from fourthwatch.cli.options import json_option, there_option
from fourthwatch.store.backup import back_up


@click.command(epilog="Example: fourthwatch backup --data ./data --out /mnt/backups/monday")
@there_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A directory that is not there yet.")
@json_option
def backup(directory: Path, out: Path, as_json: bool) -> None:
    """Copy the data file as of one moment, with the key of its secrets, into a new directory.

    A server may run and take events meanwhile: every event that was acknowledged before is in the copy. Start a server
    with --data on the copy to use it; lay the newest erasures.jsonl beside it first.
    """
    made = back_up(directory, out)
    told = {"directory": str(out), "events": made.events, "bytes": made.bytes}
    click.echo(msgspec.json.encode(told) if as_json else out)
    click.echo(f"{counted(made.events, 'event')}, {made.bytes:,} bytes", err=True)
