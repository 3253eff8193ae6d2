"""When two submissions are one event, so that a retry has no second effect; kept for as long as the event.

In this order: the sender's `Idempotency-Key`; content and sender's time; for what sets a state without saying when, the
same content as the newest of its kind about the same order or user. What is left (an untimed login, say) is a new event
each time it is sent.
"""

import hashlib

import msgspec

from fourthwatch.events import (
    CreateOrder,
    CustomEvent,
    Event,
    Kind,
    LinkSessionToUser,
    Tag,
    Untag,
    UpdateAccount,
    UpdateOrder,
)
from fourthwatch.events.kinds import KIND_OF_NAME, KIND_OF_TYPE
from fourthwatch.store.ledger import OWN_IDENTITY
from fourthwatch.store.reader import order_subject, user_subject
from fourthwatch.wire.decode import Decoded

IDENTITY_BYTES = 16

ORDER_KINDS = tuple(sorted(KIND_OF_TYPE[kind].number for kind in (CreateOrder, UpdateOrder)))
_TAG_KINDS = tuple(sorted(KIND_OF_TYPE[kind].number for kind in (Tag, Untag)))
_ACCOUNT_KINDS = tuple(sorted((KIND_OF_NAME["create_account"].number, KIND_OF_TYPE[UpdateAccount].number)))
_OF_USER = {*_TAG_KINDS, *_ACCOUNT_KINDS, KIND_OF_TYPE[LinkSessionToUser].number}

# First byte of an identity: a time in milliseconds keeps it at 0 or 1 until the year 10889.
_BY_KEY = b"\xff"
_BY_NONCE = b"\xfe"
TIMED_BELOW = b"\x02"
"""Identities that begin with the sender's time sort below this, all others above it."""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """How a submission is recognised."""

    exact: bytes | None
    """Looked up as it is; begins with the time so that new ones stand together in the index."""
    family: tuple[int, ...] = ()
    """Without `exact`: the kinds whose newest event about the subject would be this one again."""
    by_key: bool = False
    """Given by the sender, so that other content under it is a conflict."""


def subject_of(kind: Kind, event: Event) -> str | None:
    """The order or user whose state the event sets or shows."""
    if event.order_id is not None:
        return order_subject(event.order_id)
    if kind.number in _OF_USER and event.user_id is not None:
        return user_subject(event.user_id)
    return None


def sets_a_state(kind: Kind, *, has_order: bool, has_user: bool) -> bool:
    """Whether an event without a time is known again by the state of an order or a user that it sets."""
    return kind.type is not CustomEvent and (has_order or (has_user and kind.number in _OF_USER))


def identity_of(decoded: Decoded, idempotency_key: str | None, is_own: bool = False) -> Identity:
    """How this submission is to be recognised; one of our own never by what others may send."""
    if is_own:
        return _own_identity(decoded, idempotency_key)
    if idempotency_key is not None:
        digest = hashlib.blake2b(idempotency_key.encode("utf-8", "surrogatepass"), digest_size=IDENTITY_BYTES - 1)
        return Identity(_BY_KEY + digest.digest(), by_key=True)
    if decoded.sent_ms is not None:
        return Identity(decoded.sent_ms.to_bytes(6, "big") + decoded.fingerprint[: IDENTITY_BYTES - 6])
    if subject_of(decoded.kind, decoded.event) is not None and decoded.kind.type is not CustomEvent:
        return Identity(None, _family(decoded.kind.number))
    return Identity(None)


def fresh_identity(nonce: bytes, *, is_own: bool = False) -> bytes:
    """The identity of an event that no later submission repeats by identity alone."""
    return ((OWN_IDENTITY if is_own else _BY_NONCE) + nonce).ljust(IDENTITY_BYTES, b"\0")


def own_identity(key: str) -> bytes:
    """The identity of an event of our own that happens once under this key."""
    return OWN_IDENTITY + _digest(b"key " + key.encode("utf-8", "surrogatepass"))


def _own_identity(decoded: Decoded, key: str | None) -> Identity:
    if key is not None:
        return Identity(own_identity(key), by_key=True)
    if decoded.sent_ms is None:
        stands = subject_of(decoded.kind, decoded.event) is not None and decoded.kind.type is not CustomEvent
        return Identity(None, _family(decoded.kind.number)) if stands else Identity(None)
    return Identity(OWN_IDENTITY + _digest(b"time %d " % decoded.sent_ms + decoded.fingerprint))


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=IDENTITY_BYTES - 1).digest()


def _family(number: int) -> tuple[int, ...]:
    for family in (ORDER_KINDS, _TAG_KINDS, _ACCOUNT_KINDS):
        if number in family:
            return family
    return (number,)
