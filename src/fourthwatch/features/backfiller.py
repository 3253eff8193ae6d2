"""Gives new series their past, event after event, in any order, each once; what comes in meanwhile goes elsewhere."""

from collections.abc import Callable, Set

from fourthwatch.features.kernel import Kernel
from fourthwatch.features.modes import Doubt, Entity, Observation
from fourthwatch.features.observe import By, Observer, Present
from fourthwatch.features.positions import Lack
from fourthwatch.features.repeats import Others, settle
from fourthwatch.limits import SOURCES_MAX


class Backfiller:
    """Gives new series their past: of things that were heard all along, and that are known, since they are.

    Of a combination that nothing was kept of before nobody knows when it was silent; its past goes back as far as
    anything is remembered without being heard of again.
    """

    def __init__(self, kernel: Kernel, observer: Observer, heard: Set[By], lack: Lack) -> None:
        """`lack` is what these series have not got yet; it is kept up with what is added, in the ledger's order."""
        self._lack = lack
        self._kernel = kernel
        self._observer = observer
        self._heard = {number for by, number in observer.number_of.items() if by in heard}

    def add(self, present: Present, others: Others | None = None) -> None:
        """Let one stored event count in the new series alone; `others` finds all that tell of the same thing."""
        subject = present.subject
        seen = self._observer.observations(present, subject.kind.number)
        entities = self._observer.entities(present)
        known = [one for one in entities if one[0] in self._heard]
        new = [one for one in entities if one[0] not in self._heard]
        mark = present.mark if present.comes_again else 0
        doubts: list[Doubt] = []
        if known and seen:
            doubts += add_in_parts(self._kernel.add_to_known, subject.seq, subject.occurred_ms, known, seen, mark)
        if new:
            doubts += add_in_parts(self._kernel.add, subject.seq, subject.occurred_ms, new, seen, mark)
        if doubts and others is not None:
            has = self._lack.has
            settle(
                self._kernel, self._observer, present, frozenset(doubts), others(present), lambda _series, seq: has(seq)
            )
        self._lack.done = max(self._lack.done, subject.seq)


Add = Callable[[int, int, list[Entity], list[Observation], int], list[Doubt] | None]


def add_in_parts(
    add: Add, seq: int, at_ms: int, entities: list[Entity], seen: list[Observation], mark: int
) -> list[Doubt]:
    """The kernel takes so many at once."""
    doubts: list[Doubt] = []
    for whom in range(0, len(entities), SOURCES_MAX):
        for what in range(0, max(len(seen), 1), SOURCES_MAX):
            doubts += add(seq, at_ms, entities[whom : whom + SOURCES_MAX], seen[what : what + SOURCES_MAX], mark) or ()
    return doubts
