"""What was erased, and what people asked to have erased, before a server takes events; the directory is locked."""

from pathlib import Path

from fourthwatch.clock import Clock
from fourthwatch.engine.person import events_of
from fourthwatch.logs import log
from fourthwatch.store.erasure import erase, erase_again
from fourthwatch.store.wishes import WishStore, wished


def erase_first(directory: Path, clock: Clock) -> None:
    """Again what a backup brought back, then whoever waits. Killed at any point, the next start does the rest."""
    again = erase_again(directory, clock)
    if again:
        log.warning("erased_again", events=again)
    for wish in wished(directory, clock):
        found = events_of(directory, wish.tenant, wish.user_id)
        erased = erase(directory, found, wish.actor, clock) if found.seqs else None
        wishes = WishStore(directory, clock)
        try:
            wishes.done(wish)
        finally:
            wishes.close()
        log.warning("erased_as_asked", events=0 if erased is None else len(erased.events))
