"""The first scorecard: built-in reasons with weights of evidence, until a shop has rules and a model of its own.

Each reason is a band over one feature: within it the odds of fraud are so many times those of any order. The odds of
all reasons multiply, starting from the prior; an unknown feature says nothing, neither way.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from operator import itemgetter

import msgspec

from fourthwatch.features.catalogue import INDEX, Vector
from fourthwatch.wire.reply import Reason

SCORECARD_VERSION = "scorecard-2"

PRIOR_ODDS = 0.03 / 0.97
"""Three bad orders in a hundred: the order of magnitude of the field, and nothing learned from this shop."""
_REASONS_MAX = 12
_LOG_ODDS_BOUND = 12.0


class Band(msgspec.Struct, frozen=True):
    """Values from `at_least` (up to the next band) multiply the odds by `odds`: above 1 speaks for fraud."""

    at_least: float
    odds: float


class ScoreReason(msgspec.Struct, frozen=True):
    """One built-in reason."""

    name: str
    """The reason's code on the wire; the contract's own name where it has one."""
    display_name: str
    feature: str
    bands: tuple[Band, ...]
    """Rising; below the first one the reason says nothing."""
    shown: Callable[[float], str]


class Assessment(msgspec.Struct, frozen=True, gc=False):
    """What the scorecard makes of a vector."""

    probability: float
    """0 to 1, by the priors alone: not calibrated on this shop."""
    reasons: tuple[Reason, ...]
    """Strongest first, in the contract's shape."""
    unknown: int
    """Reasons whose feature was unknown."""


def assess(vector: Vector) -> Assessment:
    """Judge one vector; pure, and cannot fail on a valid one."""
    log_odds = _PRIOR_LOG_ODDS
    hits: list[tuple[float, int, float]] = []
    unknown = 0
    for row, value in enumerate(_PICK(vector)):
        if value is None:
            unknown += 1
            continue
        thresholds, weights = _WEIGHTS[row]
        band = bisect_right(thresholds, value)
        if band:
            weight = weights[band - 1]
            log_odds += weight
            hits.append((-abs(weight), row, value))
    hits.sort()
    log_odds = max(-_LOG_ODDS_BOUND, min(_LOG_ODDS_BOUND, log_odds))
    return Assessment(
        probability=1 / (1 + math.exp(-log_odds)),
        reasons=tuple([_reason(row, value) for _, row, value in hits[:_REASONS_MAX]]),
        unknown=unknown,
    )


def _reason(row: int, value: float) -> Reason:
    reason = SCORECARD[row]
    thresholds, weights = _WEIGHTS[row]
    weight = weights[bisect_right(thresholds, value) - 1]
    flag = "red" if weight > 0 else "green" if weight < 0 else "grey"
    return Reason(reason.name, reason.display_name, flag, reason.shown(value))


def _whole(value: float) -> str:
    return str(int(value))


def _truth(value: float) -> str:
    return "true" if value else "false"


def _ratio(value: float) -> str:
    return f"{value:.1f}"


def _bands(*pairs: tuple[float, float]) -> tuple[Band, ...]:
    return tuple(Band(at_least, odds) for at_least, odds in pairs)


_YES_NO_GREEN = _bands((0, 1.4), (1, 0.8))

SCORECARD: tuple[ScoreReason, ...] = (
    ScoreReason("_numOfFailedTransactions", "Failed payments in 24 hours", "failed_transactions_24h",
                _bands((0, 0.9), (1, 1.5), (2, 3), (4, 8), (8, 15)), _whole),
    ScoreReason("_accountAge", "Account age in days", "account_age",
                _bands((0, 2), (1, 1.3), (7, 0.9), (30, 0.7), (180, 0.5)), _whole),
    ScoreReason("_numOfOrderSameIp", "Orders from the same IP in 24 hours", "orders_by_ip_24h",
                _bands((0, 0.9), (3, 1.5), (6, 2.5), (15, 4)), _whole),
    ScoreReason("_numOfOrderSameUser", "Orders of the same user in 24 hours", "orders_by_user_24h",
                _bands((3, 2), (6, 5)), _whole),
    ScoreReason("_numOfOrderSameDevice", "Orders from the same device in 24 hours", "orders_by_device_24h",
                _bands((2, 2), (4, 4)), _whole),
    ScoreReason("_numOfOrderSameAddress", "Orders to the same address or phone in 7 days", "orders_by_address_7d",
                _bands((3, 2), (6, 4)), _whole),
    ScoreReason("_numAccountsWithSameIp", "Other users on the same IP in 7 days", "users_by_ip_7d",
                _bands((0, 0.9), (3, 1.5), (8, 2)), _whole),
    ScoreReason("_numAccountsWithSameDevice", "Other users on the same device in 30 days", "users_by_device_30d",
                _bands((0, 0.8), (1, 1.5), (2, 4), (4, 10)), _whole),
    ScoreReason("_numAccountsCreatedSameDevice", "Accounts created on the same device in 7 days",
                "accounts_by_device_7d", _bands((1, 2.5), (2, 6), (4, 10)), _whole),
    ScoreReason("_numAccountsWithSameCard", "Other users of the same card in 30 days", "users_by_card_30d",
                _bands((1, 2), (2, 5)), _whole),
    ScoreReason("_numAccountsWithSamePhone", "Other users of the same phone in 30 days", "users_by_phone_30d",
                _bands((1, 1.5), (2, 4)), _whole),
    ScoreReason("_numAccountsWithSameAddress", "Other users of the same address in 30 days", "users_by_address_30d",
                _bands((2, 1.8), (4, 4)), _whole),
    ScoreReason("_numOfCardsSameDevice", "Cards on the same device or IP in 24 hours", "cards_by_device_24h",
                _bands((3, 3), (6, 8)), _whole),
    ScoreReason("_numOfCardsSameUser", "Cards of the same user in 24 hours", "cards_by_user_24h",
                _bands((3, 4), (5, 8)), _whole),
    ScoreReason("_numOfPromotionsSameDevice", "Promotions on the same device, address or phone in 7 days",
                "promotions_by_device_7d", _bands((3, 3), (5, 6)), _whole),
    ScoreReason("_numOfFailedLogins", "Failed logins in 24 hours", "failed_logins_24h",
                _bands((3, 1.5), (6, 3)), _whole),
    ScoreReason("_failedLoginsNewDevice", "Failed logins, then a device new to the account",
                "failed_logins_then_new_device", _bands((1, 3), (3, 10)), _whole),
    ScoreReason("_isNewDevice", "Device new to the account", "is_new_device", _bands((0, 0.8), (1, 1.8)), _truth),
    ScoreReason("_isNewAddress", "Delivery address new to the account", "is_new_address",
                _bands((0, 0.8), (1, 1.6)), _truth),
    ScoreReason("_amountAgainstOwn", "Total against the user's mean", "amount_against_own_mean",
                _bands((3, 2), (6, 4)), _ratio),
    ScoreReason("_numOfRtoOrders", "Orders returned to origin before", "rto_ever",
                _bands((1, 4), (2, 12), (4, 25)), _whole),
    ScoreReason("_numOfChargebacks", "Orders charged back before", "chargebacks_ever",
                _bands((1, 12), (2, 30)), _whole),
    ScoreReason("_taggedBad", "Tagged as bad", "bad_tags", _bands((1, 100)), _whole),
    ScoreReason("_numOfDeliveredOrders", "Orders delivered before", "delivered_ever",
                _bands((1, 0.6), (3, 0.4)), _whole),
    ScoreReason("_codFirstOrder", "Cash on delivery and first order", "first_cash_order", _bands((1, 1.5)), _truth),
    ScoreReason("_secondsToOrder", "Seconds from the session's start to the order", "seconds_to_order",
                _bands((0, 2.5), (30, 1.2), (120, 0.9)), _whole),
    ScoreReason("_sameBillShippAddress", "Billing and delivery address are the same", "same_addresses",
                _YES_NO_GREEN, _truth),
    ScoreReason("_isFirstNameLastNameSame", "First and last name are the same", "name_twice", _bands((1, 3)), _truth),
    ScoreReason("_validEmail", "E-mail contains first or last name", "email_names_person", _YES_NO_GREEN, _truth),
    ScoreReason("_shipAddressHasSecondField", "Delivery address has a second line", "has_second_line",
                _bands((0, 1.2), (1, 0.9)), _truth),
    ScoreReason("_shortShippingAddress", "Length of the delivery address", "address_length",
                _bands((0, 2.5), (10, 1)), _whole),
    ScoreReason("_gibberishAddress", "Delivery address looks typed at random", "address_at_random",
                _bands((1, 3)), _truth),
    ScoreReason("_isOrdTransIpMatch", "Order and payment from the same IP", "ips_match",
                _bands((0, 2), (1, 0.9)), _truth),
)  # fmt: skip

_PRIOR_LOG_ODDS = math.log(PRIOR_ODDS)
_PICK = itemgetter(*(INDEX[reason.feature] for reason in SCORECARD))
_WEIGHTS = tuple(
    (tuple(band.at_least for band in reason.bands), tuple(math.log(band.odds) for band in reason.bands))
    for reason in SCORECARD
)
