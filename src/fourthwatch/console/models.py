"""Models: which there are, how good each was on orders that came later, and the states they come into."""

from starlette.responses import Response

from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of
from fourthwatch.console.notices import then
from fourthwatch.console.visit import Visit
from fourthwatch.errors import NotFound

STATES = ("shadow", "champion", "retired")


class ModelPages:
    """Handlers of the pages below `/console/models`."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/models", "viewer", self.all),
            Page("GET", "/models/{model_id}", "viewer", self.one),
            Page("POST", "/models/{model_id}/state", "manager", self.move),
        ]

    async def all(self, visit: Visit) -> Response:
        """Every model, the newest first."""
        return self._looks.page("models.html", visit, models=(await visit.get("models"))["models"])

    async def one(self, visit: Visit) -> Response:
        """One model with what it was made of and how it compares with the champion."""
        found = await visit.find("models", visit.request.path_params["model_id"])
        if found is None:
            raise NotFound("there is no such model")
        weeks = await visit.get("models", found["model"]["id"], "weeks")
        drift = await visit.get("models", found["model"]["id"], "drift")
        return self._looks.page(
            "model.html", visit, found=found, model=found["model"], states=STATES, weeks=weeks, drift=drift
        )

    async def move(self, visit: Visit) -> Response:
        """Bring a model into another state; a champion passes its gates, or is named with a reason."""
        model_id = visit.request.path_params["model_id"]
        body = {"state": visit.form.get("state"), "override": visit.form.get("override")}
        await visit.do("POST", "models", model_id, "state", body=body)
        return then(address_of("models", model_id), f"The model is {body['state']} now.")
