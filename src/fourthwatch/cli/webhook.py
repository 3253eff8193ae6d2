"""`fourthwatch webhook`: a receiver on this machine, for whoever writes one."""

import json

import click

from fourthwatch.clock import SystemClock
from fourthwatch.errors import UsageError
from fourthwatch.webhooks.listening import Arrival, listener
from fourthwatch.webhooks.signing import is_secret


@click.group(epilog="Example: fourthwatch webhook listen --port 9000")
def webhook() -> None:
    """Postbacks and webhooks, as they arrive."""


@webhook.command(epilog="Example: fourthwatch webhook listen --port 9000 --secret whsec_…")
@click.option("--port", type=click.IntRange(0, 65_535), default=9000, show_default=True, help="On 127.0.0.1; 0: any.")
@click.option("--secret", "secrets", multiple=True, help="Of the endpoint; may be given more than once.")
@click.option("--key", help="The shop's key, which postbacks carry.")
@click.option("--answer", type=click.IntRange(200, 599), default=200, show_default=True, help="Status of every reply.")
def listen(port: int, secrets: tuple[str, ...], key: str | None, answer: int) -> None:
    """Print what arrives, and whether it is from us.

    Listens on this machine alone until it is stopped. Give the server leave to call it, in
    FOURTHWATCH_PRIVATE_RECEIVERS, and register its address as an endpoint or in a plugin.
    """
    if not all(map(is_secret, secrets)):
        raise UsageError("a secret looks like whsec_ and 32 bytes in base64")
    try:
        server = listener(port, secrets, key, SystemClock(), _show, answer)
    except OSError as error:
        raise UsageError(f"cannot listen on port {port}: {error.strerror}") from error
    with server:
        click.echo(f"listening on http://127.0.0.1:{server.server_port}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped")


def _show(arrival: Arrival) -> None:
    name = "" if arrival.message_id is None else f" {arrival.message_id}"
    click.echo(f"{arrival.kind}{name} to {arrival.path}: {arrival.verdict}")
    try:
        click.echo(json.dumps(json.loads(arrival.body), indent=2, ensure_ascii=False))
    except ValueError:
        click.echo(repr(arrival.body[:1_000]))
