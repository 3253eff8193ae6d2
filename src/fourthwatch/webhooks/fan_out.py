"""From what happened to whom to tell: each occasion of the outbox becomes deliveries, or none.

Payloads are made when they are sent, so a delivery that still waits tells what is true then; another is made only when
what has been told is no longer so.
"""

from collections.abc import Sequence

import msgspec

from fourthwatch.clock import SECOND_MS
from fourthwatch.decision import actions_in
from fourthwatch.engine.consequences import analyst_verdict_of
from fourthwatch.engine.standing import analyst_decision, ruled_by
from fourthwatch.events import KIND_OF_NUMBER, Kind, Transaction
from fourthwatch.limits import DELIVERY_LIFE_MS
from fourthwatch.store.deliveries import DeliveryQueue, NewDelivery, delivery_id
from fourthwatch.store.ledger import DecisionRow
from fourthwatch.store.outbox import ANALYST_DECIDED, DECIDED, LABELLED, RULE_FIRED, Occasion
from fourthwatch.store.postbacks import ACTION, POSTBACKS, SCORE
from fourthwatch.store.reader import Entry, LedgerReader, order_subject
from fourthwatch.webhooks.firing import fired_name
from fourthwatch.webhooks.receivers import Key, Receivers
from fourthwatch.wire.decode import read_stored

_GONE = "the receiver answered 410; send it again when it is back"


class Waits(msgspec.Struct, frozen=True):
    """How long the old plugins need until they know an order of their own; contract, section 5."""

    after_payment_s: float = 4.0
    without_payment_s: float = 30.0


class FanOut:
    """Makes deliveries of a batch of occasions."""

    def __init__(self, queue: DeliveryQueue, reader: LedgerReader, waits: Waits) -> None:
        self._queue = queue
        self._reader = reader
        self._waits = waits

    def run(self, occasions: Sequence[Occasion], receivers: Receivers, now_ms: int) -> None:
        """All of them, in one transaction."""
        batch = _Batch(self._queue, self._reader, self._waits, receivers, now_ms)
        for occasion in occasions:
            batch.look_at(occasion)
        self._queue.fan_out(occasions, batch.new, batch.sooner, now_ms)


class _Batch:
    def __init__(
        self, queue: DeliveryQueue, reader: LedgerReader, waits: Waits, receivers: Receivers, now_ms: int
    ) -> None:
        self._queue = queue
        self._reader = reader
        self._waits = waits
        self._receivers = receivers
        self._now_ms = now_ms
        self._scores: dict[tuple[int, str], int] = {}
        """Where in `new` the score postback of an order stands, by tenant and entity."""
        self.new: list[NewDelivery] = []
        self.sooner: list[tuple[int, int]] = []
        """Deliveries that wait, and their new times."""

    def look_at(self, occasion: Occasion) -> None:
        if occasion.type in (DECIDED, ANALYST_DECIDED):
            entry = self._reader.event_at(occasion.tenant, occasion.seq)
            if entry is not None and entry.decision is not None:
                self._decided(occasion, entry, entry.decision)
        elif occasion.type == LABELLED:
            self._tell_endpoints(occasion, "user.labelled")
        elif occasion.type == RULE_FIRED:
            if not self._has_fired_before(occasion):
                self._tell_endpoints(occasion, RULE_FIRED)
        else:
            self._tell_endpoints(occasion, occasion.type)

    def _decided(self, occasion: Occasion, entry: Entry, made: DecisionRow) -> None:
        before = self._reader.decision_before(occasion.tenant, occasion.entity, occasion.seq)
        kind = KIND_OF_NUMBER[entry.event.kind]
        by_hand = analyst_verdict_of(read_stored(kind, entry.event.body, from_go=entry.event.from_go))
        if before is None or (before.score, before.flag, before.verdict) != (made.score, made.flag, made.verdict):
            self._tell_endpoints(occasion, "order.scored")
        if by_hand is not None or (before is not None and before.verdict != made.verdict):
            self._tell_endpoints(occasion, "order.decision_changed")
        self._score_postback(occasion, kind, made, before)
        if occasion.type == ANALYST_DECIDED and by_hand in ("approve", "decline"):
            self._add(occasion, (occasion.tenant, ACTION), ACTION, line=POSTBACKS, wait_ms=0)
        elif _is_new_word_of_a_rule(made, before) and not self._is_decided(occasion):
            wait_ms = int(self._waits.after_payment_s * SECOND_MS)
            self._add(occasion, (occasion.tenant, ACTION), ACTION, line=POSTBACKS, wait_ms=wait_ms)

    def _score_postback(self, occasion: Occasion, kind: Kind, made: DecisionRow, before: DecisionRow | None) -> None:
        """The first a while after the payment, or after a wait for it; another when the flag is no longer the told."""
        key = (occasion.tenant, SCORE)
        if key not in self._receivers.postbacks:
            return
        is_payment = kind.type is Transaction
        wait_s = self._waits.after_payment_s if is_payment else self._waits.without_payment_s
        at_ms = occasion.at_ms + int(wait_s * SECOND_MS)
        order = (occasion.tenant, occasion.entity)
        standing = self._scores.get(order)
        if standing is not None:  # made a moment ago, of an event of the same batch
            if is_payment:
                self.new[standing] = msgspec.structs.replace(self.new[standing], not_before_ms=at_ms)
            return
        told = self._queue.newest_told(*key, occasion.entity)
        if told is None:
            if kind.decided:
                self._add(occasion, key, SCORE, line=POSTBACKS, wait_ms=at_ms - occasion.at_ms)
            return
        number, state, attempts, flag = told
        if state in ("waiting", "queued"):
            if is_payment and attempts == 0:
                self.sooner.append((number, at_ms))
            return
        if state == "parked" and self._receivers.postbacks[key].disabled_ms is None:
            flag = None  # whatever was tried, it did not arrive
        elif state == "sending":  # what is being told is what was true before this event
            flag = None if before is None else before.flag
        if flag != made.flag and not self._is_decided(occasion):
            wait_ms = at_ms - occasion.at_ms if is_payment else 0
            self._add(occasion, key, SCORE, line=POSTBACKS, wait_ms=wait_ms)

    def _has_fired_before(self, occasion: Occasion) -> bool:
        """Whether the decision on this order before wanted the same told: an order is decided at each of its steps."""
        if not occasion.entity.startswith(order_subject("")):
            return False
        before = self._reader.decision_before(occasion.tenant, occasion.entity, occasion.seq)
        name = fired_name(occasion.detail)
        return before is not None and any(one.do == "webhook" and one.to == name for one in actions_in(before.detail))

    def _is_decided(self, occasion: Occasion) -> bool:
        """Whether a person's word on the order stands: then no colour moves it any more."""
        order_id = occasion.entity.partition(":")[2]
        return analyst_decision(self._reader, occasion.tenant, order_id, final=True) is not None

    def _tell_endpoints(self, occasion: Occasion, what: str) -> None:
        for endpoint in self._receivers.endpoints_of.get(occasion.tenant, ()):
            if what in endpoint.types and (endpoint.enabled or endpoint.disabled_ms is not None):
                line = endpoint.id if endpoint.ordering == "entity" else None
                self._add(occasion, (endpoint.tenant, endpoint.id), what, line=line, wait_ms=0)

    def _add(self, occasion: Occasion, key: Key, what: str, *, line: str | None, wait_ms: int) -> None:
        endpoint, address = self._receivers.endpoints.get(key), self._receivers.postbacks.get(key)
        if endpoint is None and address is None:
            return
        is_gone = (endpoint is not None and not endpoint.enabled) or (
            address is not None and address.disabled_ms is not None
        )
        if what == SCORE:
            self._scores[occasion.tenant, occasion.entity] = len(self.new)
        self.new.append(
            NewDelivery(
                id=delivery_id(occasion.nonce, what, key[1]),
                tenant=occasion.tenant,
                receiver=key[1],
                type=what,
                entity=occasion.entity,
                seq=occasion.seq,
                detail=occasion.detail,
                line=line,
                not_before_ms=occasion.at_ms + wait_ms,
                expires_ms=self._now_ms + DELIVERY_LIFE_MS,
                parked=_GONE if is_gone else None,
            )
        )


def _is_new_word_of_a_rule(made: DecisionRow, before: DecisionRow | None) -> bool:
    """Whether a rule approves or declines, and did not say so before."""
    if made.verdict not in ("approve", "decline") or not ruled_by(made.detail):
        return False
    return before is None or before.verdict != made.verdict or not ruled_by(before.detail)
