"""What the console can do, a script can do: claims, presence, notes, saved views, trials, asking for confirmation."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from served import KEY_HEADER, Reply, Served

pytestmark = pytest.mark.slow

ORDER = {"_orderId": "o-1", "_userId": "u-1", "_amount": "499.00", "_currencyCode": "INR", "_deviceIp": "198.51.100.7"}


class Desk:
    """One server, two keys of one tenant, and one of a neighbour."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.asha = served.key("ingest", "read", "manage", name="asha")
        self.omar = served.key("read", "manage", name="omar")
        self.neighbour = served.key("ingest", "read", "manage", name="theirs", tenant="neighbour")
        self.send(ORDER)

    def send(self, body: dict[str, Any]) -> None:
        assert self.served.send(self.asha, "createOrder", body).status == 200

    def ask(self, key: str, method: str, path: str, body: str | None = None) -> Reply:
        return self.served.request(method, "/api/v1/" + path, body, {KEY_HEADER: key})

    def actions(self, thing: str) -> list[str]:
        found = self.ask(self.asha, "GET", f"audit?thing={thing}").json["entries"]
        return [row["action"] for row in found]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Served(tmp_path_factory.mktemp("desk")) as served:
        yield Desk(served)


def test_a_claim_is_one_persons_until_it_is_let_go_or_taken_by_force(desk: Desk) -> None:
    path = "orders/o-1/claim"
    assert desk.ask(desk.asha, "GET", path).status == 404
    taken = desk.ask(desk.asha, "PUT", path, '{"name": "Asha"}')
    assert (taken.status, taken.json["name"]) == (200, "Asha")
    refused = desk.ask(desk.omar, "PUT", path, "{}")
    assert (refused.status, refused.json["code"]) == (409, "in_use")
    assert "Asha" in refused.json["detail"]
    assert desk.ask(desk.omar, "DELETE", path).status == 409
    assert desk.ask(desk.asha, "PUT", path, '{"name": "Asha", "minutes": 60}').json["until"] > taken.json["until"]
    assert [row["order_id"] for row in desk.ask(desk.omar, "GET", "claims").json["claims"]] == ["o-1"]
    assert desk.ask(desk.omar, "PUT", path + "?force=true", '{"name": "Omar"}').json["name"] == "Omar"
    assert desk.ask(desk.omar, "DELETE", path).status == 204
    assert desk.ask(desk.asha, "GET", "claims").json == {"claims": [], "next": None}
    assert desk.actions("orders/o-1") == ["claim.released", "claim.taken", "claim.taken", "claim.taken"]


def test_a_claim_is_still_there_after_a_restart_and_no_other_tenants(desk: Desk, tmp_path: Any) -> None:
    with Served(tmp_path) as served:
        key = served.key("ingest", "read", "manage")
        assert served.send(key, "createOrder", ORDER).status == 200
        made = served.request("PUT", "/api/v1/orders/o-1/claim", "{}", {KEY_HEADER: key})
        assert made.status == 200
    with Served(tmp_path) as served:
        assert served.get(key, "/api/v1/orders/o-1/claim").json == made.json
        other = served.key("read", "manage", tenant="neighbour")
        assert served.get(other, "/api/v1/orders/o-1/claim").status == 404
        assert served.get(other, "/api/v1/claims").json["claims"] == []


@pytest.mark.parametrize("body", ['{"minutes": 0}', '{"minutes": 481}', '{"name": 1}', '{"until": "x"}', "[]"])
def test_what_is_no_claim_is_refused_and_nothing_is_kept(desk: Desk, body: str) -> None:
    assert desk.ask(desk.asha, "PUT", "orders/o-1/claim", body).status == 400
    assert desk.ask(desk.asha, "GET", "orders/o-1/claim").status == 404
    assert desk.ask(desk.asha, "PUT", "orders/never-was/claim", "{}").status == 404


def test_two_who_look_at_an_order_hear_of_each_other_and_nobody_of_another_tenant_does(desk: Desk) -> None:
    path = "orders/o-1/presence"
    assert desk.ask(desk.asha, "POST", path, '{"name": "Asha"}').json == {"looking": [], "claim": None}
    assert desk.ask(desk.omar, "POST", path, '{"name": "Omar"}').json["looking"] == ["Asha"]
    assert desk.ask(desk.asha, "POST", path, '{"name": "Asha"}').json["looking"] == ["Omar"]
    assert desk.ask(desk.neighbour, "POST", path, "{}").json["looking"] == []


def test_notes_are_events_of_ours_listed_oldest_first(desk: Desk) -> None:
    desk.send({**ORDER, "_orderId": "o-notes"})
    path = "orders/o-notes/notes"
    assert desk.ask(desk.asha, "GET", path).json == {"notes": [], "next": None}
    for number in range(3):
        made = desk.ask(desk.asha, "POST", path, f'{{"text": "note {number}", "author": "Asha"}}')
        assert made.status == 201
    first = desk.ask(desk.omar, "GET", path + "?limit=2").json
    rest = desk.ask(desk.omar, "GET", f"{path}?limit=2&cursor={first['next']}").json
    assert [note["text"] for note in first["notes"] + rest["notes"]] == ["note 0", "note 1", "note 2"]
    assert rest["next"] is None
    event = desk.ask(desk.asha, "GET", f"events/{made.json['event_id']}").json
    assert (event["event"], event["name"], event["own"]) == ("custom_event", "note", True)
    assert desk.ask(desk.neighbour, "GET", path).status == 404
    assert desk.ask(desk.asha, "POST", "orders/never-was/notes", '{"text": "x"}').status == 404
    for body in ("{}", '{"text": " "}', '{"text": 1}', '{"text": "x", "more": 1}'):
        assert desk.ask(desk.asha, "POST", path, body).status == 400


def test_a_view_is_its_owners_unless_it_is_shared_and_each_change_is_on_record(desk: Desk) -> None:
    made = desk.ask(desk.asha, "POST", "views", '{"page": "queue", "name": "Red", "query": "flag=red"}').json
    assert made["own"]
    assert desk.ask(desk.omar, "GET", "views").json == {"views": []}
    body = '{"page": "queue", "name": "Red", "query": "flag=red&sort=risk", "shared": true}'
    again = desk.ask(desk.asha, "POST", "views", body).json
    assert again["view_id"] == made["view_id"]
    seen = desk.ask(desk.omar, "GET", "views?page=queue").json["views"]
    assert [(view["query"], view["own"]) for view in seen] == [("flag=red&sort=risk", False)]
    assert desk.ask(desk.omar, "GET", "views?page=orders").json == {"views": []}
    assert desk.ask(desk.neighbour, "GET", "views").json == {"views": []}
    path = f"views/{made['view_id']}"
    assert desk.ask(desk.omar, "DELETE", path).status == 404
    assert desk.ask(desk.asha, "DELETE", path).status == 204
    assert desk.actions(path) == ["view.removed", "view.saved", "view.saved"]
    for refused in ('{"page": "rules", "name": "x", "query": ""}', '{"page": "queue", "name": " ", "query": ""}', "{}"):
        assert desk.ask(desk.asha, "POST", "views", refused).status == 400


def test_a_trial_answers_like_the_event_itself_would_and_leaves_nothing_behind(desk: Desk) -> None:

    order = {**ORDER, "_orderId": "o-tried", "_oddKey": 1, "_paymentMethods": [{"_cardNumber": "4111111111111111"}]}
    before = desk.ask(desk.asha, "GET", "index").json["newest"]
    tried = [desk.ask(desk.omar, "POST", "trials", json.dumps({"event": "createOrder", "body": order})).json
             for _ in range(3)]  # fmt: skip
    assert desk.ask(desk.asha, "GET", "index").json["newest"] == before
    assert desk.ask(desk.asha, "GET", "orders/o-tried").status == 404
    assert "4111111111111111" not in json.dumps(tried)
    sent = desk.served.send(desk.asha, "createOrder", order).json
    for name in ("score", "flag", "verdict", "reasons", "warnings"):
        assert [one[name] for one in tried] == [sent[name]] * 3, name
    assert "user:u-1" in tried[0]["involved"]
    assert tried[0]["is_decided"]
    bad = desk.ask(desk.omar, "POST", "trials", '{"event": "createOrder", "body": {"_userId": "u"}}')
    assert (bad.status, bad.json["pointer"]) == (400, "/body/_orderId")
    assert desk.ask(desk.omar, "POST", "trials", '{"event": "nothing", "body": {}}').json["pointer"] == "/event"


def test_an_order_of_which_confirmation_is_asked_is_held_and_says_so_until_the_shop_answers(desk: Desk) -> None:
    desk.send({**ORDER, "_orderId": "o-asked"})
    body = '{"verdict": "confirm", "message": "Please call.", "author": "Asha"}'
    made = desk.ask(desk.asha, "POST", "orders/o-asked/decisions", body).json["order"]["analyst_decision"]
    assert (made["verdict"], made["asks"], made["message"]) == ("hold", "confirmation", "Please call.")
    shown = desk.ask(desk.asha, "GET", "orders/o-asked").json
    assert (shown["state"], shown["analyst_decision"]) == ("held", made)
    action = {"secret": desk.asha, "order_id": "o-asked", "action_type": "approved", "message": "She confirmed."}

    assert desk.served.request("POST", "/neo/v1/clientaction", json.dumps(action)).status == 200
    shown = desk.ask(desk.asha, "GET", "orders/o-asked").json
    assert shown["state"] == "approved"
    assert desk.ask(desk.asha, "GET", "orders?decision=hold&fresh=true").json["orders"] == []
