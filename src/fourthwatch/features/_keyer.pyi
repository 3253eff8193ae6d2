from collections.abc import Callable
from typing import Any

from fourthwatch.features.keying import Apart, Digest, Keyer, Keys

def keyer(prefix: str, attribute: str, texts: Callable[[Any], tuple[str, ...]] | None, digest: Digest, /) -> Keyer: ...
def firsts(names: tuple[str, ...], keyers: tuple[Keyer, ...], known: dict[str, Keys], subject: Any, /) -> list[int]: ...
def first_marks(
    makers: tuple[Apart | Callable[[Any], int], ...],
    known: dict[str, Keys],
    told: dict[str, Keys],
    subject: Any,
    present: Any,
    /,
) -> list[int]: ...
def heard(
    names: tuple[str, ...], keyers: tuple[Keyer, ...], kinds: tuple[int, ...], known: dict[str, Keys], subject: Any, /
) -> list[tuple[int, int]]: ...
def signed_keys(keys: Keys, /) -> Keys: ...
def apart(
    entries: tuple[Apart, ...],
    known: dict[str, Keys],
    told: dict[str, Keys],
    subject: Any,
    found: list[tuple[int, int, int]],
    /,
) -> None: ...
