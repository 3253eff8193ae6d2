"""`fourthwatch erase`: everything that one person sent, for good, with the chain of events still whole."""

from pathlib import Path

import click
import msgspec

from fourthwatch.cli.counting import counted, either
from fourthwatch.cli.options import json_option, there_option
from fourthwatch.clock import SystemClock
from fourthwatch.engine.person import events_of
from fourthwatch.store.changes import COMMAND_LINE
from fourthwatch.store.erasure import check_tenant, erase
from fourthwatch.store.file import lock_directory


@click.command(name="erase", epilog="Example: fourthwatch erase --data ./data --user u-19")
@there_option
@click.option("--user", "user_id", required=True, help="As in _userId.")
@click.option("--tenant", default="default", show_default=True, help="The merchant whose user it is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def erase_user(directory: Path, user_id: str, tenant: str, yes: bool, as_json: bool) -> None:
    """Erase everything that a user sent: events, decisions, and what was derived from them.

    Stop the server first; the next start reads the whole log. Nothing brings it back but a backup, and a server that is
    started on one erases it again, as long as erasures.jsonl lies beside it.
    """
    lock = lock_directory(directory)
    try:
        found = events_of(directory, check_tenant(directory, tenant), user_id)
        if not found.seqs:
            if as_json:
                click.echo(msgspec.json.encode({"id": None, "events": 0}))
            click.echo("nothing was heard of this user", err=True)
            return
        if not yes:
            click.confirm(f"erase {counted(len(found.seqs), 'event')} for good?", abort=True, err=True)
        erased = erase(directory, found, COMMAND_LINE, SystemClock())
    finally:
        lock.close()
    click.echo(msgspec.json.encode({"id": erased.id, "events": len(erased.events)}) if as_json else erased.id)
    told = f"{counted(len(erased.events), 'event')} {either(len(erased.events), 'was', 'were')} erased"
    click.echo(f"{told}. Keep erasures.jsonl with your backups.", err=True)
