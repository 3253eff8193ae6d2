"""Two thousand damaged copies of a data file: each is noticed by `doctor`, or says the same as the whole one."""

from pathlib import Path
from random import Random

import apsw
import pytest

from faults.walking import Desk, shop
from fourthwatch.clock import ManualClock, SystemClock
from fourthwatch.store import diagnosis
from fourthwatch.store.diagnosis import data_file
from fourthwatch.store.file import FILE_NAME
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.reader import LedgerReader

pytestmark = pytest.mark.slow

COPIES = 2_000
PAGE = 8_192
TABLES = ("event", "decision")


def test_nothing_damaged_is_passed_off_as_whole(tmp_path: Path) -> None:
    tried, unnoticed = looked_over(tmp_path, COPIES)
    assert unnoticed == []
    assert sum(tried.values()) > COPIES * 0.9
    assert min(tried.values()) > COPIES // 20, tried


def test_a_doctor_that_opens_the_file_and_looks_no_further_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is as it was before, and a page of another place, have checksums that are right."""
    monkeypatch.setattr(diagnosis, "_LOOKS", ())
    monkeypatch.setattr(LedgerReader, "verify", lambda reader: iter([(1, 1)] * len(list(reader.export(1)))))
    _, unnoticed = looked_over(tmp_path, COPIES // 10)
    assert {told.split()[1] for told in unnoticed} >= {"put_back", "swapped"}


def looked_over(tmp_path: Path, copies: int) -> tuple[dict[str, int], list[str]]:
    """How many copies were damaged in each way, and what was wrong and not noticed."""
    older, whole = two_states(tmp_path)
    truth = dump(tmp_path / "good")
    random = Random(7)
    tried: dict[str, int] = {}
    unnoticed: list[str] = []
    place = tmp_path / "copy"
    place.mkdir()
    for number in range(copies):
        way = random.choice(list(WAYS))
        spoilt, where = WAYS[way](random, bytearray(whole), older)
        if spoilt == whole:
            continue
        (place / FILE_NAME).write_bytes(spoilt)
        noticed = any(one.grade == "finding" for one in data_file(place, SystemClock(), lambda _: None))
        tried[way] = tried.get(way, 0) + 1
        if not noticed and dump(place) != truth:
            unnoticed.append(f"{number}: {way} {where}")
    return tried, unnoticed


def flipped(random: Random, whole: bytearray, _older: bytes) -> tuple[bytes, str]:
    at = random.randrange(len(whole))
    whole[at] ^= 1 << random.randrange(8)
    return bytes(whole), f"byte {at}"


def swapped(random: Random, whole: bytearray, _older: bytes) -> tuple[bytes, str]:
    one, other = random.sample(range(len(whole) // PAGE), 2)
    first, second = page(whole, one), page(whole, other)
    whole[one * PAGE : one * PAGE + PAGE], whole[other * PAGE : other * PAGE + PAGE] = second, first
    return bytes(whole), f"pages {one} and {other}"


def cut(random: Random, whole: bytearray, _older: bytes) -> tuple[bytes, str]:
    at = random.randrange(100, len(whole))
    return bytes(whole[:at]), f"at {at}"


def blanked(random: Random, whole: bytearray, _older: bytes) -> tuple[bytes, str]:
    number = random.randrange(len(whole) // PAGE)
    whole[number * PAGE : number * PAGE + PAGE] = bytes(PAGE)
    return bytes(whole), f"page {number}"


def put_back(random: Random, whole: bytearray, older: bytes) -> tuple[bytes, str]:
    """A write that never reached the medium: one page is as it was before."""
    changed = [at for at in range(len(older) // PAGE) if page(older, at) != page(whole, at)]
    number = random.choice(changed)
    whole[number * PAGE : number * PAGE + PAGE] = page(older, number)
    return bytes(whole), f"page {number}"


WAYS = {way.__name__: way for way in (flipped, swapped, cut, blanked, put_back)}


def page(file: bytes | bytearray, number: int) -> bytes:
    return bytes(file[number * PAGE : number * PAGE + PAGE])


def two_states(tmp_path: Path) -> tuple[bytes, bytes]:
    """The file after a hundred events, and after two hundred."""
    place = tmp_path / "good"
    place.mkdir()
    clock, random = ManualClock(1_750_000_000_000), Random(1)
    KeyStore(place, clock).close()
    states = []
    for _ in range(2):
        desk = Desk(place, clock)
        shop(desk, random, 100)
        desk.close()
        states.append((place / FILE_NAME).read_bytes())
    return states[0], states[1]


def dump(directory: Path) -> object:
    """Every event and decision; or what kept it from being read."""
    connection = apsw.Connection(str(directory / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [connection.execute(f"SELECT * FROM {table} ORDER BY seq").fetchall() for table in TABLES]
    except apsw.Error as error:
        return str(error)
    finally:
        connection.close()
