"""The features that the first scorecard reads, each one a row: name, unit, what it says, how it is computed.

A feature is a number as of the event's time, before the event itself and the order it is about count; `None` is unknown:
the entity was not said, or nothing can be compared. Unknown is neither zero nor false.
"""

from collections.abc import Callable

import msgspec

from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.entities.address import address_facts, looks_typed_at_random
from fourthwatch.entities.email import email_local_digits, mentions_name
from fourthwatch.features.history import History, Series, count, first_ms, holds, last_ms, mean_amount
from fourthwatch.features.subject import Subject, mark_of
from fourthwatch.features.touches import order_mark
from fourthwatch.features.windows import Windows

FEATURES_VERSION = 1
"""Goes up whenever a feature changes its meaning; stored with every decision."""


class Known:
    """What the windows know of a subject's entities; each history is looked up once."""

    def __init__(self, subject: Subject, windows: Windows) -> None:
        self.subject = subject
        self.until_ms = subject.occurred_ms
        self.this_order = order_mark(subject)
        involved = subject.involved

        def look(kind: str, value: str | None) -> "History[int] | None":
            return None if value is None else (windows.history(subject.tenant, f"{kind}:{value}") or _NOTHING)

        self.actor = look("user", involved.user) or look("session", involved.session)
        self.session = look("session", involved.session)
        self.device = look("device", involved.device)
        self.ip = look("ip", involved.ip)
        self.email = look("email", involved.email)
        self.phone = look("phone", involved.phones[0] if involved.phones else None)
        self.card = look("card", involved.cards[0] if involved.cards else None)
        self.address = look("address", involved.shipping)
        person = subject.person
        self.person_mark = 0 if person is None else mark_of(person)

    def within(self, history: "History[int] | None", series: Series, window_ms: int) -> int | None:
        """Things in the window, without this order; `None` when the entity is unknown."""
        if history is None:
            return None
        return count(history, series, self.until_ms - window_ms, self.until_ms, self.this_order)

    def others(self, history: "History[int] | None", window_ms: int) -> int | None:
        """Other people seen with the entity in the window."""
        if history is None:
            return None
        return count(history, Series.USERS, self.until_ms - window_ms, self.until_ms, self.person_mark)

    def greatest(self, series: Series, window_ms: int, *histories: "History[int] | None") -> int | None:
        """The greatest of several entities' counts; `None` when none of them is known."""
        counts = [self.within(history, series, window_ms) for history in histories if history is not None]
        return max((number for number in counts if number is not None), default=None)


_NOTHING: "History[int]" = History("q", (-1, 0, 0))
_EVER_MS = 20_000 * DAY_MS


class Feature(msgspec.Struct, frozen=True):
    """One row of the catalogue."""

    name: str
    unit: str
    says: str
    of: Callable[[Known], float | None]


def _account_age_days(known: Known) -> float | None:
    history = known.actor
    if history is None or known.subject.involved.user is None or history is _NOTHING:
        return None
    created_ms = last_ms(history, Series.ACCOUNT, known.until_ms)
    return max(0, known.until_ms - (first_ms(history) if created_ms is None else created_ms)) / DAY_MS


def _is_new_to_actor(known: Known, series: Series, value: str | None) -> float | None:
    """1 when a known actor was never seen with this; unknown while the actor was never seen with any."""
    if value is None or known.actor is None or count(known.actor, series, 0, known.until_ms) == 0:
        return None
    return 0.0 if holds(known.actor, series, mark_of(value), known.until_ms) else 1.0


def _new_login_then_order(known: Known) -> float | None:
    """Failed logins of the account in the last day, as far as the device is new to it: the mark of a taken account."""
    failed = known.within(known.actor, Series.FAILED_LOGIN, DAY_MS)
    new_device = _is_new_to_actor(known, Series.DEVICES, known.subject.involved.device)
    return None if failed is None or new_device is None else failed * new_device


def _amount_against_own(known: Known) -> float | None:
    amount = known.subject.amount_minor()
    if amount is None or known.actor is None:
        return None
    mean = mean_amount(known.actor, Series.ORDER, known.until_ms, known.this_order)
    return None if not mean else amount / mean


def _amount_main_units(known: Known) -> float | None:
    amount = known.subject.amount_minor()
    return None if amount is None else amount / 100


def _same_addresses(known: Known) -> float | None:
    involved = known.subject.involved
    if involved.shipping is None or involved.billing is None:
        return None
    return float(involved.shipping == involved.billing)


def _name_twice(known: Known) -> float | None:
    address = known.subject.shipping_address()
    words = address.name.casefold().split() if address is not None and address.name is not None else []
    return None if len(words) < 2 else float(words[0] == words[-1])


def _email_names_person(known: Known) -> float | None:
    event, address = known.subject.event, known.subject.billing_address() or known.subject.shipping_address()
    email = getattr(known.subject.order, "user_email", None) or getattr(event, "user_email", None)
    name = None if address is None else address.name
    if email is None or name is None:
        return None
    told = mentions_name(email, *name.split()[:4])
    return None if told is None else float(told)


def _email_digits(known: Known) -> float | None:
    email = known.subject.involved.email
    return None if email is None else email_local_digits(email)


def _has_second_line(known: Known) -> float | None:
    address = known.subject.shipping_address()
    return None if address is None or address.address1 is None else float(address.address2 is not None)


def _address_length(known: Known) -> float | None:
    address = known.subject.shipping_address()
    facts = None if address is None else address_facts(address.address1, address.address2)
    return None if facts is None else facts.length


def _address_at_random(known: Known) -> float | None:
    address = known.subject.shipping_address()
    told = None if address is None or address.address1 is None else looks_typed_at_random(address.address1)
    return None if told is None else float(told)


def _ips_match(known: Known) -> float | None:
    order, event = known.subject.order, known.subject.event
    if order is None or order is event or order.device_ip is None or event.device_ip is None:
        return None
    return float(order.device_ip == event.device_ip)


def _seconds_to_order(known: Known) -> float | None:
    if known.session is None or known.session is _NOTHING:
        return None
    return max(0, known.until_ms - first_ms(known.session)) / 1_000


def _first_cash_order(known: Known) -> float | None:
    cash = known.subject.paid_on_delivery()
    earlier = known.within(known.actor, Series.ORDER, _EVER_MS)
    return None if cash is None or earlier is None else float(cash and earlier == 0)


def _all_of(known: Known) -> "tuple[History[int] | None, ...]":
    return known.actor, known.device, known.email, known.phone, known.card, known.address


CATALOGUE: tuple[Feature, ...] = (
    Feature("failed_transactions_24h", "payments", "failed payments in 24 hours by the same user, card, device or IP",
            lambda k: k.greatest(Series.FAILED_TRANSACTION, DAY_MS, k.actor, k.card, k.device, k.ip)),
    Feature("account_age", "days", "days since the account was created, or first heard of", _account_age_days),
    Feature("orders_by_ip_24h", "orders", "other orders from the same IP in 24 hours",
            lambda k: k.within(k.ip, Series.ORDER, DAY_MS)),
    Feature("orders_by_user_24h", "orders", "other orders of the same user in 24 hours",
            lambda k: k.within(k.actor, Series.ORDER, DAY_MS)),
    Feature("orders_by_device_24h", "orders", "other orders from the same device in 24 hours",
            lambda k: k.within(k.device, Series.ORDER, DAY_MS)),
    Feature("orders_by_address_7d", "orders", "other orders to the same address or phone in 7 days",
            lambda k: k.greatest(Series.ORDER, 7 * DAY_MS, k.address, k.phone)),
    Feature("users_by_ip_7d", "users", "other users on the same IP in 7 days", lambda k: k.others(k.ip, 7 * DAY_MS)),
    Feature("users_by_device_30d", "users", "other users on the same device in 30 days",
            lambda k: k.others(k.device, 30 * DAY_MS)),
    Feature("users_by_card_30d", "users", "other users of the same card in 30 days",
            lambda k: k.others(k.card, 30 * DAY_MS)),
    Feature("users_by_phone_30d", "users", "other users of the same phone in 30 days",
            lambda k: k.others(k.phone, 30 * DAY_MS)),
    Feature("users_by_address_30d", "users", "other users of the same delivery address in 30 days",
            lambda k: k.others(k.address, 30 * DAY_MS)),
    Feature("cards_by_device_24h", "cards", "cards used on the same device or IP in 24 hours",
            lambda k: k.greatest(Series.CARDS, DAY_MS, k.device, k.ip)),
    Feature("cards_by_user_24h", "cards", "cards used by the same user in 24 hours",
            lambda k: k.within(k.actor, Series.CARDS, DAY_MS)),
    Feature("promotions_by_device_7d", "promotions", "promotions used on the same device, address or phone in 7 days",
            lambda k: k.greatest(Series.PROMOTION, 7 * DAY_MS, k.device, k.address, k.phone)),
    Feature("accounts_by_device_7d", "accounts", "accounts created on the same device in 7 days",
            lambda k: k.within(k.device, Series.ACCOUNT, 7 * DAY_MS)),
    Feature("failed_logins_24h", "logins", "failed logins of the same user, device or IP in 24 hours",
            lambda k: k.greatest(Series.FAILED_LOGIN, DAY_MS, k.actor, k.device, k.ip)),
    Feature("failed_logins_then_new_device", "logins", "failed logins of the account in 24 hours, on a device new to it",
            _new_login_then_order),
    Feature("is_new_device", "0 or 1", "a known user on a device never seen with the account",
            lambda k: _is_new_to_actor(k, Series.DEVICES, k.subject.involved.device)),
    Feature("is_new_address", "0 or 1", "a known user with a delivery address never seen with the account",
            lambda k: _is_new_to_actor(k, Series.ADDRESSES, k.subject.involved.shipping)),
    Feature("amount", "main units", "total of the order", _amount_main_units),
    Feature("amount_against_own_mean", "ratio", "total of the order against the mean of the user's earlier orders",
            _amount_against_own),
    Feature("rto_ever", "orders", "orders of the same user, phone, address, device or e-mail returned to origin",
            lambda k: k.greatest(Series.RTO, _EVER_MS, *_all_of(k))),
    Feature("chargebacks_ever", "orders", "orders of the same user, phone, address, device, e-mail or card charged back",
            lambda k: k.greatest(Series.CHARGEBACK, _EVER_MS, *_all_of(k))),
    Feature("bad_tags", "tags", "tags that mark the user as bad", lambda k: k.within(k.actor, Series.BAD_TAG, _EVER_MS)),
    Feature("delivered_ever", "orders", "orders of the same user delivered",
            lambda k: k.within(k.actor, Series.DELIVERED, _EVER_MS)),
    Feature("first_cash_order", "0 or 1", "cash on delivery, and the first order of the user", _first_cash_order),
    Feature("cart_changes_1h", "changes", "items put into or taken out of the cart in the hour before",
            lambda k: k.within(k.actor, Series.CART, HOUR_MS)),
    Feature("seconds_to_order", "seconds", "seconds from the first event of the session", _seconds_to_order),
    Feature("same_addresses", "0 or 1", "billing and delivery address are the same", _same_addresses),
    Feature("name_twice", "0 or 1", "first and last name are the same", _name_twice),
    Feature("email_names_person", "0 or 1", "the e-mail contains the first or last name", _email_names_person),
    Feature("email_digits", "digits", "digits in the local part of the e-mail", _email_digits),
    Feature("has_second_line", "0 or 1", "the delivery address has a second line", _has_second_line),
    Feature("address_length", "characters", "length of the delivery address", _address_length),
    Feature("address_at_random", "0 or 1", "the delivery address looks typed at random", _address_at_random),
    Feature("ips_match", "0 or 1", "order and payment came from the same IP", _ips_match),
)  # fmt: skip

INDEX = {feature.name: index for index, feature in enumerate(CATALOGUE)}

Vector = tuple[float | None, ...]
"""One number or `None` per row of `CATALOGUE`, in its order."""


def vector_of(subject: Subject, windows: Windows) -> Vector:
    """Everything the catalogue knows about the subject."""
    known = Known(subject, windows)
    return tuple([feature.of(known) for feature in CATALOGUE])
