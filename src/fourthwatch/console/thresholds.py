"""Thresholds and costs: the policy that holds, what others would catch, another one to set, and all that ever held."""

from typing import Any

from starlette.responses import Response

from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks
from fourthwatch.console.notices import then
from fourthwatch.console.overview import zone_of
from fourthwatch.console.visit import Visit
from fourthwatch.limits import EXPLORATION_PERCENT_MAX

_WHOLE = ("red_above", "decline_above", "deadline_ms")
_MONEY = ("review_minor", "chargeback_minor", "return_minor")
_CHANCE_WHOLE = ("explore_percent", "explore_orders")
_CHANCE_MONEY = "explore_minor"
_CHANCE = (*_CHANCE_WHOLE, _CHANCE_MONEY, "explore_currency")
_DIGITS_MAX = 13
_DAYS = 30
"""As many as the table of scores looks back."""


class Thresholds:
    """Handlers of the page."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/settings/policy", "manager", self.show),
            Page("POST", "/settings/policy", "manager", self.put),
        ]

    async def show(self, visit: Visit) -> Response:
        """The policy that holds."""
        return await self._page(visit)

    async def put(self, visit: Visit) -> Response:
        """Another one; it holds from the next event on."""
        told = {name: visit.form.get(name) for name in (*_WHOLE, *_MONEY, "currency", "margin_percent")}
        whole = {name: _whole(told[name]) for name in (*_WHOLE, "margin_percent")}
        money = {name: _minor(told[name]) for name in _MONEY}
        odd = [name for name, value in {**whole, **money}.items() if value is None]
        if odd:
            return await self._page(visit, status=400, fault=f"{_said(odd[0])} is no number that fits.", told=told)
        chance = _chance(visit, told)
        if isinstance(chance, str):
            return await self._page(visit, status=400, fault=chance, told=told)
        costs = {"currency": told["currency"].upper(), "margin_percent": whole.pop("margin_percent"), **money}
        headers = {"If-Match": f'"{visit.form.get("version")}"'}
        answered = await visit.ask("PUT", "policy", body={**whole, "costs": costs, **chance}, headers=headers)
        if not answered.is_ok:
            return await self._page(visit, status=answered.status, fault=answered.refusal().message, told=told)
        return then("/console/settings/policy", f"Version {answered.json['version']} holds from the next event on.")

    async def _page(
        self, visit: Visit, *, status: int = 200, fault: str = "", told: dict[str, str] | None = None
    ) -> Response:
        policy = await visit.get("policy")
        shown = _shown(policy)
        found = await visit.get("policy", "versions", limit=20)
        scores = await visit.get("insights", "scores", tz=zone_of(visit))
        authors = {user["user_id"]: user["name"] for user in (await visit.get("console-users", limit=500))["users"]}
        authors |= {key["key_id"]: f"key “{key['name']}”" for key in (await visit.get("keys", limit=500))["keys"]}
        return self._looks.page(
            "thresholds.html", visit, status=status, tab="policy", fault=fault, policy=policy,
            told=shown if told is None else {**shown, **told}, versions=found["versions"], authors=authors,
            shares=_shares(scores, policy), currency=scores["currency"], percent_max=EXPLORATION_PERCENT_MAX,
            days=_DAYS,
        )  # fmt: skip


def _shown(policy: Any) -> dict[str, str]:
    costs, chance = policy["costs"], policy["exploration"]
    whole = {name: str(policy[name]) for name in _WHOLE}
    whole |= {"explore_percent": str(chance["percent"]), "explore_orders": str(chance["orders_per_day"]),
              "explore_minor": f"{chance['amount_minor_per_day'] / 100:.2f}",
              "explore_currency": chance["currency"] or costs["currency"]}  # fmt: skip
    money = {name: f"{costs[name] / 100:.2f}" for name in _MONEY}
    return {**whole, **money, "currency": costs["currency"], "margin_percent": str(costs["margin_percent"])}


def _chance(visit: Visit, told: dict[str, str]) -> dict[str, Any] | str:
    """The part of a policy about orders that chance lets pass, or what is wrong with it; `{}` where none was sent."""
    if not any(name in _CHANCE for name, _ in visit.form.pairs):
        return {}
    told |= {name: visit.form.get(name) for name in _CHANCE}
    percent, orders = (_whole(told[name]) for name in _CHANCE_WHOLE)
    money = _minor(told[_CHANCE_MONEY])
    if percent is None or percent > EXPLORATION_PERCENT_MAX:
        return f"The share let pass by chance is a whole number of percent, 0 to {EXPLORATION_PERCENT_MAX}."
    if orders is None or money is None:
        return "The caps of what is let pass by chance are a number of orders and an amount of money."
    if percent and not (orders and money):
        return "Letting orders pass by chance needs both caps: so many orders and so much money a day."
    currency = told["explore_currency"].upper()
    if percent and not currency:
        return "Letting orders pass by chance needs the currency of its cap."
    exploration = {"percent": percent, "orders_per_day": orders, "amount_minor_per_day": money, "currency": currency}
    return {"exploration": exploration}


def _shares(scores: Any, policy: Any) -> list[dict[str, Any]]:
    """What the orders of the table would have been answered by their scores alone, with the thresholds that hold."""
    bands: list[dict[str, Any]] = []
    total = scores["total"]["orders"]
    edges = (("approve", -1, policy["red_above"]), ("review", policy["red_above"], policy["decline_above"]),
             ("decline", policy["decline_above"], 100))  # fmt: skip
    for verdict, above, up_to in edges:
        rows = [
            row["sums"] for row in scores["rows"] if row["name"] is not None and above < int(row["name"]) <= up_to
        ]  # fmt: skip
        sums = {name: sum(row[name] for row in rows) for name in ("orders", "bad", "good", "bad_minor", "good_minor")}
        bands.append({"verdict": verdict, "share": sums["orders"] / total if total else 0.0, **sums})
    return bands


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else None


def _minor(text: str) -> int | None:
    """Minor units of an amount as people write it.

    >>> _minor("250"), _minor("12.5"), _minor("0.05"), _minor("1.234"), _minor("x")
    (25000, 1250, 5, None, None)
    """
    major, _, minor = text.partition(".")
    if not (major.isascii() and major.isdigit() and len(major) <= _DIGITS_MAX and len(minor) <= 2):
        return None
    if minor and not (minor.isascii() and minor.isdigit()):
        return None
    return int(major) * 100 + int(minor.ljust(2, "0"))


def _said(name: str) -> str:
    return name.removesuffix("_minor").replace("_", " ").capitalize()
