"""The receivers of the old plugins, played: what each of them was seen to do with a postback (contract, section 5)."""

import json
from collections.abc import Callable
from typing import Any, Protocol

from webhooks.listening import Heard, Told


class Shop:
    """Orders of a shop, as its own back office shows them."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.orders: dict[str, str] = {}
        """State by id; an order is here once the plugin's own calls have returned."""
        self.rows: dict[str, str] = {}
        """The plugin's bookkeeping."""

    def placed(self, order_id: str) -> None:
        """The plugin's `createOrder` and `transaction` have returned."""
        self.orders.setdefault(order_id, "new")
        self.rows.setdefault(order_id, "")


class Plugin(Protocol):
    """One version of one plugin."""

    shop: Shop

    def answer(self, heard: Heard) -> Told: ...

    def expected(self, flag: str, action: str | None) -> str: ...


class WooCommerce11:
    """1.1.4: compares the key, answers 400 to whatever goes wrong, also to an order it does not know yet."""

    refuses = True
    has_test = False

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def answer(self, heard: Heard) -> Told:
        try:
            if heard.headers["x-thirdwatch-api-key"] != self.shop.key:
                raise PermissionError
            body = json.loads(heard.body)
            order_id = body["order_id"]
            if heard.path == "/score":
                self.score(order_id, str(body["flag"])[:10])
            else:
                self.action(order_id, body["action_type"])
        except (KeyError, ValueError, PermissionError):
            return Told(400, b'{"Error":"Authentication Failed"}')
        return Told(200, b'{"Success":"Success"}')

    def score(self, order_id: str, flag: str) -> None:
        if order_id not in self.shop.rows:
            if self.refuses:
                raise KeyError(order_id)
            return  # the flag is lost
        rows = {"green": "APPROVED", "red": "FLAGGED"}
        self.shop.rows[order_id] = rows.get(flag, "HOLD")
        states = {"green": "approve status", "red": "review status"}
        if flag in states:
            self.shop.orders[order_id] = states[flag]

    def action(self, order_id: str, action: str) -> None:
        if order_id not in self.shop.rows:
            if self.refuses:
                raise KeyError(order_id)
            return
        if self.shop.orders[order_id] == "review status":
            self.shop.orders[order_id] = "approve status" if action == "approved" else "decline status"

    def expected(self, flag: str, action: str | None) -> str:
        if flag == "green":
            return "approve status"
        return {None: "review status", "approved": "approve status", "declined": "decline status"}[action]


class WooCommerce10(WooCommerce11):
    """1.0.0: answers 200 when the key is right; of an order that has no row yet the flag is lost."""

    refuses = False


class Magento1:
    """Checks no key; takes every flag but green for red and every action but approved for declined."""

    approved, flagged, declined = "processing", "holded", "canceled"

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def answer(self, heard: Heard) -> Told:
        body = json.loads(heard.body)
        if body.get("test") is True:
            return Told(200, b"{}")
        order_id = str(body.get("order_id"))
        if order_id not in self.shop.orders:
            return Told(400, b'{"order":{"id":"","description":"no such order"}}')
        if heard.path == "/score":
            if fault := self.fault_of(body):
                return Told(500, fault)
            self.move(order_id, self.approved if body["flag"] == "green" else self.flagged)
        else:
            if "action_message" not in body:
                return Told(500, b"Notice: Undefined index: action_message")
            self.move(order_id, self.approved if body["action_type"] == "approved" else self.declined)
        return Told(200, b'{"order":{"id":"1","description":"ok"}}')

    def fault_of(self, body: dict[str, Any]) -> bytes:
        return b""

    def move(self, order_id: str, state: str) -> None:
        self.shop.orders[order_id] = state

    def expected(self, flag: str, action: str | None) -> str:
        if action is not None:
            return self.approved if action == "approved" else self.declined
        return self.approved if flag == "green" else self.flagged


class Magento2July(Magento1):
    """July 2018: sets what it is told and never saves it; answers 200."""

    def move(self, order_id: str, state: str) -> None:
        pass

    def expected(self, flag: str, action: str | None) -> str:
        return "new"


class Magento2August(Magento1):
    """The branch of August 2018: fails without `score` and `reasons`."""

    approved, flagged, declined = "processing", "FLAGGED", "canceled"

    def fault_of(self, body: dict[str, Any]) -> bytes:
        return b"" if "score" in body and "reasons" in body else b"Notice: Undefined index"


PLUGINS: dict[str, Callable[[Shop], Plugin]] = {
    "WooCommerce 1.0.0": WooCommerce10,
    "WooCommerce 1.1.4": WooCommerce11,
    "Magento 1": Magento1,
    "Magento 2, July 2018": Magento2July,
    "Magento 2, August 2018": Magento2August,
}
