"""Which events are a person's: those that name the user, their sessions' and their orders'."""

from collections.abc import Iterable
from pathlib import Path

from fourthwatch.events import KIND_OF_NUMBER, Event
from fourthwatch.store.erasure import Erasure
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import LedgerReader, order_subject, user_subject
from fourthwatch.wire.decode import read_stored


def events_of(directory: Path, tenant: int, user_id: str) -> Erasure:
    """Everything of a user in the ledger; looks through all of it twice.

    Of a session what others did in it under their own names is theirs. Orders are the user's that one of the user's
    events or sessions submitted or named, unless it names somebody else.
    """
    reader = LedgerReader(directory)
    try:
        sessions, orders = _theirs(reader.export(tenant), user_id)
        seqs = tuple(row.seq for row in reader.export(tenant) if _is_theirs(_event(row), user_id, sessions, orders))
    finally:
        reader.close()
    if not seqs:
        return Erasure(tenant, (), ())
    subjects = (user_subject(user_id), *map(order_subject, sorted(orders)))
    return Erasure(tenant, seqs, subjects)


def _theirs(rows: Iterable[EventRow], user_id: str) -> tuple[set[str], set[str]]:
    """Sessions and orders; a session is theirs from its first event on, also those before it was linked."""
    sessions: set[str] = set()
    events = [(event.user_id, event.session_id, event.order_id) for event in map(_event, rows)]
    for user, session, _ in events:
        if user == user_id and session is not None:
            sessions.add(session)
    orders = {
        order
        for user, session, order in events
        if order is not None and (user == user_id or (_is_nobody(user, sessions) and session in sessions)
                                  or user in sessions)
    }  # fmt: skip
    others = {
        order
        for user, _, order in events
        if order is not None and user is not None and user != user_id and user not in sessions
    }
    return sessions, orders - others


def _is_theirs(event: Event, user_id: str, sessions: set[str], orders: set[str]) -> bool:
    user = event.user_id
    if user == user_id or user in sessions:
        return True
    if event.order_id in orders:
        return True
    return user is None and event.session_id in sessions


def _is_nobody(user: str | None, sessions: set[str]) -> bool:
    return user is None or user in sessions


def _event(row: EventRow) -> Event:
    return read_stored(KIND_OF_NUMBER[row.kind], row.body, from_go=row.from_go)
