"""What people do at their desks, put together: labels, claims, notes, views, trials, erasures, users and keys."""

from pathlib import Path
from typing import Protocol

import msgspec

from fourthwatch.api.access import Access
from fourthwatch.api.changes import Changes
from fourthwatch.api.claims import Claims
from fourthwatch.api.erasures import Erasures
from fourthwatch.api.intake import Intake
from fourthwatch.api.keeping import Keeping
from fourthwatch.api.labels import Labels
from fourthwatch.api.notes import Notes
from fourthwatch.api.paging import Cursors
from fourthwatch.api.people import People
from fourthwatch.api.refusals import RefusalLog
from fourthwatch.api.trials import Trials
from fourthwatch.api.views import Views
from fourthwatch.clock import Clock
from fourthwatch.engine.corridor import Corridor
from fourthwatch.settings import Settings
from fourthwatch.store.claims import ClaimStore
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.reader import LedgerReader
from fourthwatch.store.retention import RetentionStore
from fourthwatch.store.users import UserStore
from fourthwatch.store.views import ViewStore
from fourthwatch.store.wishes import WishStore


class Tools(msgspec.Struct, frozen=True):
    """What handlers share."""

    access: Access
    changes: Changes
    intake: Intake
    cursors: Cursors


class House(Protocol):
    """Where the tables are that others use, too."""

    reader: LedgerReader
    users: UserStore


class Desk:
    """Its tables, and its routes."""

    def __init__(
        self, directory: Path, clock: Clock, corridor: Corridor, tools: Tools, house: House, settings: Settings
    ) -> None:
        access, changes, intake, cursors = tools.access, tools.changes, tools.intake, tools.cursors
        reader = house.reader
        claims, views, wishes = ClaimStore(directory, clock), ViewStore(directory, clock), WishStore(directory, clock)
        retention = RetentionStore(directory, clock)
        keys = KeyStore(directory, clock)  # of another connection, or `access` would not see what it changes
        self._stores = (claims, views, wishes, retention, keys)
        self.about_orders = (
            Labels(changes, intake, reader, clock),
            Claims(changes, claims, reader, clock, cursors),
            Notes(changes, intake, reader, clock, cursors),
        )
        """To be asked before the order's own path, which takes any."""
        self.parts = (
            Views(changes, views),
            Erasures(changes, wishes),
            Trials(access, corridor, clock, intake.number_fields),
            RefusalLog(access, intake.refusals),
            People(changes, house.users, keys, clock, cursors),
            Keeping(changes, directory, settings, clock, retention),
        )

    def close(self) -> None:
        """Close every connection."""
        for store in self._stores:
            store.close()
