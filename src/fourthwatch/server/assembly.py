"""The application with everything behind it, over a corridor that is there: the one place where its parts meet."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from fourthwatch.api.access import Access
from fourthwatch.api.apart import ModelsApart
from fourthwatch.api.app import Application, Part
from fourthwatch.api.aside import Aside
from fourthwatch.api.audit import Audit
from fourthwatch.api.changes import Changes
from fourthwatch.api.contributions import Contributions
from fourthwatch.api.decisions import Decisions
from fourthwatch.api.deliveries import Deliveries
from fourthwatch.api.endpoints import Endpoints
from fourthwatch.api.entities import Entities
from fourthwatch.api.event_log import EventLog
from fourthwatch.api.exploration import ExplorationReport
from fourthwatch.api.features import Features
from fourthwatch.api.inside import Inside
from fourthwatch.api.insights import Insights
from fourthwatch.api.intake import Intake
from fourthwatch.api.lists import Lists
from fourthwatch.api.looks import Looks
from fourthwatch.api.management import Management
from fourthwatch.api.model_cards import ModelCards
from fourthwatch.api.model_watch import ModelWatching
from fourthwatch.api.models import Models
from fourthwatch.api.neo import Neo
from fourthwatch.api.orders import Orders
from fourthwatch.api.pages import Pages
from fourthwatch.api.paging import Cursors
from fourthwatch.api.policy import Policies
from fourthwatch.api.previews import Previews
from fourthwatch.api.redeciding import Redeciding
from fourthwatch.api.reviews import Reviews
from fourthwatch.api.rules import Rules
from fourthwatch.api.throttle import Throttle
from fourthwatch.clock import Clock
from fourthwatch.console.app import Console
from fourthwatch.engine.corridor import Corridor
from fourthwatch.server.backlog import BacklogGauges
from fourthwatch.server.desk import Desk, Tools
from fourthwatch.server.indexing import Indexing
from fourthwatch.settings import Settings
from fourthwatch.store.changes import AuditTrail, Configuration
from fourthwatch.store.delivery_log import DeliveryLog
from fourthwatch.store.endpoints import EndpointStore
from fourthwatch.store.keys import KeyStore
from fourthwatch.store.lists import ListReader
from fourthwatch.store.models import ModelStore
from fourthwatch.store.policies import PolicyReader
from fourthwatch.store.postbacks import PostbackAddresses
from fourthwatch.store.reader import LedgerReader
from fourthwatch.store.rule_sets import RuleSetReader
from fourthwatch.store.users import UserStore
from fourthwatch.webhooks.addresses import named_receivers
from fourthwatch.webhooks.transport import fault_of_url


class MakeIntake(Protocol):
    """Makes the way in for events; a test may put another one there."""

    def __call__(
        self, access: Access, throttle: Throttle, corridor: Corridor, clock: Clock, *, number_fields: frozenset[str]
    ) -> Intake: ...


class Assembly:
    """Opened on a directory whose corridor has started; `close` when nothing is asked any more."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        corridor: Corridor,
        settings: Settings,
        make_intake: MakeIntake = Intake,
        on_listening: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_listening` hears of it when somebody has begun to listen to what happens."""
        self.keys = KeyStore(directory, clock)
        self.reader = LedgerReader(directory)
        self.configuration = Configuration(directory, clock)
        addresses, registering = PostbackAddresses(directory, clock), PostbackAddresses(directory, clock)
        trail, eyes = AuditTrail(directory), AuditTrail(directory)  # the other is asked beside the loop
        endpoints, deliveries, lists = EndpointStore(directory, clock), DeliveryLog(directory), ListReader(directory)
        policies, models, rule_sets = PolicyReader(directory), ModelStore(directory, clock), RuleSetReader(directory)
        self.users = UserStore(directory, clock)
        self.indexing = Indexing(directory, corridor)
        aside = Aside(directory, self.indexing)
        backlog = BacklogGauges(directory, aside, clock)
        self._opened: tuple[_Closable, ...] = (
            self.keys, self.reader, self.configuration, addresses, registering, trail, lists, rule_sets, endpoints,
            deliveries, self.users, policies, models, aside, backlog, eyes,
        )  # fmt: skip
        self.access, throttle = Access(self.keys, clock), Throttle(settings.events_per_second, clock)
        intake = make_intake(self.access, throttle, corridor, clock, number_fields=settings.number_field_names)
        changes = Changes(self.access, self.configuration, corridor)
        fault_of = partial(fault_of_url, named=named_receivers(settings.private_receivers))
        cursors = Cursors(self.configuration.secret("cursors"))
        decisions = Decisions(self.access, corridor, self.reader, rule_sets, lists, ModelsApart(models))
        desk = Desk(directory, clock, corridor, Tools(self.access, changes, intake, cursors), self, settings)
        self._opened = (*self._opened, desk)
        self.application = Application(
            intake,
            Neo(intake, self.reader, registering, clock, on_listening),
            (
                *desk.about_orders,  # before the order's own path, which takes any
                Reviews(changes, intake, self.reader, deliveries, addresses, clock, cursors),
                Endpoints(changes, endpoints, clock, cursors, fault_of, on_listening),
                Deliveries(changes, deliveries, clock, cursors),
                Management(self.access, self.reader, addresses, cursors),
                Features(changes, corridor, clock, cursors),
                Entities(self.access, corridor, self.reader, clock, cursors, aside),
                Orders(self.access, aside, cursors),
                Looks(self.access, aside, clock),
                Policies(changes, corridor, policies, eyes, clock, cursors),
                Lists(changes, corridor, lists, clock, cursors),
                *(Insights(self.access, aside, clock), ExplorationReport(self.access, aside, clock)),
                EventLog(self.access, aside, self.configuration, clock, cursors),
                *(decisions, Previews(self.access, corridor, aside, rule_sets, models, clock)),
                Rules(changes, corridor, clock, cursors, rule_sets, eyes, four_eyes=settings.four_eyes),
                *(Redeciding(changes, corridor, self.reader, trail, clock), Audit(self.access, trail, cursors)),
                *_of_models(changes, corridor, models, rule_sets, decisions, aside, clock, cursors),
                *desk.parts,
                Pages(lambda: corridor.state, backlog.measure),
            ),
            lambda: corridor.is_pressed,
        )
        self.application.open_console(Console(self.users, Inside(self.application, self.access).ask, clock))

    def close(self) -> None:
        """Close every connection."""
        for part in self._opened:
            part.close()


def _of_models(
    changes: Changes,
    corridor: Corridor,
    models: ModelStore,
    rule_sets: RuleSetReader,
    decisions: Decisions,
    aside: Aside,
    clock: Clock,
    cursors: Cursors,
) -> tuple[Part, ...]:
    """Whatever is asked about models."""
    watching = ModelWatching(changes, corridor, models, rule_sets, aside, clock)
    cards = ModelCards(changes, models, corridor)  # before the model's own path
    return (cards, watching, Models(changes, models, cursors, corridor, clock), Contributions(decisions, corridor))


class _Closable(Protocol):
    def close(self) -> None: ...
