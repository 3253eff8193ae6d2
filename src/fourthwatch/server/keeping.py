"""Models as the store says they are to be, brought into effect in a running server, and written down when they are.

A model is tried in a process apart before it is loaded, and takes over when all that it reads has its past. Until then,
and when it turns out to be damaged, the champion before it stays. That one keeps its seat and its past afterwards, too:
whoever rolls a champion back does not want to wait while a long log is counted.
"""

import asyncio
from collections import defaultdict
from functools import partial

from fourthwatch.engine.corridor import Corridor
from fourthwatch.engine.definitions import Definitions, Shelf
from fourthwatch.engine.panel import Panel, Unusable
from fourthwatch.errors import LedgerError, ModelRefused, Unavailable
from fourthwatch.logs import log
from fourthwatch.model.manifest import Manifest, Package
from fourthwatch.model.probe import try_out
from fourthwatch.model.serving import LiveModel
from fourthwatch.store.models import ModelFiles, ModelRow, ModelStore

LOOK_EVERY_S = 0.5
_UNWRITTEN = "?"
"""In place of the id of the model that judges: the store does not say so yet."""


class ModelKeeper:
    """One for the server; everything but the trial happens on the loop."""

    def __init__(self, store: ModelStore, corridor: Corridor, panel: Panel) -> None:
        self._panel = panel
        self._store = store
        self._corridor = corridor
        self._stamp: tuple[int, int] | None = None
        self._wanted: dict[int, tuple[str | None, tuple[str, ...]]] = {}
        self._resting: frozenset[str] = frozenset()
        """By key those that a rollback would bring back."""
        self._unfit: set[str] = set()
        """Those of them that cannot be used, which is told when somebody asks for them."""
        self._refused = panel.refused
        self._held: dict[int, str] = {}

    def load_first(self, shelf: Shelf) -> None:
        """Before the corridor starts: whatever is in use, so that its past comes with the others'."""
        for row in self._take_stock():
            live = self._tried(row, self._store.files(row.tenant, row.id))
            if live is not None:
                try:
                    self._panel.admit(row.tenant, live, shelf.of(row.tenant))
                except ModelRefused as error:
                    self._refuse(row, error)

    def settle(self) -> list[tuple[int, int, str]]:
        """Let those judge that can, and those go that are not wanted; returns what is to be written down."""
        panel, definitions = self._panel, self._corridor.definitions
        definitions.resting = self._resting
        changed: list[tuple[int, int, str]] = []
        for tenant, (champion, shadows) in self._wanted.items():
            now = panel.champion(tenant)
            seat = panel.seats.get(_key(tenant, champion))
            if seat is not None and not definitions.is_known(seat.key):
                seat = now
            if champion is not None and seat is None:
                seat = now  # it is damaged, or on trial still
            onlookers = [panel.seats.get(_key(tenant, one)) for one in shadows]
            ready = tuple(one for one in onlookers if one is not None and definitions.is_known(one.key))
            panel.put(tenant, seat, ready)
            judge = "" if seat is None else seat.model.id
            if self._held.get(tenant, "") != judge:
                changed.append((tenant, definitions.walk.last_seq + 1, judge))
                self._held[tenant] = judge
                log.info("model_judges", tenant=tenant, model=judge or "none", **{"from": changed[-1][1]})
        self._let_go()
        return changed

    async def follow(self) -> None:
        """Look at the store for as long as the server runs."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                if self._store.stamp() != self._stamp:
                    for row in self._take_stock():
                        files = self._store.files(row.tenant, row.id)
                        live = await asyncio.to_thread(self._tried, row, files)
                        if live is not None:
                            self._admit(row, live)
                for tenant, from_seq, model in self.settle():
                    try:
                        await asyncio.to_thread(self._store.hold, tenant, from_seq, model)
                    except LedgerError as error:
                        self._held[tenant] = _UNWRITTEN  # at the next look, then
                        log.warning("model_not_written_down", reason=str(error))
            except Unavailable:
                continue

    def hold_first(self) -> None:
        """Write down who judges from the start on, unless that is written already."""
        for tenant in self._wanted:
            rows = self._store.held(tenant)
            self._held[tenant] = rows[-1].model if rows else ""
        for tenant, from_seq, model in self.settle():
            self._store.hold(tenant, from_seq, model)

    def _take_stock(self) -> list[ModelRow]:
        """What is wanted now; returns what is in use and has no seat yet."""
        self._stamp = self._store.stamp()
        champions: dict[int, str] = {}
        shadows: dict[int, list[str]] = defaultdict(list)
        new: list[ModelRow] = []
        tenants = set(self._wanted)
        rows = self._store.all()
        before = {
            _key(row.tenant, self._store.champion_before(row.tenant, row.id)) for row in rows if row.state == "champion"
        }
        self._resting = frozenset(before)
        for row in sorted(rows, key=lambda row: row.state == "retired"):  # which come when the others have their seats
            tenants.add(row.tenant)
            if row.state == "champion":
                champions[row.tenant] = row.id
            elif row.state == "shadow":
                shadows[row.tenant].append(row.id)
            else:
                self._refused.pop(_key(row.tenant, row.id), None)
                if _key(row.tenant, row.id) not in self._resting - self._unfit:
                    continue
            key = _key(row.tenant, row.id)
            if key in self._refused:
                self._refused[key] = Unusable(self._refused[key].reason, row.state == "champion")
            elif key not in self._panel.seats:
                new.append(row)
        self._wanted = {tenant: (champions.get(tenant), tuple(shadows[tenant])) for tenant in tenants}
        return new

    def _tried(self, row: ModelRow, files: ModelFiles) -> LiveModel | None:
        """A model that may be loaded; `None`, and said so, when it may not."""
        package = Package(row.manifest, files.body, files.golden)
        try:
            manifest: Manifest = try_out(package)
            return LiveModel.of(manifest, package)
        except ModelRefused as error:
            self._refuse(row, error)
            return None

    def _admit(self, row: ModelRow, live: LiveModel) -> None:
        try:
            corridor = self._corridor
            self._make_room(row)
            seat = self._panel.admit(row.tenant, live, corridor.definitions.book_of(row.tenant))
            corridor.adjust(lambda definitions: definitions.want(row.tenant, seat.key, seat.wanted))
        except ModelRefused as error:
            self._refuse(row, error)

    def _make_room(self, row: ModelRow) -> None:
        """Whoever is to judge or look on goes before those that only might."""
        at_rest = [key for key in self._panel.seats if key in self._resting and key not in self._panel.judging()]
        if row.state != "retired" and self._panel.is_full and at_rest:
            self._unfit.add(at_rest[0])
            self._dismiss(at_rest[0])

    def _refuse(self, row: ModelRow, error: ModelRefused) -> None:
        if row.state == "retired":
            self._unfit.add(_key(row.tenant, row.id))
            return
        self._refused[_key(row.tenant, row.id)] = Unusable(str(error), row.state == "champion")
        log.error("model_refused", tenant=row.tenant, model=row.id, state=row.state, reason=str(error))

    def _let_go(self) -> None:
        panel = self._panel
        wanted = {_key(tenant, one) for tenant, (first, more) in self._wanted.items() for one in (first, *more)}
        for key, seat in list(panel.seats.items()):
            if key not in wanted | self._resting and panel.champion(seat.tenant) is not seat:
                self._dismiss(key)

    def _dismiss(self, key: str) -> None:
        self._panel.dismiss(key)
        self._corridor.adjust(partial(Definitions.unwant, key=key))


def _key(tenant: int, model: str | None) -> str:
    return f"{tenant}/{model or ''}"
