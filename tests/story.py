"""A shop's events, told one after the other to real windows, and what the catalogue knew just before each of them."""

from typing import Any

import msgspec

from fourthwatch.clock import Millis
from fourthwatch.entities import Involved, completed, involved_in
from fourthwatch.events import KIND_OF_NAME, CreateOrder
from fourthwatch.features.catalogue import DECIDING, built_in
from fourthwatch.features.observe import Present
from fourthwatch.features.subject import Subject
from fourthwatch.features.windows import Windows
from fourthwatch.wire.decode import Decoded, decode_event

NOW_MS = 1_790_000_000_000
"""In 2026."""
Known = dict[str, float | None]
"""Feature by name."""


def decoded(kind: str, at_ms: int = NOW_MS, *, timed: bool = True, **body: Any) -> Decoded:
    """An event as read off the wire; keys are the contract's."""
    document = {"_originTimestamp": str(at_ms), **body} if timed else body
    return decode_event(msgspec.json.encode(document), KIND_OF_NAME[kind], Millis(at_ms))


Memory = tuple[dict[int, bytes], dict[str, list[tuple[int, str]]]]
"""Histories by key, and links of sessions."""
_KEY_AT = slice(24, 32)


def memory_of(windows: Windows) -> Memory:
    """Everything that windows hold, in comparable form."""
    histories = {}
    windows.begin_snapshot()
    while piece := windows.next_slice(1):
        histories[int.from_bytes(piece[_KEY_AT], "little")] = piece
    windows.end_snapshot()
    return histories, {session: list(links) for session, links in windows.session_users().items()}


class Story:
    """What one tenant's shop has told so far; windows of its own keep the whole catalogue."""

    def __init__(self, tenant: int = 1, windows: Windows | None = None) -> None:
        self.tenant = tenant
        self.windows = Windows(built_in(kept=None)) if windows is None else windows
        self.seq = 0
        self._orders: dict[str, tuple[CreateOrder, Involved]] = {}

    def subject(self, kind: str, at_ms: int = NOW_MS, **body: Any) -> Subject:
        """The next event as it would be judged."""
        read = decoded(kind, at_ms, **body)
        event, involved, order = read.event, involved_in(read.event), None
        if isinstance(event, CreateOrder):
            assert event.order_id is not None
            order = event
            self._orders[event.order_id] = (order, involved)
        elif event.order_id in self._orders:
            order, of_order = self._orders[event.order_id]
            involved = completed(involved, of_order)
        return Subject(
            tenant=self.tenant, seq=self.seq + 1, kind=read.kind, event=event, occurred_ms=read.occurred_ms,
            involved=involved, order=order, name=read.name,
        )  # fmt: skip

    def tell(self, kind: str, at_ms: int = NOW_MS, **body: Any) -> Known:
        """The features as of just before the event, which counts from then on."""
        present = Present(self.subject(kind, at_ms, **body), {})
        known = dict(zip(DECIDING, self.windows.vector(present), strict=True))
        self.windows.add(present)
        self.seq += 1
        return known
