"""`fourthwatch replay-decision`: a decision made again from the ledger, and whether it is the same."""

import sys
from pathlib import Path

import click
import msgspec

from fourthwatch.cli.counting import counted, either
from fourthwatch.cli.options import json_option, there_option
from fourthwatch.clock import SystemClock
from fourthwatch.entities.supplied import read_supplied
from fourthwatch.errors import FourthwatchError, UsageError
from fourthwatch.settings import read_settings
from fourthwatch.store.retention import days_kept
from fourthwatch.workbench.again import Again, Unknown, decide_again


@click.command("replay-decision", epilog="Example: fourthwatch replay-decision --data ./data --all")
@click.argument("event_id", required=False)
@there_option
@click.option("--all", "every", is_flag=True, help="Every decision in the ledger, in place of one.")
@json_option
def replay_decision(event_id: str | None, directory: Path, every: bool, as_json: bool) -> None:
    """Make a decision again from the ledger, and say whether it is identical or what differs.

    EVENT_ID is that of the decided event, as in its receipt. The data file is only read; a server may go on beside it.
    Exit code 1 when anything differs. With --all, decisions of an older version of the program that come out the same
    are only counted.
    """
    if every == (event_id is not None):
        raise UsageError("name one decision by its event's id, or say --all")
    made = differing = in_versions = 0
    try:
        settings = read_settings()
        supplied = read_supplied(settings.ip_file_paths, settings.card_file_path)
        days = days_kept(directory, settings.forget_after_days, SystemClock())
        for one in decide_again(directory, days, event_id, supplied):
            made += 1
            differing += not one.identical
            in_versions += one.in_versions_alone
            if as_json:
                click.echo(msgspec.json.encode(one))
            elif event_id is not None or not (one.identical or one.in_versions_alone):
                _tell(one)
    except Unknown:
        raise FourthwatchError("there is no decision on an event of this id") from None
    if every:
        told = f", {in_versions:,} of them only in versions of the program" if in_versions else ""
        click.echo(
            f"{counted(made, 'decision')} made again, {differing:,} {either(differing, 'differs', 'differ')}{told}",
            err=True,
        )
    if differing:
        sys.exit(1)


def _tell(one: Again) -> None:
    told = "identical" if one.identical else counted(len(one.differences), "difference")
    made = f"score {one.score}, {one.verdict}, rule set {one.rules}"
    click.echo(f"{one.event_id} at position {one.position:,}: {made}: {told}")
    for difference in one.differences:
        click.echo(f"  {difference.what}: stored {difference.stored!r}, now {difference.now!r}")
    if one.not_compared:
        click.echo("  not compared, for they are not defined any more as they were: " + ", ".join(one.not_compared))
