"""A failure exactly here: who is told what, what is on the disk, what is known afterwards, and that it goes on."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine.house import House
from engine.test_corridor import Held, Owner, login, only_so_many_pages, turn_while_writing
from engine.test_unfinished import CATCHING, held_in
from engine.till import submission
from fourthwatch.engine.corridor import Ticket
from fourthwatch.engine.flight import Edited
from fourthwatch.engine.pace import FULL_REST_S
from fourthwatch.engine.rulings import InForce, Rulings
from fourthwatch.engine.walk import Answer
from fourthwatch.errors import Unavailable
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.windows import Windows
from fourthwatch.rules.check import check_set
from fourthwatch.rules.starter import preset
from fourthwatch.store import file as files
from fourthwatch.store.changes import Change
from fourthwatch.store.file import open_file
from story import NOW_MS


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    made = Owner(tmp_path)
    made.corridor.start()
    yield made
    made.stop()


def shut(owner: Owner, reserve_bytes: int) -> None:
    """Let the disk be as good as full, or not."""
    owner.corridor._settings = msgspec.structs.replace(owner.corridor._settings, disk_reserve_bytes=reserve_bytes)


# Another program holds the data file.


def test_who_waits_while_another_program_holds_the_file_is_refused_and_the_server_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BUSY_MS", 1)
    owner = Owner(tmp_path)
    owner.corridor.start()
    holder = open_file(tmp_path)
    holder.execute("BEGIN IMMEDIATE")
    owner.submit(login(0), login(1))
    outcomes = owner.work(2)
    assert all(isinstance(one, Unavailable) and "another program" in one.message for one in outcomes)
    assert (owner.broken, owner.corridor.state, owner.stored()) == (0, "ready", 0)
    holder.execute("ROLLBACK")
    holder.close()
    owner.corridor.submit(login(0), Ticket(2))
    answer = owner.work(3)[-1]
    assert isinstance(answer, Answer)
    assert not answer.replayed
    owner.stop()


# What nobody waits for.


def with_a_wish_and_no_room(directory: Path) -> Owner:
    """A rule wants somebody on a list, by an order that is stored; since then the disk is full."""
    house = House(directory)
    house.edit_list("bad", "somebody")
    house.publish((CATCHING,))
    house.close()
    owner = Owner(directory)
    owner.corridor.start()
    held = Held(owner)
    owner.submit(submission("createOrder", NOW_MS, _orderId="o-1", _userId="u-1", _amount="500"))
    turn_while_writing(owner, held)
    shut(owner, 1 << 62)
    held.let_through(1)
    owner.work(1)
    return owner


def test_what_rules_want_done_is_done_when_there_is_room_again(tmp_path: Path) -> None:
    owner = with_a_wish_and_no_room(tmp_path)
    owner.do_what_is_posted()
    assert held_in(tmp_path) == ["somebody"]
    shut(owner, 0)
    assert owner.corridor.state == "ready"
    owner.do_what_is_posted()
    owner.stop()
    assert held_in(tmp_path) == ["somebody", "u-1"]


def test_a_stop_does_not_wait_for_room(tmp_path: Path) -> None:
    owner = with_a_wish_and_no_room(tmp_path)
    owner.stop()
    assert held_in(tmp_path) == ["somebody"]
    again = Owner(tmp_path)
    again.corridor.start()
    again.stop()
    assert held_in(tmp_path) == ["somebody", "u-1"], "the next start finds it"


# A change between batches that fail.


def test_a_change_behind_a_batch_that_does_not_fit_is_refused_with_it_and_nothing_of_it_stays(owner: Owner) -> None:
    seen: list[int] = []

    def edit(seq: int) -> Edited:
        seen.append(seq)
        return Edited(Change(tenant=1, actor="somebody", action="list.edited", thing="lists/none"), "done")

    held = Held(owner)
    owner.submit(submission("login", NOW_MS, _userId="asha", _note="x" * 200_000))
    turn_while_writing(owner, held)
    owner.corridor.edit(edit, Ticket(1))
    owner.corridor.submit(login(1), Ticket(2))
    owner.do_what_is_posted()
    only_so_many_pages(owner, 1)
    held.let_through(1)
    assert [type(outcome) for outcome in owner.work(3)] == [Unavailable] * 3
    owner.clock.advance(int(FULL_REST_S * 1_000))
    owner.corridor.edit(edit, Ticket(3))
    assert owner.work(4)[-1] == "done"
    assert (seen, owner.stored()) == ([2, 1], 0)


def test_a_set_compiled_over_windows_that_were_forgotten_does_not_judge() -> None:
    """A batch fails after a set is compiled, on another thread, and before it counts."""
    checked = check_set(preset("general"), built_in(), 1)
    forgotten, now = Windows(), Windows()
    compiled = Rulings(forgotten).compiled(1, InForce(1, checked))
    rulings = Rulings(now)
    rulings.put(1, InForce(1, checked), compiled)
    assert rulings.of(1).ruling.windows is now


# Faults of ours.


def test_everyone_hears_when_the_answers_of_a_batch_that_is_durable_cannot_be_made(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = owner.corridor._walk
    assert walk is not None

    def broken(_taken: object) -> list[object]:
        raise RuntimeError("no answers today")

    monkeypatch.setattr(walk, "answers", broken)
    owner.submit(login(0), login(1))
    assert [type(outcome) for outcome in owner.work(2)] == [Unavailable, Unavailable]
    assert {ticket for ticket, _ in owner.settled} == {0, 1}
    assert (owner.broken, owner.corridor.state) == (1, "broken")


def test_nobody_hears_twice_when_the_past_cannot_be_read_after_a_full_disk(owner: Owner) -> None:
    assert owner.stored() == 0  # its reader is open from here on
    held = Held(owner)
    owner.submit(submission("login", NOW_MS, _userId="asha", _note="x" * 200_000))
    turn_while_writing(owner, held)
    owner.corridor.submit(login(1), Ticket(1))
    owner.do_what_is_posted()
    only_so_many_pages(owner, 1)
    other = open_file(owner.directory)
    other.pragma("user_version", 999)
    other.close()
    held.let_through(1)
    owner.work(2)
    owner.do_what_is_posted()
    assert [ticket for ticket, _ in owner.settled] == [0, 1]
    assert (owner.broken, owner.corridor.state) == (1, "broken")


# The stop.


def test_a_turn_that_is_still_posted_when_it_has_stopped_touches_nothing(tmp_path: Path) -> None:
    owner = Owner(tmp_path, snapshot_every_events=1)
    owner.corridor.start()
    owner.submit(login(0))
    owner.work(1)
    owner.stop()
    owner.corridor._post_turn()
    owner.do_what_is_posted()
    assert (owner.broken, owner.corridor.state) == (0, "stopped")
