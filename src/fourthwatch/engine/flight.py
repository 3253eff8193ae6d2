"""What the corridor hands from step to step: a batch between the queue and its answers, and why none is taken."""

from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Literal, NewType

import msgspec

from fourthwatch.decision import Policy
from fourthwatch.engine.panel import Panel
from fourthwatch.engine.walk import Outcome, Submission, Taken
from fourthwatch.entities.supplied import Supplied
from fourthwatch.errors import Refused, Unavailable
from fourthwatch.limits import FORGET_AFTER_DAYS
from fourthwatch.store.changes import Change
from fourthwatch.store.file import free_bytes

State = Literal["starting", "ready", "full", "broken", "stopped"]
Ticket = NewType("Ticket", object)
"""Whatever the submitter needs to find its request again."""
NOBODY = Ticket(None)
"""Of an event that nobody waits for."""
Batch = Sequence[tuple[Submission, Ticket]]


class Edited(msgspec.Struct, frozen=True):
    """A change of what judges, which has taken effect in memory and is to be written."""

    change: Change
    answer: object
    """For whoever asked for it, once it is durable."""


Edit = Callable[[int], Edited | object]
"""Called between two events with the position of the first one that will see the change. Checks it, raising `Refused`,
lets it take effect and gives it back; or gives back another answer and changes nothing."""
Settled = list[tuple[Ticket, Outcome | Refused | object]]


class CorridorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the corridor needs to know."""

    directory: Path
    policy: Policy
    disk_reserve_bytes: int
    """Below this much free space nothing is taken: the disk is never filled to the brim."""
    snapshot_every_events: int
    """A snapshot begins when so many events came since the last."""
    panel: Panel = msgspec.field(default_factory=Panel)
    """Models; looked at and changed on the owner's thread."""
    forget_after_days: int = FORGET_AFTER_DAYS
    """A thing of which nothing was received for so long is forgotten."""
    supplied: Supplied | None = None
    """Files of the operator's to look things up in."""
    heard: Container[int] = frozenset()
    """Tenants of which somebody wants to hear; may change while the corridor is used."""

    @property
    def has_room(self) -> bool:
        """Whether the disk has room for more."""
        return free_bytes(self.directory) >= self.disk_reserve_bytes


class Flight:
    """A batch between the queue and its answers; or, without one, a change that is written by itself."""

    def __init__(self, started_s: float, edit: tuple[Edited, Ticket] | None = None) -> None:
        self.started_s = started_s
        self.batch: list[tuple[Submission, Ticket]] = []
        self.taken = Taken()
        self.edit = edit
        self.is_answered = False

    def everyone(self) -> list[tuple[object, Ticket]]:
        """All who wait for it, who wait no longer."""
        if self.is_answered:
            return []
        self.is_answered = True
        return [*self.batch, *([] if self.edit is None else [self.edit])]


def unavailable(state: State | Literal["busy"]) -> Unavailable:
    """Why a corridor in this state takes nothing, for whoever asked."""
    message = {
        "starting": "the server is still reading its log",
        "busy": "another program holds the data file of the server",
        "full": "the disk of the server is nearly full; nothing is taken until there is room",
        "broken": "the server could not write its data file and has to be started again",
        "stopped": "the server is stopping",
    }[state]
    return Unavailable(f"{message}; send this again shortly", retry_after_s=5 if state in ("full", "busy") else 1)
