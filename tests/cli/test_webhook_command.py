"""`fourthwatch webhook listen` shows what arrives, and whether it is from us."""

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fourthwatch.store.endpoints import new_secret
from fourthwatch.webhooks.signing import signed_headers
from served import KEY_HEADER, PATIENCE_S, PROGRAM, Served, run
from webhooks.listening import Receiver, Told

pytestmark = pytest.mark.slow
SECRET = new_secret()


@contextmanager
def listener(*options: str) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    command = [str(PROGRAM), "webhook", "listen", "--port", "0", "--secret", SECRET, "--key", "fw_key", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        said = process.stderr if "--json" in options else process.stdout
        assert said is not None
        yield int(said.readline().rsplit(":", 1)[1]), process
        process.kill()


@pytest.fixture
def listening() -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    with listener() as found:
        yield found


def posted(port: int, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("POST", "/hook", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_what_arrives_is_shown_verified(listening: tuple[int, "subprocess.Popen[str]"]) -> None:
    port, process = listening
    assert process.stdout is not None
    body = json.dumps({"type": "order.scored"}).encode()
    now_s = int(datetime.now(UTC).timestamp())
    told = (
        (signed_headers("msg_1", now_s, body, [SECRET]), "webhook msg_1 to /hook: verified"),
        (signed_headers("msg_2", now_s, body, [new_secret()]), "webhook msg_2 to /hook: no signature fits"),
        (signed_headers("msg_3", now_s - 900, body, [SECRET]), "webhook msg_3 to /hook: the time is more than"),
        ({"X-THIRDWATCH-API-KEY": "fw_key"}, "postback to /hook: verified"),
        ({"X-THIRDWATCH-API-KEY": "fw_other"}, "postback to /hook: another key"),
    )
    for headers, line in told:
        assert posted(port, body, headers) == 200
        assert process.stdout.readline().startswith(line)
        assert [process.stdout.readline() for _ in range(3)][1].strip() == '"type": "order.scored"'


def test_programs_are_told_one_object_per_line() -> None:
    with listener("--json") as (port, process):
        assert process.stdout is not None
        for body, shown in (
            (b'{"type": "order.scored"}', {"type": "order.scored"}),
            (b"no \xff JSON", "no \ufffd JSON"),
        ):
            assert posted(port, body, {"X-THIRDWATCH-API-KEY": "fw_key"}) == 200
            row = {"kind": "postback", "id": None, "path": "/hook", "verdict": "verified", "body": shown}
            assert json.loads(process.stdout.readline()) == row


def test_what_is_too_large_is_refused(listening: tuple[int, "subprocess.Popen[str]"]) -> None:
    assert posted(listening[0], b"", {"Content-Length": "99999999"}) == 413


def test_a_secret_that_is_none_is_a_wrong_call() -> None:
    assert run("webhook", "listen", "--secret", "abc").returncode == 2


def test_an_endpoint_is_tried_from_the_command_line_and_the_answer_told(tmp_path: Path) -> None:
    with Receiver() as receiver:
        settings = {"FOURTHWATCH_PRIVATE_RECEIVERS": f"127.0.0.1:{receiver.port}"}
        with Served(tmp_path, environment=settings) as served:
            key = served.key("ingest", "manage")
            body = {"url": receiver.url + "/new", "types": ["order.scored"], "enabled": False}
            reply = served.request("POST", "/api/v1/webhook-endpoints", json.dumps(body), {KEY_HEADER: key})
            endpoint = reply.json["id"]
            server = ("--to", served.url, "--key", key)
            tried = run("webhook", "test", endpoint, *server)
            assert tried.returncode == 0, tried.stderr
            assert tried.stdout.startswith(f"{endpoint}: delivered, ")
            (attempt,) = json.loads(run("webhook", "test", endpoint, *server, "--json").stdout)
            assert (attempt["receiver"], attempt["outcome"], attempt["status"]) == (endpoint, "delivered", 200)
            receiver.answer = lambda heard: Told(503)
            tried = run("webhook", "test", endpoint, *server)
            assert (tried.returncode, tried.stdout.split(", ")[0]) == (1, f"{endpoint}: answered 503")
            for unknown in ("we_0123456789abcdef0123", "postbacks", "../keys"):
                tried = run("webhook", "test", unknown, *server)
                assert tried.returncode == 1
                assert tried.stdout == ""
