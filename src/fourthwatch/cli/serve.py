"""`fourthwatch serve`: the server, until it is told to stop."""

import sys
from pathlib import Path

import click

from fourthwatch.cli.options import data_option, split_address
from fourthwatch.logs import set_up_logs
from fourthwatch.server.serve import Listen
from fourthwatch.server.serve import serve as run_server
from fourthwatch.settings import read_settings


@click.command(epilog="Example: fourthwatch serve --data ./data --listen 127.0.0.1:8080 --tls-self-signed")
@data_option
@click.option(
    "--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Port 0: any free one."
)
@click.option("--tls-self-signed", is_flag=True, help="HTTPS with a certificate made here, kept in the data directory.")
@click.option(
    "--tls-cert", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Certificate chain, PEM."
)
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Private key, PEM.")
def serve(directory: Path, listen: str, tls_self_signed: bool, tls_cert: Path | None, tls_key: Path | None) -> None:
    """Serve the event API, score API, management API and documentation.

    Prints `listening on URL` when events are taken. SIGTERM stops cleanly: what is under way is finished and committed.
    Settings come from FOURTHWATCH_… variables; see docs/reference/settings.md.
    """
    host, port = split_address(listen)
    if tls_self_signed and (tls_cert is not None or tls_key is not None):
        raise click.UsageError("--tls-self-signed does not go with --tls-cert and --tls-key")
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    settings = read_settings()
    set_up_logs(level=settings.log_level)
    where = Listen(host=host, port=port, tls_self_signed=tls_self_signed, tls_certificate=tls_cert, tls_key=tls_key)
    sys.exit(run_server(directory, where, settings, lambda url: click.echo(f"listening on {url}")))
