"""A small shop for the tests of the console and its pictures: ordinary orders, and one ring on one device and IP."""

import json
from pathlib import Path
from typing import Any

from fourthwatch.clock import DAY_MS, SystemClock
from fourthwatch.model.manifest import Measured, Use
from fourthwatch.store.models import ModelFiles, ModelStore
from fourthwatch.workbench.drawing import Line, chart
from served import KEY_HEADER, Served
from small_model import package_of, small_model

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


def open_past(served: Served, key: str, days: int = 28) -> None:
    """What the shop took before, so that pages about time have something to show: some of it turned out badly."""
    now_ms = SystemClock().now_ms()

    def send(event: str, body: dict[str, Any], days_ago: float) -> None:
        sent = {**body, "_originTimestamp": str(now_ms - int(days_ago * DAY_MS))}
        reply = served.request("POST", f"/event/v1/{event}", json.dumps(sent), {KEY_HEADER: key})
        assert reply.status == 200, reply.body

    number = 100
    for day in range(days, 0, -1):
        for nth in range(6 + day * 7 % 5):
            number += 1
            user, order_id, ago = f"shopper{number % 90}", f"past-{number}", day - nth / 24
            is_bad = number % 17 == 0
            body = order(order_id, user, number, ring=is_bad, amount=f"{399 + number * 37 % 4200}.00")
            if is_bad:
                for attempt in range(3):
                    failed = {"_userId": user, "_orderId": order_id, "_transactionId": f"p-{number}-{attempt}",
                              "_transactionStatus": "_failure", "_amount": "9.00", "_currencyCode": "INR",
                              "_deviceId": f"dev-past-{number % 3}"}  # fmt: skip
                    send("transaction", failed, ago + 0.01)
            else:
                send("create_account", {"_userId": user, "_userEmail": f"{user}@example.com"}, ago + 3)
            send("createOrder", {**body, "_deviceId": f"dev-past-{number % 3 if is_bad else number}"}, ago)
            if is_bad and day > 4:
                send("chargeback", {"_orderId": order_id, "_userId": user, "_chargebackState": "_received"}, ago - 3)
            elif day > 3:
                status = "_rto" if number % 23 == 0 else "_fulfilled"
                send("order_status", {"_orderId": order_id, "_orderStatus": status}, ago - 2)


_READ = {
    "amount": "the order's amount", "account_age": "how old the account is",
    "orders_by_user_24h": "orders of the user in a day", "orders_by_user_7d": "orders of the user in a week",
    "own_mean_amount": "the user's usual amount", "chargebacks_ever": "chargebacks of the user",
    "neighbours": "users who share something", "orders_by_user_90d": "orders of the user in three months",
}  # fmt: skip


def hang_models(directory: Path) -> tuple[str, str]:
    """Two models: one that judges, and a candidate that passed all gates but one; their ids."""
    store = ModelStore(directory, SystemClock())
    good, names = small_model(), ("chargeback-20270105-0a1b2c3d", "chargeback-20270301-9f8e7d6c")
    risen = [at / 10 for at in range(11)]
    figures = [
        chart("Bad orders found, by good orders flagged",
              [Line("model", risen, [one**0.4 for one in risen]), Line("guessing", [0, 1], [0, 1])]),
        chart("What came, by what was foretold", [Line("model", risen, [one * 0.95 for one in risen])]),
    ]  # fmt: skip
    card = f"<html><head><style>p{{margin:0}}</style></head><body>{''.join(figures)}</body></html>".encode()
    for number, name in enumerate(names):
        auc = 0.871 + number / 50
        package = package_of(
            good.body, good.golden, 300, id=name, trees=20, score_shares=tuple(0.05 for _ in range(20)),
            features=tuple(Use(name=one, says=says, gain=0.5 / 2**at, monotone=1 if at in (5, 6) else 0)
                           for at, (one, says) in enumerate(_READ.items())),
            metrics={"auc": Measured(value=auc, low=auc - 0.02, high=auc + 0.02),
                     "average_precision": Measured(value=0.42 + number / 20, low=0.36, high=0.52),
                     "calibration_error": Measured(value=0.012, low=0.008, high=0.019)},
        )  # fmt: skip
        store.add(1, name, package.manifest, ModelFiles(package.body, package.golden, card), actor="command line")
    champion, candidate = names
    store.apply(store.moved(1, champion, "champion", actor="command line", why="the first one"))
    gates = [
        {"name": "auc", "passed": True, "says": "0.8910 against 0.8710 of " + champion},
        {"name": "cost", "passed": True, "says": "41,200 against 52,900"},
        {"name": "latency", "passed": False, "says": "p99 1,204 \u00b5s, at most 1000"},
    ]
    ours = {"name": candidate, "auc": 0.891, "average_precision": 0.47, "cost": 41_200.0}
    theirs = {"name": champion, "auc": 0.871, "average_precision": 0.42, "cost": 52_900.0}
    report = {"model": candidate, "against": champion, "on": "fresh", "orders": 4_180, "bad": 131, "ours": ours,
              "theirs": theirs, "calibration_error": 0.012, "latency_p99_micros": 1204.0, "drift": 0.02,
              "gates": gates}  # fmt: skip
    store.report(1, candidate, json.dumps(report).encode())
    store.close()
    return champion, candidate
