"""Tags that rules put on users: a `tag` event of our own, which counts as a rule's word and stands below every other.

It is no ground truth: features, training and insights hear of what people and shops tell, not of what a rule thinks.
"""

from typing import Any

from fourthwatch.engine.labels import USER_LABEL_KINDS, is_rules_word
from fourthwatch.errors import LedgerUnreadable
from fourthwatch.events import KIND_OF_NUMBER, RULE_SOURCE, Event, Tag, Untag
from fourthwatch.features.subject import Subject
from fourthwatch.limits import LABELLING_EVENTS_MAX
from fourthwatch.logs import log
from fourthwatch.rules.rule import GOOD, Action
from fourthwatch.store.ledger import EventRow, Ledger
from fourthwatch.store.reader import user_subject
from fourthwatch.wire.decode import read_stored


def key_of_tag(seq: int, tag: str) -> str:
    """The key under which what a rule says of the user of an event is told once."""
    return f"rule {seq} tag {tag}"


def tag_body(subject: Subject, action: Action) -> dict[str, Any]:
    """Of the event, about a subject whose user is known."""
    return {
        "_userId": subject.involved.user, "_isBad": action.thing != GOOD, "_abuseType": action.to,
        "_source": RULE_SOURCE,
    }  # fmt: skip


def is_tag_wanted(ledger: Ledger, subject: Subject, action: Action) -> bool:
    """Whether a rule's tag would say something new, and is said over nobody.

    A tag of a person or a shop stands over it; one that was taken off, or given, after the decision knew better.
    """
    user = subject.involved.user
    if user is None:
        return False
    try:
        rows = ledger.newest_about(subject.tenant, user_subject(user), USER_LABEL_KINDS, LABELLING_EVENTS_MAX)
    except LedgerUnreadable as damage:  # whose word stands cannot be known: none is said over it
        log.error("stored_event_unreadable", reason=str(damage), do="run fourthwatch doctor, then restore a backup")
        return False
    for row in rows:
        event = _event(row)
        if isinstance(event, Untag) and event.abuse_type in (None, action.to):
            return row.seq < subject.seq
        if isinstance(event, Tag) and event.abuse_type == action.to:
            is_bad = action.thing != GOOD
            return is_rules_word(event, is_own=row.is_own) and event.is_bad is not is_bad and row.seq < subject.seq
    return True


def _event(row: EventRow) -> Event:
    return read_stored(KIND_OF_NUMBER[row.kind], row.body, from_go=row.from_go)
