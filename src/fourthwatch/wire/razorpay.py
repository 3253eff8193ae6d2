"""The Razorpay era's order document as the contract's order: other names, minor units, the same facts.

The fields are those that one public integrator sent (contract, section 6); what the contract's order has no key for is
kept under `_customInfo`, and keys that nobody documented are dropped.
"""

from typing import Any

from fourthwatch.errors import Malformed

_ADDRESS = {
    "name": "_name", "phone": "_phone", "line1": "_address1", "line2": "_address2", "city": "_city",
    "state": "_region", "country": "_country", "postal_code": "_zipcode",
}  # fmt: skip
_ITEM = {
    "id": "_itemId", "title": "_productTitle", "currency": "_currencyCode", "brand": "_brand", "category": "_category",
    "quantity": "_quantity", "is_onsale": "_isOnSale", "sku": "_sku",
}  # fmt: skip

_USER = {
    "first_name": "firstName", "last_name": "lastName", "contact": "contact",
    "email_verification": "emailVerification", "contact_verification": "contactVerification",
}  # fmt: skip


def order_document(document: dict[str, Any]) -> dict[str, Any]:
    """A `createOrder` body with the facts of `{device, user, order}`; raises `Malformed` without an order in it."""
    order = _inside(document, "order")
    if order.get("id") in (None, ""):
        raise Malformed("order.id is needed", pointer="/order/id", code="missing_key")
    device, user, payment = _inside(document, "device"), _inside(document, "user"), _inside(order, "payment")
    result = {
        "_orderId": order["id"],
        "_originTimestamp": order.get("created_at"),
        "_amount": _main_units(order.get("amount")),
        "_currencyCode": order.get("currency"),
        "_isPrePaid": order.get("prepaid"),
        "_userId": user.get("id"),
        "_userEmail": user.get("email"),
        "_isFirstTimeBuyer": user.get("first_purchase"),
        "_sessionId": device.get("session_id"),
        "_deviceIp": device.get("ip"),
        "_shippingAddress": _renamed(order.get("shipping_address"), _ADDRESS),
        "_items": _items(order.get("items")),
        "_paymentMethods": [
            _known(
                {
                    "_paymentType": payment.get("method"),
                    "_paymentGateway": payment.get("gateway"),
                    "_amount": _main_units(payment.get("amount")),
                    "_currencyCode": payment.get("currency"),
                }
            )
        ]
        if payment
        else None,
        "_customInfo": _known(
            {"userAgent": device.get("user-agent"), "userCreatedAt": user.get("created_at")}
            | {name: user.get(key) for key, name in _USER.items()}
        ),
    }
    return _known(result)


def _known(pairs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in pairs.items() if value is not None}


def _inside(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _renamed(value: Any, names: dict[str, str]) -> dict[str, Any] | None:
    return {names[key]: inner for key, inner in value.items() if key in names} if isinstance(value, dict) else None


def _items(value: Any) -> list[dict[str, Any]] | None:
    if not isinstance(value, list):
        return None
    items = []
    for element in value:
        renamed = _renamed(element, _ITEM)
        if renamed is not None:
            items.append(_known({**renamed, "_price": _main_units(element.get("amount"))}))
    return items


def _main_units(minor: Any) -> str | None:
    """Minor units as the contract's decimal text.

    >>> _main_units("50000"), _main_units("7"), _main_units("x")
    ('500.00', '0.07', None)
    """
    text = str(minor).strip() if isinstance(minor, str | int) and not isinstance(minor, bool) else ""
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        return None
    padded = text.zfill(3)
    return f"{padded[:-2]}.{padded[-2:]}"
