"""What is known as of now about every entity of every tenant, in memory; derived from the ledger and rebuildable.

Read first, then add: an event never counts in its own features. Adding the same ledger position again has no effect.
"""

from collections.abc import Iterable, Iterator

from fourthwatch.events import CreateAccount, LinkSessionToUser, Login
from fourthwatch.features.history import History, add, clear, first_seq, new_history, open_event
from fourthwatch.features.subject import Subject
from fourthwatch.features.touches import touches_of

WINDOWS_VERSION = 1
"""Goes up whenever the same events would give other histories; a snapshot of another version is not read."""

_ALWAYS_HEARD = ("user:", "session:")
_STITCHING = (LinkSessionToUser, Login, CreateAccount)
"""The kinds that say for sure that a session is a user's (contract, section 9, row 8)."""

SessionUser = tuple[int, str]
"""Ledger position of the link, and the user."""


class Windows:
    """Histories by entity, and which user a session turned out to be."""

    def __init__(self) -> None:
        self._histories: dict[str, History[int]] = {}
        self._users: dict[str, SessionUser] = {}

    def __len__(self) -> int:
        return len(self._histories)

    def history(self, tenant: int, key: str) -> "History[int] | None":
        """What the entity has been through; `None` when it was never heard of."""
        return self._histories.get(f"{tenant}|{key}")

    def user_of_session(self, tenant: int, session: str, before_seq: int) -> str | None:
        """The user a session was linked to before a ledger position; `None` when it was not."""
        linked = self._users.get(f"{tenant}|{session}")
        return linked[1] if linked is not None and linked[0] < before_seq else None

    def is_known_session(self, tenant: int, text: str, before_seq: int) -> bool:
        """Whether an id that came as a user's is in truth a session's (contract, section 9, row 7)."""
        session = self._histories.get(f"{tenant}|session:{text}")
        if session is None or first_seq(session) >= before_seq:
            return False
        user = self._histories.get(f"{tenant}|user:{text}")
        return user is None or first_seq(user) >= before_seq

    def add(self, subject: Subject) -> None:
        """Let the event count from now on."""
        seq, at_ms, tenant = subject.seq, subject.occurred_ms, subject.tenant
        histories = self._histories
        for key, additions in touches_of(subject).items():
            name = f"{tenant}|{key}"
            history = histories.get(name)
            if history is None:
                if not additions and not key.startswith(_ALWAYS_HEARD):
                    continue
                history = histories[name] = new_history(seq, at_ms)
            if open_event(history, seq, at_ms):
                for series, mark, amount in additions:
                    if series > 0:
                        add(history, series, at_ms, mark, amount)
                    else:
                        clear(history, -series, mark)
        event = subject.event
        if isinstance(event, _STITCHING) and event.session_id is not None and event.user_id is not None:
            self._users[f"{tenant}|{event.session_id}"] = (seq, event.user_id)

    # Snapshots: what is written and read back in chunks, so that the engine never stops for long.

    def names(self) -> list[str]:
        """Names of all histories, for a walk over them in slices."""
        return list(self._histories)

    def packed(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Histories as bytes, each as of the moment it is asked for."""
        for name in names:
            yield name, self._histories[name].tobytes()

    def restore(self, name: str, packed: bytes) -> None:
        """Put one history back."""
        history: History[int] = History("q")
        history.frombytes(packed)
        self._histories[name] = history

    def session_users(self) -> dict[str, SessionUser]:
        """Which user each linked session is; shared, not a copy."""
        return self._users

    def restore_session_users(self, users: dict[str, SessionUser]) -> None:
        """Put the links of sessions back."""
        self._users.update(users)
