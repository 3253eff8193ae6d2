"""Models of tenants and the state each is in: candidate, shadow, champion or retired; and from which position one held.

A tenant has one champion at most. Each change of state is in the audit trail with who wanted it and why; what a server
has taken up is written by the server, with the ledger's position.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import apsw
import msgspec

from fourthwatch.clock import Clock
from fourthwatch.errors import InUse, NameTaken, NotFound
from fourthwatch.model.manifest import SCORECARD
from fourthwatch.store.changes import Change, Write, apply_alone
from fourthwatch.store.file import open_file, writing

ModelState = Literal["candidate", "shadow", "champion", "retired"]
STATES: tuple[ModelState, ...] = get_args(ModelState)


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model without its files."""

    tenant: int
    id: str
    state: ModelState
    created_ms: int
    changed_ms: int
    manifest: bytes
    """JSON."""
    report: bytes | None = None
    """JSON of the newest comparison with the champion."""


class ModelFiles(msgspec.Struct, frozen=True):
    """The rest of it."""

    body: bytes
    golden: bytes
    card: bytes


class ChangeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a model's state."""

    model: str
    state: ModelState
    at_ms: int
    actor: str
    """Id of the key, or `command line`."""
    why: str
    """What was said when a gate was overridden; else empty."""


class HeldRow(msgspec.Struct, frozen=True, kw_only=True):
    """From the event at a position on, a server judged with this model; an empty id: with none."""

    tenant: int
    from_seq: int
    model: str
    at_ms: int


class ModelStore:
    """The tables of models; one connection, used by one thread at a time."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._connection = open_file(directory)
        self._clock = clock

    def add(self, tenant: int, model: str, manifest: bytes, files: ModelFiles, *, actor: str) -> None:
        """Keep a candidate; raises `NameTaken` when the tenant has a model of this id."""
        now_ms = self._clock.now_ms()
        kept = Write(
            (
                "INSERT INTO model (tenant, id, state, created_ms, changed_ms, manifest, body, golden, card)"
                " VALUES (?, ?, 'candidate', ?, ?, ?, ?, ?, ?)",
                (tenant, model, now_ms, now_ms, manifest, files.body, files.golden, files.card),
            )
        )
        change = Change(
            tenant=tenant, actor=actor, action="models.added", thing=f"models/{model}", after={"state": "candidate"},
            writes=(kept, _note(tenant, model, "candidate", now_ms, actor, "")),
        )  # fmt: skip
        try:
            apply_alone(self._connection, change, now_ms)
        except apsw.ConstraintError as error:
            raise NameTaken("there is a model of this id already") from error

    def all(self, tenant: int | None = None) -> list[ModelRow]:
        """A tenant's models, or everybody's, the newest first."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM model WHERE ? IS NULL OR tenant = ? ORDER BY created_ms DESC, id", (tenant, tenant)
        )
        return [_row(row) for row in rows]

    def page(self, tenant: int, behind: tuple[int, str], limit: int) -> list[ModelRow]:
        """A tenant's models behind the one made then and called so, the newest first."""
        made_ms, name = behind
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM model WHERE tenant = ? AND (created_ms < ? OR (created_ms = ? AND id > ?))"
            " ORDER BY created_ms DESC, id LIMIT ?",
            (tenant, made_ms, made_ms, name, limit),
        )
        return [_row(row) for row in rows]

    def get(self, tenant: int, model: str) -> ModelRow:
        """One model; raises `NotFound`."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM model WHERE tenant = ? AND id = ?", (tenant, model)
        ).fetchone()
        if row is None:
            raise NotFound("there is no model with this id")
        return _row(row)

    def files(self, tenant: int, model: str) -> ModelFiles:
        """Its files; raises `NotFound`."""
        row = self._connection.execute(
            "SELECT body, golden, card FROM model WHERE tenant = ? AND id = ?", (tenant, model)
        ).fetchone()
        if row is None:
            raise NotFound("there is no model with this id")
        return ModelFiles(*row)

    def champion(self, tenant: int) -> ModelRow | None:
        """The model that judges; `None`: the scorecard does."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM model WHERE tenant = ? AND state = 'champion'", (tenant,)
        ).fetchone()
        return None if row is None else _row(row)

    def moved(
        self, tenant: int, model: str, state: ModelState, *, actor: str, why: str = "", at_ms: int | None = None,
        against: str | None = None,
    ) -> Change:  # fmt: skip
        """The change that brings a model into a state; a champion takes the place of the one before, which retires.

        `against` is what a champion was compared with, if it was. Raises `NotFound`, or `InUse` when it is in that
        state already, or another one judges than it was compared with. Nothing is changed before it is applied.
        """
        before = self.get(tenant, model).state
        if before == state:
            raise InUse(f"this model is {state} already")
        champion = self.champion(tenant) if state == "champion" else None
        judges = SCORECARD if champion is None else champion.id
        if against not in (None, judges):
            raise InUse(f"it was compared with {against}, and {judges} judges now: compare it again")
        retired = [] if champion is None else [(champion.id, "retired", _replaced_by(model))]
        return self._change(tenant, model, [*retired, (model, state, why)], actor, before, at_ms)

    def rolled_back(self, tenant: int, *, actor: str, why: str = "") -> tuple[Change, str | None]:
        """The change by which the champion retires and the one before it takes its place again; that one's id.

        Raises `NotFound` when there is no champion. Without one before it, the scorecard judges alone.
        """
        champion = self.champion(tenant)
        if champion is None:
            raise NotFound("there is no champion to roll back")
        before = self.champion_before(tenant, champion.id)
        moves: list[tuple[str, str, str]] = [(champion.id, "retired", why or "rolled back")]
        if before is not None:
            moves.append((before, "champion", f"{champion.id} was rolled back"))
        return self._change(tenant, champion.id, moves, actor, "champion"), before

    def champion_before(self, tenant: int, champion: str) -> str | None:
        """The id of the model that a rollback of the champion brings back; `None`: the scorecard.

        One that was rolled back itself, or taken out of use by hand, does not come back unless it was promoted anew.
        """
        came: list[str] = []
        changes = self.changes(tenant)
        for change, following in zip(changes, [*changes[1:], None], strict=True):
            newest = came[-1] if came else None
            if change.state == "champion" and change.model != newest:
                came.append(change.model)
                continue
            is_replaced = following is not None and change.why == _replaced_by(following.model)
            if change.state != "champion" and change.model == newest and not is_replaced:
                came.pop()
        in_reach = (one for one in reversed(came[:-1]) if one != champion)
        return next((one for one in in_reach if self.get(tenant, one).state in ("retired", "shadow")), None)

    def apply(self, change: Change) -> None:
        """Make a change durable."""
        apply_alone(self._connection, change, self._clock.now_ms())

    def _change(
        self, tenant: int, model: str, moves: Iterable[tuple[str, str, str]], actor: str, before: str,
        at_ms: int | None = None,
    ) -> Change:  # fmt: skip
        now_ms = self._clock.now_ms() if at_ms is None else at_ms
        writes: list[Write] = []
        after: dict[str, str] = {}
        for which, state, why in moves:
            writes.append(
                Write(
                    (
                        "UPDATE model SET state = ?, changed_ms = ? WHERE tenant = ? AND id = ?",
                        (state, now_ms, tenant, which),
                    )
                )
            )
            writes.append(_note(tenant, which, state, now_ms, actor, why))
            after |= {which: state} | ({"why": why} if which == model and why else {})
        return Change(
            tenant=tenant, actor=actor, action="models.moved", thing=f"models/{model}", before={model: before},
            after=after, writes=tuple(writes),
        )  # fmt: skip

    def report(self, tenant: int, model: str, report: bytes) -> None:
        """Keep what a comparison with the champion said."""
        with writing(self._connection):
            self._connection.execute("UPDATE model SET report = ? WHERE tenant = ? AND id = ?", (report, tenant, model))

    def changes(self, tenant: int, model: str | None = None) -> list[ChangeRow]:
        """Changes of state, of one model or all, oldest first."""
        rows = self._connection.execute(
            "SELECT model, state, at_ms, actor, why FROM model_change"
            " WHERE tenant = ? AND (? IS NULL OR model = ?) ORDER BY id",
            (tenant, model, model),
        )
        return [ChangeRow(model=id_, state=state, at_ms=at, actor=who, why=why) for id_, state, at, who, why in rows]

    def hold(self, tenant: int, from_seq: int, model: str) -> None:
        """Write down that from a position on this model judges; an empty id: none does."""
        with writing(self._connection):
            self._connection.execute(
                "INSERT INTO model_held (tenant, from_seq, model, at_ms) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (tenant, from_seq) DO UPDATE SET model = excluded.model, at_ms = excluded.at_ms",
                (tenant, from_seq, model, self._clock.now_ms()),
            )

    def held(self, tenant: int) -> list[HeldRow]:
        """Which model judged from where on, in ledger order."""
        rows = self._connection.execute(
            "SELECT from_seq, model, at_ms FROM model_held WHERE tenant = ? ORDER BY from_seq", (tenant,)
        )
        return [HeldRow(tenant=tenant, from_seq=seq, model=model, at_ms=at) for seq, model, at in rows]

    def tenant_id(self, name: str) -> int:
        """Number of a tenant; raises `NotFound`."""
        row = self._connection.execute("SELECT id FROM tenant WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise NotFound(f"there is no tenant {name!r} in this data file")
        return int(row[0])

    def data_version(self) -> int:
        """Changes whenever another connection has committed; cheap enough to ask twice a second."""
        return int(str(self._connection.pragma("data_version")))

    def stamp(self) -> tuple[int, int]:
        """Changes whenever a model came or changed its state."""
        row = self._connection.execute("SELECT count(*), coalesce(max(id), 0) FROM model_change").fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _replaced_by(model: str) -> str:
    return f"{model} takes its place"


def _note(tenant: int, model: str, state: str, at_ms: int, actor: str, why: str) -> Write:
    return Write(
        (
            "INSERT INTO model_change (tenant, model, state, at_ms, actor, why) VALUES (?, ?, ?, ?, ?, ?)",
            (tenant, model, state, at_ms, actor, why),
        )
    )


_COLUMNS = "tenant, id, state, created_ms, changed_ms, manifest, report"


def _row(row: tuple[object, ...]) -> ModelRow:
    return ModelRow(**dict(zip(ModelRow.__struct_fields__, row, strict=True)))  # type: ignore[arg-type]
