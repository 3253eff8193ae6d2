"""The sweeper's script, run in children of a process that has loaded it: `python -m faults.nursery`.

Loading takes longer than the script does; and under strace, which would hold up every call of it, longer still. Each
child is forked by one line on standard input and begins by a second one.
"""

import ctypes
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from faults import sweeper
from faults.history import History

_PATIENCE_S = 120
_ANYBODY_MAY_TRACE = (0x59616D61, -1)
"""For `prctl`: PR_SET_PTRACER, PR_SET_PTRACER_ANY. Elsewhere than here only ancestors may."""


class Nursery:
    """As many such processes as there are runs at once; any thread may ask. Use as a context manager."""

    def __init__(self) -> None:
        self._idle: list[subprocess.Popen[str]] = []

    def run(
        self, directory: Path, history: History, way: str = "", *, tracer: tuple[str, ...] = (),
        makes_directory: bool = True,
    ) -> bool:  # fmt: skip
        """Run the script, note what it acknowledged; whether it was killed. `tracer` is one of `faults.strace`."""
        if makes_directory:
            directory.mkdir(parents=True, exist_ok=True)
        said = directory.with_name(f"{directory.name}.said")
        process = self._idle.pop() if self._idle else _begun()
        child = _asked(process, f"{directory}\t{said}\t{way}")
        with _traced(child, tracer):
            code = int(_asked(process, "begin"))
        self._idle.append(process)
        assert code in (0, -9), f"{directory}: {code}"
        for line in said.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                mark, event_id = line.split()
                history.told(mark, "ok", event_id)
        return code == -9

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._idle:
            process.communicate(timeout=_PATIENCE_S)


def script_history() -> History:
    """What the script is about to send; nothing is known to have been refused."""
    history = History()
    for made in sweeper.script():
        history.submitting(made.mark, made.body)
        history.told(made.mark, "unknown")
    return history


def _begun() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "faults.nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )  # fmt: skip


def _asked(process: "subprocess.Popen[str]", line: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    answer = process.stdout.readline().rstrip()
    assert answer, "the nursery is gone"
    return answer


@contextmanager
def _traced(child: str, tracer: tuple[str, ...]) -> Iterator[None]:
    if not tracer:
        yield
        return
    with subprocess.Popen([*tracer, "-p", child], stderr=subprocess.PIPE, text=True) as tracing:
        assert tracing.stderr is not None
        line = tracing.stderr.readline()
        assert "attached" in line, line
        yield
        tracing.communicate(timeout=_PATIENCE_S)


def _serve() -> None:
    may_be_traced = ctypes.CDLL(None).prctl
    for line in iter(sys.stdin.readline, ""):
        directory, said, way = line.rstrip("\n").split("\t")
        waiting, letting = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(letting)
            may_be_traced(*_ANYBODY_MAY_TRACE)
            os._exit(_child(waiting, Path(directory), said, way))
        os.close(waiting)
        print(child, flush=True)
        os.write(letting, sys.stdin.readline()[:1].encode())
        os.close(letting)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _child(waiting: int, directory: Path, said: str, way: str) -> int:
    try:
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        if os.read(waiting, 1):
            sweeper.main(directory, way)
        return 0
    except BaseException:
        traceback.print_exc()
        return 1


if __name__ == "__main__":
    _serve()
