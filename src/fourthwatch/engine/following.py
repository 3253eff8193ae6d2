"""What follows a decision that is durable: entries of lists, labels, tags, and the same decision in full.

Each is done once for a decision, however often it is asked for.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from fourthwatch.clock import Clock
from fourthwatch.engine.again import KNOWN_IDS, in_full
from fourthwatch.engine.flight import NOBODY, Edit, Ticket
from fourthwatch.engine.labels import LABEL_EVENT
from fourthwatch.engine.listing import listed
from fourthwatch.engine.roster import Roster
from fourthwatch.engine.tagging import is_tag_wanted, key_of_tag, tag_body
from fourthwatch.engine.unfinished import Unfinished, key_of_label
from fourthwatch.engine.walk import Submission, Taken, Wish
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.rules.rule import Action
from fourthwatch.store.ledger import Ledger
from fourthwatch.wire.decode import decode_document
from fourthwatch.wire.reply import encode


def following(
    left: Taken | Unfinished, roster: Roster, ledger: Ledger, clock: Clock
) -> tuple[list[Edit], list[tuple[Submission, Ticket]]]:
    """The edits, and the events, that bring it about."""
    events = [*in_full(left.degraded, clock), *_labelled(left.wishes, clock), *_tagged(left.wishes, ledger, clock)]
    return listed(left.wishes, roster, clock), events


def _labelled(wishes: Sequence[Wish], clock: Clock) -> Iterator[tuple[Submission, Ticket]]:
    """What rules say is true of orders: the lowest of all sources."""
    for subject, action in wishes:
        if action.do == "label" and subject.event.order_id is not None:
            told = {"label": action.to, "source": "rule"}
            body = {"_orderId": subject.event.order_id, "_eventName": LABEL_EVENT, "_customInfo": told}
            yield _told(subject.tenant, "custom_event", body, key_of_label(subject.seq, action.to), clock), NOBODY


def _tagged(wishes: Sequence[Wish], ledger: Ledger, clock: Clock) -> Iterator[tuple[Submission, Ticket]]:
    """The same of users: each tag once, however many of their orders were decided together."""
    tagged: set[tuple[int, str | None, Action]] = set()
    for subject, action in wishes:
        one = (subject.tenant, subject.involved.user, action)
        if action.do == "tag" and one not in tagged and is_tag_wanted(ledger, subject, action):
            tagged.add(one)
            body = tag_body(subject, action)
            yield _told(subject.tenant, "tag", body, key_of_tag(subject.seq, action.to), clock), NOBODY


def _told(tenant: int, kind: str, body: dict[str, Any], key: str, clock: Clock) -> Submission:
    """An event of our own, which happens once under its key."""
    now_ms = clock.now_ms()
    decoded = decode_document(body, encode(body), KIND_OF_NAME[kind], now_ms, keep=KNOWN_IDS)
    return Submission(
        tenant=tenant, decoded=decoded, received_ms=now_ms, idempotency_key=key, is_bulk=True, is_own=True
    )
