"""Models, for OpenAPI."""

from typing import Any

from fourthwatch.api.description import IF_MATCH, PAGES, ByType, Operation, managed, parameter
from fourthwatch.api.model_cards import RollbackChoice, RolledBackView
from fourthwatch.api.model_watch import AlertsView, DriftView, WeeksView
from fourthwatch.api.models import ModelDetailView, ModelMove, ModelsView, ModelView

MODEL_TYPES: tuple[Any, ...] = (
    ModelsView, ModelView, ModelDetailView, ModelMove, DriftView, WeeksView, AlertsView,
    RollbackChoice, RolledBackView,
)  # fmt: skip


def model_paths(by_type: ByType) -> dict[str, dict[str, Operation]]:
    """What there are, one of them, and its state."""
    fresh = parameter("fresh", "query", "Wait until everything that is durable by now is in", "boolean")
    model = parameter("model_id", "path", "Id of a model", "string", required=True)
    card = managed("getModelCard", "A model's card, for people", {"type": "string"}, by_type, parameters=[model])
    card["responses"]["200"]["content"] = {"text/html": {"schema": {"type": "string"}}}
    return {
        "/api/v1/models": {"get": managed("listModels", "Models", by_type[ModelsView], by_type, parameters=PAGES)},
        "/api/v1/models/{model_id}": {
            "get": managed("getModel", "One model", by_type[ModelDetailView], by_type, parameters=[model])
        },
        "/api/v1/models/{model_id}/card": {"get": card},
        "/api/v1/models/rollback": {
            "post": managed("rollBackModel", "The champion before judges again", by_type[RolledBackView], by_type,
                            body=by_type[RollbackChoice])
        },
        "/api/v1/models/{model_id}/drift": {
            "get": managed("getModelDrift", "How far orders have moved from those of training", by_type[DriftView],
                           by_type, parameters=[model])
        },
        "/api/v1/models/{model_id}/weeks": {
            "get": managed("getModelWeeks", "What came of what a model foretold, by week", by_type[WeeksView], by_type,
                           parameters=[model, fresh])
        },
        "/api/v1/alerts": {"get": managed("listAlerts", "What should not wait", by_type[AlertsView], by_type)},
        "/api/v1/models/{model_id}/state": {
            "post": managed("moveModel", "Bring a model into a state", by_type[ModelView], by_type,
                            body=by_type[ModelMove], parameters=[model, IF_MATCH])
        },
    }  # fmt: skip
