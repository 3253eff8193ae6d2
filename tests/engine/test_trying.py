"""A draft over the past says of each order what it would have said had it been in force from the beginning."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.house import CONDITIONS, OWN, History, House
from engine.indexed import next_derived
from fourthwatch.engine import trying as tryings
from fourthwatch.engine.explaining import RuleSetThen, rule_set_then, version_of
from fourthwatch.engine.filing import filing_for
from fourthwatch.engine.indexing import Indexer
from fourthwatch.engine.trying import Tried, Trying, ids_of, newest_orders, past_of
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.model.manifest import Manifest, ScoreMap, Use
from fourthwatch.model.score import score_of
from fourthwatch.model.serving import LiveModel
from fourthwatch.rules.check import check_set
from fourthwatch.rules.rule import Rule, RuleSet
from fourthwatch.rules.ruling import HIT, UNKNOWN
from fourthwatch.store import history as histories
from fourthwatch.store.index_reader import IndexReader
from fourthwatch.store.ledger import DecisionRow, EventRow, Ledger
from fourthwatch.store.reader import LedgerReader
from fourthwatch.store.rule_sets import RuleSetReader
from rules.judging import rule
from small_model import package_of, small_model
from story import NOW_MS

DRAFTS = tuple(rule(f"draft_{number}", text, "review") for number, text in enumerate(CONDITIONS))
ACROSS = (
    rule("shop", "count(order, by shop, last 1h) >= 2", "review"),
    rule("region", "distinct(user, by region, last 30d) >= 2", "review"),
    rule("account", "count(login, by account) >= 1", "review"),
    rule("own", "spent > 1000 or calls >= 1", "review"),
)
MAPS = {"small-1": ScoreMap(0.3)}
"""Of the models that decided."""


def tried_in(house: House, rules: tuple[Rule, ...], last: int = 1_000, prior: float = -15.0) -> list[Tried]:
    """As the preview goes about it."""
    filing, history = filing_for(house.directory, house.walk.ledger), histories.History(house.directory)
    indexer = Indexer(history, DECIDING)
    indexer.begin_at(filing.position()[0])
    while (derived := next_derived(indexer, house.walk)).entries:
        filing.file(derived, house.walk.ledger.chain_at(derived.last_seq))
    history.close()
    filing.close()
    ledger, index, sets = LedgerReader(house.directory), IndexReader(house.directory), RuleSetReader(house.directory)
    tenant = 1
    try:
        book = house.definitions.book_of(tenant)
        in_force = house.walk.rulings.in_force(tenant).checked
        other = check_set(RuleSet(rules, prior), book, tenant)
        trying = Trying(house.walk, tenant, book, in_force, other, lambda model: MAPS[model])
        entries = newest_orders(ledger, index, tenant, last)
        thens: dict[int, RuleSetThen | None] = {}
        for entry in entries:
            assert entry.decision is not None
            version = version_of(entry.decision)
            then = thens.setdefault(version, rule_set_then(tenant, version, sets.one(tenant, version)))
            assert then is not None
            trying.take(entry, then)
        assert len(ids_of(entries)) == len(entries)
        list(trying.want())
        known, events = past_of(ledger, index, tenant, trying.wanted, entries)
        trying.prepare(known)
        return [one for one in trying.judged(events, house.walk.judging.policies.of(tenant)) if one is not None]
    finally:
        for each in (ledger, index, sets):
            each.close()


def results_in(house: House) -> dict[int, str]:
    """What is stored, by position."""
    found = {}
    for event, made in everything(house.walk.ledger):
        if made is not None and event.tenant == 1:
            found[event.seq] = msgspec.json.decode(made.detail)["results"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_it_is_what_the_same_rules_in_force_all_along_have_said(seed: int, tmp_path: Path) -> None:
    rules = (*DRAFTS, *ACROSS)
    houses = []
    for name, live in (("without", False), ("with", True)):
        house = House(tmp_path / name, seed)
        for own, text in OWN.items():
            house.define(own, text)
        if live:
            house.publish(rules)
        history = History(house, seed)
        for _ in range(80):
            history.send()
        houses.append(house)
    without, always = houses
    tried = tried_in(without, rules)
    stored = results_in(always)
    assert len(tried) > 10
    assert {one.event.seq: one.results for one in tried} == {one.event.seq: stored[one.event.seq] for one in tried}
    assert not any(one.not_counted for one in tried)
    assert "h" in "".join(one.results for one in tried)
    for house in houses:
        house.close()


@pytest.mark.slow
def test_the_set_in_force_says_what_it_has_decided(tmp_path: Path) -> None:
    compared = 0
    for seed in range(12):
        house = House(tmp_path / str(seed), seed)
        History(house, seed).live(60)
        in_force = house.walk.rulings.in_force(1)
        rule_set = in_force.checked.rule_set
        tried = {one.event.seq: one for one in tried_in(house, rule_set.rules, prior=rule_set.prior)}
        for event, made in everything(house.walk.ledger):
            if made is not None and event.seq in tried and version_of(made) == in_force.version:
                one = tried[event.seq]
                results = msgspec.json.decode(made.detail).get("results", "")
                assert (one.results, one.verdict, one.would_be) == (results, made.verdict, made.verdict)
                compared += 1
        house.close()
    assert compared > 20


def test_what_would_be_otherwise_is_told_order_by_order(tmp_path: Path) -> None:
    house = House(tmp_path)
    for number in range(6):
        body: dict[str, Any] = {
            "_orderId": f"o-{number}",
            "_userId": "asha",
            "_amount": str(number * 100),
            "_deviceIp": "203.0.113.9",
        }
        house.tell("createOrder", NOW_MS + number * 1_000, **body)
    house.tell("createOrder", NOW_MS + 90_000, tenant=2, _orderId="o-5", _userId="u", _amount="900")
    starter = house.walk.rulings.in_force(1).checked.rule_set.rules
    tried = tried_in(house, (*starter, rule("third", "count(order, by ip, last 1h) >= 2 and amount < 450", "block")))
    house.close()
    assert [one.order_id for one in tried] == [f"o-{number}" for number in range(6)]
    assert [(one.verdict, one.would_be) for one in tried] == [
        ("approve", "approve"), ("approve", "approve"), ("approve", "decline"), ("approve", "decline"),
        ("approve", "decline"), ("approve", "approve"),
    ]  # fmt: skip


def test_the_opinion_of_a_model_that_has_retired_is_its_own_and_not_what_a_rule_made_of_it(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.publish((rule("dear", "amount > 100", "block"),))
    names = ("amount", *DECIDING[:7])
    package = package_of(small_model().body, b"", 1, features=tuple(Use(name=one) for one in dict.fromkeys(names)))
    model = LiveModel.of(msgspec.json.decode(package.manifest, type=Manifest), package)
    seat = house.walk.panel.admit(1, model, house.definitions.book_of(1))
    house.definitions.want(1, seat.key, seat.wanted)
    house.walk.panel.put(1, seat, ())
    for number in range(8):
        house.tell(
            "createOrder", NOW_MS + number, _orderId=f"o-{number}", _userId=f"u-{number}", _amount=str(40 * number)
        )
    answered = {event.seq: made for event, made in everything(house.walk.ledger) if made is not None}
    house.walk.panel.dismiss(seat.key)
    tried = tried_in(house, (rule("none", "amount < 0", "block"),))
    house.close()
    moved = 0
    for one in tried:
        detail = msgspec.json.decode(answered[one.event.seq].detail)
        score = score_of(detail["probability"], MAPS[detail["model"]])
        assert one.would_be == ("decline" if score > 94 else "review" if score > 70 else "approve")
        moved += detail["score"] != score
    assert (len(tried), moved) == (8, 5)


def test_what_has_too_many_events_to_count_is_unknown_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    for number in range(40):
        body: dict[str, Any] = {
            "_orderId": f"o-{number}",
            "_userId": f"u-{number}",
            "_amount": "5",
            "_deviceIp": "203.0.113.9",
        }
        house.tell("createOrder", NOW_MS + number * 60_000, **body)
    rules = (
        rule("long", "count(order, by ip) >= 3", "review"),
        rule("short", "count(order, by ip, last 5m) >= 3", "review"),
    )
    monkeypatch.setattr(tryings, "PREVIEW_EVENTS_OF_ONE_MAX", 20)
    tried = tried_in(house, rules, last=10)
    monkeypatch.setattr(tryings, "PREVIEW_EVENTS_MAX", 0)
    none_counted = tried_in(house, rules, last=10)
    house.close()
    assert {one.results for one in tried} == {UNKNOWN + HIT}
    assert {one.not_counted for one in tried} == {("count(order, by ip)",)}
    assert {one.results for one in none_counted} == {UNKNOWN * 2}


def everything(ledger: Ledger) -> list[tuple[EventRow, DecisionRow | None]]:
    """Every event with its decision, in the order of the ledger."""
    return [ledger.stored(seq) for seq in range(1, ledger.last_seq + 1)]
