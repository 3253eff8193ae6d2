"""Rules: what judges, how each has done, the editor with its live check, versions and the way back."""

from typing import Any

import msgspec
from starlette.responses import Response

from fourthwatch.clock import DAY_MS, Clock
from fourthwatch.console.features import every_feature
from fourthwatch.console.gate import Page
from fourthwatch.console.looks import Looks, address_of, pretty
from fourthwatch.console.notices import then
from fourthwatch.console.visit import Visit
from fourthwatch.errors import Malformed, NotFound
from fourthwatch.language import FORMS, FUNCTIONS

CLASSES = ("allow", "block", "review", "score")
STATES = ("draft", "shadow", "percentage", "live", "paused")
_TEXTS = ("when", "says", "reason", "shows", "owner")
_NUMBERS = {"weight": 0, "percentage": 100, "brake": 0}
"""With what they are when nothing is said."""
_NEW = "new"
_FINDINGS_TOLD = 2
_DAYS = 7
_LAST = 1_000
"""Orders that a draft is tried over while it is typed."""


class Rules:
    """Handlers of the pages below `/console/rules`."""

    def __init__(self, looks: Looks, clock: Clock) -> None:
        self._looks = looks
        self._clock = clock

    def pages(self) -> list[Page]:
        """Their rows."""
        return [
            Page("GET", "/rules", "viewer", self.all),
            Page("POST", "/rules/check", "manager", self.check),
            Page("POST", "/rules/preview", "manager", self.preview),
            Page("GET", "/rules/versions", "viewer", self.versions),
            Page("GET", "/rules/versions/{version}", "viewer", self.version),
            Page("POST", "/rules/versions/{version}/rollback", "manager", self.roll_back),
            Page("POST", "/rules/versions/{version}/again", "manager", self.decide_again),
            Page("POST", "/rules/proposals/{proposal}", "manager", self.judge),
            Page("GET", "/rules/edit/{name}", "viewer", self.editor),
            Page("POST", "/rules/edit/{name}", "manager", self.publish),
            Page("POST", "/rules/edit/{name}/remove", "manager", self.remove),
        ]

    async def all(self, visit: Visit) -> Response:
        """The rules in force with what each has done lately."""
        rules = await every_rule(visit)
        told = await visit.get("insights", "reasons", **{"from": str(self._clock.now_ms() - _DAYS * DAY_MS)})
        done = {row["name"]: row["sums"] for row in told["rows"]}
        statistics = await visit.get("rule-sets", "current", "statistics")
        asked_class, state, wanted = (visit.query.get(name, "") for name in ("class", "state", "q"))
        fit = [
            rule for rule in rules
            if (not asked_class or rule["class"] == asked_class) and (not state or rule.get("state", "live") == state)
            and (not wanted or wanted.lower() in f"{rule['name']} {rule['says']} {rule['when']}".lower())
        ]  # fmt: skip
        proposals = (await visit.get("rule-proposals"))["proposals"]
        braked = [one for one in (await visit.get("alerts"))["alerts"] if one["code"] == "rule.braked"]
        return self._looks.page(
            "rules.html", visit, rules=[whole(rule) for rule in fit], total=len(rules), done=done,
            currency=told["currency"], classes=CLASSES, asked_class=asked_class, state=state, wanted=wanted,
            proposals=proposals, braked=braked, authors=await visit.authors() if proposals else {}, days=_DAYS,
            decisions=statistics["decisions"],
            hits={row["rule"]: row for row in statistics["rules"]},
            counts={one: sum(rule["class"] == one for rule in rules) for one in CLASSES},
        )  # fmt: skip

    async def editor(self, visit: Visit) -> Response:
        """One rule to be looked at, or edited, or a new one."""
        name = visit.request.path_params["name"]
        if name == _NEW:
            visit.must("manager")
            draft = {"name": "", "class": "review", "when": visit.query.get("when", ""), "says": "", "state": "shadow"}
            return await self._editor(visit, draft, "")
        answered = await visit.ask("GET", "rules", name)
        if answered.status == 404:
            raise NotFound("there is no rule of this name in force")
        if not answered.is_ok:
            raise answered.refusal()
        return await self._editor(visit, answered.json["rule"], answered.headers.get("etag", ""))

    async def check(self, visit: Visit) -> Response:
        """What is wrong with a draft, while it is typed."""
        answered = await self._checked(visit, visit.form.get("was"))
        told = answered.json
        diagnostics = [] if answered.is_ok else told.get("diagnostics", [])
        texts = ("/when", "/shows") if diagnostics else ()  # of which there are diagnostics, with their places
        others = [] if answered.is_ok else [
            one["message"] for one in told.get("errors", []) if not one["pointer"].endswith(texts)
        ]  # fmt: skip
        if not answered.is_ok and not diagnostics and not others:
            others = [told["detail"]]
        return self._looks.page(
            "rule_check.html", visit, is_ok=answered.is_ok, told=told, diagnostics=diagnostics, others=others
        )

    async def preview(self, visit: Visit) -> Response:
        """What the draft would have said of the newest orders; asked once it holds."""
        try:
            rule = _drafted(visit)
        except Malformed as error:
            return self._looks.page("rule_preview.html", visit, told=None, fault=error.message)
        answered = await visit.ask("POST", "rules", "preview", body={"rule": rule, "last": _LAST})
        if not answered.is_ok:
            return self._looks.page("rule_preview.html", visit, told=None, fault=answered.refusal().message)
        return self._looks.page("rule_preview.html", visit, told=answered.json, fault="")

    async def publish(self, visit: Visit) -> Response:
        """Publish the set with this rule in it."""
        was = visit.request.path_params["name"]
        seen = visit.form.get("etag")
        try:
            rule = rule_of(visit)
        except Malformed as error:
            draft = {name: visit.form.get(name) for name in ("name", "class", "state", *_TEXTS)}
            return await self._editor(visit, draft, seen, status=400, fault=error.message)
        name = rule["name"] if was == _NEW else was
        headers = {"If-None-Match": "*"} if was == _NEW else {"If-Match": seen or "*"}
        answered = await visit.ask("PUT", "rules", name, body={**rule, "name": name}, headers=headers)
        if not answered.is_ok:
            told = answered.json
            return await self._editor(
                visit, rule, seen, status=answered.status, fault=answered.refusal().message,
                rendered=told.get("rendered", ""),
            )  # fmt: skip
        made = answered.json
        if made["version"] is None:
            return _waits(made)
        told = f"Published: version {made['version']} of the rules is in force."
        return _published(address_of("rules", "edit", name), told, made)

    async def remove(self, visit: Visit) -> Response:
        """Publish the set without this rule."""
        name = visit.request.path_params["name"]
        made = await visit.do("DELETE", "rules", name, headers={"If-Match": visit.form.get("etag") or "*"})
        if made["version"] is None:
            return _waits(made)
        return _published("/console/rules", f"The rule {name} is out; the version before can be brought back.", made)

    async def versions(self, visit: Visit) -> Response:
        """Every set that ever judged."""
        found = await visit.get("rule-sets", limit=100, cursor=visit.query.get("cursor"))
        return self._looks.page(
            "rule_versions.html", visit, versions=found["rule_sets"], following=found["next"],
            authors=await visit.authors(),
        )  # fmt: skip

    async def version(self, visit: Visit) -> Response:
        """What a version changed."""
        version = visit.request.path_params["version"]
        found = await visit.find("rule-sets", version)
        if found is None:
            raise NotFound("there is no such version")
        told = await visit.get("rule-sets", version, "differences", against=visit.query.get("against"))
        return self._looks.page(
            "rule_version.html", visit, found=found, differences=told["differences"], against=told["against"]
        )

    async def roll_back(self, visit: Visit) -> Response:
        """Publish an older version again."""
        version = visit.request.path_params["version"]
        note = visit.form.get("note")
        body = {"note": note} if note else {}
        made = await visit.do("POST", "rule-sets", version, "rollback", body=body, headers={"If-Match": "*"})
        if made["version"] is None:
            return _waits(made)
        told = f"Version {version} is in force again, as version {made['version']}."
        return _published("/console/rules/versions", told, made)

    async def decide_again(self, visit: Visit) -> Response:
        """Decide the orders again that a rule touched before the brake took it out."""
        made = await visit.do("POST", "rule-sets", visit.request.path_params["version"], "decide-again")
        count = len(made["events"])
        said = (
            f"{count:,} decision{'s' if count != 1 else ''} that {made['rule']} touched {'are' if count != 1 else 'is'}"
        )
        return then("/console/rules", f"{said} made again.")

    async def judge(self, visit: Visit) -> Response:
        """Approve a set that waits, or turn it down."""
        number = visit.request.path_params["proposal"]
        if visit.form.get("approve") == "yes":
            made = await visit.do("POST", "rule-proposals", number, "approval", body={})
            return _published("/console/rules", f"Version {made['version']} of the rules is in force.", made)
        await visit.do("DELETE", "rule-proposals", number)
        return then("/console/rules", "The set is turned down.", tone="warn")

    async def _checked(self, visit: Visit, was: str) -> Any:
        rules = await every_rule(visit)
        current = await visit.get("rule-sets", "current")
        try:
            rule = _drafted(visit)
        except Malformed as error:
            return _Fault(error.message)
        at = next((at for at, one in enumerate(rules) if one["name"] in (was, rule["name"])), len(rules))
        body = {
            "rules": [*rules[:at], rule, *rules[at + 1 :]],
            "prior": current["prior"],
            "presets": current["presets"],
        }
        return await visit.ask("POST", "rule-sets", body=body, query={"dry_run": "true"})

    async def _editor(
        self, visit: Visit, rule: dict[str, Any], etag: str, *, status: int = 200, fault: str = "", rendered: str = ""
    ) -> Response:
        rule = whole(rule)
        # What was typed and refused is shown as it was typed, so that nothing of it is lost.
        typed = {"examples": pretty(rule["examples"]), "actions": pretty(rule["actions"]) if rule["actions"] else ""}
        typed |= {name: "" if rule[name] == usual else f"{rule[name]:.15g}" for name, usual in _NUMBERS.items()}
        typed |= dict(visit.form.pairs)
        return self._looks.page(
            "rule.html", visit, status=status, rule=rule, typed=typed, etag=etag, fault=fault, rendered=rendered,
            classes=CLASSES, states=STATES, is_new=visit.request.path_params["name"] == _NEW,
            names=await _names(visit) if visit.may("manager") else [],
        )  # fmt: skip


def _waits(made: dict[str, Any]) -> Response:
    told = "The set waits for a second pair of eyes."
    return then("/console/rules", told + _looks_wrong(made["findings"]), tone="warn")


def _published(there: str, told: str, made: dict[str, Any]) -> Response:
    return then(there, told + _looks_wrong(made["findings"]), tone="warn" if made["findings"] else "good")


def _looks_wrong(findings: list[dict[str, Any]]) -> str:
    """What looks wrong about a set that is published all the same; the first few in full."""
    told = "".join(f" Look at {one['rule']}: {one['message']}." for one in findings[:_FINDINGS_TOLD])
    more = len(findings) - _FINDINGS_TOLD
    return told + (f" And {more} more, which `fourthwatch rules lint` tells." if more > 0 else "")


class _Fault(msgspec.Struct, frozen=True):
    """In place of an answer: the form itself does not hold."""

    message: str
    is_ok: bool = False

    @property
    def json(self) -> dict[str, Any]:
        """As the API would say it."""
        return {"detail": self.message, "diagnostics": []}


async def every_rule(visit: Visit) -> list[dict[str, Any]]:
    """All rules in force, in their order."""
    rules: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        found = await visit.get("rules", limit=500, cursor=cursor)
        rules += found["rules"]
        cursor = found["next"]
        if cursor is None:
            return rules


def whole(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule with what the API leaves out because it is as usual."""
    return {
        "reason": "", "shows": "", "state": "live", "actions": [], "owner": "", "examples": [], **_NUMBERS, **rule,
    }  # fmt: skip


def rule_of(visit: Visit) -> dict[str, Any]:
    """The rule that a form holds; raises `Malformed`."""
    form = visit.form
    rule: dict[str, Any] = {"name": form.get("name"), "class": form.get("class"), "state": form.get("state") or "live"}
    rule |= {name: form.get(name) for name in _TEXTS if form.get(name)}
    rule.setdefault("when", "")
    rule.setdefault("says", "")
    for name, kind in (("weight", float), ("percentage", int), ("brake", float)):
        text = form.get(name)
        if text:
            try:
                rule[name] = kind(text)
            except ValueError:
                raise Malformed(f"{name} is a number") from None
    for name in ("examples", "actions"):
        text = dict(form.pairs).get(name, "").strip()
        if text:
            try:
                rule[name] = msgspec.json.decode(text)
            except msgspec.DecodeError:
                raise Malformed(f"{name} are not JSON; they are a list, as shown") from None
    return rule


def _drafted(visit: Visit) -> dict[str, Any]:
    """The same while it is written: it may not have a name or a sentence yet."""
    rule = rule_of(visit)
    return {**rule, "name": rule["name"] or "draft_being_written", "says": rule["says"] or "not said yet"}


async def _names(visit: Visit) -> list[dict[str, str]]:
    """What the editor completes: features, functions, aggregates."""
    rows: list[dict[str, str]] = [
        {"label": name, "type": "function", "detail": function.says} for name, function in FUNCTIONS.items()
    ]
    rows += [{"label": form.usage.partition("(")[0], "type": "function", "detail": form.says} for form in FORMS]
    rows += [{"label": row["name"], "type": "variable", "detail": row["says"]} for row in await every_feature(visit)]
    return rows
