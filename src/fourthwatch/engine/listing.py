"""What rules want put into lists: an edit like a person's, behind the decision that asked for it.

A thing that is in the list already, and stays for as long, is left as it is.
"""

from collections.abc import Sequence

import msgspec

from fourthwatch.clock import DAY_MS, Clock
from fourthwatch.engine.flight import Edit, Edited
from fourthwatch.engine.leaving_out import leaving_out
from fourthwatch.engine.roster import Roster, Wanted
from fourthwatch.engine.walk import Wish
from fourthwatch.errors import TooManyEntries
from fourthwatch.features.list_types import forms_read
from fourthwatch.logs import log
from fourthwatch.store.changes import Change
from fourthwatch.store.lists import ListRow

RULE = "rule"
"""Author of an entry that a rule wanted."""


def listed(wishes: Sequence[Wish], roster: Roster, clock: Clock) -> list[Edit]:
    """The edits that bring it about, one for each list, so that a batch of hits is written at once; one about a list
    that is gone, or holds other things, changes nothing."""
    by_list: dict[tuple[int, str], list[Wish]] = {}
    for subject, action in wishes:
        if action.do == "list":
            by_list.setdefault((subject.tenant, action.to), []).append((subject, action))
    return [_edit(tenant, name, those, roster, clock) for (tenant, name), those in by_list.items()]


def _edit(tenant: int, name: str, wishes: Sequence[Wish], roster: Roster, clock: Clock) -> Edit:
    def edit(seq: int) -> Edited | None:
        row = roster.row(tenant, name)  # refuses what is gone; nobody hears
        wanted = _wanted(row, wishes, roster)
        if not wanted:
            return None
        try:
            entries, writes = roster.add(row, wanted, RULE, clock.now_ms(), seq)
        except TooManyEntries as refusal:
            log.warning("not_listed", tenant=tenant, list=name, entries=len(wanted), reason=str(refusal))
            return None
        told = [{"value": one.value, "reason": one.reason, "expires_ms": one.expires_ms} for one in entries]
        change = Change(
            tenant=tenant, actor=RULE, action="list.entry_added", thing=f"lists/{name}",
            after=msgspec.to_builtins(told), writes=writes,
        )  # fmt: skip
        return Edited(change, None)

    return edit


def _wanted(row: ListRow, wishes: Sequence[Wish], roster: Roster) -> list[Wanted]:
    """What is not in the list, or not for as long; each value once, with the latest end that is wished for."""
    held, wanted = roster.held(row.tenant, row.name), dict[str, Wanted]()
    for subject, action in wishes:
        with leaving_out(action.do, subject.seq):
            forms = forms_read(row.type, action.thing)
            ends_ms = None if action.days == 0 else subject.received_ms + action.days * DAY_MS
            for form in () if forms is None else forms(subject):
                old = wanted.get(form) or held.entry_of(form)
                if old is None or (old.expires_ms is not None and (ends_ms is None or old.expires_ms < ends_ms)):
                    wanted[form] = Wanted(form, form, f"by a rule, for order {subject.event.order_id}", ends_ms)
    return list(wanted.values())
