"""What a model is handed of a decision's own reading is what it would have read by itself, to the bit."""

from random import Random

import pytest

from features.test_windows import restored, some_events, told
from fourthwatch.engine.judging import STAGES, reduced
from fourthwatch.engine.panel import wanted_by
from fourthwatch.engine.rulings import NO_TENANT, Rulings
from fourthwatch.features.catalogue import DECIDING
from fourthwatch.features.definition import Book
from fourthwatch.features.observe import Present
from fourthwatch.features.wanted import Beside, WantedFeatures
from fourthwatch.features.windows import Windows
from fourthwatch.model.manifest import Manifest, Use
from story import NOW_MS, Story

MODEL = "1/a"
OF_THE_MODEL = (
    Use(
        name="bad_share_of_user_7d", text="count(chargeback, by user, last 7d) / (count(order, by user, last 9d) + 20)"
    ),
    Use(name="orders_by_ip_24h", text="count(order, by ip, last 3d)"),
    Use(name="failed_logins_by_user_24h", text='count(login where outcome == "failure", by user, last 30d)'),
)
"""One of its own, one that has the name of what a decision reads, and one that has that of a part of such a feature."""
OTHERWISE = {"orders_by_ip_24h", "failed_logins_then_new_device"}
"""What is therefore not the same under the same name."""


def some_wanted(random: Random, book: Book) -> WantedFeatures:
    """What a model reads: of all there is, and what it brings."""
    known = [one.feature.name for one in book]
    names = {*random.sample(known, 30), *random.sample(DECIDING, 20), "failed_logins_then_new_device"}
    uses = [*OF_THE_MODEL, *(Use(name=name) for name in sorted(names - {one.name for one in OF_THE_MODEL}))]
    random.shuffle(uses)
    uses.sort(key=lambda use: not use.text)  # what it brings stands before what is made of it
    manifest = Manifest(
        id="a", target="any", created_ms=1, until_ms=1, from_ms=1, to_ms=1, rows=1, bad=1, features=tuple(uses),
        model_sha256="",
    )  # fmt: skip
    return wanted_by(manifest, 1, book)


def differences(windows: Windows, wanted: WantedFeatures, rulings: Rulings, story: Story, random: Random) -> list[str]:
    """Tell some more events; returns the features whose value was not the same the short way."""
    found: list[str] = []
    alone, generation = windows.reading_of(wanted.book, wanted.names), windows.generation
    for kind, at_ms, body in some_events(random, 60):
        if windows.generation != generation:
            alone, generation = windows.reading_of(wanted.book, wanted.names), windows.generation
        present = Present(story.subject(kind, at_ms, **body), {})
        for skipped in (0, random.randrange(1, len(STAGES) + 1)):
            judged = reduced(present, STAGES[:skipped]) if skipped else present
            vector = rulings.of(NO_TENANT).ruling.judge(judged).vector
            short = windows.wanted_values(MODEL, vector, windows.wanted_answers(MODEL, judged), judged)
            long = windows.read(*alone, reduced(judged, STAGES[:skipped]))
            found += [
                name for name, *two in zip(wanted.names, short, long, strict=True) if repr(two[0]) != repr(two[1])
            ]
        windows.add(present)
        story.seq += 1
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_model_is_handed_the_same_as_if_it_read_all_by_itself(seed: int) -> None:
    random = Random(seed)
    windows = Windows()
    wanted, story, rulings = some_wanted(random, windows.book), Story(windows=windows), Rulings(windows)
    for kind, at_ms, body in some_events(random, 60):
        story.tell(kind, at_ms, **body)
    windows.need(windows.want(MODEL, wanted))
    lacking = windows.incomplete()
    assert lacking
    assert differences(windows, wanted, rulings, story, random) == []  # while what it brings has no past
    windows.completed(lacking)
    assert differences(windows, wanted, rulings, story, random) == []
    shared = wanted.shared_with(windows.book)
    assert shared == {name for name in wanted.names if name in DECIDING} - OTHERWISE


@pytest.mark.parametrize("seed", range(4))
def test_so_it_is_while_what_decisions_read_has_no_past(seed: int) -> None:
    random = Random(seed)
    first = told(some_events(random, 60))
    word = random.choice(("outcome", "state"))
    heads = [head for head in first.windows.heads() if word not in head.text]
    for head in first.windows.heads():
        if word in head.text:
            first.windows._kernel.drop_series(head.number)
    windows = restored(first, heads=heads)
    brought = {use.name for use in OF_THE_MODEL}
    names = tuple(name for name in some_wanted(random, windows.book).names if name not in brought)
    wanted = WantedFeatures(windows.book, names)
    assert len(wanted.shared_with(windows.book)) > 15
    windows.want(MODEL, wanted)
    story = Story(windows=windows)
    story.seq = first.seq
    rulings = Rulings(windows)
    assert rulings.of(NO_TENANT).ruling.lacking
    assert differences(windows, wanted, rulings, story, random) == []
    windows.completed(windows.incomplete())
    assert differences(windows, wanted, rulings, story, random) == []


def test_what_a_decision_read_is_not_read_again() -> None:
    windows = Windows()
    asked = len(windows.reading_of(windows.book, DECIDING)[0].questions.queries)
    beside = Beside(WantedFeatures(windows.book, ("users_by_ip_7d", *DECIDING[3:])), windows.book, windows.reading_of)
    assert (asked > 50, beside.rest[0].questions.queries) == (True, [])
    story = Story(windows=windows)
    present = Present(story.subject("createOrder", NOW_MS, _orderId="o-1", _amount="5"), {})
    vector = windows.vector(present)
    assert beside.completed(vector, windows.read(*beside.rest, present)) == (vector[6], *vector[3:])
