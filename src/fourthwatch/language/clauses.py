"""What stands inside the brackets of an aggregate: events, condition, and the clauses behind `by`."""

from collections.abc import Callable

from fourthwatch.language.aggregates import Clause, Form
from fourthwatch.language.cursor import Cursor, Stopped
from fourthwatch.language.diagnose import did_you_mean, quoted
from fourthwatch.language.tokens import Token
from fourthwatch.language.tree import Aggregate, EntityName, EventName, Events, Expression, Name

_CLAUSES: tuple[Clause, ...] = ("last", "until", "including", "nth")
_NOTHING = Events()

Condition = Callable[[], Expression]
"""Reads an expression from the cursor; passed in, because conditions are expressions and those hold aggregates."""


def read_aggregate(cursor: Cursor, name: Token, opening: Token, form: Form, condition: Condition) -> Aggregate:
    """The aggregate whose name and opening bracket were just read."""
    reader = _Reader(cursor, form, condition)
    try:
        reader.head()
        if not cursor.next.is_one(",", ")", "by") and not cursor.is_at_end():
            cursor.fail("unexpected", f"expected a comma and by …, not {cursor.shown()}", f"usage: {form.usage}")
    except Stopped:
        reader.complete = False
        cursor.skip_to(",", ")")
    while not cursor.next.is_one(")", "]") and not cursor.is_at_end():
        try:
            reader.clause()
            if not cursor.next.is_one(",", ")") and not cursor.is_at_end():
                reader.stray()
        except Stopped:
            reader.complete = False
            cursor.skip_to(",", ")")
    if cursor.accept(")") is None:
        if cursor.is_at_end():
            cursor.fail("open_bracket", "this `(` is never closed", token=opening)
        cursor.fail("unexpected", f"expected the closing bracket, not {cursor.shown()}")
    return reader.made(name)


class _Reader:
    """The parts of one aggregate, as far as they are read."""

    def __init__(self, cursor: Cursor, form: Form, condition: Condition) -> None:
        self._cursor = cursor
        self._form = form
        self._condition = condition
        self._events = _NOTHING
        self._whole: Events | None = None
        self._of: Name | None = None
        self._other = False
        self._by: tuple[EntityName, ...] = ()
        self._last_ms: int | None = None
        self._until_ms: int | None = None
        self._including = False
        self._nth = 1
        self._given: dict[str, int] = {}
        """The clauses read so far, and where each begins."""
        self._first = True
        self.complete = True
        """Whether nothing was skipped; if something was, no more is said about what is missing."""

    def made(self, name: Token) -> Aggregate:
        """The node; says so when it has no `by`."""
        cursor, form = self._cursor, self._form
        if self.complete and not self._by:
            hint = f"for instance {form.name}(…, by user)"
            cursor.findings.report(name.start, name.end, "no_by", f"{form.name} needs `by` and an entity", hint)
        return Aggregate(
            form.name,
            self._events,
            self._by,
            of=self._of,
            other=self._other,
            whole=self._whole,
            last_ms=self._last_ms,
            until_ms=self._until_ms,
            including_this=self._including,
            nth=self._nth,
            start=name.start,
            end=cursor.end_before,
            name_end=name.end,
            last_start=self._given.get("last", 0),
            until_start=self._given.get("until", 0),
            nth_start=self._given.get("nth", 0),
        )

    # What stands first.

    def head(self) -> None:
        """Everything before the first clause."""
        cursor, head = self._cursor, self._form.head
        if head == "maybe_events" and cursor.next.is_one("by"):
            return
        self._first = False
        if head in ("field", "thing"):
            self._thing(with_other=head == "thing")
            if head == "field" and not cursor.next.is_one("of"):
                hint = f"usage: {self._form.usage}"
                cursor.fail("unexpected", f"expected `of` and events, not {cursor.shown()}", hint)
            if cursor.accept("of") or head == "field":
                self._events = self._read_events()
            elif cursor.next.is_one("where"):
                self._events = self._where((), cursor.next.start)
        elif head == "two_events":
            cursor.loose_in = False
            self._events = self._read_events()
            cursor.loose_in = True
            cursor.expect("in", "between the two kinds of events", f"usage: {self._form.usage}")
            self._whole = self._read_events()
        else:
            self._events = self._read_events()

    def _thing(self, *, with_other: bool) -> None:
        cursor = self._cursor
        if with_other and cursor.next.is_word("other") and cursor.after_next.kind == "name":
            cursor.take()
            self._other = True
        token = cursor.next
        if token.kind != "name":
            what = "an entity or a field" if with_other else "a field"
            cursor.fail("unexpected", f"expected {what}, not {cursor.shown()}", f"usage: {self._form.usage}")
        cursor.take()
        assert isinstance(token.value, tuple)
        self._of = Name(token.value, start=token.start, end=token.end)

    def _read_events(self) -> Events:
        cursor = self._cursor
        start = cursor.next.start
        if cursor.next.is_word("any"):
            cursor.take()
            return self._where((), start)
        names = [self._event()]
        while cursor.accept("|"):
            names.append(self._event())
        return self._where(tuple(names), start)

    def _event(self) -> EventName:
        cursor = self._cursor
        token = cursor.next
        if token.kind == "text":
            hint = f"write custom {cursor.source[token.start : token.end][:40]}"
            cursor.fail("unexpected", "an event of your own is named behind `custom`", hint)
        if token.kind != "name":
            hint = 'for instance order, login | logout, custom "coupon_failed", or any'
            cursor.fail("unexpected", f"expected events, not {cursor.shown()}", hint)
        assert isinstance(token.value, tuple)
        if len(token.value) > 1:
            own = f'write custom "{".".join(token.value[1:])}"' if token.value[0] == "custom" else None
            cursor.fail("unexpected", "an event's name has no dots", own)
        cursor.take()
        if token.is_word("custom") and cursor.next.kind == "text":
            text = cursor.take()
            return EventName(str(text.value), True, start=token.start, end=text.end)
        return EventName(token.value[0], start=token.start, end=token.end)

    def _where(self, names: tuple[EventName, ...], start: int) -> Events:
        cursor = self._cursor
        where = self._condition() if cursor.accept("where") else None
        return Events(names, where, start=start, end=max(start, cursor.end_before))

    # What stands behind it.

    def clause(self) -> None:
        """The comma and the clause behind it."""
        cursor = self._cursor
        if not (self._first and cursor.next.is_one("by")):
            cursor.expect(",", "before what follows", "a comma stands before by, last, until, including and nth")
        self._first = False
        token = cursor.next
        if token.is_one("by"):
            self._once(cursor.take(), "by")
            self._by = self._entities()
        elif token.is_word("last"):
            self._once(cursor.take(), "last")
            self._last_ms = self._window()
        elif token.is_word("until"):
            self._once(cursor.take(), "until")
            self._until_ms = self._window()
            if not cursor.next.is_word("ago"):
                cursor.fail("unexpected", f"expected `ago`, not {cursor.shown()}", "as in until 30d ago")
            cursor.take()
        elif token.is_word("including"):
            self._once(cursor.take(), "including")
            if not cursor.next.is_word("this"):
                cursor.fail("unexpected", f"expected `this`, not {cursor.shown()}", "as in including this")
            cursor.take()
            self._including = True
        elif token.is_word("nth"):
            self._once(cursor.take(), "nth")
            number = cursor.next
            if not isinstance(number.value, int) or number.kind != "number" or number.value < 1:
                cursor.fail("unexpected", f"expected a whole number from 1 on, not {cursor.shown()}", "as in nth 2")
            cursor.take()
            self._nth = number.value
        else:
            self._unknown_clause(token)

    def stray(self) -> None:
        """Something behind a clause that does not belong there."""
        cursor = self._cursor
        hint = None
        if cursor.next.is_one("and", "|", "or"):
            hint = "several entities are joined by +, as in by user+card"
        elif cursor.next.is_one("where"):
            hint = "where stands behind the events, before the comma"
        elif cursor.next.is_word(*_CLAUSES):
            hint = "a comma comes first"
        cursor.fail("unexpected", f"expected a comma or the closing bracket, not {cursor.shown()}", hint)

    def _once(self, token: Token, clause: str) -> None:
        form = self._form
        if clause != "by" and clause not in form.clauses:
            hint = f"usage: {form.usage}"
            self._cursor.fail("no_such_clause", f"{form.name} has no `{clause}`", hint, token)
        if clause in self._given:
            self._cursor.fail("twice", f"`{clause}` stands here twice", token=token)
        self._given[clause] = token.start

    def _entities(self) -> tuple[EntityName, ...]:
        cursor = self._cursor
        entities: list[EntityName] = []
        while True:
            token = cursor.next
            if token.kind != "name" or not isinstance(token.value, tuple) or len(token.value) > 1:
                cursor.fail("unexpected", f"expected an entity, not {cursor.shown()}", "as in by user, by user+card")
            cursor.take()
            entities.append(EntityName(token.value[0], start=token.start, end=token.end))
            if cursor.accept("+") is None:
                return tuple(entities)

    def _window(self) -> int:
        cursor = self._cursor
        token = cursor.next
        if token.kind == "number":
            cursor.fail("unexpected", "a window needs a unit", "as in 10m, 24h or 7d, with no space between")
        if token.kind != "duration":
            cursor.fail("unexpected", f"expected a window, not {cursor.shown()}", "as in 10m, 24h or 7d")
        cursor.take()
        assert isinstance(token.value, int)
        return token.value

    def _unknown_clause(self, token: Token) -> None:
        known = ("by", *self._form.clauses)
        hint: str | None = f"usage: {self._form.usage}"
        if token.kind == "name" and isinstance(token.value, tuple):
            if self._by:
                hint = did_you_mean(token.value[0], known) or "several entities are joined by +, as in by user+card"
            elif self._cursor.after_next.is_one(",", ")"):
                hint = f"write by {token.value[0]}"
        listed = ", ".join(quoted(word) for word in known)
        self._cursor.fail("unexpected", f"expected {listed}, not {self._cursor.shown()}", hint)
