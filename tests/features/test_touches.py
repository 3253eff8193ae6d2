"""What an event adds to whose history."""

from typing import Any

import pytest

from fourthwatch.features.catalogue import CATALOGUE, Counted
from fourthwatch.features.history import Series
from fourthwatch.features.touches import KEPT, order_mark, touches_of
from story import Story

EVERYBODY: dict[str, Any] = {
    "_userId": "asha",
    "_sessionId": "s-1",
    "_deviceId": "dv-1",
    "_deviceIp": "203.0.113.7",
    "_userEmail": "asha@example.com",
    "_phone": "+919876543210",
}
CARD = {"_cardBin": "411111", "_cardLast4": "1111", "_cardExpiryMonth": "12", "_cardExpiryYear": "2030"}


def added(kind: str, **body: Any) -> dict[str, set[int]]:
    """Series by entity key."""
    touches = touches_of(Story().subject(kind, **body))
    return {key: {series for series, _, _ in additions} for key, additions in touches.items()}


@pytest.mark.parametrize(
    ("kind", "fields", "series"),
    [
        ("create_account", {}, Series.ACCOUNT),
        ("createOrder", {"_orderId": "ord-1"}, Series.ORDER),
        ("update_order", {"_orderId": "ord-1"}, Series.ORDER),
        ("transaction", {"_orderId": "ord-1", "_transactionStatus": "_success"}, Series.TRANSACTION),
        ("transaction", {"_orderId": "ord-1"}, Series.TRANSACTION),
        ("transaction", {"_orderId": "ord-1", "_transactionStatus": "_pending"}, Series.TRANSACTION),
        ("transaction", {"_orderId": "ord-1", "_transactionStatus": "_failure"}, Series.FAILED_TRANSACTION),
        ("login", {}, Series.LOGIN),
        ("login", {"_loginStatus": "_failure"}, Series.FAILED_LOGIN),
        ("add_promotion", {"_promotions": [{"_promotionId": "TEN"}]}, Series.PROMOTION),
        ("add_to_cart", {}, Series.CART),
        ("remove_from_cart", {}, Series.CART),
        ("send_message", {}, Series.MESSAGE),
        ("submit_review", {}, Series.MESSAGE),
        ("custom_event", {}, Series.CUSTOM),
        ("order_status", {"_orderId": "ord-1", "_orderStatus": "_rto"}, Series.RTO),
        ("order_status", {"_orderId": "ord-1", "_orderStatus": "_fulfilled"}, Series.DELIVERED),
        ("order_status", {"_orderId": "ord-1", "_orderStatus": "_returned"}, Series.RETURNED),
        ("item_status", {"_orderId": "ord-1", "_itemStatus": "_rto"}, Series.RTO),
        ("custom_event", {"_orderId": "ord-1", "_orderStatus": "_rto"}, Series.RTO),
        ("chargeback", {"_orderId": "ord-1", "_chargebackState": "_received"}, Series.CHARGEBACK),
    ],
)
def test_what_happens_counts_for_the_user_and_where_it_is_asked_for(
    kind: str, fields: dict[str, Any], series: Series
) -> None:
    found = added(kind, **EVERYBODY, **fields)
    assert series in found["user:asha"]
    assert (series in found["device:dv-1"]) is (series in KEPT["device"])
    assert (series in found["ip:203.0.113.7"]) is (series in KEPT["ip"])


def test_every_count_of_the_catalogue_is_of_something_that_is_kept() -> None:
    asked = {
        ("user" if entity == "actor" else entity, feature.of.series)
        for feature in CATALOGUE
        if isinstance(feature.of, Counted)
        for entity in feature.of.entities
    }
    assert len(asked) >= 30
    assert {(kind, series) for kind, series in asked if series not in KEPT[kind]} == set()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("logout", {}),
        ("link_session_to_user", {}),
        ("update_account", {}),
        ("report_item", {}),
        ("order_status", {"_orderId": "ord-1", "_orderStatus": "_approved"}),
        ("order_status", {"_orderStatus": "_rto"}),
        ("chargeback", {"_orderId": "ord-1", "_chargebackState": "_won"}),
    ],
)
def test_what_counts_nothing_of_its_own_still_says_who_was_seen(kind: str, fields: dict[str, Any]) -> None:
    found = added(kind, **EVERYBODY, **fields)
    assert found["user:asha"] <= {Series.DEVICES, Series.IPS, Series.EMAILS, Series.CARDS, Series.ADDRESSES}
    assert Series.USERS in found["device:dv-1"]


@pytest.mark.parametrize("kind", ["tag", "untag"])
def test_an_opinion_is_about_the_user_alone(kind: str) -> None:
    story = Story()
    touches = touches_of(story.subject(kind, **EVERYBODY, _isBad=True, _abuseType="_paymentAbuse"))
    about = [key for key, additions in touches.items() if any(abs(one[0]) == Series.BAD_TAG for one in additions)]
    assert about == ["user:asha"]


def test_a_guest_is_their_session() -> None:
    found = added("add_to_cart", _sessionId="s-1", _deviceId="dv-1")
    assert Series.CART in found["session:s-1"]
    assert Series.DEVICES in found["session:s-1"]
    assert not any(key.startswith("user:") for key in found)


def test_a_users_session_is_heard_of() -> None:
    assert "session:s-1" in added("add_to_cart", **EVERYBODY)


def test_things_of_two_kinds_have_marks_of_their_own() -> None:
    story = Story()
    same: dict[str, Any] = {"_userId": "same", "_deviceId": "same", "_sessionId": "same", "_orderId": "same"}
    found = touches_of(story.subject("createOrder", **same, _promotions=[{"_promotionId": "same"}]))
    by_mark: dict[int, set[int]] = {}
    for additions in found.values():
        for series, mark, _ in additions:
            by_mark.setdefault(mark, set()).add(series)
    users = [mark for mark, series in by_mark.items() if Series.USERS in series]
    orders = [mark for mark, series in by_mark.items() if Series.ORDER in series]
    assert [by_mark[mark] for mark in users] == [{Series.USERS}]
    assert [by_mark[mark] for mark in orders] == [{Series.ORDER}]


def test_a_card_and_a_device_know_of_each_other() -> None:
    found = added("transaction", **EVERYBODY, _orderId="ord-1", _paymentMethod=CARD)
    assert Series.CARDS in found["device:dv-1"]
    assert Series.CARDS in found["user:asha"]
    (card,) = [key for key in found if key.startswith("card:")]
    assert Series.USERS in found[card]


def test_the_amount_of_an_order_goes_with_it() -> None:
    subject = Story().subject("createOrder", _orderId="ord-1", _userId="asha", _amount="19.99", _currencyCode="INR")
    assert (Series.ORDER, order_mark(subject), 1_999) in touches_of(subject)["user:asha"]


def test_an_order_and_its_payment_have_one_mark_and_no_order_has_none() -> None:
    story = Story()
    order = story.subject("createOrder", _orderId="ord-1", _userId="asha")
    payment = story.subject("transaction", _orderId="ord-1", _userId="asha")
    assert order_mark(order) == order_mark(payment) != 0
    assert order_mark(story.subject("login", _userId="asha")) == 0


def test_touching_is_pure() -> None:
    subject = Story().subject("createOrder", **EVERYBODY, _orderId="ord-1")
    assert touches_of(subject) == touches_of(subject)
