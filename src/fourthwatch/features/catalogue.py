"""The features that the first scorecard reads, each one a row: name, unit, what it says, how it is computed.

A feature is a number as of the event's time, before the event itself and the order it is about count; `None` is
unknown: the entity was not said, or nothing can be compared. Unknown is neither zero nor false.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import msgspec

from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.entities.address import looks_typed_at_random
from fourthwatch.entities.email import email_local_digits, mentions_name
from fourthwatch.features.history import History, Series, first_ms, holds, last_ms, mean_amount, plan_of, tally
from fourthwatch.features.subject import Subject, mark_of
from fourthwatch.features.touches import actor_key, order_mark, person_mark
from fourthwatch.features.windows import Windows

FEATURES_VERSION = 1
"""Goes up whenever a feature changes its meaning; stored with every decision."""


class Counted(msgspec.Struct, frozen=True):
    """How many things of a series in the window, the greatest of the entities' counts; for `USERS`, other people."""

    entities: tuple[str, ...]
    series: Series
    window_ms: int


class Feature(msgspec.Struct, frozen=True):
    """One row of the catalogue."""

    name: str
    unit: str
    says: str
    of: "Counted | Callable[[Known], float | None]"


class Known:
    """What the windows know of a subject's entities; each history is looked up and gone through once."""

    def __init__(self, subject: Subject, windows: Windows) -> None:
        self.subject = subject
        self.until_ms = subject.occurred_ms
        self.this_order = order_mark(subject)
        involved, tenant, history = subject.involved, subject.tenant, windows.history
        phones, cards = involved.phones, involved.cards
        person = person_mark(subject)
        actor = actor_key(subject)
        keys = (
            actor,
            None if involved.device is None else "device:" + involved.device,
            None if involved.ip is None else "ip:" + involved.ip,
            None if involved.email is None else "email:" + involved.email,
            "phone:" + phones[0] if phones else None,
            "card:" + cards[0] if cards else None,
            None if involved.shipping is None else "address:" + involved.shipping,
        )
        self.actor = None if actor is None else history(tenant, actor) or _NOTHING
        session = involved.session
        self.session = None if session is None else history(tenant, "session:" + session)
        self.counts: list[int | None] = []
        """Every count that is asked of every entity, entity after entity; `None` where the entity was not said."""
        for key, (plan, slots, nothing, zeros) in zip(keys, _PLANS, strict=True):
            if key is None:
                self.counts += nothing
            else:
                found = history(tenant, key)
                self.counts += (
                    zeros if found is None else tally(found, plan, slots, self.until_ms, self.this_order, person)
                )

    def of_actor(self, series: Series, window_ms: int) -> int | None:
        """A count of the user's, or the guest's session's; `None` when there is neither."""
        return self.counts[_ACTOR_SLOTS[series, window_ms]]


_NOTHING: "History[int]" = History("q", (-1, 0, 0))
_EVER_MS = 1 << 50
"""Longer than any time since 1970, so that the bucket for all that is long past is always inside."""
_ENTITIES = ("actor", "device", "ip", "email", "phone", "card", "address")


def _account_age_days(known: Known) -> float | None:
    history = known.actor
    if history is None or known.subject.involved.user is None or history is _NOTHING:
        return None
    created = known.of_actor(Series.ACCOUNT, _EVER_MS)
    created_ms = last_ms(history, Series.ACCOUNT, known.until_ms) if created else None
    return max(0, known.until_ms - (first_ms(history) if created_ms is None else created_ms)) / DAY_MS


def _is_new_to_actor(known: Known, series: Series, value: str | None) -> float | None:
    """1 when a known actor was never seen with this; unknown while the actor was never seen with any."""
    if value is None or known.actor is None or not known.of_actor(series, _EVER_MS):
        return None
    return 0.0 if holds(known.actor, series, mark_of(value), known.until_ms) else 1.0


def _failed_logins_then_new_device(known: Known) -> float | None:
    """Failed logins of the account in the last day, as far as the device is new to it: the mark of a taken account."""
    failed = known.of_actor(Series.FAILED_LOGIN, DAY_MS)
    if not failed:
        return failed
    new_device = _is_new_to_actor(known, Series.DEVICES, known.subject.involved.device)
    return None if new_device is None else failed * new_device


def _amount_against_own(known: Known) -> float | None:
    amount = known.subject.amount_minor()
    if amount is None or known.actor is None or not known.of_actor(Series.ORDER, _EVER_MS):
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
    if address is None or address.address1 is None:
        return None
    return len(address.address1.strip()) + len((address.address2 or "").strip())


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
    session = known.session
    return None if session is None else max(0, known.until_ms - first_ms(session)) / 1_000


def _first_cash_order(known: Known) -> float | None:
    cash = known.subject.paid_on_delivery()
    earlier = known.of_actor(Series.ORDER, _EVER_MS)
    return None if cash is None or earlier is None else float(cash and earlier == 0)


_PEOPLE = ("actor", "device", "email", "phone", "card", "address")

CATALOGUE: tuple[Feature, ...] = (
    Feature("failed_transactions_24h", "payments", "failed payments in 24 hours by the same user, card, device or IP",
            Counted(("actor", "card", "device", "ip"), Series.FAILED_TRANSACTION, DAY_MS)),
    Feature("account_age", "days", "days since the account was created, or first heard of", _account_age_days),
    Feature("orders_by_ip_24h", "orders", "other orders from the same IP in 24 hours",
            Counted(("ip",), Series.ORDER, DAY_MS)),
    Feature("orders_by_user_24h", "orders", "other orders of the same user in 24 hours",
            Counted(("actor",), Series.ORDER, DAY_MS)),
    Feature("orders_by_device_24h", "orders", "other orders from the same device in 24 hours",
            Counted(("device",), Series.ORDER, DAY_MS)),
    Feature("orders_by_address_7d", "orders", "other orders to the same address or phone in 7 days",
            Counted(("address", "phone"), Series.ORDER, 7 * DAY_MS)),
    Feature("users_by_ip_7d", "users", "other users on the same IP in 7 days",
            Counted(("ip",), Series.USERS, 7 * DAY_MS)),
    Feature("users_by_device_30d", "users", "other users on the same device in 30 days",
            Counted(("device",), Series.USERS, 30 * DAY_MS)),
    Feature("users_by_card_30d", "users", "other users of the same card in 30 days",
            Counted(("card",), Series.USERS, 30 * DAY_MS)),
    Feature("users_by_phone_30d", "users", "other users of the same phone in 30 days",
            Counted(("phone",), Series.USERS, 30 * DAY_MS)),
    Feature("users_by_address_30d", "users", "other users of the same delivery address in 30 days",
            Counted(("address",), Series.USERS, 30 * DAY_MS)),
    Feature("cards_by_device_24h", "cards", "cards used on the same device or IP in 24 hours",
            Counted(("device", "ip"), Series.CARDS, DAY_MS)),
    Feature("cards_by_user_24h", "cards", "cards used by the same user in 24 hours",
            Counted(("actor",), Series.CARDS, DAY_MS)),
    Feature("promotions_by_device_7d", "promotions", "promotions used on the same device, address or phone in 7 days",
            Counted(("device", "address", "phone"), Series.PROMOTION, 7 * DAY_MS)),
    Feature("accounts_by_device_7d", "accounts", "accounts created on the same device in 7 days",
            Counted(("device",), Series.ACCOUNT, 7 * DAY_MS)),
    Feature("failed_logins_24h", "logins", "failed logins of the same user, device or IP in 24 hours",
            Counted(("actor", "device", "ip"), Series.FAILED_LOGIN, DAY_MS)),
    Feature("failed_logins_then_new_device", "logins",
            "failed logins of the account in 24 hours, on a device new to it", _failed_logins_then_new_device),
    Feature("is_new_device", "0 or 1", "a known user on a device never seen with the account",
            lambda k: _is_new_to_actor(k, Series.DEVICES, k.subject.involved.device)),
    Feature("is_new_address", "0 or 1", "a known user with a delivery address never seen with the account",
            lambda k: _is_new_to_actor(k, Series.ADDRESSES, k.subject.involved.shipping)),
    Feature("amount", "main units", "total of the order", _amount_main_units),
    Feature("amount_against_own_mean", "ratio", "total of the order against the mean of the user's earlier orders",
            _amount_against_own),
    Feature("rto_ever", "orders", "orders of the same user, phone, address, device, card or e-mail refused",
            Counted(_PEOPLE, Series.RTO, _EVER_MS)),
    Feature("chargebacks_ever", "orders", "orders of the same user, phone, address, device, card or e-mail disputed",
            Counted(_PEOPLE, Series.CHARGEBACK, _EVER_MS)),
    Feature("bad_tags", "tags", "tags that mark the user as bad", Counted(("actor",), Series.BAD_TAG, _EVER_MS)),
    Feature("delivered_ever", "orders", "orders of the same user delivered",
            Counted(("actor",), Series.DELIVERED, _EVER_MS)),
    Feature("first_cash_order", "0 or 1", "cash on delivery, and the first order of the user", _first_cash_order),
    Feature("cart_changes_1h", "changes", "items put into or taken out of the cart in the hour before",
            Counted(("actor",), Series.CART, HOUR_MS)),
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
    counts = known.counts
    values: list[float | None] = list(_SINGLE_COUNTS(counts))
    for slots in _GREATEST_OF:
        told = [count for slot in slots if (count := counts[slot]) is not None]
        values.append(max(told) if told else None)
    values += [compute(known) for compute in _COMPUTED]
    return _IN_ORDER(values)


_ASKED_OF_ACTOR = (
    (Series.ORDER, _EVER_MS),
    (Series.ACCOUNT, _EVER_MS),
    (Series.DEVICES, _EVER_MS),
    (Series.ADDRESSES, _EVER_MS),
    (Series.FAILED_LOGIN, DAY_MS),
)
"""What features that are not plain counts ask of the actor."""


def _wanted() -> list[list[tuple[int, int]]]:
    """Per entity, every series and window that a row needs, each once; its place is the slot of its answer."""
    wanted: list[list[tuple[int, int]]] = [[] for _ in _ENTITIES]
    wanted[0] += _ASKED_OF_ACTOR
    for feature in CATALOGUE:
        if isinstance(feature.of, Counted):
            asked = (int(feature.of.series), feature.of.window_ms)
            for entity in feature.of.entities:
                slots = wanted[_ENTITIES.index(entity)]
                if asked not in slots:
                    slots.append(asked)
    return wanted


def _flat_slot(entity: str, series: int, window_ms: int) -> int:
    place = _ENTITIES.index(entity)
    return sum(map(len, _WANTED[:place])) + _WANTED[place].index((int(series), window_ms))


def _pick(places: list[int]) -> "Callable[[list[Any]], tuple[Any, ...]]":
    """Many items of a list at once; `itemgetter` does it without going through the interpreter."""
    assert len(places) > 1
    return itemgetter(*places)


_WANTED = _wanted()
_PLANS = tuple((plan_of(wanted), len(wanted), [None] * len(wanted), [0] * len(wanted)) for wanted in _WANTED)
_ACTOR_SLOTS = {(series, window_ms): slot for slot, (series, window_ms) in enumerate(_WANTED[0])}

# How a vector comes together: plain counts, then the greatest of several, then what is computed; then into order.
_PLACES = {
    row: [_flat_slot(entity, feature.of.series, feature.of.window_ms) for entity in feature.of.entities]
    for row, feature in enumerate(CATALOGUE)
    if isinstance(feature.of, Counted)
}
_SINGLE_ROWS = [row for row, slots in _PLACES.items() if len(slots) == 1]
_GREATEST_ROWS = [row for row, slots in _PLACES.items() if len(slots) > 1]
_COMPUTED_ROWS = [row for row in range(len(CATALOGUE)) if row not in _PLACES]
_SINGLE_COUNTS = _pick([_PLACES[row][0] for row in _SINGLE_ROWS])
_GREATEST_OF = [_PLACES[row] for row in _GREATEST_ROWS]
_COMPUTED = [feature.of for feature in CATALOGUE if not isinstance(feature.of, Counted)]
_ROWS = _SINGLE_ROWS + _GREATEST_ROWS + _COMPUTED_ROWS
_IN_ORDER = _pick([_ROWS.index(row) for row in range(len(CATALOGUE))])
