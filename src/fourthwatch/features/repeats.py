"""A thing that comes again counts once, at its latest time, also where it was folded away by newer ones meanwhile.

Histories do not know the things in their buckets. Who has the ledger does: the events that told of the thing before.
"""

from collections.abc import Callable, Collection, Iterable

from fourthwatch.features.kernel import Kernel
from fourthwatch.features.modes import Doubt
from fourthwatch.features.observe import Observer, Present

Others = Callable[[Present], Iterable[Present]]
"""Other events about the same thing, those that came before it at least."""


def settle(
    kernel: Kernel,
    observer: Observer,
    present: Present,
    doubts: Collection[Doubt],
    others: Iterable[Present],
    is_in: Callable[[int, int], bool],
) -> None:
    """Where an event that was just added counts besides an older one of its mark, the earlier of the two goes again.

    `is_in` says of a series and a position whether that event was added before.
    """
    counted: dict[Doubt, tuple[int, int]] = {}
    for other in others:
        for doubt, told in _counted(kernel, observer, other, present.mark, doubts):
            if is_in(doubt[1], other.subject.seq) and (doubt not in counted or counted[doubt] < told):
                counted[doubt] = told
    if counted:
        own = dict(_counted(kernel, observer, present, present.mark, doubts))
        for (key, series), told in counted.items():
            kernel.take_back(key, series, *min(told, own[key, series]))


def _counted(
    kernel: Kernel, observer: Observer, present: Present, mark: int, doubts: Collection[Doubt]
) -> Iterable[tuple[Doubt, tuple[int, int]]]:
    """Time and amount with which an event counts in runs that are in doubt."""
    subject = present.subject
    seen = [
        (series, amount) for series, of, amount in observer.observations(present, subject.kind.number) if of == mark
    ]
    for _, key in observer.entities(present) if seen else ():
        first_seq = kernel.first_seq(key)
        if first_seq is not None and first_seq <= subject.seq:  # else it was forgotten since
            for series, amount in seen:
                if (key, series) in doubts:
                    yield (key, series), (subject.occurred_ms, amount)
