"""Small stories for features: what happened before, what comes now, and what one feature says of it.

Only real parts: events as read off the wire, real windows, a reading compiled from the real book.
"""

from typing import Any

from fourthwatch.features.observe import Present
from fourthwatch.features.reading import Reading
from fourthwatch.features.specification import Plan
from story import NOW_MS, Story

Value = float | None
Told = tuple[str, int, dict[str, Any]]
"""Kind of the event, how long before now, and its body."""


def event(kind: str, ago_ms: int = 0, **body: Any) -> Told:
    """Any event of the user Asha's, unless it says whose."""
    return kind, ago_ms, {"_userId": "asha", **body}


def order(ago_ms: int = 0, number: int = 99, **body: Any) -> Told:
    """An order for 500 rupees."""
    return event("createOrder", ago_ms, **{**_ORDER, "_orderId": f"ord-{number}", **body})


def about(kind: str, ago_ms: int, number: int, **body: Any) -> Told:
    """What became of an order; who is involved is taken from it."""
    return kind, ago_ms, {"_orderId": f"ord-{number}", **body}


def paid(ago_ms: int, number: int, status: str = "_success", **body: Any) -> Told:
    """A payment attempt for an order."""
    return about("transaction", ago_ms, number, _transactionStatus=status, **body)


def card(number: int, **more: Any) -> dict[str, Any]:
    """A card; those with numbers of the same hundred have the same first six digits."""
    return {
        "_paymentType": "_creditCard", "_cardBin": str(411100 + number // 100), "_cardLast4": f"{number:04}",
        "_cardExpiryMonth": "12", "_cardExpiryYear": "2030", **more,
    }  # fmt: skip


def home(number: int, **more: Any) -> dict[str, Any]:
    """An address in Pune."""
    return {
        "_address1": f"{number} Lotus Street", "_city": "Pune", "_region": "Maharashtra", "_country": "IN",
        "_zipcode": "411001", **more,
    }  # fmt: skip


_ORDER = {"_amount": "500", "_currencyCode": "INR"}


class Telling(Story):
    """A shop's story, of which any feature can be read."""

    def __init__(self, *past: Told) -> None:
        super().__init__()
        self._readings: dict[tuple[str, ...], tuple[Reading, Plan]] = {}
        for told in past:
            self.happened(told)

    def happened(self, told: Told) -> None:
        """Let one event be told."""
        kind, ago_ms, body = told
        self.tell(kind, NOW_MS - ago_ms, **body)

    def present(self, told: Told) -> Present:
        """An event that is judged, and does not count."""
        kind, ago_ms, body = told
        return Present(self.subject(kind, NOW_MS - ago_ms, **body), {})

    def values(self, names: tuple[str, ...], present: Present) -> tuple[Value, ...]:
        """What some features say, as of just before the event."""
        if names not in self._readings:
            self._readings[names] = self.windows.reading_of(self.windows.book, names)
        reading, plan = self._readings[names]
        return self.windows.read(reading, plan, present)

    def value(self, name: str, now: Told) -> Value:
        """What one feature says, as of just before the event."""
        (value,) = self.values((name,), self.present(now))
        return value


def value_after(name: str, past: list[Told], now: Told) -> Value:
    """What one feature says of an event after some others."""
    return Telling(*past).value(name, now)
