"""Facts of the circumstances: what differs between two parts of an order, and when it happened where it is delivered.

Clock time is known where all of the country, or the state that is written, keeps the same; else it is unknown.
"""

from datetime import UTC, datetime, timedelta

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.entities.country import country_code
from fourthwatch.entities.places import state_code
from fourthwatch.entities.postcode import plain_postcode
from fourthwatch.entities.zone import offset_minutes
from fourthwatch.features.facts.fact import Fact, country_of, said, truth
from fourthwatch.features.subject import Subject

_NIGHT_HOURS = range(6)
_SATURDAY = 5
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = 253_402_214_400_000


def same_addresses(subject: Subject) -> float | None:
    """By their normal forms; unknown when either is missing."""
    involved = subject.involved
    if involved.shipping is None or involved.billing is None:
        return None
    return float(involved.shipping == involved.billing)


def ips_match(subject: Subject) -> float | None:
    """Of an event about an order, against the order's own; unknown for the order itself."""
    order, event = subject.order, subject.event
    if order is None or order is event or order.device_ip is None or event.device_ip is None:
        return None
    return float(order.device_ip == event.device_ip)


def _same_country(subject: Subject) -> float | None:
    shipping, billing = subject.shipping_address(), subject.billing_address()
    if shipping is None or billing is None:
        return None
    ours, theirs = country_code(shipping.country), country_code(billing.country)
    return None if ours is None or theirs is None else truth(ours == theirs)


def _same_city(subject: Subject) -> float | None:
    shipping, billing = subject.shipping_address(), subject.billing_address()
    ours = None if shipping is None else said(shipping.city)
    theirs = None if billing is None else said(billing.city)
    return None if ours is None or theirs is None else truth(ours.casefold() == theirs.casefold())


def _same_postcode(subject: Subject) -> float | None:
    shipping, billing = subject.shipping_address(), subject.billing_address()
    if shipping is None or billing is None or shipping.zipcode is None or billing.zipcode is None:
        return None
    ours, theirs = plain_postcode(shipping.zipcode), plain_postcode(billing.zipcode)
    return truth(ours == theirs) if ours and theirs else None


def _same_email(subject: Subject) -> float | None:
    order = subject.order
    if order is None or order is subject.event or order.user_email is None:
        return None
    own = said(getattr(subject.event, "user_email", None))
    return None if own is None else truth(own.lower() == order.user_email.strip().lower())


def _local_ms(subject: Subject) -> int | None:
    """Clock time where it is delivered, as if it were UTC."""
    country = country_of(subject)
    if country is None:
        return None
    address = subject.shipping_address() or subject.billing_address()
    region = None if address is None or address.region is None else state_code(address.region, country)
    offset = offset_minutes(country, region, subject.occurred_ms)
    return None if offset is None else subject.occurred_ms + offset * MINUTE_MS


def _hour(subject: Subject) -> float | None:
    local_ms = _local_ms(subject)
    return None if local_ms is None else local_ms % DAY_MS // HOUR_MS


def _weekday(subject: Subject) -> float | None:
    local_ms = _local_ms(subject)
    return None if local_ms is None else (local_ms // DAY_MS + _EPOCH_WEEKDAY) % 7


def _is_night(subject: Subject) -> float | None:
    hour = _hour(subject)
    return None if hour is None else truth(hour in _NIGHT_HOURS)


def _is_weekend(subject: Subject) -> float | None:
    weekday = _weekday(subject)
    return None if weekday is None else truth(weekday >= _SATURDAY)


def _day_of_month(subject: Subject) -> float | None:
    local = _local_date(subject)
    return None if local is None else local.day


def _days_to_month_end(subject: Subject) -> float | None:
    local = _local_date(subject)
    if local is None:
        return None
    first_of_next = (local.replace(day=28) + timedelta(days=4)).replace(day=1)
    return (first_of_next - local).days - 1


def _local_date(subject: Subject) -> datetime | None:
    local_ms = _local_ms(subject)
    return None if local_ms is None or local_ms > _LATEST_MS else _EPOCH + timedelta(days=local_ms // DAY_MS)


CIRCUMSTANCE_FACTS: tuple[Fact, ...] = (
    Fact("same_addresses", "0 or 1", "billing and delivery address are the same", same_addresses,
         "_sameBillShippAddress"),
    Fact("same_country", "0 or 1", "billing and delivery address are in the same country", _same_country,
         "billing_shipping_country_mismatch"),
    Fact("same_city", "0 or 1", "billing and delivery address are in the same city", _same_city,
         "billing_shipping_city_mismatch"),
    Fact("same_postcode", "0 or 1", "billing and delivery address have the same PIN or ZIP code", _same_postcode,
         "billing_shipping_pincode_mismatch"),
    Fact("ips_match", "0 or 1", "order and payment came from the same IP", ips_match, "_isOrdTransIpMatch"),
    Fact("same_email", "0 or 1", "order and payment name the same e-mail", _same_email, "order_payment_email_mismatch"),
    Fact("hour_of_day", "hour", "hour of the day where it is delivered", _hour, "hour_of_day"),
    Fact("weekday", "weekday", "day of the week where it is delivered, 0 is Monday", _weekday, "weekday"),
    Fact("is_night", "0 or 1", "between midnight and six in the morning where it is delivered", _is_night,
         "night_order"),
    Fact("is_weekend", "0 or 1", "Saturday or Sunday where it is delivered", _is_weekend, "weekend_order"),
    Fact("day_of_month", "days", "day of the month where it is delivered", _day_of_month, "day_of_month"),
    Fact("days_to_month_end", "days", "days left in the month where it is delivered", _days_to_month_end,
         "end_of_month"),
)  # fmt: skip
