"""The old service's other endpoints: score, postback registration, merchant decision, and the Razorpay era's order.

The key may come in the header, as `api_key` or as `secret`, in the query or in the body (contract, section 9, row 5).
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fourthwatch.api.access import Caller, bare_key, presented_key
from fourthwatch.api.intake import Intake
from fourthwatch.api.request import Receive, Scope, Send, decompressed, header, read_body, send_json
from fourthwatch.clock import Clock
from fourthwatch.engine.identity import ORDER_KINDS
from fourthwatch.engine.standing import score_reply
from fourthwatch.errors import Malformed, NotFound
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.store.postbacks import PURPOSES, PostbackAddresses
from fourthwatch.store.reader import LedgerReader
from fourthwatch.wire.decode import decode_document
from fourthwatch.wire.razorpay import order_document
from fourthwatch.wire.reply import encode
from fourthwatch.wire.strict import object_of

_QUERY_FIELDS_MAX = 20
_URL_CHARS_MAX = 2_000
_CLEAN_URL = re.compile(r"[\x21-\x7e]+")
_ACTIONS = {"approved": "_approved", "declined": "_declined", "onhold": "_held"}


class Neo:
    """Everything under `/neo/v1`, and its aliases."""

    def __init__(
        self,
        intake: Intake,
        reader: LedgerReader,
        addresses: PostbackAddresses,
        clock: Clock,
        on_registered: Callable[[], None] = lambda: None,
    ) -> None:
        """`addresses` are asked nothing but to register, on other threads: nobody waits on the loop for the disk.
        `on_registered` hears of it when a shop has said where it wants to be called."""
        self._intake = intake
        self._reader = reader
        self._addresses = addresses
        self._clock = clock
        self._on_registered = on_registered

    async def score(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`GET /neo/v1/score`: the newest decision on an order."""
        query = _query(scope)
        caller = self._intake.admit(presented_key(scope["headers"]) or _key_in(query), "ingest")
        order_id = _first(query, "order_id")
        if order_id is None:
            raise Malformed("the query needs order_id", code="missing_key")
        decided = self._reader.newest_decision(caller.tenant, order_id)
        if decided is None or decided.decision is None:
            raise NotFound("no such order was submitted under this key")
        placed = self._reader.newest_order(caller.tenant, order_id, ORDER_KINDS) or decided
        await send_json(send, 200, encode(score_reply(order_id, placed, decided)))

    async def register_postbacks(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /neo/v1/addpostbackurl/`: where the shop wants to be called; registering again replaces."""
        document, caller, key = await self._document(scope, receive)
        addresses = {purpose: document[purpose] for purpose in PURPOSES if document.get(purpose) not in (None, "")}
        if not addresses:
            raise Malformed("no address was given; send score_postback and action_postback", code="missing_key")
        for purpose, url in addresses.items():
            _check_url(purpose, url)
        await asyncio.to_thread(self._addresses.register, caller.tenant, addresses, caller.key_id, key)
        self._on_registered()
        await send_json(send, 200, _OK_REGISTERED)

    async def client_action(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /neo/v1/clientaction`: the shop's staff decided on an order; enters the ledger as its status."""
        document, caller, _ = await self._document(scope, receive)
        action, order_id = document.get("action_type"), document.get("order_id")
        if not isinstance(order_id, str | int) or isinstance(order_id, bool) or order_id == "":
            raise Malformed("order_id is needed", pointer="/order_id", code="missing_key")
        if not isinstance(action, str) or action.lower() not in _ACTIONS:
            raise Malformed(
                "action_type must be approved, declined or onhold", pointer="/action_type", code="bad_value"
            )
        if self._reader.newest_decision(caller.tenant, str(order_id)) is None:
            raise NotFound("no such order was submitted under this key")
        status: dict[str, Any] = {
            "_orderId": str(order_id),
            "_orderStatus": _ACTIONS[action.lower()],
            "_source": "_manualReview",
            "_description": document.get("message"),
        }
        received_ms = self._clock.now_ms()
        kind, keep = KIND_OF_NAME["order_status"], self._intake.number_fields
        decoded = decode_document(status, encode(status), kind, received_ms, keep=keep)
        answer = await self._intake.submit(caller, decoded, received_ms)
        await send_json(send, 200, encode(answer.receipt))

    async def razorpay_order(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/thirdwatch/orders`: device, user and order in one document; taken as an order submission."""
        caller = self._intake.admit(presented_key(scope["headers"]), "ingest")
        raw = decompressed(await read_body(receive), header(scope, b"content-encoding"))
        document = order_document(object_of(raw))
        received_ms = self._clock.now_ms()
        kind, keep = KIND_OF_NAME["createOrder"], self._intake.number_fields
        decoded = decode_document(document, encode(document), kind, received_ms, keep=keep)
        answer = await self._intake.submit(caller, decoded, received_ms)
        await send_json(send, 200, encode(answer.receipt))

    async def _document(self, scope: Scope, receive: Receive) -> tuple[dict[str, Any], Caller, str]:
        """What was sent, who calls, and the key itself without a prefix."""
        document = object_of(decompressed(await read_body(receive), header(scope, b"content-encoding")))
        inside = document.pop("secret", None) or document.pop("api_key", None)
        presented = (
            presented_key(scope["headers"]) or (inside if isinstance(inside, str) else None) or _key_in(_query(scope))
        )
        caller = self._intake.admit(presented, "ingest")
        return document, caller, bare_key(presented or "")


_OK_REGISTERED = encode({"status": "ok", "message": "postback addresses registered"})


def _query(scope: Scope) -> dict[str, list[str]]:
    try:
        return parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=_QUERY_FIELDS_MAX)
    except ValueError:
        raise Malformed(f"the query has more than {_QUERY_FIELDS_MAX} fields", code="bad_query") from None


def _key_in(query: dict[str, list[str]]) -> str | None:
    return _first(query, "api_key") or _first(query, "secret")


def _first(query: dict[str, list[str]], name: str) -> str | None:
    values = query.get(name)
    return values[0] if values else None


def _check_url(purpose: str, url: object) -> None:
    """Refuse what cannot be an address at all; whether it may be called is looked at when it is called."""
    fits = isinstance(url, str) and len(url) <= _URL_CHARS_MAX and _CLEAN_URL.fullmatch(url) is not None
    try:
        parts = urlsplit(str(url))
        fits = fits and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise Malformed(f"{purpose} must be an http or https address", pointer=f"/{purpose}", code="bad_address")
