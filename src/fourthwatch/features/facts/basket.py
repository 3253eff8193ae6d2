"""Facts of what is bought, from whom, and how the order is to be delivered."""

from fourthwatch.clock import DAY_MS
from fourthwatch.entities.country import country_code
from fourthwatch.events import AddToCart, CreateOrder, Item, RemoveFromCart
from fourthwatch.features.facts.fact import Compute, Fact, country_of, said, truth
from fourthwatch.features.subject import Subject, minor_per_main, minor_units
from fourthwatch.limits import ITEMS_MAX
from fourthwatch.wire.times import read_timestamp_ms


def _items(subject: Subject) -> tuple[Item, ...] | None:
    """Of the order, at most 200; of a cart event its one item. `None`: nothing listed."""
    event = subject.event
    if isinstance(event, AddToCart | RemoveFromCart):
        return None if event.item is None else (event.item,)
    if subject.order is None or not subject.order.items:
        return None
    return subject.order.items[:ITEMS_MAX]


def _line_count(subject: Subject) -> float | None:
    items = _items(subject)
    return None if items is None else len(items)


def _quantities(subject: Subject) -> list[int] | None:
    """One per line; unknown as soon as one line does not say."""
    items = _items(subject)
    if items is None:
        return None
    quantities = [item.quantity for item in items if item.quantity is not None and item.quantity >= 0]
    return quantities if len(quantities) == len(items) else None


def _pieces(subject: Subject) -> float | None:
    quantities = _quantities(subject)
    return None if quantities is None else float(sum(quantities))


def _greatest_quantity(subject: Subject) -> float | None:
    quantities = _quantities(subject)
    return None if quantities is None else float(max(quantities))


def _category_count(subject: Subject) -> float | None:
    items = _items(subject)
    categories = {category.lower() for item in items or () if (category := said(item.category)) is not None}
    return len(categories) or None


def _prices(subject: Subject) -> list[float] | None:
    """In main units; unknown as soon as one line does not say."""
    prices = []
    for item in _items(subject) or ():
        price = minor_units(item.price, item.currency_code)
        if price is None or price < 0:
            return None
        prices.append(price / minor_per_main(item.currency_code))
    return prices or None


def _dearest(subject: Subject) -> float | None:
    prices = _prices(subject)
    return None if prices is None else max(prices)


def _dearest_share(subject: Subject) -> float | None:
    """Of the sum of the listed prices, as listed: some shops list lines, others pieces."""
    prices = _prices(subject)
    total = 0 if prices is None else sum(prices)
    return None if prices is None or not total else max(prices) / total


def _on_sale_share(subject: Subject) -> float | None:
    items = _items(subject)
    told = [item.is_on_sale for item in items or () if item.is_on_sale is not None]
    return sum(told) / len(told) if told else None


def _discounted_share(subject: Subject) -> float | None:
    """How much the lines' own discounts take off; unknown where no line has both prices."""
    before = after = 0
    for item in _items(subject) or ():
        price = minor_units(item.price, item.currency_code)
        lowered = minor_units(item.discount_price, item.currency_code)
        if price is not None and lowered is not None and 0 <= lowered <= price:
            before, after = before + price, after + lowered
    return 1 - after / before if before else None


def _at_most_allowed(subject: Subject) -> float | None:
    """Whether any line takes all that one user may have."""
    told = [
        item.quantity >= item.max_quantity
        for item in _items(subject) or ()
        if item.quantity is not None and item.max_quantity is not None and item.max_quantity > 0
    ]
    return truth(any(told)) if told else None


def _from_abroad(subject: Subject) -> float | None:
    to = country_of(subject)
    origins = {code for item in _items(subject) or () if (code := country_code(item.country)) is not None}
    return None if to is None or not origins else truth(bool(origins - {to}))


def _seller_count(subject: Subject) -> float | None:
    sellers = {
        seller for item in _items(subject) or () if item.seller is not None
        and (seller := said(item.seller.seller_id)) is not None
    }  # fmt: skip
    return len(sellers) or None


def _seller_age_days(subject: Subject) -> float | None:
    """Of the youngest seller in the order."""
    ages = []
    for item in _items(subject) or ():
        created = None if item.seller is None else item.seller.created_date
        created_ms = None if created is None else read_timestamp_ms(created)
        if created_ms is not None:
            ages.append(max(0, subject.occurred_ms - created_ms) / DAY_MS)
    return min(ages, default=None)


def _is_seller_buyer(subject: Subject) -> float | None:
    """Whether a seller's id, e-mail or onboarding IP is the buyer's own."""
    involved = subject.involved
    told = []
    for item in _items(subject) or ():
        if item.seller is not None:
            pairs = (
                (said(item.seller.seller_id), involved.user),
                (said(item.seller.email), getattr(subject.order, "user_email", None)),
                (said(item.seller.onboarding_ip_address), involved.ip),
            )
            told += [ours.lower() == theirs.lower() for ours, theirs in pairs if ours is not None and theirs]
    return truth(any(told)) if told else None


def _order_says(attribute: str) -> Compute:
    def compute(subject: Subject) -> float | None:
        told: bool | None = getattr(subject.order, attribute, None)
        return truth(told)

    return compute


def _is_first_order_told(subject: Subject) -> float | None:
    own: bool | None = getattr(subject.event, "is_first_time_buyer", None)
    if own is None and isinstance(subject.order, CreateOrder):
        own = subject.order.is_first_time_buyer
    return truth(own)


def _is_electronic(subject: Subject) -> float | None:
    method = None if subject.order is None else said(subject.order.shipping_method)
    return None if method is None else truth(method.lower() in ("_electronic", "electronic", "digital", "download"))


def _is_referred(subject: Subject) -> float | None:
    return None if subject.order is None else truth(said(subject.order.order_referrer) is not None)


BASKET_FACTS: tuple[Fact, ...] = (
    Fact("order_lines", "items", "different items in the order or cart step", _line_count, "many_items"),
    Fact("order_pieces", "pieces", "pieces of all items together", _pieces, "large_quantity"),
    Fact("greatest_quantity", "pieces", "pieces of the item that is bought most of", _greatest_quantity,
         "bulk_purchase"),
    Fact("takes_all_allowed", "0 or 1", "takes as many of an item as one buyer may have", _at_most_allowed,
         "quantity_limit_reached"),
    Fact("categories_in_order", "categories", "different categories in the order", _category_count,
         "mixed_categories"),
    Fact("dearest_item", "main units", "highest price listed in the order", _dearest, "expensive_item"),
    Fact("dearest_item_share", "ratio", "share of the highest price in the sum of the listed prices", _dearest_share,
         "single_expensive_item"),
    Fact("on_sale_share", "ratio", "share of the items that are on sale", _on_sale_share, "items_on_sale"),
    Fact("item_discount_share", "ratio", "share that the items' own discounts take off", _discounted_share,
         "discounted_items"),
    Fact("items_from_abroad", "0 or 1", "an item comes from another country than it is delivered to", _from_abroad,
         "cross_border_items"),
    Fact("sellers_in_order", "sellers", "different sellers in the order", _seller_count, "several_sellers"),
    Fact("seller_age", "days", "days since the youngest seller registered", _seller_age_days, "new_seller"),
    Fact("buyer_is_seller", "0 or 1", "the buyer and a seller share an id, an e-mail or an IP", _is_seller_buyer,
         "buyer_is_seller"),
    Fact("is_gift", "0 or 1", "the order is a gift", _order_says("is_gift"), "gift_order"),
    Fact("is_expedited", "0 or 1", "fast delivery was asked for", _order_says("has_expedited_shipping"),
         "expedited_shipping"),
    Fact("is_return", "0 or 1", "the order is a return", _order_says("is_return"), "return_order"),
    Fact("is_electronic", "0 or 1", "delivered by download or mail, so nothing can be stopped on its way",
         _is_electronic, "electronic_delivery"),
    Fact("is_first_order_told", "0 or 1", "the shop says that it is the buyer's first order", _is_first_order_told,
         "new_customer_on_your_store"),
    Fact("order_is_referred", "0 or 1", "somebody or some site referred the buyer", _is_referred, "referred_order"),
)  # fmt: skip
