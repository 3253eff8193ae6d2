"""The command line as scripts use it: exit codes, streams, JSON, and commands beside a running server."""

import io
import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from fourthwatch.cli.demo import _Teller
from fourthwatch.store.ledger import Ledger
from fourthwatch.workbench.sender import Reply
from fourthwatch.workbench.timeline import SimEvent
from served import PROGRAM, Served, run
from store.rows import event

pytestmark = pytest.mark.slow


def test_a_command_loads_no_other(tmp_path: Path) -> None:
    code = "import sys; from fourthwatch.cli import main; sys.argv[1:] = ['keys', '--help']"
    code += "\ntry: main()\nfinally: print([name for name in sys.modules if 'fourthwatch.server' in name])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert told.stdout.endswith("\n[]\n")


def test_the_package_is_the_command() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "fourthwatch", "--version"], capture_output=True, text=True, timeout=120
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, run("--version").stdout, "")


_TOLD_AMID_A_WAIT = """
import os, signal, threading, types
from fourthwatch.cli.demo import _stop_on_signal
sender = types.SimpleNamespace(stop=threading.Event())
_stop_on_signal(sender)
with sender.stop._cond:
    os.kill(os.getpid(), signal.SIGTERM)
    sum(range(10_000))
print(sender.stop.wait(30))
"""


def test_a_demo_that_is_told_to_stop_while_it_begins_to_wait_stops() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _TOLD_AMID_A_WAIT], capture_output=True, text=True, timeout=120, check=False
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "True\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve",),
        ("nothing",),
        ("keys", "create", "--data", "x"),
        ("keys", "create", "--data", "x", "--name", "n", "--scope", "everything"),
        ("serve", "--data", "x", "--listen", "nowhere"),
        ("replay", "missing.jsonl", "--to", "http://127.0.0.1:1", "--key", "k"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_why_on_standard_error(arguments: tuple[str, ...], tmp_path: Path) -> None:
    ended = subprocess.run(
        [str(PROGRAM), *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr != ""
    assert "Traceback" not in ended.stderr


def test_a_setting_that_cannot_be_read_ends_with_2_and_names_it(tmp_path: Path) -> None:
    ended = run("serve", "--data", str(tmp_path), "--listen", "127.0.0.1:0", FOURTHWATCH_RED_ABOVE="170")
    assert ended.returncode == 2
    assert "FOURTHWATCH_RED_ABOVE" in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "list"),
        ("keys", "revoke", "k"),
        ("tenants", "list"),
        ("users", "list"),
        ("users", "disable", "asha"),
        ("models", "list"),
        ("events", "export"),
        ("audit", "export"),
        ("backup", "--out", "copy"),
        ("erase", "--user", "asha", "--yes"),
    ],
    ids=" ".join,
)
def test_a_directory_that_is_mistyped_is_told_and_does_not_become_one(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    there = tmp_path / "mistyped"
    ended = run(*arguments, "--data", str(there))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"fourthwatch: there is no data file in {there}; is --data right?\n"
    assert not there.exists()


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = run("serve", "--data", str(tmp_path / "file" / "data"), "--listen", "127.0.0.1:0")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(r"fourthwatch: .*/file/data cannot be written: .*\n", ended.stderr)


@pytest.mark.parametrize("key", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_certificate_that_is_none_is_told_before_the_log_is_read(tmp_path: Path, key: str) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_text(key)
    told = ("--tls-cert", str(certificate), "--tls-key", str(certificate))
    ended = run("serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", *told)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(r"fourthwatch: --tls-cert: .*certificate.pem holds no certificate in PEM\n", ended.stderr)
    assert not (tmp_path / "data").exists()


def test_an_export_to_a_full_disk_or_a_closed_pipe_ends_with_1_and_without_a_trace(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for first in range(1, 3_001, 500):
        ledger.append([event(seq, body=b'{"_userId":"%d"}' % seq) for seq in range(first, first + 500)], [])
    ledger.close()
    export = [str(PROGRAM), "events", "export", "--data", str(tmp_path)]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(export, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (1, "fourthwatch: No space left on device\n")
    with subprocess.Popen(export, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (1, b"")


def test_a_key_is_printed_alone_and_has_at_most_32_characters_and_no_blank(tmp_path: Path) -> None:
    made = run("keys", "create", "--data", str(tmp_path), "--name", "web shop", "--scope", "ingest")
    assert made.returncode == 0
    assert re.fullmatch(r"fw_[A-Za-z0-9]{27}\n", made.stdout)
    listed = json.loads(run("keys", "list", "--data", str(tmp_path), "--json").stdout)
    assert [(row["name"], row["scopes"], row["revoked_at"]) for row in listed] == [("web shop", ["ingest"], None)]
    assert made.stdout.strip() not in json.dumps(listed)
    for file in tmp_path.iterdir():
        assert made.stdout.strip().encode() not in file.read_bytes()


def test_revoking_what_is_not_there_ends_with_1(tmp_path: Path) -> None:
    assert run("keys", "create", "--data", str(tmp_path), "--name", "a").returncode == 0
    assert run("keys", "revoke", "--data", str(tmp_path), "b").returncode == 1
    assert run("keys", "revoke", "--data", str(tmp_path), "a").returncode == 0
    assert run("keys", "revoke", "--data", str(tmp_path), "a").returncode == 1


def test_serve_prints_one_line_when_ready_and_ends_with_0_on_sigterm(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [str(PROGRAM), "serve", "--data", str(tmp_path), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait(120) == 0
    assert re.fullmatch(r"listening on http://127\.0\.0\.1:\d+\n", first)
    assert rest == ""


def recording(path: Path, orders: int) -> None:
    lines = []
    for number in range(orders):
        body: dict[str, Any] = {"_userId": f"u-{number % 3}", "_orderId": f"o-{number}", "_amount": "12.50"}
        body["_originTimestamp"] = str(1_700_000_000_000 + number * 60_000)
        lines.append(json.dumps({"event": "createOrder", "body": body}))
        lines.append(
            json.dumps({"event": "custom_event", "body": {**body, "_eventName": "seen", "deep": {"n": number}}})
        )
    path.write_text("\n".join(lines) + "\n")


def test_a_recording_is_replayed_exported_and_replayed_again_without_a_second_effect(tmp_path: Path) -> None:
    source = tmp_path / "recording.jsonl"
    recording(source, 40)
    with Served(tmp_path / "data") as server:
        key = server.key("ingest", "read")
        done = run("replay", str(source), "--to", server.url, "--key", key, "--json")
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout)
        assert (figures["sent"], figures["acknowledged"], figures["refused"]) == (80, 80, 0)
        again = json.loads(
            run("replay", str(source), "--to", server.url, "--key", key, "--json", "--from-start").stdout
        )
        assert again["acknowledged"] == 80
        skipped = json.loads(run("replay", str(source), "--to", server.url, "--key", key, "--json").stdout)
        assert (skipped["sent"], skipped["settled_before"]) == (0, 80)
        exported = run("events", "export", "--data", str(tmp_path / "data"))
        assert exported.returncode == 0
    rows = [json.loads(line) for line in exported.stdout.splitlines()]
    sent = [json.loads(line) for line in source.read_text().splitlines()]

    def content(row: dict[str, Any]) -> str:
        return json.dumps([row["event"], row["body"]], sort_keys=True)

    assert sorted(map(content, rows)) == sorted(map(content, sent))
    assert [row["position"] for row in rows] == list(range(1, 81))


def test_a_refused_event_is_named_by_its_line_and_ends_with_1(tmp_path: Path) -> None:
    source = tmp_path / "recording.jsonl"
    source.write_text('{"event":"login","body":{"_userId":"u"}}\n{"event":"createOrder","body":{"_userId":"u"}}\n')
    with Served(tmp_path / "data") as server:
        done = run("replay", str(source), "--to", server.url, "--key", server.key("ingest"), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["refused"] == 1
    assert "line 2: refused with 400" in done.stderr


def test_doctor_finds_nothing_on_a_sound_file_and_ends_with_1_on_a_damaged_one(tmp_path: Path) -> None:
    with Served(tmp_path) as server:
        key = server.key("ingest")
        for number in range(50):
            body = {"_userId": "u", "_orderId": f"o-{number}", "_description": "x" * 2_000}
            assert server.send(key, "createOrder", body).status == 200
        beside = run("doctor", "--data", str(tmp_path), "--json")
        assert beside.returncode == 0, beside.stdout
    findings = {
        row["name"]: row["grade"] for row in json.loads(run("doctor", "--data", str(tmp_path), "--json").stdout)
    }
    assert {
        "sqlite",
        "kernel",
        "disk sync",
        "page checksums",
        "pages",
        "chain",
        "clock",
        "open files",
    } <= findings.keys()
    assert "finding" not in findings.values()
    file = tmp_path / "fourthwatch.db"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x10
    file.write_bytes(content)
    damaged = run("doctor", "--data", str(tmp_path), "--json")
    assert damaged.returncode == 1
    assert "Traceback" not in damaged.stderr
    told = next(row for row in json.loads(damaged.stdout) if row["name"] == "damaged pages")
    assert told["grade"] == "finding"
    assert told["says"].startswith(f"page {len(content) // 2 // 8_192 + 1} of fourthwatch.db fails its checksum")
    assert "the newest backup" in told["says"]
    assert "disk I/O error" not in damaged.stdout


def test_a_data_file_that_is_lost_is_not_made_anew_in_silence(tmp_path: Path) -> None:
    with Served(tmp_path) as server:
        assert server.send(server.key(), "createOrder", {"_userId": "u", "_orderId": "o"}).status == 200
    file = tmp_path / "fourthwatch.db"
    file.rename(tmp_path / "away")
    for _ in range(2):
        told = run("doctor", "--data", str(tmp_path), "--json")
        assert told.returncode == 1
        assert [row["name"] for row in json.loads(told.stdout) if row["grade"] == "finding"] == ["data file"]
        for command in (("serve",), ("keys", "create", "--name", "n")):
            refused = run(*command, "--data", str(tmp_path))
            assert refused.returncode == 1
            assert "Restore a backup" in refused.stderr
        file.write_bytes(b"")  # the second time it is there, and empty
    file.unlink()
    (tmp_path / "windows.snapshot").unlink()
    with Served(tmp_path) as server:
        assert server.get(server.key(), "/api/v1/orders/o").status == 404


def test_doctor_finds_what_keeps_the_server_from_starting_with_a_damaged_key_of_secrets(tmp_path: Path) -> None:
    with Served(tmp_path):
        pass
    (tmp_path / "secrets.key").write_bytes(b"short")
    told = run("doctor", "--data", str(tmp_path))
    refused = run("serve", "--data", str(tmp_path), "--listen", "127.0.0.1:0")
    assert (told.returncode, refused.returncode) == (1, 1)
    assert refused.stderr.strip().removeprefix("fourthwatch: ") in told.stdout


def test_doctor_says_that_a_directory_takes_nothing_and_looks_at_all_else(tmp_path: Path) -> None:
    command = ("sh", "-c", 'ulimit -f 0; exec "$@"', "sh", str(PROGRAM), "doctor", "--data", str(tmp_path), "--json")
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 1, told.stderr
    findings = {row["name"]: (row["grade"], row["says"]) for row in json.loads(told.stdout)}
    assert findings["disk sync"] == (
        "finding", f"{tmp_path} cannot be written, as a server must: File too large"
    )  # fmt: skip
    assert findings.keys() >= {"sqlite", "disk space", "data file", "open files"}


def test_doctor_says_that_a_port_is_taken(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as server:
        told = run("doctor", "--data", str(tmp_path / "data"), "--listen", f"127.0.0.1:{server.port}")
    assert told.returncode == 1
    assert "cannot be listened on" in told.stdout


def test_the_demo_tells_a_red_order_once_though_its_payment_is_decided_too(capsys: pytest.CaptureFixture[str]) -> None:
    teller = _Teller(present_ms=0)
    told = {"score": 90, "flag": "red", "verdict": "review", "reasons": []}
    for name, order in (("createOrder", "o-1"), ("transaction", "o-1"), ("createOrder", "o-2"), ("transaction", "o-2")):
        teller.hear(SimEvent(name, 1, {"_orderId": order}, None), Reply(200, dict(told)), io.StringIO())
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["first red order o-1: score 90, review ()", "red order o-2: score 90, review ()"]


def test_the_demo_prints_address_key_and_curl_and_tells_rings_from_shoppers(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    told = run(
        "demo", "--data", str(directory), "--listen", "127.0.0.1:0", "--past-only", timeout_s=300,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-2000:]
    assert re.search(r"^address  http://127\.0\.0\.1:\d+$", told.stdout, re.MULTILINE)
    assert re.search(r"^key      fw_[A-Za-z0-9]{27}$", told.stdout, re.MULTILINE)
    assert "curl -s -X POST http://127.0.0.1:" in told.stdout
    assert re.search(r"^first red order \S+: score (7[1-9]|[89]\d|100), ", told.stdout, re.MULTILINE)
    worth = re.search(r"AUC of the scores (0\.\d+|1\.0+)", told.stdout)
    assert worth is not None
    assert float(worth.group(1)) >= 0.85  # over the two days that `make run` shows
    truths = (directory / "demo-truth.csv").read_text().split()
    assert len(truths) > 1_000
    rows = run("events", "export", "--data", str(directory)).stdout
    for ring in ("card_testing", "promotion_abuse", "account_takeover"):
        assert any(line.endswith(ring) for line in truths)
        assert ring not in rows


def test_the_demos_curl_line_works_while_it_runs_and_it_stops_cleanly(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [str(PROGRAM), "demo", "--data", str(tmp_path / "demo"), "--listen", "127.0.0.1:0", "--days", "0.05"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    guard = threading.Timer(240, process.kill)
    guard.start()
    line = next(line for line in process.stdout if line.strip().startswith("curl "))
    answered = subprocess.run(["sh", "-c", line.strip()], capture_output=True, text=True, timeout=120, check=False)
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    process.stdout.close()
    code = process.wait(120)
    guard.cancel()
    assert code == 0
    assert json.loads(answered.stdout)["score"] >= 0
