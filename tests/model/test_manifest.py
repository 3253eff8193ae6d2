"""A manifest is read strictly: each lie about itself or its files is a sentence, and no model."""

import msgspec
import pytest

from fourthwatch.errors import ModelRefused
from fourthwatch.model.manifest import Calibration, Package, ScoreMap, Use, read_manifest
from small_model import WIDTH, package_of, small_model


def test_a_manifest_that_fits_its_files_is_read() -> None:
    manifest = read_manifest(small_model())
    assert len(manifest.names) == WIDTH
    assert manifest.golden_rows == 300


_SAME = tuple(Use(name="twice") for _ in range(WIDTH))
LIES: dict[str, tuple[dict[str, object], str]] = {
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
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_manifest_that_lies_is_refused_with_a_sentence(lie: str) -> None:
    good = small_model()
    told, sentence = LIES[lie]
    with pytest.raises(ModelRefused, match=sentence):
        read_manifest(package_of(good.body, good.golden, 300, **told))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b'{"format": 1}', b'{"evil": 1}'])
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(ModelRefused, match="cannot be read"):
        read_manifest(Package(text, b"", b""))


def test_a_key_nobody_knows_is_refused() -> None:
    good = small_model()
    told = msgspec.json.decode(good.manifest)
    with pytest.raises(ModelRefused, match="cannot be read"):
        read_manifest(Package(msgspec.json.encode({**told, "surprise": 1}), good.body, good.golden))
