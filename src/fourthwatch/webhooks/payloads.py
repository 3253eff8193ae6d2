"""What is sent: the body of each delivery, made when it is sent from what is true then.

Postbacks have exactly the keys that the plugins read (contract, section 5); webhooks the shape of Standard Webhooks.
"""

from typing import Any

import msgspec

from fourthwatch.clock import iso_ms
from fourthwatch.engine.identity import ORDER_KINDS
from fourthwatch.engine.standing import (
    OrderStanding,
    analyst_decision,
    order_standing,
    ruled_by,
    score_reply,
    user_standing,
)
from fourthwatch.store.deliveries import Delivery
from fourthwatch.store.delivery_log import DeliveryLog
from fourthwatch.store.outbox import RULE_FIRED
from fourthwatch.store.postbacks import ACTION, SCORE, PostbackAddress
from fourthwatch.store.reader import LedgerReader
from fourthwatch.webhooks.firing import Firings
from fourthwatch.wire.reply import encode

KEY_HEADER = "X-THIRDWATCH-API-KEY"
_ACTIONS = {"approve": "approved", "decline": "declined"}
_UNSAID = {"approve": "Approved after review.", "decline": "Declined after review."}
"""Magento fails without a message, and passes over an empty one and `none`."""
_NOTHING_SAID = frozenset({"", "none"})


class Payload(msgspec.Struct, frozen=True):
    """A body, and of a score postback the flag that it tells."""

    body: bytes
    told: str | None = None


class Payloads:
    """Makes them; reads the ledger over a connection of its own."""

    def __init__(self, reader: LedgerReader, log: DeliveryLog, firings: Firings) -> None:
        self._reader = reader
        self._log = log
        self._firings = firings

    def postback(self, delivery: Delivery, address: PostbackAddress) -> Payload | None:
        """For a plugin; `None` when there is nothing to tell any more."""
        order_id = delivery.entity.partition(":")[2]
        if delivery.type == SCORE:
            return self._score(delivery.tenant, order_id)
        if delivery.type == ACTION:
            return self._action(delivery.tenant, order_id)
        document: dict[str, Any] = msgspec.json.decode(delivery.detail or b"{}")
        if "payload" in document:
            document["api_key"] = address.key
        return Payload(encode(document))

    def webhook(self, delivery: Delivery) -> Payload:
        """For a program that listens to webhooks."""
        document = {
            "type": delivery.type,
            "timestamp": iso_ms(delivery.created_ms),
            "entity": delivery.entity,
            "sequence": delivery.sequence,
            "data": self._data(delivery),
        }
        return Payload(encode(document))

    def _data(self, delivery: Delivery) -> object:
        kind, _, name = delivery.entity.partition(":")
        tenant = delivery.tenant
        entry = self._reader.event_at(tenant, delivery.seq) if delivery.seq else None
        if delivery.type == RULE_FIRED and entry is not None and entry.decision is not None:
            told = self._firings.told(entry, delivery.detail)
            return {**told, "order": self._order(tenant, name) if kind == "order" else None}
        if kind == "user":
            return user_standing(self._reader, tenant, name)
        if kind != "order":
            return msgspec.Raw(delivery.detail or b"{}")
        standing = self._order(tenant, name)
        event_id = None if entry is None else entry.event.event_id
        return {**msgspec.to_builtins(standing), "event_id": event_id}

    def _order(self, tenant: int, order_id: str) -> OrderStanding:
        return order_standing(self._reader, tenant, order_id, self._log.newest_case(tenant, order_id))

    def _score(self, tenant: int, order_id: str) -> Payload | None:
        decided = self._reader.newest_decision(tenant, order_id)
        if decided is None:
            return None
        placed = self._reader.newest_order(tenant, order_id, ORDER_KINDS) or decided
        reply = score_reply(order_id, placed, decided)
        document = {**msgspec.to_builtins(reply), "order_id": _as_sent(placed.event.body, order_id)}
        return Payload(encode(document), reply.flag)

    def _action(self, tenant: int, order_id: str) -> Payload | None:
        """What a person decided, or else a rule."""
        made = analyst_decision(self._reader, tenant, order_id, final=True)
        if made is not None:
            said = (made.message or "").strip()
            verdict, message = made.verdict, _UNSAID[made.verdict] if said.lower() in _NOTHING_SAID else said
        else:
            decided = self._reader.newest_decision(tenant, order_id)
            rule = "" if decided is None or decided.decision is None else ruled_by(decided.decision.detail)
            if decided is None or decided.decision is None or not rule or decided.decision.verdict not in _ACTIONS:
                return None
            verdict, message = decided.decision.verdict, f"Decided by the rule {rule}."
        placed = self._reader.newest_order(tenant, order_id, ORDER_KINDS)
        document = {
            "order_id": order_id if placed is None else _as_sent(placed.event.body, order_id),
            "action_type": _ACTIONS[verdict],
            "action_message": message,
        }
        return Payload(encode(document))


class _OrderId(msgspec.Struct):
    order_id: str | int | None = msgspec.field(default=None, name="_orderId")


def _as_sent(body: bytes, order_id: str) -> str | int:
    """The order's id in the form in which the shop sent it: some send a number."""
    try:
        sent = msgspec.json.decode(body, type=_OrderId).order_id
    except msgspec.ValidationError:
        return order_id
    return sent if sent is not None and str(sent) == order_id else order_id
