"""Thresholds and costs: the policy that holds, what others would catch, another one to set, and all that ever held."""

from typing import Any

from starlette.responses import Response

from fourthwatch.console.figures import AMOUNT_DIGITS_MAX, major_of, minor_digits, minor_of
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
        currency = told["currency"].upper() or (await visit.get("policy"))["costs"]["currency"]
        money = {name: minor_of(told[name], currency) for name in _MONEY}
        odd = [name for name, value in {**whole, **money}.items() if value is None]
        if odd:
            fault = f"{_said(odd[0])} is no number that fits{_finer(currency) if odd[0] in _MONEY else ''}."
            return await self._page(visit, status=400, fault=fault, told=told)
        chance = _chance(visit, told)
        if isinstance(chance, str):
            return await self._page(visit, status=400, fault=chance, told=told)
        costs = {"currency": currency, "margin_percent": whole.pop("margin_percent"), **money}
        headers = {"If-Match": f'"{visit.form.get("version")}"'}
        answered = await visit.ask("PUT", "policy", body={**whole, "costs": costs, **chance}, headers=headers)
        if not answered.is_ok:
            return await self._page(visit, status=answered.status, fault=answered.refusal().message, told=told)
        return then("/console/settings/policy", f"Version {answered.json['version']} holds from the next event on.")

    async def _page(
        self, visit: Visit, *, status: int = 200, fault: str = "", told: dict[str, str] | None = None
    ) -> Response:
        policy = await visit.get("policy")
        found = await visit.get("policy", "versions", limit=20)
        scores = await visit.get("insights", "scores", tz=zone_of(visit))
        shown = _shown(policy, scores["currency"] or "")
        return self._looks.page(
            "thresholds.html", visit, status=status, tab="policy", fault=fault, policy=policy,
            told=shown if told is None else {**shown, **told}, versions=found["versions"],
            authors=await visit.authors(),
            shares=_shares(scores, policy), currency=scores["currency"], percent_max=EXPLORATION_PERCENT_MAX,
            days=_DAYS,
        )  # fmt: skip


def _shown(policy: Any, usual: str) -> dict[str, str]:
    """The fields of the form; where no currency was set yet, in the one that most is sold in."""
    costs, chance = policy["costs"], policy["exploration"]
    currency = costs["currency"] or usual
    whole = {name: str(policy[name]) for name in _WHOLE}
    capped = chance["currency"] or currency
    whole |= {"explore_percent": str(chance["percent"]), "explore_orders": str(chance["orders_per_day"]),
              "explore_minor": str(major_of(chance["amount_minor_per_day"], capped)),
              "explore_currency": capped}  # fmt: skip
    money = {name: str(major_of(costs[name], currency)) for name in _MONEY}
    return {**whole, **money, "currency": currency, "margin_percent": str(costs["margin_percent"])}


def _chance(visit: Visit, told: dict[str, str]) -> dict[str, Any] | str:
    """The part of a policy about orders that chance lets pass, or what is wrong with it; `{}` where none was sent."""
    if not any(name in _CHANCE for name, _ in visit.form.pairs):
        return {}
    told |= {name: visit.form.get(name) for name in _CHANCE}
    percent, orders = (_whole(told[name]) for name in _CHANCE_WHOLE)
    currency = told["explore_currency"].upper()
    money = minor_of(told[_CHANCE_MONEY], currency)
    if percent is None or percent > EXPLORATION_PERCENT_MAX:
        return f"The share let pass by chance is a whole number of percent, 0 to {EXPLORATION_PERCENT_MAX}."
    if orders is None or money is None:
        return (
            f"The caps of what is let pass by chance are a number of orders and an amount of money{_finer(currency)}."
        )
    if percent and not (orders and money):
        return "Letting orders pass by chance needs both caps: so many orders and so much money a day."
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
    return int(text) if text.isascii() and text.isdigit() and len(text) <= AMOUNT_DIGITS_MAX else None


def _finer(currency: str) -> str:
    """What a currency that has not two digits wants of an amount."""
    digits = minor_digits(currency)
    return "" if digits == 2 else f"; {currency} has {digits or 'no'} digits behind the point"


def _said(name: str) -> str:
    return name.removesuffix("_minor").replace("_", " ").capitalize()
