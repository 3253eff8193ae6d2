"""The aggregates as a table: how each is written, what it gives, and what it says in a sentence.

The parser, the checker, the canonical text and the reference page all read this one table.
"""

from typing import Literal

import msgspec

from fourthwatch.language.tree import AggregateName

Head = Literal["events", "field", "thing", "maybe_events", "two_events"]
"""What stands first: `EVENTS`, `FIELD of EVENTS`, `THING [of EVENTS]`, `[EVENTS]`, `EVENTS in EVENTS`."""
Clause = Literal["last", "until", "including", "nth"]
"""What may stand behind `by`."""


class Form(msgspec.Struct, frozen=True):
    """One aggregate."""

    name: AggregateName
    head: Head
    clauses: tuple[Clause, ...]
    result: Literal["number", "duration", "truth", "field"]
    """`field`: whatever type the field has."""
    usage: str
    says: str
    example: str


_WINDOW: tuple[Clause, ...] = ("last", "until", "including")
_WINDOW_USAGE = "by ENTITY[+ENTITY…] [, last WINDOW] [, until WINDOW ago] [, including this]"
_OF = "FIELD of EVENTS [where CONDITION]"

FORMS: tuple[Form, ...] = (
    Form(
        "count", "events", _WINDOW, "number", f"count(EVENTS [where CONDITION], {_WINDOW_USAGE})",
        "how many such events the entity has been through", "count(order, by ip, last 1h)",
    ),
    Form(
        "sum", "field", _WINDOW, "number", f"sum({_OF}, {_WINDOW_USAGE})",
        "the field added up over such events; 0 when there are none",
        "sum(amount of order where is_pre_paid == false, by phone, last 24h)",
    ),
    Form(
        "mean", "field", _WINDOW, "number", f"mean({_OF}, {_WINDOW_USAGE})",
        "the field's mean over such events; unknown when there are none", "amount / mean(amount of order, by user)",
    ),
    Form(
        "max", "field", _WINDOW, "number", f"max({_OF}, {_WINDOW_USAGE})",
        "the field's greatest value; unknown when there are no such events", "max(amount of order, by card, last 30d)",
    ),
    Form(
        "min", "field", _WINDOW, "number", f"min({_OF}, {_WINDOW_USAGE})",
        "the field's least value; unknown when there are no such events", "min(amount of transaction, by card)",
    ),
    Form(
        "distinct", "thing", _WINDOW, "number", f"distinct(THING [of EVENTS] [where CONDITION], {_WINDOW_USAGE})",
        "how many different ones were seen with the entity; `other user` leaves the present event's own out",
        "distinct(other user, by device, last 7d)",
    ),
    Form(
        "since_first", "maybe_events", (), "duration", "since_first([EVENTS [where CONDITION],] by ENTITY[+ENTITY…])",
        "seconds since the first such event of the entity, or since it was first heard of; unknown when never",
        "since_first(by user) < 1h",
    ),
    Form(
        "since_last", "maybe_events", (), "duration", "since_last([EVENTS [where CONDITION],] by ENTITY[+ENTITY…])",
        "seconds since the last such event of the entity; unknown when there was none",
        "since_last(order, by card) < 10m",
    ),
    Form(
        "previous", "field", ("nth",), "field", f"previous({_OF}, by ENTITY[+ENTITY…] [, nth NUMBER])",
        "the field's value in the newest earlier such event, or with `nth 2` in the one before it; unknown when none",
        'previous(custom.lat of custom "trackLocation", by user)',
    ),
    Form(
        "seen", "thing", ("last",), "truth",
        "seen(THING [of EVENTS] [where CONDITION], by ENTITY[+ENTITY…] [, last WINDOW])",
        "whether the present event's own value was seen before with the entity; unknown when the entity was never seen "
        "with any", "not seen(device, by user)",
    ),
    Form(
        "share", "two_events", ("last", "until"), "number",
        "share(EVENTS [where CONDITION] in EVENTS [where CONDITION], by ENTITY[+ENTITY…] [, last WINDOW] "
        "[, until WINDOW ago])",
        "how many of the first there are for each of the second; unknown when there are none of the second",
        "share(chargeback in order, by card, last 90d, until 30d ago) > 0.02",
    ),
)  # fmt: skip

FORM_OF: dict[str, Form] = {form.name: form for form in FORMS}
"""By name. `max` and `min` are aggregates when `of` or `by` stands inside their brackets, functions otherwise."""
ALSO_FUNCTIONS = frozenset({"max", "min"})
