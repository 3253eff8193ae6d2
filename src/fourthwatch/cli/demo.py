"""`fourthwatch demo`: a server with a demo shop's traffic flowing through its HTTP API, to look at and to play with."""

import csv
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import IO, Any

import click

from fourthwatch.cli.counting import counted
from fourthwatch.cli.options import split_address
from fourthwatch.clock import DAY_MS, HOUR_MS, SystemClock
from fourthwatch.console.passwords import hash_password
from fourthwatch.errors import FourthwatchError, SendingStopped
from fourthwatch.server.ports import why_not_free
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.users import FIRST_TENANT, UserStore
from fourthwatch.workbench.checkout import ORDINARY
from fourthwatch.workbench.demo import perform
from fourthwatch.workbench.measures import auc
from fourthwatch.workbench.sender import Reply, Sender
from fourthwatch.workbench.simulator import DemoShop, SimEvent

_SAY_EVERY = 5_000
_REASONS_SHOWN = 3
_ADMINISTRATOR = "demo"
_AHEAD_MS = 10 * 365 * DAY_MS


@click.command(epilog="Example: fourthwatch demo --data ./data/demo --days 2 --orders-per-hour 120")
@click.option("--data", "directory", type=click.Path(file_okay=False, path_type=Path), default=Path("data/demo"),
              show_default=True, help="Directory of the data file.")  # fmt: skip
@click.option(
    "--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Port 0: any free one."
)
@click.option("--seed", default=1, show_default=True, help="The same seed tells the same story.")
@click.option("--days", default=2.0, show_default=True, type=click.FloatRange(0, 60), help="Length of the shop's past.")
@click.option("--orders-per-hour", default=60.0, show_default=True, type=click.FloatRange(1, 100_000))
@click.option("--past-only", is_flag=True, help="Stop when the past has been sent, and tell how well the scores did.")
def demo(directory: Path, listen: str, seed: int, days: float, orders_per_hour: float, past_only: bool) -> None:
    """Start a server and let a demo shop live on it: shoppers, and rings that try their luck.

    The shop's last days are sent at once, then it goes on at its own pace until Ctrl-C. Who was fraudulent is kept
    aside, in demo-truth.csv in the data directory, and never sent.
    """
    clock = SystemClock()
    click.echo("starting the server …", err=True)
    password = _administrator(directory)
    with _server(directory, _free(listen)) as url:
        key = _key(directory)
        now_ms = clock.now_ms()
        shop = DemoShop(seed=seed, start_ms=now_ms - int(days * DAY_MS), orders_per_hour=orders_per_hour)
        spans = (now_ms,) if past_only else (now_ms, now_ms + _AHEAD_MS)
        told = _Teller(now_ms)
        with (
            (directory / "demo-truth.csv").open("w", newline="") as truth,
            Sender(
                url,
                key,
                clock=clock,
                random=Random(seed),  # noqa: S311 (jitter)
            ) as sender,
        ):
            _stop_on_signal(sender)  # before anybody is told of it, so that it ends cleanly from then on
            _welcome(url, key, directory, password)
            click.echo(f"sending the shop's last {days:g} days over HTTP …", err=True)
            try:
                for until_ms in spans:
                    for event, reply in perform(shop, sender, clock=clock, until_ms=until_ms):
                        told.hear(event, reply, truth)
                    truth.flush()
                    told.sum_up()  # at the end of the past, not when the shop's next event comes
            except SendingStopped:
                if not sender.stop.is_set():
                    raise
        told.sum_up()


class _Teller:
    """Says what happens: how far the past is, each red order, and at the end of the past how well the scores did."""

    def __init__(self, present_ms: int) -> None:
        self._present_ms = present_ms
        self._heard = 0
        self._red: set[object] = set()
        self._scores: dict[str, tuple[int, str]] = {}
        self._summed = False

    def hear(self, event: SimEvent, reply: Reply, truth: IO[str]) -> None:
        self._heard += 1
        if reply.status != 200:
            raise FourthwatchError(f"the server answered {reply.status} to {event.event}: {reply.told}")
        if event.truth is not None:
            order_id = str(event.body["_orderId"])
            csv.writer(truth).writerow((order_id, event.truth))
            self._scores[order_id] = (int(str(reply.body["score"])), event.truth)
        if event.at_ms >= self._present_ms:
            self.sum_up()
        if reply.body.get("flag") == "red":
            self._show(event, reply.body, live=event.at_ms >= self._present_ms)
        if self._heard % _SAY_EVERY == 0 and not self._summed:
            past_h = max(0, self._present_ms - event.at_ms) / HOUR_MS
            click.echo(f"{self._heard:,} events sent, {past_h:,.0f} hours of the past to go", err=True)

    def _show(self, event: SimEvent, body: dict[str, Any], *, live: bool) -> None:
        """The first red order, then those of the present, each once: the past has too many."""
        order_id = event.body.get("_orderId")
        if order_id in self._red or (self._red and not live):
            return
        self._red.add(order_id)
        reasons = [f"{row['display_name']}: {row['value']}" for row in body["reasons"] if row["flag"] == "red"]
        name = "first red order" if len(self._red) == 1 else "red order"
        why = "; ".join(reasons[:_REASONS_SHOWN])
        click.echo(f"{name} {order_id}: score {body['score']}, {body['verdict']} ({why})")

    def sum_up(self) -> None:
        if self._summed or not self._scores:
            return
        self._summed = True
        scores = [score for score, _ in self._scores.values()]
        bad = [truth != ORDINARY for _, truth in self._scores.values()]
        worth = auc(scores, bad)
        rings = Counter(truth for _, truth in self._scores.values() if truth != ORDINARY)
        click.echo(
            f"{counted(self._heard, 'event')}, {counted(len(scores), 'order')}, "
            f"{sum(bad):,} of them from rings ({_listed(rings)}); "
            f"AUC of the scores {'unknown' if worth is None else f'{worth:.3f}'}"
        )
        click.echo("from here on the shop lives at its own pace; Ctrl-C stops it", err=True)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


@contextmanager
def _server(directory: Path, listen: str) -> Iterator[str]:
    """A server in a process of its own, as in production; stopped at the end."""
    program = shutil.which("fourthwatch", path=str(Path(sys.executable).parent)) or "fourthwatch"
    command = [program, "serve", "--data", str(directory), "--listen", listen]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603 (our own program)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith("listening on "):
            raise FourthwatchError("the server did not start; what it said stands above")
        yield line.removeprefix("listening on ").strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()


def _free(listen: str) -> str:
    """The address, or one with a free port when it is taken."""
    host, port = split_address(listen)
    if why_not_free(host, port) is None:
        return listen
    click.echo(f"port {port} is taken; using a free one", err=True)
    return f"{listen.rpartition(':')[0]}:0"


def _key(directory: Path) -> str:
    keys = KeyStore(directory, SystemClock())
    try:
        return keys.create("demo", ("ingest", "read"))
    finally:
        keys.close()


def _administrator(directory: Path) -> str:
    """The demo's own administrator, with a new password each time: the demo's data is nobody's secret."""
    users = UserStore(directory, SystemClock())
    try:
        user = users.named(_ADMINISTRATOR) or users.add(FIRST_TENANT, _ADMINISTRATOR, "admin")
        password = secrets.token_urlsafe(12)
        users.set_password(user, hash_password(password))
    finally:
        users.close()
    return password


def _welcome(url: str, key: str, directory: Path, password: str) -> None:
    body = '{"_userId": "you", "_orderId": "try-1", "_amount": "49.90", "_currencyCode": "INR"}'
    click.echo(f"address  {url}\nkey      {key}\ndocs     {url}/docs\ndata     {directory}")
    click.echo(f"console  {url}/console\nsign in  {_ADMINISTRATOR} with {password}\ntry")
    click.echo(f"  curl -s -X POST {url}/event/v1/createOrder -H 'X-THIRDWATCH-API-KEY: {key}' -d '{body}'")


def _stop_on_signal(sender: Sender) -> None:
    """On a thread: a handler may run while this one holds the lock inside the event, and would wait for it for ever."""
    heard, told = os.pipe()

    def stop() -> None:
        os.read(heard, 1)
        sender.stop.set()

    def tell(_number: int, _frame: object) -> None:
        os.write(told, b"x")

    threading.Thread(target=stop, name="signals", daemon=True).start()
    signal.signal(signal.SIGINT, tell)
    signal.signal(signal.SIGTERM, tell)
