"""What the rules and the model say, brought into one verdict with score, flag and ordered reasons."""

from fourthwatch.decision.decide import Costs, Decision, Policy, Versions, actions_in, decide, versions_of, why
from fourthwatch.decision.opinion import Opinion

__all__ = ["Costs", "Decision", "Opinion", "Policy", "Versions", "actions_in", "decide", "versions_of", "why"]
