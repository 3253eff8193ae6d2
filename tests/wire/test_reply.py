"""Replies as bytes: what every old client can digest, held as snapshots."""

import json

import pytest

from fourthwatch.errors import (
    Changed,
    ConditionMissing,
    Conflict,
    Diagnostic,
    Forbidden,
    Internal,
    InUse,
    Malformed,
    MethodNotAllowed,
    NameTaken,
    NotFound,
    NotListening,
    NotUnderstood,
    Refused,
    TooLarge,
    TooMany,
    TooManyEndpoints,
    TooManyEntries,
    TooManyFeatures,
    Unauthorised,
    Unavailable,
)
from fourthwatch.limits import WARNINGS_MAX
from fourthwatch.wire.reply import BodyWarning, Reason, Receipt, ScoreReply, encode, error_body, within_limit

_REFUSALS: list[tuple[Refused, int, bytes]] = [
    (Malformed("m", pointer="/_items/0", code="bad_value"), 400,
     b'{"error":"m","message":"m","code":"bad_value","pointer":"/_items/0"}'),
    (Malformed("m"), 400, b'{"error":"m","message":"m","code":"malformed","pointer":""}'),
    (NotUnderstood((Diagnostic(1, 2, 3, "unknown_name", "there is no x"),), "r"), 400,
     b'{"error":"the text is not an expression over what there is; see the diagnostics",'
     b'"message":"the text is not an expression over what there is; see the diagnostics","code":"language",'
     b'"diagnostics":[{"line":1,"column":2,"end_column":3,"code":"unknown_name","message":"there is no x"}],'
     b'"rendered":"r"}'),
    (Unauthorised("m"), 401, b'{"error":"m","message":"m","code":"unauthorised"}'),
    (Forbidden("m"), 403, b'{"error":"m","message":"m","code":"forbidden"}'),
    (NotFound("m"), 404, b'{"error":"m","message":"m","code":"not_found"}'),
    (MethodNotAllowed("m"), 405, b'{"error":"m","message":"m","code":"method_not_allowed"}'),
    (NameTaken("m"), 409, b'{"error":"m","message":"m","code":"name_taken"}'),
    (InUse("m"), 409, b'{"error":"m","message":"m","code":"in_use"}'),
    (TooManyFeatures("m"), 409, b'{"error":"m","message":"m","code":"too_many_features"}'),
    (TooManyEntries("m"), 409, b'{"error":"m","message":"m","code":"too_many_entries"}'),
    (TooManyEndpoints("m"), 409, b'{"error":"m","message":"m","code":"too_many_endpoints"}'),
    (NotListening("m"), 409, b'{"error":"m","message":"m","code":"not_listening"}'),
    (Changed("m"), 412, b'{"error":"m","message":"m","code":"precondition_failed"}'),
    (ConditionMissing("m"), 428, b'{"error":"m","message":"m","code":"precondition_required"}'),
    (TooLarge("m"), 413, b'{"error":"m","message":"m","code":"too_large"}'),
    (Conflict("m"), 422, b'{"error":"m","message":"m","code":"idempotency_conflict"}'),
    (TooMany("m"), 429, b'{"error":"m","message":"m","code":"too_many"}'),
    (Internal("m"), 500, b'{"error":"m","message":"m","code":"internal"}'),
    (Unavailable("m"), 503, b'{"error":"m","message":"m","code":"unavailable"}'),
]  # fmt: skip


@pytest.mark.parametrize(("refusal", "status", "body"), _REFUSALS, ids=lambda part: type(part).__name__)
def test_each_refusal_has_its_status_and_its_body(refusal: Refused, status: int, body: bytes) -> None:
    assert refusal.status == status
    assert error_body(refusal) == body


def test_every_kind_of_refusal_is_in_the_list_above() -> None:
    assert {type(refusal) for refusal, _, _ in _REFUSALS} == set(Refused.__subclasses__())


def test_an_error_is_an_object_of_strings_that_are_never_null() -> None:
    body = json.loads(error_body(Malformed('quote " slash \\ newline \n é 😀', pointer="/a~1b")))
    assert all(isinstance(value, str) for value in body.values())
    assert body["error"] == body["message"] == 'quote " slash \\ newline \n é 😀'


def test_a_plain_receipt_holds_status_message_id_and_warnings_only() -> None:
    warning = BodyWarning("/_amount", "coerced", "text is expected here; the number was read as text")
    assert encode(Receipt("ok", "event recorded", "ev_1")) == (
        b'{"status":"ok","message":"event recorded","event_id":"ev_1","warnings":[]}'
    )
    assert encode(Receipt("ok", "event recorded", "ev_1", (warning,))) == (
        b'{"status":"ok","message":"event recorded","event_id":"ev_1","warnings":[{"pointer":"/_amount",'
        b'"code":"coerced","message":"text is expected here; the number was read as text"}]}'
    )


def test_a_decided_receipt_carries_score_flag_verdict_and_reasons() -> None:
    reasons = (Reason("_accountAge", "Age of the account", "red", "0"),)
    assert encode(Receipt("ok", "event recorded and decided", "ev_1", (), 82, "red", "review", reasons)) == (
        b'{"status":"ok","message":"event recorded and decided","event_id":"ev_1","warnings":[],"score":82,'
        b'"flag":"red","verdict":"review","reasons":[{"name":"_accountAge","display_name":"Age of the account",'
        b'"flag":"red","value":"0","is_display":true}]}'
    )


def test_a_score_has_the_contracts_keys() -> None:
    reply = ScoreReply("ord-1", "", "2018-04-24T16:00:00.000Z", 0, "green", ())
    assert encode(reply) == (
        b'{"order_id":"ord-1","user_id":"","order_timestamp":"2018-04-24T16:00:00.000Z","score":0,"flag":"green",'
        b'"reasons":[]}'
    )


@pytest.mark.parametrize("count", [0, 1, WARNINGS_MAX, WARNINGS_MAX + 1, 10_000])
def test_warnings_are_cut_at_the_limit_and_the_rest_is_counted(count: int) -> None:
    warnings = [BodyWarning(f"/{number}", "coerced", "m") for number in range(count)]
    kept = within_limit(warnings)
    assert kept[:WARNINGS_MAX] == tuple(warnings[:WARNINGS_MAX])
    if count <= WARNINGS_MAX:
        assert len(kept) == count
    else:
        more = count - WARNINGS_MAX
        assert kept[WARNINGS_MAX:] == (BodyWarning("", "more_warnings", f"{more} more warnings were left out"),)
