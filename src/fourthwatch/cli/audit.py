"""`fourthwatch audit`: read the audit trail of a data file, and verify that nothing in it was changed or taken out."""

import re
from pathlib import Path

import click
import msgspec

from fourthwatch.cli.options import json_option, there_option
from fourthwatch.clock import SystemClock, iso_ms
from fourthwatch.errors import FourthwatchError, UsageError
from fourthwatch.store.changes import AuditEntry, AuditTrail
from fourthwatch.store.keys import KeyStore

_ROWS_AT_ONCE = 500
_HEAD = re.compile("[0-9a-f]{32}")


@click.group(epilog="Example: fourthwatch audit verify --data ./data")
def audit() -> None:
    """Read and verify the trail of what people changed."""


@audit.command(epilog="Example: fourthwatch audit verify --data ./data --tenant default --head 5f0c…")
@there_option
@click.option("--tenant", default="default", show_default=True, help="Whose head --head is.")
@click.option(
    "--head", metavar="HASH", help="The `chain` of an entry that you kept elsewhere; it has to be in the trail still."
)
@json_option
def verify(directory: Path, tenant: str, head: str | None, as_json: bool) -> None:
    """Walk every tenant's chain of changes, from the first to the newest.

    A changed, swapped or lost entry breaks the chain. Entries cut off at the end leave a whole chain that is shorter:
    keep the newest `chain` elsewhere, as it is printed here, and give it as --head the next time. Works while the
    server runs. Exit code 1 when something is wrong.
    """
    tenants = _tenants(directory)
    if head is not None and tenant not in tenants.values():
        raise FourthwatchError(f"there is no tenant {tenant!r} in this data file")
    if head is not None and not _HEAD.fullmatch(head):
        raise UsageError("--head is the `chain` of an entry, 32 digits and letters from a to f")
    heads: dict[int, AuditEntry] = {}
    is_there = head is None
    trail = AuditTrail(directory)
    try:
        for entry in trail.verify():
            heads[entry.tenant] = entry
            is_there = is_there or (tenants.get(entry.tenant) == tenant and entry.chain.hex() == head)
    finally:
        trail.close()
    if not is_there:
        raise FourthwatchError(f"the trail of {tenant} holds no entry with the chain {head}: entries were cut off")
    rows = [
        {"tenant": tenants.get(number, str(number)), "entries": entry.number, "head": entry.chain.hex()}
        for number, entry in heads.items()
    ]
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    for row in rows:
        click.echo(f"{row['tenant']:<24} {row['entries']:>8,} entries, all in their places  {row['head']}")
    if not rows:
        click.echo("nothing was changed yet", err=True)


@audit.command(epilog="Example: fourthwatch audit export --data ./data > audit.jsonl")
@there_option
@click.option("--tenant", default="default", show_default=True, help="Whose trail.")
def export(directory: Path, tenant: str) -> None:
    """Print a tenant's trail, oldest first, one JSON object per line."""
    numbers = [number for number, name in _tenants(directory).items() if name == tenant]
    if not numbers:
        raise FourthwatchError(f"there is no tenant {tenant!r} in this data file")
    trail = AuditTrail(directory)
    behind = 0
    try:
        while entries := trail.after(behind, _ROWS_AT_ONCE):
            for entry in entries:
                if entry.tenant == numbers[0]:
                    click.echo(msgspec.json.encode(_row(entry)))
            behind = entries[-1].id
    finally:
        trail.close()


def _tenants(directory: Path) -> dict[int, str]:
    store = KeyStore(directory, SystemClock())
    try:
        return store.tenants()
    finally:
        store.close()


def _row(entry: AuditEntry) -> dict[str, object]:
    return {
        "number": entry.number, "at": iso_ms(entry.at_ms), "actor": entry.actor, "action": entry.action,
        "thing": entry.thing, "before": None if entry.before is None else msgspec.Raw(entry.before),
        "after": None if entry.after is None else msgspec.Raw(entry.after), "chain": entry.chain.hex(),
    }  # fmt: skip
