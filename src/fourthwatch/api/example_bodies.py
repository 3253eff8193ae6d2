"""A body of every call of the old contract, for the description: an order of one invented shopper, from cart to parcel.

The one rule: each is taken as it stands, without a warning; a test sends them all.
"""

from typing import Any, Final

_ADDRESS: Final = {
    "_name": "Asha Rao", "_phone": "+912071170000", "_address1": "12 Lotus Street", "_address2": "Flat 4",
    "_city": "Pune", "_region": "Maharashtra", "_country": "IN", "_zipcode": "411001",
}  # fmt: skip
_ITEM: Final = {
    "_itemId": "B004834GQO", "_productTitle": "Desk lamp", "_price": "1299.00", "_currencyCode": "INR",
    "_category": "lighting", "_quantity": 1, "_seller": {"_sellerId": "seller-7", "_name": "Example Lights"},
}  # fmt: skip
_CARD: Final = {
    "_paymentType": "_credit_card", "_paymentGateway": "razorpay", "_amount": "1499.00", "_currencyCode": "INR",
    "_cardBin": "542486", "_cardLast4": "4444", "_cardExpiryMonth": "12", "_cardExpiryYear": "2030",
    "_avsResponseCode": "Y", "_cvvResponseCode": "M",
}  # fmt: skip
_PROMOTION: Final = {
    "_promotionId": "WELCOME10", "_status": "_success", "_type": "discount", "_percentageOff": "10",
    "_currencyCode": "INR",
}  # fmt: skip
_SHOPPER: Final = {"_userId": "user-1001", "_sessionId": "session-77", "_deviceIp": "203.0.113.7"}
_ACCOUNT: Final = {
    **_SHOPPER, "_userEmail": "asha.rao@example.com", "_firstName": "Asha", "_lastName": "Rao",
    "_phone": "+912071170000", "_billingAddress": _ADDRESS, "_shippingAddress": _ADDRESS,
    "_emailConfirmedStatus": "_success", "_isNewsletterSubscribed": True, "_accountStatus": "_active",
}  # fmt: skip
_ORDER: Final = {
    **_SHOPPER, "_orderId": "ord-5001", "_userEmail": "asha.rao@example.com", "_amount": "1499.00",
    "_currencyCode": "INR", "_isPrePaid": True, "_isFirstTimeBuyer": True, "_shippingMethod": "courier",
    "_billingAddress": _ADDRESS, "_shippingAddress": _ADDRESS, "_paymentMethods": [_CARD],
    "_promotions": [_PROMOTION], "_items": [_ITEM],
}  # fmt: skip

OF_EVENTS: Final[dict[str, dict[str, Any]]] = {
    "create_account": _ACCOUNT,
    "update_account": {**_ACCOUNT, "_phoneConfirmedStatus": "_success"},
    "login": {**_SHOPPER, "_loginStatus": "_success"},
    "logout": {"_userId": "user-1001", "_sessionId": "session-77"},
    "link_session_to_user": {"_userId": "user-1001", "_sessionId": "session-77"},
    "add_to_cart": {**_SHOPPER, "_item": _ITEM},
    "remove_from_cart": {**_SHOPPER, "_item": _ITEM},
    "createOrder": _ORDER,
    "update_order": {**_ORDER, "_shippingMethod": "express"},
    "order_status": {"_orderId": "ord-5001", "_orderStatus": "_fulfilled", "_trackingNumber": "AWB-1"},
    "item_status": {"_orderId": "ord-5001", "_itemId": "B004834GQO", "_itemStatus": "_returned", "_reason": "broken"},
    "transaction": {
        **_SHOPPER, "_orderId": "ord-5001", "_transactionId": "txn-1", "_transactionType": "_sale",
        "_transactionStatus": "_success", "_amount": "1499.00", "_currencyCode": "INR", "_paymentMethod": _CARD,
    },
    "chargeback": {
        "_userId": "user-1001", "_orderId": "ord-5001", "_transactionId": "txn-1", "_chargebackState": "_received",
        "_chargebackReason": "_fraud",
    },
    "add_promotion": {**_SHOPPER, "_promotions": [_PROMOTION]},
    "submit_review": {
        **_SHOPPER, "_itemId": "B004834GQO", "_rating": "4", "_reviewTitle": "Bright", "_reviewContent": "As shown.",
        "_submissionStatus": "_success",
    },
    "send_message": {**_SHOPPER, "_recipientUserId": "seller-7", "_subject": "Delivery", "_content": "When?"},
    "report_item": {**_SHOPPER, "_itemId": "B004834GQO"},
    "tag": {"_userId": "user-1001", "_isBad": True, "_abuseType": "payment_abuse", "_analyst": "analyst@example.com"},
    "untag": {"_userId": "user-1001", "_abuseType": "payment_abuse", "_analyst": "analyst@example.com"},
    "custom_event": {
        **_SHOPPER, "_eventName": "parcel_weighed", "_orderId": "ord-5001",
        "_customInfo": {"grams": 812, "scale": {"dock": 3, "checked": True}},
    },
}  # fmt: skip

POSTBACKS: Final = {
    "secret": "KEY", "score_postback": "https://shop.example.com/score",
    "action_postback": "https://shop.example.com/action",
}  # fmt: skip
MERCHANT_DECISION: Final = {
    "secret": "KEY", "order_id": "ord-5001", "action_type": "approved", "message": "called the customer",
}  # fmt: skip
RAZORPAY_ORDER: Final = {
    "device": {"ip": "203.0.113.7", "session_id": "session-77", "user-agent": "Mozilla/5.0"},
    "user": {"id": "user-1001", "email": "asha.rao@example.com", "contact": "+912071170000"},
    "order": {"id": "ord-5002", "amount": "149900", "currency": "INR", "prepaid": True},
}  # fmt: skip
