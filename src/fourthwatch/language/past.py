"""Checks of aggregates: which events, which of their fields, seen with whom, and over which window."""

from collections.abc import Callable

from fourthwatch.language.aggregates import FORM_OF
from fourthwatch.language.diagnose import Findings, did_you_mean, quoted
from fourthwatch.language.functions import NUMERIC, Type
from fourthwatch.language.schema import CUSTOM, Schema
from fourthwatch.language.tree import Aggregate, EventName, Events, Expression, Name, Node
from fourthwatch.limits import BY_ENTITIES_MAX, PREVIOUS_NTH_MAX, WINDOW_MS_MAX

_DAY_MS = 86_400_000
_TypeOf = Callable[[Expression, tuple[EventName, ...]], Type | None]


class PastChecker:
    """Aggregates against a schema; conditions inside them are given back to the checker of expressions."""

    names = tuple(FORM_OF)

    def __init__(self, schema: Schema, findings: Findings, type_of: _TypeOf) -> None:
        self._schema = schema
        self._findings = findings
        self._type_of = type_of

    def type_of(self, node: Aggregate) -> Type | None:
        """The type of an aggregate; `None` when what decides it was already reported."""
        form = FORM_OF[node.function]
        self._events(node.events)
        if node.whole is not None:
            self._events(node.whole)
        self._by(node)
        self._window(node)
        if form.head == "thing":
            self._thing(node)
        elif node.of is not None:
            found = self.field(node.of, node.events.names)
            if form.result == "field":
                return found
            if found is not None and found not in NUMERIC:
                hint = "distinct(…) counts different values" if found == "text" else None
                self._report(node.of, "wrong_type", f"{form.name} works on numbers, not on a {found}", hint)
        return None if form.result == "field" else form.result

    def field(self, node: Name, events: tuple[EventName, ...]) -> Type | None:
        """The type of a field of past events; `None` when there is none, which is reported."""
        schema, dotted = self._schema, node.dotted
        found = schema.type_of_past(node.path, events)
        if found is not None:
            return found
        if not all(event.custom or event.name in schema.events for event in events):
            return None  # the event is what is wrong
        known = sorted({name for fields in schema.fields_of(events) for name in fields})
        hint = did_you_mean(dotted, known)
        elsewhere = schema.events_with(node.path)
        if node.path == (CUSTOM,) and schema.custom_allowed:
            hint = "a field of your own is named behind a dot, as in custom.city"
        elif elsewhere:
            hint = f"{dotted} is a field of {', '.join(elsewhere[:4])}"
        elif dotted in schema.names:
            hint = "features and facts are of the present event; a condition looks at the past event's own fields"
        elif hint is None and schema.custom_allowed and len(node.path) == 1:
            hint = f"a field of your own is custom.{dotted[:40]}"
        where = " or ".join(event.name for event in events[:4]) or "any event"
        self._report(node, "unknown_field", f"there is no field {quoted(dotted)} in {where}", hint)
        return None

    def _report(self, node: Node, code: str, message: str, hint: str | None = None) -> None:
        self._findings.report(node.start, node.end, code, message, hint)

    def _events(self, events: Events) -> None:
        schema = self._schema
        for at, event in enumerate(events.names):
            if event.custom and not schema.custom_allowed:
                self._report(event, "unknown_event", "there are no events of your own here")
            elif not event.custom and event.name not in schema.events:
                hint = did_you_mean(event.name, schema.events)
                if hint is None and schema.custom_allowed:
                    hint = f'an event of your own is custom "{event.name[:40]}"'
                self._report(event, "unknown_event", f"there is no event {quoted(event.name)}", hint)
            if any((event.name, event.custom) == (one.name, one.custom) for one in events.names[:at]):
                self._report(event, "twice", f"{quoted(event.name)} stands here twice")
        if events.where is not None:
            found = self._type_of(events.where, events.names)
            if found not in (None, "truth", "any"):
                message = f"a condition is true or false, not a {found}"
                self._report(events.where, "wrong_type", message, "compare it with something")

    def _by(self, node: Aggregate) -> None:
        entities = self._schema.entities
        for at, entity in enumerate(node.by):
            if entity.name not in entities:
                hint = did_you_mean(entity.name, sorted(entities)) or f"there are {', '.join(sorted(entities))}"
                self._report(entity, "unknown_entity", f"there is no entity {quoted(entity.name)}", hint)
            if entity.name in [one.name for one in node.by[:at]]:
                self._report(entity, "twice", f"{quoted(entity.name)} stands here twice")
        if len(node.by) > BY_ENTITIES_MAX:
            message = f"up to {BY_ENTITIES_MAX} entities make a combination, these are {len(node.by)}"
            hint = "ask them two by two, and compare the answers"
            self._report(node.by[BY_ENTITIES_MAX], "too_costly", message, hint)

    def _thing(self, node: Aggregate) -> None:
        of = node.of
        if of is None:
            return
        if len(of.path) == 1 and of.path[0] in self._schema.entities:
            if [of.path[0]] == [entity.name for entity in node.by]:
                message = f"{of.path[0]} by {of.path[0]} is always the same one"
                self._report(of, "counts_itself", message, "by another entity, as in distinct(user, by device)")
            return
        if node.other:
            message = f"`other` stands before an entity, and {quoted(of.dotted)} is none"
            self._report(of, "unknown_entity", message, did_you_mean(of.dotted, sorted(self._schema.entities)))
            return
        if len(of.path) == 1 and self._schema.type_of_past(of.path, node.events.names) is None:
            near = did_you_mean(of.dotted, sorted(self._schema.entities))
            if near is not None:
                self._report(of, "unknown_name", f"there is no entity or field {quoted(of.dotted)}", near)
                return
        found = self.field(of, node.events.names)
        if found == "list":
            self._report(of, "wrong_type", "lists are not compared with each other")

    def _window(self, node: Aggregate) -> None:
        last_ms, until_ms = node.last_ms, node.until_ms
        for clause, start, window_ms in (("last", node.last_start, last_ms), ("until", node.until_start, until_ms)):
            if window_ms is None:
                continue
            if window_ms <= 0:
                self._report_clause(clause, start, "empty_window", f"`{clause}` is 0, and nothing is in such a window")
            if window_ms > WINDOW_MS_MAX:
                message = f"`{clause}` goes up to {WINDOW_MS_MAX // _DAY_MS} days, not {window_ms / _DAY_MS:,.0f}"
                hint = (
                    "leave it out to look at all that is known"
                    if clause == "last"
                    else "there is no window so far back"
                )
                self._report_clause(clause, start, "window_too_long", message, hint)
        if last_ms is not None and until_ms is not None and 0 < last_ms <= until_ms:
            message = "the window ends before it begins: nothing is in it"
            hint = "both count back from now, as in last 90d, until 30d ago"
            self._report_clause("until", node.until_start, "empty_window", message, hint)
        if node.including_this and until_ms is not None:
            message = "a window that ends earlier does not hold the present event"
            self._report_clause("until", node.until_start, "empty_window", message, "leave out one of the two")
        if node.nth > PREVIOUS_NTH_MAX:
            message = f"the last {PREVIOUS_NTH_MAX} values are kept, so nth goes up to {PREVIOUS_NTH_MAX}"
            self._report_clause(
                "nth", node.nth_start, "too_costly", message, "count them, or look at mean, min and max"
            )

    def _report_clause(self, clause: str, start: int, code: str, message: str, hint: str | None = None) -> None:
        self._findings.report(start, start + len(clause), code, message, hint)
