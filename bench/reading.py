"""CPU of reading an order, by how shops write theirs: the same orders in turns, each time as another shop sends them.

Thread CPU time of `decode_event` alone, over the orders of the load.
"""

import json
import time
from collections.abc import Callable
from random import Random
from typing import Any

from bench.figures import Figure, figure
from bench.load import Load
from fourthwatch.clock import Millis, SystemClock
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.wire.decode import decode_event

Document = dict[str, Any]
_ORDERS = 512
_ORDER_ID, _ITEM_ID = 5_100_000_000_000, 6_700_000_000_000
"""Long as card numbers, and of no scheme."""


def _with_long_ids(order: Document, number: int) -> None:
    order["_orderId"] = str(_ORDER_ID + number)
    for place, item in enumerate(order["_items"]):
        item["_itemId"] = str(_ITEM_ID + number * 7 + place)


def _with_an_unknown_key(order: Document, _: int) -> None:
    order["_warehouse"] = "north"


def _with_empty_texts(order: Document, _: int) -> None:
    order["_orderReferrer"] = ""
    order["_shippingAddress"]["_address2"] = ""


def _with_numbers_for_texts(order: Document, number: int) -> None:
    order["_userId"] = number
    order["_amount"] = 100 + number


def _with_a_card_number(order: Document, _: int) -> None:
    order["_customInfo"] = {"paid_by": "4111 1111 1111 1111"}


_SHOPS: tuple[tuple[str, Callable[[Document, int], None]], ...] = (
    ("as declared", lambda _, __: None),
    ("ids of 13 digits", _with_long_ids),
    ("a key that nobody knows", _with_an_unknown_key),
    ("empty texts", _with_empty_texts),
    ("numbers for texts", _with_numbers_for_texts),
    ("a card number, to be masked", _with_a_card_number),
)


def measure_reading(runs: int) -> list[Figure]:
    """One row per way of writing."""
    now_ms = SystemClock().now_ms()
    load = Load(Random(1), "reading")
    plain = [load.order(now_ms) for _ in range(_ORDERS)]
    bodies = {name: [_as_sent(body, number, write) for number, body in enumerate(plain)] for name, write in _SHOPS}
    columns: dict[str, list[float]] = {name: [] for name, _ in _SHOPS}
    for _ in range(runs + 1):
        for name, sent in bodies.items():
            columns[name].append(_spent_us(sent, now_ms))
    return [figure(f"CPU of reading an order: {name}", values[1:], "µs") for name, values in columns.items()]


def _as_sent(body: bytes, number: int, write: Callable[[Document, int], None]) -> bytes:
    order = json.loads(body)
    write(order, number)
    return json.dumps(order).encode()


def _spent_us(bodies: list[bytes], received_ms: Millis) -> float:
    kind = KIND_OF_NAME["createOrder"]
    began = time.thread_time_ns()
    for body in bodies:
        decode_event(body, kind, received_ms)
    return (time.thread_time_ns() - began) / len(bodies) / 1_000
