"""The demo shop's fraud rings: gangs with devices, networks and tricks, that start small and come back.

A ring borrows what ordinary people have too: mobile networks, shared devices, new accounts, coupons, cash on
delivery. Its labels come days later, and not for all of its orders.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from fourthwatch.clock import HOUR_MS
from fourthwatch.workbench.checkout import Order, Pages, Profile, Visit, after, days_after
from fourthwatch.workbench.inventions import CHEAP, RESOLD, Card, Inventor, Person
from fourthwatch.workbench.shoppers import Shoppers
from fourthwatch.workbench.timeline import Timeline

RingKind = Literal["card_testing", "promotion_abuse", "device_sharing", "account_takeover", "cod_refusal"]
KINDS: tuple[RingKind, ...] = (
    "card_testing",
    "promotion_abuse",
    "device_sharing",
    "account_takeover",
    "cod_refusal",
)
_HOUR_S = 3_600.0


@dataclass(slots=True)
class Ring:
    """One gang and what it owns. `mailbox` is the local part its plus- and dot-addresses lead to."""

    kind: RingKind
    leader: Person
    mailbox: str
    devices: list[str]
    ips: list[str]
    phones: list[str | None]
    addresses: list[dict[str, object]]
    cards: list[Card]
    campaigns: int = 0
    aliases: int = 0
    quick: bool = False


class Rings:
    """Plans the campaigns of all rings. Tell it the number of orders first: `next_size`, then `strike`."""

    def __init__(self, timeline: Timeline, inventor: Inventor, pages: Pages, shoppers: Shoppers) -> None:
        self._timeline = timeline
        self._inventor = inventor
        self._random = inventor.random
        self._pages = pages
        self._shoppers = shoppers
        self._gangs: list[Ring] = []
        self._turn: list[RingKind] = []
        self._tricks: dict[RingKind, tuple[Callable[[Ring, int], None], float, float]] = {
            # one order of a campaign, and over how many hours a campaign goes, least and most
            "card_testing": (self._test_card, 0.3, 1.5),
            "promotion_abuse": (self._abuse_promotion, 2, 36),
            "device_sharing": (self._farm_account, 3, 40),
            "account_takeover": (self._take_over, 1, 20),
            "cod_refusal": (self._refuse_parcel, 4, 60),
        }
        self._draw()

    def strike(self, at_ms: int) -> None:
        """Start the campaign of `next_size` orders that was drawn, and draw the next one."""
        ring, size = self._next, self.next_size
        ring.campaigns += 1
        ring.quick = ring.kind == "card_testing" and self._random.random() < 0.6
        trick, least_h, most_h = self._tricks[ring.kind]
        hours = self._random.uniform(least_h, most_h)
        if ring.kind == "card_testing" and not ring.quick:
            hours *= 14  # those who have learned that speed is noticed
        step_s, now = hours * _HOUR_S / size, at_ms
        for _ in range(size):
            self._timeline.call(now, partial(trick, ring, now))
            now = after(self._inventor, now, 0.3 * step_s, 1.7 * step_s)
        self._draw()

    def _draw(self) -> None:
        """Kinds take turns in shuffled rounds; a known gang comes back half the time, larger than before."""
        if not self._turn:
            self._turn = list(KINDS)
            self._random.shuffle(self._turn)
        kind = self._turn.pop()
        gangs = [ring for ring in self._gangs if ring.kind == kind][-3:]
        if gangs and self._random.random() < 0.5:
            self._next = self._random.choice(gangs)
            self._refresh(self._next)
        else:
            self._next = self._recruit(kind)
            self._gangs.append(self._next)
        least, most = (2, 5) if self._next.campaigns == 0 else (4, 10)
        if kind == "account_takeover":
            least, most = 1, 4
        self.next_size = self._random.randint(least, most)
        """Orders of the next campaign."""

    def _recruit(self, kind: RingKind) -> Ring:
        random, inventor = self._random, self._inventor
        leader = inventor.compatriot("IN") if kind == "cod_refusal" else inventor.person()
        phones = [inventor.phone(leader.country) for _ in range(random.randint(1, 2))]
        return Ring(
            kind,
            leader,
            f"{leader.first}{leader.last}".lower() + str(random.randrange(10, 999)),
            [inventor.device() for _ in range(random.randint(1, 2))],
            [self._fresh_ip() for _ in range(random.randint(1, 3))],
            phones,
            [inventor.address(leader, random.choice(phones)) for _ in range(random.randint(1, 3))],
            [inventor.card(leader.country) for _ in range(2)],
        )

    def _refresh(self, ring: Ring) -> None:
        """Before it comes back a gang changes what was noticed: mostly the network, sometimes a device."""
        ring.ips = [self._fresh_ip() for _ in range(self._random.randint(1, 3))]
        if self._random.random() < 0.4:
            ring.devices[0] = self._inventor.device()

    def _fresh_ip(self) -> str:
        chance = self._random.random()
        if chance < 0.35:
            return self._inventor.mobile_ip()
        if chance < 0.6:
            return self._inventor.hosting_ip()
        return self._inventor.home_ip()

    def _seat(self, ring: Ring, user_id: str | None, *, hides: float = 0.2) -> Visit:
        """A session on the gang's gear; with chance `hides` from a network nobody has seen it on."""
        ip = self._inventor.home_ip() if self._random.random() < hides else self._random.choice(ring.ips)
        device = None if self._random.random() < 0.1 else self._random.choice(ring.devices)
        return self._pages.new_session(ip, user_id=user_id, device=device)

    def _test_card(self, ring: Ring, now: int) -> None:
        """Stolen cards tried on a small order; most fail. Some gangs are quick bots, some take their time."""
        random, inventor, pages = self._random, self._inventor, self._pages
        person = inventor.compatriot(ring.leader.country)
        email = f"{inventor.gibberish()}@example.com" if random.random() < 0.5 else inventor.email(person)
        phone = inventor.phone(person.country) if random.random() < 0.7 else None
        address = inventor.address(person, phone)
        user_id = pages.new_user_id() if random.random() < 0.4 else None
        visit = self._seat(ring, user_id, hides=0.35)
        profile = Profile(person, email, phone, address, address)
        if user_id is not None:
            pages.create_account(visit, now, profile)
        now = after(inventor, now, 1, 8) if ring.quick else after(inventor, now, 20, 200)
        order = self._order(ring, profile, CHEAP if random.random() < 0.8 else None, inventor.card(person.country))
        order.electronic = random.random() < 0.5
        order.first_time = True
        pages.order(visit, now, order)
        for _ in range(random.choices((0, 1, 2, 4), (25, 35, 25, 15))[0]):
            now = after(inventor, now, 2, 25)
            pages.transaction(visit, now, order, "failure", card=inventor.card(person.country))
        now = after(inventor, now, 2, 25)
        if random.random() < 0.55:
            pages.transaction(visit, now, order, "success")
            self._later_chargeback(visit, order, now, chance=0.8)
        else:
            pages.transaction(visit, now, order, "failure")

    def _abuse_promotion(self, ring: Ring, now: int) -> None:
        """One person, many accounts, the first-order coupon each time."""
        random, inventor, pages = self._random, self._inventor, self._pages
        profile = self._alias_profile(ring)
        user_id = pages.new_user_id()
        visit = self._seat(ring, user_id, hides=0.3)
        pages.create_account(visit, now, profile)
        now = after(inventor, now, 40, 400)
        order = self._order(ring, profile, None, random.choice(ring.cards))
        if random.random() < 0.4:
            order.card, order.wallet = None, True
        order.promotion, order.percent_off, order.first_time = "WELCOME", 20, True
        if random.random() < 0.7:
            pages.cart(visit, now, order.goods[0], order.quantities[0])
            now = after(inventor, now, 20, 120)
        if random.random() < 0.5:
            pages.promotion(visit, now - 1, "WELCOME")
        pages.order(visit, now, order)
        now = after(inventor, now, 3, 40)
        pages.transaction(visit, now, order, "success")
        pages.status(visit, days_after(inventor, now, 1.5, 5), order, "fulfilled")
        if random.random() < 0.65:
            pages.tag(user_id, days_after(inventor, now, 1, 9), "_promotionAbuse")

    def _farm_account(self, ring: Ring, now: int) -> None:
        """Many accounts on few devices, other people's cards, goods that sell on, a few drop addresses."""
        random, inventor, pages = self._random, self._inventor, self._pages
        person = inventor.compatriot(ring.leader.country)
        drop = {**random.choice(ring.addresses), "_name": person.name}
        phone = inventor.phone(person.country)
        drop |= {} if phone is None else {"_phone": phone}
        billing = inventor.address(person, phone) if random.random() < 0.6 else drop
        profile = Profile(person, inventor.email(person), phone, billing, drop)
        user_id = pages.new_user_id()
        visit = self._seat(ring, user_id, hides=0.5)
        pages.create_account(visit, now, profile)
        now = after(inventor, now, 60, 3_000)
        order = self._order(ring, profile, RESOLD if random.random() < 0.6 else None, inventor.card(person.country))
        order.first_time = True
        if random.random() < 0.8:
            pages.cart(visit, now, order.goods[0], 1)
            now = after(inventor, now, 20, 200)
        pages.order(visit, now, order)
        now = after(inventor, now, 3, 40)
        if random.random() < 0.25:
            pages.transaction(visit, now, order, "failure")
            now = after(inventor, now, 15, 90)
        pages.transaction(visit, now, order, "success")
        pages.status(visit, days_after(inventor, now, 1.5, 5), order, "fulfilled")
        self._later_chargeback(visit, order, now, chance=0.65)
        if random.random() < 0.25:
            pages.tag(user_id, days_after(inventor, now, 2, 12), "_accountAbuse")

    def _take_over(self, ring: Ring, now: int) -> None:
        """A settled customer's password guessed from a strange place; a dear order to a strange door."""
        random, inventor, pages = self._random, self._inventor, self._pages
        victims = [s for s in self._shoppers.known if s.orders > 0 and s.seen_ms < now]
        if not victims:
            return
        victim = random.choice(victims)
        victim.seen_ms = now + HOUR_MS  # the owner does not come meanwhile, nor does another thief
        visit = self._seat(ring, victim.user_id, hides=0.4)
        for _ in range(random.choices((0, 1, 3, 6), (15, 25, 40, 20))[0]):
            pages.login(visit, now, success=False)
            now = after(inventor, now, 3, 60)
        pages.login(visit, now)
        own = victim.profile
        stranger = inventor.compatriot(own.country)
        there = inventor.address(stranger, inventor.phone(own.country))
        if random.random() < 0.3:
            there["_name"] = own.person.name
        profile = Profile(own.person, own.email, own.phone, own.billing, there)
        if random.random() < 0.4:
            now = after(inventor, now, 20, 200)
            changed = Profile(own.person, inventor.email(stranger), inventor.phone(own.country), own.billing, there)
            pages.update_account(visit, now, changed)
            profile.email = changed.email
        card = random.choice(victim.cards) if random.random() < 0.7 else inventor.card(own.country)
        order = self._order(ring, profile, RESOLD if random.random() < 0.75 else None, card)
        order.expedited = random.random() < 0.35
        now = after(inventor, now, 60, 600)
        pages.cart(visit, now, order.goods[0], 1)
        now = after(inventor, now, 20, 200)
        pages.order(visit, now, order)
        now = after(inventor, now, 3, 40)
        pages.transaction(visit, now, order, "success")
        pages.status(visit, days_after(inventor, now, 1, 4), order, "fulfilled")
        self._later_chargeback(visit, order, now, chance=0.8)

    def _refuse_parcel(self, ring: Ring, now: int) -> None:
        """Cash on delivery to a few doors and phones, in ever new names; nobody ever takes the parcel."""
        random, inventor, pages = self._random, self._inventor, self._pages
        person = inventor.compatriot(ring.leader.country)
        phone = random.choice(ring.phones) if random.random() < 0.75 else inventor.phone(person.country)
        address = {**random.choice(ring.addresses), "_name": person.name}
        if random.random() < 0.3:
            address["_address1"] = inventor.gibberish() if random.random() < 0.5 else "near temple"
            address.pop("_address2", None)
        if phone is not None:
            address["_phone"] = phone
        profile = Profile(person, inventor.email(person), phone, address, address)
        user_id = pages.new_user_id() if random.random() < 0.75 else None
        visit = self._seat(ring, user_id, hides=0.35)
        if user_id is not None:
            pages.create_account(visit, now, profile)
        now = after(inventor, now, 60, 900)
        order = self._order(ring, profile, RESOLD if random.random() < 0.3 else None, None)
        order.first_time = True
        if random.random() < 0.8:
            pages.cart(visit, now, order.goods[0], order.quantities[0])
            now = after(inventor, now, 20, 200)
        pages.order(visit, now, order)
        pages.transaction(visit, after(inventor, now, 3, 40), order, "pending")
        tried_ms = days_after(inventor, now, 2, 5)
        tried: dict[str, object] = {"courier": {"name": "Fleet Nine", "attempt": 1}, "reason": "refused"}
        pages.custom(visit, tried_ms, "delivery_attempt_failed", tried, _orderId=order.order_id)
        if random.random() < 0.92:
            pages.status(visit, days_after(inventor, tried_ms, 1, 3), order, "rto")

    def _order(self, ring: Ring, profile: Profile, among: tuple[int, ...] | None, card: Card | None) -> Order:
        goods = self._inventor.cart(profile.country, among=among, most=2)
        quantities = [self._random.choices((1, 2), (85, 15))[0] for _ in goods]
        order = Order(self._pages.new_order_id(), goods, quantities, profile, card, truth=ring.kind)
        order.expedited = self._random.random() < 0.12
        return order

    def _alias_profile(self, ring: Ring) -> Profile:
        """The same person spelled differently: plus-address or dots, an address written another way."""
        random = self._random
        box = ring.mailbox
        if random.random() < 0.6:
            email = f"{box}+{random.choice(('a', 'shop', 'new', 'x'))}{ring.aliases}@gmail.com"
        else:
            dot = 1 + ring.aliases % (len(box) - 1)
            email = f"{box[:dot]}.{box[dot:]}@gmail.com"
        ring.aliases += 1
        address = dict(ring.addresses[0])
        first_line = str(address["_address1"])
        spelled = (first_line, first_line.upper(), first_line.replace(" ", ", ", 1), first_line.lower())
        address["_address1"] = random.choice(spelled)
        person = ring.leader
        if random.random() < 0.5:
            person = self._inventor.compatriot(person.country, last=person.last)
        address["_name"] = person.name
        phone = random.choice(ring.phones)
        return Profile(person, email, phone, address, address)

    def _later_chargeback(self, visit: Visit, order: Order, at_ms: int, *, chance: float) -> None:
        if self._random.random() < chance:
            self._pages.chargeback(visit, days_after(self._inventor, at_ms, 3, 18), order, "_fraud")
