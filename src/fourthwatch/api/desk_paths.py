"""What analysts do at their desks, for OpenAPI: claims, presence, notes, saved views, trials, erasures."""

from typing import Any

from fourthwatch.api.claims import ClaimChoice, ClaimsView, ClaimView, LookChoice, PresenceView
from fourthwatch.api.description import IF_MATCH, PAGES, ByType, Operation, managed, parameter
from fourthwatch.api.erasures import ErasuresView, ErasureView
from fourthwatch.api.keeping import BackupsView, BackupView, HistoriesView, KeepingChoice, KeepingView, NewBackup
from fourthwatch.api.notes import NoteChoice, NotesView, NoteView
from fourthwatch.api.trials import TrialChoice, TrialView
from fourthwatch.api.views import ViewChoice, ViewsView, ViewView

DESK_TYPES: tuple[Any, ...] = (
    ClaimView, ClaimsView, ClaimChoice, LookChoice, PresenceView, NoteView, NotesView, NoteChoice,
    ViewView, ViewsView, ViewChoice, TrialChoice, TrialView, ErasureView, ErasuresView,
    KeepingView, HistoriesView, KeepingChoice, NewBackup, BackupView, BackupsView,
)  # fmt: skip
"""What bodies and replies are of."""

_ORDER = parameter("order_id", "path", "As in _orderId", "string", required=True)
_USER = parameter("user_id", "path", "As in _userId", "string", required=True)
_FORCE = parameter("force", "query", "Also when it is somebody else's", "boolean")


def desk_paths(by_type: ByType) -> dict[str, dict[str, Operation]]:
    """Operations by path and method."""
    wished = managed("askErasure", "Have a user erased at the next start", by_type[ErasureView], by_type,
                     body={"type": "object"}, parameters=[_USER], status=202)  # fmt: skip
    saved = managed("saveView", "Keep a view under a name", by_type[ViewView], by_type, body=by_type[ViewChoice],
                    status=201)  # fmt: skip
    saved["responses"]["200"] = {**saved["responses"]["201"], "description": "In the place of one of this name"}
    wished["responses"]["200"] = {**wished["responses"]["202"], "description": "Was asked for before"}
    return {
        "/api/v1/claims": {
            "get": managed("listClaims", "Who is at which order", by_type[ClaimsView], by_type, parameters=PAGES)
        },
        "/api/v1/orders/{order_id}/claim": {
            "get": managed("getClaim", "Who is at an order", by_type[ClaimView], by_type, parameters=[_ORDER]),
            "put": managed("claimOrder", "Claim an order, or prolong a claim", by_type[ClaimView], by_type,
                           body=by_type[ClaimChoice], parameters=[_ORDER, _FORCE]),
            "delete": managed("releaseOrder", "Let an order go", None, by_type, parameters=[_ORDER, _FORCE],
                              status=204),
        },
        "/api/v1/orders/{order_id}/presence": {
            "post": managed("lookAtOrder", "Say that one looks at an order, hear who else does",
                            by_type[PresenceView], by_type, body=by_type[LookChoice], parameters=[_ORDER])
        },
        "/api/v1/orders/{order_id}/notes": {
            "get": managed("listNotes", "Notes beside an order", by_type[NotesView], by_type,
                           parameters=[_ORDER, *PAGES]),
            "post": managed("addNote", "Keep a note", by_type[NoteView], by_type, body=by_type[NoteChoice],
                            parameters=[_ORDER], status=201),
        },
        "/api/v1/views": {
            "get": managed("listViews", "Saved views", by_type[ViewsView], by_type,
                           parameters=[parameter("page", "query", "queue or orders; both when absent", "string")]),
            "post": saved,
        },
        "/api/v1/views/{view_id}": {
            "get": managed("getView", "One of one's own, or a shared one", by_type[ViewView], by_type,
                           parameters=[parameter("view_id", "path", "As in the list", "string", required=True)]),
            "delete": managed("removeView", "Forget a view of one's own", None, by_type,
                              parameters=[parameter("view_id", "path", "As in the list", "string", required=True)],
                              status=204)
        },
        "/api/v1/trials": {
            "post": managed("tryEvent", "What an event would be answered with, if it came now", by_type[TrialView],
                            by_type, body=by_type[TrialChoice])
        },
        **_keeping_paths(by_type),
        "/api/v1/erasures": {
            "get": managed("listErasures", "Who waits to be erased", by_type[ErasuresView], by_type)
        },
        "/api/v1/users/{user_id}/erasure": {
            "put": wished,
            "delete": managed("takeErasureBack", "Not to be erased after all", None, by_type, parameters=[_USER],
                              status=204),
        },
    }  # fmt: skip


def _keeping_paths(by_type: ByType) -> dict[str, dict[str, Operation]]:
    """What is kept, and copies of it."""
    return {
        "/api/v1/keeping": {
            "get": managed("getKeeping", "What is kept for how long, and the room it takes", by_type[KeepingView],
                           by_type),
            "put": managed("chooseKeeping", "How long what is silent is remembered, from the next start on",
                           by_type[KeepingView], by_type, body=by_type[KeepingChoice], parameters=[IF_MATCH]),
        },
        "/api/v1/backups": {
            "get": managed("listBackups", "Backups beside the data file", by_type[BackupsView], by_type),
            "post": managed("makeBackup", "Make a backup now", by_type[BackupView], by_type, body=by_type[NewBackup],
                            status=201),
        },
        "/api/v1/backups/{name}": {
            "get": managed("getBackup", "One backup", by_type[BackupView], by_type,
                           parameters=[parameter("name", "path", "As in the list", "string", required=True)])
        },
    }  # fmt: skip
