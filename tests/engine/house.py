"""A server's inside without its threads: events, features, rule sets, snapshots and restarts on a real directory."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from engine.till import submission
from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS, ManualClock
from fourthwatch.decision import Policy
from fourthwatch.engine.flight import CorridorSettings
from fourthwatch.engine.opening import open_walk
from fourthwatch.engine.panel import Panel
from fourthwatch.engine.recovery import SnapshotInSlices
from fourthwatch.engine.roster import Wanted
from fourthwatch.engine.rule_shelf import features_used
from fourthwatch.engine.rulings import InForce
from fourthwatch.engine.walk import Answer
from fourthwatch.features.definition import Feature
from fourthwatch.model.manifest import Package, read_manifest
from fourthwatch.model.serving import LiveModel
from fourthwatch.rules.check import check_set
from fourthwatch.rules.rule import Rule, RuleSet, encoded
from fourthwatch.store.changes import Change, Configuration, Write
from fourthwatch.store.features import FeatureStore
from fourthwatch.store.file import FILE_NAME
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.lists import ListRow
from fourthwatch.store.models import ModelFiles, ModelStore
from fourthwatch.store.rule_sets import RuleSetRow, rule_set_published
from story import NOW_MS

FORGET_AFTER_DAYS = 400


@cache
def _new_file() -> bytes:
    """A data file with two tenants in which nothing has happened yet: to make it costs more than a short history."""
    with TemporaryDirectory() as directory:
        keys = KeyStore(Path(directory), ManualClock(NOW_MS))
        keys.create("second", ["ingest"], tenant="second")
        keys.close()
        return (Path(directory) / FILE_NAME).read_bytes()


class House:
    """Opened on a directory; the tenants 1 and 2 are there."""

    def __init__(self, directory: Path, seed: int = 1) -> None:
        self.directory = directory
        self.clock = ManualClock(NOW_MS)
        if not (directory / FILE_NAME).exists():
            directory.mkdir(parents=True, exist_ok=True)
            (directory / FILE_NAME).write_bytes(_new_file())
        self._random = Random(seed)
        self.panel = Panel()
        self.open()

    def open(self) -> None:
        """As a server starts: snapshot, tail, features, rules."""
        settings = CorridorSettings(
            directory=self.directory, policy=Policy(deadline_ms=0), disk_reserve_bytes=0, snapshot_every_events=10**6,
            forget_after_days=FORGET_AFTER_DAYS, panel=self.panel,
        )  # fmt: skip
        opened = open_walk(settings, self.clock, self._random.randbytes)
        self.walk, self.definitions, self.roster = opened.walk, opened.definitions, opened.roster

    def restart(self, *, snapshot: bool) -> None:
        """A clean stop, or a kill; then a new start."""
        if snapshot:
            writing = SnapshotInSlices(self.walk, self.directory)
            while not writing.advance():
                pass
            writing.finish()
        self.close()
        self.open()

    def tell(self, kind: str, at_ms: int, *, tenant: int = 1, wants_score: bool = False, **body: Any) -> Answer:
        """One event."""
        (outcome,) = self.walk.run([submission(kind, at_ms, tenant=tenant, wants_score=wants_score, **body)])
        assert isinstance(outcome, Answer)
        return outcome

    def define(self, name: str, text: str, tenant: int = 1) -> None:
        """A feature of a tenant's own, stored and taken in."""
        store = FeatureStore(self.directory, self.clock)
        store.add(tenant, name, text, unit="", says="", reason="", author="key")
        store.close()
        self.definitions.define(Feature(name, text, "", "", "", tenant))

    def publish(self, rules: tuple[Rule, ...], *, prior: float = -15.0, tenant: int = 1) -> int:
        """A rule set, stored and put in force."""
        book = self.definitions.book_of(tenant)
        rule_set = RuleSet(rules, prior)
        checked = check_set(rule_set, book, tenant)
        version = self.walk.rulings.in_force(tenant).version + 1
        row = RuleSetRow(
            tenant=tenant, version=version, content=encoded(rule_set),
            features=msgspec.json.encode(features_used(checked, book)), note="", author="key", approver=None,
            created_ms=self.clock.now_ms(), from_seq=self.walk.last_seq + 1,
        )  # fmt: skip
        changes = Configuration(self.directory, self.clock)
        changes.apply(rule_set_published(row, "rule_set.published", None, None))
        changes.close()
        self.definitions.ask(tenant, checked.asking)
        self.walk.rulings.put(tenant, InForce(version, checked))
        return version

    def promote(self, model: str, package: Package) -> None:
        """A model, stored, that judges the first tenant's orders and looks on; before the first event."""
        store = ModelStore(self.directory, self.clock)
        store.add(1, model, package.manifest, ModelFiles(package.body, package.golden, b""), actor="key")
        store.apply(store.moved(1, model, "champion", actor="key"))
        store.close()
        live = LiveModel.of(read_manifest(package), package)
        seat = self.panel.admit(1, live, self.definitions.book_of(1))
        self.definitions.want(1, seat.key, seat.wanted)
        assert self.definitions.is_known(seat.key)
        self.panel.put(1, seat, (seat,))

    def edit_list(self, name: str, value: str, *, out: bool = False) -> None:
        """A user in a list of the first tenant's, made when it is not there; or out of it."""
        seq, at_ms = self.walk.last_seq + 1, self.clock.now_ms()
        writes: tuple[Write, ...] = ()
        if name not in {row.name for row in self.roster.all(1)}:
            row = ListRow(id=0, tenant=1, name=name, type="user", kind="watch", says="", version=1, created_ms=at_ms,
                          from_seq=seq)  # fmt: skip
            _, made = self.roster.create(row)
            writes = (made,)
        row = self.roster.row(1, name)
        if out:
            more = self.roster.take_out(row, [value], at_ms, seq)[1]
        else:
            more = self.roster.add(row, [Wanted(value, value)], "key", at_ms, seq)[1]
        changes = Configuration(self.directory, self.clock)
        changes.apply(
            Change(tenant=1, actor="key", action="list.edited", thing=f"lists/{name}", writes=(*writes, *more))
        )
        changes.close()

    def close(self) -> None:
        """Close the ledger."""
        self.walk.ledger.close()


CONDITIONS = (
    "amount > 500", "count(order, by ip, last 1h) >= 2", "count(login, by device, last 7d) > 1",
    "orders_by_user_24h >= 1",
    "sum(amount of order, by user, last 24h, including this) > 1500", "known(device_ip) and users_by_device_30d >= 1",
    "distinct(other user, by address, last 30d) >= 1", "not seen(device, by user)", "standing_tags >= 1",
    'count(delivery where state == "rto", by user+card) >= 1', "orders_by_bin_1h >= 1", "custom.vip",
    "previous(amount of order, by user) > 300", "mean(amount of order where is_pre_paid, by phone) < 900",
    "chargebacks_ever >= 1", "since_last(order, by card) < 1h", 'previous(currency_code of order, by user) == "INR"',
    "share(transaction where outcome == \"failure\" in transaction, by user) > 0.4", "refused_share_of_postcode > 0.1",
)  # fmt: skip
OWN = {
    "calls": "count(message, by user, last 7d)",
    "spent": "sum(amount of order, by device, last 30d)",
    "is_back": "seen(ip, by user)",
}
CARD = {"_paymentType": "_creditCard", "_cardBin": "424242", "_cardExpiryMonth": "05", "_cardExpiryYear": "2030"}


class History:
    """A random past of a house: what shops send, late or not, and what their people change meanwhile."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.random = Random(seed)
        self.at_ms = NOW_MS
        self._orders = 0
        self._defined: list[str] = []

    def live(self, steps: int) -> None:
        """Let so much happen."""
        for _ in range(steps):
            self.random.choices(
                (self.send, self.publish, self.define, self.count, self.restart, self.edit_list), (76, 7, 3, 6, 3, 5)
            )[0]()

    def send(self) -> None:
        """One event, at times long after it happened."""
        random = self.random
        self.at_ms += random.choice((1_000, MINUTE_MS, HOUR_MS, DAY_MS))
        self.house.clock.advance(MINUTE_MS)
        at_ms = self.at_ms - random.choice((0, 0, 0, HOUR_MS, 3 * DAY_MS))
        tenant = random.choice((1, 1, 1, 2))
        for kind, body in self._event():
            self.house.tell(kind, at_ms, tenant=tenant, wants_score=random.random() < 0.3, **body)

    def publish(self) -> None:
        """A rule set of one of the tenants."""
        random = self.random
        rules = []
        for number in range(random.randrange(1, 7)):
            parts = random.sample(CONDITIONS, random.randrange(1, 3))
            lists = [row.name for row in self.house.roster.all(1)]
            if lists and random.random() < 0.5:
                parts.append(f'in_list(user, "{random.choice(lists)}")')
            if self._defined and random.random() < 0.4:
                parts.append(f"{random.choice(self._defined)} >= 1")
            rule_class: Any = random.choice(("score", "score", "review", "block", "allow"))
            state: Any = random.choice(("live", "live", "live", "shadow", "percentage", "draft", "paused"))
            rules.append(
                Rule(
                    name=f"rule_{number}", rule_class=rule_class, when=random.choice((" and ", " or ")).join(parts),
                    says="s", weight=float(random.randrange(1, 9)) if rule_class == "score" else 0.0, state=state,
                    percentage=random.randrange(101) if state == "percentage" else 100,
                )
            )  # fmt: skip
        self.house.publish(tuple(rules), prior=float(random.randrange(-20, 5)))

    def define(self) -> None:
        """A feature of the first tenant's own."""
        left = [name for name in OWN if name not in self._defined]
        if left:
            name = self.random.choice(left)
            self.house.define(name, OWN[name])
            self._defined.append(name)

    def edit_list(self) -> None:
        """Somebody comes into a list, or leaves it."""
        random = self.random
        self.house.edit_list(random.choice(("vip", "bad")), f"u-{random.randrange(4)}", out=random.random() < 0.4)

    def count(self) -> None:
        """Some of a past that is not in yet."""
        self.house.definitions.advance(self.random.randrange(1, 30))

    def restart(self) -> None:
        """With or without a snapshot."""
        self.house.restart(snapshot=self.random.random() < 0.5)

    def _event(self) -> Iterator[tuple[str, dict[str, Any]]]:
        random = self.random
        user = f"u-{random.randrange(4)}"
        who: dict[str, Any] = {"_userId": user, "_sessionId": f"s-{random.randrange(5)}"}
        if random.random() < 0.6:
            who |= {"_deviceId": f"d-{random.randrange(3)}", "_deviceIp": f"203.0.113.{random.randrange(3)}"}
        if random.random() < 0.15:
            del who["_userId"]
        order = f"o-{random.randrange(1 + self._orders)}"
        kind = random.choice(
            ("createOrder", "createOrder", "createOrder", "transaction", "login", "order_status", "chargeback", "tag",
             "send_message", "custom_event", "link_session_to_user")
        )  # fmt: skip
        if kind == "createOrder":
            self._orders += 1
            address = {"_name": "Asha", "_address1": f"{random.randrange(3)} Lake Road", "_zipcode": "411001",
                       "_country": "IN", "_phone": f"+91 98100 0000{random.randrange(3)}"}  # fmt: skip
            card = {**CARD, "_cardLast4": f"000{random.randrange(3)}"}
            custom = {"vip": random.choice((True, False, "no"))}
            yield kind, {**who, "_orderId": f"o-{self._orders}", "_amount": str(random.randrange(1_500)),
                         "_currencyCode": "INR", "_isPrePaid": random.random() < 0.5, "_shippingAddress": address,
                         "_paymentMethods": [card], "_customInfo": custom}  # fmt: skip
        elif kind == "transaction":
            yield kind, {**who, "_orderId": order, "_transactionId": f"t-{random.randrange(10**6)}",
                         "_transactionStatus": random.choice(("_success", "_failure"))}  # fmt: skip
        elif kind == "login":
            yield kind, {**who, "_userId": user, "_loginStatus": random.choice(("_success", "_failure"))}
        elif kind == "order_status":
            yield kind, {"_orderId": order, "_orderStatus": random.choice(("_rto", "_fulfilled", "_returned"))}
        elif kind == "chargeback":
            yield kind, {"_orderId": order, "_chargebackState": "_received", "_chargebackReason": "_fraud"}
        elif kind == "tag":
            yield kind, {"_userId": user, "_isBad": random.random() < 0.6, "_abuseType": "_accountAbuse"}
        elif kind == "send_message":
            yield kind, {**who, "_userId": user, "_content": "Where is it?"}
        elif kind == "custom_event":
            yield kind, {**who, "_userId": user, "_eventName": "coupon_failed"}
        else:
            yield kind, {"_userId": user, "_sessionId": who["_sessionId"]}
