"""Call everything that one `thirdwatch_api` can call; run in a process of its own with that client on its path.

Reads a plan as JSON from standard input and prints one JSON object per call: what the client returned or raised, the
raw reply, and the body that the client made of its model. Knows the client only by its own descriptions.
"""

import json
import re
import sys
from typing import Any

_TEXT = {
    "device_ip": "203.0.113.24",
    "onboarding_ip_address": "203.0.113.77",
    "origin_timestamp": "1524585600000",
    "user_email": "asha.rao@example.com",
    "email": "seller@example.com",
    "country": "IN",
    "currency_code": "INR",
    "phone": "+919812345678",
    "amount": "500.50",
    "price": "250.25",
    "card_bin": "411111",
    "card_last4": "1111",
    "card_expiry_month": "12",
    "card_expiry_year": "2030",
    "cvv_response_code": "M",
    "transaction_status": "_success",
    "order_status": "_approved",
    "address2": "Näher Straße 5 / Sector 9",
}
"""By attribute; every other text is made up from the attribute's name."""


def main() -> None:
    """Run the plan."""
    import thirdwatch_api  # type: ignore[import-not-found]  # only there when this runs

    plan = json.load(sys.stdin)
    configuration = thirdwatch_api.Configuration()
    configuration.host = plan["host"]
    configuration.ssl_ca_cert = plan["certificate"]
    configuration.api_key["X-THIRDWATCH-API-KEY"] = plan["key"]
    if plan["prefix"] is not None:
        configuration.api_key_prefix["X-THIRDWATCH-API-KEY"] = plan["prefix"]
    for name in sorted(dir(thirdwatch_api)):
        if name.endswith("Api"):
            print(json.dumps(_call(thirdwatch_api, getattr(thirdwatch_api, name)(), plan)))


def _call(client: Any, api: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """The one call of an API class, with every field of its model filled."""
    (method,) = (name for name in vars(type(api)) if not name.startswith("_") and not name.endswith("_with_http_info"))
    described = re.search(r":param (\w+) (?:body|json):", getattr(api, method).__doc__)
    assert described is not None
    body = _filled(client, described.group(1), plan)
    for attribute, value in plan["set"].items():
        if attribute in body.swagger_types:
            setattr(body, attribute, value)
    result: dict[str, Any] = {"call": method, "sent": api.api_client.sanitize_for_serialization(body)}
    try:
        result["message"] = getattr(api, method)(body).message
        result["status"] = api.api_client.last_response.status
        result["reply"] = json.loads(api.api_client.last_response.data)
    except client.rest.ApiException as error:
        result["raised"] = {"status": error.status, "body": error.body}
    return result


def _filled(client: Any, model: str, plan: dict[str, Any]) -> Any:
    instance = getattr(client, model)()
    for attribute, kind in instance.swagger_types.items():
        setattr(instance, attribute, _value(client, attribute, kind, plan))
    return instance


def _value(client: Any, attribute: str, kind: str, plan: dict[str, Any]) -> Any:
    inside = re.fullmatch(r"list\[(\w+)\]", kind)
    if inside is not None:
        return [_value(client, attribute, inside.group(1), plan) for _ in range(2)]
    if kind == "CustomInfo" and plan["custom_info"] is not None:
        return plan["custom_info"]
    if kind in ("str", "bool", "int"):
        text = _TEXT.get(attribute) or f"{attribute}-{plan['run']}"
        return {"str": text, "bool": True, "int": 3}[kind]
    return _filled(client, kind, plan)


if __name__ == "__main__":
    main()
