"""Killed between a decision and what it wants done: the next start does it, once, and never over a person's word."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.house import House
from engine.test_corridor import Owner
from engine.till import submission
from faults.test_damaged_page import note, word_of
from fourthwatch.clock import DAY_MS, Millis
from fourthwatch.decision import Policy
from fourthwatch.engine import roster as rosters
from fourthwatch.engine.again import AGAIN
from fourthwatch.engine.flight import Edited
from fourthwatch.engine.labels import LABEL_EVENT, USER_LABEL_KINDS, tellings_of
from fourthwatch.engine.leaving_out import leaving_out
from fourthwatch.engine.listing import listed
from fourthwatch.engine.policies import Policies
from fourthwatch.engine.unfinished import Unfinished, unfinished
from fourthwatch.engine.walk import Answer, Submission
from fourthwatch.errors import LedgerBroken, LedgerBusy, LedgerError, LedgerFull
from fourthwatch.events import KIND_OF_NAME, KIND_OF_NUMBER
from fourthwatch.limits import TEXT_ID_MAX
from fourthwatch.metrics import NOT_FOLLOWED
from fourthwatch.rules.rule import Action
from fourthwatch.store.file import FILE_NAME, open_file
from fourthwatch.store.lists import ListReader
from fourthwatch.store.reader import LedgerReader, user_subject
from fourthwatch.wire.decode import decode_event, read_stored
from logged import logged
from rules.judging import rule
from story import NOW_MS

CATCHING = rule("dear", "amount > 400", "review", actions=(Action("list", "bad", thing="user"),))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Its rule wants buyers of dear things in a list; a walk alone decides and does nothing of what is wanted."""
    opened = House(tmp_path)
    opened.edit_list("bad", "somebody")
    opened.publish((CATCHING,))
    yield opened
    opened.close()


def buy(house: House, number: int, amount: str = "500") -> None:
    house.tell("createOrder", NOW_MS + number, _orderId=f"o-{number}", _userId=f"u-{number}", _amount=amount)


def put_off(house: House, number: int) -> None:
    """An order that has waited for too long."""
    house.walk.judging.policies = Policies(Policy(deadline_ms=50))
    house.walk.now_ms = NOW_MS + 60_000
    buy(house, number, "10")


def left_of(house: House) -> Unfinished:
    return unfinished(house.walk, house.roster, house.directory, 0, house.walk.ledger.last_seq)


def started(directory: Path) -> None:
    """A server starts, works until nothing is left to do, and stops."""
    owner = Owner(directory)
    owner.corridor.start()
    owner.stop()


def held_in(directory: Path) -> list[str]:
    reader = ListReader(directory)
    (row,) = reader.lists()
    values = [one.value for one in reader.entries(row.id, "", 100)]
    reader.close()
    return values


def names_in(directory: Path, order_id: str) -> list[str | None]:
    reader = LedgerReader(directory)
    names = [one.event.name for one in reader.order_events(1, order_id, 0, 100)]
    reader.close()
    return names


def test_what_a_rule_wanted_in_a_list_is_put_there_by_the_start_after_a_kill(house: House) -> None:
    for number, amount in ((1, "500"), (2, "10"), (3, "500")):
        buy(house, number, amount)
    assert held_in(house.directory) == ["somebody"], "killed before"
    house.walk.ledger.close()
    for _ in range(2):
        started(house.directory)
        assert held_in(house.directory) == ["somebody", "u-1", "u-3"]
    house.open()
    assert left_of(house).wishes == []


def test_what_many_orders_want_in_one_list_is_one_edit_with_each_value_once_and_the_latest_end(house: House) -> None:
    actions = (Action("list", "bad", thing="user", days=1), Action("list", "bad", thing="user", days=9))
    house.publish((rule("dear", "amount > 400", "review", actions=actions),))
    for number in (1, 2, 1):
        buy(house, number)
    (edit,) = listed(left_of(house).wishes, house.roster, house.clock)
    edited = edit(house.walk.last_seq + 1)
    assert isinstance(edited, Edited)
    told = [(one["value"], one["expires_ms"] - NOW_MS > 8 * DAY_MS) for one in edited.change.after]
    assert told == [("u-1", True), ("u-2", True)]
    assert edit(house.walk.last_seq + 1) is None, "they are in the list now"


def test_what_a_full_list_cannot_take_is_said_in_the_log(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rosters, "LIST_ENTRIES_MAX", 1)
    buy(house, 1)
    (edit,) = listed(left_of(house).wishes, house.roster, house.clock)
    with logged() as said:
        assert edit(house.walk.last_seq + 1) is None
    assert [(one["event"], one["list"], one["entries"]) for one in said] == [("not_listed", "bad", 1)]


def test_what_a_person_has_taken_out_again_is_not_put_back(house: House) -> None:
    buy(house, 1)
    house.edit_list("bad", "u-1")
    house.edit_list("bad", "u-1", out=True)
    house.restart(snapshot=False)
    assert left_of(house).wishes == []
    buy(house, 1_001)
    assert [subject.involved.user for subject, _ in left_of(house).wishes] == ["u-1001"]


def test_an_order_that_waits_for_its_full_decision_gets_it_after_a_kill_and_once(house: House) -> None:
    put_off(house, 1)
    assert [event.subject for event in left_of(house).degraded] == ["order:o-1"]
    house.walk.ledger.close()
    for _ in range(2):
        started(house.directory)
        assert names_in(house.directory, "o-1") == [None, AGAIN]
    house.open()
    assert left_of(house).degraded == []


def told_of(directory: Path, order_id: str) -> list[tuple[str, bool | None]]:
    reader = LedgerReader(directory)
    rows = [one.event for one in reader.order_events(1, order_id, 0, 100)]
    reader.close()
    told = [one for row in rows for one in tellings_of(row, read_stored(KIND_OF_NUMBER[row.kind], row.body))]
    return [(one.source, one.value) for one in told]


def test_what_a_rule_says_of_an_order_is_told_once_also_after_a_kill_and_never_from_shadow(house: House) -> None:
    saying = rule("dear", "amount > 400", "review", actions=(Action("label", "fraud"),))
    tried = rule("tried", "amount > 1", "review", state="shadow", actions=(Action("label", "good"),))
    house.publish((saying, tried))
    buy(house, 1)
    buy(house, 2, "10")
    assert told_of(house.directory, "o-1") == [], "killed before"
    house.walk.ledger.close()
    for _ in range(2):
        started(house.directory)
        assert told_of(house.directory, "o-1") == [("rule", True)]
        assert told_of(house.directory, "o-2") == []
    owner = Owner(house.directory)
    owner.corridor.start()
    bought = submission("createOrder", NOW_MS + 3, _orderId="o-3", _userId="u-3", _amount="500")
    owner.submit(bought, bought)
    owner.work(2)
    owner.stop()
    assert told_of(house.directory, "o-3") == [("rule", True)]
    house.open()
    assert left_of(house).wishes == []


def test_what_is_about_no_order_is_not_decided_again_and_keeps_no_server_from_starting(house: House) -> None:
    put_off(house, 1)
    tagged = house.tell("tag", NOW_MS, wants_score=True, _userId="u-1", _isBad=True, _abuseType="reseller")
    assert tagged.receipt.degraded
    assert [one.subject for one in left_of(house).degraded] == ["order:o-1"]
    house.close()
    started(house.directory)
    assert names_in(house.directory, "o-1") == [None, AGAIN]


def test_a_rule_says_nothing_of_the_order_of_an_event_about_none(house: House) -> None:
    house.publish((rule("anybody", "known(user)", "review", actions=(Action("label", "fraud"),)),))
    house.close()
    owner = Owner(house.directory)
    owner.corridor.start()
    owner.submit(
        submission("login", NOW_MS, wants_score=True, _userId="u-1"),
        submission("createOrder", NOW_MS, _orderId="o-1", _userId="u-1", _amount="500"),
    )
    login, bought = owner.work(2)
    assert isinstance(login, Answer)
    assert isinstance(bought, Answer)
    assert (login.receipt.verdict, bought.receipt.verdict) == ("review", "review")
    owner.stop()
    assert owner.broken == 0
    assert told_of(house.directory, "o-1") == [("rule", True)]


def test_what_follows_is_about_the_ids_that_the_shop_uses_also_when_they_look_like_cards(house: House) -> None:
    labels, tags = Action("label", "fraud"), Action("tag", "reseller")
    house.publish((rule("dear", "amount > 400", "review", actions=(labels, tags)),))
    house.close()
    body = b'{"_orderId": "4111111111111111", "_userId": "5555555555554444", "_amount": "500"}'
    kept = decode_event(body, KIND_OF_NAME["createOrder"], Millis(NOW_MS), keep=frozenset({"_orderId", "_userId"}))
    owner = Owner(house.directory, policy=Policy(deadline_ms=50))
    owner.corridor.start()
    bought = msgspec.structs.replace(submission("createOrder", NOW_MS, _orderId="o-1"), decoded=kept)
    owner.submit(msgspec.structs.replace(bought, received_ms=Millis(NOW_MS - 60)))
    owner.work(1)
    owner.stop()
    assert set(names_in(house.directory, "4111111111111111")) == {None, AGAIN, LABEL_EVENT}
    assert set(told_of(house.directory, "4111111111111111")) == {("rule", True)}
    assert tags_in(house.directory, "5555555555554444") == [("rule", "reseller", True)]


# One of the things that follow cannot be done.

TOO_LONG = "9" * (TEXT_ID_MAX + 1)
"""An id that no event of ours can have."""


def bought(order_id: str, user_id: str) -> Submission:
    """A dear order with ids of any length, which came in long before it walks."""
    one = submission("createOrder", NOW_MS, _orderId="o", _userId="u", _amount="500")
    event = msgspec.structs.replace(one.decoded.event, order_id=order_id, user_id=user_id)
    body = msgspec.json.encode({"_orderId": order_id, "_userId": user_id, "_amount": "500"})
    decoded = msgspec.structs.replace(one.decoded, event=event, body=body, fingerprint=body[:16].ljust(16))
    return msgspec.structs.replace(one, decoded=decoded, idempotency_key=order_id, received_ms=Millis(NOW_MS - 60))


def saying(house: House) -> None:
    """Its rule says all that a rule can say of an order."""
    actions = (Action("label", "fraud"), Action("tag", "reseller"), Action("list", "bad", thing="user"))
    house.publish((rule("dear", "amount > 400", "review", actions=actions),))


def test_what_cannot_follow_from_a_decision_stops_neither_the_server_nor_its_start_nor_the_rest(house: House) -> None:
    saying(house)
    house.close()
    counted = NOT_FOLLOWED._value.get()
    with logged() as said:
        owner = Owner(house.directory, policy=Policy(deadline_ms=50))
        owner.corridor.start()
        owner.submit(bought("o-1", "u-1"), bought(TOO_LONG, "u-2"), bought("o-3", "u-3"))
        assert [type(one) for one in owner.work(3)] == [Answer] * 3
        owner.stop()
    assert (owner.broken, owner.corridor.state) == (0, "stopped")
    left_out = [(one["what"], one["position"], one["fault"]) for one in said if one["event"] == "not_followed"]
    assert left_out == [("again", 2, "Malformed"), ("label", 2, "Malformed")]
    assert NOT_FOLLOWED._value.get() - counted == len(left_out)
    assert TOO_LONG not in repr([{**one, "exc_info": None} for one in said])
    with logged() as said:
        started(house.directory)
    assert [one["what"] for one in said if one["event"] == "not_followed"] == ["again", "label"], (
        "it is looked for again"
    )
    for order_id in ("o-1", "o-3"):
        assert set(names_in(house.directory, order_id)) == {None, AGAIN, LABEL_EVENT}
    for user in ("u-1", "u-2", "u-3"):
        assert tags_in(house.directory, user) == [("rule", "reseller", True)]
    assert held_in(house.directory) == ["somebody", "u-1", "u-2", "u-3"]


def test_a_decision_that_cannot_be_understood_keeps_no_server_from_starting(house: House) -> None:
    saying(house)
    for number in (1, 2):
        buy(house, number)
    house.close()
    connection = open_file(house.directory)
    connection.execute("UPDATE decision SET detail = ? WHERE seq = 1", (b'{"actions":[{"do":"dance"}]}',))
    connection.close()
    with logged() as said:
        started(house.directory)
    assert [(one["what"], one["position"]) for one in said if one["event"] == "not_followed"] == [("unfinished", 1)]
    assert set(names_in(house.directory, "o-2")) == {None, LABEL_EVENT}
    assert held_in(house.directory) == ["somebody", "u-2"]


def spoil(directory: Path, number: int) -> None:
    """Flip a bit on a page that an order with a note of that number has for itself."""
    path = directory / FILE_NAME
    spoilt = bytearray(path.read_bytes())
    spoilt[spoilt.index(word_of(number).encode())] ^= 4
    path.write_bytes(spoilt)


def test_an_order_on_a_damaged_page_is_not_decided_in_full_and_the_others_are(house: House) -> None:
    house.walk.judging.policies = Policies(Policy(deadline_ms=50))
    house.walk.now_ms = NOW_MS + 60_000
    for number in (1, 2, 3):
        noted = {"note": note(number)}
        house.tell("createOrder", NOW_MS, _orderId=f"o-{number}", _userId="u", _amount="10", _customInfo=noted)
    house.restart(snapshot=True)
    house.close()
    spoil(house.directory, 1)
    with logged() as said:
        started(house.directory)
    (told,) = [one for one in said if one["event"] == "not_followed"]
    assert (told["what"], told["position"]) == ("unfinished", 1)
    assert "fails its checksum" in told["reason"]
    assert [names_in(house.directory, f"o-{number}") for number in (2, 3)] == [[None, AGAIN]] * 2


def test_what_follows_and_meets_a_fault_on_its_walk_is_not_walked_again_and_again(house: House) -> None:
    buy(house, 1, "10")
    put_off(house, 2)
    house.tell("order_status", NOW_MS, wants_score=True, _orderId="o-1", _orderStatus="_held")
    house.restart(snapshot=True)
    house.close()
    connection = open_file(house.directory)
    connection.execute("UPDATE event SET body = ? WHERE seq = 1", (b'{"_orderId": 5',))
    connection.close()
    owner = Owner(house.directory)
    with logged() as said:
        owner.corridor.start()
        for _ in range(200):
            if any(one["event"] == "not_followed" for one in said):
                break
            owner.work_once()
        else:
            pytest.fail("it walks again and again")
        owner.stop()
    assert [one["event"] for one in said].count("walk_failed") == 2, "the batch, then the event by itself"
    (told,) = [one["what"] for one in said if one["event"] == "not_followed"]
    assert told.startswith("again ev_000000000003")
    assert names_in(house.directory, "o-2") == [None, AGAIN]


@pytest.mark.parametrize("failure", [LedgerFull, LedgerBusy, LedgerBroken])
def test_a_failure_of_the_whole_data_file_is_not_left_out(failure: type[LedgerError]) -> None:
    with pytest.raises(failure), leaving_out("label", 1):
        raise failure("the disk gives nothing")


def test_an_event_of_somebody_else_under_our_name_and_key_does_not_take_its_place(house: House) -> None:
    put_off(house, 1)
    (event,) = left_of(house).degraded
    forged: dict[str, Any] = {
        "_eventName": AGAIN, "_orderId": "o-1", "_customInfo": {"event_id": event.event_id},
    }  # fmt: skip
    sent = submission("custom_event", NOW_MS + 9, key=f"again {event.event_id}", **forged)
    house.walk.run([msgspec.structs.replace(sent, is_bulk=True)])
    assert [one.event_id for one in left_of(house).degraded] == [event.event_id]


def tags_in(directory: Path, user: str) -> list[tuple[str, str | None, bool | None]]:
    """Source, kind of abuse and whether it is a bad one, of all that was ever said of a user."""
    reader = LedgerReader(directory)
    rows = reader.of_kinds(1, user_subject(user), USER_LABEL_KINDS, 100)[::-1]
    reader.close()
    told = [one for row in rows for one in tellings_of(row, read_stored(KIND_OF_NUMBER[row.kind], row.body))]
    return [(one.source, one.abuse_type, one.value) for one in told]


TAGGING = rule(
    "dear", "amount > 400", "review", actions=(Action("tag", "reseller"), Action("tag", "vip", thing="good"))
)


def test_a_user_is_tagged_by_a_rule_once_also_after_a_kill_and_never_from_shadow(house: House) -> None:
    house.publish((TAGGING, rule("tried", "amount > 1", "review", state="shadow", actions=(Action("tag", "x"),))))
    buy(house, 1)
    buy(house, 2, "10")
    assert tags_in(house.directory, "u-1") == [], "killed before"
    house.walk.ledger.close()
    for _ in range(2):
        started(house.directory)
        assert tags_in(house.directory, "u-1") == [("rule", "reseller", True), ("rule", "vip", False)]
        assert tags_in(house.directory, "u-2") == []
    owner = Owner(house.directory)
    owner.corridor.start()
    for number in (3, 4):
        bought = submission(
            "createOrder", NOW_MS + number, _orderId=f"o-{number}", _userId=f"u-{number % 2}", _amount="500"
        )
        owner.submit(bought, bought)
        owner.work(1)
    owner.stop()
    assert tags_in(house.directory, "u-0") == [("rule", "reseller", True), ("rule", "vip", False)]
    assert len(tags_in(house.directory, "u-1")) == 2, "it was said already"
    house.open()
    assert left_of(house).wishes == []


@pytest.mark.parametrize("said", [{"_isBad": False}, {"_isBad": True}, {"_isBad": False, "_analyst": "meera"}])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rule_says_nothing_over_what_a_person_or_shop_has_said_of_the_user(
    house: House, said: dict[str, Any], when: str
) -> None:
    house.publish((TAGGING,))
    if when == "after":
        buy(house, 1)
    for abuse_type in ("reseller", "vip"):
        house.tell("tag", NOW_MS + 50, _userId="u-1", _abuseType=abuse_type, **said)
    if when == "before":
        buy(house, 1)
    assert left_of(house).wishes == []


def test_a_tag_that_was_taken_off_comes_back_only_by_a_newer_decision(house: House) -> None:
    house.publish((TAGGING,))
    buy(house, 1)
    house.tell("untag", NOW_MS + 50, _userId="u-1")
    assert left_of(house).wishes == []
    house.tell("createOrder", NOW_MS + 60, _orderId="o-9", _userId="u-1", _amount="500")
    assert [action.to for _, action in left_of(house).wishes] == ["reseller", "vip"]


def test_a_guest_is_not_tagged(house: House) -> None:
    house.publish((TAGGING,))
    house.tell("createOrder", NOW_MS, _orderId="o-1", _sessionId="s-1", _amount="500")
    assert left_of(house).wishes == []
