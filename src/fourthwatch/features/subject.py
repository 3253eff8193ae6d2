"""What is judged: one event together with the order it is about, who is involved, and when.

Everything that judges is a function of a `Subject` and of what the windows knew as of its time.
"""

from functools import lru_cache

import msgspec
import xxhash

from fourthwatch.entities import Involved
from fourthwatch.entities.ip_place import IpPlace
from fourthwatch.entities.supplied import Supplied
from fourthwatch.events import Address, CreateAccount, CreateOrder, Event, Kind, PaymentMethod, Transaction
from fourthwatch.events.values import is_cash
from fourthwatch.limits import AMOUNT_CHARS_MAX, AMOUNTS_CACHED_MAX
from fourthwatch.wire.amounts import read_amount

_AMOUNT_MINOR_MAX = 10**15
_WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_IN_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
_MINOR_PER_MAIN = dict.fromkeys(_WHOLE.split(), 1) | dict.fromkeys(_IN_THOUSANDTHS.split(), 1_000)
"""ISO 4217, where it is not 100."""


class Subject(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One event on its walk."""

    tenant: int
    seq: int
    """Position in the ledger; later events have greater ones."""
    kind: Kind
    event: Event
    occurred_ms: int
    """As of when everything is known; the sender's clock, clamped."""
    involved: Involved
    """Who is involved, completed from the order."""
    order: CreateOrder | None = None
    """The order as last submitted; the event itself when it submits one."""
    name: str | None = None
    """Of a shop's own event."""
    supplied: Supplied | None = None
    """Files of the operator's to look things up in."""
    skipped: tuple[str, ...] = ()
    """Stages of the decision that are put off; what they would have told is unknown."""
    received_ms: int = 0
    """When we got it, by our clock; entries of lists expire by it."""
    is_own: bool = False
    """Whether it is an event of our own, as what an analyst or a rule says of an order."""

    def ip_place(self) -> IpPlace | None:
        """Where the IP is, as far as a file tells."""
        return self.place_of(self.involved.ip)

    def place_of(self, ip: str | None) -> IpPlace | None:
        """The same of another address in canonical text."""
        return None if self.supplied is None else self.supplied.ip_place(ip)

    @property
    def person(self) -> str | None:
        """Who acts: the account, or a guest's e-mail; `None` when neither was said."""
        if self.involved.user is not None:
            return self.involved.user
        return None if self.involved.email is None else "email:" + self.involved.email

    def shipping_address(self) -> Address | None:
        return self._address("shipping_address")

    def billing_address(self) -> Address | None:
        return self._address("billing_address")

    def payment_methods(self) -> tuple[PaymentMethod, ...]:
        """Of the payment attempt itself if it says, else of the order or account."""
        if isinstance(self.event, Transaction) and self.event.payment_method is not None:
            return (self.event.payment_method,)
        if self.order is not None:
            return self.order.payment_methods or ()
        return (self.event.payment_methods or ()) if isinstance(self.event, CreateAccount) else ()

    def amount_minor(self) -> int | None:
        """The order's total in minor units of its currency; `None` when absent or unreadable."""
        source = self.order if self.order is not None else self.event
        amount: str | None = getattr(source, "amount", None)
        return minor_units(amount, getattr(source, "currency_code", None))

    def paid_on_delivery(self) -> bool | None:
        """Cash on delivery, as said or as the payment type tells (contract, section 9, row 15)."""
        if self.order is not None and self.order.is_pre_paid is not None:
            return not self.order.is_pre_paid
        for method in self.payment_methods():
            told = {is_cash(method.payment_type), is_cash(method.payment_gateway)} - {None}
            if told:
                return True in told
        return None

    def _address(self, name: str) -> Address | None:
        own: Address | None = getattr(self.event, name, None)
        if own is not None or self.order is None:
            return own
        of_order: Address | None = getattr(self.order, name)
        return of_order


def minor_units(amount: str | None, currency: str | None) -> int | None:
    """A decimal text in main units as an integer in minor units; `None` when it is not an amount.

    >>> minor_units("19.99", "INR"), minor_units("500", "JPY"), minor_units("much", "INR")
    (1999, 500, None)
    """
    if amount is None or len(amount) > AMOUNT_CHARS_MAX:
        return None
    return _minor_units(amount, currency and currency[:3])


def minor_per_main(currency: str | None) -> int:
    """How many minor units are one main unit of a currency.

    >>> minor_per_main("INR"), minor_per_main("jpy"), minor_per_main(None)
    (100, 1, 100)
    """
    return 100 if currency is None else _MINOR_PER_MAIN.get(currency[:3].upper(), 100)


@lru_cache(maxsize=AMOUNTS_CACHED_MAX)
def _minor_units(amount: str, currency: str | None) -> int | None:
    main = read_amount(amount)
    if main is None:
        return None
    try:
        exact = main * minor_per_main(currency)
        return int(exact) if abs(exact) <= _AMOUNT_MINOR_MAX else None
    except ArithmeticError:  # an exponent past all reason
        return None


def mark_of(text: str) -> int:
    """A 64-bit signed number that stands for `text` in histories; the same in every process, never 0."""
    mark = xxhash.xxh3_64_intdigest(text.encode())
    return (mark - (1 << 64) if mark >> 63 else mark) or 1
