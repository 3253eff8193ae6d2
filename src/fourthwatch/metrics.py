"""What is measured while running, for `/metrics` in the Prometheus text format; every one of these can move."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

EVENTS_STORED = Gauge("fourthwatch_events_stored", "Events in the ledger")
ENTITIES = Gauge("fourthwatch_entities", "Entities with a history in memory")
QUEUE_WAITING = Gauge("fourthwatch_queue_waiting", "Events that wait for the engine")
SNAPSHOT_SEQ = Gauge("fourthwatch_snapshot_position", "Ledger position up to which the newest snapshot reaches")
INDEX_BEHIND = Gauge("fourthwatch_index_behind_events", "Events in the ledger that the index does not hold yet")
BATCH_EVENTS = Histogram(
    "fourthwatch_batch_events", "Events per commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, float("inf"))
)
COMMIT_SECONDS = Histogram(
    "fourthwatch_batch_seconds",
    "Walk and commit of a batch",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, float("inf")),
)
OCCASIONS_WAITING = Gauge("fourthwatch_occasions_waiting", "What happened that the sender has not looked at yet")
DELIVERIES_WAITING = Gauge("fourthwatch_deliveries_waiting", "Postbacks and webhooks that have not arrived yet")
DELIVERIES_PARKED = Gauge("fourthwatch_deliveries_parked", "Postbacks and webhooks that are tried no more")
DELIVERY_OLDEST_SECONDS = Gauge("fourthwatch_delivery_oldest_seconds", "Age of the oldest that waits; 0 for none")
RULES_BRAKED = Counter("fourthwatch_rules_braked", "Rules that dropped to shadow because they hit too often")
NOT_FOLLOWED = Counter("fourthwatch_not_followed", "What should follow from a decision and was left out for a fault")
MODEL_DECISIONS = Counter("fourthwatch_model_decisions", "Decisions by the model that judged", ("model",))
MODEL_FAULTS = Counter("fourthwatch_model_faults", "Decisions for which a model failed", ("model",))
MODEL_DRIFT = Gauge(
    "fourthwatch_model_drift", "Population stability index of the newest decisions against training", ("model", "of")
)
MODEL_CAME = Gauge(
    "fourthwatch_model_bad_of_foretold", "Bad orders of mature weeks as a multiple of what was foretold", ("model",)
)
MODEL_MATURE = Gauge(
    "fourthwatch_model_labels_arrived",
    "Share of the bad labels of the last 26 weeks' orders that has arrived",
    ("model",),
)
REPLIES = Counter("fourthwatch_replies", "Replies by route and status", ("route", "status"))


class Tally:
    """A counter's share that one thread counts by itself, as a plain number; brought in whenever somebody reads."""

    def __init__(self, counter: Counter) -> None:
        self.count = 0
        """Since it was last brought in."""
        self._counter = counter

    def bring_in(self) -> None:
        """On the thread that counts."""
        self._counter.inc(self.count)
        self.count = 0


EVENTS_ANSWERED = Tally(REPLIES.labels("event", "200"))
EVENTS_TURNED_AWAY = Tally(REPLIES.labels("event", "503"))


def metrics_text() -> bytes:
    """All metrics as text; to be asked for on the loop's thread, which counts replies."""
    for tally in (EVENTS_ANSWERED, EVENTS_TURNED_AWAY):
        tally.bring_in()
    return generate_latest(REGISTRY)
