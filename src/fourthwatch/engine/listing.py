"""What rules want put into lists: an edit like a person's, behind the decision that asked for it.

A thing that is in the list already, and stays for as long, is left as it is.
"""

from collections.abc import Sequence

import msgspec

from fourthwatch.clock import DAY_MS, Clock
from fourthwatch.engine.flight import Edit, Edited
from fourthwatch.engine.roster import Roster, Wanted
from fourthwatch.engine.walk import Wish
from fourthwatch.features.list_types import forms_read
from fourthwatch.store.changes import Change

RULE = "rule"
"""Author of an entry that a rule wanted."""


def listed(wishes: Sequence[Wish], roster: Roster, clock: Clock) -> list[Edit]:
    """The edits that bring it about; one about a list that is gone, or holds other things, changes nothing."""
    return [_edit(wish, roster, clock) for wish in wishes if wish[1].do == "list"]


def _edit(wish: Wish, roster: Roster, clock: Clock) -> Edit:
    def edit(seq: int) -> Edited | None:
        subject, action = wish
        row = roster.row(subject.tenant, action.to)  # refuses what is gone; nobody hears
        forms = forms_read(row.type, action.thing)
        ends_ms = None if action.days == 0 else subject.received_ms + action.days * DAY_MS
        held = roster.held(row.tenant, row.name)
        wanted = []
        for form in () if forms is None else forms(subject):
            before = held.entry_of(form)
            if before is None or (before.expires_ms is not None and (ends_ms is None or before.expires_ms < ends_ms)):
                wanted.append(Wanted(form, form, f"by a rule, for order {subject.event.order_id}", ends_ms))
        if not wanted:
            return None
        entries, writes = roster.add(row, wanted, RULE, clock.now_ms(), seq)
        told = [{"value": one.value, "reason": one.reason, "expires_ms": one.expires_ms} for one in entries]
        change = Change(
            tenant=row.tenant, actor=RULE, action="list.entry_added", thing=f"lists/{row.name}",
            after=msgspec.to_builtins(told), writes=writes,
        )  # fmt: skip
        return Edited(change, None)

    return edit
