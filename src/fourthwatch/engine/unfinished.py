"""What a stop left undone behind decisions that are durable: found at a start, so that nothing is lost in a crash.

An order whose decision was put off in part is due until our own event about it is there; what a rule wants put into a
list is due until the list was edited about it, by the rule or by a person who knew better; a label or a tag until it
is told. What a rule wants queued or told outside is in the transaction of the decision, and so never undone.
"""

from pathlib import Path

import msgspec

from fourthwatch.engine.again import key_of_again, order_of
from fourthwatch.engine.identity import own_identity
from fourthwatch.engine.leaving_out import leaving_out
from fourthwatch.engine.roster import Roster
from fourthwatch.engine.subjects import Subjects
from fourthwatch.engine.tagging import is_tag_wanted
from fourthwatch.engine.walk import DONE_BEHIND, Walk, Wish
from fourthwatch.errors import NotFound
from fourthwatch.features.list_types import forms_read
from fourthwatch.rules.rule import Action
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.lists import ListReader


class Unfinished(msgspec.Struct, frozen=True):
    """What is to be done yet, oldest first."""

    degraded: list[EventRow]
    """Events about orders of whose decision something was put off."""
    wishes: list[Wish]


class _Detail(msgspec.Struct):
    degraded: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()


_detail = msgspec.json.Decoder(_Detail)


def key_of_label(seq: int, label: str) -> str:
    """The key under which what a rule said of the order of an event is told once."""
    return f"rule {seq} label {label}"


def unfinished(walk: Walk, roster: Roster, directory: Path, after_seq: int, until_seq: int) -> Unfinished:
    """Looks at the decisions behind a position, up to another; one that cannot be looked at is left out."""
    ledger = walk.ledger
    subjects = Subjects(ledger, walk.windows)  # its own: an older order must not take the place of a newer one
    left, wishes = Unfinished([], []), list[Wish]()
    reader = ListReader(directory)
    try:
        for seq in ledger.decided_with_more(after_seq, until_seq):
            with leaving_out("unfinished", seq):
                event, made = ledger.stored(seq)
                assert made is not None
                detail = _detail.decode(made.detail)
                if detail.degraded and order_of(event) is not None:
                    again = own_identity(key_of_again(event.event_id))
                    if ledger.find(event.tenant, again) is None:
                        left.degraded.append(event)
                wanted = [one for one in detail.actions if one.do in DONE_BEHIND]
                if wanted:
                    subject = subjects.stored(event).subject
                    wishes += [(subject, one) for one in wanted]
        for wish in wishes:
            with leaving_out(wish[1].do, wish[0].seq):
                if _is_due(wish, walk, roster, reader):
                    left.wishes.append(wish)
    finally:
        reader.close()
    return left


def _is_due(wish: Wish, walk: Walk, roster: Roster, reader: ListReader) -> bool:
    subject, action = wish
    if action.do == "label":
        is_told = walk.ledger.find(subject.tenant, own_identity(key_of_label(subject.seq, action.to))) is not None
        return subject.event.order_id is not None and not is_told
    if action.do == "tag":
        return is_tag_wanted(walk.ledger, subject, action)
    try:
        row = roster.row(subject.tenant, action.to)
    except NotFound:
        return False
    forms = forms_read(row.type, action.thing)
    return forms is not None and not any(reader.is_edited_after(row.id, one, subject.seq) for one in forms(subject))
