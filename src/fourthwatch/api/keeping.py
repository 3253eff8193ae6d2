"""What is kept for how long and how large it is, and backups that the server makes of itself."""

import asyncio
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fourthwatch.api.access import Caller
from fourthwatch.api.changes import Changes, document_of, json_reply
from fourthwatch.clock import DAY_MS, HOUR_MS, Clock
from fourthwatch.errors import Forbidden, InUse, Malformed
from fourthwatch.limits import DELIVERED_KEPT_MS, REFUSALS_KEPT_MAX
from fourthwatch.settings import Settings
from fourthwatch.store.backup import BACKUPS_NAME, Backup, back_up, backups_in, bytes_kept, name_at
from fourthwatch.store.changes import Change, Configuration
from fourthwatch.store.file import free_bytes
from fourthwatch.store.users import ABSOLUTE_MS, FIRST_TENANT
from fourthwatch.wire.reply import encode


class KeptView(msgspec.Struct, frozen=True):
    """Something that is kept."""

    what: str
    days: float | None
    """Null is for ever, or until it is erased."""
    says: str
    setting: str | None
    """By which it is changed, where it can be."""


class KeepingView(msgspec.Struct, frozen=True):
    """What is kept, and the room that it takes."""

    kept: tuple[KeptView, ...]
    bytes: dict[str, int]
    """By file of the data directory, all tenants together; shown to the first tenant alone."""
    free_bytes: int | None
    reserve_bytes: int
    """With less free no event is taken."""


class BackupView(msgspec.Struct, frozen=True):
    """A backup in the directory `backups` of the data directory."""

    name: str
    """When it was begun, in UTC."""
    bytes: int


class BackupsView(msgspec.Struct, frozen=True):
    """All of them, the newest first."""

    backups: tuple[BackupView, ...]


class Keeping:
    """Handlers of `/api/v1/keeping` and `/api/v1/backups`."""

    def __init__(
        self, changes: Changes, configuration: Configuration, directory: Path, settings: Settings, clock: Clock
    ) -> None:
        self._changes = changes
        self._configuration = configuration
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._is_copying = False

    def routes(self) -> list[Route]:
        """For the router."""
        return [
            Route("/api/v1/keeping", self.keeping, methods=["GET"]),
            Route("/api/v1/backups", self.backups, methods=["GET"]),
            Route("/api/v1/backups", self.back_up, methods=["POST"]),
        ]

    async def keeping(self, request: Request) -> Response:
        """What is kept for how long."""
        caller = self._changes.caller(request, "manage")
        days = float(self._settings.forget_after_days)
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
        reserve = self._settings.disk_reserve_bytes
        if caller.tenant != FIRST_TENANT:
            return json_reply(KeepingView(kept, {}, None, reserve))
        sizes = await asyncio.to_thread(bytes_kept, self._directory)
        return json_reply(KeepingView(kept, sizes, free_bytes(self._directory), reserve))

    async def backups(self, request: Request) -> Response:
        """Which backups there are beside the data file."""
        _first(self._changes.caller(request, "manage"))
        found = await asyncio.to_thread(backups_in, self._directory)
        return json_reply(BackupsView(tuple(map(_view, found))))

    async def back_up(self, request: Request) -> Response:
        """Make a backup now, one at a time; it is whole when this is answered."""
        caller = _first(self._changes.caller(request, "manage"))
        if await document_of(request):
            raise Malformed("a backup is asked for with an empty object, {}", code="bad_value")
        if self._is_copying:
            raise InUse("a backup is being made already")
        self._is_copying = True
        try:
            view = await asyncio.shield(asyncio.ensure_future(self._made(caller.tenant, caller.key_id)))
        finally:
            self._is_copying = False
        return Response(encode(view), 201, media_type="application/json")

    async def _made(self, tenant: int, actor: str) -> BackupView:
        target = self._directory / BACKUPS_NAME / name_at(self._clock.now_ms())
        made = await asyncio.to_thread(
            back_up, self._directory, target, reserve_bytes=self._settings.disk_reserve_bytes
        )  # fmt: skip
        told = {"bytes": made.bytes, "events": made.events}
        change = Change(tenant=tenant, actor=actor, action="backup.made", thing=f"backups/{made.name}", after=told)
        await asyncio.to_thread(self._configuration.apply, change)
        return _view(made)


def _first(caller: Caller) -> Caller:
    """A backup holds every tenant; only the one that was there first may make them."""
    if caller.tenant != FIRST_TENANT:
        raise Forbidden("backups hold all tenants: they are made on the command line, or by the first tenant")
    return caller


def _view(backup: Backup) -> BackupView:
    return BackupView(backup.name, backup.bytes)
