"""What follows a decision that is durable: entries of lists, labels, and the same decision in full.

Each is done once for a decision, however often it is asked for.
"""

from collections.abc import Iterator, Sequence

from fourthwatch.clock import Clock
from fourthwatch.engine.again import in_full
from fourthwatch.engine.flight import NOBODY, Edit, Ticket
from fourthwatch.engine.labels import LABEL_EVENT
from fourthwatch.engine.listing import listed
from fourthwatch.engine.roster import Roster
from fourthwatch.engine.unfinished import Unfinished, key_of_label
from fourthwatch.engine.walk import Submission, Taken, Wish
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.wire.decode import decode_document
from fourthwatch.wire.reply import encode


def following(
    left: Taken | Unfinished, roster: Roster, clock: Clock
) -> tuple[list[Edit], list[tuple[Submission, Ticket]]]:
    """The edits, and the events, that bring it about."""
    return listed(left.wishes, roster, clock), [*in_full(left.degraded, clock), *_labelled(left.wishes, clock)]


def _labelled(wishes: Sequence[Wish], clock: Clock) -> Iterator[tuple[Submission, Ticket]]:
    """What rules say is true of orders: the lowest of all sources."""
    for subject, action in wishes:
        if action.do != "label":
            continue
        told = {"label": action.to, "source": "rule"}
        body = {"_orderId": subject.event.order_id, "_eventName": LABEL_EVENT, "_customInfo": told}
        now_ms = clock.now_ms()
        decoded = decode_document(body, encode(body), KIND_OF_NAME["custom_event"], now_ms)
        submission = Submission(
            tenant=subject.tenant, decoded=decoded, received_ms=now_ms,
            idempotency_key=key_of_label(subject.seq, action.to), is_bulk=True, is_own=True,
        )  # fmt: skip
        yield submission, NOBODY
