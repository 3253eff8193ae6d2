"""Bytes to a typed event: the second step of the walk.

Whatever is odd is kept and warned about; refused are only bodies that are not JSON objects, and events without an
anchor or without a key that their kind formally requires.
"""

from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import msgspec

from fourthwatch.clock import Millis
from fourthwatch.errors import Malformed
from fourthwatch.events import KIND_OF_NAME, KINDS, Event, Kind
from fourthwatch.limits import FUTURE_SLACK_MS, TEXT_ID_MAX, WARNINGS_MAX
from fourthwatch.wire import masking
from fourthwatch.wire.amounts import read_amount
from fourthwatch.wire.coerce import coerced
from fourthwatch.wire.hashing import keyed_hash
from fourthwatch.wire.reply import BodyWarning, encode, within_limit
from fourthwatch.wire.scan import EMPTY, has_suspicion, may_hold_nothing, scan
from fourthwatch.wire.strict import canonical_of, is_plain, pointer_to, read_object
from fourthwatch.wire.times import read_timestamp_ms

ANCHORS = ("_userId", "_sessionId", "_orderId", "_transactionId", "_itemId", "_userEmail", "_phone", "_deviceId")
"""An event must carry one of these, as text or number (contract, section 9, row 6)."""
_NAMES_SOMEBODY = frozenset(ANCHORS)

_NAME_KEYS = ("_eventName", "_event", "_name", "_type")
_DEVICE_KEYS = ("deviceId", "device_id", "_deviceId")
_NAME_CHARS_MAX = 100
_UNKNOWN_HINTED_MAX = 8
_UNKNOWN_REMEMBERED = 1_024
_NONE: frozenset[str] = frozenset()
_ONE_MORE = BodyWarning("", "unknown_key", "this key is not in the contract; it is kept")
_NO_AMOUNT = "an amount is expected here, as 1499.00; the value is kept but not used"
_PLAIN = frozenset({str, int, float, bool})


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """An event as read, before anything is known about it."""

    kind: Kind
    event: Event
    body: bytes
    """What is stored and given back: the bytes as sent, or, when card data was masked, the masked document."""
    fingerprint: bytes
    """16 bytes over kind and content; the order of keys and blanks do not matter."""
    occurred_ms: Millis
    """The sender's time, clamped to the receipt when absent, unreadable or too far ahead."""
    sent_ms: int | None
    """The sender's time as it was, if it could be read; tells a retry from a repetition."""
    name: str | None
    """Of a custom event."""
    from_go: bool
    """Sent by the Go client, whose absent booleans are false."""
    warnings: tuple[BodyWarning, ...]


class _Shape(msgspec.Struct, frozen=True):
    """What is known of a type, so that a document can be looked over without reflection."""

    keys: frozenset[str]
    parts: tuple[tuple[str, type[msgspec.Struct]], ...]


def decode_event(
    raw: bytes, kind: Kind, received_ms: Millis, user_agent: str = "", *, keep: frozenset[str] = frozenset()
) -> Decoded:
    """Read one event; raises `Malformed` and then nothing of it is kept. `keep`: keys of the shop's own numbers."""
    found = scan(raw)
    is_suspected = has_suspicion(found, raw)
    if not (found & EMPTY or is_suspected or kind.type is _CUSTOM or user_agent.endswith("/go")):
        decoded = _decode_plain(raw, found, kind, received_ms)
        if decoded is not None:
            return decoded
    document, canonical = read_object(raw, found)
    return _decode(document, canonical, raw, kind, received_ms, user_agent, keep if is_suspected else None)


def decode_document(
    document: dict[str, Any],
    raw: bytes,
    kind: Kind,
    received_ms: Millis,
    user_agent: str = "",
    *,
    keep: frozenset[str] = frozenset(),
) -> Decoded:
    """As `decode_event`, for a body that is already a JSON object; takes the document over and changes it."""
    kept = keep if masking.may_hold_card_data(raw) else None
    return _decode(document, canonical_of(document), raw, kind, received_ms, user_agent, kept)


def _decode_plain(raw: bytes, found: int, kind: Kind, received_ms: Millis) -> Decoded | None:
    """The event, when its bytes are just what its type declares and nothing needs a word, as of most; else `None`."""
    try:
        event = _DECODERS[kind.type].decode(raw)
    except (ValueError, RecursionError):
        return None
    canonical = canonical_of(event)
    sent_ms = read_timestamp_ms(event.origin_timestamp)
    named = event.user_id or event.session_id or event.order_id
    if (
        named is None
        or (kind.required and event.order_id is None)
        or (sent_ms is None and event.origin_timestamp is not None)
        or (sent_ms is not None and sent_ms > received_ms + FUTURE_SLACK_MS)
        or _amount_is_unreadable(event)
        or max(len(event.user_id or ""), len(event.session_id or ""), len(event.order_id or "")) > TEXT_ID_MAX
        or not is_plain(found, canonical)
    ):
        return None
    return Decoded(
        kind=kind,
        event=_with_device(event),
        body=raw,
        fingerprint=_fingerprint(canonical, kind),
        occurred_ms=received_ms if sent_ms is None else Millis(sent_ms),
        sent_ms=sent_ms,
        name=None,
        from_go=False,
        warnings=(),
    )


def _amount_is_unreadable(event: Event) -> bool:
    amount: str | None = getattr(event, "amount", None)
    return amount is not None and read_amount(amount) is None


def _fingerprint(canonical: bytes, kind: Kind) -> bytes:
    return keyed_hash(canonical, kind.name.encode())


def _decode(
    document: dict[str, Any],
    canonical: bytes,
    raw: bytes,
    kind: Kind,
    received_ms: Millis,
    user_agent: str,
    keep: frozenset[str] | None,
) -> Decoded:
    """`keep` is `None` when the body surely holds no card data."""
    warnings: list[BodyWarning] = []
    from_go = user_agent.endswith("/go")
    body = raw
    if keep is not None:
        masked, found = masking.mask(document, keep)
        if found:
            assert isinstance(masked, dict)
            document, body, canonical = masked, encode(masked), canonical_of(masked)
            warnings += [BodyWarning(hit.pointer, hit.code, hit.sentence) for hit in found]
    _read_number_as_time(document)
    _hoist_device(document)
    _tidy(document, _SHAPES[kind.type], "", warnings, open_keys=kind.type is _CUSTOM)
    if from_go:
        _fill_go_booleans(document, kind)
    _require(document, kind)
    name = _custom_name(document) if kind.type is _CUSTOM else None
    _gather_own_fields(document, kind)
    event = _typed(document, kind.type, warnings)
    if _amount_is_unreadable(event):
        warnings.append(BodyWarning("/_amount", "ignored", _NO_AMOUNT))
    sent_ms = _sent_ms(document, warnings)
    return Decoded(
        kind=kind,
        event=event,
        body=body,
        fingerprint=_fingerprint(canonical, kind),
        occurred_ms=_occurred_ms(sent_ms, received_ms, warnings),
        sent_ms=sent_ms,
        name=name,
        from_go=from_go,
        warnings=within_limit(warnings) if warnings else (),
    )


def read_stored(kind: Kind, body: bytes, *, from_go: bool = False) -> Event:
    """The typed event of a body that was stored before; cannot be refused."""
    is_told_whole = not from_go and not may_hold_nothing(body)
    if is_told_whole and kind.type is not _CUSTOM:
        try:
            return _with_device(_DECODERS[kind.type].decode(body))
        except ValueError:  # something in it is of another type: it was read with a warning
            pass
    document: dict[str, Any] = msgspec.json.decode(body)
    _read_number_as_time(document)
    _hoist_device(document)
    if is_told_whole:
        _gather_own_fields(document, kind)
        event = _as_it_is(document, kind)
        if event is not None:
            return event
    ignored: list[BodyWarning] = []
    _tidy(document, _SHAPES[kind.type], "", ignored, open_keys=True)
    if from_go:
        _fill_go_booleans(document, kind)
    _gather_own_fields(document, kind)  # after `_tidy`, as it came in: an own field that is null was not said
    return _typed(document, kind.type, ignored)


def _shape_of(struct: type[msgspec.Struct]) -> _Shape:
    parts: list[tuple[str, type[msgspec.Struct]]] = []
    keys: list[str] = []
    for field in msgspec.inspect.type_info(struct).fields:  # type: ignore[attr-defined]
        keys.append(field.encode_name)
        for member in getattr(field.type, "types", (field.type,)):
            inner = getattr(member, "item_type", member)
            if isinstance(inner, msgspec.inspect.StructType):
                parts.append((field.encode_name, inner.cls))
                _SHAPES.setdefault(inner.cls, _shape_of(inner.cls))
    return _Shape(frozenset(keys), tuple(parts))


_SHAPES: dict[type, _Shape] = {}
for _kind in KINDS:
    _SHAPES[_kind.type] = _shape_of(_kind.type)
_CUSTOM = KIND_OF_NAME["custom_event"].type
_DECODERS = {kind.type: msgspec.json.Decoder(kind.type) for kind in KINDS}


def _tidy(
    document: dict[str, Any], shape: _Shape, pointer: str, warnings: list[BodyWarning], *, open_keys: bool
) -> None:
    """Drop what means absent (`""`, null), and keys that nobody knows with a warning, in the document and its parts.

    Anchors stay, and the keys of a shop's own event. `open_keys`: nobody is warned.
    """
    values = document.values()
    if "" in values or None in values:
        for key in [key for key, value in document.items() if value is None or value == ""]:
            del document[key]
    if not shape.keys.issuperset(document):
        if not open_keys:
            _warn_unknown(document, shape, pointer, warnings)
        if shape is not _SHAPES[_CUSTOM]:
            for key in document.keys() - shape.keys - _NAMES_SOMEBODY:
                del document[key]
    for key, part in shape.parts:
        inner = document.get(key)
        if type(inner) is dict:
            _tidy(inner, _SHAPES[part], pointer_to(pointer, key), warnings, open_keys=open_keys)
        elif type(inner) is list:
            for index, element in enumerate(inner):
                if type(element) is dict:
                    at = f"{pointer}/{key}/{index}"
                    _tidy(element, _SHAPES[part], at, warnings, open_keys=open_keys)


def _warn_unknown(document: dict[str, Any], shape: _Shape, pointer: str, warnings: list[BodyWarning]) -> None:
    for key in document:
        if key in shape.keys:
            continue
        if len(warnings) >= WARNINGS_MAX:  # only counted in the reply, so no work is spent on them
            warnings.append(_ONE_MORE)
            continue
        is_hinted = len(warnings) < _UNKNOWN_HINTED_MAX and len(key) <= TEXT_ID_MAX
        shown, message = _unknown(key[:TEXT_ID_MAX], shape.keys if is_hinted else _NONE)
        warnings.append(BodyWarning(pointer_to(pointer, shown), "unknown_key", message))


@lru_cache(maxsize=_UNKNOWN_REMEMBERED)
def _unknown(key: str, known: frozenset[str]) -> tuple[str, str]:
    """What is said of a key that nobody knows; a shop sends the same ones with every event."""
    near = get_close_matches(key, known, 1, 0.8)
    # A key is the sender's text too and may hold anything: the pointer shows a cut and masked form of it.
    return masking.mask_text(key), f"{_ONE_MORE.message}; did you mean {near[0]}?" if near else _ONE_MORE.message


def _require(document: dict[str, Any], kind: Kind) -> None:
    for key in kind.required:
        value = document.get(key)
        if value is None or isinstance(value, dict | list):
            raise Malformed(
                f"{kind.name} needs {key}, a non-empty text", pointer=pointer_to("", key), code="missing_key"
            )
    for key in ("_orderId", "_userId", "_sessionId"):
        value = document.get(key)
        if type(value) is str and len(value) > TEXT_ID_MAX:
            raise Malformed(
                f"{key} is longer than {TEXT_ID_MAX} characters", pointer=pointer_to("", key), code="id_too_long"
            )
    if not any(type(document.get(key)) in _PLAIN for key in ANCHORS):
        raise Malformed(
            "the event names nobody: send at least _userId or _sessionId, or an order, transaction or item id",
            code="no_anchor",
        )


def _sent_ms(document: dict[str, Any], warnings: list[BodyWarning]) -> int | None:
    sent = document.get("_originTimestamp")
    if sent is None:
        return None
    at_ms = read_timestamp_ms(sent)
    if at_ms is None:
        text = "no time could be read here; the time of receipt is used. Send epoch milliseconds"
        warnings.append(BodyWarning("/_originTimestamp", "unreadable_time", text))
    return at_ms


def _occurred_ms(sent_ms: int | None, received_ms: Millis, warnings: list[BodyWarning]) -> Millis:
    if sent_ms is None:
        return received_ms
    if sent_ms > received_ms + FUTURE_SLACK_MS:
        text = "this time is more than five minutes ahead of ours; the time of receipt is used"
        warnings.append(BodyWarning("/_originTimestamp", "future_time", text))
        return received_ms
    return Millis(sent_ms)


def _read_number_as_time(document: dict[str, Any]) -> None:
    """A time may be a number (contract, section 9, row 14), which is nothing to be warned about."""
    sent = document.get("_originTimestamp")
    if type(sent) is int or type(sent) is float:
        document["_originTimestamp"] = str(sent)


def _hoist_device(document: dict[str, Any]) -> None:
    """Let `_customInfo.deviceId` count as `_deviceId`: the contract has no key for the shopper's device."""
    info = document.get("_customInfo")
    if type(info) is dict and info and document.get("_deviceId") in (None, ""):
        device = _device_in(info)
        if device is not None:
            document["_deviceId"] = device


def _with_device(event: Event) -> Event:
    """The same of an event that was read at once, which nobody else has yet."""
    if event.custom_info and event.device_id is None:
        device = _device_in(event.custom_info)
        if device is not None:
            msgspec.structs.force_setattr(event, "device_id", device)  # a copy would cost as much as reading it
    return event


def _device_in(info: dict[str, Any]) -> str | None:
    for key in _DEVICE_KEYS:
        value = info.get(key)
        if type(value) is str and value:
            return value
    return None


def _fill_go_booleans(document: dict[str, Any], kind: Kind) -> None:
    """The Go client cannot say false: what it left out is false (contract, section 9, row 15)."""
    for key in _GO_BOOLEANS[kind.type]:
        document.setdefault(key, False)


_GO_BOOLEANS: dict[type[Event], tuple[str, ...]] = {
    kind.type: tuple(key for key in sorted(_SHAPES[kind.type].keys) if key.startswith(("_is", "_has")))
    for kind in KINDS
}


def _as_it_is(document: dict[str, Any], kind: Kind) -> Event | None:
    """The event, when the document is just what its type declares and nothing needs a word; most are."""
    try:
        return msgspec.convert(document, kind.type)
    except msgspec.ValidationError:
        return None


def _typed(document: dict[str, Any], target: type[Event], warnings: list[BodyWarning]) -> Event:
    try:
        return msgspec.convert(document, target)
    except msgspec.ValidationError:
        return msgspec.convert(coerced(document, target, warnings), target)


def _gather_own_fields(document: dict[str, Any], kind: Kind) -> None:
    """The fields of a shop's own event are found in one place, wherever it put them: `_city` and `city` as `city`.

    What stands in `_customInfo` under the same name goes before them.
    """
    if kind.type is not _CUSTOM:
        return
    info = document.get("_customInfo")
    known = _SHAPES[_CUSTOM].keys
    own = {key.removeprefix("_"): document.pop(key) for key in [key for key in document if key not in known]}
    if own and (info is None or type(info) is dict):
        document["_customInfo"] = own if info is None else {**own, **info}


def _custom_name(document: dict[str, Any]) -> str:
    """Where the contract has no field, look where shops put it (section 9, row 9)."""
    info = document.get("_customInfo")
    inside = info if type(info) is dict else {}
    for source, prefix in ((document, "_"), (inside, "")):
        for key in _NAME_KEYS:
            value = source.get(prefix + key[1:])
            if type(value) is str and value.strip():
                return value.strip()[:_NAME_CHARS_MAX]
    return "custom"
