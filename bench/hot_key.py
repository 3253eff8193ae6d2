"""One address that half of all orders come from, or all: what it costs the walk, the ledger's answers included.

In one thread of this process, CPU time: decoding, HTTP and threads are the same for every address and not in here. A
feature counts orders by address, so that each order of a busy address may have counted before, and is looked up.
"""

import os
import re
import time
from random import Random

from bench.figures import Figure, figure, ratios
from bench.load import Load
from bench.peak import scratch, tag
from fourthwatch.clock import Millis, SystemClock
from fourthwatch.decision import Policy
from fourthwatch.engine.walk import Submission, Walk
from fourthwatch.events import KIND_OF_NAME
from fourthwatch.features.definition import Feature
from fourthwatch.features.windows import Windows
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.ledger import Ledger
from fourthwatch.wire.decode import decode_event

TENANT = 1
_BATCH = 32
"""About what waits behind one commit with 64 connections."""
_BATCHES = 160
_WARM = 60
"""Batches after which the busy address has long had more orders than are kept as they are."""
_HOT = b"203.0.113.9"
_ADDRESS = re.compile(rb"198\.51\.100\.\d+")
_RATIO_WANTED = 1.25
"""R-22."""


def measure_hot_key(runs: int) -> list[Figure]:
    """Uniform traffic, half of it and all of it from one address, in turns."""
    uniform, half, whole = [], [], []
    for _ in range(runs):
        uniform.append(_walk_us(hot_share=0.0))
        half.append(_walk_us(hot_share=0.5))
        whole.append(_walk_us(hot_share=1.0))
    return [
        ratios("half of all orders from one IP / uniform, walk", half, uniform, note=f"wanted ≤ {_RATIO_WANTED}"),
        ratios("all orders from one IP / uniform, walk", whole, uniform),
        figure("CPU per order of uniform traffic, walk", uniform, "µs", note="with a feature that counts by IP"),
    ]


def _walk_us(*, hot_share: float) -> float:
    book = Windows().book.for_tenant()
    book.add(Feature("orders_of_ip", "count(order, by ip)", "", "", tenant=TENANT))
    windows = Windows(own={TENANT: book})
    windows.completed(windows.incomplete())
    load, random, spent_ns = Load(Random(1), tag()), Random(2), 0
    with scratch() as directory:
        KeyStore(directory, SystemClock()).close()
        walk = Walk(Ledger(directory), windows, Policy(), os.urandom)
        for number in range(_BATCHES):
            batch = [_order(load, random, hot_share) for _ in range(_BATCH)]
            began = time.thread_time_ns()
            walk.run(batch)
            spent_ns += time.thread_time_ns() - began if number >= _WARM else 0
        walk.ledger.close()
    return spent_ns / (_BATCHES - _WARM) / _BATCH / 1_000


def _order(load: Load, random: Random, hot_share: float) -> Submission:
    now_ms = SystemClock().now_ms()
    address = b"49.%d.%d.%d" % (random.randrange(256), random.randrange(256), random.randrange(1, 255))
    body = _ADDRESS.sub(_HOT if random.random() < hot_share else address, load.order(now_ms))
    decoded = decode_event(body, KIND_OF_NAME["createOrder"], Millis(now_ms))
    return Submission(tenant=TENANT, decoded=decoded, received_ms=Millis(now_ms))
