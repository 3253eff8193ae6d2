"""Rules by themselves: what forty of them cost per decision, how long publishing a set holds up the loop, and a peer.

In one thread of this process, CPU time. Orders are those of the load; decoding and entities are not in here.
"""

import time
from collections.abc import Sequence

from bench.figures import Figure, figure
from bench.rule_peer import measure_peer
from bench.windows import TENANT, orders
from fourthwatch.decision import Policy, decide, versions_of
from fourthwatch.engine.rulings import InForce, Rulings
from fourthwatch.features.catalogue import built_in
from fourthwatch.features.observe import Present
from fourthwatch.features.windows import Windows
from fourthwatch.rules.check import CheckedSet, check_set
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.rules.starter import preset

_US_WANTED = 60.0
_STALL_MS_WANTED = 5.0
_WARM = 1_000
_ENTITIES = ("ip", "user", "device", "card", "email")
_PLAIN = (
    "amount > 20000", 'currency_code == "INR" and amount > 15000', "is_new_device == 1", "account_age < 1",
    "users_by_device_30d >= 3", "failed_transactions_24h >= 4", "same_addresses == 0", "email_names_person == 0",
    "address_length < 10", "is_guest and amount > 5000", "paid_on_delivery and amount > 10000", "ips_match == 0",
    "rto_ever >= 2", "chargebacks_ever >= 1", "standing_tags >= 1", "delivered_ever >= 3", "cart_changes_1h > 20",
    "seconds_to_order < 30", "amount_against_own_mean > 5", "has_second_line == 0 and name_twice == 1",
)  # fmt: skip


def measure_rules(runs: int) -> list[Figure]:
    """Forty rules, twenty of them with velocity inline; publishing; the peer."""
    forty = forty_rules()
    whole, alone, starter, empty = [], [], [], []
    for run in range(runs):
        presents = orders(run)
        whole.append(_per_decision(presents, forty))
        empty.append(_per_decision(presents, RuleSet(())))
        starter.append(_per_decision(presents, preset("general")))
        alone.append(whole[-1] - empty[-1])
    stalls = [_stalls(forty) for _ in range(runs)]
    return [
        figure("rules: a decision with 40 rules, 20 of them with velocity", whole, "µs", at_most=_US_WANTED,
               note="reading, judging, deciding; the 36 features that are stored with it included"),
        figure("rules: of it what the 40 rules add", alone, "µs"),
        figure("rules: a decision without rules", empty, "µs", note="the 36 features alone"),
        figure("rules: a decision with the starter set", starter, "µs", note=f"{len(preset('general').rules)} rules"),
        figure("rules: publishing a set, longest turn of the loop", [max(one) for one in stalls], "ms",
               at_most=_STALL_MS_WANTED, note="new series join in one turn, the set is compiled in another"),
        *measure_peer(forty, orders(0), runs),
    ]  # fmt: skip


def forty_rules() -> RuleSet:
    """Twenty conditions on features and fields, twenty that ask the past inline."""
    velocity = [
        f"count(order, by {entity}, last {hours}h) >= {limit}"
        for entity in _ENTITIES
        for hours, limit in ((1, 3), (6, 5), (24, 9), (72, 20))
    ]
    return RuleSet(
        tuple(
            Rule(name=f"rule_{number}", rule_class="score", when=when, says="A sentence", weight=1.0 + number % 5)
            for number, when in enumerate((*_PLAIN, *velocity))
        )
    )


def _per_decision(presents: Sequence[Present], rule_set: RuleSet) -> float:
    checked = check_set(rule_set, built_in(), TENANT)
    windows = Windows(asked={TENANT: checked.asking})
    rulings = Rulings(windows, {TENANT: InForce(1, checked)})
    ready, policy, versions, spent = rulings.of(TENANT), Policy(), versions_of(1), 0
    for number, present in enumerate(presents):
        present = Present(present.subject, {})
        began = time.thread_time_ns()
        judgement = ready.ruling.judge(present)
        decide(judgement, ready.ruling.rules, policy, versions)
        if number >= _WARM:
            spent += time.thread_time_ns() - began
        windows.add(present)
    return spent / (len(presents) - _WARM) / 1_000


def _stalls(rule_set: RuleSet) -> list[float]:
    """Milliseconds of CPU of each turn of the loop that publishing takes, with series that were not kept before."""
    checked: CheckedSet = check_set(rule_set, built_in(), TENANT)
    windows = Windows()
    rulings = Rulings(windows)
    rulings.of(TENANT)
    turns = []
    for turn in (
        lambda: windows.need(checked.asking),
        lambda: rulings.put(TENANT, InForce(1, checked)),
        lambda: rulings.of(TENANT),
    ):
        began = time.thread_time_ns()
        turn()
        turns.append((time.thread_time_ns() - began) / 1e6)
    return turns
