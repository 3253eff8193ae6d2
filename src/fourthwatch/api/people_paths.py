"""Users and keys for OpenAPI."""

from typing import Any

from fourthwatch.api.description import IF_MATCH, PAGES, SEEN, ByType, Operation, managed, parameter
from fourthwatch.api.people import (
    ConsoleUserEdit,
    ConsoleUsersView,
    ConsoleUserView,
    KeysView,
    KeyView,
    LinkView,
    MadeKeyView,
    NewConsoleUser,
    NewKey,
    NewLink,
)

PEOPLE_TYPES: tuple[Any, ...] = (
    ConsoleUserView, ConsoleUsersView, NewConsoleUser, ConsoleUserEdit, NewLink, LinkView, KeyView, KeysView, NewKey,
    MadeKeyView,
)  # fmt: skip
"""What bodies and replies are of."""

_USER = parameter("user_id", "path", "As in the list", "string", required=True)
_KEY = parameter("key_id", "path", "As in the list", "string", required=True)


def people_paths(by_type: ByType) -> dict[str, dict[str, Operation]]:
    """Operations by path and method."""
    return {
        "/api/v1/console-users": {
            "get": managed("listConsoleUsers", "Who may sign in to the console", by_type[ConsoleUsersView], by_type,
                           parameters=PAGES),
            "post": managed("addConsoleUser", "A new user, and a link", by_type[LinkView], by_type,
                            body=by_type[NewConsoleUser], status=201),
        },
        "/api/v1/console-users/{user_id}": {
            "get": managed("getConsoleUser", "One user", by_type[ConsoleUserView], by_type,
                           parameters=[_USER, SEEN]),
            "patch": managed("editConsoleUser", "Another role, or locked out", by_type[ConsoleUserView], by_type,
                             body=by_type[ConsoleUserEdit], parameters=[_USER, IF_MATCH]),
        },
        "/api/v1/console-users/{user_id}/links": {
            "post": managed("makeConsoleLink", "A new one-time link for a user", by_type[LinkView], by_type,
                            body=by_type[NewLink], parameters=[_USER], status=201)
        },
        "/api/v1/keys": {
            "get": managed("listKeys", "Every key, revoked ones too", by_type[KeysView], by_type, parameters=PAGES),
            "post": managed("addKey", "A new key, shown this one time", by_type[MadeKeyView], by_type,
                            body=by_type[NewKey], status=201),
        },
        "/api/v1/keys/{key_id}": {
            "get": managed("getKey", "One key, without the key itself", by_type[KeyView], by_type,
                           parameters=[_KEY, SEEN]),
            "delete": managed("revokeKey", "Revoke a key", None, by_type, parameters=[_KEY, IF_MATCH], status=204),
        },
    }  # fmt: skip
