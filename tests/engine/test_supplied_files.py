"""The operator's files in the walk: facts and a shop's own features follow them, decisions name them."""

from pathlib import Path
from random import Random

import msgspec

from engine.till import Till
from fourthwatch.decision import Policy
from fourthwatch.engine.walk import Walk
from fourthwatch.entities.supplied import Supplied, read_supplied
from fourthwatch.features.definition import Feature
from fourthwatch.features.windows import Windows


def told(directory: Path, supplied: Supplied | None) -> tuple[dict[str, float | None], dict[str, str] | None]:
    till = Till(directory)
    book = Windows().book.for_tenant()
    for name, text in {
        "abroad": "ip_country_differs",
        "countries": "distinct(ip_country of login, by user, last 7d)",
        "racks": "count(login where ip_asn == 64501, by user)",
    }.items():
        book.add(Feature(name, text, "", "", tenant=1))
    windows = Windows(own={1: book}, supplied=supplied)
    windows.completed(windows.incomplete())
    till.walk = Walk(till.ledger, windows, Policy(), Random(1).randbytes)
    for ip in ("203.0.113.7", "203.0.113.8", "203.0.113.200", "192.0.2.1"):
        till.tell("login", _userId="asha", _deviceIp=ip)
    till.tell(
        "createOrder", _orderId="o-1", _userId="asha", _deviceIp="203.0.113.7", _shippingAddress={"_country": "US"}
    )
    made = till.rows()[-1][1]
    assert made is not None
    decision = msgspec.json.decode(made.detail)
    till.close()
    return decision["own"], decision["versions"].get("files")


def test_a_decision_follows_the_files_and_names_them(tmp_path: Path) -> None:
    table = tmp_path / "ips.csv"
    table.write_text("203.0.113.0,203.0.113.99,64500,IN\n203.0.113.100,203.0.113.255,64501,US\n", "utf-8")
    own, files = told(tmp_path / "with", read_supplied((table,), None))
    assert own == {"abroad": 1, "countries": 2, "racks": 1}
    assert files is not None
    assert files["ips.csv"].startswith("sha256:")


def test_without_files_it_is_unknown_and_nothing_is_named(tmp_path: Path) -> None:
    assert told(tmp_path, None) == ({"abroad": None, "countries": 0, "racks": 0}, None)
