"""The features that the first scorecard reads, and the order in which they stand in the vector of a decision."""

from fourthwatch.features.definition import Feature

_PEOPLE = ("user", "phone", "address", "device", "card", "email")


def greatest(form: str, *entities: str) -> str:
    """The greatest of one aggregate over several entities; `form` has `{}` where the entity stands.

    >>> greatest("count(order, by {})", "ip", "card")
    'greatest(count(order, by ip), count(order, by card))'
    """
    return f"greatest({', '.join(form.format(entity) for entity in entities)})"


DECIDING_ROWS: tuple[Feature, ...] = (
    Feature("failed_transactions_24h",
            greatest('count(transaction where outcome == "failure", by {}, last 24h)', "user", "card", "device", "ip"),
            "payments", "failed payments in 24 hours by the same user, card, device or IP", "_numOfFailedTransactions"),
    Feature("account_age", "default(since_first(signup, by account), since_first(by account)) / 1d", "days",
            "days since the account was created, or first heard of", "_accountAge"),
    Feature("orders_by_ip_24h", "count(order, by ip, last 24h)", "orders",
            "other orders from the same IP in 24 hours", "_numOfOrderSameIp"),
    Feature("orders_by_user_24h", "count(order, by user, last 24h)", "orders",
            "other orders of the same user in 24 hours"),
    Feature("orders_by_device_24h", "count(order, by device, last 24h)", "orders",
            "other orders from the same device in 24 hours"),
    Feature("orders_by_address_7d", greatest("count(order, by {}, last 7d)", "address", "phone"), "orders",
            "other orders to the same address or phone in 7 days"),
    Feature("users_by_ip_7d", "distinct(other user, by ip, last 7d)", "users",
            "other users on the same IP in 7 days", "_numAccountsWithSameIp"),
    Feature("users_by_device_30d", "distinct(other user, by device, last 30d)", "users",
            "other users on the same device in 30 days"),
    Feature("users_by_card_30d", "distinct(other user, by card, last 30d)", "users",
            "other users of the same card in 30 days"),
    Feature("users_by_phone_30d", "distinct(other user, by phone, last 30d)", "users",
            "other users of the same phone in 30 days"),
    Feature("users_by_address_30d", "distinct(other user, by address, last 30d)", "users",
            "other users of the same delivery address in 30 days"),
    Feature("cards_by_device_24h", greatest("distinct(card, by {}, last 24h)", "device", "ip"), "cards",
            "cards used on the same device or IP in 24 hours"),
    Feature("cards_by_user_24h", "distinct(card, by user, last 24h)", "cards",
            "cards used by the same user in 24 hours"),
    Feature("promotions_by_device_7d", greatest("distinct(redemption, by {}, last 7d)", "device", "address", "phone"),
            "promotions", "promotions used on the same device, address or phone in 7 days"),
    Feature("accounts_by_device_7d", "count(signup, by device, last 7d)", "accounts",
            "accounts created on the same device in 7 days"),
    Feature("failed_logins_by_user_24h", 'count(login where outcome == "failure", by user, last 24h)', "logins",
            "failed logins of the same user in 24 hours"),
    Feature("failed_logins_24h",
            greatest('count(login where outcome == "failure", by {}, last 24h)', "user", "device", "ip"), "logins",
            "failed logins of the same user, device or IP in 24 hours"),
    Feature("is_new_device", "if_else(seen(device, by user), 0, 1)", "0 or 1",
            "a known user on a device never seen with the account"),
    Feature("is_new_address", "if_else(seen(address, by user), 0, 1)", "0 or 1",
            "a known user with a delivery address never seen with the account"),
    Feature("failed_logins_then_new_device",
            "if_else(failed_logins_by_user_24h == 0, 0, failed_logins_by_user_24h * is_new_device)", "logins",
            "failed logins of the account in 24 hours, on a device new to it"),
    Feature("amount_against_own_mean", "amount / mean(amount of order, by user)", "ratio",
            "total of the order against the mean of the user's earlier orders"),
    Feature("rto_ever", greatest('count(delivery where state == "rto", by {})', *_PEOPLE), "orders",
            "orders of the same user, phone, address, device, card or e-mail refused"),
    Feature("chargebacks_ever", greatest("count(chargeback where not is_won, by {})", *_PEOPLE), "orders",
            "orders of the same user, phone, address, device, card or e-mail disputed"),
    Feature("bad_tags", "standing_tags", "tags", "tags that mark the user as bad"),
    Feature("delivered_ever", 'count(delivery where state == "fulfilled", by user)', "orders",
            "orders of the same user delivered"),
    Feature("first_cash_order", "paid_on_delivery and count(order, by user) == 0", "0 or 1",
            "cash on delivery, and the first order of the user"),
    Feature("cart_changes_1h", "count(cart, by user, last 1h)", "changes",
            "items put into or taken out of the cart in the hour before"),
    Feature("seconds_to_order", "since_first(by session)", "seconds",
            "seconds from the first event of the session"),
)  # fmt: skip

DECIDING: tuple[str, ...] = (
    "failed_transactions_24h", "account_age", "orders_by_ip_24h", "orders_by_user_24h", "orders_by_device_24h",
    "orders_by_address_7d", "users_by_ip_7d", "users_by_device_30d", "users_by_card_30d", "users_by_phone_30d",
    "users_by_address_30d", "cards_by_device_24h", "cards_by_user_24h", "promotions_by_device_7d",
    "accounts_by_device_7d", "failed_logins_24h", "failed_logins_then_new_device", "is_new_device", "is_new_address",
    "amount", "amount_against_own_mean", "rto_ever", "chargebacks_ever", "bad_tags", "delivered_ever",
    "first_cash_order", "cart_changes_1h", "seconds_to_order", "same_addresses", "name_twice", "email_names_person",
    "email_digits", "has_second_line", "address_length", "address_at_random", "ips_match",
)  # fmt: skip
"""Names in a vector's order."""
