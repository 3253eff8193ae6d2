"""The walk: once per event, as of its time, the same again from the ledger."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from engine.till import Till, stored_again, submission
from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.decision import Policy
from fourthwatch.engine.walk import Answer, Submission
from fourthwatch.errors import Conflict
from fourthwatch.features.catalogue import INDEX
from story import NOW_MS

ORDER: dict[str, Any] = {"_orderId": "ord-1", "_userId": "asha", "_amount": "500", "_currencyCode": "INR"}


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    opened = Till(tmp_path)
    yield opened
    opened.close()


def known(till: Till, name: str) -> float | None:
    return till.vector()[INDEX[name]]


# Once per event.


def test_a_retry_gets_the_old_receipt_and_leaves_nothing(till: Till) -> None:
    first = till.tell("createOrder", **ORDER)
    memory = till.memory()
    again = till.tell("createOrder", **ORDER)
    assert (first.replayed, again.replayed) == (False, True)
    assert msgspec.json.encode(again.receipt) == msgspec.json.encode(first.receipt)
    assert till.ledger.last_seq == 1
    assert till.memory() == memory


def test_a_retry_with_warnings_gets_the_same_warnings(till: Till) -> None:
    body = {**ORDER, "_amount": 500, "_unheardOf": 1}
    first, again = till.tell("createOrder", **body), till.tell("createOrder", **body)
    assert again.replayed
    assert first.receipt.warnings
    assert again.receipt == first.receipt


def test_a_retry_after_other_events_gets_the_score_of_its_own_time(till: Till) -> None:
    first = till.tell("createOrder", **ORDER)
    for number in range(2, 12):
        till.tell("transaction", **{**ORDER, "_transactionId": f"t-{number}", "_transactionStatus": "_failure"})
    assert till.tell("createOrder", **ORDER).receipt == first.receipt


def test_copies_within_a_batch_are_one_event_with_equal_receipts(till: Till) -> None:
    outcomes = till.take(*[submission("createOrder", **ORDER) for _ in range(20)])
    answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    assert len(answers) == 20
    assert {msgspec.json.encode(answer.receipt) for answer in answers} == {msgspec.json.encode(answers[0].receipt)}
    assert [answer.replayed for answer in answers] == [False] + [True] * 19
    assert till.ledger.last_seq == 1


def test_untimed_copies_within_a_batch_are_one_event(till: Till) -> None:
    till.take(*[submission("createOrder", timed=False, **ORDER) for _ in range(3)])
    till.take(*[submission("createOrder", NOW_MS + 5, timed=False, **ORDER) for _ in range(3)])
    assert till.ledger.last_seq == 1


@pytest.mark.slow
def test_an_untimed_state_that_comes_back_is_a_new_event(till: Till) -> None:
    for status in ("_held", "_approved", "_held", "_held"):
        till.tell("order_status", timed=False, _orderId="ord-1", _orderStatus=status)
    assert till.ledger.last_seq == 3
    batch = [submission("tag", timed=False, _userId="u", _isBad=bad) for bad in (True, False, True, True)]
    assert [outcome.replayed for outcome in till.take(*batch) if isinstance(outcome, Answer)] == [
        False, False, False, True,
    ]  # fmt: skip


def test_an_untimed_login_is_new_each_time(till: Till) -> None:
    for _ in range(3):
        assert not till.tell("login", timed=False, _userId="asha").replayed
    assert till.ledger.last_seq == 3


def test_one_key_with_another_body_is_a_conflict_and_leaves_nothing(till: Till) -> None:
    till.tell("createOrder", key="k", **ORDER)
    outcomes = till.take(
        submission("createOrder", key="k", **{**ORDER, "_amount": "501"}),
        submission("login", key="k", _userId="asha"),
        submission("createOrder", key="k", **ORDER),
    )
    assert [type(outcome) for outcome in outcomes] == [Conflict, Conflict, Answer]
    assert till.ledger.last_seq == 1


def test_one_key_with_two_bodies_in_one_batch_is_one_event_and_a_conflict(till: Till) -> None:
    outcomes = till.take(submission("login", key="k", _userId="a"), submission("login", key="k", _userId="b"))
    assert [type(outcome) for outcome in outcomes] == [Answer, Conflict]
    assert till.ledger.last_seq == 1


def test_another_key_makes_the_same_content_another_event(till: Till) -> None:
    for key in ("k", "l", None):
        assert not till.tell("createOrder", key=key, **ORDER).replayed
    assert till.ledger.last_seq == 3


def test_two_tenants_share_no_identity(till: Till) -> None:
    for tenant in (1, 2):
        assert not till.tell("createOrder", tenant=tenant, key="k", **ORDER).replayed
        assert not till.tell("createOrder", tenant=tenant, **ORDER).replayed
        assert not till.tell("order_status", tenant=tenant, timed=False, _orderId="ord-1").replayed


def test_event_ids_are_of_the_randomness_that_is_handed_in(tmp_path: Path) -> None:
    ids: list[str] = []
    for seed in (1, 1, 2):
        till = Till(tmp_path / str(len(ids)), seed=seed)
        ids.append(till.receipt("createOrder", **ORDER).event_id)
        till.close()
    assert ids[0] == ids[1] != ids[2]


# Answers.


@pytest.mark.parametrize(
    ("kind", "wants_score", "is_told", "is_made"),
    [
        ("createOrder", False, True, True),
        ("update_order", False, True, True),
        ("transaction", False, True, True),
        ("order_status", False, False, True),
        ("order_status", True, True, True),
        ("login", False, False, False),
        ("login", True, True, True),
        ("custom_event", False, False, False),
        ("custom_event", True, True, True),
    ],
)
def test_decisions_are_made_and_told_where_the_contract_says(
    till: Till, kind: str, wants_score: bool, is_told: bool, is_made: bool
) -> None:
    receipt = till.receipt(kind, wants_score=wants_score, **ORDER)
    assert (receipt.score is not msgspec.UNSET) is is_told
    assert (receipt.reasons is not msgspec.UNSET) is is_told
    made = till.ledger.stored(1)[1]
    assert (made is not None) is is_made
    assert made is None or made.answered is is_told


def test_the_stored_decision_is_the_one_that_was_told(till: Till) -> None:
    receipt = till.receipt("createOrder", **ORDER)
    made = till.ledger.stored(1)[1]
    assert made is not None
    assert (made.score, made.flag, made.verdict) == (receipt.score, receipt.flag, receipt.verdict)
    detail = msgspec.json.decode(made.detail)
    assert detail["reasons"] == list(msgspec.to_builtins(receipt.reasons))
    assert len(detail["vector"]) == len(INDEX)


def test_the_shops_threshold_decides_the_colour(tmp_path: Path) -> None:
    told = []
    for red_above in (0, 100):
        till = Till(tmp_path / str(red_above), Policy(red_above=red_above))
        told.append(till.receipt("createOrder", **ORDER).flag)
        till.close()
    assert told == ["red", "green"]


def test_third_order_from_one_ip_within_the_hour_counts_two_even_in_one_batch(till: Till) -> None:
    till.take(
        *[
            submission("createOrder", NOW_MS + number, _orderId=f"ord-{number}", _userId="u", _deviceIp="203.0.113.7")
            for number in range(3)
        ]
    )
    assert known(till, "orders_by_ip_24h") == 2


# Orders.


def test_a_payment_takes_what_it_does_not_say_from_its_order(till: Till) -> None:
    till.tell("createOrder", NOW_MS - HOUR_MS, _orderId="ord-0", _userId="asha", _deviceIp="203.0.113.7")
    till.tell("createOrder", **ORDER, _deviceIp="203.0.113.7", _deviceId="dv-1")
    till.tell("transaction", NOW_MS + 1, _orderId="ord-1")
    assert known(till, "orders_by_ip_24h") == 1
    assert known(till, "orders_by_user_24h") == 1
    assert known(till, "orders_by_device_24h") == 0
    assert known(till, "amount") == 500


def test_a_payment_of_an_order_never_heard_of_stands_by_itself(till: Till) -> None:
    till.tell("transaction", _orderId="ord-9", _userId="asha", _amount="7", _currencyCode="INR")
    assert known(till, "amount") == 7
    assert known(till, "orders_by_ip_24h") is None


def test_an_order_of_another_tenant_lends_nothing(till: Till) -> None:
    till.tell("createOrder", tenant=2, **ORDER, _deviceIp="203.0.113.7")
    till.tell("transaction", _orderId="ord-1")
    assert known(till, "amount") is None
    assert known(till, "orders_by_ip_24h") is None


def test_an_order_created_again_is_updated_and_scored_again_and_counts_once(till: Till) -> None:
    till.tell("createOrder", **ORDER)
    receipt = till.receipt("createOrder", **{**ORDER, "_amount": "900"})
    assert receipt.score is not msgspec.UNSET
    assert known(till, "amount") == 900
    assert known(till, "orders_by_user_24h") == 0
    till.tell("transaction", NOW_MS + 1, _orderId="ord-1")
    assert known(till, "amount") == 900


def test_an_updated_order_forgets_what_the_update_does_not_say(till: Till) -> None:
    till.tell("createOrder", **ORDER, _deviceIp="203.0.113.7")
    till.tell("update_order", NOW_MS + 1, _orderId="ord-1", _userId="asha")
    till.tell("transaction", NOW_MS + 2, _orderId="ord-1")
    assert known(till, "amount") is None
    assert known(till, "orders_by_ip_24h") is None


def test_a_status_says_something_about_everybody_in_the_order(till: Till) -> None:
    till.tell("createOrder", NOW_MS - DAY_MS, **ORDER, _deviceId="dv-1")
    till.tell("order_status", NOW_MS, _orderId="ord-1", _orderStatus="_rto")
    till.tell("createOrder", NOW_MS + 1, _orderId="ord-2", _userId="ravi", _deviceId="dv-1")
    assert known(till, "rto_ever") == 1


# Who a session is.


def test_a_linked_session_is_its_user_from_then_on(till: Till) -> None:
    till.tell("createOrder", NOW_MS - HOUR_MS, _orderId="ord-1", _userId="asha")
    till.tell("createOrder", NOW_MS - 2, _orderId="ord-2", _sessionId="s-1")
    assert known(till, "orders_by_user_24h") == 0
    till.tell("link_session_to_user", NOW_MS - 1, _sessionId="s-1", _userId="asha")
    till.tell("createOrder", NOW_MS, _orderId="ord-3", _sessionId="s-1")
    assert known(till, "orders_by_user_24h") == 1


def test_a_known_session_in_the_users_place_is_a_guest(till: Till) -> None:
    till.tell("add_to_cart", NOW_MS - 60_000, _sessionId="s-1")
    till.tell("createOrder", _orderId="ord-1", _userId="s-1")
    assert known(till, "seconds_to_order") == 60
    assert not till.windows.knows(1, "user:s-1")


def test_an_unknown_id_in_the_users_place_is_a_user(till: Till) -> None:
    till.tell("createOrder", _orderId="ord-1", _userId="s-1")
    assert till.windows.knows(1, "user:s-1")


def test_a_session_of_another_tenant_is_nobody_here(till: Till) -> None:
    till.tell("link_session_to_user", tenant=2, _sessionId="s-1", _userId="asha")
    till.tell("createOrder", _orderId="ord-1", _sessionId="s-1")
    assert not till.windows.knows(1, "user:asha")


def test_a_guests_order_is_inherited_whether_it_is_remembered_or_read_back(tmp_path: Path) -> None:
    till = Till(tmp_path)
    till.tell("createOrder", NOW_MS, _orderId="ord-1", _sessionId="s-1")
    till.tell("link_session_to_user", NOW_MS + 1, _sessionId="s-1", _userId="asha")
    till.tell("createOrder", NOW_MS + 2, _orderId="ord-2", _sessionId="s-1")
    till.close()
    restarted = Till(tmp_path)
    for order_id in ("ord-1", "ord-2"):
        restarted.tell("order_status", NOW_MS + 3, _orderId=order_id, _orderStatus="_rto")
    restarted.tell("createOrder", NOW_MS + 4, _orderId="ord-3", _userId="asha")
    assert known(restarted, "rto_ever") == 2
    restarted.close()


# The same again from the ledger.


def some_batches(random: Random, number: int) -> list[list[Submission]]:
    """A wild shop: guests, links, late events, retries, keys, two tenants with the same ids."""
    batches: list[list[Submission]] = []
    for _ in range(number):
        batch = [some_submission(random) for _ in range(random.randint(1, 6))]
        if batches and random.random() < 0.3:
            batch.append(random.choice(random.choice(batches)))
        batches.append(batch)
    return batches


def some_submission(random: Random) -> Submission:
    kind = random.choice(
        ("createOrder", "createOrder", "transaction", "transaction", "order_status", "login", "link_session_to_user",
         "add_to_cart", "update_order", "tag", "untag", "custom_event", "chargeback", "create_account", "item_status")
    )  # fmt: skip
    body: dict[str, Any] = {"_orderId": f"ord-{random.randint(1, 15)}"}
    for key, ids, chance in (
        ("_userId", ["asha", "ravi", "meera", "s-1", "s-2"], 0.5),
        ("_sessionId", ["s-1", "s-2", "s-3", "s-4"], 0.5),
        ("_deviceId", ["dv-1", "dv-2"], 0.5),
        ("_deviceIp", ["203.0.113.7", "203.0.113.8", "not an address"], 0.5),
        ("_userEmail", ["asha@example.com", "ravi@example.com"], 0.3),
        ("_transactionStatus", ["_success", "_failure"], 0.5),
        ("_orderStatus", ["_rto", "_approved", "_fulfilled"], 0.5),
        ("_loginStatus", ["_success", "_failure"], 0.3),
        ("_isBad", [True, False], 0.3),
        ("_amount", ["100", "19.99", 7, "much", "1e999999999"], 0.5),
        ("_isPrePaid", [True, False, "yes"], 0.3),
    ):
        if random.random() < chance:
            body[key] = random.choice(ids)
    return submission(
        kind,
        NOW_MS + random.randint(-30 * DAY_MS, 0) // MINUTE_MS * MINUTE_MS,
        tenant=random.choice((1, 1, 2)),
        key=random.choice((None, None, None, f"key-{random.randint(1, 30)}")),
        wants_score=random.random() < 0.3,
        timed=random.random() < 0.7,
        **body,
    )


def summary(till: Till) -> list[tuple[Any, ...]]:
    return [
        (
            event.seq,
            event.tenant,
            event.body,
            made and (made.score, made.flag, made.verdict, made.answered, made.detail),
        )
        for event, made in till.rows()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 12))])
def test_the_stored_events_walked_again_give_the_same_decisions_and_windows(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    till, clean = Till(tmp_path / "one"), Till(tmp_path / "clean", seed=99)
    for batch in some_batches(random, 60):
        till.take(*batch)
    again = list(stored_again(till.rows()))
    while again:
        batch, again = again[:7], again[7:]
        clean.take(*batch)
    assert summary(clean) == summary(till)
    assert clean.memory() == till.memory()
    till.close()
    clean.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 12))])
def test_a_walk_that_is_stopped_and_started_goes_on_as_if_nothing_had_happened(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    batches = some_batches(random, 60)
    straight, broken = Till(tmp_path / "straight"), Till(tmp_path / "broken")
    for number, batch in enumerate(batches):
        straight.take(*batch)
        broken.take(*batch)
        if number % 15 == 14:
            broken.close()
            broken = Till(tmp_path / "broken", seed=number)
            assert broken.memory() == straight.memory()
    assert summary(broken) == summary(straight)
    straight.close()
    broken.close()


def test_a_walk_into_a_ledger_that_takes_nothing_answers_nobody(tmp_path: Path) -> None:
    till = Till(tmp_path)
    till.ledger._connection.pragma("query_only", "ON")
    with pytest.raises(Exception, match="could not be written"):
        till.tell("createOrder", **ORDER)
    till.close()
    again = Till(tmp_path)
    assert again.rows() == []
    assert not again.tell("createOrder", **ORDER).replayed
    again.close()
