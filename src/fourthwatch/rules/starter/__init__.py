"""The rules that come with the program, as files, and how they are grouped by kind of shop.

A tenant that has published no set of its own is judged by the preset `general`.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from fourthwatch.rules.files import read_file
from fourthwatch.rules.rule import RuleSet

STARTER_VERSION = 2
"""Goes up whenever a rule that comes with the program changes; stored with decisions of tenants without a set."""

THEMES: Mapping[str, str] = MappingProxyType(
    {
        "card_testing": "cards that are tried until one works",
        "account_takeover": "somebody else in a customer's account",
        "promotion_abuse": "one person, many accounts, the same coupon",
        "shared_things": "devices, networks, cards, phones and doors of many users",
        "order_pace": "many orders in little time, or one too quickly",
        "chargebacks": "what became of earlier orders: disputes, marks, parcels that were kept",
        "return_to_origin": "parcels that nobody takes: cash on delivery, addresses that lead nowhere",
        "who_orders": "the account, the name, the e-mail, the addresses",
        "refunds": "goods and money that go back too often",
        "resellers": "goods that are bought to be sold on",
        "cash_on_delivery": "more about parcels paid at the door",
        "digital_goods": "what is delivered at once and cannot be called back",
    }
)
"""Each a file of rules, and what it is about."""
_EVERY_SHOP = (
    "card_testing", "account_takeover", "promotion_abuse", "shared_things", "order_pace", "chargebacks",
    "return_to_origin", "who_orders",
)  # fmt: skip
PRESETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "general": _EVERY_SHOP,
        "cash_on_delivery": (*_EVERY_SHOP, "cash_on_delivery"),
        "digital_goods": (*(one for one in _EVERY_SHOP if one != "return_to_origin"), "digital_goods"),
        "fashion": (*_EVERY_SHOP, "refunds"),
        "electronics": (*_EVERY_SHOP, "resellers", "refunds"),
        "marketplace": (*_EVERY_SHOP, "resellers", "refunds", "cash_on_delivery"),
    }
)
"""Themes by kind of shop."""


@cache
def theme(name: str) -> RuleSet:
    """The rules of one file."""
    text = files("fourthwatch.rules.starter").joinpath(f"{name}.toml").read_text("utf-8")
    return read_file(f"{name}.toml", text)


def preset(name: str) -> RuleSet:
    """The starter set of a kind of shop."""
    return of_themes(PRESETS[name], (name,))


def of_themes(themes: Sequence[str], presets: tuple[str, ...] = ()) -> RuleSet:
    """The rules of several files as one set."""
    return RuleSet(tuple(rule for one in themes for rule in theme(one).rules), presets=presets)
