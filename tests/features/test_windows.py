"""The windows: read, then add; once per ledger position; apart by tenant; and who a session is."""

from random import Random
from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.features.history import Series, count, last_seq
from fourthwatch.features.windows import Windows
from story import NOW_MS, Story

KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("createOrder", {"_amount": "500", "_currencyCode": "INR"}),
    ("transaction", {"_transactionStatus": "_failure"}),
    ("transaction", {"_transactionStatus": "_success"}),
    ("order_status", {"_orderStatus": "_rto"}),
    ("chargeback", {"_chargebackState": "_received"}),
    ("login", {"_loginStatus": "_failure"}),
    ("create_account", {}),
    ("add_to_cart", {}),
    ("add_promotion", {"_promotions": [{"_promotionId": "TEN"}]}),
    ("tag", {"_isBad": True, "_abuseType": "_paymentAbuse"}),
    ("untag", {"_abuseType": "_paymentAbuse"}),
    ("link_session_to_user", {}),
    ("custom_event", {"_eventName": "parcel_scanned"}),
)


def some_events(random: Random, number: int) -> list[tuple[str, int, dict[str, Any]]]:
    events = []
    for _ in range(number):
        kind, fields = random.choice(KINDS)
        body = {
            "_userId": f"user-{random.randint(1, 5)}",
            "_sessionId": f"s-{random.randint(1, 5)}",
            "_orderId": f"ord-{random.randint(1, 20)}",
            "_deviceId": f"dv-{random.randint(1, 4)}",
            "_deviceIp": f"203.0.113.{random.randint(1, 4)}",
            **fields,
        }
        events.append((kind, NOW_MS + random.randint(-3 * DAY_MS, 0), body))
    return events


def packed(windows: Windows) -> dict[str, bytes]:
    return dict(windows.packed(windows.names()))


def told(events: list[tuple[str, int, dict[str, Any]]]) -> Story:
    story = Story()
    for kind, at_ms, body in events:
        story.tell(kind, at_ms, **body)
    return story


@pytest.mark.parametrize("seed", range(20))
def test_adding_an_event_again_changes_nothing(seed: int) -> None:
    random = Random(seed)
    story = Story()
    subjects = []
    for kind, at_ms, body in some_events(random, 80):
        subject = story.subject(kind, at_ms, **body)
        story.windows.add(subject)
        story.seq += 1
        subjects.append(subject)
    before, users = packed(story.windows), dict(story.windows.session_users())
    for subject in random.sample(subjects, len(subjects)):
        story.windows.add(subject)
    assert packed(story.windows) == before
    for subject in subjects:
        story.windows.add(subject)
    assert dict(story.windows.session_users()) == users


@pytest.mark.parametrize("seed", range(20))
def test_restored_windows_are_the_same_to_the_byte_and_go_on_the_same(seed: int) -> None:
    events = some_events(Random(seed), 120)
    story = told(events[:80])
    restored = Windows()
    for name, content in packed(story.windows).items():
        restored.restore(name, content)
    restored.restore_session_users(dict(story.windows.session_users()))
    assert packed(restored) == packed(story.windows)
    assert len(restored) == len(story.windows)
    other = Story(windows=restored)
    other.seq = story.seq
    other._orders = dict(story._orders)
    for kind, at_ms, body in events[80:]:
        assert other.tell(kind, at_ms, **body) == story.tell(kind, at_ms, **body)
    assert packed(restored) == packed(story.windows)


@pytest.mark.parametrize("seed", range(10))
def test_a_snapshot_of_mixed_positions_is_made_whole_by_telling_the_rest_again(seed: int) -> None:
    random = Random(seed)
    events = some_events(random, 100)
    story, restored = Story(), Windows()
    subjects = []
    for number, (kind, at_ms, body) in enumerate(events):
        subject = story.subject(kind, at_ms, **body)
        story.windows.add(subject)
        story.seq += 1
        subjects.append(subject)
        if number >= 50:
            names = story.windows.names()
            for name, content in story.windows.packed(random.sample(names, len(names) // 4)):
                restored.restore(name, content)
    for name in story.windows.names():
        if name not in packed(restored):
            for _, content in story.windows.packed([name]):
                restored.restore(name, content)
    restored.restore_session_users(dict(story.windows.session_users()))
    for subject in subjects[50:]:
        restored.add(subject)
    assert packed(restored) == packed(story.windows)


def test_tenants_with_the_same_names_have_histories_of_their_own() -> None:
    windows = Windows()
    one, other = Story(1, windows), Story(12, windows)
    one.tell("createOrder", _orderId="ord-1", _userId="2|user:asha", _deviceIp="203.0.113.7")
    other.tell("createOrder", _orderId="ord-1", _userId="asha", _deviceIp="203.0.113.7")
    other.tell("createOrder", _orderId="ord-2", _userId="asha", _deviceIp="203.0.113.7")
    counted = []
    for tenant in (1, 12):
        history = windows.history(tenant, "ip:203.0.113.7")
        assert history is not None
        counted.append(count(history, Series.ORDER, -1, NOW_MS))
    assert counted == [1, 2]
    assert windows.history(2, "ip:203.0.113.7") is None
    assert windows.history(1, "user:asha") is None


def test_an_entity_never_heard_of_has_no_history() -> None:
    assert Windows().history(1, "user:asha") is None


def test_every_event_shows_in_the_history_of_its_user() -> None:
    for kind, fields in KINDS:
        story = Story()
        story.tell(kind, _userId="asha", _orderId="ord-1", _sessionId="s-1", **fields)
        history = story.windows.history(1, "user:asha")
        assert history is not None
        assert last_seq(history) == 1


def test_a_session_is_its_users_from_the_link_on_and_not_before() -> None:
    story = Story()
    story.tell("add_to_cart", _sessionId="s-1")
    story.tell("link_session_to_user", _sessionId="s-1", _userId="asha")
    assert story.windows.user_of_session(1, "s-1", 2) is None
    assert story.windows.user_of_session(1, "s-1", 3) == "asha"
    assert story.windows.user_of_session(2, "s-1", 3) is None


@pytest.mark.parametrize("kind", ["login", "create_account", "link_session_to_user"])
def test_these_kinds_say_whose_a_session_is(kind: str) -> None:
    story = Story()
    story.tell(kind, _sessionId="s-1", _userId="asha")
    assert story.windows.user_of_session(1, "s-1", 2) == "asha"


@pytest.mark.parametrize("kind", ["logout", "add_to_cart", "createOrder", "custom_event", "update_order"])
def test_other_kinds_do_not_tie_a_session_to_a_user(kind: str) -> None:
    story = Story()
    story.tell(kind, _sessionId="s-1", _userId="asha", _orderId="ord-1")
    assert story.windows.user_of_session(1, "s-1", 2) is None


def test_an_id_known_as_a_session_before_it_came_as_a_user_is_a_guest() -> None:
    story = Story()
    story.tell("add_to_cart", _sessionId="s-1")
    story.tell("add_to_cart", NOW_MS + HOUR_MS, _userId="asha")
    assert not story.windows.is_known_session(1, "s-1", 1)
    assert story.windows.is_known_session(1, "s-1", 2)
    assert not story.windows.is_known_session(2, "s-1", 2)
    assert not story.windows.is_known_session(1, "asha", 3)


def test_an_id_known_as_a_user_first_stays_a_user() -> None:
    story = Story()
    story.tell("add_to_cart", _userId="same")
    story.tell("add_to_cart", _sessionId="same", _userId="asha")
    assert not story.windows.is_known_session(1, "same", 3)
