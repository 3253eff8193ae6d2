"""A data directory to a walk that has read its past: what a server does at its start, and after a batch went wrong."""

from collections.abc import Callable

import msgspec

from fourthwatch.clock import Clock, ticks_ns
from fourthwatch.engine.definitions import Definitions, Shelf, stored_features
from fourthwatch.engine.flight import CorridorSettings
from fourthwatch.engine.policies import Policies
from fourthwatch.engine.recovery import read_again, recover_windows
from fourthwatch.engine.roster import Roster
from fourthwatch.engine.rule_shelf import RuleShelf
from fourthwatch.engine.rulings import Rulings
from fourthwatch.engine.unfinished import Unfinished, unfinished
from fourthwatch.engine.walk import Walk
from fourthwatch.limits import UNFINISHED_LOOKED_MAX
from fourthwatch.logs import log
from fourthwatch.store.ledger import Ledger


class Opened(msgspec.Struct, frozen=True):
    """What is there then."""

    walk: Walk
    definitions: Definitions
    roster: Roster
    tenants_with_rules: tuple[int, ...]
    """Those that have published a set."""
    snapshot_seq: int
    """Position of the snapshot that was read; 0 for none."""
    left: Unfinished
    """What the last run did not come to."""


def open_walk(settings: CorridorSettings, clock: Clock, random_bytes: Callable[[int], bytes]) -> Opened:
    """Snapshot, tail, features and rule sets; raises what kept it from it."""
    directory = settings.directory
    ledger = Ledger(directory)
    roster = Roster(directory)
    shelf = Shelf(stored_features(directory, clock), roster.lists)
    rules = RuleShelf(directory, shelf.books, shelf.built_in)
    windows, seq = recover_windows(
        ledger,
        directory,
        shelf.books,
        settings.forget_after_days,
        settings.supplied,
        rules.asked,
        settings.panel.wanted,
    )
    windows.lists = roster.lists
    rulings = Rulings(windows, rules.in_force)
    roster.users_of = rulings.users_of_list
    walk = Walk(ledger, windows, settings.policy, random_bytes, rulings, ticks_ns, settings.heard, settings.panel)
    walk.judging.policies = Policies(settings.policy, directory)
    again = read_again(walk, seq, lambda done, total: log.info("reading_the_log", done=done, total=total))
    log.info("recovered", events=ledger.last_seq, entities=len(windows), read_again=again)
    left = unfinished(walk, roster, directory, ledger.last_seq - UNFINISHED_LOOKED_MAX, ledger.last_seq)
    return Opened(walk, Definitions(shelf, walk, seq), roster, tuple(rules.in_force), seq, left)
