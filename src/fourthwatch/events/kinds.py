"""The twenty kinds of events, typed: the contract's keys, and four more that every kind may carry.

A kind's number is stored in the ledger and never given to another kind.
"""

from typing import Any

import msgspec

from fourthwatch.events.parts import Address, Item, PaymentMethod, Promotion, wire_name


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    rename=wire_name,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """What every kind may carry. The contract leaves some of these out of some kinds; we read them everywhere."""

    user_id: str | None = None
    """The shop's own id of the account; a guest's session id may stand here instead."""
    session_id: str | None = None
    device_ip: str | None = None
    """Address of the shopper, not of the shop's server."""
    origin_timestamp: str | None = None
    """When it happened, by the sender's clock; `fourthwatch.wire.times` says which forms are read."""
    device_id: str | None = None
    """The shopper's device, as the shop recognises it; also read from `_customInfo.deviceId`. Not in the contract."""
    order_id: str | None = None
    """The order it is about; decided kinds require it, custom events may point at one."""
    custom_info: dict[str, Any] | None = None


class CreateAccount(Event, frozen=True):
    """A user registered."""

    user_email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    age: str | None = None
    gender: str | None = None
    referral_code: str | None = None
    referrer_user_id: str | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    payment_methods: tuple[PaymentMethod, ...] | None = None
    promotions: tuple[Promotion, ...] | None = None
    social_sign_on_type: str | None = None
    email_confirmed_status: str | None = None
    phone_confirmed_status: str | None = None
    is_newsletter_subscribed: bool | None = None
    account_status: str | None = None
    facebook_id: str | None = None
    google_id: str | None = None
    twitter_id: str | None = None


class UpdateAccount(CreateAccount, frozen=True):
    """Account facts changed; the account need not be known here."""


class Login(Event, frozen=True):
    """A login attempt, successful or not."""

    login_status: str | None = None


class Logout(Event, frozen=True):
    """The user logged out."""


class LinkSessionToUser(Event, frozen=True):
    """An anonymous session turned out to belong to a user."""


class AddToCart(Event, frozen=True):
    """An item was put into the cart."""

    item: Item | None = None


class RemoveFromCart(Event, frozen=True):
    """An item was taken out of the cart."""

    item: Item | None = None


class CreateOrder(Event, frozen=True):
    """An order, new or already known, is submitted and scored."""

    user_email: str | None = None
    amount: str | None = None
    currency_code: str | None = None
    has_expedited_shipping: bool | None = None
    shipping_method: str | None = None
    order_referrer: str | None = None
    is_pre_paid: bool | None = None
    is_gift: bool | None = None
    is_return: bool | None = None
    is_first_time_buyer: bool | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    payment_methods: tuple[PaymentMethod, ...] | None = None
    promotions: tuple[Promotion, ...] | None = None
    items: tuple[Item, ...] | None = None


class UpdateOrder(CreateOrder, frozen=True):
    """Replaces the order completely; creates it when unknown."""


class OrderStatus(Event, frozen=True):
    """The order moved on; repeatable."""

    order_status: str | None = None
    reason: str | None = None
    shipping_cost: str | None = None
    tracking_number: str | None = None
    tracking_method: str | None = None
    source: str | None = None
    analyst: str | None = None
    description: str | None = None


class ItemStatus(Event, frozen=True):
    """One line of an order moved on."""

    item_id: str | None = None
    item_status: str | None = None
    reason: str | None = None
    shipping_cost: str | None = None
    tracking_number: str | None = None
    tracking_method: str | None = None
    source: str | None = None
    analyst: str | None = None
    description: str | None = None


class Transaction(Event, frozen=True):
    """The outcome of a payment, refund or transfer attempt; the order is scored again."""

    transaction_id: str | None = None
    user_email: str | None = None
    amount: str | None = None
    currency_code: str | None = None
    transaction_type: str | None = None
    transaction_status: str | None = None
    is_first_time_buyer: bool | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    payment_method: PaymentMethod | None = None


class Chargeback(Event, frozen=True):
    """A dispute was opened or changed; by itself it does not label the user."""

    transaction_id: str | None = None
    chargeback_state: str | None = None
    chargeback_reason: str | None = None


class AddPromotion(Event, frozen=True):
    """Promotions were newly applied, or failed, for a user."""

    promotions: tuple[Promotion, ...] | None = None


class SubmitReview(Event, frozen=True):
    """A review of a product or seller."""

    review_title: str | None = None
    review_content: str | None = None
    item_id: str | None = None
    submission_status: str | None = None
    rating: str | None = None


class SendMessage(Event, frozen=True):
    """The user wrote to another user or to the shop."""

    recipient_user_id: str | None = None
    subject: str | None = None
    content: str | None = None


class ReportItem(Event, frozen=True):
    """A user reported a listing."""

    item_id: str | None = None
    user_email: str | None = None


RULE_SOURCE = "_rule"
"""`_source` of a tag that a rule has put on a user; it is one of our own events then."""


class Tag(Event, frozen=True):
    """Marks a user bad or good for an abuse type; a newer tag replaces the older one."""

    is_bad: bool | None = None
    abuse_type: str | None = None
    description: str | None = None
    source: str | None = None
    analyst: str | None = None


class Untag(Event, frozen=True):
    """Clears the tag of an abuse type, or all when none is named."""

    abuse_type: str | None = None
    analyst: str | None = None


class CustomEvent(Event, frozen=True, forbid_unknown_fields=False):
    """Anything else a shop wants to tell: a name, any fields, perhaps an order and its new state."""

    order_status: str | None = None


class Kind(msgspec.Struct, frozen=True, gc=False):
    """One row of the table of kinds."""

    number: int
    name: str
    """As in the path, `/event/v1/<name>`, and in recordings."""
    type: type[Event]
    aliases: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    """Wire keys without which the event is refused."""
    decided: bool = False
    """Whether the reply carries a decision without being asked."""
    rescores: bool = False
    """Whether it makes a new decision on the order it names."""


KINDS: tuple[Kind, ...] = (
    Kind(1, "create_account", CreateAccount),
    Kind(2, "update_account", UpdateAccount),
    Kind(3, "login", Login),
    Kind(4, "logout", Logout),
    Kind(5, "link_session_to_user", LinkSessionToUser),
    Kind(6, "add_to_cart", AddToCart),
    Kind(7, "remove_from_cart", RemoveFromCart),
    Kind(8, "createOrder", CreateOrder, ("create_order",), ("_orderId",), decided=True, rescores=True),
    Kind(9, "update_order", UpdateOrder, (), ("_orderId",), decided=True, rescores=True),
    Kind(10, "order_status", OrderStatus, rescores=True),
    Kind(11, "item_status", ItemStatus, rescores=True),
    Kind(12, "transaction", Transaction, (), ("_orderId",), decided=True, rescores=True),
    Kind(13, "chargeback", Chargeback),
    Kind(14, "add_promotion", AddPromotion),
    Kind(15, "submit_review", SubmitReview),
    Kind(16, "send_message", SendMessage),
    Kind(17, "report_item", ReportItem),
    Kind(18, "tag", Tag, ("tag_user",)),
    Kind(19, "untag", Untag, ("un_tag", "untag_user")),
    Kind(20, "custom_event", CustomEvent, ("custom", "customEvent")),
)

KIND_OF_NUMBER = {kind.number: kind for kind in KINDS}
KIND_OF_TYPE: dict[type[Event], Kind] = {kind.type: kind for kind in KINDS}
KIND_OF_NAME = {name: kind for kind in KINDS for name in (kind.name, *kind.aliases)}
