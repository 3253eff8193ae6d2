"""What is known to be true of an order and of a user, as somebody told it: labels, apart from what was decided.

A label is an event like any other; a newer one of the same kind and source replaces it, and the older stays in the
history. Where sources differ, the bank stands over an analyst, an analyst over the shop, the shop over a rule.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from fourthwatch.events import KINDS, RULE_SOURCE, Chargeback, CustomEvent, Event, ItemStatus, OrderStatus, Tag, Untag
from fourthwatch.events.values import order_state_of
from fourthwatch.store.ledger import EventRow

Kind = Literal["chargeback", "confirmed", "tag", "rto", "returned"]
Source = Literal["bank", "analyst", "shop", "rule"]
SOURCES: tuple[Source, ...] = ("bank", "analyst", "shop", "rule")
"""The one that stands over the others first."""
LABEL_EVENT = "order_labelled"
"""Name of the custom event, one of our own, by which an analyst, or a rule, says that an order is fraud or good."""
_OF_ORDER = (OrderStatus, ItemStatus, Chargeback, CustomEvent, Tag, Untag)
ORDER_LABEL_KINDS = tuple(kind.number for kind in KINDS if kind.type in _OF_ORDER)
"""Kinds of events that can tell something about the order that they name."""
USER_LABEL_KINDS = tuple(kind.number for kind in KINDS if kind.type in (Tag, Untag))


def is_rules_word(event: Event, *, is_own: bool) -> bool:
    """Whether a tag is a rule's, and no analyst's: both are events of our own."""
    return is_own and isinstance(event, Tag) and event.source == RULE_SOURCE


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """One event's word on one thing."""

    row: EventRow
    kind: Kind
    value: bool | None
    """Bad, or that it came back; `False` is good, or that it did not; `None` takes back what was told before."""
    source: Source
    author: str | None = None
    reason: str | None = None
    abuse_type: str | None = None
    """Of a tag; `None` is a general one."""

    @property
    def matter(self) -> tuple[str, str, str | None]:
        """What a newer telling replaces it in."""
        return self.kind, self.source, self.abuse_type


def is_lost(event: Chargeback) -> bool:
    """Whether the money is gone, or still disputed."""
    return not (event.chargeback_state or "").endswith("won")


def told_by_state(event: Event) -> tuple[tuple[Literal["rto", "returned"], bool], ...]:
    """What a state says; a line of an order speaks for the order when it comes back, not when it arrives."""
    is_line = isinstance(event, ItemStatus)
    if isinstance(event, ItemStatus):
        state = order_state_of(event.item_status)
    elif isinstance(event, OrderStatus | CustomEvent):
        state = order_state_of(event.order_status)
    else:
        return ()
    if state == "rto":
        return (("rto", True),)
    if state == "returned":
        return (("returned", True),)
    return (("rto", False), ("returned", False)) if state == "fulfilled" and not is_line else ()


def tellings_of(row: EventRow, event: Event) -> tuple[Telling, ...]:
    """What an event says; nothing for most."""
    if isinstance(event, Chargeback):
        told = Telling(row=row, kind="chargeback", value=is_lost(event), source="bank", reason=event.chargeback_reason)
        return (told,)
    if isinstance(event, Tag):
        source: Source = "shop"  # whatever name the shop's program gives
        if row.is_own:
            source = "rule" if event.source == RULE_SOURCE else "analyst"
        told = Telling(
            row=row, kind="tag", value=event.is_bad is True, source=source, author=event.analyst,
            reason=event.description, abuse_type=event.abuse_type,
        )  # fmt: skip
        return (told,)
    if isinstance(event, Untag):
        sources: tuple[Source, ...] = ("analyst", "shop", "rule") if row.is_own else ("shop", "rule")
        return tuple(
            Telling(row=row, kind="tag", value=None, source=one, author=event.analyst, abuse_type=event.abuse_type)
            for one in sources
        )
    confirmed: tuple[Telling, ...] = ()
    if row.is_own and row.name == LABEL_EVENT and isinstance(event, CustomEvent):
        confirmed = _confirmed(row, event)
    states = tuple(Telling(row=row, kind=kind, value=value, source="shop") for kind, value in told_by_state(event))
    return (*confirmed, *states)


def standing_of(tellings: Iterable[Telling]) -> list[Telling]:
    """Those that no newer one replaced or took back, oldest first; the tellings in the order of the ledger."""
    standing: dict[tuple[str, str, str | None], Telling] = {}
    for one in tellings:
        if one.kind == "tag" and one.value is None and one.abuse_type is None:
            standing = {
                matter: kept for matter, kept in standing.items() if (kept.kind, kept.source) != (one.kind, one.source)
            }
            continue
        before = standing.pop(one.matter, None)
        if one.value is None:
            continue
        if one.kind in ("rto", "returned") and before is not None and before.value and not one.value:
            one = before  # what follows a parcel that came back is paperwork
        standing[one.matter] = one
    return list(standing.values())


def truth_of(standing: Iterable[Telling]) -> Telling | None:
    """The telling that says whether it was fraud: that of the highest source, and of these the newest."""
    speaking = [one for one in standing if one.kind in ("chargeback", "confirmed", "tag")]
    return min(speaking, key=lambda one: (SOURCES.index(one.source), -one.row.seq), default=None)


def outcome_of(standing: Iterable[Telling]) -> Literal["rto", "returned", "fulfilled"] | None:
    """Where the parcel ended, as far as it was told."""
    known = {one.kind: one.value for one in standing}
    if known.get("rto"):
        return "rto"
    if known.get("returned"):
        return "returned"
    return "fulfilled" if known.get("rto") is False else None


def _confirmed(row: EventRow, event: CustomEvent) -> tuple[Telling, ...]:
    told = event.custom_info if isinstance(event.custom_info, dict) else {}
    label, source = told.get("label"), told.get("source")
    if label not in ("fraud", "good", "none") or source not in ("analyst", "rule"):
        return ()
    author, reason = (value if isinstance(value := told.get(name), str) else None for name in ("author", "reason"))
    value = None if label == "none" else label == "fraud"
    return (Telling(row=row, kind="confirmed", value=value, source=source, author=author, reason=reason),)
