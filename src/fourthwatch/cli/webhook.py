"""`fourthwatch webhook`: a receiver on this machine, for whoever writes one."""

import json
import sys
from functools import partial
from threading import Event
from typing import Any
from urllib.parse import quote

import click
import msgspec

from fourthwatch.cli.features import server_options
from fourthwatch.cli.options import json_option
from fourthwatch.clock import SystemClock
from fourthwatch.errors import FourthwatchError, UsageError
from fourthwatch.webhooks.listening import Arrival, listener
from fourthwatch.webhooks.signing import is_secret
from fourthwatch.workbench.asking import Server

_LOOKS = 200
_LOOK_EVERY_S = 0.1


@click.group(epilog="Example: fourthwatch webhook listen --port 9000")
def webhook() -> None:
    """Postbacks and webhooks, as they arrive."""


@webhook.command(epilog="Example: fourthwatch webhook listen --port 9000 --secret whsec_…")
@click.option("--port", type=click.IntRange(0, 65_535), default=9000, show_default=True, help="On 127.0.0.1; 0: any.")
@click.option("--secret", "secrets", multiple=True, help="Of the endpoint; may be given more than once.")
@click.option("--key", help="The shop's key, which postbacks carry.")
@click.option("--answer", type=click.IntRange(200, 599), default=200, show_default=True, help="Status of every reply.")
@json_option
def listen(port: int, secrets: tuple[str, ...], key: str | None, answer: int, as_json: bool) -> None:
    """Print what arrives, and whether it is from us.

    Listens on this machine alone until it is stopped. Give the server leave to call it, in
    FOURTHWATCH_PRIVATE_RECEIVERS, and register its address as an endpoint or in a plugin. With --json one object per
    line; where it listens is said on standard error then.
    """
    if not all(map(is_secret, secrets)):
        raise UsageError("a secret looks like whsec_ and 32 bytes in base64")
    try:
        server = listener(port, secrets, key, SystemClock(), partial(_show, as_json=as_json), answer)
    except OSError as error:
        raise UsageError(f"cannot listen on port {port}: {error.strerror}") from error
    with server:
        click.echo(f"listening on http://127.0.0.1:{server.server_port}", err=as_json)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)


@webhook.command(
    epilog="Example: fourthwatch webhook test we_0123456789abcdef0123 --to http://127.0.0.1:8080 --key $KEY"
)
@click.argument("receiver", metavar="ENDPOINT")
@server_options
@json_option
def test(receiver: str, to: str, key: str, insecure: bool, as_json: bool) -> None:
    """Try an endpoint out, or with `postbacks` the addresses of a Magento shop, and tell what was answered.

    An endpoint may be tried before it is enabled. Exit code 1 when anything did not arrive.
    """
    server = Server(to, key, insecure=insecure)
    path = (
        "/api/v1/postbacks/test"
        if receiver == "postbacks"
        else f"/api/v1/webhook-endpoints/{quote(receiver, safe='')}/test"
    )
    asked = server.ask("POST", path)
    if asked.status != 202:
        raise FourthwatchError(asked.message)
    attempts = [_attempt(server, delivery_id, as_json=as_json) for delivery_id in asked.body["deliveries"]]
    if as_json:
        click.echo(msgspec.json.encode(attempts))
    if not all(one["outcome"] == "delivered" for one in attempts):
        sys.exit(1)


def _attempt(server: Server, delivery_id: str, *, as_json: bool) -> dict[str, Any]:
    """Wait for the first attempt, and tell what came of it."""
    waiting = Event()
    for _ in range(_LOOKS):
        told = server.ask("GET", f"/api/v1/deliveries/{delivery_id}")
        for attempt in told.body.get("attempts", ()):
            to = told.body["delivery"]["receiver"]
            if not as_json:
                click.echo(f"{to}: {attempt['outcome']}, {attempt['took_ms']} ms, {attempt['address'] or 'no address'}")
            return {"delivery": delivery_id, "receiver": to, **attempt}
        waiting.wait(_LOOK_EVERY_S)
    raise FourthwatchError(f"{delivery_id} was not tried within {_LOOKS * _LOOK_EVERY_S:g} s; is a sender at work?")


def _show(arrival: Arrival, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(_row(arrival)))
        return
    name = "" if arrival.message_id is None else f" {arrival.message_id}"
    click.echo(f"{arrival.kind}{name} to {arrival.path}: {arrival.verdict}")
    try:
        click.echo(json.dumps(json.loads(arrival.body), indent=2, ensure_ascii=False))
    except ValueError:
        click.echo(repr(arrival.body[:1_000]))


def _row(arrival: Arrival) -> dict[str, Any]:
    try:
        body = json.loads(arrival.body)
    except ValueError:
        body = arrival.body.decode("utf-8", "replace")
    return {
        "kind": arrival.kind, "id": arrival.message_id, "path": arrival.path, "verdict": arrival.verdict, "body": body,
    }  # fmt: skip
