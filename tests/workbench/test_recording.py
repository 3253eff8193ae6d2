import gzip
from pathlib import Path

import pytest

from fourthwatch.errors import RecordingError
from fourthwatch.workbench.recording import LINE_BYTES_MAX, Recording, line_of, write_recording

EVENTS: list[tuple[str, dict[str, object]]] = [
    ("createOrder", {"_orderId": "o-1", "_customInfo": {"deep": [1, {"ä": None}]}}),
    ("custom_event", {"_eventName": "wishlist_add"}),
    ("transaction", {"_orderId": "o-1", "_transactionStatus": "_success"}),
]


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.gz"])
def test_what_was_written_is_read_again_with_line_numbers(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert write_recording(path, EVENTS) == 3
    with Recording(path) as recording:
        found = list(recording)
        assert recording.bytes_read == recording.bytes_total == path.stat().st_size
    assert [(r.line, r.event) for r in found] == [(1, "createOrder"), (2, "custom_event"), (3, "transaction")]
    assert [line_of(r.event, {}).split(b"{}")[0] + r.body + b"}\n" for r in found] == [
        line_of(event, body) for event, body in EVENTS
    ]


def test_the_same_events_give_the_same_bytes_gzipped(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.gz", EVENTS)
    write_recording(tmp_path / "b.gz", EVENTS)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_a_body_is_read_as_the_bytes_it_was_recorded_with(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event": "logout", "body": {"_userId" : "\\u00e4",  "_n": 1.50}}\n')
    with Recording(path) as recording:
        assert [r.body for r in recording] == [b'{"_userId" : "\\u00e4",  "_n": 1.50}']


def test_reading_goes_on_after_a_line_and_blank_lines_count(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [line_of(event, body) for event, body in EVENTS]
    path.write_bytes(lines[0] + b"\n" + lines[1] + b"  \n" + lines[2])
    with Recording(path) as recording:
        assert [r.line for r in recording.after(1)] == [3, 5]
    with Recording(path) as recording:
        assert [r.line for r in recording.after(5)] == []


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b'{"event": "createOrder"}',
        b'{"event": 3, "body": {}}',
        b'{"event": "createOrder", "body": [1]}',
        b'{"event": "../../neo", "body": {}}',
        b'{"event": "createOrder", "body": {"secret-value": }}',
        b'{"event": "create\xff", "body": {}}',
        b'{"event": "createOrder", "body": {"a":"' + b"x" * LINE_BYTES_MAX + b'"}}',
    ],
)
def test_a_line_that_is_no_event_is_named_and_not_shown(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line_of("logout", {}) + line + b"\n")
    with Recording(path) as recording:
        events = iter(recording)
        assert next(events).line == 1
        with pytest.raises(RecordingError, match=r"events\.jsonl, line 2: ") as raised:
            next(events)
    assert "secret-value" not in str(raised.value)


def test_a_gzip_file_that_was_cut_off_is_an_error_not_an_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(line_of(e, b) for e, b in EVENTS) * 500)[:-20])
    with Recording(path) as recording, pytest.raises(RecordingError, match="damaged"):
        list(recording)


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read"):
        Recording(tmp_path / "none.jsonl")


def test_a_writer_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def breaking() -> object:
        yield EVENTS[0]
        raise RuntimeError("the story ends")

    with pytest.raises(RuntimeError, match="the story ends"):
        write_recording(tmp_path / "events.jsonl", breaking())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
