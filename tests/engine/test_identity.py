"""When two submissions are one event."""

from typing import Any

import pytest

from fourthwatch.engine.identity import IDENTITY_BYTES, Identity, fresh_identity, identity_of, own_identity, subject_of
from fourthwatch.events import KIND_OF_NAME, KINDS
from story import NOW_MS, decoded

ORDER: dict[str, Any] = {"_orderId": "ord-1", "_userId": "asha"}


def identity(kind: str = "createOrder", at_ms: int = NOW_MS, *, key: str | None = None, **body: Any) -> Identity:
    return identity_of(decoded(kind, at_ms, **(body or ORDER)), key)


def untimed(kind: str, **body: Any) -> Identity:
    return identity_of(decoded(kind, timed=False, **(body or ORDER)), None)


def test_the_same_content_at_the_same_time_is_one_event() -> None:
    assert identity() == identity()


def test_the_order_of_the_keys_does_not_matter() -> None:
    assert identity(_orderId="o", _userId="u") == identity(_userId="u", _orderId="o")


@pytest.mark.parametrize(
    "other",
    [
        lambda: identity(at_ms=NOW_MS + 1),
        lambda: identity("update_order"),
        lambda: identity(_orderId="ord-1", _userId="ravi"),
        lambda: identity(**ORDER, _customInfo={"x": 1}),
        lambda: identity(key="k"),
    ],
)
def test_another_time_kind_content_or_key_is_another_event(other: Any) -> None:
    assert other().exact != identity().exact


def test_a_key_goes_before_content_and_time() -> None:
    assert identity(key="k") == identity("login", NOW_MS + 5, key="k", _userId="ravi")
    assert identity(key="k").by_key
    assert identity(key="k").exact != identity(key="K").exact
    assert not identity().by_key


def test_identities_are_16_bytes_and_those_of_three_kinds_never_meet() -> None:
    exact, by_key, fresh = identity().exact, identity(key="k").exact, fresh_identity(b"\x01" * 10)
    assert exact is not None
    assert by_key is not None
    assert {len(exact), len(by_key), len(fresh)} == {IDENTITY_BYTES}
    assert exact[0] <= 1
    assert (by_key[0], fresh[0]) == (0xFF, 0xFE)


def test_identities_stand_in_order_of_time() -> None:
    exact = [identity(at_ms=NOW_MS + step * 1_000).exact or b"" for step in range(20)]
    assert exact == sorted(exact)


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        ("createOrder", {"createOrder", "update_order"}),
        ("update_order", {"createOrder", "update_order"}),
        ("order_status", {"order_status"}),
        ("item_status", {"item_status"}),
        ("transaction", {"transaction"}),
        ("chargeback", {"chargeback"}),
    ],
)
def test_an_untimed_state_of_an_order_is_compared_with_the_newest_of_its_family(kind: str, family: set[str]) -> None:
    told = untimed(kind)
    assert told.exact is None
    assert {one.name for one in KINDS if one.number in told.family} == family


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        ("tag", {"tag", "untag"}),
        ("untag", {"tag", "untag"}),
        ("create_account", {"create_account", "update_account"}),
        ("update_account", {"create_account", "update_account"}),
        ("link_session_to_user", {"link_session_to_user"}),
    ],
)
def test_an_untimed_state_of_a_user_is_compared_with_the_newest_of_its_family(kind: str, family: set[str]) -> None:
    told = untimed(kind, _userId="asha", _sessionId="s-1")
    assert {one.name for one in KINDS if one.number in told.family} == family


@pytest.mark.parametrize("kind", ["login", "logout", "add_to_cart", "send_message", "submit_review", "custom_event"])
def test_what_may_happen_twice_and_does_not_say_when_is_new_each_time(kind: str) -> None:
    assert untimed(kind, _userId="asha") == Identity(None)


def test_a_custom_event_about_an_order_is_new_each_time_it_does_not_say_when() -> None:
    assert untimed("custom_event") == Identity(None)


@pytest.mark.parametrize(
    ("kind", "body", "subject"),
    [
        ("createOrder", {"_orderId": "x"}, "order:x"),
        ("custom_event", {"_orderId": "x", "_userId": "u"}, "order:x"),
        ("tag", {"_userId": "x"}, "user:x"),
        ("tag", {"_sessionId": "x"}, None),
        ("login", {"_userId": "x"}, None),
    ],
)
def test_a_subject_is_the_order_or_user_whose_state_is_set(
    kind: str, body: dict[str, Any], subject: str | None
) -> None:
    assert subject_of(KIND_OF_NAME[kind], decoded(kind, **body).event) == subject


def test_any_key_text_has_an_identity() -> None:
    keys = ["", "k", "é", "\udc80", "x" * 10_000]
    assert len({identity(key=key).exact for key in keys}) == len(keys)


def test_no_submission_of_somebody_else_has_an_identity_of_our_own() -> None:
    ours = [
        identity_of(decoded("custom_event", timed=timed, **ORDER), key, is_own=True).exact
        for timed in (True, False) for key in (None, "again ev_1")
    ]  # fmt: skip
    assert ours[1] == ours[3] == own_identity("again ev_1")
    assert ours[2] is None, "untimed and without a key it is a new event each time"
    own = {one[:1] for one in (*ours, fresh_identity(b"\x01" * 10, is_own=True)) if one is not None}
    theirs = {
        (identity(key="again ev_1").exact or b"")[:1],
        (identity().exact or b"")[:1],
        fresh_identity(b"\x01" * 10)[:1],
    }
    assert len(own) == 1
    assert not own & theirs
