"""Digits and letters of a text, of any script; of ASCII, which nearly every text is, all in one go."""

_DIGITS = b"0123456789"
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NO_LETTERS = bytes(set(range(128)).difference(_LETTERS))


def decimals(text: str) -> int:
    """How many decimal digits it has.

    >>> decimals("12 B"), decimals("१२ B")
    (2, 2)
    """
    if not text.isascii():
        return sum(map(str.isdecimal, text))
    plain = text.encode()
    return len(plain) - len(plain.translate(None, _DIGITS))


def letters_of(text: str) -> str:
    """The text without what is no letter.

    >>> letters_of("asha.rao7"), letters_of("आशा7")
    ('asharao', 'आश')
    """
    if text.isalpha():
        return text
    if not text.isascii():
        return "".join(filter(str.isalpha, text))
    return text.encode().translate(None, _NO_LETTERS).decode()
