"""`fourthwatch doctor`: what could go wrong on this machine and with this data file, before it does."""

import resource
import sys
from pathlib import Path

import click
import msgspec

from fourthwatch.cli.counting import counted
from fourthwatch.cli.options import data_option, json_option, split_address
from fourthwatch.clock import SystemClock
from fourthwatch.engine.absence import own_features
from fourthwatch.entities.supplied import Supplied, read_supplied
from fourthwatch.errors import UsageError
from fourthwatch.features.kernel import COMPILED
from fourthwatch.limits import CONNECTIONS_MAX
from fourthwatch.server.ports import why_not_free
from fourthwatch.settings import Settings, read_settings
from fourthwatch.store.diagnosis import Finding, data_file, disk_space, disk_sync, seal_key, sqlite_version

_PROGRESS_EVERY = 50_000


@click.command(epilog="Example: fourthwatch doctor --data ./data --listen 127.0.0.1:8080")
@data_option
@click.option("--listen", metavar="HOST:PORT", help="Also look whether this address is free to listen on.")
@json_option
def doctor(directory: Path, listen: str | None, as_json: bool) -> None:
    """Check the data file, SQLite, the disk's honesty about syncs, room, clock, features of your own, ports and limits.

    Reads every event, so it takes about a second per 100,000; works while the server runs. Exit code 1 when something
    was found that has to be mended; a warning alone does not count.
    """
    clock, settings = SystemClock(), read_settings()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def show(seq: int) -> None:
        if seq % _PROGRESS_EVERY == 0:
            click.echo(f"{counted(seq, 'event')} looked at", err=True)

    supplied, lookup_files = _lookup_files(settings)
    findings = [
        sqlite_version(),
        _kernel(),
        disk_sync(directory, clock),
        disk_space(directory, settings.disk_reserve_bytes),
        *data_file(directory, clock, show),
        seal_key(directory),
        *own_features(directory, clock, supplied),
        lookup_files,
        _open_files(),
    ]
    if listen is not None:
        findings.append(_port(listen))
    if as_json:
        click.echo(msgspec.json.encode(findings))
    else:
        for finding in findings:
            click.echo(f"{finding.grade:<8} {finding.name:<15} {finding.says}")
    if any(finding.grade == "finding" for finding in findings):
        sys.exit(1)


def _kernel() -> Finding:
    if COMPILED:
        return Finding("kernel", "ok", "histories are kept by the compiled kernel")
    says = "histories are kept in plain Python, right but many times slower: have a C compiler there and install again"
    return Finding("kernel", "warning", says)


def _lookup_files(settings: Settings) -> tuple[Supplied, Finding]:
    try:
        supplied = read_supplied(settings.ip_file_paths, settings.card_file_path)
    except UsageError as error:
        return Supplied(), Finding("lookup files", "finding", str(error))
    told = [f"{name} ({version})" for name, version in supplied.versions.items()]
    says = ", ".join(told) or "none; the countries of IPs and cards are unknown"
    return supplied, Finding("lookup files", "ok", says)


def _open_files() -> Finding:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    enough = limit == resource.RLIM_INFINITY or limit >= CONNECTIONS_MAX + 64
    says = f"{limit:,} may be open" + ("" if enough else f"; {CONNECTIONS_MAX:,} connections need more (ulimit -n)")
    return Finding("open files", "ok" if enough else "warning", says)


def _port(listen: str) -> Finding:
    host, port = split_address(listen)
    against = why_not_free(host, port)
    if against is not None:
        return Finding("port", "finding", f"{listen} cannot be listened on: {against}")
    return Finding("port", "ok", f"{listen} is free")
