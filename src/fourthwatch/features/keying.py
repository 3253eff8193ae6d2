"""Keys of the things that an event involves, in plain Python: what `_keyer.c` does, and used where it is not.

A key is what `digest` makes of `tenant|prefix` and the thing's normal form, and never 0.
"""

from collections.abc import Callable
from typing import Any

Keys = tuple[int, ...]
Keyer = Callable[[Any], Keys]
"""From a subject to the keys of its things of one kind, most important first."""
Apart = tuple[str, Keyer, Keyer | None, tuple[int, ...]]
"""A kind of thing: what makes its keys, what makes what stands for it where that differs, and series that count it."""
Digest = Callable[[bytes], int]
_WRAP = 1 << 64


def keyer(prefix: str, attribute: str, texts: Callable[[Any], tuple[str, ...]] | None, digest: Digest) -> Keyer:
    """Of what stands under an attribute of who is involved, a text, several or none; else of what `texts` says."""

    def keys(subject: Any) -> Keys:
        said: Any = getattr(subject.involved, attribute) if texts is None else texts(subject)
        if said is None:
            return ()
        many = (said,) if isinstance(said, str) else said
        return tuple([digest(f"{subject.tenant}|{prefix}{one}".encode()) or 1 for one in many])

    return keys


def _known(known: dict[str, Keys], name: str, make: Keyer, subject: Any) -> Keys:
    keys = known.get(name)
    if keys is None:
        keys = known[name] = make(subject)
    return keys


def firsts(names: tuple[str, ...], keyers: tuple[Keyer, ...], known: dict[str, Keys], subject: Any) -> list[int]:
    """The most important key of each kind, 0 where there is none; what has to be made is known from then on."""
    return [
        keys[0] if (keys := _known(known, name, make, subject)) else 0 for name, make in zip(names, keyers, strict=True)
    ]


def heard(
    names: tuple[str, ...], keyers: tuple[Keyer, ...], kinds: tuple[int, ...], known: dict[str, Keys], subject: Any
) -> list[tuple[int, int]]:
    """All keys, each behind the number of its kind."""
    return [
        (kind, key)
        for name, make, kind in zip(names, keyers, kinds, strict=True)
        for key in _known(known, name, make, subject)
    ]


def signed_keys(keys: Keys) -> Keys:
    """Each as the signed number that stands for it among the marks of another's history."""
    return tuple([key - _WRAP if key >> 63 else key for key in keys])


def _told(told: dict[str, Keys], known: dict[str, Keys], entry: Apart, subject: Any) -> Keys:
    name, make, make_marks, _ = entry
    marks = told.get(name)
    if marks is None:
        keys = _known(known, name, make, subject) if make_marks is None else make_marks(subject)
        marks = told[name] = signed_keys(keys)
    return marks


def first_marks(
    makers: tuple[Apart | Callable[[Any], int], ...], known: dict[str, Keys], told: dict[str, Keys], subject: Any,
    present: Any,
) -> list[int]:  # fmt: skip
    """Of a kind of thing the most important mark, 0 where there is none; of all else what is made of `present`."""
    found = []
    for maker in makers:
        if isinstance(maker, tuple):
            marks = _told(told, known, maker, subject)
            found.append(marks[0] if marks else 0)
        else:
            found.append(maker(present))
    return found


def apart(
    entries: tuple[Apart, ...], known: dict[str, Keys], told: dict[str, Keys], subject: Any,
    found: list[tuple[int, int, int]],
) -> None:  # fmt: skip
    """Add what each series is to remember of the things that it tells apart: number, mark, no amount."""
    for entry in entries:
        found += [(number, mark, 0) for mark in _told(told, known, entry, subject) for number in entry[3]]
