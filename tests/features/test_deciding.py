"""What the first scorecard reads: a contract that every feature keeps, and values worked out by hand for stories."""

from typing import Any

import pytest

from fourthwatch.clock import DAY_MS, HOUR_MS, MINUTE_MS
from fourthwatch.features.catalogue import DECIDING, INDEX, built_in
from fourthwatch.features.observe import Present
from fourthwatch.features.windows import Windows
from fourthwatch.limits import THINGS_EXACT_MAX
from story import NOW_MS, Story, memory_of

ROWS = {one.feature.name: one.feature for one in built_in()}

ADDRESS = {
    "_name": "Asha Rao", "_address1": "12 Lotus Street", "_address2": "Sector 9", "_city": "Pune",
    "_region": "Maharashtra", "_country": "IN", "_zipcode": "411001",
}  # fmt: skip
CARD = {"_paymentType": "_creditCard", "_cardBin": "411111", "_cardLast4": "1111", "_cardExpiryMonth": "12",
        "_cardExpiryYear": "2030"}  # fmt: skip
OTHER_CARD = {**CARD, "_cardBin": "555555", "_cardLast4": "4444"}


def order(number: int, user: str = "asha", **more: Any) -> dict[str, Any]:
    return {"_orderId": f"ord-{number}", "_userId": user, "_amount": "500", "_currencyCode": "INR", **more}


PERSON = {"_userEmail": "asha.rao@example.com", "_deviceIp": "203.0.113.7", "_deviceId": "dv-1", "_sessionId": "s-1"}


def busy_shop() -> Story:
    """A story in which every feature that can be known is known."""
    story = Story()
    story.tell("create_account", NOW_MS - 40 * DAY_MS, _userId="asha", _phone="+919876543210", **PERSON)
    story.tell("login", NOW_MS - 2 * DAY_MS, _userId="asha", **PERSON)
    story.tell("createOrder", NOW_MS - DAY_MS, **order(1, **everything()))
    story.tell("transaction", NOW_MS - DAY_MS, **order(1, _transactionStatus="_failure", _paymentMethod=CARD, **PERSON))
    return story


def everything() -> dict[str, Any]:
    return {
        **PERSON, "_billingAddress": ADDRESS, "_shippingAddress": {**ADDRESS, "_phone": "+919876543210"},
        "_paymentMethods": [CARD], "_promotions": [{"_promotionId": "TEN"}], "_isPrePaid": True,
    }  # fmt: skip


def test_features_are_discovered_named_once_and_explained() -> None:
    assert len(DECIDING) == len(INDEX) == 36
    for feature in (ROWS[name] for name in DECIDING):
        assert feature.name == feature.name.lower().strip()
        assert feature.name.replace("_", "").isalnum()
        assert feature.unit.strip()
        assert len(feature.says) > 15


@pytest.mark.parametrize("name", INDEX)
def test_a_feature_of_an_event_that_says_nothing_is_unknown(name: str) -> None:
    story = busy_shop()
    assert story.tell("custom_event", NOW_MS, _transactionId="t-9", _eventName="nothing")[name] is None


@pytest.mark.parametrize("name", INDEX)
def test_a_feature_is_known_where_everything_is_said(name: str) -> None:
    story = busy_shop()
    story.tell("createOrder", NOW_MS, **order(2, **everything()))
    value = story.tell("transaction", NOW_MS + MINUTE_MS, **order(2, _paymentMethod=CARD, **PERSON))[name]
    assert value is not None
    assert value >= 0


def test_looking_changes_nothing_and_gives_the_same_again() -> None:
    story = busy_shop()
    before = memory_of(story.windows)
    subject = story.subject("createOrder", NOW_MS, **order(2, _deviceIp="203.0.113.7", _deviceId="dv-1"))
    first = story.windows.vector(Present(subject, {}))
    assert story.windows.vector(Present(subject, {})) == first
    assert memory_of(story.windows) == before


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("createOrder", order(1, _deviceIp="203.0.113.7", _deviceId="dv-1")),
        ("login", {"_userId": "asha", "_deviceIp": "203.0.113.7", "_loginStatus": "_failure"}),
        ("add_to_cart", {"_userId": "asha", "_sessionId": "s-1"}),
        ("transaction", order(1, _transactionStatus="_failure", _deviceIp="203.0.113.7")),
        ("tag", {"_userId": "asha", "_isBad": True}),
        ("add_promotion", {"_userId": "asha", "_deviceId": "dv-1", "_promotions": [{"_promotionId": "TEN"}]}),
        ("create_account", {"_userId": "asha", "_deviceId": "dv-1"}),
        ("order_status", order(1, _orderStatus="_rto")),
        ("chargeback", order(1, _chargebackState="_received")),
    ],
)
def test_an_event_never_counts_in_its_own_features(kind: str, body: dict[str, Any]) -> None:
    counts = [name for name in DECIDING if ROWS[name].unit in ("orders", "payments", "users", "cards",
              "promotions", "accounts", "logins", "tags", "changes")]  # fmt: skip
    known = Story().tell(kind, NOW_MS, **body)
    assert {known[name] for name in counts} <= {0, None}


def test_third_order_from_one_ip_within_the_hour_counts_two_before_it() -> None:
    story = Story()
    for number, wanted in ((1, 0), (2, 1), (3, 2)):
        at_ms = NOW_MS + number * 20 * MINUTE_MS
        known = story.tell("createOrder", at_ms, **order(number, f"user-{number}", _deviceIp="203.0.113.7"))
        assert known["orders_by_ip_24h"] == wanted
        assert known["users_by_ip_7d"] == wanted
        assert known["orders_by_user_24h"] == 0


def test_an_order_leaves_the_window_when_a_day_has_passed() -> None:
    story = Story()
    story.tell("createOrder", NOW_MS, **order(1, _deviceIp="203.0.113.7"))
    at_the_edge = story.tell("createOrder", NOW_MS + DAY_MS - 1, **order(2, _deviceIp="203.0.113.7"))
    beyond = story.tell("createOrder", NOW_MS + DAY_MS, **order(3, _deviceIp="203.0.113.7"))
    assert (at_the_edge["orders_by_ip_24h"], beyond["orders_by_ip_24h"]) == (1, 1)


def test_a_payment_does_not_count_the_order_that_it_pays() -> None:
    story = Story()
    story.tell("createOrder", NOW_MS, **order(1, _deviceIp="203.0.113.7", _deviceId="dv-1"))
    known = story.tell("transaction", NOW_MS + 1_000, **order(1, _deviceIp="203.0.113.7", _deviceId="dv-1"))
    assert known["orders_by_ip_24h"] == known["orders_by_user_24h"] == known["orders_by_device_24h"] == 0
    other = story.tell("createOrder", NOW_MS + 2_000, **order(2, _deviceIp="203.0.113.7", _deviceId="dv-1"))
    assert other["orders_by_ip_24h"] == other["orders_by_user_24h"] == other["orders_by_device_24h"] == 1


def test_an_order_submitted_again_counts_once() -> None:
    story = Story()
    for minute in range(5):
        story.tell("createOrder", NOW_MS + minute * MINUTE_MS, **order(1, _deviceIp="203.0.113.7"))
    assert story.tell("createOrder", NOW_MS + HOUR_MS, **order(2, _deviceIp="203.0.113.7"))["orders_by_ip_24h"] == 1


def test_failed_payments_count_for_the_card_whoever_uses_it() -> None:
    story = Story()
    for number in range(1, 4):
        body = order(number, f"user-{number}", _transactionStatus="_failed", _paymentMethod=CARD)
        known = story.tell("transaction", NOW_MS + number * MINUTE_MS, **body)
        assert known["failed_transactions_24h"] == number - 1
    story.tell(
        "transaction", NOW_MS + HOUR_MS, **order(4, "user-4", _transactionStatus="_success", _paymentMethod=CARD)
    )
    known = story.tell("createOrder", NOW_MS + HOUR_MS, **order(5, "user-5", _paymentMethods=[CARD]))
    assert known["failed_transactions_24h"] == 3
    assert known["users_by_card_30d"] == 4


def test_one_person_trying_cards_is_seen_on_device_and_account() -> None:
    story = Story()
    for number, card in enumerate((CARD, OTHER_CARD, {**CARD, "_cardLast4": "0002"}), 1):
        known = story.tell(
            "transaction", NOW_MS + number * MINUTE_MS, **order(1, _paymentMethod=card, _deviceId="dv-1")
        )
        assert known["cards_by_user_24h"] == known["cards_by_device_24h"] == number - 1


def test_the_account_is_as_old_as_its_creation_even_if_it_was_heard_of_before() -> None:
    story = Story()
    story.tell("add_to_cart", NOW_MS - 50 * DAY_MS, _userId="asha")
    story.tell("create_account", NOW_MS - 10 * DAY_MS, _userId="asha")
    assert story.tell("createOrder", NOW_MS, **order(1))["account_age"] == 10


def test_an_account_whose_creation_was_not_told_is_as_old_as_its_first_event() -> None:
    story = Story()
    story.tell("login", NOW_MS - 3 * DAY_MS, _userId="asha")
    assert story.tell("createOrder", NOW_MS, **order(1))["account_age"] == 3


def test_the_age_of_an_account_never_heard_of_is_unknown_and_not_zero() -> None:
    assert Story().tell("createOrder", NOW_MS, **order(1))["account_age"] is None


def test_other_people_on_a_device_are_counted_without_the_one_who_acts() -> None:
    story = Story()
    for user in ("asha", "ravi", "asha", "meera"):
        story.tell("login", NOW_MS - DAY_MS, _userId=user, _deviceId="dv-1")
    assert story.tell("createOrder", NOW_MS, **order(1, "asha", _deviceId="dv-1"))["users_by_device_30d"] == 2
    assert story.tell("createOrder", NOW_MS, **order(2, "zoya", _deviceId="dv-1"))["users_by_device_30d"] == 3


def test_other_accounts_made_on_a_device_are_counted() -> None:
    story = Story()
    for number in range(3):
        story.tell("create_account", NOW_MS - number * DAY_MS, _userId=f"user-{number}", _deviceId="dv-1")
    known = story.tell("createOrder", NOW_MS, **order(1, "somebody", _deviceId="dv-1"))
    assert known["accounts_by_device_7d"] == 3


def test_a_taken_account_shows_failed_logins_and_a_new_device() -> None:
    story = Story()
    story.tell("login", NOW_MS - 90 * DAY_MS, _userId="asha", _deviceId="dv-1", _loginStatus="_success")
    for minute in range(4):
        story.tell("login", NOW_MS + minute * MINUTE_MS, _userId="asha", _loginStatus="_failure")
    on_new = story.tell("createOrder", NOW_MS + HOUR_MS, **order(1, _deviceId="dv-2"))
    assert (on_new["is_new_device"], on_new["failed_logins_24h"], on_new["failed_logins_then_new_device"]) == (1, 4, 4)
    on_old = story.tell("createOrder", NOW_MS + HOUR_MS, **order(2, _deviceId="dv-1"))
    assert (on_old["is_new_device"], on_old["failed_logins_then_new_device"]) == (0, 0)


def test_a_first_device_is_not_a_new_device() -> None:
    story = Story()
    story.tell("login", NOW_MS - DAY_MS, _userId="asha")
    known = story.tell("createOrder", NOW_MS, **order(1, _deviceId="dv-1", _shippingAddress=ADDRESS))
    assert known["is_new_device"] is None
    assert known["is_new_address"] is None


@pytest.mark.parametrize("share", [{"_deviceId": "dv-1"}, {"_userId": "asha"}, {"_userEmail": "asha@example.com"}])
def test_a_returned_parcel_is_remembered_for_everybody_who_took_part(share: dict[str, Any]) -> None:
    story = Story()
    told = order(1, "asha", _deviceId="dv-1", _userEmail="asha@example.com")
    story.tell("createOrder", NOW_MS - 200 * DAY_MS, **told)
    story.tell("order_status", NOW_MS - 190 * DAY_MS, _orderId="ord-1", _orderStatus="_rto")
    story.tell("order_status", NOW_MS - 189 * DAY_MS, _orderId="ord-1", _orderStatus="_rto")
    assert story.tell("createOrder", NOW_MS, **{**order(2, "nobody"), **share})["rto_ever"] == 1


def test_what_is_asked_for_ever_is_not_forgotten_when_an_entity_is_busy() -> None:
    story = Story()
    story.tell("chargeback", NOW_MS - 300 * DAY_MS, **order(1, _chargebackState="_received"))
    for number in range(3 * THINGS_EXACT_MAX):
        story.tell("add_to_cart", NOW_MS - DAY_MS + number * MINUTE_MS // 10, _userId="asha")
    assert story.tell("createOrder", NOW_MS, **order(2))["chargebacks_ever"] == 1


def test_a_dispute_that_is_won_later_is_no_chargeback_any_more() -> None:
    story = Story()
    for number in (1, 2):
        story.tell("createOrder", NOW_MS - 90 * DAY_MS, **order(number))
        story.tell("chargeback", NOW_MS - 60 * DAY_MS, **order(number, _chargebackState="_received"))
    assert story.tell("createOrder", NOW_MS - 30 * DAY_MS, **order(3))["chargebacks_ever"] == 2
    story.tell("chargeback", NOW_MS - 10 * DAY_MS, **order(1, _chargebackState="_won"))
    assert story.tell("createOrder", NOW_MS, **order(4))["chargebacks_ever"] == 1


def test_a_dispute_that_the_shop_won_is_no_chargeback() -> None:
    story = Story()
    story.tell("chargeback", NOW_MS - DAY_MS, **order(1, _chargebackState="_won"))
    assert story.tell("createOrder", NOW_MS, **order(2))["chargebacks_ever"] == 0


def test_a_tag_counts_until_it_is_taken_away_or_replaced() -> None:
    story = Story()
    story.tell("tag", NOW_MS - 5 * DAY_MS, _userId="asha", _isBad=True, _abuseType="_promotionAbuse")
    story.tell("tag", NOW_MS - 4 * DAY_MS, _userId="asha", _isBad=True, _abuseType="_paymentAbuse")
    story.tell("tag", NOW_MS - 3 * DAY_MS, _userId="asha", _isBad=True, _abuseType="_paymentAbuse")
    assert story.tell("createOrder", NOW_MS, **order(1))["bad_tags"] == 2
    story.tell("tag", NOW_MS, _userId="asha", _isBad=False, _abuseType="_paymentAbuse")
    assert story.tell("createOrder", NOW_MS, **order(2))["bad_tags"] == 1
    story.tell("untag", NOW_MS, _userId="asha")
    assert story.tell("createOrder", NOW_MS, **order(3))["bad_tags"] == 0


def test_a_tag_is_about_the_user_alone() -> None:
    story = Story()
    story.tell("tag", NOW_MS, _userId="asha", _isBad=True, _deviceId="dv-1")
    assert story.tell("createOrder", NOW_MS, **order(1, "ravi", _deviceId="dv-1"))["bad_tags"] == 0


def test_an_amount_is_compared_with_the_mean_of_the_earlier_orders() -> None:
    story = Story()
    assert story.tell("createOrder", NOW_MS, **order(1, _amount="100"))["amount_against_own_mean"] is None
    assert story.tell("createOrder", NOW_MS + 1, **order(2, _amount="300"))["amount_against_own_mean"] == 3
    known = story.tell("createOrder", NOW_MS + 2, **order(3, _amount="1000.00"))
    assert (known["amount"], known["amount_against_own_mean"]) == (1_000, 5)


def test_cash_on_delivery_on_a_first_order_is_marked_and_on_a_second_not() -> None:
    story = Story()
    assert story.tell("createOrder", NOW_MS, **order(1, _isPrePaid=False))["first_cash_order"] == 1
    assert story.tell("createOrder", NOW_MS + 1, **order(2, _isPrePaid=False))["first_cash_order"] == 0
    assert story.tell("createOrder", NOW_MS + 2, **order(3, "ravi", _isPrePaid=True))["first_cash_order"] == 0
    assert story.tell("createOrder", NOW_MS + 3, **order(4, "meera"))["first_cash_order"] is None


def test_promotions_count_once_per_person_and_code_on_a_shared_device() -> None:
    story = Story()
    for user in ("asha", "ravi", "ravi", "meera"):
        story.tell("add_promotion", NOW_MS, _userId=user, _deviceId="dv-1", _promotions=[{"_promotionId": "TEN"}])
    assert story.tell("createOrder", NOW_MS, **order(1, "zoya", _deviceId="dv-1"))["promotions_by_device_7d"] == 3


def test_time_since_the_session_began_is_in_seconds() -> None:
    story = Story()
    story.tell("add_to_cart", NOW_MS - 90_000, _sessionId="s-1")
    known = story.tell("createOrder", NOW_MS, **{**order(1), "_sessionId": "s-1"})
    assert known["seconds_to_order"] == 90


def test_late_events_count_in_the_window_of_their_own_time_only() -> None:
    story = Story()
    story.tell("createOrder", NOW_MS, **order(1, _deviceIp="203.0.113.7"))
    late = story.tell("createOrder", NOW_MS - HOUR_MS, **order(2, _deviceIp="203.0.113.7"))
    assert late["orders_by_ip_24h"] == 0
    assert story.tell("createOrder", NOW_MS + 1, **order(3, _deviceIp="203.0.113.7"))["orders_by_ip_24h"] == 2


def test_two_tenants_know_nothing_of_each_other() -> None:
    windows = Windows()
    one, other = Story(1, windows), Story(2, windows)
    for number in range(4):
        one.tell("createOrder", NOW_MS, **order(number, _deviceIp="203.0.113.7", _deviceId="dv-1"))
    alone = Story(2).tell("createOrder", NOW_MS, **order(9, _deviceIp="203.0.113.7", _deviceId="dv-1"))
    assert other.tell("createOrder", NOW_MS, **order(9, _deviceIp="203.0.113.7", _deviceId="dv-1")) == alone


def test_facts_of_the_order_itself_are_read_off_it() -> None:
    known = Story().tell(
        "createOrder", NOW_MS,
        **order(1, _userEmail="asha99@example.com", _billingAddress=ADDRESS, _shippingAddress=ADDRESS),
    )  # fmt: skip
    assert known["same_addresses"] == 1
    assert known["name_twice"] == 0
    assert known["email_names_person"] == 1
    assert known["email_digits"] is not None
    assert known["has_second_line"] == 1
    assert known["address_at_random"] == 0
