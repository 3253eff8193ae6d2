"""Power cuts, played over: what a disk may hold when it goes dark between two calls, from a log of all calls.

What was written and not synced may be there, be gone or be there in part, by sectors of 512 bytes, whatever its order.
A new name, a rename and an unlink are there for sure only when the directory was synced; else some first ones are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from faults.strace import traced_bytes

CALLS = "openat,close,pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename,mkdir"
_SECTOR = 512
_PASSED_OVER = ("-shm",)
"""Shared memory is made anew by whoever opens the data file first."""
_LINE = re.compile(r"\d+ +(\w+)\((.*)\) += (-?\d+)")
_HANDLE = re.compile(r"(\d+)<([^>]*)>(?:\(deleted\))?")
_NAME = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class Call(NamedTuple):
    """One call that succeeded. `name` is a path within the directory, empty for the directory itself."""

    what: str
    name: str
    data: bytes = b""
    at: int = 0
    """Offset of a write, length of a truncation."""
    other: str = ""
    """New name of a rename."""


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes since the last sync; with `None` a truncation to that length."""

    def synced(self) -> None:
        for at, data in self.pending:
            _apply(self.durable, at, data)
        self.pending.clear()

    def after_cut(self, random: Random, kept: float) -> bytes:
        """Sectors of pending writes survive each by itself, with the chance `kept`."""
        content = bytearray(self.durable)
        for at, data in self.pending:
            if data is None:
                if random.random() < kept:
                    _apply(content, at, None)
                continue
            for start in range(at - at % _SECTOR, at + len(data), _SECTOR):
                if random.random() < kept:
                    begin, end = max(at, start), min(at + len(data), start + _SECTOR)
                    _apply(content, begin, data[begin - at : end - at])
        return bytes(content)


def _apply(content: bytearray, at: int, data: bytes | None) -> None:
    if data is None:
        del content[at:]
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    if data is not None:
        content[at : at + len(data)] = data


class Disk:
    """One directory of files as the calls leave it, and as it may be found after a cut."""

    def __init__(self) -> None:
        self._names: dict[str, _File] = {}
        """As programs see them now."""
        self._durable_names: dict[str, _File] = {}
        self._pending_names: list[dict[str, _File]] = []
        """All names after each change that the directory does not hold for sure."""
        self._is_made_for_sure = True

    def take(self, call: Call) -> None:
        """Let one call happen."""
        names = self._names
        if call.what == "mkdir":
            self._is_made_for_sure = False
        elif call.what == "create":
            self._renamed({**names, call.name: _File()})
        elif call.what == "unlink":
            self._renamed({name: file for name, file in names.items() if name != call.name})
        elif call.what == "rename":
            self._renamed(
                {name: file for name, file in names.items() if name != call.name} | {call.other: names[call.name]}
            )
        elif call.what == "write":
            names[call.name].pending.append((call.at, call.data))
        elif call.what == "truncate":
            names[call.name].pending.append((call.at, None))
        elif call.what == "sync" and call.name == "..":
            self._is_made_for_sure = True
        elif call.what == "sync" and not call.name:
            self._durable_names, self._pending_names = names, []
        elif call.what == "sync":
            names[call.name].synced()

    def is_known(self, name: str) -> bool:
        return name in self._names

    def cut(self, into: Path, random: Random) -> None:
        """Write what may be left into an empty directory, which is gone when its own name was not durable."""
        kept = random.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        if not self._is_made_for_sure and random.random() >= kept:
            return
        into.mkdir(parents=True)
        names = [self._durable_names, *self._pending_names][round(len(self._pending_names) * kept)]
        for name, file in names.items():
            (into / name).write_bytes(file.after_cut(random, kept))

    def _renamed(self, names: dict[str, _File]) -> None:
        self._names = names
        self._pending_names.append(names)


def calls_of(trace: Path, directory: Path) -> Iterator[Call]:
    """The calls on the directory's files, and what was said on standard output as calls named `said`."""
    opened: dict[int, str] = {}
    written: dict[int, int] = {}
    known: set[str] = set()
    with trace.open() as lines:
        for line in lines:
            match = _LINE.match(line)
            if match is None or match[3].startswith("-"):
                continue
            name, arguments, result = match[1], match[2], int(match[3])
            if name in ("unlink", "rename", "mkdir"):
                paths = [_inside(Path(traced_bytes(text).decode()), directory) for text in _NAME.findall(arguments)]
                if paths[0] is not None and not paths[0].endswith(_PASSED_OVER):
                    known.discard(paths[0])
                    known.update(path for path in paths[1:] if path is not None)
                    yield Call(name, paths[0], other=(paths[1] or "") if len(paths) > 1 else "")
                continue
            if name == "openat":
                found = _NAME.search(arguments)
                path = None if found is None else _inside(Path(traced_bytes(found[1]).decode()), directory)
                opened.pop(result, None)
                if path is None or path.endswith(_PASSED_OVER):
                    continue
                opened[result], written[result] = path, 0
                if "O_CREAT" in arguments and path not in known:
                    known.add(path)
                    yield Call("create", path)
                elif "O_TRUNC" in arguments:
                    yield Call("truncate", path, at=0)
                continue
            handle = _HANDLE.match(arguments)
            if handle is None:
                continue
            number = int(handle[1])
            if name == "close":
                opened.pop(number, None)
                continue
            told = _NAME.search(arguments)
            data = b"" if told is None else traced_bytes(told[1])[:result]
            if number == 1 and name == "write":
                yield Call("said", "", data)
            path = opened.get(number)
            if path is None or (path == "" and name not in ("fsync", "fdatasync")):
                continue
            if name == "pwrite64":
                yield Call("write", path, data, int(arguments.rsplit(",", 1)[1]))
            elif name == "write":
                yield Call("write", path, data, written[number])
                written[number] += len(data)
            elif name == "ftruncate":
                yield Call("truncate", path, at=int(arguments.rsplit(",", 1)[1]))
            else:
                yield Call("sync", path)


def _inside(path: Path, directory: Path) -> str | None:
    """Its name in the directory, empty for the directory, `..` for the one around it, `None` for all others."""
    if path == directory:
        return ""
    if path == directory.parent:
        return ".."
    return path.name if path.parent == directory else None
