"""`/api/v1/labels`, and the labels of an order and a user: what is true of them, apart from what was decided.

A label that a person gives enters the ledger as an event, so it counts, is replayed, and is never overwritten.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.bodies import failed, faults_of_shape, refuse
from fourthwatch.api.changes import Asked, Changes, Made, json_reply
from fourthwatch.api.intake import Intake
from fourthwatch.clock import Clock, iso_ms
from fourthwatch.engine.identity import ORDER_KINDS
from fourthwatch.engine.labels import (
    LABEL_EVENT,
    ORDER_LABEL_KINDS,
    USER_LABEL_KINDS,
    Telling,
    outcome_of,
    standing_of,
    tellings_of,
    truth_of,
)
from fourthwatch.errors import Fault, NotFound
from fourthwatch.events import KIND_OF_NAME, KIND_OF_NUMBER
from fourthwatch.limits import LABELLING_EVENTS_MAX, LIST_NOTE_CHARS_MAX, TEXT_ID_MAX
from fourthwatch.store.ledger import EventRow
from fourthwatch.store.reader import LedgerReader, order_subject, user_subject
from fourthwatch.wire.decode import decode_document, read_stored
from fourthwatch.wire.reply import encode

_STATES = {"rto": "_rto", "returned": "_returned", "fulfilled": "_fulfilled"}
_CHARGEBACKS = {"chargeback": "_received", "chargeback_lost": "_lost", "chargeback_won": "_won"}
_CONFIRMED = ("fraud", "good", "none")
_OF_USER = ("bad", "good", "none")


class LabelChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a person, or a bank's file, says is true."""

    label: str
    """Of an order: fraud, good, none (takes fraud or good back), chargeback, chargeback_lost, chargeback_won, rto,
    returned, fulfilled. Of a user: bad, good, none."""
    order_id: str | None = None
    """This or user_id."""
    user_id: str | None = None
    abuse_type: str | None = None
    """Of a user's label; without it the label is a general one, and none takes all back."""
    reason: str | None = None
    author: str | None = None
    """Who; the id of the key when nobody is named."""


class LabelView(msgspec.Struct, frozen=True):
    """One word on an order or user."""

    kind: str
    """chargeback, confirmed, tag, rto or returned."""
    value: bool | None
    """Bad, or that it came back; false is good, or that it did not; null took back what was told before."""
    source: str
    """bank, analyst, shop or rule."""
    author: str | None
    reason: str | None
    abuse_type: str | None
    event_id: str
    """The event that told it."""
    occurred_at: str
    """By the teller's clock."""
    arrived_at: str
    """When it could be known."""
    stands: bool
    """Whether no newer word of the same kind and source replaced it."""


class DecidedOrderView(msgspec.Struct, frozen=True):
    """What was decided, which is no label."""

    verdict: str
    score: int
    event_id: str
    decided_at: str


class OrderLabelsView(msgspec.Struct, frozen=True):
    """What is known to be true of an order."""

    order_id: str
    user_id: str | None
    is_fraud: bool | None
    """By the source that stands over the others: bank, analyst, shop, rule. Null: nobody has said."""
    by: LabelView | None
    """The label that says so."""
    outcome: str | None
    """rto, returned or fulfilled, as far as it was told."""
    decision: DecidedOrderView | None
    labels: tuple[LabelView, ...]
    """All that was told of the order and its user, in the newest 1,000 events of either, oldest first."""


class UserLabelsView(msgspec.Struct, frozen=True):
    """What is known to be true of a user."""

    user_id: str
    is_bad: bool | None
    """By the source that stands over the others; null: nobody has said, or it was taken back."""
    by: LabelView | None
    labels: tuple[LabelView, ...]
    """All that was told in the newest 1,000 events, oldest first."""


class LabelledView(msgspec.Struct, frozen=True):
    """A label that was taken."""

    event_id: str
    order: OrderLabelsView | None
    user: UserLabelsView | None


class Labels:
    """Handlers of labels."""

    def __init__(self, changes: Changes, intake: Intake, reader: LedgerReader, clock: Clock) -> None:
        self._changes = changes
        self._intake = intake
        self._reader = reader
        self._clock = clock

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/labels", self.label, methods=["POST"]),
            Route("/api/v1/orders/{order_id:path}/labels", self.of_order, methods=["GET"]),
            Route("/api/v1/users/{user_id:path}/labels", self.of_user, methods=["GET"]),
        ]

    async def of_order(self, request: Request) -> Response:
        """What is known of an order."""
        caller = self._changes.caller(request, "read")
        return json_reply(self._order(caller.tenant, request.path_params["order_id"]))

    async def of_user(self, request: Request) -> Response:
        """What is known of a user; empty for one of whom nobody said anything."""
        caller = self._changes.caller(request, "read")
        return json_reply(self._user(caller.tenant, request.path_params["user_id"]))

    async def label(self, request: Request) -> Response:
        """Say what is true of an order or a user."""

        async def make(asked: Asked) -> Made:
            caller, choice = asked.caller, _choice(asked.document, asked.caller.key_id)
            if choice.order_id is not None and self._placed(caller.tenant, choice.order_id) is None:
                raise NotFound("there is no order with this id")
            name, body = _event_of(choice)
            received_ms = self._clock.now_ms()
            keep = self._intake.number_fields
            decoded = decode_document(body, encode(body), KIND_OF_NAME[name], received_ms, keep=keep)
            answer = await self._intake.submit(caller, decoded, received_ms, asked.key, is_spoken=True)
            order = None if choice.order_id is None else self._order(caller.tenant, choice.order_id)
            user = None if choice.user_id is None else self._user(caller.tenant, choice.user_id)
            event_id = answer.receipt.event_id
            return Made(
                change=None, view=LabelledView(event_id, order, user), status=201, is_repeat=answer.replayed,
                headers={"Location": f"/api/v1/events/{event_id}"},
            )  # fmt: skip

        return await self._changes.take_apart(request, "manage", make)

    def _placed(self, tenant: int, order_id: str) -> EventRow | None:
        entry = self._reader.newest_order(tenant, order_id, ORDER_KINDS)
        return None if entry is None else entry.event

    def _order(self, tenant: int, order_id: str) -> OrderLabelsView:
        placed = self._placed(tenant, order_id)
        rows = self._about(tenant, order_subject(order_id), ORDER_LABEL_KINDS)
        if placed is None and not rows:
            raise NotFound("there is no order with this id")
        user_id = None if placed is None else read_stored(KIND_OF_NUMBER[placed.kind], placed.body).user_id
        if user_id is not None:
            rows += self._about(tenant, user_subject(user_id), USER_LABEL_KINDS)
        tellings = _tellings(rows)
        standing = standing_of(tellings)
        truth = truth_of(standing)
        entry = self._reader.newest_decision(tenant, order_id)
        decision = None
        if entry is not None and entry.decision is not None:
            made, event = entry.decision, entry.event
            decision = DecidedOrderView(made.verdict, made.score, event.event_id, iso_ms(event.received_ms))
        views = {id(one): _view(one, stands=one in standing) for one in tellings}
        return OrderLabelsView(
            order_id=order_id,
            user_id=user_id,
            is_fraud=None if truth is None else truth.value,
            by=None if truth is None else views[id(truth)],
            outcome=outcome_of(standing),
            decision=decision,
            labels=tuple(views.values()),
        )

    def _user(self, tenant: int, user_id: str) -> UserLabelsView:
        tellings = _tellings(self._about(tenant, user_subject(user_id), USER_LABEL_KINDS))
        standing = standing_of(tellings)
        truth = truth_of(standing)
        return UserLabelsView(
            user_id=user_id,
            is_bad=None if truth is None else truth.value,
            by=None if truth is None else _view(truth, stands=True),
            labels=tuple(_view(one, stands=one in standing) for one in tellings),
        )

    def _about(self, tenant: int, subject: str, kinds: tuple[int, ...]) -> list[EventRow]:
        return self._reader.of_kinds(tenant, subject, kinds, LABELLING_EVENTS_MAX)


def _tellings(rows: Sequence[EventRow]) -> list[Telling]:
    found: list[Telling] = []
    for row in sorted(rows, key=lambda row: row.seq):
        found += tellings_of(row, read_stored(KIND_OF_NUMBER[row.kind], row.body, from_go=row.from_go))
    return found


def _view(one: Telling, *, stands: bool) -> LabelView:
    return LabelView(
        kind=one.kind, value=one.value, source=one.source, author=one.author, reason=one.reason,
        abuse_type=one.abuse_type, event_id=one.row.event_id, occurred_at=iso_ms(one.row.occurred_ms),
        arrived_at=iso_ms(one.row.received_ms), stands=stands,
    )  # fmt: skip


def _choice(document: dict[str, Any], key_id: str) -> LabelChoice:
    faults = faults_of_shape(document, LabelChoice)
    for key, value in document.items():
        longest = TEXT_ID_MAX if key in ("order_id", "user_id") else LIST_NOTE_CHARS_MAX
        if value is None or isinstance(value, str):
            holds = value is not None and len(value.strip()) > 0 and len(value) <= longest
            faults += failed([(f"/{key}", holds, f"{key} is a text of 1 to {longest} characters")])
    if ("order_id" in document) == ("user_id" in document):
        faults.append(Fault("", "missing_key", "say either order_id or user_id"))
    words = (*_CONFIRMED, *_CHARGEBACKS, *_STATES) if "order_id" in document else _OF_USER
    faults += failed([
        ("/label", document.get("label", words[0]) in words, "label is one of " + ", ".join(words)),
        ("/abuse_type", "abuse_type" not in document or "user_id" in document, "abuse_type belongs to a user's label"),
    ])  # fmt: skip
    refuse(faults)
    return LabelChoice(**{"author": key_id, **document})


def _event_of(choice: LabelChoice) -> tuple[str, dict[str, Any]]:
    """The kind of event that says it, and its body."""
    label = choice.label
    if choice.user_id is not None:
        told = {"_userId": choice.user_id, "_analyst": choice.author, "_source": "_manualReview"}
        if choice.abuse_type is not None:
            told["_abuseType"] = choice.abuse_type
        if label == "none":
            told.pop("_source")
            return "untag", dict(told)
        if choice.reason is not None:
            told["_description"] = choice.reason
        return "tag", {**told, "_isBad": label == "bad"}
    about: dict[str, Any] = {"_orderId": choice.order_id}
    if label in _CHARGEBACKS:
        return "chargeback", {
            **about, "_chargebackState": _CHARGEBACKS[label],
            **({} if choice.reason is None else {"_chargebackReason": choice.reason}),
        }  # fmt: skip
    if label in _STATES:
        said = {} if choice.reason is None else {"_description": choice.reason}
        return "order_status", {**about, "_orderStatus": _STATES[label], "_analyst": choice.author, **said}
    info = {"label": label, "source": "analyst", "author": choice.author}
    if choice.reason is not None:
        info["reason"] = choice.reason
    return "custom_event", {**about, "_eventName": LABEL_EVENT, "_customInfo": info}
