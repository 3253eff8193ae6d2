"""What a model is handed of a decision's own reading is what it would have read by itself, to the bit."""

from collections.abc import Sequence
from random import Random

import msgspec
import pytest

from features.test_windows import restored, some_events, told
from fourthwatch.decision import Foretold
from fourthwatch.engine.judging import STAGES, reduced
from fourthwatch.engine.panel import Panel, Seat, wanted_by
from fourthwatch.engine.rulings import NO_TENANT, Rulings
from fourthwatch.features.catalogue import DECIDING, built_in
from fourthwatch.features.definition import Book, Feature
from fourthwatch.features.inputs import Inputs
from fourthwatch.features.observe import Present
from fourthwatch.features.wanted import WantedFeatures
from fourthwatch.features.windows import Windows
from fourthwatch.model.manifest import Manifest, Use, read_manifest
from fourthwatch.model.serving import LiveModel
from small_model import WIDTH, package_of, small_model
from story import Story

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


def differences(
    windows: Windows, readers: Sequence[WantedFeatures], rulings: Rulings, story: Story, random: Random
) -> list[str]:
    """Tell some more events; returns the features whose value was not the same as if each read by itself."""
    found: list[str] = []
    alone = [windows.reading_of(one.book, one.names) for one in readers]
    for kind, at_ms, body in some_events(random, 60):
        present = Present(story.subject(kind, at_ms, **body), {})
        for skipped in (0, random.randrange(1, len(STAGES) + 1)):
            judged = reduced(present, STAGES[:skipped]) if skipped else present
            told = rulings.of(NO_TENANT, readers).ruling.judge(judged)
            of_rules = rulings.of(NO_TENANT).ruling.judge(reduced(judged, STAGES[:skipped]))
            assert repr(msgspec.structs.replace(told, handed=())) == repr(of_rules)
            for one, handed, reading in zip(readers, told.handed, alone, strict=True):
                values = windows.read(*reading, reduced(judged, STAGES[:skipped]))
                pairs = zip(one.names, handed, values, strict=True)
                found += [name for name, *two in pairs if repr(two[0]) != repr(two[1])]
        windows.add(present)
        story.seq += 1
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_model_is_handed_the_same_as_if_it_read_all_by_itself(seed: int) -> None:
    random = Random(seed)
    windows = Windows()
    names = tuple(random.sample([one.feature.name for one in windows.book], 30))
    readers = (
        some_wanted(random, windows.book),
        WantedFeatures(windows.book, names),
        some_wanted(random, windows.book),
    )
    story, rulings = Story(windows=windows), Rulings(windows)
    for kind, at_ms, body in some_events(random, 60):
        story.tell(kind, at_ms, **body)
    windows.need([one for name, wanted in zip("abc", readers, strict=True) for one in windows.want(name, wanted)])
    lacking = windows.incomplete()
    assert lacking
    assert differences(windows, readers, rulings, story, random) == []  # while what they bring has no past
    windows.completed(lacking)
    assert differences(windows, readers, rulings, story, random) == []


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
    book = windows.book.for_tenant()
    for part in ("failed_logins_by_user_24h", "delivered_ever"):  # of a part without a past not even a default is known
        names += (book.add(Feature(f"{part}_told", f"default({part}, 7)", "", "", tenant=1)).feature.name,)
    wanted = WantedFeatures(book, names)
    windows.want("a", wanted)
    story = Story(windows=windows)
    story.seq = first.seq
    rulings = Rulings(windows)
    assert rulings.of(NO_TENANT).ruling.lacking
    assert differences(windows, (wanted,), rulings, story, random) == []
    windows.completed(windows.incomplete())
    assert differences(windows, (wanted,), rulings, story, random) == []


def test_what_a_decision_reads_is_read_once_for_models_too_unless_it_is_not_the_same() -> None:
    windows = Windows()
    alone = Inputs(windows.book, DECIDING, (), windows.registry, windows._kernel)
    random = Random(1)
    same, other = WantedFeatures(windows.book, DECIDING[3:]), some_wanted(random, windows.book)
    windows.need(windows.want("b", other), complete=True)

    def beside(*readers: WantedFeatures) -> Inputs:
        return Inputs(windows.book, DECIDING, (), windows.registry, windows._kernel, beside=readers)

    def places(inputs: Inputs, wanted: WantedFeatures, number: int = 0) -> dict[str, int]:
        """Where the model's values lie."""
        return dict(zip(wanted.names, inputs.picks[number](range(1_000)), strict=True))

    both, wider = beside(same), beside(same, other)
    assert both.questions.queries == alone.questions.queries
    assert len(both._steps) == len(alone._steps)
    assert places(both, same) == {name: both.place_of(name) for name in same.names}
    told = places(wider, other, 1)
    shared = {name for name in other.names if name in DECIDING and told[name] == wider.place_of(name)}
    assert shared == {name for name in other.names if name in DECIDING} - OTHERWISE


def test_who_wants_to_be_handed_what() -> None:
    panel, names = Panel(), tuple(Use(name=name) for name in DECIDING[:WIDTH])

    def seat(tenant: int, name: str) -> Seat:
        good = small_model()
        package = package_of(good.body, good.golden, 300, id=name, features=names)
        return panel.admit(tenant, LiveModel.of(read_manifest(package), package), built_in())

    first, onlooker, other = seat(1, "first"), seat(1, "onlooker"), seat(2, "first")
    panel.put(1, first, (onlooker,))
    panel.put(2, None, (other,))
    assert panel.readers(1, None) == (onlooker.wanted, first.wanted)
    assert panel.readers(1, None) is panel.readers(1, Foretold())
    assert panel.readers(1, Foretold(1, "first", 0.5, shadows=(("onlooker", 0.5),))) == ()
    assert panel.readers(1, Foretold(1, "first", 0.5)) == (onlooker.wanted, first.wanted)
    assert (panel.readers(2, None), panel.readers(3, None)) == ((other.wanted,), ())
    panel.dismiss(onlooker.key)
    assert (panel.champion(1), panel.shadows(1), panel.readers(1, None)) == (first, (), (first.wanted,))
    panel.put(2, None, ())
    assert [panel.judges(tenant) for tenant in (1, 2)] == [True, False]
