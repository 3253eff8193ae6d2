"""What analysts do: the review queue, decisions on orders, and what they let the shop be told.

A decision is an event like any other: it enters the ledger, counts in features, and is told to the shop.
"""

from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.bodies import failed, faults_of_shape, refuse
from fourthwatch.api.changes import Asked, Changes, Made, json_reply
from fourthwatch.api.endpoints import AskedView
from fourthwatch.api.intake import Intake
from fourthwatch.api.paging import Cursors, Page
from fourthwatch.clock import Clock
from fourthwatch.engine.consequences import BY_HAND
from fourthwatch.engine.standing import CaseStanding, OrderStanding, case_standing, order_standing
from fourthwatch.errors import Fault, Malformed, NotFound, NotListening
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.limits import DECISION_MESSAGE_CHARS_MAX, DELIVERY_LIFE_MS, TEST_LIFE_MS
from fourthwatch.rules.shape import pointer_to
from fourthwatch.store.deliveries import NewDelivery, new_delivery_id
from fourthwatch.store.delivery_log import DeliveryLog, delivery_asked
from fourthwatch.store.postbacks import ACTION, GENERAL, SCORE, SHIPPING_ADDRESS, TEST_PING, PostbackAddresses
from fourthwatch.store.reader import LedgerReader, order_subject
from fourthwatch.wire.decode import decode_document
from fourthwatch.wire.reply import encode

_STATUSES = {"approve": "_approved", "decline": "_declined", "hold": "_held", "confirm": "_held"}


class DecisionChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An analyst's decision."""

    verdict: str
    """approve, decline, hold or confirm. A hold is not final; confirm holds the order until its customer has confirmed.
    Plugins are told neither, for want of a word; programs hear of both by `order.decision_changed`."""
    message: str | None = None
    """Why; the shop reads it."""
    author: str | None = None
    """Who; the id of the key when nobody is named."""


class DecidedView(msgspec.Struct, frozen=True):
    """What was recorded, and how the order stands now."""

    event_id: str
    order: OrderStanding


class CorrectedAddress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an order is to go to."""

    name: str = ""
    address1: str = ""
    address2: str = ""
    city: str = ""
    region: str = ""
    zipcode: str = ""
    country: str = ""


class PaidLink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was paid by a link; amounts as the shop writes them."""

    payment_link: str = ""
    discount: str = ""
    payment_amount: str = ""
    order_amount: str = ""


class PostbackChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What an analyst lets the shop be told; WooCommerce 1.1.4 understands it."""

    purpose: Literal["shipping_address", "payment_link"]
    """Which of the two follows."""
    shipping_address: CorrectedAddress | None = None
    """The corrected one; at least one key of it."""
    payment_link: PaidLink | None = None
    """A link that was paid; at least one key of it."""


class CasesView(msgspec.Struct, frozen=True):
    """A page of cases, oldest first."""

    cases: tuple[CaseStanding, ...]
    next: str | None
    """Send as `cursor` for the rest; null at the end."""


class Reviews:
    """Handlers of cases, decisions and postbacks that are asked for."""

    def __init__(
        self,
        changes: Changes,
        intake: Intake,
        reader: LedgerReader,
        log: DeliveryLog,
        addresses: PostbackAddresses,
        clock: Clock,
        cursors: Cursors,
    ) -> None:
        self._changes = changes
        self._intake = intake
        self._reader = reader
        self._log = log
        self._addresses = addresses
        self._clock = clock
        self._cursors = cursors

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/cases", self.cases, methods=["GET"]),
            Route("/api/v1/orders/{order_id:path}/decisions", self.decide, methods=["POST"]),
            Route("/api/v1/orders/{order_id:path}/postbacks", self.tell, methods=["POST"]),
            Route("/api/v1/postbacks/test", self.test, methods=["POST"]),
        ]

    async def cases(self, request: Request) -> Response:
        """Every stay of an order in the review queue, oldest first; `status` is open or closed, `queue` a name."""
        tenant = self._changes.caller(request, "read").tenant
        status = request.query_params.get("status")
        if status not in (None, "open", "closed"):
            raise Malformed("status must be open or closed", code="bad_query")
        queue = request.query_params.get("queue")
        page = Page(self._cursors, request, tenant, f"cases {status} {queue}")
        is_open = None if status is None else status == "open"
        rows = self._log.cases(tenant, page.behind(int, 0), page.limit + 1, is_open=is_open, queue=queue)
        shown, following = page.cut(rows, lambda row: row.number)
        return json_reply(CasesView(tuple(map(case_standing, shown)), following))

    async def decide(self, request: Request) -> Response:
        """Decide on an order as a person: approve, decline, hold, or ask for the customer's confirmation."""
        order_id = request.path_params["order_id"]

        async def make(asked: Asked) -> Made:
            caller, document = asked.caller, asked.document
            verdict = _checked_decision(document)
            self._known(caller.tenant, order_id)
            info = {"decidedIn": "fourthwatch", **({"asks": "confirmation"} if verdict == "confirm" else {})}
            status = {
                "_orderId": order_id,
                "_orderStatus": _STATUSES[verdict],
                "_source": BY_HAND,
                "_analyst": document.get("author") or caller.key_id,
                "_description": document.get("message"),
                "_customInfo": info,
            }
            received_ms = self._clock.now_ms()
            kind, keep = KIND_OF_NAME["order_status"], self._intake.number_fields
            decoded = decode_document(status, encode(status), kind, received_ms, keep=keep)
            answer = await self._intake.submit(
                caller, decoded, received_ms, asked.key, by_analyst=True, is_spoken=True
            )  # fmt: skip
            case = self._log.newest_case(caller.tenant, order_id)
            standing = order_standing(self._reader, caller.tenant, order_id, case)
            view = DecidedView(answer.receipt.event_id, standing)
            return Made(change=None, view=view, is_repeat=answer.replayed)

        return await self._changes.take_apart(request, "manage", make)

    async def tell(self, request: Request) -> Response:
        """Tell the shop a corrected shipping address, or that a payment link was paid."""
        order_id = request.path_params["order_id"]

        def make(asked: Asked) -> Made:
            tenant = asked.caller.tenant
            receiver, detail = _told(asked.document, order_id)
            self._known(tenant, order_id)
            self._listening(tenant, receiver)
            return self._asked(
                asked, [(receiver, receiver, detail)], order_subject(order_id), "postback.sent", "postbacks",
                DELIVERY_LIFE_MS,
            )  # fmt: skip

        return await self._changes.take(request, "manage", make)

    async def test(self, request: Request) -> Response:
        """Send `{"test": true}` to the score and action addresses, once, where that is understood."""

        def make(asked: Asked) -> Made:
            tenant = asked.caller.tenant
            registered = self._addresses.of(tenant)
            named = [purpose for purpose in (SCORE, ACTION) if purpose in registered]
            if not named:
                raise NotListening("no shop has registered score_postback or action_postback under this tenant")
            if any("wc-api" in registered[purpose] for purpose in named) or GENERAL in registered:
                raise NotListening("WooCommerce does not understand a test; Magento does")
            told = [(purpose, TEST_PING, b'{"test":true}') for purpose in named]
            return self._asked(asked, told, "endpoint:postbacks", "postback.tested", "postbacks", TEST_LIFE_MS)

        return await self._changes.take(request, "manage", make, has_body=False)

    def _asked(
        self, asked: Asked, told: list[tuple[str, str, bytes]], entity: str, action: str, thing: str, life_ms: int
    ) -> Made:
        now_ms = self._clock.now_ms()
        new = [
            NewDelivery(
                id=new_delivery_id(), tenant=asked.caller.tenant, receiver=receiver, type=what, entity=entity, seq=0,
                detail=detail, line=None, not_before_ms=now_ms, expires_ms=now_ms + life_ms,
            )
            for receiver, what, detail in told
        ]  # fmt: skip
        change = delivery_asked(new, asked.caller.key_id, now_ms, action, thing)
        return Made(change=change, view=AskedView(tuple(one.id for one in new)), status=202)

    def _known(self, tenant: int, order_id: str) -> None:
        if self._reader.newest_decision(tenant, order_id) is None:
            raise NotFound("there is no order with this id")

    def _listening(self, tenant: int, purpose: str) -> None:
        if purpose not in self._addresses.of(tenant):
            raise NotListening(f"no shop has registered {purpose} under this tenant")


def _checked_decision(document: dict[str, Any]) -> str:
    """The verdict; raises `ManyFaults`."""
    faults = faults_of_shape(document, DecisionChoice)
    verdict = document.get("verdict", "hold")
    known = not isinstance(verdict, str) or verdict in _STATUSES
    faults += failed([("/verdict", known, "verdict must be approve, decline, hold or confirm")])
    for key in ("message", "author"):
        value = document.get(key)
        holds = not isinstance(value, str) or len(value) <= DECISION_MESSAGE_CHARS_MAX
        faults += failed([(f"/{key}", holds, f"{key} has at most {DECISION_MESSAGE_CHARS_MAX} characters")])
    refuse(faults)
    return str(verdict)


def _told(document: dict[str, Any], order_id: str) -> tuple[str, bytes]:
    """Whom to tell, and the body but for the key; raises `ManyFaults`."""
    refuse(_faults_of_postback(document))
    sent = msgspec.convert(document, PostbackChoice)
    if sent.purpose == "shipping_address":
        return SHIPPING_ADDRESS, encode({"order_id": order_id, "shipping_address": sent.shipping_address})
    payload = {"order_id": order_id, "status": "paid", **msgspec.to_builtins(sent.payment_link)}
    return GENERAL, encode({"entity": "payment_link", "payload": payload})


def _faults_of_postback(document: dict[str, Any]) -> list[Fault]:
    faults = faults_of_shape(document, PostbackChoice)
    for name, other in (("shipping_address", "payment_link"), ("payment_link", "shipping_address")):
        if document.get("purpose") == name:
            faults += failed([(f"/{other}", document.get(other) is None, f"only purpose and {name} are understood")])
            faults += failed([(f"/{name}", document.get(name) not in (None, {}), f"{name} is needed")], "missing_key")
        given = document.get(name)
        for key, value in given.items() if isinstance(given, dict) else ():
            holds = not isinstance(value, str) or len(value) <= DECISION_MESSAGE_CHARS_MAX
            says = f"a text of {name} has at most {DECISION_MESSAGE_CHARS_MAX} characters"
            faults += failed([(pointer_to(name, key), holds, says)])
    return faults
