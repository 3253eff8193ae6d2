"""The demo shop's ordinary people: households, offices, guests, travellers, givers, the forgetful.

They share devices, addresses and networks, mistype passwords and cards, and send parcels back: whoever looks
for rings has to tell them apart from these.
"""

from dataclasses import dataclass

from fourthwatch.clock import DAY_MS
from fourthwatch.workbench.checkout import Order, Pages, Profile, Visit, after, days_after
from fourthwatch.workbench.inventions import Card, Good, Inventor
from fourthwatch.workbench.timeline import Timeline

OFFICES = 24
_REVIEWS = (
    "Does what it says.",
    "Came a day late, but good.",
    "Too small for me.",
    "My mother loves it.",
    "Fine.",
)
_MESSAGES = (
    ("Where is my parcel?", "It should have come yesterday, can you check?"),
    ("Invoice", "Please send me an invoice for my last order."),
    ("Size", "Can I change the size of my order?"),
)


@dataclass(slots=True)
class Shopper:
    """An account and the person behind it. `seen_ms` is the end of the last planned visit."""

    user_id: str
    profile: Profile
    devices: list[str]
    ip: str
    office_ip: str | None
    cards: list[Card]
    pays_cash: bool
    orders: int = 0
    seen_ms: int = 0
    signed_up: bool = True


class Shoppers:
    """Plans the visits of ordinary people. `known` holds every account, the oldest first."""

    def __init__(self, timeline: Timeline, inventor: Inventor, pages: Pages, *, settled: int) -> None:
        self._timeline = timeline
        self._inventor = inventor
        self._random = inventor.random
        self._pages = pages
        self._offices = [inventor.office_ip() for _ in range(OFFICES)]
        self.known: list[Shopper] = []
        for _ in range(settled):
            # Customers from before the shop was connected: no create_account is ever seen of them.
            shopper = self._newcomer()
            shopper.orders = self._random.randint(1, 9)
            self.known.append(shopper)

    def visit(self, at_ms: int) -> None:
        """Somebody comes at `at_ms`, looks round and orders."""
        chance = self._random.random()
        if chance < 0.12:
            self._guest_visit(at_ms)
        elif chance < 0.45 or not self.known:
            shopper = self._newcomer()
            shopper.signed_up = False
            self._account_visit(shopper, at_ms)
        else:
            awake = [s for s in self._random.sample(self.known, min(4, len(self.known))) if s.seen_ms < at_ms]
            self._account_visit(awake[0] if awake else self._newcomer(), at_ms)

    def _newcomer(self) -> Shopper:
        """A new person: one in five moves in with somebody known and shares what households share."""
        random, inventor = self._random, self._inventor
        host = random.choice(self.known) if self.known and random.random() < 0.2 else None
        if host is None:
            person = inventor.person()
            phone = inventor.phone(person.country) if random.random() < 0.93 else None
            address = inventor.address(person, phone)
            ip, devices, cards = inventor.home_ip(), [inventor.device()], [inventor.card(person.country)]
        else:
            person = inventor.compatriot(host.profile.country, last=host.profile.person.last)
            own = inventor.phone(person.country)
            phone = host.profile.phone if random.random() < 0.3 else own
            address = {**host.profile.billing, "_name": person.name}
            if phone is not None:
                address["_phone"] = phone
            ip = host.ip
            devices = [host.devices[0]] if random.random() < 0.35 else [inventor.device()]
            cards = [host.cards[0]] if random.random() < 0.4 else [inventor.card(person.country)]
        if random.random() < 0.4:
            devices.append(inventor.device())
        if random.random() < 0.25:
            cards.append(inventor.card(person.country))
        email = inventor.email(person)
        if email.endswith("@gmail.com") and random.random() < 0.02:
            email = email.replace("@", "+shops@")
        office = random.choice(self._offices) if random.random() < 0.2 else None
        return Shopper(
            self._pages.new_user_id(),
            Profile(person, email, phone, address, address),
            devices,
            ip,
            office,
            cards,
            pays_cash=random.random() < (0.45 if person.country == "IN" else 0.02),
        )

    def _place(self, shopper: Shopper) -> tuple[str, str | None]:
        """Where a shopper is, and on which device (None: the script was blocked)."""
        random, inventor = self._random, self._inventor
        chance = random.random()
        if shopper.office_ip is not None and chance < 0.4:
            ip = shopper.office_ip
        elif chance < 0.62:
            ip = shopper.ip
        elif chance < 0.88:
            ip = inventor.mobile_ip()
        elif chance < 0.92:
            ip = inventor.hosting_ip()
        else:
            ip = inventor.home_ip()  # travelling, or the provider gave a new one
        if random.random() < 0.05:
            return ip, None
        if random.random() < 0.05:
            shopper.devices.append(inventor.device())
            return ip, shopper.devices[-1]
        return ip, random.choice(shopper.devices)

    def _account_visit(self, shopper: Shopper, at_ms: int) -> None:
        random, pages = self._random, self._pages
        ip, device = self._place(shopper)
        visit = pages.new_session(ip, user_id=shopper.user_id, device=device)
        now = at_ms
        if not shopper.signed_up:
            shopper.signed_up = True
            self.known.append(shopper)
            referral = f"REF{random.randrange(10_000):04d}" if random.random() < 0.06 else None
            pages.create_account(visit, now, shopper.profile, referral=referral)
        elif random.random() < 0.75:
            wrong = random.choices((0, 1, 2, 4), (86, 9, 4, 1))[0]
            for _ in range(wrong):
                pages.login(visit, now, success=False)
                now = after(self._inventor, now, 5, 60)
            pages.login(visit, now)
        order, now = self._choose(visit, shopper.profile, now)
        if shopper.pays_cash and random.random() < 0.8:
            order.card = None
        elif random.random() < 0.2:
            order.card, order.wallet = None, True
        else:
            order.card = random.choice(shopper.cards)
        order.first_time = shopper.orders == 0
        self._coupon(visit, order, now)
        if random.random() < 0.1:
            self._as_gift(order)
        shopper.orders += 1
        shopper.seen_ms = self._buy(visit, order, now)
        if random.random() < 0.15:
            pages.logout(visit, after(self._inventor, shopper.seen_ms, 20, 900))
        self._timeline.call(shopper.seen_ms, lambda: self._aftermath(visit, order, shopper.seen_ms))

    def _guest_visit(self, at_ms: int) -> None:
        """A guest has a session and no account; one in three makes one afterwards."""
        random, pages = self._random, self._pages
        shopper = self._newcomer()
        ip, device = self._place(shopper)
        visit = pages.new_session(ip, device=device)
        order, now = self._choose(visit, shopper.profile, at_ms)
        order.card = None if shopper.pays_cash else shopper.cards[0]
        order.first_time = True  # as far as the shop can tell
        paid_ms = self._buy(visit, order, now)
        shopper.orders, shopper.seen_ms = 1, paid_ms
        self._timeline.call(paid_ms, lambda: self._aftermath(visit, order, paid_ms))
        if random.random() < 0.33:
            signs_up_ms = after(self._inventor, paid_ms, 20, 600)
            shopper.seen_ms = signs_up_ms + 1_000
            member = Visit(visit.session_id, visit.ip, shopper.user_id, visit.device, visit.channel)
            pages.create_account(member, signs_up_ms, shopper.profile)
            pages.link_session(member, signs_up_ms + 1_000)
            self._timeline.call(shopper.seen_ms, lambda: self.known.append(shopper))

    def _choose(self, visit: Visit, profile: Profile, at_ms: int) -> tuple[Order, int]:
        """Fill a cart; the order to be and the moment when it is filled."""
        random, pages = self._random, self._pages
        goods = self._inventor.cart(profile.country)
        quantities = [random.choices((1, 2, 3), (85, 12, 3))[0] for _ in goods]
        now = after(self._inventor, at_ms, 5, 90)
        for item, quantity in zip(goods, quantities, strict=True):
            if random.random() < 0.8:
                pages.cart(visit, now, item, quantity)
                now = after(self._inventor, now, 10, 180)
        if random.random() < 0.12:
            other = self._inventor.cart(profile.country, most=1)[0]
            pages.cart(visit, now, other, 1)
            now = after(self._inventor, now, 10, 120)
            pages.cart(visit, now, other, 1, removed=True)
        if random.random() < 0.08:
            wished = self._inventor.cart(profile.country, most=1)[0]
            pages.custom(visit, now, "wishlist_add", _wish(wished, random.randint(1, 12)))
        order = Order(pages.new_order_id(), goods, quantities, profile, None)
        order.expedited = random.random() < 0.1
        order.electronic = all(item.title == "Gift card" for item in goods)
        return order, after(self._inventor, now, 20, 240)

    def _coupon(self, visit: Visit, order: Order, at_ms: int) -> None:
        random = self._random
        if order.first_time and random.random() < 0.45:
            order.promotion, order.percent_off = "WELCOME", 20
        elif random.random() < 0.1:
            order.promotion, order.percent_off = "SAVE10", 10
        if order.promotion is not None and random.random() < 0.5:
            self._pages.promotion(visit, at_ms - 1, order.promotion)
        elif order.promotion is None and random.random() < 0.05:
            code = random.choice(("WELCOME", "SAVE10", "SUMMER23"))
            failure = "_alreadyUsed" if code == "WELCOME" else "_expired"
            self._pages.promotion(visit, at_ms - 2, code, failure=failure)
            attempt: dict[str, object] = {"coupon": {"code": code, "reason": failure.strip("_"), "attempt": 1}}
            self._pages.custom(visit, at_ms - 1, "coupon_failed", attempt)

    def _as_gift(self, order: Order) -> None:
        person = self._inventor.compatriot(order.profile.country)
        there = self._inventor.address(person, self._inventor.phone(person.country))
        own = order.profile
        order.profile = Profile(own.person, own.email, own.phone, own.billing, there)
        order.gift = self._random.random() < 0.7

    def _buy(self, visit: Visit, order: Order, at_ms: int) -> int:
        """Order and pay; when that is over."""
        pages, random = self._pages, self._random
        pages.order(visit, at_ms, order)
        now = after(self._inventor, at_ms, 2, 40)
        if order.cash:
            pages.transaction(visit, now, order, "pending")
            return now
        for _ in range(random.choices((0, 1, 2), (91, 7, 2))[0]):
            pages.transaction(visit, now, order, "failure")
            now = after(self._inventor, now, 15, 150)
        pages.transaction(visit, now, order, "success")
        return now

    def _aftermath(self, visit: Visit, order: Order, at_ms: int) -> None:
        """Parcel, review, complaint: days later, and rarely bad news."""
        pages, random, inventor = self._pages, self._random, self._inventor
        arrives_ms = days_after(inventor, at_ms, 1.5, 6)
        if random.random() < 0.02:
            pages.status(visit, after(inventor, at_ms, 300, 40_000), order, "canceled", reason="_other")
            return
        if order.cash and random.random() < 0.08:
            tried: dict[str, object] = {
                "courier": {"name": "Fleet Nine", "attempt": 1},
                "reason": "nobody home",
            }
            pages.custom(visit, arrives_ms, "delivery_attempt_failed", tried, _orderId=order.order_id)
            if random.random() < 0.35:
                pages.status(visit, arrives_ms + 2 * DAY_MS, order, "rto")
                return
            arrives_ms += DAY_MS
        pages.status(visit, arrives_ms, order, "fulfilled")
        if random.random() < 0.04:
            pages.status(visit, days_after(inventor, arrives_ms, 2, 12), order, "returned")
        elif random.random() < 0.08:
            text = random.choice(_REVIEWS)
            rating = random.randint(2, 5)
            pages.review(visit, days_after(inventor, arrives_ms, 0.2, 9), order.goods[0], rating, text)
        if random.random() < 0.04:
            subject, content = random.choice(_MESSAGES)
            pages.message(visit, days_after(inventor, at_ms, 0.3, 7), subject, content)
        if not order.cash and random.random() < 0.004:
            reason = random.choice(("_product_not_received", "_duplicate", "_product_unacceptable"))
            pages.chargeback(visit, days_after(inventor, arrives_ms, 5, 25), order, reason)


def _wish(item: Good, place: int) -> dict[str, object]:
    return {
        "wish": {"item": f"item-{item.number:03d}", "list": {"name": "Later", "place": place}},
        "price_seen": item.minor,
    }
