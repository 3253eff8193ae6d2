"""What cannot become a model: by the commands, a clear sentence each, nothing half written, and the champion stays."""

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from fourthwatch.cli.main import root
from fourthwatch.clock import DAY_MS, ManualClock, iso_ms
from fourthwatch.errors import FourthwatchError
from fourthwatch.model.manifest import Package, Use
from fourthwatch.store.models import ModelStore
from fourthwatch.workbench.recording import line_of
from fourthwatch.workbench.training import write_package
from learned_shop import FEATURES, START_MS, UNTIL_MS, events, shop
from small_model import package_of, small_model

pytestmark = pytest.mark.slow

CHAMPION = "good-1"
USES = tuple(Use(name=name) for name in FEATURES[:8])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose champion decides; nothing that is done to it here may change that."""
    directory = tmp_path_factory.mktemp("shop")
    found = shop(directory, events())
    write_package(directory / "good", _package(id=CHAMPION), "<p>card</p>")
    _run("models", "import", "--data", str(found), str(directory / "good"))
    _run("models", "promote", "--data", str(found), CHAMPION, "--override", "a test", "--by", "asha")
    return found


def _package(**other: object) -> Package:
    good = small_model()
    return package_of(good.body, good.golden, 300, **{"features": USES, **other})


def _run(*arguments: str) -> None:
    found = CliRunner().invoke(root, arguments)
    assert found.exit_code == 0, found.output


def _refused(data: Path, sentence: str, *arguments: str) -> None:
    refusal = CliRunner().invoke(root, arguments).exception
    assert isinstance(refusal, FourthwatchError)  # which the program says in one line, and ends with 1
    assert sentence in str(refusal)
    store = ModelStore(data, ManualClock(UNTIL_MS))
    champion = store.champion(1)
    store.close()
    assert champion is not None
    assert champion.id == CHAMPION


def _train(ledger: Path, out: Path, *other: str, until_ms: int = UNTIL_MS) -> tuple[str, ...]:
    return (
        "train", "--data", str(ledger), "--out", str(out), "--target", "chargeback", "--seconds", "0",
        "--until", iso_ms(until_ms)[:10], *other,
    )  # fmt: skip


def _is_nothing(out: Path) -> bool:
    return not (out / "manifest.json").exists() and not (out / "model.txt").exists()


def test_without_labels_there_is_no_training(data: Path, tmp_path: Path) -> None:
    _refused(data, "no order is known to be bad", *_train(data, tmp_path / "m", "--target", "rto"))
    assert _is_nothing(tmp_path / "m")


def test_one_class_is_no_training(data: Path, tmp_path: Path) -> None:
    lines = {line for _, line in events(orders=80) if b'"createOrder"' in line}
    orders = [(at, line) for at, line in events(orders=80) if line in lines]
    disputes = [(at + 2 * DAY_MS, _disputed(line, at + 2 * DAY_MS)) for at, line in orders]
    one_class = shop(tmp_path, sorted([*orders, *disputes], key=lambda one: one[0]))
    _champion_of(one_class, tmp_path)
    _refused(one_class, "0 good orders", *_train(one_class, tmp_path / "m", until_ms=UNTIL_MS + 10 * DAY_MS))
    assert _is_nothing(tmp_path / "m")


def test_too_few_are_no_training(data: Path, tmp_path: Path) -> None:
    _refused(data, "are needed", *_train(data, tmp_path / "m", until_ms=START_MS + 12 * DAY_MS))
    assert _is_nothing(tmp_path / "m")


def test_two_trainings_are_not_at_work_in_one_directory(data: Path, tmp_path: Path) -> None:
    """They took each other's rows away, so that one ended after all its work with a file that is not there."""
    out = tmp_path / "m"
    out.mkdir()
    other = os.open(out, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    _refused(data, f"another training is at work in {out}; wait for its end, or give another --out", *_train(data, out))
    assert _is_nothing(out)
    os.close(other)
    _refused(data, "no order is known to be bad", *_train(data, out, "--target", "rto"))


def test_a_model_whose_features_have_vanished_is_not_promoted(data: Path, tmp_path: Path) -> None:
    gone = (*USES[:7], Use(name="phase_of_the_moon"))
    write_package(tmp_path / "m", _package(id="stale", features=gone), "")
    _run("models", "import", "--data", str(data), str(tmp_path / "m"))
    _refused(data, "there is no feature 'phase_of_the_moon'", "models", "promote", "--data", str(data), "stale")


@pytest.mark.parametrize(
    ("lie", "sentence"),
    [
        (dict[str, object](model_sha256="0" * 64), "SHA-256 differs"),
        (dict[str, object](golden_rows=299), "golden"),
        (dict[str, object](features=USES[:7]), "golden rows of 64 bytes"),
    ],
)
def test_a_manifest_that_lies_is_not_taken_in(
    lie: dict[str, object], sentence: str, data: Path, tmp_path: Path
) -> None:
    write_package(tmp_path / "m", _package(id="liar", **lie), "")
    _refused(data, sentence, "models", "import", "--data", str(data), str(tmp_path / "m"))


def test_a_model_that_gives_a_name_that_is_there_another_meaning_is_not_taken_in(data: Path, tmp_path: Path) -> None:
    other = (Use(name="amount", text="count(order, by device, last 1d)"), *USES[1:])
    write_package(tmp_path / "m", _package(id="renamed", features=other), "")
    sentence = "the model defines the feature amount, and there is one of this name with another meaning"
    _refused(data, sentence, "models", "import", "--data", str(data), str(tmp_path / "m"))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda body: body[: len(body) // 2], "damaged"),
        (lambda body: b"", "lightgbm refuses the model"),
        (lambda body: body.replace(b"leaf_value", b"leaf_volume"), "damaged"),
    ],
)
def test_a_file_that_is_damaged_is_not_taken_in(
    damage: Callable[[bytes], bytes], sentence: str, data: Path, tmp_path: Path
) -> None:
    good = _package(id="damaged")
    body = damage(good.body)
    manifest = msgspec.json.decode(good.manifest)
    manifest["model_sha256"] = hashlib.sha256(body).hexdigest()  # of what is there, so that it comes to be loaded
    write_package(tmp_path / "m", Package(msgspec.json.encode(manifest), body, good.golden), "")
    _refused(data, sentence, "models", "import", "--data", str(data), str(tmp_path / "m"))


def _champion_of(ledger: Path, directory: Path) -> None:
    write_package(directory / "good", _package(id=CHAMPION), "")
    _run("models", "import", "--data", str(ledger), str(directory / "good"))
    _run("models", "promote", "--data", str(ledger), CHAMPION, "--override", "a test", "--by", "asha")


def _disputed(line: bytes, at_ms: int) -> bytes:
    body = msgspec.json.decode(line)["body"]
    return line_of(
        "chargeback",
        {
            "_userId": body["_userId"], "_orderId": body["_orderId"], "_chargebackState": "_received",
            "_originTimestamp": str(at_ms),
        },
    )  # fmt: skip


def test_a_model_of_features_that_are_not_there_may_be_retired_and_does_not_look_on(data: Path, tmp_path: Path) -> None:
    gone = (*USES[:7], Use(name="phase_of_the_tide"))
    write_package(tmp_path / "m", _package(id="tidal", features=gone), "")
    _run("models", "import", "--data", str(data), str(tmp_path / "m"))
    sentence = "the model reads the feature phase_of_the_tide, which is not there"
    _refused(data, sentence, "models", "shadow", "--data", str(data), "tidal")
    override = ("--override", "a test", "--by", "asha")
    _refused(data, sentence, "models", "promote", "--data", str(data), "tidal", *override)
    _run("models", "retire", "--data", str(data), "tidal")


def test_a_champion_before_that_cannot_judge_any_more_does_not_come_back(tmp_path: Path, data: Path) -> None:
    other = shop(tmp_path, events(orders=80))
    gone = (*USES[:7], Use(name="phase_of_the_tide"))
    write_package(tmp_path / "m", _package(id="tidal", features=gone), "")
    _run("models", "import", "--data", str(other), str(tmp_path / "m"))
    store = ModelStore(other, ManualClock(UNTIL_MS))
    store.apply(store.moved(1, "tidal", "champion", actor="a test"))  # it was there then
    store.close()
    _champion_of(other, tmp_path)
    _refused(other, "tidal, the champion before, cannot decide again", "models", "rollback", "--data", str(other))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--from", "2026-11-20"), "--from should lie before --until"),
        (("--from", "2026-11-02", "--to", "2026-11-01"), "--from should lie before --to"),
        (("--tenant", "nobody"), "there is no tenant 'nobody'"),
        (("--target", "rto"), "by the labels of rto that came before 2026-11-20"),
        (("--features", "amuont"), "there is no feature 'amuont'; did you mean `amount`?"),
    ],
)
def test_what_cannot_be_learned_of_is_named_as_it_was_given(
    given: tuple[str, ...], sentence: str, data: Path, tmp_path: Path
) -> None:
    _refused(data, sentence, *_train(data, tmp_path / "m", *given))


def test_a_card_that_is_not_there_is_no_empty_file(data: Path, tmp_path: Path) -> None:
    write_package(tmp_path / "m", _package(id="bare"), "")
    _run("models", "import", "--data", str(data), str(tmp_path / "m"))
    card = tmp_path / "card.html"
    _refused(data, "came without a card", "models", "show", "--data", str(data), "bare", "--card", str(card))
    assert not card.exists()
    _run("models", "show", "--data", str(data), CHAMPION, "--card", str(card))
    assert card.read_text() == "<p>card</p>"


def test_who_overrides_the_gates_says_who_and_why(data: Path) -> None:
    promote = ("models", "promote", "--data", str(data), CHAMPION)
    _refused(data, "--override needs --by", *promote, "--override", "so")
    _refused(data, "--override wants the reason", *promote, "--override", " ", "--by", "asha")
    _refused(data, "--by goes with --override", *promote, "--by", "asha")
    _refused(data, "this model is champion already", *promote)
