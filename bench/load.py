"""The load: what 60,000 shoppers of an invented shop send, the same from Python and from wrk's Lua.

A body is a template with a few fields filled in, so that making one costs the client next to nothing. Order ids are
never used twice, whatever the run; users, addresses, devices, phones and cards come back as a shop's do.
"""

import json
import re
from pathlib import Path
from random import Random
from typing import NamedTuple

from fourthwatch.workbench.inventions import CURRENCY, GATEWAY, Country, Good, Inventor, Person, decimal, good

LOAD_VERSION = 1
"""Goes up with every change of the bodies; a ledger prepared with another version is not used."""
USERS = 60_000
FIELDS = ("order", "now", "user", "session", "ip", "device", "five", "last4", "house")

_PEOPLE = 400
_CARTS = 60
_VISITS = 4
_SEED = 20_260
_MARK = re.compile("«([a-z0-9]+)»")
_DESCRIPTION = "Sold and shipped by the seller, returns within ten days, one year of warranty against faults in making."
_COUNTRIES: tuple[Country, ...] = ("IN", "US", "GB")


class Template(NamedTuple):
    """A piece of JSON with gaps."""

    pieces: tuple[str, ...]
    """Texts and, at odd places, names of fields; what the other languages get."""
    form: str
    """The same for `%`."""

    def fill(self, fields: dict[str, str]) -> str:
        """The piece without gaps."""
        return self.form % fields


class Templates(NamedTuple):
    """All templates of the load; a body is a head and a cart, in braces, or a light event."""

    heads: tuple[tuple[Template, int], ...]
    """Head of an order, and which group of carts goes with it; the user's number chooses."""
    carts: tuple[tuple[Template, ...], ...]
    light: tuple[tuple[str, Template], ...]
    """Events nobody waits for a decision on, by name; each is as frequent as the others."""
    transaction: Template
    status: Template


def templates() -> Templates:
    """The same ones every time."""
    random = Random(_SEED)
    inventor = Inventor(random)
    heads = []
    for _ in range(_PEOPLE):
        person = inventor.person()
        heads.append((_template(_head(inventor, person)), _COUNTRIES.index(person.country)))
    carts = tuple(
        tuple(_template(_cart(inventor, country)) for _ in range(_CARTS)) for country in _COUNTRIES
    )  # fmt: skip
    return Templates(
        tuple(heads), carts, tuple(_light_events(inventor)), _template(_transaction()), _template(_status())
    )


class Load:
    """Bodies without end. `tag` keeps the order ids of two loads apart, `shoppers` are the numbers of who may order."""

    def __init__(self, random: Random, tag: str, shoppers: range = range(USERS)) -> None:
        self._random = random
        self._tag = tag
        self._shoppers = shoppers
        self._orders = 0
        self._templates = templates()

    def order(self, now_ms: int) -> bytes:
        """A `createOrder` of 2 to 3 kB with a new order id."""
        fields, number = self._fields(now_ms)
        return self._order(fields, number)

    def light(self, now_ms: int) -> tuple[str, bytes]:
        """Name and body of an add_to_cart, login or custom event."""
        name, template = self._random.choice(self._templates.light)
        return name, _body(template.fill(self._fields(now_ms)[0]))

    def visit(self, now_ms: int) -> list[tuple[str, bytes]]:
        """One shopper from the login to the parcel: ten events, one a second, two of them decided."""
        fields, number = self._fields(now_ms)
        steps: list[tuple[str, bytes]] = []
        names = dict(self._templates.light)
        for second, name in enumerate(("login", *("add_to_cart", "custom_event") * 3)):
            fields["now"] = str(now_ms + second * 1_000)
            steps.append((name, _body(names[name].fill(fields))))
        fields["now"] = str(now_ms + 7_000)
        steps.append(("createOrder", self._order(fields, number)))
        for second, (name, template) in enumerate(
            (("transaction", self._templates.transaction), ("order_status", self._templates.status)), 8
        ):
            fields["now"] = str(now_ms + second * 1_000)
            steps.append((name, _body(template.fill(fields))))
        return steps

    def _order(self, fields: dict[str, str], number: int) -> bytes:
        head, group = self._templates.heads[number % _PEOPLE]
        return _body(head.fill(fields) + "," + self._random.choice(self._templates.carts[group]).fill(fields))

    def _fields(self, now_ms: int) -> tuple[dict[str, str], int]:
        random = self._random
        number = self._shoppers[int(random.random() * len(self._shoppers))]
        chance = random.random()
        self._orders += 1
        fields = {
            "order": f"o-{self._tag}-{self._orders}",
            "now": str(now_ms),
            "user": str(number),
            "session": f"{number:x}{int(random.random() * _VISITS)}",
            "ip": f"198.51.100.{int(random.random() * 48) + 1}"
            if chance < 0.2
            else f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}",
            "device": f"f{int(random.random() * 1e7):07d}" if 0.2 <= chance < 0.25 else f"{number:07d}",
            "five": f"{number:05d}",
            "last4": f"{int(random.random() * 1e4):04d}" if 0.25 <= chance < 0.3 else f"{number % 10_000:04d}",
            "house": str(number % 397 + 1),
        }
        return fields, number


def write_lua(path: Path) -> None:
    """The templates as a Lua table, for `load.lua`."""
    made = templates()
    heads = ",\n".join(f"{{group={group + 1},{_lua(head)}}}" for head, group in made.heads)
    carts = ",\n".join("{" + ",\n".join(f"{{{_lua(cart)}}}" for cart in group) + "}" for group in made.carts)
    light = ",\n".join(f'{{name="{name}",{_lua(template)}}}' for name, template in made.light)
    path.write_text(f"return {{users={USERS},heads={{{heads}}},carts={{{carts}}},light={{{light}}}}}\n")


def write_json(path: Path) -> None:
    """The same for `autocannon.cjs`."""
    made = templates()
    content = {
        "users": USERS,
        "heads": [(head.pieces, group) for head, group in made.heads],
        "carts": [[cart.pieces for cart in group] for group in made.carts],
        "light": [(name, template.pieces) for name, template in made.light],
    }
    path.write_text(json.dumps(content))


def _lua(template: Template) -> str:
    return ",".join(f"[==[{piece}]==]" for piece in template.pieces)


def _body(inside: str) -> bytes:
    return f"{{{inside}}}".encode()


def _template(fields: dict[str, object]) -> Template:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))[1:-1]
    pieces = tuple(_MARK.split(text))
    assert set(pieces[1::2]) <= set(FIELDS)
    form = "".join(f"%({piece})s" if at % 2 else piece.replace("%", "%%") for at, piece in enumerate(pieces))
    return Template(pieces, form)


def _who(channel: str = "web", **custom: object) -> dict[str, object]:
    return {
        "_userId": "u«user»",
        "_sessionId": "s-«session»",
        "_deviceIp": "«ip»",
        "_originTimestamp": "«now»",
        "_customInfo": {"channel": channel, "deviceId": "dv-«device»", **custom},
    }


def _head(inventor: Inventor, person: Person) -> dict[str, object]:
    phone = "+9170000«five»"
    shipping = inventor.address(person, phone) | {"_address1": f"«house» {inventor.random.choice(_ROADS)}"}
    billing = shipping if inventor.random.random() < 0.7 else inventor.address(person, phone)
    card = inventor.card(person.country)
    pays: dict[str, object] = {"_paymentType": "_cash"}
    if inventor.random.random() < 0.8:
        pays = {
            "_paymentType": "_creditCard",
            "_paymentGateway": GATEWAY[person.country],
            "_accountName": person.name,
            "_cardBin": card.bin,
            "_cardLast4": "«last4»",
            "_cardExpiryMonth": card.month,
            "_cardExpiryYear": card.year,
            "_avsResponseCode": "Y",
            "_cvvResponseCode": "M",
        }
    return {
        **_who(campaign="spring", theme="light", basket={"age_s": 340, "changed": True}),
        "_orderId": "«order»",
        "_userEmail": f"{person.first.lower()}.{person.last.lower()}«user»@{_mail_domain(inventor)}",
        "_billingAddress": billing,
        "_shippingAddress": shipping,
        "_paymentMethods": [pays],
        "_isPrePaid": len(pays) > 1,
        "_isGift": inventor.random.random() < 0.1,
        "_hasExpeditedShipping": inventor.random.random() < 0.3,
        "_shippingMethod": "_physical",
        "_orderReferrer": "https://www.example.com/spring?from=newsletter",
    }


_ROADS = ("Lotus Street", "Station Road", "Lake View Road", "Mill Lane", "High Street", "Oak Street")


def _mail_domain(inventor: Inventor) -> str:
    return inventor.random.choice(("gmail.com", "gmail.com", "gmail.com", "example.com", "example.org"))


def _cart(inventor: Inventor, country: Country) -> dict[str, object]:
    goods = [good(number, country) for number in inventor.random.sample(range(23), inventor.random.choice((3, 3, 4)))]
    total = sum(item.minor for item in goods)
    fields: dict[str, object] = {
        "_amount": decimal(total),
        "_currencyCode": CURRENCY[country],
        "_items": [_item(item) for item in goods],
    }
    if inventor.random.random() < 0.2:
        fields["_promotions"] = [{"_promotionId": "SPRING", "_status": "_success", "_percentageOff": "10"}]
    return fields


def _item(item: Good) -> dict[str, object]:
    return {
        "_itemId": f"item-{item.number:03d}",
        "_productTitle": item.title,
        "_price": decimal(item.minor),
        "_currencyCode": item.currency,
        "_sku": f"SKU-{item.number:06d}",
        "_brand": "Unbranded",
        "_category": item.category,
        "_color": "blue",
        "_quantity": 1,
        "_description": _DESCRIPTION,
        "_seller": {"_sellerId": f"seller-{item.seller}", "_name": f"Seller {item.seller}"},
    }


def _light_events(inventor: Inventor) -> list[tuple[str, Template]]:
    item = good(inventor.random.randrange(20), "IN")
    return [
        ("add_to_cart", _template({**_who(), "_item": _item(item)})),
        ("login", _template({**_who(), "_loginStatus": "_success"})),
        ("custom_event", _template(
            {**_who("app", page="product", scroll=0.8, seen=[1, 2, 3], item={"id": "item-001", "zoomed": True}),
             "_eventName": "product_viewed"}
        )),
    ]  # fmt: skip


def _transaction() -> dict[str, object]:
    return {
        **_who(),
        "_orderId": "«order»",
        "_transactionId": "t-«order»",
        "_transactionType": "_sale",
        "_transactionStatus": "_success",
        "_amount": "499.00",
        "_currencyCode": "INR",
    }


def _status() -> dict[str, object]:
    return {"_orderId": "«order»", "_orderStatus": "_fulfilled", "_originTimestamp": "«now»"}
