"""What happens in a simulated shop, in order of time. Plans put things in, time takes them out.

Ties keep the order in which they were planned, so one seed gives one course of events however it is read.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SimEvent:
    """One event as a shop would send it: `POST /event/v1/<event>` with `body`.

    `truth` is `ordinary` or a ring's name on each createOrder, None on all else, and never in the body.
    """

    event: str
    at_ms: int
    body: Body
    truth: str | None


class Timeline:
    """A queue of planned events and plans."""

    def __init__(self) -> None:
        self._planned: list[tuple[int, int, SimEvent | Callable[[], None]]] = []
        self._count = 0

    def emit(self, event: str, at_ms: int, body: Body, *, truth: str | None = None) -> None:
        """Let `event` happen at `at_ms`."""
        self._push(at_ms, SimEvent(event, at_ms, body, truth))

    def call(self, at_ms: int, plan: Callable[[], None]) -> None:
        """Let somebody plan further at `at_ms`; plans may only be made for `at_ms` or later."""
        self._push(at_ms, plan)

    def run(self, until_ms: int) -> Iterator[SimEvent]:
        """Everything up to and including `until_ms` that was not taken yet."""
        while self._planned and self._planned[0][0] <= until_ms:
            _, _, planned = heapq.heappop(self._planned)
            if isinstance(planned, SimEvent):
                yield planned
            else:
                planned()

    def _push(self, at_ms: int, planned: SimEvent | Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._planned, (at_ms, self._count, planned))
