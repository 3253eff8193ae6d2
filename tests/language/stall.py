"""A shop's schema for the tests of the language: a few fields, events, entities and named features."""

from fourthwatch.language import Schema, Type

ORDER: dict[str, Type] = {
    "amount": "number",
    "currency_code": "text",
    "user_email": "text",
    "is_pre_paid": "truth",
    "shipping_address.zipcode": "text",
    "shipping_address.city": "text",
    "items": "list",
    "occurred": "time",
    "device_id": "text",
    "user_id": "text",
    "shipping_address.address1": "text",
}
LOGIN: dict[str, Type] = {"login_status": "text", "occurred": "time"}
TRANSACTION: dict[str, Type] = {"amount": "number", "transaction_status": "text", "occurred": "time"}
MESSAGE: dict[str, Type] = {"content": "text", "amount": "text", "occurred": "time"}

SHOP = Schema(
    fields=ORDER,
    events={
        "order": ORDER,
        "login": LOGIN,
        "transaction": TRANSACTION,
        "message": MESSAGE,
        "chargeback": {},
        "custom": {},
    },
    entities=frozenset({"user", "ip", "device", "card", "phone", "email"}),
    names={"account_age": "duration", "orders_by_ip_24h": "number", "is_new_device": "truth"},
    lists={"vip": frozenset({"email"}), "bad_networks": frozenset({"ip"}), "words": frozenset({"user", "email"})},
)
