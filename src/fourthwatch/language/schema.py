"""What an expression may speak of: fields, events, entities and names, each with its type.

Handed in by the rooms above; the language itself knows none of them.
"""

from collections.abc import Iterable, Mapping

import msgspec

from fourthwatch.language.functions import FUNCTIONS, Function, Type
from fourthwatch.language.tree import EventName

IN_LIST = "in_list"
"""The function whose answer is neither a field nor in the past: whether something is in a list."""
CUSTOM = "custom"
"""First part of the names of a shop's own fields, and the word before the name of a shop's own event."""


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be named. Paths are dotted: `shipping_address.zipcode`."""

    fields: Mapping[str, Type]
    """Of the present event."""
    events: Mapping[str, Mapping[str, Type]]
    """Names of events behind `count(…)` and the like, each with the fields of such an event. A kind may stand here
    under several names; `custom` stands for all of the shop's own."""
    entities: frozenset[str]
    """What can stand behind `by`, and be counted by `distinct` and `seen`; goes before a field of the same name."""
    names: Mapping[str, Type] = {}
    """Features and facts that have been given a name; a field of the same name goes before it."""
    custom_allowed: bool = True
    """Whether there are fields below `custom`, of whatever type, and `custom "name"` events."""
    custom_fields: Mapping[str, Type] = {}
    """Fields of the shop's own events that are not below `custom`."""
    functions: Mapping[str, Function] = FUNCTIONS
    lists: Mapping[str, frozenset[str]] | None = None
    """Lists that `in_list` can ask, each with the entities that can be looked up in it; any can a text. `None`: the
    expression may not ask lists."""
    any_list: bool = False
    """Whether lists of other names may be there, too, about which nothing is known."""

    def type_of_present(self, path: tuple[str, ...]) -> Type | None:
        """The type of a field of the present event; `None` when there is no such field."""
        return self._custom(path) or self.fields.get(".".join(path))

    def type_of_past(self, path: tuple[str, ...], events: Iterable[EventName]) -> Type | None:
        """The type of a field of past events, `any` where they differ; `None` when none of them has it.

        No events means any. Events that are not in the schema have no fields.
        """
        custom = self._custom(path)
        if custom is not None:
            return custom
        dotted = ".".join(path)
        types = {fields[dotted] for fields in self.fields_of(events) if dotted in fields}
        return None if not types else types.pop() if len(types) == 1 else "any"

    def fields_of(self, events: Iterable[EventName]) -> list[Mapping[str, Type]]:
        """The fields of each of the events; no events means any."""
        named = [self.custom_fields if event.custom else self.events.get(event.name, {}) for event in events]
        return named or [*self.events.values(), self.custom_fields]

    def events_with(self, path: tuple[str, ...]) -> list[str]:
        """Names of the events that have a field, for a hint."""
        dotted = ".".join(path)
        return [name for name, fields in self.events.items() if dotted in fields]

    def _custom(self, path: tuple[str, ...]) -> Type | None:
        return "any" if self.custom_allowed and len(path) > 1 and path[0] == CUSTOM else None
