"""Open enumerations read into the few meanings that count; a word nobody knows is `other`, never an error.

The words are the documented ones and those that plugins were seen to send (contract, section 8).
"""

from typing import Literal

Outcome = Literal["success", "failure", "pending", "other"]
OrderState = Literal["approved", "canceled", "held", "fulfilled", "returned", "rto", "other"]

_OUTCOMES: dict[str, Outcome] = {
    "success": "success",
    "failure": "failure",
    "failed": "failure",
    "pending": "pending",
}
_STATES: dict[str, OrderState] = {
    "approved": "approved",
    "processing": "approved",
    "canceled": "canceled",
    "cancelled": "canceled",
    "failed": "canceled",
    "declined": "canceled",
    "held": "held",
    "holded": "held",
    "on-hold": "held",
    "onhold": "held",
    "fulfilled": "fulfilled",
    "complete": "fulfilled",
    "completed": "fulfilled",
    "closed": "fulfilled",
    "returned": "returned",
    "refunded": "returned",
    "rto": "rto",
}
_CASH = frozenset({"cash", "cod", "robu_cod", "cashondelivery", "cash on delivery", "phoenix_cashondelivery"})


def _word(text: str) -> str:
    return text.strip().lower().removeprefix("_").removeprefix("wo_")


def outcome_of(status: str | None) -> Outcome:
    """Of a payment, login or promotion; absent means success, the documented default (section 9, row 20).

    >>> outcome_of("_failed"), outcome_of("_Failed"), outcome_of(None)
    ('failure', 'failure', 'success')
    """
    return "success" if status is None else _OUTCOMES.get(_word(status), "other")


def order_state_of(status: str | None) -> OrderState | None:
    """Where an order or a line stands; `None` when nothing was said.

    >>> order_state_of("_wo_on-hold"), order_state_of("_rto"), order_state_of("holded")
    ('held', 'rto', 'held')
    """
    return None if status is None else _STATES.get(_word(status), "other")


def is_cash(payment_type: str | None) -> bool | None:
    """Whether a payment type means cash on delivery; `None` when it says nothing.

    >>> is_cash("_cash"), is_cash("_creditCard"), is_cash(None)
    (True, False, None)
    """
    return None if payment_type is None else _word(payment_type) in _CASH
