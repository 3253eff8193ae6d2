"""How rows of the catalogue are written where many entities are asked the same question.

A template has `{}` where the entity stands; nothing else is put together from parts, so that every name can be found.
"""

from fourthwatch.features.definition import Feature

FAILED = 'where outcome == "failure"'
SUCCEEDED = 'where outcome == "success"'
REFUSED = 'delivery where state == "rto"'
RETURNED = 'delivery where state == "returned"'
DELIVERED = 'delivery where state == "fulfilled"'
SETTLED = 'delivery where state in ["fulfilled", "returned", "rto"]'
"""Orders whose end is known: the only ones in which a share of refused or returned ones has a meaning."""
DISPUTED = "chargeback where not is_won"
"""As it was said at the time; whether the shop has won since is not in it. See `disputed`."""


def greatest(form: str, *entities: str) -> str:
    """The greatest of one aggregate over several entities; `form` has `{}` where the entity stands.

    >>> greatest("count(order, by {})", "ip", "card")
    'greatest(count(order, by ip), count(order, by card))'
    """
    return f"greatest({', '.join(form.format(entity) for entity in entities)})"


def total(form: str, *entities: str) -> str:
    """Those that are known of one form over several entities, added up.

    >>> total("is_new_{}", "ip", "card")
    'total(is_new_ip, is_new_card)'
    """
    return f"total({', '.join(form.format(entity) for entity in entities)})"


def new(thing: str, by: str = "account") -> str:
    """1 when the present thing was never seen with somebody who was seen with others, else 0.

    >>> new("ip")
    'if_else(seen(ip, by account), 0, 1)'
    """
    return f"if_else(seen({thing}, by {by}), 0, 1)"


def days_known(name: str, entity: str, says: str) -> Feature:
    """Days since the shop first heard of an entity."""
    return Feature(name, f"since_first(by {entity}) / 1d", "days", f"days since {says} was first seen in this shop")


def disputed(by: str, last: str = "", of: str = "") -> str:
    """Orders disputed, but for those that the shop won, at whatever time; `of` an amount: their sum.

    One dispute counts once per order, when it was last heard of; so does its being won.

    >>> disputed("card", ", last 90d")
    'count(chargeback, by card, last 90d) - count(chargeback where is_won, by card, last 90d)'
    """
    what = f"sum({of} of " if of else "count("
    return f"{what}chargeback, by {by}{last}) - {what}chargeback where is_won, by {by}{last})"
