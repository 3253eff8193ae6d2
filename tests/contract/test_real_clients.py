"""The old service's own Python clients, unmodified, in all three published versions, against the served program."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contract.shop import Shop, fresh
from install_clients import VERSIONS, directory_of, is_installed

pytestmark = pytest.mark.slow

DRIVER = Path(__file__).parent / "client_driver.py"
CALLS = {
    "add_promotion": "add_promotion",
    "add_to_cart": "add_to_cart",
    "chargeback": "chargeback",
    "create_account": "create_account",
    "create_order": "createOrder",
    "custom_event": "custom_event",
    "item_status": "item_status",
    "link_session_to_user": "link_session_to_user",
    "login": "login",
    "logout": "logout",
    "order_status": "order_status",
    "remove_from_cart": "remove_from_cart",
    "report_item": "report_item",
    "send_message": "send_message",
    "submit_review": "submit_review",
    "tag_user": "tag",
    "transaction": "transaction",
    "un_tag_user": "untag",
    "update_account": "update_account",
    "update_order": "update_order",
}
"""The client's word for a call, and ours for the kind of event."""
CUSTOM_INFO = {"coupon_page": "spring", "Größe": "XL"}


@pytest.fixture(params=["http", "https"])
def base(request: pytest.FixtureRequest, shop: Shop, tls_shop: Shop) -> tuple[Shop, str, str | None]:
    """A shop, the base address that a client is given for it, and the certificate it is told to trust."""
    if request.param == "http":
        return shop, f"http://127.0.0.1:{shop.served.port}/event", None
    certificate = tls_shop.served.directory / "tls-certificate.pem"
    return tls_shop, f"https://localhost:{tls_shop.served.port}/event", str(certificate)


def calls(version: str, **plan: Any) -> list[dict[str, Any]]:
    """What came of each call of that version of the client."""
    assert is_installed(version), "run python tests/install_clients.py first; make test does"
    full = {"prefix": None, "custom_info": None, "certificate": None, "run": fresh("run"), "set": {}, **plan}
    environment = {**os.environ, "PYTHONPATH": str(directory_of(version)), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, str(DRIVER)], input=json.dumps(full), capture_output=True, text=True, env=environment,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def names_of(version: str) -> set[str]:
    """The calls that this version has."""
    return set(CALLS) - ({"item_status"} if version == "0.0.1" else set())


@pytest.mark.parametrize(
    ("custom_info", "prefix"), [(None, None), (CUSTOM_INFO, "Token")], ids=["model-bare", "dict-prefixed"]
)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_call_of_the_client_succeeds_and_its_event_is_stored_as_it_sent_it(
    base: tuple[Shop, str, str | None], version: str, custom_info: dict[str, str] | None, prefix: str | None
) -> None:
    shop, host, certificate = base
    made = calls(
        version, host=host, certificate=certificate, key=shop.key, prefix=prefix, custom_info=custom_info
    )  # fmt: skip
    assert {call["call"] for call in made} == names_of(version)
    for call in made:
        assert call.get("raised") is None, call
        assert call["status"] == 200
        assert isinstance(call["message"], str)
        assert call["message"]
        stored = shop.event(call["reply"]["event_id"])
        assert stored["event"] == CALLS[call["call"]]
        assert stored["body"] == call["sent"]
        assert stored["body"]["_customInfo"] == (custom_info or {})


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_client_sent_about_an_order_stands_in_its_timeline(shop: Shop, version: str) -> None:
    host = f"http://127.0.0.1:{shop.served.port}/event"
    order_id = fresh("order")
    made = calls(version, host=host, key=shop.key, set={"order_id": order_id})
    about = [call for call in made if "_orderId" in call["sent"]]
    timeline = shop.order(order_id)["timeline"]
    assert len(about) >= 5
    assert [entry["event_id"] for entry in timeline] == [call["reply"]["event_id"] for call in about]
    assert [entry["body"] for entry in timeline] == [call["sent"] for call in about]


@pytest.mark.parametrize("version", VERSIONS)
def test_orders_and_payments_of_a_client_come_back_decided(shop: Shop, version: str) -> None:
    made = calls(version, host=f"http://127.0.0.1:{shop.served.port}/event", key=shop.key)
    decided = {call["call"] for call in made if "score" in call["reply"]}
    assert decided == {"create_order", "update_order", "transaction"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_with_a_wrong_key_raises_401_with_a_readable_body(
    base: tuple[Shop, str, str | None], version: str
) -> None:
    shop, host, certificate = base
    before = shop.stored()
    made = calls(version, host=host, certificate=certificate, key="fw_" + "x" * 27)
    assert {call["raised"]["status"] for call in made} == {401}
    for call in made:
        body = json.loads(call["raised"]["body"])
        assert body["error"] == body["message"]
    assert shop.stored() == before


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_that_leaves_the_order_id_empty_gets_400_where_the_contract_requires_one(
    shop: Shop, version: str
) -> None:
    made = calls(version, host=f"http://127.0.0.1:{shop.served.port}/event", key=shop.key, set={"order_id": ""})
    refused = {call["call"]: call["raised"]["status"] for call in made if "raised" in call}
    assert refused == {"create_order": 400, "update_order": 400, "transaction": 400}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_that_does_not_trust_the_certificate_never_reaches_the_shop(tls_shop: Shop, version: str) -> None:
    before = tls_shop.stored()
    done = subprocess.run(
        [sys.executable, str(DRIVER)],
        input=json.dumps(
            {
                "host": f"https://localhost:{tls_shop.served.port}/event", "certificate": None, "key": tls_shop.key,
                "prefix": None, "custom_info": None, "run": fresh("run"), "set": {},
            }
        ),
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(directory_of(version))},
    )  # fmt: skip
    assert done.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr
    assert tls_shop.stored() == before


def test_every_kind_of_event_is_called_by_some_client() -> None:
    from fourthwatch.events import KINDS

    assert set(CALLS.values()) == {kind.name for kind in KINDS}
