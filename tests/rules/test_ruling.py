"""What rules say of events: three results, classes before points, shares of customers, one question to the kernel."""

from random import Random
from typing import Any

import pytest

from fourthwatch.clock import HOUR_MS
from fourthwatch.features.observe import Present
from fourthwatch.language import compile_expression
from fourthwatch.rules.rule import Action
from rules.judging import ORDER, Judge, rule
from story import NOW_MS


def test_a_rule_hits_misses_or_is_unknown() -> None:
    judge = Judge(rule("dear"), rule("cheap", "amount < 400"), rule("device", "count(order, by device) >= 1"))
    assert judge.judge().results == "hmu"


def test_one_rules_unknown_stops_no_other_and_adds_nothing() -> None:
    judge = Judge(rule("device", "count(order, by device) >= 0", weight=40.0), rule("dear", weight=7.0))
    judgement = judge.judge()
    assert (judgement.results, judgement.points) == ("uh", -8.0)


def test_the_event_itself_counts_only_where_the_rule_says_so() -> None:
    judge = Judge(
        rule("third", "count(order, by user, last 1h) >= 2"),
        rule("third_with_this", "count(order, by user, last 1h, including this) >= 2"),
    )
    told = [
        judge.judge("createOrder", NOW_MS + n * 60_000, **{**ORDER, "_orderId": f"o-{n}"}).results for n in range(3)
    ]
    assert told == ["mm", "mh", "hh"]


def test_points_of_all_rules_that_hit_add_up_from_the_prior() -> None:
    judge = Judge(rule("one", weight=3.0), rule("two", weight=-1.5), rule("no", "amount > 9000", weight=9.0), prior=-10)
    assert judge.judge().points == pytest.approx(-8.5)


def test_what_counts_stands_by_class_and_then_by_weight() -> None:
    judge = Judge(
        rule("small", weight=1.0), rule("look", rule_class="review"), rule("great", weight=-9.0),
        rule("good", rule_class="allow"), rule("bad", rule_class="block"),
    )  # fmt: skip
    judgement = judge.judge()
    assert [judge.ruling.rules[at].name for at in judgement.counted] == ["good", "bad", "look", "great", "small"]
    assert [(reason.name, reason.flag) for reason in judgement.reasons] == [
        ("good", "green"), ("bad", "red"), ("look", "red"), ("great", "green"), ("small", "red"),
    ]  # fmt: skip


def test_rules_of_one_code_are_one_reason_with_their_points_together() -> None:
    judge = Judge(
        rule("one", weight=2.0, reason="same"), rule("two", weight=-5.0, reason="other"),
        rule("three", weight=-3.0, reason="same", shows="amount + 1"),
    )  # fmt: skip
    assert [(one.name, one.flag, one.value) for one in judge.judge().reasons] == [
        ("other", "green", "500"), ("same", "green", "501"),
    ]  # fmt: skip


def test_a_reason_shows_each_events_own_value_whatever_was_shown_before() -> None:
    judge = Judge(rule("seen", 'custom.seen == "never" or amount > 0'))

    def shown(seen: object) -> str:
        return judge.judge(**{**ORDER, "_customInfo": {"seen": seen}}).reasons[0].value

    told = [shown(seen) for _ in range(2) for seen in (1, True, 1.0, "1", 0, False, "x" * 200, ["a", 1], {"a": 1})]
    assert told == ["1", "true", "1", "1", "0", "false", "x" * 100, "['a', 1]", "{'a': 1}"] * 2


def test_drafts_and_paused_rules_are_not_held_against_anything_and_shadows_do_not_count() -> None:
    judge = Judge(
        rule("draft", state="draft"), rule("paused", state="paused"), rule("shadow", state="shadow"), rule("live")
    )
    judgement = judge.judge()
    assert judgement.results == "hh"
    assert [judge.ruling.rules[at].name for at in judgement.counted] == ["live"]
    assert judgement.points == -10.0


def test_a_share_of_customers_is_the_same_ones_every_time_and_about_as_many_as_it_says() -> None:
    judge = Judge(rule("some", "amount > 0", state="percentage", percentage=30))

    def counts_for(user: str, order: str) -> bool:
        return bool(judge.judge("createOrder", **{**ORDER, "_userId": user, "_orderId": order}).counted)

    first = [counts_for(f"user-{n}", f"a-{n}") for n in range(400)]
    assert first == [counts_for(f"user-{n}", f"b-{n}") for n in range(400)]
    assert 80 < sum(first) < 160


def test_actions_are_each_told_once_and_the_weightiest_rules_first() -> None:
    tag, queue = Action("tag", "reseller"), Action("queue", "senior")
    judge = Judge(rule("one", actions=(tag,)), rule("two", rule_class="review", actions=(queue, tag)))
    judgement = judge.judge()
    assert judge.ruling.actions(judgement.counted) == (queue, tag)


def test_a_feature_that_rests_is_kept_when_a_rule_asks_it() -> None:
    judge = Judge(rule("returns", "orders_by_bin_1h >= 1 and orders_by_user_1h >= 1"))
    card = {"_paymentType": "_creditCard", "_cardBin": "424242", "_cardLast4": "4242"}
    judge.judge("createOrder", **{**ORDER, "_paymentMethods": [card]})
    told = judge.judge("createOrder", NOW_MS + HOUR_MS // 2, **{**ORDER, "_orderId": "o-2", "_paymentMethods": [card]})
    assert told.results == "h"


def test_everything_is_read_with_one_question() -> None:
    judge = Judge(*[rule(f"r{n}", f"count(order, by ip, last {n + 1}h) >= {n}") for n in range(20)])
    asked = judge.ruling._inputs.questions.queries
    judge_again = Judge(*[rule(f"r{n}", f"count(order, by ip, last {n + 1}h) >= {n * 2}") for n in range(20)] * 1)
    assert len(judge_again.ruling._inputs.questions.queries) == len(asked)
    assert len(set(asked)) == len(asked)


PARTS = (
    "amount > 300", "count(order, by user, last 1h) >= 1", "known(device_id)", 'currency_code == "INR"',
    "seen(device, by user)", "orders_by_user_24h >= 2", "custom.vip", "paid_on_delivery", "standing_tags >= 1",
    "count(order, by ip) > 0",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_rules_read_together_say_what_each_says_by_itself(seed: int) -> None:
    random = Random(seed)

    def text() -> str:
        told = [f"{random.choice(('', 'not '))}({random.choice(PARTS)})" for _ in range(random.randrange(1, 5))]
        return random.choice((" and ", " or ")).join(told)

    judge = Judge(*[rule(f"r{n}", text()) for n in range(12)])
    for number in range(12):
        body: dict[str, Any] = {"_orderId": f"o-{number}", "_userId": f"u-{random.randrange(3)}"}
        if random.random() < 0.7:
            body["_amount"] = str(random.randrange(1_000))
        if random.random() < 0.5:
            body |= {"_deviceId": f"d-{random.randrange(2)}", "_deviceIp": "203.0.113.9", "_currencyCode": "INR"}
        if random.random() < 0.5:
            body |= {"_customInfo": {"vip": random.choice((True, False, "yes", None))}, "_isPrePaid": True}
        story = judge._story
        present = Present(story.subject("createOrder", NOW_MS + number * 60_000, **body), {})
        values = judge.ruling.values(present)
        told = judge.ruling.judged(values, present.subject).results
        for letter, one in zip(told, judge.ruling.evaluated, strict=True):
            assert one.when.checked is not None
            compiled = compile_expression(one.when.checked)
            alone = compiled.run([values[judge.ruling.place_of(each)] for each in compiled.inputs])
            assert letter == ("u" if alone is None else "h" if alone else "m"), one.rule.when
        judge.windows.add(present)
        story.seq += 1
