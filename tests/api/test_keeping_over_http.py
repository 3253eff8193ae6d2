"""How long histories are kept, over HTTP: chosen once for the server, on record, and from the next start on."""

import json
from pathlib import Path

import pytest

from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow


def choose(served: Served, key: str, body: object, etag: str | None = "*") -> Reply:
    headers = {KEY_HEADER: key, **({} if etag is None else {"If-Match": etag})}
    return served.request("PUT", "/api/v1/keeping", json.dumps(body), headers)


def test_retention_is_chosen_over_what_was_seen_is_on_record_and_holds_from_the_next_start_on(tmp_path: Path) -> None:
    with Served(tmp_path, environment={"FOURTHWATCH_FORGET_AFTER_DAYS": "300"}) as served:
        key, other = served.key("ingest", "read", "manage"), served.key("manage", tenant="next")
        seen = served.get(key, "/api/v1/keeping")
        untold = {"days": 300, "days_next": 300, "days_setting": 300, "chosen_by": None, "chosen_at": None}
        assert seen.json["histories"] == untold
        assert choose(served, key, {"forget_after_days": 150}, etag=None).status == 428
        for body in ({"forget_after_days": 99}, {"forget_after_days": 36_501}, {"forget_after_days": "many"}, {},
                     {"forget_after_days": True}, {"forget_after_days": 150, "more": 1}):  # fmt: skip
            refused = choose(served, key, body)
            assert (refused.status, refused.json["pointer"]) == (400, "/forget_after_days"), body
        assert choose(served, other, {"forget_after_days": 150}).status == 403
        assert served.get(key, "/api/v1/keeping").json["histories"] == untold
        made = choose(served, key, {"forget_after_days": 150}, etag=seen.headers["etag"])
        assert made.status == 200
        histories = made.json["histories"]
        assert (histories["days"], histories["days_next"]) == (300, 150)
        assert choose(served, key, {"forget_after_days": 160}, etag=seen.headers["etag"]).status == 412
        (entry,) = served.get(key, "/api/v1/audit?action=retention.").json["entries"]
        assert (entry["action"], entry["thing"], entry["actor"]) == ("retention.set", "keeping", histories["chosen_by"])
        assert (entry["before"], entry["after"]) == ({"forget_after_days": None}, {"forget_after_days": 150})
        order = {"_orderId": "o-1", "_userId": "u-1", "_deviceId": "d-1"}
        assert served.send(key, "createOrder", order).status == 200
        served.stop()
        served.start()
        again = served.get(key, "/api/v1/keeping").json
        assert (again["histories"]["days"], again["histories"]["days_next"]) == (150, 150)
        assert next(row["days"] for row in again["kept"] if row["what"] == "histories") == 150
        recovered = json.loads(served.logs('"recovered"'))
        assert recovered["read_again"] == 1, "the snapshot of another horizon is not used"
        assert choose(served, key, {"forget_after_days": None}).json["histories"]["days_next"] == 300
