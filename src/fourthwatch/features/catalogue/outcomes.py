"""How orders of the same people, places and goods ended and were paid: delivered, refused, returned, disputed, in cash.

Shares of refused and returned orders are among those whose end is known, so a late label changes nothing. Disputes
come weeks after their orders; their shares are of orders that had a month to be disputed in. One that the shop won is
none any more.
"""

from fourthwatch.features.catalogue.rows import DELIVERED, DISPUTED, REFUSED, RETURNED, SETTLED, disputed
from fourthwatch.features.definition import Feature


def _refused_share(name: str, entity: str, says: str, last: str = "", reason: str = "") -> Feature:
    return Feature(f"refused_share_of_{name}", f"share({REFUSED} in {SETTLED}, by {entity}{last})", "ratio",
                   f"share of orders {says} that were refused at the door", reason)  # fmt: skip


def _returned_share(name: str, entity: str, says: str, last: str = "", reason: str = "") -> Feature:
    return Feature(f"returned_share_of_{name}", f"share({RETURNED} in {SETTLED}, by {entity}{last})", "ratio",
                   f"share of orders {says} that were sent back", reason)  # fmt: skip


def _cash_share(name: str, entity: str, says: str, last: str = "", reason: str = "") -> Feature:
    return Feature(f"cash_share_of_{name}", f"share(order where paid_on_delivery in order, by {entity}{last})", "ratio",
                   f"share of orders {says} that were cash on delivery", reason)  # fmt: skip


def _disputed_share(name: str, entity: str, says: str) -> Feature:
    """Of one's own few orders: whatever was disputed, against those that are a month old."""
    return Feature(f"disputed_share_of_{name}",
                   f"min(1, ({disputed(entity)}) / count(order, by {entity}, until 30d ago))", "ratio",
                   f"share of orders {says} that were disputed, of those older than 30 days")  # fmt: skip


def _disputed_rate(name: str, entity: str, says: str) -> Feature:
    """Of a crowd's many orders: disputes of two months for the orders of two months that began a month earlier."""
    return Feature(f"disputed_rate_of_{name}",
                   f"({disputed(entity, ', last 60d')}) / count(order, by {entity}, last 90d, until 30d ago)",
                   "ratio", f"disputes in 60 days for each order {says} in the 60 days up to 30 days ago")  # fmt: skip


_90_DAYS = ", last 90d"
_WITH_BIN = "with cards of the same first six digits"
_TO_POSTCODE = "to the same PIN or ZIP code in 90 days"

DELIVERY_ROWS: tuple[Feature, ...] = (
    _refused_share("user", "user", "of the same user"),
    _refused_share("phone", "phone", "with the same phone", reason="rto_prone_phone"),
    _refused_share("email", "email", "with the same e-mail", reason="rto_prone_email"),
    _refused_share("address", "address", "to the same address"),
    _refused_share("device", "device", "from the same device", reason="rto_prone_device"),
    _refused_share("ip", "ip", "from the same IP in 90 days", _90_DAYS, "rto_prone_ip"),
    _refused_share("postcode", "postcode", _TO_POSTCODE, _90_DAYS, "rto_prone_pincode"),
    _refused_share("area", "area", "to the same sorting district in 90 days", _90_DAYS, "rto_prone_area"),
    _refused_share("city", "city", "to the same city in 90 days", _90_DAYS, "rto_prone_city"),
    _refused_share("item", "item_code", "of the same first item in 90 days", _90_DAYS),
    _refused_share("seller", "seller", "from the same first seller in 90 days", _90_DAYS),
    Feature("refused_share_of_shop_7d_against_90d",
            f"share({REFUSED} in {SETTLED}, by shop, last 7d) / share({REFUSED} in {SETTLED}, by shop, last 90d)",
            "times", "share of the shop's orders refused at the door in 7 days against the share in 90 days",
            "order_placed_during_high_rto_period"),
    _returned_share("user", "user", "of the same user"),
    _returned_share("address", "address", "to the same address"),
    _returned_share("postcode", "postcode", _TO_POSTCODE, _90_DAYS, "return_prone_pincode"),
    _returned_share("city", "city", "to the same city in 90 days", _90_DAYS, "returns_prone_city"),
    _returned_share("region", "region", "to the same state or region in 90 days", _90_DAYS, "returns_prone_state"),
    _returned_share("item", "item_code", "of the same first item in 90 days", _90_DAYS),
    _returned_share("category", "category", "in the same first category in 90 days", _90_DAYS),
    Feature("refused_by_phone_90d", f"count({REFUSED}, by phone, last 90d)", "orders",
            "orders with the same phone refused at the door in 90 days"),
    Feature("refused_by_address_90d", f"count({REFUSED}, by address, last 90d)", "orders",
            "orders to the same address refused at the door in 90 days"),
    Feature("refused_amount_by_phone_90d", f"sum(amount of {REFUSED}, by phone, last 90d)", "main units",
            "total of orders with the same phone refused at the door in 90 days"),
    Feature("returned_by_user_90d", f"count({RETURNED}, by user, last 90d)", "orders",
            "orders of the same user sent back in 90 days"),
    Feature("canceled_by_user_30d", 'count(delivery where state == "canceled", by user, last 30d)', "orders",
            "orders of the same user canceled in 30 days"),
    Feature("canceled_share_of_phone", 'share(delivery where state == "canceled" in order, by phone)', "ratio",
            "share of orders with the same phone that were canceled"),
    Feature("delivered_by_phone_ever", f"count({DELIVERED}, by phone)", "orders",
            "orders with the same phone delivered"),
    Feature("delivered_to_address_ever", f"count({DELIVERED}, by address)", "orders",
            "orders to the same address delivered"),
    Feature("delivered_by_card_ever", f"count({DELIVERED}, by card)", "orders",
            "orders with the same card delivered"),
    Feature("days_since_delivery", f"since_last({DELIVERED}, by user) / 1d", "days",
            "days since an order of the user was delivered"),
    Feature("days_since_refusal", f"since_last({REFUSED}, by phone) / 1d", "days",
            "days since an order with the same phone was refused at the door"),
)  # fmt: skip

CASH_ROWS: tuple[Feature, ...] = (
    _cash_share("user", "user", "of the same user"),
    _cash_share("email", "email", "with the same e-mail", reason="cod_prone_email"),
    _cash_share("phone", "phone", "with the same phone", reason="cod_prone_phone"),
    _cash_share("device", "device", "from the same device", reason="cod_prone_device"),
    _cash_share("postcode", "postcode", _TO_POSTCODE, _90_DAYS, "cod_prone_pincode"),
    _cash_share("city", "city", "to the same city in 90 days", _90_DAYS, "cod_prone_city"),
    Feature("cash_orders_by_phone_7d", "count(order where paid_on_delivery, by phone, last 7d)", "orders",
            "other orders with the same phone that are cash on delivery in 7 days"),
    Feature("cash_orders_by_address_7d", "count(order where paid_on_delivery, by address, last 7d)", "orders",
            "other orders to the same address that are cash on delivery in 7 days"),
)  # fmt: skip

DISPUTE_ROWS: tuple[Feature, ...] = (
    _disputed_share("user", "user", "of the same user"),
    _disputed_share("card", "card", "with the same card"),
    _disputed_share("email", "email", "with the same e-mail"),
    _disputed_share("address", "address", "to the same address"),
    _disputed_share("device", "device", "from the same device"),
    _disputed_rate("bin", "bin", _WITH_BIN),
    _disputed_rate("network", "network", "from the same network"),
    _disputed_rate("email_domain", "email_domain", "with e-mails of the same domain"),
    _disputed_rate("postcode", "postcode", "to the same PIN or ZIP code"),
    _disputed_rate("seller", "seller", "from the same first seller"),
    _disputed_rate("item", "item_code", "of the same first item"),
    _disputed_rate("shop", "shop", "of the shop"),
    Feature("chargebacks_by_ip_90d", disputed("ip", ", last 90d"), "orders",
            "orders from the same IP disputed in 90 days"),
    Feature("chargebacks_by_bin_30d", disputed("bin", ", last 30d"), "orders",
            f"orders {_WITH_BIN} disputed in 30 days"),
    Feature("chargebacks_by_device_ever", disputed("device"), "orders",
            "orders from the same device disputed"),
    Feature("chargeback_amount_by_user", disputed("user", of="amount"), "main units",
            "total of orders of the same user disputed"),
    Feature("days_since_chargeback", f"since_last({DISPUTED}, by user) / 1d", "days",
            "days since an order of the user was disputed"),
)  # fmt: skip
