"""Changes: with their row in the trail or not at all; a trail that is only added to, and shows what was done to it."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from fourthwatch.clock import ManualClock
from fourthwatch.errors import LedgerBroken, NameTaken
from fourthwatch.store.changes import AuditTrail, Change, Configuration, KeptAnswer, Write
from fourthwatch.store.file import open_file
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.postbacks import PostbackAddresses

NOW_MS = 1_790_000_000_000


@pytest.fixture
def configuration(tmp_path: Path) -> Iterator[Configuration]:
    opened = Configuration(tmp_path, ManualClock(NOW_MS))
    keys = KeyStore(tmp_path, ManualClock(NOW_MS))
    keys.create("second", ["read"], tenant="other")
    yield opened
    keys.close()
    opened.close()


@pytest.fixture
def trail(configuration: Configuration, tmp_path: Path) -> Iterator[AuditTrail]:
    opened = AuditTrail(tmp_path)
    yield opened
    opened.close()


def change(thing: str, tenant: int = 1, *writes: Write, answer: KeptAnswer | None = None) -> Change:
    return Change(
        tenant=tenant, actor="key_1", action="thing.changed", thing=thing, before={"a": 1}, after={"a": 2},
        writes=writes, answer=answer,
    )  # fmt: skip


ANSWER = KeptAnswer(key=b"k" * 16, fingerprint=b"f" * 16, status=201, headers={"ETag": '"1"'}, body=b"{}")
WRONG = Write(("INSERT INTO tenant (id, name, created_ms) VALUES (?, ?, ?)", (1, "taken", 0)))
RIGHT = Write(("INSERT INTO tenant (id, name, created_ms) VALUES (?, ?, ?)", (77, "new", 0)))


def test_a_change_its_row_and_its_answer_are_kept_together(configuration: Configuration, trail: AuditTrail) -> None:
    configuration.apply(change("one", 1, RIGHT, answer=ANSWER))
    (entry,) = trail.page(1, 2**60, 10)
    assert (entry.number, entry.actor, entry.action, entry.thing) == (1, "key_1", "thing.changed", "one")
    assert (entry.at_ms, entry.before, entry.after) == (NOW_MS, b'{"a":1}', b'{"a":2}')
    assert configuration.kept_answer(1, ANSWER.key) == ANSWER
    assert configuration.kept_answer(2, ANSWER.key) is None


def test_of_a_change_that_fails_nothing_is_kept(
    configuration: Configuration, trail: AuditTrail, tmp_path: Path
) -> None:
    with pytest.raises(NameTaken):
        configuration.apply(change("one", 1, RIGHT, WRONG, answer=ANSWER))
    assert trail.page(1, 2**60, 10) == []
    assert configuration.kept_answer(1, ANSWER.key) is None
    keys = KeyStore(tmp_path, ManualClock(NOW_MS))
    assert keys.tenant_id("new") is None
    keys.close()
    configuration.apply(change("one", 1, RIGHT))
    assert len(trail.page(1, 2**60, 10)) == 1


def test_a_key_that_was_answered_is_not_answered_differently(configuration: Configuration, trail: AuditTrail) -> None:
    configuration.apply(change("one", answer=ANSWER))
    with pytest.raises(NameTaken):
        configuration.apply(change("two", answer=ANSWER))
    assert [entry.thing for entry in trail.page(1, 2**60, 10)] == ["one"]


def test_every_tenant_has_numbers_and_a_chain_of_its_own(configuration: Configuration, trail: AuditTrail) -> None:
    for tenant in (1, 2, 1, 1, 2):
        configuration.apply(change("x", tenant))
    assert [entry.number for entry in trail.page(1, 2**60, 10)] == [3, 2, 1]
    mine = [entry for entry in trail.page(2, 2**60, 10) if entry.thing == "x"]
    assert len(mine) == 2
    assert sum(1 for _ in trail.verify()) == len(trail.after(0, 100)) == 7


def test_the_trail_is_narrowed_down_by_action_and_thing_and_paged(
    configuration: Configuration, trail: AuditTrail
) -> None:
    for number in range(5):
        configuration.apply(change(f"t{number % 2}"))
    assert [entry.number for entry in trail.page(1, 2**60, 10, thing="t0")] == [5, 3, 1]
    assert [entry.number for entry in trail.page(1, 5, 2)] == [4, 3]
    assert len(trail.page(1, 2**60, 10, action="thing.")) == 5
    assert trail.page(1, 2**60, 10, action="thing") == []
    assert len(trail.page(1, 2**60, 10, action="thing.changed")) == 5


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'nobody' WHERE number = 2",
        "DELETE FROM audit_entry WHERE number = 3",
        "DELETE FROM audit_entry",
        "INSERT INTO audit_entry (tenant, number, at_ms, actor, action, thing, chain)"
        " VALUES (1, 9, 0, 'a', 'b', 'c', x'00')",
    ],
)
def test_the_file_itself_refuses_to_do_anything_to_the_trail_but_add(
    configuration: Configuration, trail: AuditTrail, tmp_path: Path, statement: str
) -> None:
    for number in range(3):
        configuration.apply(change(str(number)))
    connection = open_file(tmp_path)
    with pytest.raises(apsw.ConstraintError, match="only added to"):
        connection.execute(statement)
    connection.close()
    assert [entry.number for entry in trail.page(1, 2**60, 10)] == [3, 2, 1]


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE audit_entry SET actor = 'nobody' WHERE tenant = 1 AND number = 2", 2),
        ("UPDATE audit_entry SET before = NULL WHERE tenant = 1 AND number = 1", 1),
        ("UPDATE audit_entry SET after = x'7b7d' WHERE tenant = 1 AND number = 4", 4),
        ("UPDATE audit_entry SET at_ms = at_ms + 1 WHERE tenant = 1 AND number = 3", 3),
        ("DELETE FROM audit_entry WHERE tenant = 1 AND number = 3", 3),
        ("UPDATE audit_entry SET tenant = 2, number = 9 WHERE tenant = 1 AND number = 4", 2),
    ],
)
def test_whoever_gets_around_that_is_noticed(
    configuration: Configuration, trail: AuditTrail, tmp_path: Path, statement: str, where: int
) -> None:
    for number in range(4):
        configuration.apply(change(str(number)))
    list(trail.verify())
    connection = open_file(tmp_path)
    for trigger in ("stays", "is_kept", "is_appended"):
        connection.execute(f"DROP TRIGGER audit_entry_{trigger}")
    connection.execute(statement)
    connection.close()
    with pytest.raises(LedgerBroken, match=f"entry {where}|tenant 2"):
        list(trail.verify())


def test_keys_tenants_and_addresses_leave_a_row_each_and_no_key(tmp_path: Path) -> None:
    keys, addresses = KeyStore(tmp_path, ManualClock(NOW_MS)), PostbackAddresses(tmp_path, ManualClock(NOW_MS))
    key = keys.create("till", ["ingest"], tenant="shop")
    addresses.register(2, {"url": "https://shop.example.com/a"}, "key_9")
    addresses.register(2, {"url": "https://shop.example.com/a"}, "key_9")
    addresses.register(2, {"url": "https://shop.example.com/b"})
    assert keys.revoke("till") == 1
    trail = AuditTrail(tmp_path)
    entries = trail.after(0, 100)
    assert [entry.action for entry in entries] == [
        "tenant.created", "key.created", "postbacks.registered", "postbacks.registered", "key.revoked",
    ]  # fmt: skip
    assert entries[2].actor == "key_9"
    assert (entries[3].before, entries[3].after) == (
        b'{"url":"https://shop.example.com/a"}', b'{"url":"https://shop.example.com/b"}',
    )  # fmt: skip
    assert not any(key.encode() in (entry.before or b"") + (entry.after or b"") for entry in entries)
    for part in (trail, keys, addresses):
        part.close()


def test_the_secrets_of_two_data_files_differ(tmp_path: Path) -> None:
    opened = [Configuration(tmp_path / name, ManualClock(NOW_MS)) for name in "ab"]
    first, second = (one.secret("cursors") for one in opened)
    assert len(first) == 32
    assert first != second
    for one in opened:
        one.close()
