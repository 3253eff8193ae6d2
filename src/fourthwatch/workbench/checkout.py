"""What a shop's pages send, from sign-up to chargeback, in the contract's fields.

Everybody shops through the same pages: a ring's event has the same keys as a neighbour's, only its story
differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fourthwatch.clock import DAY_MS, SECOND_MS
from fourthwatch.workbench.inventions import CURRENCY, GATEWAY, Card, Country, Good, Inventor, Person, decimal
from fourthwatch.workbench.timeline import Timeline

ORDINARY = "ordinary"


@dataclass(slots=True)
class Visit:
    """Somebody on the shop's pages. `user_id` is None for a guest, `device` when its script was blocked."""

    session_id: str
    ip: str
    user_id: str | None = None
    device: str | None = None
    channel: str = "web"


@dataclass(slots=True)
class Profile:
    """What a buyer types in. `email` and `phone` may be None: not every page asks for them."""

    person: Person
    email: str | None
    phone: str | None
    billing: dict[str, object]
    shipping: dict[str, object]

    @property
    def country(self) -> Country:
        return self.person.country


@dataclass(slots=True)
class Order:
    """One order on its way. No `card` is cash on delivery unless `wallet`; `truth` is never sent."""

    order_id: str
    goods: Sequence[Good]
    quantities: Sequence[int]
    profile: Profile
    card: Card | None
    truth: str = ORDINARY
    wallet: bool = False
    promotion: str | None = None
    percent_off: int = 0
    first_time: bool = False
    gift: bool = False
    expedited: bool = False
    electronic: bool = False
    attempts: int = field(default=0, init=False)

    @property
    def cash(self) -> bool:
        return self.card is None and not self.wallet

    @property
    def amount_minor(self) -> int:
        """What the goods cost, less the percentage off."""
        total = sum(g.minor * n for g, n in zip(self.goods, self.quantities, strict=True))
        return total * (100 - self.percent_off) // 100


class Pages:
    """The shop's pages: each method plans one event. `token` keeps the ids of two shops apart."""

    def __init__(self, timeline: Timeline, inventor: Inventor, token: str) -> None:
        self._timeline = timeline
        self._inventor = inventor
        self._token = token
        self._orders = 0
        self._users = 0

    def new_user_id(self) -> str:
        """One that this shop has not given away yet."""
        self._users += 1
        return f"u-{self._token}-{self._users:05d}"

    def new_order_id(self) -> str:
        """One that this shop has not given away yet."""
        self._orders += 1
        return f"ord-{self._token}-{self._orders:06d}"

    def new_session(self, ip: str, *, user_id: str | None = None, device: str | None = None) -> Visit:
        """A visit under way; without `user_id` a guest's."""
        channel = self._inventor.random.choice(("web", "web", "app"))
        return Visit(f"s-{self._inventor.random.getrandbits(48):012x}", ip, user_id, device, channel)

    def create_account(self, visit: Visit, at_ms: int, profile: Profile, *, referral: str | None = None) -> None:
        self._account("create_account", visit, at_ms, profile, referral)

    def update_account(self, visit: Visit, at_ms: int, profile: Profile) -> None:
        self._account("update_account", visit, at_ms, profile, None)

    def login(self, visit: Visit, at_ms: int, *, success: bool = True) -> None:
        self._send("login", visit, at_ms, {"_loginStatus": "_success" if success else "_failure"})

    def logout(self, visit: Visit, at_ms: int) -> None:
        self._send("logout", visit, at_ms, {})

    def link_session(self, visit: Visit, at_ms: int) -> None:
        """A guest has become somebody: `visit.user_id` says who."""
        body = {"_userId": visit.user_id, "_sessionId": visit.session_id, "_originTimestamp": str(at_ms)}
        self._timeline.emit("link_session_to_user", at_ms, body)

    def cart(self, visit: Visit, at_ms: int, item: Good, quantity: int, *, removed: bool = False) -> None:
        """So many of a thing put into the cart, or taken out of it."""
        event = "remove_from_cart" if removed else "add_to_cart"
        self._send(event, visit, at_ms, {"_item": _item(item, quantity)})

    def promotion(self, visit: Visit, at_ms: int, code: str, *, failure: str | None = None) -> None:
        """A coupon typed in; `failure` is why it was not taken, None that it was."""
        promotion: dict[str, object] = {"_promotionId": code, "_status": "_Failed" if failure else "_success"}
        if failure is not None:
            promotion["_failureReason"] = failure
        self._send("add_promotion", visit, at_ms, {"_promotions": [promotion]})

    def custom(self, visit: Visit, at_ms: int, name: str, fields: dict[str, object], **top: object) -> None:
        """A custom event: its name at the top level, its fields inside `_customInfo`, nested or not."""
        self._send("custom_event", visit, at_ms, {"_eventName": name, **top}, fields)

    def review(self, visit: Visit, at_ms: int, item: Good, rating: int, text: str) -> None:
        """An opinion on a thing; `rating` is 1 to 5."""
        fields: dict[str, object] = {
            "_itemId": f"item-{item.number:03d}",
            "_rating": str(rating),
            "_reviewTitle": item.title,
            "_reviewContent": text,
            "_submissionStatus": "_success",
        }
        self._send("submit_review", visit, at_ms, fields)

    def message(self, visit: Visit, at_ms: int, subject: str, content: str) -> None:
        self._send("send_message", visit, at_ms, {"_subject": subject, "_content": content})

    def order(self, visit: Visit, at_ms: int, order: Order) -> None:
        """The order itself; the only event that carries a truth."""
        profile, currency = order.profile, CURRENCY[order.profile.country]
        fields: dict[str, object] = {
            "_orderId": order.order_id,
            "_amount": decimal(order.amount_minor),
            "_currencyCode": currency,
            "_hasExpeditedShipping": order.expedited,
            "_shippingMethod": "_electronic" if order.electronic else "_physical",
            "_isPrePaid": not order.cash,
            "_isGift": order.gift,
            "_isFirstTimeBuyer": order.first_time,
            "_billingAddress": profile.billing,
            "_shippingAddress": profile.shipping,
            "_paymentMethods": [_payment(order)],
            "_items": [_item(g, n) for g, n in zip(order.goods, order.quantities, strict=True)],
        }
        if profile.email is not None:
            fields["_userEmail"] = profile.email
        if order.promotion is not None:
            fields["_promotions"] = [
                {
                    "_promotionId": order.promotion,
                    "_status": "_success",
                    "_percentageOff": str(order.percent_off),
                    "_type": "First order" if order.promotion == "WELCOME" else "Season",
                }
            ]
        self._send("createOrder", visit, at_ms, fields, truth=order.truth)

    def transaction(self, visit: Visit, at_ms: int, order: Order, status: str, *, card: Card | None = None) -> None:
        """One try at paying; `status` without its underscore, `card` when not the order's own."""
        order.attempts += 1
        fields: dict[str, object] = {
            "_orderId": order.order_id,
            "_transactionId": f"t{order.attempts}-{order.order_id}",
            "_amount": decimal(order.amount_minor),
            "_currencyCode": CURRENCY[order.profile.country],
            "_transactionType": "_sale",
            "_transactionStatus": f"_{status}",
            "_paymentMethod": _payment(order, card),
        }
        if order.profile.email is not None:
            fields["_userEmail"] = order.profile.email
        self._send("transaction", visit, at_ms, fields)

    def status(self, visit: Visit, at_ms: int, order: Order, status: str, *, reason: str | None = None) -> None:
        """The order's state, from the back office; `status` without its underscore."""
        body: dict[str, object] = {"_orderId": order.order_id, "_orderStatus": f"_{status}"}
        if visit.user_id is not None and self._inventor.random.random() < 0.7:
            body["_userId"] = visit.user_id
        if reason is not None:
            body["_reason"] = reason
        self._office("order_status", at_ms, body)

    def chargeback(self, visit: Visit, at_ms: int, order: Order, reason: str) -> None:
        """The bank has opened a dispute about the last payment of the order."""
        body: dict[str, object] = {
            "_orderId": order.order_id,
            "_transactionId": f"t{order.attempts}-{order.order_id}",
            "_chargebackState": "_received",
            "_chargebackReason": reason,
        }
        if visit.user_id is not None:
            body["_userId"] = visit.user_id
        self._office("chargeback", at_ms, body)

    def tag(self, user_id: str, at_ms: int, abuse: str, *, bad: bool = True) -> None:
        """An analyst's label on a user."""
        body: dict[str, object] = {
            "_userId": user_id,
            "_isBad": bad,
            "_abuseType": abuse,
            "_source": "manual review",
            "_analyst": self._inventor.random.choice(("mira", "jonas", "ade")),
        }
        self._office("tag", at_ms, body)

    def _account(self, event: str, visit: Visit, at_ms: int, profile: Profile, referral: str | None) -> None:
        fields: dict[str, object] = {
            "_firstName": profile.person.first,
            "_lastName": profile.person.last,
            "_accountStatus": "_active",
        }
        if profile.email is not None:
            fields["_userEmail"] = profile.email
        if profile.phone is not None:
            fields["_phone"] = profile.phone
        if referral is not None:
            fields["_referralCode"] = referral
        if self._inventor.random.random() < 0.5:
            fields["_emailConfirmedStatus"] = "_pending"
        self._send(event, visit, at_ms, fields)

    def _send(
        self,
        event: str,
        visit: Visit,
        at_ms: int,
        fields: dict[str, object],
        custom: dict[str, object] | None = None,
        *,
        truth: str | None = None,
    ) -> None:
        body: dict[str, object] = {"_sessionId": visit.session_id}
        if visit.user_id is not None:
            body["_userId"] = visit.user_id
        body |= {"_deviceIp": visit.ip, "_originTimestamp": str(at_ms), **fields}
        device = {} if visit.device is None else {"deviceId": visit.device}
        body["_customInfo"] = {"channel": visit.channel, **device, **(custom or {})}
        self._timeline.emit(event, at_ms, body, truth=truth)

    def _office(self, event: str, at_ms: int, body: dict[str, object]) -> None:
        # The contract has no timestamp on these; a history that is sent in one go needs it all the same.
        self._timeline.emit(event, at_ms, {**body, "_originTimestamp": str(at_ms)})


def after(inventor: Inventor, at_ms: int, least_s: float, most_s: float) -> int:
    """A moment between `least_s` and `most_s` seconds after `at_ms`, never the same millisecond."""
    return at_ms + max(1, int(inventor.random.uniform(least_s, most_s) * SECOND_MS))


def days_after(inventor: Inventor, at_ms: int, least: float, most: float) -> int:
    """A moment between `least` and `most` days after `at_ms`."""
    return at_ms + int(inventor.random.uniform(least, most) * DAY_MS)


def _item(item: Good, quantity: int) -> dict[str, object]:
    return {
        "_itemId": f"item-{item.number:03d}",
        "_productTitle": item.title,
        "_price": decimal(item.minor),
        "_currencyCode": item.currency,
        "_category": item.category,
        "_quantity": quantity,
        "_seller": {"_sellerId": f"seller-{item.seller}"},
    }


def _payment(order: Order, card: Card | None = None) -> dict[str, object]:
    country = order.profile.country
    payment: dict[str, object] = {
        "_amount": decimal(order.amount_minor),
        "_currencyCode": CURRENCY[country],
    }
    card = card or order.card
    if card is not None:
        payment |= {
            "_paymentType": "_creditCard",
            "_paymentGateway": GATEWAY[country],
            "_accountName": order.profile.billing["_name"],
            "_cardBin": card.bin,
            "_cardLast4": card.last4,
            "_cardExpiryMonth": card.month,
            "_cardExpiryYear": card.year,
        }
    elif order.wallet:
        payment |= {"_paymentType": "_wallet", "_paymentGateway": "paytm" if country == "IN" else "paypal"}
    else:
        payment["_paymentType"] = "_cash"
    return payment
