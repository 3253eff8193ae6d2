"""How Hypothesis looks for counterexamples here."""

from hypothesis import HealthCheck, settings

the_same_each_time = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
"""However slow the machine is: a test fails for what it looks at, and for nothing else."""
