"""The sender: looks at the outbox, claims what is due, sends it, and records what came of it.

One at a time on a data directory. It can be killed at any point: what it had claimed is claimed anew by the next one.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random

import msgspec

from fourthwatch.clock import MINUTE_MS, SECOND_MS, Clock
from fourthwatch.limits import (
    DELIVERED_KEPT_MS,
    OCCASIONS_AT_ONCE,
    REPLY_KEPT_BYTES,
    SENDER_CONNECTIONS_MAX,
)
from fourthwatch.logs import log
from fourthwatch.store.deliveries import Attempt, Delivery, DeliveryQueue
from fourthwatch.store.delivery_log import DeliveryLog
from fourthwatch.store.endpoints import EndpointStore
from fourthwatch.store.postbacks import PostbackAddresses
from fourthwatch.store.reader import LedgerReader
from fourthwatch.store.rule_sets import RuleSetReader
from fourthwatch.webhooks.fan_out import FanOut, Waits
from fourthwatch.webhooks.firing import Firings
from fourthwatch.webhooks.pace import Pace
from fourthwatch.webhooks.payloads import KEY_HEADER, Payload, Payloads
from fourthwatch.webhooks.receivers import Key, Receivers, receivers
from fourthwatch.webhooks.schedule import Meaning, asked_delay_ms, meaning_of, retry_ms
from fourthwatch.webhooks.signing import signed_headers
from fourthwatch.webhooks.transport import NotReplied, Replied, Transport

POLL_S = 0.04
"""How often the outbox is looked at while nothing else happens."""
_GATHER_S = 0.005
"""After something happened, before it is written: several things share a transaction, and the server has its turn."""
_LOOK_AGAIN_MS = 10 * SECOND_MS
_SWEEP_MS = MINUTE_MS
_SWEPT_AT_ONCE = 500
_STOP_S = 3.0
_AGENT = "Fourthwatch/1 (+webhooks)"


class _Ready(msgspec.Struct, frozen=True):
    """A request that can be sent."""

    url: str
    headers: Mapping[str, str]
    shown: Mapping[str, str]
    """The headers as they may be kept: no secret among them."""
    payload: Payload
    plain_is_right: bool


class Sender:
    """`run` until told to stop; or, for a simulation, `turn` and `settled` by hand."""

    def __init__(
        self, directory: Path, clock: Clock, random: Random, transport: Transport, waits: Waits | None = None
    ) -> None:
        self._clock = clock
        self._random = random
        self._transport = transport
        self._queue = DeliveryQueue(directory)
        self._endpoints = EndpointStore(directory, clock)
        self._addresses = PostbackAddresses(directory, clock)
        self._reader = LedgerReader(directory)
        self._log = DeliveryLog(directory)
        self._fan_out = FanOut(self._queue, self._reader, waits or Waits())
        self._sets = RuleSetReader(directory)
        self._payloads = Payloads(self._reader, self._log, Firings(self._sets))
        self._receivers = Receivers({}, {}, {})
        self._paces: defaultdict[Key, Pace] = defaultdict(Pace)
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: list[Attempt] = []
        self._woken = asyncio.Event()
        self._change = -1
        self._looked_ms = self._swept_ms = 0
        self._queue.let_go()

    async def run(self, stop: asyncio.Event, on_turn: Callable[[], None] = lambda: None) -> None:
        """Send for ever; when told to stop, wait a little for what is under way."""
        while not stop.is_set():
            self.turn()
            on_turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._woken.wait()
            await asyncio.sleep(_GATHER_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await self.settled()
        self.close()

    def turn(self) -> int:
        """Record, look, claim and start; how many attempts were started."""
        self._woken.clear()
        now_ms = self._clock.now_ms()
        self._look(now_ms)
        if not now_ms - _SWEEP_MS < self._swept_ms <= now_ms:
            self._sweep(now_ms)
        done, self._done = self._done, []
        occasions = self._queue.occasions(OCCASIONS_AT_ONCE)
        wanted, trials = self._wanted(now_ms), self._trials(now_ms)
        if not done and not occasions and not wanted and not trials:
            return 0
        with self._queue.together():
            self._queue.record(done)
            if occasions:
                self._fan_out.run(occasions, self._receivers, now_ms)
            claimed = [*self._queue.claim(wanted, now_ms), *self._queue.claim_tests(trials, now_ms)]
        if occasions or claimed:
            self._woken.set()
        for delivery in claimed:
            self._start(delivery)
        return len(claimed)

    async def settled(self) -> None:
        """Until nothing is under way, and all of it is recorded."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._done:
            done, self._done = self._done, []
            self._queue.record(done)

    def next_due_ms(self) -> int | None:
        """When something is due at a receiver that may be sent to; `None` when nothing waits."""
        first_due_ms = self._queue.first_due_ms()
        due = [
            max(at_ms, self._paces[key].paused_until_ms)
            for key, is_resting in self._receivers.all()
            if (at_ms := self._queue.test_due_ms(*key) if is_resting else first_due_ms.get(key)) is not None
        ]
        return min(due, default=None)

    def close(self) -> None:
        """Drop what is under way, as a kill would, and close the file."""
        for task in self._tasks:
            task.cancel()
        for part in (self._queue, self._endpoints, self._addresses, self._reader, self._log, self._sets):
            part.close()

    def _look(self, now_ms: int) -> None:
        """Read the receivers when anybody has changed anything, and now and then: secrets come to their end.

        Before an occasion is looked at, so that a receiver hears of whatever happened after it was there.
        """
        change = self._queue.newest_change()
        if change != self._change or abs(now_ms - self._looked_ms) >= _LOOK_AGAIN_MS:
            self._change, self._looked_ms = change, now_ms
            self._receivers = receivers(self._endpoints.all(), self._addresses.callable())

    def _sweep(self, now_ms: int) -> None:
        self._swept_ms = now_ms
        self._queue.park_expired(now_ms, _SWEPT_AT_ONCE)
        self._queue.forget_delivered(now_ms - DELIVERED_KEPT_MS, _SWEPT_AT_ONCE)

    def _wanted(self, now_ms: int) -> list[tuple[int, str, int]]:
        """Receivers to which something is due, and how much each may get."""
        wanted = []
        free = SENDER_CONNECTIONS_MAX - len(self._tasks)
        due = {key for key, due_ms in self._queue.first_due_ms().items() if due_ms <= now_ms}
        ready = [key for key in self._receivers.ready() if key in due]
        self._random.shuffle(ready)  # so that none is always the last to find room
        for key in ready:
            room = min(self._paces[key].room(now_ms), free)
            if room > 0:
                wanted.append((*key, room))
                free -= room
        return wanted

    def _trials(self, now_ms: int) -> list[tuple[int, str]]:
        """Endpoints that are not enabled, and are to be tried out all the same."""
        resting = [key for key in self._receivers.resting() if self._paces[key].room(now_ms)]
        due = {key: self._queue.test_due_ms(*key) for key in resting}
        return [key for key, at_ms in due.items() if at_ms is not None and at_ms <= now_ms]

    def _start(self, delivery: Delivery) -> None:
        self._paces[delivery.tenant, delivery.receiver].under_way += 1
        task = asyncio.get_running_loop().create_task(self._attempt(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attempt(self, delivery: Delivery) -> None:
        key = (delivery.tenant, delivery.receiver)
        started_ms, started_s = self._clock.now_ms(), self._clock.monotonic_s()
        ready: _Ready | None = None
        replied: Replied | None = None
        failure: NotReplied | None = None
        try:
            if started_ms < delivery.expires_ms:
                ready = self._ready(delivery, started_ms)
            if ready is not None:
                replied = await self._transport.post(
                    ready.url, ready.headers, ready.payload.body, plain_is_right=ready.plain_is_right
                )
        except NotReplied as error:
            failure = error
        except Exception as error:  # noqa: BLE001 (a fault of ours in one delivery must not stop all others)
            log.error("delivery_failed", fault=type(error).__name__, exc_info=error)
            failure = NotReplied("a fault of the server; it was logged")
        finally:
            self._paces[key].under_way -= 1
        took_ms = int((self._clock.monotonic_s() - started_s) * SECOND_MS)
        try:
            attempt = self._judged(delivery, ready, replied, failure, started_ms, took_ms)
        except Exception as error:  # noqa: BLE001 (what cannot be judged is tried again: it must not stay under way)
            log.error("attempt_not_judged", fault=type(error).__name__, exc_info=error)
            failure = NotReplied("a fault of the server; it was logged")
            attempt = self._judged(delivery, ready, None, failure, started_ms, took_ms)
        self._done.append(attempt)
        self._woken.set()

    def _judged(
        self, delivery: Delivery, ready: _Ready | None, replied: Replied | None, failure: NotReplied | None,
        started_ms: int, took_ms: int,
    ) -> Attempt:  # fmt: skip
        """What came of it, and what follows."""
        now_ms = started_ms + took_ms
        meaning = meaning_of(None if replied is None else replied.status)
        parked, next_ms = None, None
        if ready is None and failure is None:
            is_over = started_ms >= delivery.expires_ms
            outcome = parked = "its time was over" if is_over else "there was nobody, or nothing, to tell any more"
        else:
            outcome = _outcome(meaning, replied, failure)
            asked_ms = None if replied is None else asked_delay_ms(replied.retry_after, now_ms)
            self._paces[delivery.tenant, delivery.receiver].note(meaning, now_ms, asked_ms, self._random)
            if meaning == "gone":
                parked = "the receiver answered 410"
                self._disable(delivery, ready)
            elif meaning != "delivered":
                next_ms = retry_ms(delivery.attempts, now_ms, delivery.expires_ms, asked_ms, self._random)
                parked = "its time was over" if next_ms is None else None
        return Attempt(
            delivery=delivery,
            started_ms=started_ms,
            took_ms=took_ms,
            outcome=outcome,
            told=None if ready is None else ready.payload.told,
            address=replied.address if replied is not None else None if failure is None else failure.address,
            head=json.dumps({} if ready is None else dict(ready.shown)).encode(),
            body=b"" if ready is None else ready.payload.body,
            status=None if replied is None else replied.status,
            reply=None if replied is None else replied.body[:REPLY_KEPT_BYTES],
            next_ms=next_ms,
            parked=parked,
        )

    def _ready(self, delivery: Delivery, now_ms: int) -> _Ready | None:
        """The request; `None` when its receiver is no more, or there is nothing to tell."""
        key = (delivery.tenant, delivery.receiver)
        common = {"Content-Type": "application/json", "User-Agent": _AGENT, "Accept-Encoding": "identity"}
        endpoint, address = self._receivers.endpoints.get(key), self._receivers.postbacks.get(key)
        if endpoint is not None:
            payload = self._payloads.webhook(delivery)
            signed = signed_headers(delivery.id, now_ms // SECOND_MS, payload.body, endpoint.secrets)
            headers = {**common, **signed}
            return _Ready(endpoint.url, headers, headers, payload, False)
        made = None if address is None else self._payloads.postback(delivery, address)
        if address is None or made is None:
            return None
        headers = {**common, KEY_HEADER: address.key}
        return _Ready(address.url, headers, {**common, KEY_HEADER: "…"}, made, True)

    def _disable(self, delivery: Delivery, ready: _Ready | None) -> None:
        if ready is None:
            return
        key = (delivery.tenant, delivery.receiver)
        if key in self._receivers.endpoints:
            self._endpoints.disable(*key, ready.url)
        else:
            self._addresses.disable(*key, ready.url)
        self._change = -1
        log.warning("receiver_gone", receiver=delivery.receiver, tenant=delivery.tenant)


def _outcome(meaning: Meaning, replied: Replied | None, failure: NotReplied | None) -> str:
    if meaning == "delivered":
        return "delivered"
    if replied is not None:
        return f"answered {replied.status}"
    return str(failure)
