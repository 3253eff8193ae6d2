"""Which kinds of abuse a mark of a user speaks of, by what shops call them; they name theirs as they like."""

import re
from typing import Literal, get_args

Abuse = Literal["promo_abuse", "account_abuse"]
ABUSES: tuple[Abuse, ...] = get_args(Abuse)

_WORDS: dict[Abuse, re.Pattern[str]] = {
    "promo_abuse": re.compile("promo|coupon|referral"),
    "account_abuse": re.compile(r"account|takeover|(?<![^\W\d_])ato(?![^\W\d_])"),
}
"""What a kind of abuse has in it, also in one word (`multiaccounting`). Only `ato` stands in words of other things
(`creator`), so it is a word by itself."""
_JOINT = re.compile("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a word begins in `loginAto` and in `ATOFraud`."""


def speaks_of(told: str, abuse: Abuse) -> bool:
    """Whether what a shop calls a kind of abuse is of promotions, or of accounts.

    >>> speaks_of("CouponAbuse", "promo_abuse"), speaks_of("loginAto", "account_abuse"), speaks_of("", "promo_abuse")
    (True, True, False)
    """
    return _WORDS[abuse].search(f"{told} {_JOINT.sub(' ', told)}".lower()) is not None
