"""What is kept for how long, as it is or as it is chosen, how large it is, and backups that the server makes."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Caller
from fourthwatch.api.bodies import taken
from fourthwatch.api.changes import Asked, Changes, Made, json_reply
from fourthwatch.clock import DAY_MS, HOUR_MS, Clock, iso_ms
from fourthwatch.errors import Forbidden, InUse, Malformed, NotFound
from fourthwatch.limits import DELIVERED_KEPT_MS, FORGET_AFTER_DAYS_MAX, FORGET_AFTER_DAYS_MIN, REFUSALS_KEPT_MAX
from fourthwatch.settings import Settings
from fourthwatch.store.backup import (
    BACKUPS_NAME,
    Backup,
    back_up,
    backup_of,
    backups_in,
    bytes_kept,
    clear_partial,
    name_at,
)
from fourthwatch.store.changes import Change
from fourthwatch.store.file import free_bytes
from fourthwatch.store.retention import Retention, RetentionStore
from fourthwatch.store.users import ABSOLUTE_MS, FIRST_TENANT


class KeptView(msgspec.Struct, frozen=True):
    """Something that is kept."""

    what: str
    days: float | None
    """Null is for ever, or until it is erased."""
    says: str
    setting: str | None
    """By which it is changed, where it can be."""


class HistoriesView(msgspec.Struct, frozen=True):
    """How long what is silent is remembered."""

    days: int
    """Holds since this start."""
    days_next: int
    """Holds from the next start on."""
    days_setting: int
    """The server's own, `FORGET_AFTER_DAYS`; it holds while nobody has chosen."""
    chosen_by: str | None
    """Id of the user or key; null while nobody has chosen, and to other tenants than the first."""
    chosen_at: str | None


class KeepingView(msgspec.Struct, frozen=True):
    """What is kept, and the room that it takes."""

    kept: tuple[KeptView, ...]
    bytes: dict[str, int]
    """By file of the data directory, all tenants together; shown to the first tenant alone."""
    free_bytes: int | None
    reserve_bytes: int
    """With less free no event is taken."""
    histories: HistoriesView


class KeepingChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long what is silent is remembered, from the next start of the server on."""

    forget_after_days: int | None
    """100 to 36500; null goes back to the server's own setting."""


class NewBackup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing is chosen of a backup."""


class BackupView(msgspec.Struct, frozen=True):
    """A backup in the directory `backups` of the data directory."""

    name: str
    """When it was begun, in UTC; of one that was asked for with an `Idempotency-Key`, with a hash of that behind it."""
    bytes: int


class BackupsView(msgspec.Struct, frozen=True):
    """All of them, the newest first."""

    backups: tuple[BackupView, ...]


class Keeping:
    """Handlers of `/api/v1/keeping` and `/api/v1/backups`."""

    def __init__(
        self, changes: Changes, directory: Path, settings: Settings, clock: Clock, retention: RetentionStore
    ) -> None:
        self._changes = changes
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._retention = retention
        chosen = retention.chosen()
        self._days = settings.forget_after_days if chosen is None else chosen.days
        self._is_copying = False

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/keeping", self.keeping, methods=["GET"]),
            Route("/api/v1/keeping", self.choose, methods=["PUT"]),
            Route("/api/v1/backups", self.backups, methods=["GET"]),
            Route("/api/v1/backups", self.back_up, methods=["POST"]),
            Route("/api/v1/backups/{name}", self.backup, methods=["GET"]),
        ]

    async def keeping(self, request: Request) -> Response:
        """What is kept for how long."""
        caller, chosen = self._changes.caller(request, "manage"), self._retention.chosen()
        room = ({}, None) if caller.tenant != FIRST_TENANT else await asyncio.to_thread(self._room)
        return json_reply(self._view(caller, chosen, room), _etag(chosen))

    async def choose(self, request: Request) -> Response:
        """How long what is silent is remembered, from the next start on; the first tenant chooses for the server."""
        caller = self._changes.caller(request, "manage")
        if caller.tenant != FIRST_TENANT:
            raise Forbidden("what is kept is the same for all tenants: the first tenant chooses it")
        room = await asyncio.to_thread(self._room)

        def make(asked: Asked) -> Made:
            asked.over(_etag(self._retention.chosen()))
            days = _wanted(asked.document)
            chosen, change = self._retention.choose(days, asked.caller.tenant, asked.caller.key_id)
            return Made(change=change, view=self._view(caller, chosen, room), headers={"ETag": _etag(chosen)})

        return await self._changes.take(request, "manage", make)

    def _room(self) -> tuple[dict[str, int], int | None]:
        """Sizes of the files, and how much is free beside them."""
        return bytes_kept(self._directory), free_bytes(self._directory)

    def _view(self, caller: Caller, chosen: Retention | None, room: tuple[dict[str, int], int | None]) -> KeepingView:
        setting = self._settings.forget_after_days
        histories = HistoriesView(
            self._days, setting if chosen is None else chosen.days, setting,
            None if chosen is None or caller.tenant != FIRST_TENANT else chosen.actor,
            None if chosen is None else iso_ms(chosen.at_ms),
        )  # fmt: skip
        days = float(self._days)
        delivered = DELIVERED_KEPT_MS / DAY_MS
        session = ABSOLUTE_MS / HOUR_MS / 24
        kept = (
            KeptView("events and decisions", None, "until a person is erased; the log is the truth", None),
            KeptView("histories", days, "what was silent for so long is forgotten", "FOURTHWATCH_FORGET_AFTER_DAYS"),
            KeptView("audit trail", None, "only ever added to", None),
            KeptView("deliveries that arrived", delivered, "can be looked at and sent again", None),
            KeptView("deliveries that did not arrive", None, "parked, until they are sent again", None),
            KeptView("refused events", 0.0, f"the newest {REFUSALS_KEPT_MAX}, in memory, without their bodies", None),
            KeptView("sessions of the console", session, "at the longest; half an hour without use", None),
        )
        sizes, free = room
        return KeepingView(kept, sizes, free, self._settings.disk_reserve_bytes, histories)

    async def backups(self, request: Request) -> Response:
        """Which backups there are beside the data file."""
        _first(self._changes.caller(request, "manage"))
        found = await asyncio.to_thread(backups_in, self._directory)
        return json_reply(BackupsView(tuple(map(_shown, found))))

    async def backup(self, request: Request) -> Response:
        """One of them."""
        _first(self._changes.caller(request, "manage"))
        for found in await asyncio.to_thread(backups_in, self._directory):
            if found.name == request.path_params["name"]:
                return json_reply(_shown(found))
        raise NotFound("there is no backup of this name")

    async def back_up(self, request: Request) -> Response:
        """Make a backup now, one at a time; it is whole when this is answered."""
        _first(self._changes.caller(request, "manage"))

        async def make(asked: Asked) -> Made:
            taken(asked.document, NewBackup)
            if self._is_copying:
                raise InUse("a backup is being made already; ask again when it is done")
            self._is_copying = True
            try:
                made = await asyncio.to_thread(self._made, asked)
            finally:
                self._is_copying = False
            told = {"bytes": made.bytes} | ({"events": made.events} if made.events else {})
            change = Change(
                tenant=asked.caller.tenant, actor=asked.caller.key_id, action="backup.made",
                thing=f"backups/{made.name}", after=told,
            )  # fmt: skip
            headers = {"Location": f"/api/v1/backups/{made.name}"}
            return Made(change=change, view=_shown(made), status=201, headers=headers)

        return await self._changes.take_apart(request, "manage", make)

    def _made(self, asked: Asked) -> Backup:
        """The backup of this attempt: one that was whole when the server was killed, or a new one."""
        found = None if asked.key is None else backup_of(self._directory, asked.key)
        clear_partial(self._directory)
        target = self._directory / BACKUPS_NAME / name_at(self._clock.now_ms(), asked.key)
        return found or back_up(self._directory, target, reserve_bytes=self._settings.disk_reserve_bytes)


def _first(caller: Caller) -> Caller:
    """A backup holds every tenant; only the one that was there first may make them."""
    if caller.tenant != FIRST_TENANT:
        raise Forbidden("backups hold all tenants: they are made on the command line, or by the first tenant")
    return caller


def _wanted(document: dict[str, Any]) -> int | None:
    """The days that are asked for; raises `Malformed`."""
    right = f"forget_after_days is {FORGET_AFTER_DAYS_MIN} to {FORGET_AFTER_DAYS_MAX}, or null for the server's own"
    try:
        days = msgspec.convert(document, KeepingChoice).forget_after_days
    except msgspec.ValidationError:
        raise Malformed(right, pointer="/forget_after_days", code="bad_value") from None
    if days is not None and not FORGET_AFTER_DAYS_MIN <= days <= FORGET_AFTER_DAYS_MAX:
        raise Malformed(right, pointer="/forget_after_days", code="bad_value")
    return days


def _etag(chosen: Retention | None) -> str:
    return '"0"' if chosen is None else f'"{chosen.days}-{chosen.at_ms}"'


def _shown(backup: Backup) -> BackupView:
    return BackupView(backup.name, backup.bytes)
