"""How an event of a recording is known again when it is sent twice: by an `Idempotency-Key` where nothing else tells.

The key follows from the file's beginning, the line and the body: the same line is the same event, whenever it is sent.
"""

import hashlib

import msgspec

from fourthwatch.engine.identity import sets_a_state
from fourthwatch.events import KINDS
from fourthwatch.wire.times import read_timestamp_ms
from fourthwatch.workbench.recording import Recorded

_KINDS = {name: kind for kind in KINDS for name in (kind.name, *kind.aliases)}
_KEY_BYTES = 20


class _Known(msgspec.Struct):
    time: object = msgspec.field(default=None, name="_originTimestamp")
    user: object = msgspec.field(default=None, name="_userId")
    order: object = msgspec.field(default=None, name="_orderId")


_decoder = msgspec.json.Decoder(_Known)


def repeat_key(head_mark: str, recorded: Recorded) -> str | None:
    """The key to send an event with; `None` when its time, or the state that it sets, tells a repeat (ADR 5).

    >>> repeat_key("", Recorded(1, "logout", b'{"_userId": "u-1", "_originTimestamp": "1524585600000"}')) is None
    True
    >>> len(repeat_key("", Recorded(1, "logout", b'{"_userId": "u-1"}')))
    47
    """
    kind = _KINDS.get(recorded.event)
    try:
        known = _decoder.decode(recorded.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if kind is None or read_timestamp_ms(known.time) is not None:
        return None
    if sets_a_state(kind, has_order=_is_id(known.order), has_user=_is_id(known.user)):
        return None
    content = b"%b %d %b" % (head_mark.encode(), recorded.line, recorded.body)
    return "replay-" + hashlib.blake2b(content, digest_size=_KEY_BYTES).hexdigest()


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""
