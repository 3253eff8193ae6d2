"""Aggregates over a small past, each worked out by hand: what counts, what does not, and what is unknown."""

from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.features import observe
from fourthwatch.features import windows as rooms
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.definition import Book, Feature
from fourthwatch.features.fields import Read, reader_of
from fourthwatch.features.observe import Present
from fourthwatch.features.specification import Kernel
from fourthwatch.features.subject import Subject
from fourthwatch.features.things import key_of
from fourthwatch.features.windows import Windows
from story import NOW_MS, Story, memory_of


def asked(story: Story, text: str, kind: str = "createOrder", at_ms: int = NOW_MS, **body: Any) -> float | None:
    """What an expression says of the next event; its series must have been needed before the past was told."""
    book = Book([one.feature for one in built_in() if one.checked is not None], [feature(text)])
    reading = story.windows.reading_of(book, ["asked"])
    return story.windows.read(*reading, Present(story.subject(kind, at_ms, **body), {}))[0]


def feature(text: str) -> Feature:
    return Feature("asked", text, "orders", "what the test asks", tenant=1)


def prepared(*texts: str) -> Story:
    """A story whose windows remember what these expressions ask."""
    story = Story()
    waiting = story.windows.need([story.windows.book.check(feature(text)) for text in texts])
    story.windows.completed(waiting)
    return story


def past(story: Story) -> Story:
    """Four orders of one user: two in the last hour, one of them cash, one yesterday, one 40 days ago."""
    for number, (age_ms, amount, pre_paid, city) in enumerate(
        [
            (40 * DAY_MS, "1000", True, "Pune"),
            (20 * HOUR_MS, "50.50", False, "Pune"),
            (30 * MINUTE_MS, "200", True, "Goa"),
            (10 * MINUTE_MS, "300", False, "Goa"),
        ]
    ):
        story.tell(
            "createOrder", NOW_MS - age_ms, _orderId=f"ord-{number}", _userId="asha", _amount=amount,
            _isPrePaid=pre_paid, _deviceId=f"dv-{number % 2}", _shippingAddress={"_city": city, "_country": "IN"},
        )  # fmt: skip
    return story


THIS: dict[str, Any] = {
    "_orderId": "ord-9",
    "_userId": "asha",
    "_amount": "500",
    "_isPrePaid": False,
    "_deviceId": "dv-7",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("count(order, by user)", 4),
        ("count(order, by user, last 1h)", 2),
        ("count(order, by user, last 1h, including this)", 3),
        ("count(order, by user, last 90d, until 30d ago)", 1),
        ("count(order where not is_pre_paid, by user)", 2),
        ("count(order where amount > 100 and city == \"IN goa\", by user)", 2),
        ("sum(amount of order where is_pre_paid == false, by user, last 24h)", 350.5),
        ("sum(amount of order, by user, last 1h, including this)", 1000),
        ("mean(amount of order, by user, last 1h)", 250),
        ("mean(amount of order, by user, last 1h, including this)", 1000 / 3),
        ("max(amount of order, by user)", 1000),
        ("min(amount of order, by user)", 50.5),
        ("max(amount of order, by user, last 1h, including this)", 500),
        ("min(amount of order, by user, last 1h, including this)", 200),
        ("distinct(device, by user)", 2),
        ("distinct(device, by user, including this)", 3),
        ("distinct(city of order, by user)", 2),
        ("distinct(city, by user, last 1h)", 1),
        ("since_first(order, by user)", 40 * 86_400),
        ("since_last(order, by user)", 600),
        ("since_first(by user)", 40 * 86_400),
        ("seen(device, by user)", 0),
        ("previous(amount of order, by user)", 300),
        ("previous(amount of order, by user, nth 2)", 200),
        ("share(order where not is_pre_paid in order, by user)", 0.5),
        ("amount / mean(amount of order, by user, last 1h)", 2),
        ("count(order, by user+device)", 0),
        ("count(login, by user)", 0),
        ("total(count(order, by user), count(login, by user))", 4),
        ("greatest(count(order, by card), count(order, by user))", 4),
    ],
)  # fmt: skip
def test_an_aggregate_over_the_past(text: str, value: float) -> None:
    assert asked(past(prepared(text)), text, **THIS) == pytest.approx(value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "count(order, by card)",
        "count(order, by user+card)",
        "sum(amount of order, by card)",
        "mean(amount of login | order where amount > 9000, by user)",
        "max(amount of order where amount > 9000, by user)",
        "max(amount of order, by card, including this)",
        "distinct(card, by card+ip)",
        "since_last(login, by user)",
        "seen(card, by user)",
        "share(order in login, by user)",
        "previous(amount of order where amount > 9000, by user)",
        "greatest(count(order, by card), count(order, by ip))",
        "amount / mean(amount of order where amount > 9000, by user)",
    ],
)
def test_what_was_not_said_or_has_nothing_to_tell_is_unknown_and_not_zero(text: str) -> None:
    assert asked(past(prepared(text)), text, **THIS) is None


def test_a_combination_is_an_entity_of_its_own() -> None:
    text = "count(order, by user+device)"
    story = past(prepared(text))
    assert asked(story, text, **{**THIS, "_deviceId": "dv-1"}) == 2
    assert asked(story, "count(order, by device+user)", **{**THIS, "_deviceId": "dv-1"}) == 2


def test_a_combination_is_as_old_as_the_first_event_of_all_its_parts() -> None:
    text = "since_first(by user+device)"
    story = past(prepared(text))
    story.tell("login", NOW_MS - 50 * DAY_MS, _userId="asha", _deviceId="dv-0")
    ages = {device: asked(story, text, **{**THIS, "_deviceId": device}) for device in ("dv-0", "dv-1", "dv-7")}
    assert ages == {"dv-0": 50 * 86_400, "dv-1": 20 * 3_600, "dv-7": None}


def test_a_text_is_told_from_the_one_before() -> None:
    text = "previous(city of order, by user) == city"
    story = past(prepared(text))
    for city, value in (("goa", 1), ("Pune", 0)):
        assert asked(story, text, **THIS, _shippingAddress={"_city": city, "_country": "IN"}) == value


def test_the_shops_own_events_and_fields_count_wherever_it_puts_them() -> None:
    texts = [
        'count(custom "coupon_failed", by user, last 1h)',
        'max(custom.cart.value of custom "coupon_failed", by user)',
        'distinct(custom.code of custom "coupon_failed", by user)',
        'count(custom "coupon_failed" where custom.code == "TEN", by user)',
    ]
    story = prepared(*texts)
    owns: list[dict[str, Any]] = [
        {"_code": "TEN", "cart": {"value": 20}},
        {"_customInfo": {"code": "TEN", "cart": {"value": 70}}},
        {"code": "X"},
    ]
    for number, own in enumerate(owns):
        story.tell("custom_event", NOW_MS - number, _userId="asha", _eventName="coupon_failed", **own)
    story.tell("custom_event", NOW_MS, _userId="asha", _eventName="another", code="Y")
    assert [asked(story, text, **THIS) for text in texts] == [3, 70, 2, 2]


def test_a_value_in_a_list_is_named_by_its_place() -> None:
    texts = [
        'sum(custom.items.0.price of custom "basket", by user)',
        'count(custom "basket" where custom.items.1.price > 3, by user)',
        'previous(custom.sizes.1 of custom "basket", by user) == custom.sizes.1',
        "custom.items.1.price",
        "custom.named.0 == 7",
        "missing(custom.items.2.price)",
        f"missing(custom.items.{'1' * 5_000})",
        'missing(custom.sizes."²")',
        "missing(custom.sizes.0.0)",
    ]
    story = prepared(*texts)
    own: dict[str, Any] = {"items": [{"price": 5}, {"price": "4"}], "sizes": ["S", "M"], "named": {"0": 7}}
    story.tell("custom_event", NOW_MS - 2, _userId="asha", _eventName="basket", **own)
    story.tell("custom_event", NOW_MS - 1, _userId="asha", _eventName="basket", **{**own, "items": [{}, {"price": 4}]})
    now: dict[str, Any] = {"_userId": "asha", "_eventName": "basket", **own}
    assert [asked(story, text, "custom_event", **now) for text in texts] == [5, 1, 1, None, 1, 1, 1, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "alone", "default"),
    [(7, 7, 7), (1e30, 1e30, 1e30), ("7", None, None), ("seven" * 900, None, None), (True, None, None),
     ([7], None, None), ({"a": 7}, None, None), (None, None, -1)],
)  # fmt: skip
def test_of_a_field_that_may_be_anything_a_feature_is_the_number_or_unknown(
    value: object, alone: float | None, default: float | None
) -> None:
    story = prepared()
    for text, wanted in (("custom.it", alone), ("default(custom.it, -1)", default)):
        assert asked(story, text, "custom_event", _userId="asha", _eventName="e", _customInfo={"it": value}) == wanted


@pytest.mark.slow
def test_a_text_or_a_truth_of_before_is_no_number() -> None:
    texts = [
        'previous(custom.it of custom "e", by user)',
        'previous(custom.it of custom "e", by user) == custom.it',
        'default(previous(custom.it of custom "e", by user), -1)',
    ]
    story, seen = prepared(*texts), dict[str, tuple[float | None, float | None]]()
    before: tuple[object, ...] = ("7", 0, True, "", False, 2, -2.5)
    for number, was in enumerate(before):
        told: dict[str, Any] = {"_userId": f"asha-{number}", "_eventName": "e"}
        story.tell("custom_event", NOW_MS - 1, **told, _customInfo={"it": was})
        now = {**told, "_customInfo": {"it": was}}
        seen[str(was)] = (asked(story, texts[0], "custom_event", **told), asked(story, texts[1], "custom_event", **now))
        for own in (None, 9, "else", True):
            other = asked(story, texts[0], "custom_event", **told, _customInfo={"it": own})
            assert other == (None if isinstance(was, str | bool) else was)
        assert asked(story, texts[2], "custom_event", **told) == (-1 if isinstance(was, str | bool) else was)
    assert seen == {
        "7": (None, 1), "0": (0, 1), "True": (None, 1), "": (None, 1), "False": (None, 1), "2": (2, 1),
        "-2.5": (-2.5, 1),
    }  # fmt: skip


def test_what_is_won_later_is_taken_off_by_a_difference_and_not_by_a_condition() -> None:
    condition = "count(chargeback where not is_won, by user)"
    difference = "count(chargeback, by user) - count(chargeback where is_won, by user)"
    story = past(prepared(condition, difference))
    about = {"_orderId": "ord-2", "_userId": "asha"}
    story.tell("chargeback", NOW_MS - 9 * MINUTE_MS, **about, _chargebackState="_received")
    assert [asked(story, text, **THIS) for text in (condition, difference)] == [1, 1]
    story.tell("chargeback", NOW_MS - 5 * MINUTE_MS, **about, _chargebackState="_won")
    assert [asked(story, text, **THIS) for text in (condition, difference)] == [1, 0]


def test_another_tenants_events_do_not_count_in_a_shops_own_feature() -> None:
    text = 'count(custom "coupon_failed", by device)'
    story = prepared(text)
    other = Story(2, story.windows)
    other.seq = 50
    other.tell("custom_event", NOW_MS, _userId="ravi", _deviceId="dv-7", _eventName="coupon_failed")
    assert asked(story, text, **THIS) == 0


def test_what_comes_late_counts_in_its_own_time_and_the_future_not_at_all() -> None:
    text = "count(order, by user, last 1h)"
    story = prepared(text)
    for number, age_ms in enumerate((-10 * MINUTE_MS, 2 * HOUR_MS, 5 * MINUTE_MS)):
        story.tell("createOrder", NOW_MS - age_ms, _orderId=f"ord-{number}", _userId="asha")
    assert asked(story, text, **THIS) == 1


@pytest.mark.parametrize("seed", range(3))
def test_without_a_compiler_everything_is_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, plain = Story(), None
    with monkeypatch.context() as changed:
        changed.setattr(rooms, "Kernel", Kernel)
        plain = Story(windows=Windows(built_in(kept=None)))
    for number in range(120):
        body = {"_orderId": f"ord-{number % 50}", "_userId": f"user-{number % (3 + seed)}", "_amount": str(number)}
        at_ms = NOW_MS + (number * 7_919 % 40) * HOUR_MS
        assert compiled.tell("createOrder", at_ms, _deviceId="dv-1", **body) == plain.tell(
            "createOrder", at_ms, _deviceId="dv-1", **body
        )
    assert memory_of(compiled.windows) == memory_of(plain.windows)


def test_a_field_that_many_series_remember_is_read_once_for_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, ...]] = []

    def noting(path: tuple[str, ...]) -> Read:
        of = reader_of(path)

        def reading(subject: Subject) -> Any:
            read.append(path)
            return of(subject)

        return reading

    monkeypatch.setattr(observe, "reader_of", noting)
    story = Story(windows=Windows())
    of = "(amount of order, by"
    texts = [f"sum{of} card)", f"max{of} user)", f"mean{of} device)", f"sum{of} user)"]
    texts += [f"sum(amount of order where is_gift, by {by})" for by in ("card", "user")]
    story.windows.completed(story.windows.need([story.windows.book.check(feature(text)) for text in texts]))
    story.tell("createOrder", _orderId="ord-1", _userId="asha", _amount="20", _deviceId="dv-1", _isGift=True)
    own, of_everybody, selected = [("amount",)], [("amount",)], [("is_gift",), ("amount",)]
    assert sorted(read) == sorted(own + of_everybody + selected)
    kept = [amount for *_, amount in story.windows._kernel.entries(key_of(1, "user:asha")) if amount]
    assert kept == [20_000_000] * 3


@pytest.mark.parametrize(
    ("text", "steps", "recalls"),
    [
        ("count(order, by user)", b"", 0), ("mean(amount of order, by user)", b"v", 0), ("walked_users", b"vv", 1),
        ("not seen(device, by user)", b"vv", 0), ("walked_users + walked_cards", b"vvv", 1),
    ],
)  # fmt: skip
def test_a_reading_makes_nothing_that_nobody_reads_and_nothing_twice(text: str, steps: bytes, recalls: int) -> None:
    story = prepared(text)
    book = Book([one.feature for one in built_in() if one.checked is not None], [feature(text)])
    reading, _ = story.windows.reading_of(book, ["asked"])
    assert (bytes(reading._ways), len(reading.recalls)) == (steps, recalls)
