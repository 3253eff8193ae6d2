"""Faults at the n-th system call, by strace: a signal or an error where the file system is called."""

import shutil
from collections.abc import Sequence
from pathlib import Path

FILES = ("fourthwatch.db", "fourthwatch.db-wal", "fourthwatch.db-shm", "windows.snapshot", "windows.snapshot.partial")


def strace(
    calls: str, fault: str | None, *, aside: bool = False, log: Path | None = None, directory: Path | None = None
) -> tuple[str, ...]:
    """What to put before a command, or `-p` and a process: `fault` befalls `calls`, counted by thread.

    A fault is written as strace does, `signal=SIGKILL:when=3`. With `aside` the command stays the direct child, and
    the log may then be cut off at its end. With `directory`, only calls on its data files count.
    """
    program = shutil.which("strace")
    assert program is not None, "strace is missing; `python tests/install_programs.py strace` installs it"
    # Without --seccomp-bpf, which would be faster: with it strace 6.1 injects no signals.
    options = [*(["-D"] if aside else []), "-f", "-o", "/dev/null" if log is None else str(log), "-e", f"trace={calls}"]
    if fault is not None:
        options += ["-e", f"inject={calls}:{fault}"]
    if directory is not None:
        options += [part for name in FILES for part in ("-P", str(directory / name))]
    return (program, *options)


def calls_in(log: Path, names: Sequence[str]) -> dict[str, int]:
    """How often each call stands in a log of strace."""
    lines = log.read_text(errors="replace").splitlines()
    return {name: sum(f" {name}(" in line for line in lines) for name in names}


def recording(calls: str, log: Path) -> tuple[str, ...]:
    """The same, so that every call stands in the log with all its bytes; see `traced_bytes`."""
    program = shutil.which("strace")
    assert program is not None, "strace is missing; `python tests/install_programs.py strace` installs it"
    return (program, "-f", "-y", "-xx", "-s", str(1 << 22), "-e", f"trace={calls}", "-o", str(log))


def traced_bytes(text: str) -> bytes:
    r"""A string of such a log.

    >>> traced_bytes(r"\x66\x77")
    b'fw'
    """
    return bytes.fromhex(text.replace("\\x", ""))
