"""`fourthwatch events`: the ledger's events as a recording."""

import sys
from pathlib import Path

import click
import msgspec

from fourthwatch.cli.options import there_option
from fourthwatch.clock import SystemClock, iso_ms
from fourthwatch.errors import FourthwatchError
from fourthwatch.events import KIND_OF_NUMBER
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import LedgerReader


@click.group(epilog="Example: fourthwatch events export --data ./data > events.jsonl")
def events() -> None:
    """Look at the events that are stored."""


@events.command(epilog="Example: fourthwatch events export --data ./data --tenant default > events.jsonl")
@there_option
@click.option("--tenant", default="default", show_default=True, help="Whose events.")
@click.option("--after", default=0, show_default=True, help="Only events behind this position.")
def export(directory: Path, tenant: str, after: int) -> None:
    """Print all events, one JSON object per line, in the order in which they were taken.

    A line is what `fourthwatch replay` reads, with position, id and times beside it. Works while the server runs.
    """
    reader = LedgerReader(directory)
    try:
        number = _tenant_number(directory, tenant)
        out = sys.stdout.buffer
        for row in reader.export(number, after):
            out.write(_line(row))
        out.flush()
    finally:
        reader.close()


def _line(row: EventRow) -> bytes:
    return (
        msgspec.json.encode(
            {
                "event": KIND_OF_NUMBER[row.kind].name,
                "body": msgspec.Raw(msgspec.json.format(row.body, indent=-1)),
                "position": row.seq,
                "event_id": row.event_id,
                "occurred_at": iso_ms(row.occurred_ms),
                "received_at": iso_ms(row.received_ms),
            }
        )
        + b"\n"
    )


def _tenant_number(directory: Path, tenant: str) -> int:
    keys = KeyStore(directory, SystemClock())
    try:
        number = keys.tenant_id(tenant)
    finally:
        keys.close()
    if number is None:
        raise FourthwatchError(f"there is no tenant {tenant!r} in this data file")
    return number
