"""A model on trial, in a process of its own: `python -m fourthwatch.model.trial FD CPU_SECONDS`.

Candidates come in on standard input, and each is judged by a child that may use so much memory and time and no more.
What it says goes out on the descriptor FD; whatever becomes of the child, the one that asked lives on.
"""

import contextlib
import os
import resource
import select
import signal
import struct
import sys
from typing import BinaryIO, Final

import msgspec

from fourthwatch.errors import ModelRefused
from fourthwatch.limits import TRIAL_MEMORY_BYTES, TRIAL_SECONDS
from fourthwatch.model.booster import Predictor, library
from fourthwatch.model.forest import served
from fourthwatch.model.manifest import Manifest, ModelKind, Package, read_manifest
from fourthwatch.model.predictors import judge_of
from fourthwatch.model.score import probability_of

LENGTH: Final = struct.Struct("<Q")
PASSED, REFUSED = b"passed", b"refused"
_TOLERANCE: dict[ModelKind, float] = {"lightgbm": 1e-9, "onnx": 1e-5}
"""Of a golden row's probability. LightGBM counts in doubles, alike everywhere; ONNX mostly in single precision."""


def judge(package: Package) -> None:
    """Load a model and let it answer its golden rows, by its library and then as it will serve; raises `ModelRefused`.
    Only a process that may die does this."""
    manifest = read_manifest(package)
    width = len(manifest.features)
    by_library = judge_of(manifest.kind, package.body, width)
    _check(by_library, manifest, package.golden)
    if (serving := served(by_library, package.body, width)) is not by_library:
        _check(serving, manifest, package.golden)


def _check(predictor: Predictor, manifest: Manifest, golden: bytes) -> None:
    row = struct.Struct(f"<{len(manifest.features) + 1}d")
    for number, (*values, wanted) in enumerate(row.iter_unpack(golden), 1):
        given = probability_of(
            predictor.margin([None if value != value else value for value in values]), manifest.calibration
        )
        if not abs(given - wanted) <= _TOLERANCE[manifest.kind]:  # nor if one of them is no number
            raise ModelRefused(f"golden row {number} should give {wanted:.6f} and gives {given:.6f}")


def main() -> None:
    """Judge whatever comes in until nothing does."""
    out, cpu_seconds = int(sys.argv[1]), int(sys.argv[2])
    with contextlib.suppress(ModelRefused):
        # Once, and not in each child anew; with one thread, for others would only wait for it, and wait busily.
        library().LGBM_SetMaxThreads(1)
    source: BinaryIO = sys.stdin.buffer
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        content = source.read(LENGTH.unpack(head)[0])
        said = _in_child(msgspec.msgpack.decode(content, type=Package), cpu_seconds)
        os.write(out, LENGTH.pack(len(said)) + said)


def _in_child(package: Package, cpu_seconds: int) -> bytes:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _confine(len(package.body), cpu_seconds)
        try:
            judge(package)
            said = PASSED
        except ModelRefused as refusal:
            said = REFUSED + str(refusal).encode()[:1_000]
        except MemoryError:
            said = REFUSED + b"the model needs more memory than a model may"
        with contextlib.suppress(OSError):
            os.write(writing, said)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], TRIAL_SECONDS)
        if not ready:
            os.kill(child, signal.SIGKILL)
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if said:
        return said
    if not ready or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        return (
            REFUSED
            + (
                f"the model takes too long: it may use {cpu_seconds} s of CPU to load and to answer its golden rows"
            ).encode()
        )
    how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"code {os.WEXITSTATUS(status)}"
    return REFUSED + f"loading the model ended its process with {how}: the file is damaged".encode()


def _confine(body_bytes: int, cpu_seconds: int) -> None:
    memory = TRIAL_MEMORY_BYTES + 16 * body_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))  # a signal of its own comes before the end
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


if __name__ == "__main__":
    main()
