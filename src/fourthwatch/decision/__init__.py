"""What the rules and the model say, brought into one verdict with score, flag and ordered reasons."""

from fourthwatch.decision.decide import (
    Costs,
    Decision,
    Policy,
    Versions,
    actions_in,
    decide,
    foretold_by,
    foretold_in,
    let_pass,
    versions_of,
    why,
)
from fourthwatch.decision.exploration import Exploration, Explored
from fourthwatch.decision.opinion import Foretold, Opinion

__all__ = [
    "Costs", "Decision", "Exploration", "Explored", "Foretold", "Opinion", "Policy", "Versions", "actions_in", "decide",
    "foretold_by", "foretold_in", "let_pass", "versions_of", "why",
]  # fmt: skip
