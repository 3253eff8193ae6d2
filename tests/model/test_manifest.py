"""A manifest is read strictly: each lie about itself or its files is a sentence, and no model."""

import msgspec
import pytest

from fourthwatch.errors import ModelRefused
from fourthwatch.model.manifest import Calibration, Measured, Package, ScoreMap, Use, read_manifest
from small_model import WIDTH, package_of, small_model


def test_a_manifest_that_fits_its_files_is_read() -> None:
    manifest = read_manifest(small_model())
    assert len(manifest.names) == WIDTH
    assert manifest.golden_rows == 300


_SAME = tuple(Use(name="twice") for _ in range(WIDTH))
LIES: dict[str, tuple[dict[str, object], str]] = {
    "another kind": ({"kind": "xgboost"}, r"`\$\.kind`; it should be lightgbm or onnx$"),
    "another file": ({"model_sha256": "0" * 64}, "not the one that its manifest speaks of"),
    "other golden rows": ({"golden_sha256": "0" * 64}, "golden rows are not those"),
    "more golden rows than there are": ({"golden_rows": 301}, "promises 301 golden rows"),
    "no golden rows": ({"golden_rows": 0}, "promises 0 golden rows"),
    "another format": ({"format": 9}, "format 9"),
    "no features": ({"features": ()}, "1 to 200 features"),
    "a feature twice": ({"features": _SAME}, "names a feature twice"),
    "70 for certain": ({"score_map": ScoreMap(1.0)}, "score of 70"),
    "a calibration upside down": ({"calibration": Calibration(-1.0, 0.0)}, "slope must be above 0"),
    "groups that do not fit": (
        {"features": (Use(name="a", edges=(1.0,), shares=(0.5, 0.5)),)}, "groups of a do not fit",
    ),
    "groups out of order": (
        {"features": (Use(name="a", edges=(2.0, 1.0), shares=(0.2, 0.3, 0.5, 0.0)),)}, "not in order",
    ),
    "a share beyond all": ({"features": (Use(name="a", shares=(7.0, 0.0)),)}, "shares of a should be from 0 to 1"),
    "an id that is a path": ({"id": "../../champion"}, "the model's id should have"),
    "an id that colours the terminal": ({"id": "\x1b[31mred"}, "the model's id should have"),
    "an id that ends a line": ({"id": "small-1\n"}, "the model's id should have"),
    "the name of the points of the rules": ({"id": "scorecard"}, "no model can be"),
    "no id": ({"id": ""}, "the model's id should have"),
    "an id without end": ({"id": "a" * 101}, "the model's id should have"),
    "a target that colours the terminal": ({"target": "\x1b[31m"}, "the target should be up to 64 characters"),
    "a reason without end": ({"features": (Use(name="a", reason="x" * 65),)}, "the reason of feature 1 should be"),
    "more bad than there are": ({"bad": 4_001}, "counts cannot be"),
    "fewer than none": ({"bad": -5}, "counts cannot be"),
    "an end before the beginning": ({"from_ms": 3, "to_ms": 2}, "lies before the first"),
    "an end that no calendar has": ({"to_ms": 10**18}, "to_ms is no moment: it should be milliseconds since 1970"),
    "an end before all of time": ({"from_ms": -9, "to_ms": -8}, "from_ms is no moment"),
    "scores in one group": ({"score_shares": (1.0,)}, "scores are in 20 groups, and the manifest has 1"),
    "scores beyond all": ({"score_shares": (2.0,) * 20}, "shares of scores should be from 0 to 1"),
    "a figure too good to be": ({"metrics": {"auc": Measured(7.0, 0.5, 0.9)}}, r"auc is 7 \(0.5 to 0.9\)"),
    "more trees than there are": ({"trees": 21}, "promises 21 trees, but there are 20"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_manifest_that_lies_is_refused_with_a_sentence(lie: str) -> None:
    good = small_model()
    told, sentence = LIES[lie]
    with pytest.raises(ModelRefused, match=sentence):
        read_manifest(package_of(good.body, good.golden, 300, **told))


def test_features_in_another_order_than_the_model_names_them_are_refused() -> None:
    good = small_model()
    named = tuple(Use(name=f"Column_{at}") for at in range(WIDTH))  # as the library calls columns without a name
    assert read_manifest(package_of(good.body, good.golden, 300, features=named)).names[0] == "Column_0"
    with pytest.raises(ModelRefused, match="feature 1 is Column_7 there and Column_0 in the model"):
        read_manifest(package_of(good.body, good.golden, 300, features=named[::-1]))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b'{"format": 1}', b'{"evil": 1}'])
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(ModelRefused, match="cannot be read"):
        read_manifest(Package(text, b"", b""))


def test_a_key_nobody_knows_is_refused() -> None:
    good = small_model()
    told = msgspec.json.decode(good.manifest)
    with pytest.raises(ModelRefused, match="cannot be read"):
        read_manifest(Package(msgspec.json.encode({**told, "surprise": 1}), good.body, good.golden))
