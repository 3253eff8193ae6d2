"""A shop, its server and somebody who listens: a real ledger, a real sender, and a clock that is moved by hand."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from fourthwatch.clock import ManualClock, Millis
from fourthwatch.decision import Policy
from fourthwatch.engine.rulings import InForce, Rulings
from fourthwatch.engine.walk import Answer, Submission, Walk
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.windows import Windows
from fourthwatch.rules.check import check_set
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.store.changes import Configuration
from fourthwatch.store.delivery_log import Chosen, DeliveryLog, DeliveryRow, sent_again
from fourthwatch.store.endpoints import (
    Endpoint,
    EndpointStore,
    Ordering,
    endpoint_added,
    endpoint_changed,
    new_endpoint_id,
)
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.ledger import Ledger
from fourthwatch.store.outbox import EVENT_TYPES
from fourthwatch.store.postbacks import PostbackAddresses
from fourthwatch.webhooks.fan_out import Waits
from fourthwatch.webhooks.sender import Sender
from fourthwatch.webhooks.transport import Transport
from story import NOW_MS, decoded

STATUSES = {"approve": "_approved", "decline": "_declined", "hold": "_held"}
ROUNDS_MAX = 100_000


class World:
    """One data directory, with the tenants 1 and 2."""

    def __init__(self, directory: Path, *, seed: int = 1) -> None:
        self.directory = directory
        self.clock = ManualClock(NOW_MS)
        self.random = Random(seed)
        keys = KeyStore(directory, self.clock)
        self.key = keys.create("shop", ["ingest", "read", "manage"])
        self.other_key = keys.create("shop", ["ingest"], tenant="second")
        self.key_ids = {key.tenant: key.id for key in keys.all()}
        self.keys = keys
        self.ledger = Ledger(directory)
        self.windows = Windows()
        self.heard = {1, 2}
        self.rules: tuple[Rule, ...] = ()
        self._ruled: tuple[tuple[Rule, ...], Rulings] | None = None
        self.configuration = Configuration(directory, self.clock)
        self.endpoints = EndpointStore(directory, self.clock)
        self.addresses = PostbackAddresses(directory, self.clock)
        self.log = DeliveryLog(directory)
        self._numbers = iter(range(1, 10_000_000))

    def tell(self, kind: str, *, red: bool = False, tenant: int = 1, by_analyst: bool = False, **body: Any) -> Answer:
        """One event at this moment; an order is red, and to be reviewed, when asked for."""
        policy = Policy(red_above=0 if red else 100, decline_above=100)
        walk = Walk(self.ledger, self.windows, policy, self.random.randbytes, self._rulings(), heard=self.heard)
        now_ms = self.clock.now_ms()
        submission = Submission(
            tenant=tenant,
            decoded=decoded(kind, now_ms + next(self._numbers) % 1_000, **body),
            received_ms=Millis(now_ms),
            by_analyst=by_analyst,
        )
        (outcome,) = walk.run([submission])
        assert isinstance(outcome, Answer)
        return outcome

    def _rulings(self) -> Rulings:
        """The tenant's rules where it has some, else no rule at all; compiled once."""
        if self._ruled is None or self._ruled[0] != self.rules:
            checked = check_set(RuleSet(self.rules), built_in().for_tenant(), 1)
            in_force = {1: InForce(1, checked)} if self.rules else {}
            self._ruled = (self.rules, Rulings(self.windows, in_force))
        return self._ruled[1]

    def order(self, order_id: str, *, red: bool = False, tenant: int = 1, **body: Any) -> None:
        """An order is submitted."""
        self.tell("createOrder", red=red, tenant=tenant, _orderId=order_id, _userId="u-1", _amount="10", **body)

    def pay(self, order_id: str, *, red: bool = False) -> None:
        """An order's payment goes through."""
        self.tell("transaction", red=red, _orderId=order_id, _userId="u-1", _transactionStatus="_success")

    def decide(self, order_id: str, verdict: str, message: str | None = None, *, red: bool = True,
               here: bool = True) -> None:  # fmt: skip
        """A person decides on an order, here or in the shop."""
        self.tell(
            "order_status", red=red, by_analyst=here, _orderId=order_id, _orderStatus=STATUSES[verdict],
            _source="_manualReview", _analyst="meera", _description=message,
        )  # fmt: skip

    def register(self, addresses: Mapping[str, str], tenant: int = 1) -> None:
        """A plugin says where its shop wants to be called."""
        key = self.key if tenant == 1 else self.other_key
        self.addresses.register(tenant, addresses, self.key_ids[tenant], key)
        self.clock.advance(1_000)

    def endpoint(
        self, url: str, types: tuple[str, ...] = EVENT_TYPES, *, ordering: Ordering = "none", tenant: int = 1
    ) -> Endpoint:
        """A program wants to hear."""
        new = Endpoint(
            id=new_endpoint_id(), tenant=tenant, url=url, description="", types=types, ordering=ordering,
            created_ms=self.clock.now_ms(),
        )  # fmt: skip
        self.configuration.apply(endpoint_added(new, self.endpoints.seal, "test"))
        self.clock.advance(1_000)
        made = self.endpoints.find(tenant, new.id)
        assert made is not None
        return made

    def change(self, endpoint: Endpoint, **different: Any) -> None:
        """Its owner wants it otherwise."""
        after = msgspec.structs.replace(endpoint, **different)
        self.configuration.apply(endpoint_changed(endpoint, after, "test"))
        self.clock.advance(1_000)

    def sender(self, transport: Transport, waits: Waits | None = None, seed: int = 1) -> Sender:
        """A new sender, as after a start."""
        return Sender(self.directory, self.clock, Random(seed), transport, waits)

    async def send(self, sender: Sender, for_ms: int = 0) -> None:
        """Send what is due within so long from now, moving the clock from one to the next."""
        until_ms = self.clock.now_ms() + for_ms
        for _ in range(ROUNDS_MAX):
            sender.turn()
            await sender.settled()
            due_ms = sender.next_due_ms()
            now_ms = self.clock.now_ms()
            if due_ms is None or due_ms > until_ms:
                if not self.log_has_work():
                    break
            elif due_ms > now_ms:
                self.clock.advance(due_ms - now_ms)
        else:
            raise AssertionError("there is no end to what is due")
        self.clock.advance(max(until_ms - self.clock.now_ms(), 0))

    def log_has_work(self) -> bool:
        """Whether an occasion waits to be looked at."""
        return self.ledger._reading.execute("SELECT 1 FROM outbox LIMIT 1").fetchone() is not None

    def deliveries(self, tenant: int = 1, **chosen: Any) -> list[DeliveryRow]:
        """All of them, in the order of their making."""
        return self.log.page(tenant, 0, 1_000_000, Chosen(**chosen))

    def send_again(self, **chosen: Any) -> int:
        """The operator lets go out anew what had come to its end."""
        numbers = self.log.ended(1, 0, 1_000_000, Chosen(**chosen))
        self.configuration.apply(sent_again(1, numbers, "test", self.clock.now_ms(), "deliveries"))
        return len(numbers)

    def close(self) -> None:
        """Close everything."""
        for part in (self.keys, self.configuration, self.ledger, self.endpoints, self.addresses, self.log):
            part.close()
