"""A person who is to be erased: asked for over HTTP while the server runs, gone at the next start."""

import json
from pathlib import Path

import pytest

from served import KEY_HEADER, Served, run

pytestmark = pytest.mark.slow

CANARY = "quince-marmalade-77"


def test_who_is_to_be_erased_is_gone_after_the_next_start_and_the_trail_does_not_say_who(tmp_path: Path) -> None:
    order = {"_orderId": "o-1", "_userId": CANARY, "_userEmail": f"{CANARY}@example.com", "_amount": "5.00"}
    with Served(tmp_path) as served:
        key = served.key("ingest", "read", "manage")
        other = served.key("ingest", "read", "manage", tenant="neighbour")
        for whose, order_id in ((key, "o-1"), (other, "o-2")):
            assert served.send(whose, "createOrder", {**order, "_orderId": order_id}).status == 200
        assert served.send(key, "createOrder", {"_orderId": "o-3", "_userId": "somebody"}).status == 200
        path = f"/api/v1/users/{CANARY}/erasure"
        assert served.request("PUT", path, "{}", {KEY_HEADER: key}).status == 202
        assert served.request("PUT", path, "{}", {KEY_HEADER: key}).status == 200
        assert [one["user_id"] for one in served.get(key, "/api/v1/erasures").json["erasures"]] == [CANARY]
        assert served.get(other, "/api/v1/erasures").json["erasures"] == []
        assert served.request("PUT", "/api/v1/users/somebody/erasure", "{}", {KEY_HEADER: key}).status == 202
        assert served.request("DELETE", "/api/v1/users/somebody/erasure", None, {KEY_HEADER: key}).status == 204
        assert served.request("DELETE", path, None, {KEY_HEADER: other}).status == 404
        assert served.request("PUT", "/api/v1/orders/o-1/claim", "{}", {KEY_HEADER: key}).status == 200
    with Served(tmp_path) as served:
        assert served.get(key, "/api/v1/orders/o-1").status == 404
        assert served.get(key, "/api/v1/claims").json["claims"] == []
        assert served.get(key, "/api/v1/orders/o-3").status == 200
        assert served.get(other, "/api/v1/orders/o-2").status == 200
        assert served.get(key, "/api/v1/erasures").json["erasures"] == []
        entries = served.get(key, "/api/v1/audit?limit=500").json["entries"]
        assert {"erasure.asked", "erasure.taken_back", "user.erased"} <= {row["action"] for row in entries}
        assert CANARY not in json.dumps(entries)
        assert not any(CANARY in line for line in served.log)
    assert run("doctor", "--data", str(tmp_path)).returncode == 0
    assert run("audit", "verify", "--data", str(tmp_path)).returncode == 0


def test_a_backup_made_over_http_serves_what_was_acknowledged_and_is_the_first_tenants_alone(tmp_path: Path) -> None:
    with Served(tmp_path / "data") as served:
        key = served.key("ingest", "read", "manage")
        other = served.key("read", "manage", tenant="neighbour")
        assert served.send(key, "createOrder", {"_orderId": "o-1", "_userId": "u"}).status == 200
        made = served.request("POST", "/api/v1/backups", "{}", {KEY_HEADER: key})
        assert made.status == 201
        assert served.send(key, "createOrder", {"_orderId": "o-2", "_userId": "u"}).status == 200
        assert [one["name"] for one in served.get(key, "/api/v1/backups").json["backups"]] == [made.json["name"]]
        assert served.get(other, "/api/v1/backups").status == 403
        assert served.request("POST", "/api/v1/backups", "{}", {KEY_HEADER: other}).status == 403
        assert served.get(other, "/api/v1/keeping").json["bytes"] == {}
        assert "fourthwatch.db" in served.get(key, "/api/v1/keeping").json["bytes"]
        entry = served.get(key, "/api/v1/audit?action=backup.made").json["entries"][0]
        assert entry["after"]["events"] == 1
    with Served(tmp_path / "data" / "backups" / made.json["name"]) as copy:
        assert copy.get(key, "/api/v1/orders/o-1").status == 200
        assert copy.get(key, "/api/v1/orders/o-2").status == 404
    out = tmp_path / "by-hand"
    assert run("backup", "--data", str(tmp_path / "data"), "--out", str(out)).returncode == 0
    assert run("doctor", "--data", str(out)).returncode == 0
    assert run("backup", "--data", str(tmp_path / "data"), "--out", str(out)).returncode != 0
