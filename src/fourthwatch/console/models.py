"""Models: which there are, how good each was on later orders, how it does now, and the states they come into."""

import re
from html import unescape
from typing import Any

from starlette.responses import Response

from fourthwatch.console.charts import chart
from fourthwatch.console.door import Answered
from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of
from fourthwatch.console.notices import then
from fourthwatch.console.visit import Visit
from fourthwatch.errors import NotFound

STATES = ("shadow", "champion", "retired")
_FEATURES_SHOWN = 15
_DRIFTS_SHOWN = 8
_FIGURE = re.compile(r"<figure><figcaption>([^<]*)</figcaption>(<svg .*?</svg>)</figure>", re.DOTALL)
_PICTURES_MAX = 40


class ModelPages:
    """Handlers of the pages below `/console/models`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/models", "viewer", self.all),
            Page("POST", "/models/rollback", "manager", self.roll_back),
            Page("GET", "/models/{model_id}", "viewer", self.one),
            Page("GET", "/models/{model_id}/pictures/{number}", "viewer", self.picture),
            Page("POST", "/models/{model_id}/state", "manager", self.move),
        ]

    async def all(self, visit: Visit) -> Response:
        """Every model, the newest first, and what should not wait."""
        found = await visit.get("models", cursor=visit.query.get("cursor"))
        models = found["models"]
        alerts = [one for one in (await visit.get("alerts"))["alerts"] if one["code"].startswith("model.")]
        champion = next((model for model in models if model["state"] == "champion"), None)
        waiting = champion and (await visit.get("models", champion["id"]))["waiting"]
        return self._looks.page(
            "models.html", visit, models=models, alerts=alerts, champion=champion, waiting=waiting, next=found["next"]
        )

    async def one(self, visit: Visit) -> Response:
        """One model: how good it was when it was made, how it compares with the champion, and how it does now."""
        model_id = visit.request.path_params["model_id"]
        found = await visit.find("models", model_id)
        if found is None:
            raise NotFound("there is no such model")
        drift = await visit.get("models", model_id, "drift")
        weeks = (await visit.get("models", model_id, "weeks"))["weeks"]
        features = sorted(found["manifest"]["features"], key=lambda use: -use.get("gain", 0.0))
        return self._looks.page(
            "model.html", visit, found=found, model=found["model"], states=STATES, features=features[:_FEATURES_SHOWN],
            more_features=max(0, len(features) - _FEATURES_SHOWN), drift=drift,
            drifts=sorted(drift["features"].items(), key=lambda one: -one[1])[:_DRIFTS_SHOWN], weeks=weeks,
            chart=_weeks_chart(weeks), pictures=[title for title, _ in await self._pictures(visit, model_id)],
            passed=found["passed"],
        )  # fmt: skip

    async def picture(self, visit: Visit) -> Response:
        """One drawing of a model's card, as a picture: nothing in it can run."""
        pictures = await self._pictures(visit, visit.request.path_params["model_id"])
        number = visit.request.path_params["number"]
        if not (number.isascii() and number.isdigit() and len(number) < 4 and int(number) < len(pictures)):
            raise NotFound("there is no such picture")
        drawing = pictures[int(number)][1].replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        return Response(drawing, media_type="image/svg+xml")

    async def move(self, visit: Visit) -> Response:
        """Bring a model into another state; a champion passes its gates, or is named with a reason."""
        model_id = visit.request.path_params["model_id"]
        body = {"state": visit.form.get("state"), "override": visit.form.get("override")}
        headers = {"If-Match": visit.form.get("etag") or "*"}
        answered = await visit.ask("POST", "models", model_id, "state", body=body, headers=headers)
        return _moved(answered, address_of("models", model_id), f"The model is {body['state']} now.")

    async def roll_back(self, visit: Visit) -> Response:
        """The champion before judges again."""
        answered = await visit.ask("POST", "models", "rollback", body={"why": visit.form.get("why")})
        told = "The champion is rolled back."
        if answered.is_ok:
            before = answered.json["champion"]
            judges = "the points of the rules judge" if before is None else f"{before} judges"
            told = f"{answered.json['retired']} is rolled back; {judges} again."
        return _moved(answered, "/console/models", told)

    async def _pictures(self, visit: Visit, model_id: str) -> list[tuple[str, str]]:
        """Title and drawing of each figure in the card."""
        answered = await visit.ask("GET", "models", model_id, "card")
        if not answered.is_ok:
            return []
        found = _FIGURE.findall(answered.body.decode("utf-8", "replace"))
        return [(unescape(title), drawing) for title, drawing in found[:_PICTURES_MAX]]


def _moved(answered: Answered, there: str, told: str) -> Response:
    if answered.status in (400, 404, 409):
        return then(there, answered.refusal().message, tone="bad")
    if not answered.is_ok:
        raise answered.refusal()
    return then(there, told)


def _weeks_chart(weeks: list[dict[str, Any]]) -> dict[str, Any]:
    return chart(
        [week["from_at"][:10] for week in weeks],
        [
            ("Expected to be known by now", "warn", [week["expected"] for week in weeks]),
            ("Known to be bad", "bad", [week["bad"] for week in weeks]),
        ],
        axis="Week of",
    )
