"""Postal addresses in normal form, and the facts about their writing that scores use.

The key is a fingerprint that two spellings of one address should share. It does not show the address, yet
whoever holds the key and a list of addresses can find it again: the key is personal data too.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from functools import lru_cache

import msgspec

from fourthwatch.entities.characters import decimals
from fourthwatch.limits import ADDRESS_LINE_CHARS_MAX, ADDRESSES_CACHED_MAX

_PREFIX = "a1:"
"""Goes up when an address that had a key has another: lists hold them."""
_FIELD_CHARS_MAX = 128
_DIGEST_BYTES = 16

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_US_ZIP_PLUS_4 = re.compile(r"([0-9]{5})[- ]?[0-9]{4}")
_ORDINAL = re.compile(r"[0-9]+(?:st|nd|rd|th)")
_LATIN_WORD = re.compile(r"[a-z]+")
_NOT_STATED = frozenset({"na", "none", "null", "nil", "undefined"})
"""A whole field of these is an empty one."""


class AddressFacts(msgspec.Struct, frozen=True):
    """How the lines of an address are written; nothing of what they say."""

    length: int
    """Characters of both lines, blanks around each aside; of long lines the first 512."""
    digits: int
    """Decimal digits in both lines."""
    tokens: int
    """Words and numbers, as the key counts them: an abbreviation is its word, "flat 3" is one."""
    has_house_number: bool
    """Some token begins with a digit and is no ordinal ("4th")."""
    has_second_line: bool
    repeated_tokens: int
    """Tokens that had been there before: 2 in "test test test"."""


def address_key(
    address1: str | None,
    address2: str | None,
    city: str | None,
    region: str | None,
    zipcode: str | None,
    country: str | None,
) -> str | None:
    """`a1:` and 32 hexadecimal digits, equal for two spellings of one address.

    The lines count as one set of tokens: order, line breaks, punctuation, case, accents and common
    abbreviations make no difference, the number of a flat belongs to its word ("flat 3", "apt. 3"), so it
    is never taken for the house's. Postcode and country count as they are; the city only where the postcode
    is missing, the region only where both are, because cities and regions are spelled in many ways and a
    postcode settles them.
    None: neither line nor postcode; one of zeros is none.
    """
    return _key(
        _cut(address1, ADDRESS_LINE_CHARS_MAX),
        _cut(address2, ADDRESS_LINE_CHARS_MAX),
        _cut(city, _FIELD_CHARS_MAX),
        _cut(region, _FIELD_CHARS_MAX),
        _cut(zipcode, _FIELD_CHARS_MAX),
        _cut(country, _FIELD_CHARS_MAX),
    )


def same_address(a_key: str | None, b_key: str | None) -> bool | None:
    """Whether two keys are of one address. None: one is missing, or they were made by different versions."""
    if a_key is None or b_key is None or a_key.partition(":")[0] != b_key.partition(":")[0]:
        return None
    return a_key == b_key


def address_facts(address1: str | None, address2: str | None) -> AddressFacts | None:
    """What can be counted in the two lines. None: neither has a letter or a digit."""
    first = _cut(address1, ADDRESS_LINE_CHARS_MAX).strip()
    second = _cut(address2, ADDRESS_LINE_CHARS_MAX).strip()
    tokens = _tokens(first) + (second_tokens := _tokens(second))
    if not tokens:
        return None
    return AddressFacts(
        length=len(first) + len(second),
        digits=decimals(first + second),
        tokens=len(tokens),
        has_house_number=any(token[0].isdecimal() and not _ORDINAL.fullmatch(token) for token in tokens),
        has_second_line=bool(second_tokens),
        repeated_tokens=len(tokens) - len(Counter(tokens)),
    )


def looks_typed_at_random(text: str) -> bool | None:
    """Whether the letters look like fingers on a keyboard and not like words ("asdfgh", "xkcdqwr", "aaaaaa").

    Judged by long runs of consonants, the share of vowels, keys that lie side by side, and one letter
    repeated; made for Latin script. Abbreviations of streets and words of up to three letters are left out.
    Names of some languages are misjudged (Welsh and Czech ones without a vowel): a hint, never proof.
    None: fewer than six letters left, or mostly another script.
    """
    return _looks_typed_at_random(text[:ADDRESS_LINE_CHARS_MAX])


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def _looks_typed_at_random(line: str) -> bool | None:
    folded = _folded(line)
    latin = _LATIN_WORD.findall(folded)
    words = [word for word in latin if len(word) > 3 and not _is_bare_abbreviation(word)]
    letters = "".join(words)
    is_latin = folded.isascii() or 2 * sum(map(len, latin)) >= sum(map(str.isalpha, folded))
    if len(letters) < _LETTERS_MIN or not is_latin:
        return None
    if not _vowels_are_usual(letters) or _KEYBOARD_RUN.search(" ".join(words)):
        return True
    # What follows cannot be said of a shorter word.
    return any([_word_looks_typed_at_random(word) for word in words if len(word) >= _LETTERS_MIN])  # noqa: C419 - faster


def _word_looks_typed_at_random(word: str) -> bool:
    sounds = _CONSONANT_GROUP.sub("c", word)
    if _CONSONANT_RUN.search(sounds):
        return True
    return len(sounds) >= _LETTERS_MIN and not _vowels_are_usual(sounds)


def _vowels_are_usual(letters: str) -> bool:
    return _VOWEL_SHARE_MIN <= sum(map(letters.count, "aeiouy")) / len(letters) <= _VOWEL_SHARE_MAX


def _is_bare_abbreviation(word: str) -> bool:
    return word in _ABBREVIATIONS and not any(vowel in word for vowel in "aeiou")


_LETTERS_MIN = 6
_VOWEL_SHARE_MIN, _VOWEL_SHARE_MAX = 0.15, 0.85
# Groups that stand for one sound, so that "Angstschweiss" is no run of eight.
_CONSONANT_GROUP = re.compile("sch|tch|ght|ch|ck|gh|ng|ph|sh|th|ts|tz|cz|sz|rz")
_CONSONANT_RUN = re.compile("[bcdfghjklmnpqrstvwxz]{6}")
# Without the four keys that real words hold ("property", "Wertheim", "power").
_KEYBOARD_RUN = re.compile(
    r"qwer|rtyu|tyui|yuio|asdf|sdfg|dfgh|fghj|ghjk|hjkl|zxcv|xcvb|cvbn|vbnm|lkjh|kjhg|fdsa|([a-z])\1{3}"
)


def _cut(text: str | None, chars_max: int) -> str:
    return "" if text is None else text[:chars_max]


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def _key(address1: str, address2: str, city: str, region: str, zipcode: str, country: str) -> str | None:
    tokens = {*_tokens(address1), *_tokens(address2)} if address2 else {*_tokens(address1)}
    place = _place(city, region, zipcode, country)
    if not tokens and not place.partition("\n")[0].strip("0"):
        return None
    # Lone surrogates are no characters, but an address with one must still have a key of its own.
    form = f"{' '.join(sorted(tokens))}\n{place}".encode("utf-8", "surrogatepass")
    return _PREFIX + hashlib.blake2b(form, digest_size=_DIGEST_BYTES).hexdigest()


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def _place(city: str, region: str, zipcode: str, country: str) -> str:
    """What stands behind the lines of an address: four more, the first of them the postcode; many houses share it."""
    country_code = "".join(_words(country))
    country_code = _COUNTRIES.get(country_code, country_code)
    postcode = _postcode(zipcode, country_code)
    place = "" if postcode else " ".join(_stated(_words(city)))
    area = "" if postcode or place else " ".join(_stated(_words(region)))
    return "\n".join((postcode, country_code, place, area))


def _postcode(text: str, country_code: str) -> str:
    """Letters and digits alone; an American one without the four digits of the carrier's route."""
    if country_code in ("us", "") and (route := _US_ZIP_PLUS_4.fullmatch(text.strip())):
        return route.group(1)
    return "".join(_stated(_words(text)))


@lru_cache(maxsize=ADDRESSES_CACHED_MAX)
def _tokens(line: str) -> tuple[str, ...]:
    """Words of a line with abbreviations resolved, "no." dropped, and a unit's number joined to its word."""
    tokens: list[str] = []
    for word in _stated(_words(line)):
        token = _ABBREVIATIONS.get(word, word)
        if not token:
            continue
        if token.endswith("strasse"):
            # German writes the street's kind into its name: "Lindenstr." is "Lindenstrasse".
            token = token.removesuffix("asse")
        before = tokens[-1] if tokens else ""
        if before == _UNIT and (token[0].isdecimal() or len(token) == 1):
            tokens[-1] = _UNIT + token
        elif len(token) == 1 and token in _SUFFIX_LETTERS and before.isdecimal():
            # "12 b", "12-b" and "12b" are one house.
            tokens[-1] = before + token
        else:
            tokens.append(token)
    return tuple(tokens)


def _stated(words: list[str]) -> list[str]:
    return [] if "".join(words) in _NOT_STATED else words


def _words(text: str) -> list[str]:
    """Runs of letters and digits after folding; apostrophes join, everything else that is no letter parts."""
    if not text:
        return []
    folded = _folded(text.replace("'", "").replace("’", ""))
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    parts: list[str] = []
    for character in folded:
        category = unicodedata.category(character)
        if category == "Cf":
            # Joiners and other unseen characters are no blanks.
            continue
        # Marks stay: vowels of Indic scripts are marks.
        parts.append(character if category[0] in "LMN" or category == "Cs" else " ")
    return "".join(parts).split()


def _folded(text: str) -> str:
    """NFKC, case folded, and without the accents that people leave out (U+0300 to U+036F only)."""
    if text.isascii():
        return text.lower()
    # One character can become eighteen: the bound holds after that too.
    whole = unicodedata.normalize("NFKC", text)[:ADDRESS_LINE_CHARS_MAX]
    apart = unicodedata.normalize("NFKD", whole.casefold())
    return unicodedata.normalize("NFKC", "".join(c for c in apart if not "\u0300" <= c <= "\u036f"))


_UNIT = "unit"
# Letters that follow a house number; compass points are words of their own.
_SUFFIX_LETTERS = frozenset("abcdfghijklmopqrtuvxyz")

_COUNTRIES = {
    # Not "na": that is Namibia.
    "null": "",
    "none": "",
    "undefined": "",
    "usa": "us",
    "unitedstates": "us",
    "unitedstatesofamerica": "us",
    "uk": "gb",
    "gbr": "gb",
    "unitedkingdom": "gb",
    "greatbritain": "gb",
    "ind": "in",
    "india": "in",
    "can": "ca",
    "canada": "ca",
    "aus": "au",
    "australia": "au",
    "deu": "de",
    "germany": "de",
    "deutschland": "de",
    "fra": "fr",
    "france": "fr",
    "idn": "id",
    "indonesia": "id",
}


def _abbreviations() -> dict[str, str]:
    """Every spelling of a word to one of them; "" is a word that adds nothing."""
    spellings = {
        "apartment apt appt flat unit suite ste condo": _UNIT,
        "no number num nr hno": "",
        "street st str strasse saint": "st",
        "road rd": "rd",
        "avenue ave av": "ave",
        "boulevard blvd boul bd": "blvd",
        "drive dr drv": "dr",
        "lane ln": "ln",
        "court ct crt": "ct",
        "place pl": "pl",
        "square sq": "sq",
        "terrace ter terr": "ter",
        "highway hwy": "hwy",
        "parkway pkwy pky": "pkwy",
        "expressway expy": "expy",
        "circle cir": "cir",
        "crescent cres crsc": "cres",
        "close cl": "cl",
        "gardens garden gdns gdn": "gdns",
        "heights hts": "hts",
        "mount mt": "mt",
        "fort ft": "ft",
        "floor flr fl": "fl",
        "building bldg bld blg": "bldg",
        "block blk": "blk",
        "sector sec sect": "sec",
        "colony col": "col",
        "nagar ngr": "nagar",
        "society soc": "soc",
        "cross crs": "cross",
        "opposite opp": "opp",
        "post po": "po",
        "house hse": "house",
        "room rm": "room",
        "north n": "n",
        "south s": "s",
        "east e": "e",
        "west w": "w",
        "northeast ne": "ne",
        "northwest nw": "nw",
        "southeast se": "se",
        "southwest sw": "sw",
        "first": "1st",
        "second": "2nd",
        "third": "3rd",
        "fourth": "4th",
        "fifth": "5th",
        "sixth": "6th",
        "seventh": "7th",
        "eighth": "8th",
        "ninth": "9th",
        "tenth": "10th",
    }
    return {spelling: word for words, word in spellings.items() for spelling in words.split()}


_ABBREVIATIONS = _abbreviations()
