"""Rules, rule sets and decisions for OpenAPI."""

from typing import Any

from fourthwatch.api.contributions import ContributionsView
from fourthwatch.api.decisions import CounterfactualView, DecisionDetail, TraceView
from fourthwatch.api.description import (
    DRY_RUN,
    IF_MATCH,
    IF_NONE_MATCH,
    PAGES,
    SEEN,
    ByType,
    Operation,
    managed,
    parameter,
)
from fourthwatch.api.previews import PreviewSent, PreviewView
from fourthwatch.api.redeciding import DecidingAgainView
from fourthwatch.api.rule_views import (
    CheckedView,
    DifferencesView,
    NoteSent,
    ProposalsView,
    ProposalView,
    PublishedView,
    RuleSetSent,
    RuleSetsView,
    RuleSetView,
    RulesView,
    RuleView,
    StatisticsView,
)
from fourthwatch.rules.rule import Rule

RULE_TYPES: tuple[Any, ...] = (
    Rule, RuleView, RulesView, RuleSetSent, RuleSetView, RuleSetsView, CheckedView, PublishedView, DifferencesView,
    ProposalsView, ProposalView, NoteSent, DecisionDetail, TraceView, CounterfactualView,
    ContributionsView,
    StatisticsView, DecidingAgainView, PreviewSent, PreviewView,
)  # fmt: skip
"""What bodies and replies are of."""

_NAME = parameter("name", "path", "Of the rule", "string", required=True)
_VERSION = parameter("version", "path", "A number, or `current`; 0 is the starter set", "string", required=True)
_PROPOSAL = parameter("proposal", "path", "Its number", "string", required=True)
_AGAINST = parameter("against", "query", "The version that is compared with; the one before when absent", "integer")


def _publishing(name: str, summary: str, by_type: ByType, **more: Any) -> Operation:
    """An operation that publishes a set, or lets it wait where two pairs of eyes are wanted."""
    described = managed(name, summary, by_type[PublishedView], by_type, status=201, **more)
    waiting = {**described["responses"]["201"], "description": "Waits for a second key's approval"}
    described["responses"] = {"202": waiting, **described["responses"]}
    return described


def _published_or_checked(by_type: ByType) -> Operation:
    published = _publishing(
        "publishRuleSet", "Publish a whole set, or with `dry_run` only check and try it", by_type,
        body=by_type[RuleSetSent], parameters=[DRY_RUN, IF_MATCH],
    )  # fmt: skip
    checked = {
        "description": "Checked, with `dry_run`",
        "content": {"application/json": {"schema": by_type[CheckedView]}},
    }
    published["responses"] = {"200": checked, **published["responses"]}
    return published


def rule_paths(by_type: ByType) -> dict[str, dict[str, Operation]]:
    """Operations by path and method."""
    return {
        "/api/v1/rules": {
            "get": managed("listRules", "The rules in force", by_type[RulesView], by_type, parameters=[*PAGES, SEEN])
        },
        "/api/v1/rules/{name}": {
            "get": managed("getRule", "One rule in force", by_type[RuleView], by_type, parameters=[_NAME]),
            "put": _publishing("putRule", "Add or replace one rule: publishes the set with it", by_type,
                               body=by_type[Rule], parameters=[_NAME, IF_MATCH, IF_NONE_MATCH]),
            "delete": _publishing("removeRule", "Remove one rule: publishes the set without it", by_type,
                                  parameters=[_NAME, IF_MATCH]),
        },
        "/api/v1/rule-sets": {
            "get": managed("listRuleSets", "Every version, newest first", by_type[RuleSetsView], by_type,
                           parameters=[*PAGES, SEEN]),
            "post": _published_or_checked(by_type),
        },
        "/api/v1/rule-sets/{version}": {
            "get": managed("getRuleSet", "One version with all its rules", by_type[RuleSetView], by_type,
                           parameters=[_VERSION, SEEN])
        },
        "/api/v1/rule-sets/{version}/differences": {
            "get": managed("getRuleSetDifferences", "What differs from another version", by_type[DifferencesView],
                           by_type, parameters=[_VERSION, _AGAINST])
        },
        "/api/v1/rule-sets/{version}/statistics": {
            "get": managed("getRuleStatistics", "How often each rule hit, missed or was unknown",
                           by_type[StatisticsView], by_type, parameters=[_VERSION])
        },
        "/api/v1/rule-sets/{version}/rollback": {
            "post": _publishing("rollBackRuleSet", "Publish an older version again", by_type,
                                body=by_type[NoteSent], parameters=[_VERSION, IF_MATCH])
        },
        "/api/v1/rule-sets/{version}/decide-again": {
            "post": managed("decideAgain", "Decide again what a rule touched before the brake took it out",
                            by_type[DecidingAgainView], by_type, status=202, parameters=[_VERSION])
        },
        "/api/v1/rule-proposals": {
            "get": managed("listRuleProposals", "Sets that wait for a second pair of eyes, oldest first",
                           by_type[ProposalsView], by_type, parameters=PAGES)
        },
        "/api/v1/rule-proposals/{proposal}": {
            "get": managed("getRuleProposal", "One set that waits", by_type[ProposalView], by_type,
                           parameters=[_PROPOSAL]),
            "delete": managed("refuseRuleProposal", "Take back or turn down a set that waits", None, by_type,
                              parameters=[_PROPOSAL], status=204)
        },
        "/api/v1/rule-proposals/{proposal}/approval": {
            "post": _publishing("approveRuleProposal", "Publish a set that waits, with another key", by_type,
                                body=by_type[NoteSent], parameters=[_PROPOSAL])
        },
    }  # fmt: skip


def preview_paths(by_type: ByType) -> dict[str, dict[str, Operation]]:
    """Operations by path and method."""
    tried = managed(
        "previewRule", "What a draft would have said of the newest orders; nothing is changed", by_type[PreviewView],
        by_type, body=by_type[PreviewSent],
    )  # fmt: skip
    return {"/api/v1/rules/preview": {"post": tried}}


def decision_paths(by_type: ByType) -> dict[str, dict[str, Operation]]:
    """Operations by path and method."""
    event_id = parameter("event_id", "path", "Of the event that was decided", "string", required=True)
    return {
        "/api/v1/decisions/{event_id}": {
            "get": managed("getDecision", "A decision with everything it was made of", by_type[DecisionDetail], by_type,
                           parameters=[event_id])
        },
        "/api/v1/decisions/{event_id}/trace": {
            "get": managed("getDecisionTrace", "What each rule said, with values put in", by_type[TraceView], by_type,
                           parameters=[event_id])
        },
        "/api/v1/decisions/{event_id}/counterfactual": {
            "get": managed("getCounterfactual", "The smallest change that gives another verdict",
                           by_type[CounterfactualView], by_type, parameters=[event_id])
        },
        "/api/v1/decisions/{event_id}/contributions": {
            "get": managed("getContributions", "What made the probability, part by part",
                           by_type[ContributionsView], by_type, parameters=[event_id])
        },
    }  # fmt: skip
