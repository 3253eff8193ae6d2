"""Lists of words as sets: how the tables of this room are written so that people can read them."""


def word_set(text: str) -> frozenset[str]:
    """The words of a text that blanks part.

    >>> sorted(word_set("flat tower  house"))
    ['flat', 'house', 'tower']
    """
    return frozenset(text.split())
