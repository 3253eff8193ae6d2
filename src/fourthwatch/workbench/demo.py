"""Sends a demo shop's events to a server: what is past as fast as it goes, what is to come when it comes."""

from collections.abc import Generator, Iterator

import msgspec

from fourthwatch.clock import SECOND_MS, Clock
from fourthwatch.workbench.sender import Reply, Sender
from fourthwatch.workbench.simulator import DemoShop, SimEvent
from fourthwatch.workbench.turns import Outgoing, about_of


def perform(
    shop: DemoShop, sender: Sender, *, clock: Clock, until_ms: int
) -> Generator[tuple[SimEvent, Reply], None, None]:
    """Send everything up to `until_ms`, yielding each event with its reply.

    Events before the present leave at once, later ones at their time by `clock`, which must be the machine's.
    So a shop that started three days ago first sends its history and then lives on. Set `sender.stop` to end
    it; raises `SendingStopped` then, and as `Sender.send` does.
    """
    # Wall time may be set while this runs; the shop then goes on at the pace it had.
    offset_s = clock.monotonic_s() - clock.now_ms() / SECOND_MS

    def outgoing() -> Iterator[Outgoing[SimEvent]]:
        for event in shop.events(until_ms):
            body = msgspec.json.encode(event.body)
            yield Outgoing(event, event.event, body, event.at_ms / SECOND_MS + offset_s, about_of(body))

    return sender.send(outgoing())
