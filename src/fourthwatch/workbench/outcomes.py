"""What a model is to foretell: which labels make an order bad, and how often the like of it ended badly before.

The shares of bad outcomes by entity are features of the model itself, written in the language: how late the shop's
labels come is only known when it is trained.
"""

from typing import Literal, get_args

from fourthwatch.features.catalogue.rows import DISPUTED, REFUSED, RETURNED, disputed
from fourthwatch.features.definition import Feature
from fourthwatch.workbench.labels import LabelKind

Target = Literal["chargeback", "rto", "return", "promo_abuse", "account_abuse", "any"]
TARGETS: tuple[Target, ...] = get_args(Target)

LABELS_OF: dict[Target, tuple[LabelKind, ...]] = {
    "chargeback": ("chargeback",),
    "rto": ("rto",),
    "return": ("returned",),
    "promo_abuse": ("promo_abuse",),
    "account_abuse": ("account_abuse",),
    "any": ("chargeback", "rto", "bad", "confirmed"),
}
"""An order is bad when one of these is 1. `any` is what costs the goods: sent back in order is no abuse by itself."""

OF_USERS: frozenset[LabelKind] = frozenset({"promo_abuse", "account_abuse"})
"""Kinds that are told of the user, whether the order was let through or not."""
ENDS_GOOD: frozenset[LabelKind] = frozenset({"rto"})
"""Kinds whose 0 is the end of it: a parcel that was accepted cannot come back unaccepted."""

_TOLD: dict[Target, str] = {
    "chargeback": DISPUTED,
    "rto": REFUSED,
    "return": RETURNED,
    "promo_abuse": "tag where is_bad",
    "account_abuse": "tag where is_bad",
    "any": 'chargeback|delivery where default(not is_won, false) or default(state == "rto", false)',
}
"""Events that told of a bad outcome. A dispute that was won since is among them: that it was known stays true."""
ENTITIES: tuple[str, ...] = (
    "user", "device", "email", "card", "phone", "address", "ip", "network", "bin", "email_domain", "postcode", "seller",
    "item_code",
)  # fmt: skip
_NOUNS = {
    "user": "of the same user", "device": "from the same device", "email": "with the same e-mail",
    "card": "with the same card", "phone": "with the same phone", "address": "to the same address",
    "ip": "from the same IP", "network": "from the same network", "bin": "with cards of the same first six digits",
    "email_domain": "with e-mails of the same domain", "postcode": "to the same PIN or ZIP code",
    "seller": "from the same first seller", "item_code": "of the same first item",
}  # fmt: skip
_BAD_WORDS = {
    "chargeback": "disputed", "rto": "refused at the door", "return": "sent back", "promo_abuse": "marked as bad",
    "account_abuse": "marked as bad", "any": "disputed or refused",
}  # fmt: skip
_WINDOWS_DAYS: tuple[int | None, ...] = (1, 3, 7, 30, None)
PRIOR_ORDERS = 20
"""Orders that are thought to be good beside those that are known: a share of few is drawn to nothing."""
_PRIOR_OF_A_DAY = 1
"""Of three days it is 20 again: drawn to nothing by one alone, such a share is mostly chance where an entity has few
orders, and a small shop's model learned that by heart (PSI of its score two weeks later 2.5, with 20 it is 0.03)."""
_DELAY_DAYS_MAX = 180
HISTORY_PREFIX = "bad_share_of_"


def history_of(target: Target, delay_days: int) -> tuple[Feature, ...]:
    """Shares of bad outcomes known by then, by entity, over a day, 3, 7 and 30 days and all time; and since when.

    Of the orders those count whose labels have had `delay_days` to arrive; so a share of a week is of the bad outcomes
    that became known in it, for the orders of the week that they are mostly of.
    """
    told, delay = _TOLD[target], max(1, min(_DELAY_DAYS_MAX, delay_days))
    found = []
    for entity in ENTITIES:
        for days in _WINDOWS_DAYS:
            last = "" if days is None else f", last {days}d"
            orders = f", until {delay}d ago" if days is None else f", last {days + delay}d, until {delay}d ago"
            said = "" if days is None else " in a day" if days == 1 else f" in {days} days"
            prior = _PRIOR_OF_A_DAY if days == 1 else PRIOR_ORDERS
            found.append(
                Feature(
                    f"{HISTORY_PREFIX}{entity}_{'ever' if days is None else f'{days}d'}",
                    f"({_bad_of(target, entity, last)}) / (count(order, by {entity}{orders}) + {prior})",
                    "ratio",
                    f"share of orders {_NOUNS[entity]} known to be {_BAD_WORDS[target]}{said}",
                )
            )
        found += [
            Feature(
                f"days_since_{which}_bad_of_{entity}",
                f"since_{which}({told}, by {entity}) / 1d",
                "days",
                f"days since an order {_NOUNS[entity]} was {which} known to be {_BAD_WORDS[target]}",
            )
            for which in ("first", "last")
        ]
    return tuple(found)


def _bad_of(target: Target, entity: str, last: str) -> str:
    """How many orders are known to have ended badly, but for disputes that the shop has won by then."""
    if target == "chargeback":
        return disputed(entity, last)
    if target == "any":
        return f"{disputed(entity, last)} + count({REFUSED}, by {entity}{last})"
    return f"count({_TOLD[target]}, by {entity}{last})"
