"""What follows a decision that is durable: entries of lists, labels, tags, and the same decision in full.

Each is done once for a decision, however often it is asked for, and left out by itself when it cannot be done.
"""

from typing import Any

from fourthwatch.clock import Clock
from fourthwatch.engine.again import KNOWN_IDS, in_full
from fourthwatch.engine.flight import NOBODY, Edit, Ticket
from fourthwatch.engine.labels import LABEL_EVENT
from fourthwatch.engine.leaving_out import leaving_out
from fourthwatch.engine.listing import listed
from fourthwatch.engine.roster import Roster
from fourthwatch.engine.tagging import is_tag_wanted, key_of_tag, tag_body
from fourthwatch.engine.unfinished import Unfinished, key_of_label
from fourthwatch.engine.walk import Submission, Taken
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.features.subject import Subject
from fourthwatch.rules.rule import Action
from fourthwatch.store.ledger import Ledger
from fourthwatch.wire.decode import decode_document
from fourthwatch.wire.reply import encode


def following(
    left: Taken | Unfinished, roster: Roster, ledger: Ledger, clock: Clock
) -> tuple[list[Edit], list[tuple[Submission, Ticket]]]:
    """The edits, and the events, that bring it about."""
    events: list[Submission] = []
    tagged: set[tuple[int, str | None, Action]] = set()
    for event in left.degraded:
        with leaving_out("again", event.seq):
            events.append(in_full(event, clock))
    for subject, action in left.wishes:
        with leaving_out(action.do, subject.seq):
            one = (subject.tenant, subject.involved.user, action)
            if action.do == "label" and subject.event.order_id is not None:
                events.append(_labelled(subject, action, clock))
            elif action.do == "tag" and one not in tagged and is_tag_wanted(ledger, subject, action):
                events.append(_tagged(subject, action, clock))
                tagged.add(one)  # once, however many of the user's orders were decided together
    return listed(left.wishes, roster, clock), [(event, NOBODY) for event in events]


def _labelled(subject: Subject, action: Action, clock: Clock) -> Submission:
    """What a rule says is true of an order: the lowest of all sources."""
    told = {"label": action.to, "source": "rule"}
    body = {"_orderId": subject.event.order_id, "_eventName": LABEL_EVENT, "_customInfo": told}
    return _told(subject.tenant, "custom_event", body, key_of_label(subject.seq, action.to), clock)


def _tagged(subject: Subject, action: Action, clock: Clock) -> Submission:
    """The same of a user."""
    return _told(subject.tenant, "tag", tag_body(subject, action), key_of_tag(subject.seq, action.to), clock)


def _told(tenant: int, kind: str, body: dict[str, Any], key: str, clock: Clock) -> Submission:
    """An event of our own, which happens once under its key."""
    now_ms = clock.now_ms()
    decoded = decode_document(body, encode(body), KIND_OF_NAME[kind], now_ms, keep=KNOWN_IDS)
    return Submission(
        tenant=tenant, decoded=decoded, received_ms=now_ms, idempotency_key=key, is_bulk=True, is_own=True
    )
