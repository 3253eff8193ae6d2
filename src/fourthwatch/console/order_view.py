"""An order as its page shows it: the newest submission taken apart, nothing computed that the API does not say."""

from typing import Any

import msgspec

_ADDRESS_FIELDS = (
    ("_name", "Name"), ("_phone", "Phone"), ("_address1", "Address"), ("_address2", "Second line"), ("_city", "City"),
    ("_region", "Region"), ("_zipcode", "Postcode"), ("_country", "Country"),
)  # fmt: skip
_SHOWN_ELSEWHERE = frozenset(
    {"_orderId", "_userId", "_amount", "_currencyCode", "_items", "_paymentMethods", "_promotions", "_billingAddress",
     "_shippingAddress", "_customInfo", "_sessionId", "_deviceIp", "_deviceId", "_userEmail", "_originTimestamp"}
)  # fmt: skip
DECIDED_KINDS = ("createOrder", "create_order", "update_order")


class AddressRow(msgspec.Struct, frozen=True):
    """One line of two addresses side by side."""

    title: str
    billing: str | None
    delivery: str | None

    @property
    def differs(self) -> bool:
        """Whether both say something, and not the same but for case and blanks."""
        if self.billing is None or self.delivery is None:
            return False
        return "".join(self.billing.lower().split()) != "".join(self.delivery.lower().split())


class Key(msgspec.Struct, frozen=True):
    """Something the order shares with others, and the page that tells of it."""

    kind: str
    title: str
    value: str


class OrderParts(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is made of."""

    amount: str | None
    currency: str | None
    keys: tuple[Key, ...]
    items: tuple[dict[str, Any], ...]
    payments: tuple[dict[str, Any], ...]
    promotions: tuple[dict[str, Any], ...]
    addresses: tuple[AddressRow, ...]
    has_two_addresses: bool
    custom: dict[str, Any]
    more: tuple[tuple[str, Any], ...]
    """Every other field, under its own name."""


def parts_of(order: Any) -> OrderParts:
    """From the body of the newest submission; what has an odd shape is left to the raw event."""
    body = order if isinstance(order, dict) else {}
    billing, delivery = _dict(body.get("_billingAddress")), _dict(body.get("_shippingAddress"))
    rows = [
        AddressRow(title, _text(billing.get(field)), _text(delivery.get(field)))
        for field, title in _ADDRESS_FIELDS
        if billing.get(field) not in (None, "") or delivery.get(field) not in (None, "")
    ]
    own = {name: value for name, value in body.items() if not name.startswith("_")}
    return OrderParts(
        amount=_text(body.get("_amount")),
        currency=_text(body.get("_currencyCode")),
        keys=tuple(_keys(body)),
        items=_dicts(body.get("_items")),
        payments=_dicts(body.get("_paymentMethods")),
        promotions=_dicts(body.get("_promotions")),
        addresses=tuple(rows),
        has_two_addresses=bool(billing) and bool(delivery),
        custom={**_dict(body.get("_customInfo")), **own},
        more=tuple(
            (name, value) for name, value in body.items() if name.startswith("_") and name not in _SHOWN_ELSEWHERE
        ),
    )


def reasons_by_side(decision: Any) -> dict[str, list[dict[str, Any]]]:
    """Reasons that speak against the order, for it, and those that only inform, in the decision's order."""
    sides: dict[str, list[dict[str, Any]]] = {"red": [], "green": [], "gray": []}
    for reason in (decision or {}).get("reasons", ()):
        sides.get(reason.get("flag"), sides["gray"]).append(reason)
    return sides


def _keys(body: dict[str, Any]) -> list[Key]:
    custom = _dict(body.get("_customInfo"))
    found = [
        ("user", "User", body.get("_userId")),
        ("email", "E-mail", body.get("_userEmail")),
        (
            "phone",
            "Phone",
            _dict(body.get("_shippingAddress")).get("_phone") or _dict(body.get("_billingAddress")).get("_phone"),
        ),
        ("ip", "IP", body.get("_deviceIp")),
        ("device", "Device", body.get("_deviceId") or custom.get("deviceId")),
        ("session", "Session", body.get("_sessionId")),
    ]
    return [Key(kind, title, str(value)) for kind, title, value in found if value not in (None, "")]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> tuple[dict[str, Any], ...]:
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)
