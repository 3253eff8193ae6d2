"""Deciding an order again in full, after something of its decision was put off: an event like any other, about it.

So it is in the ledger, is what the score API shows from then on, and tells the shop when the verdict is another one.
"""

from collections.abc import Sequence

from fourthwatch.clock import Clock, Millis
from fourthwatch.engine.flight import NOBODY, Ticket
from fourthwatch.engine.labels import LABEL_EVENT
from fourthwatch.engine.walk import Submission
from fourthwatch.events import KIND_OF_NAME, KIND_OF_NUMBER
from fourthwatch.store.ledger import EventRow
from fourthwatch.wire.decode import decode_document, read_stored
from fourthwatch.wire.reply import encode

AGAIN = "order_decided_again"
"""Name of the event; `event_id` in its fields is the one whose decision was put off in part."""
NOTE = "note"
"""Name of the event by which somebody at the console leaves word about an order."""
OWN_NAMES = frozenset({AGAIN, LABEL_EVENT, NOTE})
"""Names of our own events. One of these from a shop's key is kept as an event of the shop's, and is not ours."""


KNOWN_IDS = frozenset({"_orderId", "_userId"})
"""Keys whose values our own events take from stored ones: what of them had to be masked, is."""


def key_of_again(event_id: str) -> str:
    """The key under which the event that decides it again happens once."""
    return f"again {event_id}"


def in_full(event: EventRow, clock: Clock) -> Submission:
    """For an event on which something was put off, the one that brings its full decision about."""
    return _again(event, key_of_again(event.event_id), clock.now_ms())


def decided_again(events: Sequence[EventRow], clock: Clock, why: str) -> list[tuple[Submission, Ticket]]:
    """For each event about an order one that decides it once more by what judges now; once for each `why`."""
    return [
        (_again(event, f"{key_of_again(event.event_id)} {why}", clock.now_ms()), NOBODY)
        for event in events
        if order_of(event) is not None
    ]


def order_of(event: EventRow) -> str | None:
    """Id of the order that a stored event is about."""
    return read_stored(KIND_OF_NUMBER[event.kind], event.body, from_go=event.from_go).order_id


def _again(event: EventRow, key: str, now_ms: Millis) -> Submission:
    body = {"_orderId": order_of(event), "_eventName": AGAIN, "_customInfo": {"event_id": event.event_id}}
    decoded = decode_document(body, encode(body), KIND_OF_NAME["custom_event"], now_ms, keep=KNOWN_IDS)
    return Submission(
        tenant=event.tenant, decoded=decoded, received_ms=now_ms, idempotency_key=key,
        wants_score=True, is_bulk=True, is_own=True,
    )  # fmt: skip
