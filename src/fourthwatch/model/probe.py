"""Asks a process apart whether a model may be loaded: damaged model files end the process that reads them (R-31)."""

import os
import select
import struct
import subprocess
import sys
from types import TracebackType
from typing import Self

import msgspec

from fourthwatch.errors import ModelRefused
from fourthwatch.limits import TRIAL_CPU_SECONDS, TRIAL_SECONDS
from fourthwatch.model.manifest import Manifest, Package, read_manifest
from fourthwatch.model.trial import LENGTH, PASSED, REFUSED

_GRACE_SECONDS = 10


class Prober:
    """A process that tries models, one after the other, and is begun anew should it end; a context manager."""

    def __init__(self, cpu_seconds: int = TRIAL_CPU_SECONDS) -> None:
        """`cpu_seconds` bounds each trial."""
        self._cpu_seconds = cpu_seconds
        self._begin()

    def _begin(self) -> None:
        self._reading, writing = os.pipe()
        self._child = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-m", "fourthwatch.model.trial", str(writing), str(self._cpu_seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(writing,),
        )  # fmt: skip
        os.close(writing)

    def try_out(self, package: Package) -> Manifest:
        """The manifest of a model that loads and answers its golden rows; raises `ModelRefused`."""
        manifest = read_manifest(package)
        content = msgspec.msgpack.encode(package)
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(LENGTH.pack(len(content)) + content)
            self._child.stdin.flush()
            said = self._read(LENGTH.unpack(self._read(LENGTH.size))[0])
        except (OSError, struct.error) as error:
            self._end()
            self._begin()
            raise ModelRefused(f"the model could not be tried: {error}") from error
        if said != PASSED:
            raise ModelRefused(said.removeprefix(REFUSED).decode("utf-8", "replace"))
        return manifest

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.close()
        except OSError:
            self._child.kill()
        try:
            self._child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        os.close(self._reading)

    def _read(self, length: int) -> bytes:
        found = b""
        while len(found) < length:
            ready, _, _ = select.select([self._reading], [], [], TRIAL_SECONDS + _GRACE_SECONDS)
            piece = os.read(self._reading, length - len(found)) if ready else b""
            if not piece:
                self._child.kill()
                raise OSError("it took too long" if not ready else "the process ended")
            found += piece
        return found


def try_out(package: Package) -> Manifest:
    """The same with a process of its own."""
    with Prober() as prober:
        return prober.try_out(package)
