"""When something is due to whom: the walk along the index finds what a plain look over all rows does."""

from pathlib import Path
from random import Random

import pytest

from fourthwatch.store import deliveries
from fourthwatch.store.deliveries import DeliveryQueue, NewDelivery

PLAIN = "SELECT tenant, receiver, min(due_ms) FROM delivery WHERE due_ms IS NOT NULL GROUP BY tenant, receiver"
STEPS_PER_RECEIVER = 250
"""Of SQLite's machine; one who walked over what waits would take thousands."""


def _filled(directory: Path, random: Random, tenants: int, receivers: int, count: int) -> DeliveryQueue:
    queue = DeliveryQueue(directory)
    new = [
        NewDelivery(
            id=f"msg_{number}", tenant=random.randrange(1, tenants + 1), receiver=f"ep_{random.randrange(receivers)}",
            type="list.changed", entity=f"list:{number}", seq=0, detail=b"{}", line=None,
            not_before_ms=random.randrange(1_000), expires_ms=10_000,
        )
        for number in range(count)
    ]  # fmt: skip
    queue.fan_out([], new, [], 0)
    for tenant in range(1, tenants + 1):
        wanted = [(tenant, f"ep_{number}", random.randrange(3)) for number in range(receivers)]
        queue.claim(wanted, random.randrange(1_000))  # of some all is under way
    return queue


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_the_first_that_is_due_is_found_for_each_receiver(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    queue = _filled(tmp_path, random, random.randrange(1, 5), random.randrange(1, 6), random.randrange(40))
    plain = {(tenant, receiver): due_ms for tenant, receiver, due_ms in queue._connection.execute(PLAIN)}
    assert queue.first_due_ms() == plain
    queue.close()


def test_what_it_costs_goes_by_receivers_and_not_by_what_waits(tmp_path: Path) -> None:
    queue = _filled(tmp_path, Random(1), 2, 3, 6_000)
    steps = [0]

    def step() -> bool:
        steps[0] += 1
        return False

    queue._connection.set_progress_handler(step, 1)
    assert len(queue.first_due_ms()) == 6
    assert steps[0] < 6 * STEPS_PER_RECEIVER
    steps[0] = 0
    queue._connection.execute(PLAIN).fetchall()
    assert steps[0] > 6_000
    queue._connection.set_progress_handler(None)
    queue.close()


def test_a_walk_that_knew_one_tenant_alone_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = _filled(tmp_path, Random(2), 3, 3, 200)
    whole = queue.first_due_ms()
    monkeypatch.setattr(deliveries, "_FIRST_DUE", deliveries._FIRST_DUE.replace("AND tenant > first.tenant", "AND 0"))
    assert queue.first_due_ms() != whole
    queue.close()
