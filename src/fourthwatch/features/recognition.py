"""Whose a session is: a session id in the user's place is a guest; a linked session is its user (contract, section 9,
row 7)."""

from typing import Protocol

import msgspec

from fourthwatch.entities import Involved


class Sessions(Protocol):
    """What is known of sessions, as of any position."""

    def is_known_session(self, tenant: int, text: str, before_seq: int) -> bool:
        """Whether an id that came as a user's is in truth a session's."""
        ...

    def user_of_session(self, tenant: int, session: str, before_seq: int) -> str | None:
        """The user a session was last linked to before a position; `None` when it was not."""
        ...


def is_in_doubt(involved: Involved) -> bool:
    """Whether it takes what is known of sessions to tell who acts: who says both, or neither, is taken at that."""
    return (involved.user is None) is not (involved.session is None)


def who_acts(
    sessions: Sessions, tenant: int, seq: int, user: str | None, session: str | None
) -> tuple[str | None, str | None]:
    """User and session of an event that is in doubt, as of its position."""
    if user is not None and sessions.is_known_session(tenant, user, seq):
        user, session = None, user
    if user is None and session is not None:
        user = sessions.user_of_session(tenant, session, seq)
    return user, session


def recognised(involved: Involved, sessions: Sessions, tenant: int, seq: int) -> Involved:
    """Who is involved, with whoever acts."""
    user, session = involved.user, involved.session
    if (user is None) is (session is None):
        return involved
    return named(involved, *who_acts(sessions, tenant, seq, user, session))


def named(involved: Involved, user: str | None, session: str | None) -> Involved:
    """Who is involved, with this user and this session."""
    if involved.user == user and involved.session == session:
        return involved
    return msgspec.structs.replace(involved, user=user, session=session)
