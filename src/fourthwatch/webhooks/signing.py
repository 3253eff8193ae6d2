"""Standard Webhooks 1.0: what proves to a receiver that a message is ours, whole and fresh.

The id stays over all attempts, the time is the attempt's, and each secret in force signs.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping

from fourthwatch.store.endpoints import SECRET_PREFIX

TOLERANCE_S = 300
"""How far a message's time may be from the receiver's."""


def signed_headers(message_id: str, timestamp_s: int, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """The three headers of the standard."""
    signatures = (f"v1,{_signature(secret, message_id, str(timestamp_s), body)}" for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signatures),
    }


def fault_of(headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now_s: float) -> str | None:
    """What is wrong with a message as it arrived; `None` when one of the secrets has signed it just now.

    `headers` has names in small letters.
    """
    message_id, timestamp = headers.get("webhook-id"), headers.get("webhook-timestamp")
    given = headers.get("webhook-signature", "")
    if message_id is None or timestamp is None or not given:
        return "a header of the three is missing"
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > 12:
        return "the time cannot be read"
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        return "the time is more than five minutes off"
    made = [signature.partition(",")[2] for signature in given.split(" ") if signature.startswith("v1,")]
    for secret in secrets:
        right = _signature(secret, message_id, timestamp, body)
        if any(hmac.compare_digest(right.encode(), one.encode()) for one in made):
            return None
    return "no signature fits"


def is_secret(text: str) -> bool:
    """Whether this can be a secret of the standard."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        return False
    return 24 <= len(key) <= 64


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
