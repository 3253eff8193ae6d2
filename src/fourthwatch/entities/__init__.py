"""Who is involved in an event: users, devices, cards and the rest, each in its versioned normal form."""

from fourthwatch.entities.keys import Involved, completed, involved_in

__all__ = ["Involved", "completed", "involved_in"]
