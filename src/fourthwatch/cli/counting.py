"""Numbers of things in a sentence: `1 rule`, `1,200 rules`."""


def counted(number: int, noun: str) -> str:
    """The number and its noun, which takes an s for many.

    >>> counted(1, "rule"), counted(0, "rule"), counted(1_200, "rule")
    ('1 rule', '0 rules', '1,200 rules')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def either(number: int, one: str, many: str) -> str:
    """The words that fit the number: `is` or `are`."""
    return one if number == 1 else many
