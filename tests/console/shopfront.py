"""A small shop for the tests of the console and its pictures: ordinary orders, and one ring on one device and IP."""

import json
from typing import Any

from served import KEY_HEADER, Served

RING_DEVICE = "dev-ring"
RING_IP = "203.0.113.99"
CITIES = (("Pune", "411001"), ("Jaipur", "302001"), ("Lucknow", "226001"), ("Kolkata", "700001"))
GOODS = (
    ("Steel bottle", "Kitchen", "899.00"),
    ("Phone case", "Electronics", "499.00"),
    ("Running shoes", "Sports", "3499.00"),
)


def address(name: str, number: int) -> dict[str, Any]:
    """A delivery address."""
    city, code = CITIES[number % len(CITIES)]
    return {"_name": name, "_phone": f"+9198765{43210 + number}", "_address1": f"{number + 3} Lake Road",
            "_address2": "Flat 2", "_city": city, "_zipcode": code, "_country": "IN"}  # fmt: skip


def order(order_id: str, user: str, number: int, *, ring: bool, amount: str) -> dict[str, Any]:
    """An order as a plugin would send it."""
    title, category, price = GOODS[number % len(GOODS)]
    name = f"Shopper {number}"
    delivery = address(name, number)
    return {
        "_orderId": order_id, "_userId": user, "_userEmail": f"{user}@example.com", "_amount": amount,
        "_currencyCode": "INR", "_isPrePaid": True, "_sessionId": f"s-{order_id}",
        "_deviceIp": RING_IP if ring else f"198.51.100.{number % 200 + 1}",
        "_deviceId": RING_DEVICE if ring else f"dev-{number}",
        "_items": [{"_itemId": f"item-{number % 3}", "_productTitle": title, "_category": category, "_price": price,
                    "_quantity": 1 + number % 2, "_currencyCode": "INR"}],
        "_paymentMethods": [{"_paymentType": "_creditCard", "_amount": amount, "_cardBin": "411111",
                             "_cardLast4": f"{1000 + number}", "_cardExpiryMonth": "07", "_cardExpiryYear": "2030"}],
        "_billingAddress": delivery, "_shippingAddress": {**delivery, "_address1": "9 Hill View"} if ring else delivery,
        "_customInfo": {"channel": "app"},
    }  # fmt: skip


def open_shop(served: Served, key: str, *, ordinary: int = 12, ring: int = 6) -> list[str]:
    """Send everything; the ids of the ring's orders."""

    def send(event: str, body: dict[str, Any]) -> None:
        reply = served.request("POST", f"/event/v1/{event}", json.dumps(body), {KEY_HEADER: key})
        assert reply.status == 200, reply.body

    for number in range(ordinary):
        user = f"asha{number}"
        send("create_account", {"_userId": user, "_userEmail": f"{user}@example.com", "_firstName": "Asha"})
        send("createOrder", order(f"good-{number}", user, number, ring=False, amount=f"{499 + 100 * number}.00"))
    made = []
    for number in range(ring):
        user, order_id = f"r{number}", f"ring-{number}"
        send("create_account", {"_userId": user, "_userEmail": f"{user}@example.com", "_deviceId": RING_DEVICE,
                                "_deviceIp": RING_IP})  # fmt: skip
        for attempt in range(3):
            send("transaction", {"_userId": user, "_orderId": order_id, "_transactionId": f"t-{number}-{attempt}",
                                 "_transactionStatus": "_failure", "_amount": "9.00", "_currencyCode": "INR",
                                 "_deviceIp": RING_IP, "_deviceId": RING_DEVICE,
                                 "_paymentMethod": {"_paymentType": "_creditCard", "_cardBin": "424242",
                                                    "_cardLast4": f"{2000 + 10 * number + attempt}"}})  # fmt: skip
        send("createOrder", order(order_id, user, number, ring=True, amount=f"{4_999 + 1000 * number}.00"))
        made.append(order_id)
    send("custom_event", {"_eventName": "parcel_weighed", "_orderId": made[0], "_customInfo": {"grams": 812}})
    return made
