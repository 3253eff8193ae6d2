"""The built-in scorecard: readable reasons over known features, and silence over unknown ones."""

import math
from random import Random

import pytest

from fourthwatch.features.catalogue import DECIDING, INDEX, Vector
from fourthwatch.rules.scorecard import PRIOR_ODDS, SCORECARD, ScoreReason, assess

NOTHING: Vector = (None,) * len(DECIDING)
BY_NAME = {reason.name: reason for reason in SCORECARD}
WORSE_THE_MORE = (
    "_numOfFailedTransactions", "_numOfOrderSameIp", "_numOfOrderSameUser", "_numOfOrderSameDevice",
    "_numOfOrderSameAddress", "_numAccountsWithSameIp", "_numAccountsWithSameDevice", "_numAccountsWithSameCard",
    "_numAccountsCreatedSameDevice",
    "_numAccountsWithSamePhone", "_numAccountsWithSameAddress", "_numOfCardsSameDevice", "_numOfCardsSameUser",
    "_numOfPromotionsSameDevice", "_numOfFailedLogins", "_failedLoginsNewDevice", "_isNewDevice", "_isNewAddress",
    "_amountAgainstOwn", "_numOfRtoOrders", "_numOfChargebacks", "_taggedBad", "_codFirstOrder",
    "_isFirstNameLastNameSame", "_gibberishAddress",
)  # fmt: skip
BETTER_THE_MORE = ("_accountAge", "_numOfDeliveredOrders", "_secondsToOrder", "_sameBillShippAddress", "_validEmail",
                   "_shipAddressHasSecondField", "_shortShippingAddress", "_isOrdTransIpMatch")  # fmt: skip
VALUES = (0, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 100, 120, 180, 1_000, 10**6)


def vector_with(**known: float) -> Vector:
    values: list[float | None] = list(NOTHING)
    for name, value in known.items():
        values[INDEX[name]] = value
    return tuple(values)


def odds_by_reason(vector: Vector) -> dict[str, float]:
    """Of every reason that says something: the odds of the last band that the value reaches."""
    told = {}
    for reason in SCORECARD:
        value = vector[INDEX[reason.feature]]
        if value is not None:
            for band in reason.bands:
                if value >= band.at_least:
                    told[reason.name] = band.odds
    return told


def probability(reason: ScoreReason, value: float) -> float:
    return assess(vector_with(**{reason.feature: value})).probability


def test_there_are_at_least_twenty_reasons_and_each_is_named_once() -> None:
    assert len(SCORECARD) >= 20
    assert len(BY_NAME) == len(SCORECARD)
    assert len({reason.feature for reason in SCORECARD}) == len(SCORECARD)


@pytest.mark.parametrize("name", ["_numOfFailedTransactions", "_accountAge", "_numOfOrderSameIp"])
def test_the_documented_reasons_are_there_under_their_own_names(name: str) -> None:
    assert name in BY_NAME


@pytest.mark.parametrize("reason", SCORECARD, ids=lambda reason: reason.name)
def test_a_reason_is_readable_and_its_bands_rise(reason: ScoreReason) -> None:
    assert reason.name.startswith("_")
    assert reason.name[1:].isalnum()
    assert reason.display_name[0].isupper()
    assert reason.feature in INDEX
    edges = [band.at_least for band in reason.bands]
    assert edges == sorted(set(edges))
    assert all(0.05 <= band.odds <= 100 for band in reason.bands)


@pytest.mark.parametrize("reason", SCORECARD, ids=lambda reason: reason.name)
def test_a_reason_is_shown_as_text_at_every_value(reason: ScoreReason) -> None:
    shown = [told.value for value in VALUES for told in assess(vector_with(**{reason.feature: value})).reasons]
    assert shown
    assert all(type(text) is str and text for text in shown)


def test_what_is_unknown_says_nothing_and_is_counted() -> None:
    assessment = assess(NOTHING)
    assert assessment.probability == pytest.approx(PRIOR_ODDS / (1 + PRIOR_ODDS))
    assert assessment.reasons == ()
    assert assessment.unknown == len(SCORECARD)


@pytest.mark.parametrize("reason", SCORECARD, ids=lambda reason: reason.name)
def test_a_value_below_the_first_band_says_nothing_either_way(reason: ScoreReason) -> None:
    below = reason.bands[0].at_least - 1
    assessment = assess(vector_with(**{reason.feature: below}))
    assert assessment.reasons == ()
    assert assessment.probability == assess(NOTHING).probability
    assert assessment.unknown == len(SCORECARD) - 1


def test_every_reason_has_a_direction() -> None:
    assert {*WORSE_THE_MORE, *BETTER_THE_MORE} == BY_NAME.keys()


@pytest.mark.parametrize("name", WORSE_THE_MORE)
def test_more_of_it_never_makes_an_order_look_better(name: str) -> None:
    told = [probability(BY_NAME[name], value) for value in VALUES]
    assert told == sorted(told)
    assert told[-1] > told[0]


@pytest.mark.parametrize("name", BETTER_THE_MORE)
def test_more_of_it_never_makes_an_order_look_worse(name: str) -> None:
    told = [probability(BY_NAME[name], value) for value in VALUES]
    assert told == sorted(told, reverse=True)
    assert told[-1] < told[0]


@pytest.mark.parametrize("seed", range(50))
def test_the_odds_of_all_reasons_multiply(seed: int) -> None:
    random = Random(seed)
    vector = vector_with(**{name: random.choice(VALUES) for name in random.sample(list(INDEX), 8)})
    told = assess(vector).probability
    odds = PRIOR_ODDS * math.prod(odds_by_reason(vector).values())
    assert told / (1 - told) == pytest.approx(min(math.exp(12), max(math.exp(-12), odds)), rel=1e-9)


@pytest.mark.parametrize("reason", SCORECARD, ids=lambda reason: reason.name)
def test_a_reason_is_red_for_fraud_green_against_it_and_grey_for_neither(reason: ScoreReason) -> None:
    for band in reason.bands:
        (told,) = assess(vector_with(**{reason.feature: band.at_least})).reasons
        assert told.flag == ("red" if band.odds > 1 else "green" if band.odds < 1 else "grey")


@pytest.mark.parametrize("seed", range(50))
def test_any_vector_is_judged_with_the_strongest_reasons_first(seed: int) -> None:
    random = Random(seed)
    vector = tuple(None if random.random() < 0.2 else random.choice((*VALUES, 10.0**15)) for _ in DECIDING)
    assessment = assess(vector)
    assert 0 < assessment.probability < 1
    assert assessment == assess(vector)
    told = [reason.name for reason in assessment.reasons]
    weights = {name: abs(math.log(odds)) for name, odds in odds_by_reason(vector).items()}
    assert told == sorted(weights, key=lambda name: -weights[name])[: len(told)]
    assert len(told) == min(12, len(weights))
    assert assessment.unknown == sum(vector[INDEX[reason.feature]] is None for reason in SCORECARD)


def test_a_card_tester_is_red_and_an_old_customer_is_green() -> None:
    tester = vector_with(
        failed_transactions_24h=6, cards_by_device_24h=6, users_by_device_30d=3, account_age=0, email_names_person=0
    )
    customer = vector_with(
        failed_transactions_24h=0, account_age=400, delivered_ever=9, is_new_device=0, is_new_address=0, ips_match=1
    )
    assert assess(tester).probability > 0.7
    assert assess(customer).probability < 0.02
