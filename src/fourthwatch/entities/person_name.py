"""Names of people as forms bring them: made up, typed at random, or of somebody else."""

import re
import unicodedata
from functools import lru_cache

import msgspec

from fourthwatch.entities.address import looks_typed_at_random
from fourthwatch.entities.characters import decimals, letters_of
from fourthwatch.entities.words import word_set
from fourthwatch.limits import ADDRESSES_CACHED_MAX, NAME_CHARS_MAX


class NameLook(msgspec.Struct, frozen=True, gc=False):
    """Of a full name, cut to 128 characters."""

    letters: int
    words: int
    digits: int
    symbols: int
    """Characters that no name is written with."""
    is_dummy: bool
    at_random: bool | None
    """Looks like fingers on a keyboard; `None`: too little to judge by, or another script."""


def name_look(name: str) -> NameLook | None:
    """None: nothing but blanks.

    >>> look = name_look("Test User 2")
    >>> look.is_dummy, look.words, look.digits
    (True, 3, 1)
    """
    return _look(name[:NAME_CHARS_MAX])


def share_a_word(a: str, b: str) -> bool | None:
    """Whether two names have a word in common, accents, case and titles aside; an initial stands for its word.

    None: one of them has no word, or they are written in different scripts.

    >>> share_a_word("Mr. José García", "garcia j"), share_a_word("Asha Rao", "Ravi Iyer")
    (True, False)
    """
    first, second = _words(a[:NAME_CHARS_MAX]), _words(b[:NAME_CHARS_MAX])
    if not first or not second or _is_ascii(first) != _is_ascii(second):
        return None
    if not first.isdisjoint(second):
        return True
    return "".join(sorted(first)) == "".join(sorted(second)) or _is_run_together(first, second)


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def _look(name: str) -> NameLook | None:
    if not name.strip():
        return None
    words = _words(name)
    lowered = name.lower()
    return NameLook(
        letters=len(letters_of(name)),
        words=len(_NAME_WORD.findall(lowered)),
        digits=decimals(name),
        symbols=sum(_is_symbol(character) for character in name),
        is_dummy=_is_dummy(words),
        at_random=looks_typed_at_random(name),
    )


_NAME_WORD = re.compile(r"\w+")
_TITLES = word_set("mr mrs ms miss dr prof sir shri smt kumari herr frau m mme mlle sr sra don jr ii iii")
_DUMMIES = word_set(
    """
    test tester testing dummy fake asdf asdfgh qwerty abc abcd xyz xxx none null nil na unknown anonymous noname name
    sample demo temp undefined admin guest foo bar example lorem ipsum nobody
    """
)
_FILLERS = word_set("user customer account name first last person buyer client no my the n a order shopper")


def _is_dummy(words: frozenset[str]) -> bool:
    if not words:
        return True
    if words <= _FILLERS | _DUMMIES:
        return not words.isdisjoint(_DUMMIES) or len(words) > 1
    return all(len(word) > 1 and len(set(word)) == 1 for word in words)


def _is_symbol(character: str) -> bool:
    return not character.isalnum() and character not in " .,'’-‐·()&/\"" and not _is_mark(character)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "MZ" or character in "\u200c\u200d"


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def _words(name: str) -> frozenset[str]:
    """Words of letters, without accents and titles; digits are none."""
    if not name.isascii():
        apart = unicodedata.normalize("NFKD", name.casefold())
        name = "".join(character for character in apart if not "\u0300" <= character <= "\u036f")
    letters = "".join(c if c.isalpha() or _is_mark_within(c) else " " for c in name.lower().replace("'", ""))
    return frozenset(letters.split()) - _TITLES


def _is_mark_within(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character)[0] == "M"


def _is_ascii(words: frozenset[str]) -> bool:
    return all(map(str.isascii, words))


def _is_run_together(first: frozenset[str], second: frozenset[str]) -> bool:
    """ "Anna Maria" and "Annamaria"."""
    shorter, longer = sorted((first, second), key=len)
    return any(len(word) >= _RUN_TOGETHER_MIN and all(part in word for part in longer) for word in shorter)


_RUN_TOGETHER_MIN = 6
