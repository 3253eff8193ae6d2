"""Damaged models never reach the process that asks (R-31): a trial apart, with bounds and golden rows."""

import hashlib
from collections import Counter
from random import Random

import msgspec
import pytest

from fourthwatch.errors import ModelRefused
from fourthwatch.model.manifest import Package
from fourthwatch.model.probe import Prober, try_out
from small_model import package_of, small_model

MUTANTS = 400
"""Of each run; five thousand were tried once, with the seeds 1 to 5,000."""


def _mutated(body: bytes, random: Random) -> bytes:
    changed = bytearray(body)
    at = random.randrange(len(changed))
    match random.randrange(5):
        case 0:
            for _ in range(random.randrange(1, 20)):
                changed[random.randrange(len(changed))] = random.randrange(256)
        case 1:
            del changed[at:]
        case 2:
            del changed[at : at + random.randrange(1, 2_000)]
        case 3:
            changed[at:at] = body[random.randrange(len(body)) :][:500]
        case _:
            changed[at : at + 1] = str(random.randrange(-(10**12), 10**12)).encode()
    return bytes(changed)


def test_a_good_model_passes_and_one_that_answers_otherwise_does_not() -> None:
    good, other = small_model(), small_model(30)
    with Prober() as prober:
        assert prober.try_out(good).id == "small-1"
        with pytest.raises(ModelRefused, match=r"golden row \d+ should give"):
            prober.try_out(package_of(other.body, good.golden, 300))
        assert prober.try_out(good).id == "small-1"


def test_an_onnx_model_without_its_library_is_a_sentence() -> None:
    good = small_model()
    with pytest.raises(ModelRefused, match="onnx"):
        try_out(package_of(b"no model", good.golden, 300, kind="onnx"))


@pytest.mark.slow
def test_whatever_is_done_to_a_model_file_the_asking_process_lives_on() -> None:
    good = small_model()
    told = msgspec.json.decode(good.manifest)
    outcomes: Counter[str] = Counter()
    with Prober() as prober:
        for seed in range(1, MUTANTS + 1):
            body = _mutated(good.body, Random(seed))
            manifest = msgspec.json.encode({**told, "model_sha256": hashlib.sha256(body).hexdigest()})
            try:
                prober.try_out(Package(manifest, body, good.golden))
                outcomes["passed"] += 1
            except ModelRefused as refusal:
                outcomes["ended its process" if "ended its process" in str(refusal) else "refused"] += 1
        assert prober.try_out(good).id == "small-1"
    assert sum(outcomes.values()) == MUTANTS
    assert outcomes["ended its process"] > MUTANTS // 2  # in this process it would have been this one
