"""What the rules and the model say, brought into one verdict with score, flag and ordered reasons."""

from fourthwatch.decision.decide import Costs, Decision, Policy, Versions, actions_in, decide, versions_of, why

__all__ = ["Costs", "Decision", "Policy", "Versions", "actions_in", "decide", "versions_of", "why"]
