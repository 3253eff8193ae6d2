"""The windows: read, then add; once per ledger position; apart by tenant; and who a session is."""

from itertools import islice
from random import Random
from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS
from fourthwatch.features.catalogue import DECIDING, built_in
from fourthwatch.features.definition import Book, Feature
from fourthwatch.features.observe import Present
from fourthwatch.features.series import SeriesHead
from fourthwatch.features.subject import Subject
from fourthwatch.features.windows import Windows
from story import NOW_MS, Story, memory_of

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


def seeds(number: int, fast: int) -> list[Any]:
    """Seeds, of which only the first few are for every check."""
    return [*range(fast), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(fast, number))]


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


def told(events: list[tuple[str, int, dict[str, Any]]]) -> Story:
    story = Story()
    for kind, at_ms, body in events:
        story.tell(kind, at_ms, **body)
    return story


def presents(story: Story, events: list[tuple[str, int, dict[str, Any]]]) -> list[Subject]:
    """The events as subjects of the same ledger positions, for windows of another kind of writer."""
    subjects = []
    for kind, at_ms, body in events:
        subjects.append(story.subject(kind, at_ms, **body))
        story.seq += 1
    return subjects


def restored(story: Story, *, heads: list[SeriesHead] | None = None) -> Windows:
    """Windows that come back from a snapshot, in small slices."""
    windows = story.windows
    back = Windows(built_in(kept=None), windows.heads() if heads is None else heads, up_to=windows.applied.up_to)
    windows.begin_snapshot()
    while piece := windows.next_slice(500):
        back.load(piece)
    windows.end_snapshot()
    back.restore_session_users({session: list(links) for session, links in windows.session_users().items()})
    back.loaded()
    return back


@pytest.mark.parametrize("seed", seeds(20, 6))
def test_adding_an_event_again_changes_nothing(seed: int) -> None:
    random = Random(seed)
    story = Story()
    subjects = presents(story, some_events(random, 80))
    for subject in subjects:
        story.windows.add(Present(subject, {}))
    before = memory_of(story.windows)
    for subject in random.sample(subjects, len(subjects)):
        story.windows.add(Present(subject, {}))
    assert memory_of(story.windows) == before


@pytest.mark.parametrize("seed", seeds(60, 12))
def test_the_same_events_in_any_order_with_repeats_and_split_over_writers_are_the_same_windows(seed: int) -> None:
    random = Random(seed)
    story = Story()
    subjects = presents(story, some_events(random, 150))
    for subject in subjects:
        story.windows.add(Present(subject, {}))
    writers: list[list[Subject]] = [[] for _ in range(8)]
    for subject in [*subjects, *random.sample(subjects, 40)]:
        random.choice(writers).append(subject)
    other = Windows(built_in(kept=None))
    while any(writers):
        other.add(Present(random.choice([writer for writer in writers if writer]).pop(), {}))
    assert memory_of(other)[0] == memory_of(story.windows)[0]
    for kind, at_ms, body in some_events(random, 10):
        subject = story.subject(kind, at_ms, **body)
        assert story.windows.vector(Present(subject, {})) == other.vector(Present(subject, {}))


@pytest.mark.parametrize("seed", seeds(20, 6))
def test_restored_windows_are_the_same_and_go_on_the_same(seed: int) -> None:
    events = some_events(Random(seed), 120)
    story = told(events[:80])
    back = restored(story)
    assert memory_of(back) == memory_of(story.windows)
    other = Story(windows=back)
    other.seq, other._orders = story.seq, dict(story._orders)
    for kind, at_ms, body in events[80:]:
        assert story.tell(kind, at_ms, **body) == other.tell(kind, at_ms, **body)
    assert memory_of(other.windows) == memory_of(story.windows)


def test_a_snapshot_is_of_the_moment_it_began_though_events_come_in_meanwhile() -> None:
    events = some_events(Random(5), 160)
    story = told(events[:100])
    before, heads = memory_of(story.windows), story.windows.heads()
    story.windows.begin_snapshot()
    pieces, rest = [], iter(events[100:])
    while piece := story.windows.next_slice(300):
        pieces.append(piece)
        for kind, at_ms, body in islice(rest, 3):
            story.tell(kind, at_ms, **body)
    story.windows.end_snapshot()
    back = Windows(built_in(kept=None), heads, up_to=100)
    for piece in pieces:
        back.load(piece)
    assert memory_of(back)[0] == before[0]


def test_a_series_that_a_snapshot_lacks_is_unknown_until_its_past_is_in() -> None:
    story = told(some_events(Random(1), 60))
    lacking = [head for head in story.windows.heads() if "outcome" not in head.text]
    dropped = {head.number for head in story.windows.heads()} - {head.number for head in lacking}
    for number in dropped:
        story.windows._kernel.drop_series(number)
    back = restored(story, heads=lacking)
    subject = Story(windows=back).subject("createOrder", NOW_MS, _orderId="ord-1", _userId="user-1")
    vector = dict(zip(DECIDING, back.vector(Present(subject, {})), strict=True))
    assert vector["failed_transactions_24h"] is None
    assert vector["orders_by_user_24h"] is not None
    waiting = [one.series for one in back.registry.all().values() if not one.complete]
    assert {one.text for one in waiting} == {head.text for head in story.windows.heads() if "outcome" in head.text}
    back.completed(waiting)
    assert dict(zip(DECIDING, back.vector(Present(subject, {})), strict=True))["failed_transactions_24h"] == 0


def test_the_past_of_a_new_series_comes_out_as_if_it_had_been_there_from_the_start() -> None:
    events = some_events(Random(3), 200)
    book = built_in()
    mine = book.check(
        Feature("own", 'count(custom "parcel_scanned" where known(device_id), by user)', "events", "x", tenant=1)
    )
    late, early = Story(), Story()
    early.windows.need([mine])
    early.windows.completed([one.series for one in early.windows.registry.all().values() if not one.complete])
    subjects = []
    for number, (kind, at_ms, body) in enumerate(events):
        if number == 120:
            waiting = late.windows.need([mine])
        subjects.append(late.subject(kind, at_ms, **body))
        late.tell(kind, at_ms, **body)
        early.tell(kind, at_ms, **body)
    filler = late.windows.backfiller(waiting)
    for subject in Random(9).sample(subjects[:120], 120):
        filler.add(Present(subject, {}))
    late.windows.completed(waiting)
    assert memory_of(late.windows)[0] == memory_of(early.windows)[0]
    own = Book((), [mine.feature])
    found = set()
    for user in range(1, 6):
        subject = late.subject("createOrder", NOW_MS, _orderId="ord-1", _userId=f"user-{user}")
        values = [
            story.windows.read(*story.windows.reading_of(own, ["own"]), Present(subject, {})) for story in (late, early)
        ]
        assert values[0] == values[1]
        found.add(values[0][0])
    assert len(found) > 1


def test_tenants_with_the_same_names_have_histories_of_their_own() -> None:
    windows = Windows()
    one, other = Story(1, windows), Story(12, windows)
    other.seq = 100  # one ledger, and no position twice
    one.tell("createOrder", _orderId="ord-1", _userId="2|user:asha", _deviceIp="203.0.113.7")
    other.tell("createOrder", _orderId="ord-1", _userId="asha", _deviceIp="203.0.113.7")
    other.tell("createOrder", _orderId="ord-2", _userId="asha", _deviceIp="203.0.113.7")
    known = [story.tell("createOrder", _orderId="ord-3", _deviceIp="203.0.113.7") for story in (one, other)]
    assert [features["orders_by_ip_24h"] for features in known] == [1, 2]
    assert not windows.knows(2, "ip:203.0.113.7")
    assert not windows.knows(1, "user:asha")


def test_a_thing_never_heard_of_is_not_known() -> None:
    assert not Windows().knows(1, "user:asha")


def test_every_event_makes_its_user_and_session_known() -> None:
    for kind, fields in KINDS:
        story = Story()
        story.tell(kind, _userId="asha", _orderId="ord-1", _sessionId="s-1", **fields)
        assert story.windows.knows(1, "user:asha")
        assert story.windows.knows(1, "session:s-1")


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
