"""What one decision is made with."""

from collections.abc import Callable
from dataclasses import dataclass

from twilight.domain.books.state import State
from twilight.domain.model.chain import Answer, Chain, ChainRequest, Operation, Outcome
from twilight.domain.model.commands import ClientCommand, Meta
from twilight.domain.model.events import IntentOpened, Metadata
from twilight.domain.model.inflight import Intent, caused_by
from twilight.domain.model.inputs import Conditions, FeedStatus
from twilight.domain.model.numbers import display
from twilight.domain.model.orders import OrderType
from twilight.domain.model.profile import Profile

TRADABLE = frozenset({FeedStatus.HEALTHY, FeedStatus.DEGRADED})


@dataclass(frozen=True, slots=True)
class Context:
    """What decisions lean on and never change: the rules, the chain port, the source of uuids."""

    profile: Profile
    chain: Chain
    new_uuid: Callable[[], str]


@dataclass(slots=True)
class Subject:
    """Whom and what an answer is about."""

    order_id: str
    account_id: str
    order_type: OrderType
    request_id: str


@dataclass(slots=True)
class Case:
    """One input on the table: the state it meets, the world around it, and whose metadata its events carry."""

    state: State
    conditions: Conditions
    context: Context
    metadata: Metadata | None = None
    check_price: float | None = None
    """A price to judge at in place of the last tick's (R13, C11)."""
    answer: Answer | None = None
    """What the chain has said to the request that this decision is about to make again (C11)."""

    @property
    def price(self) -> float:
        """The price at which everything executes (R5)."""
        return self.state.price if self.check_price is None else self.check_price

    def submit(self, request: ChainRequest) -> Outcome:
        """Ask the chain, or give the answer that it has given to this very request."""
        return self.answer if self.answer is not None else self.context.chain.submit(request)

    @property
    def pool_is_busy(self) -> bool:
        """Whether a transaction of the pool is in flight (C11)."""
        return any(intent.holds_the_pool for intent in self.state.intents.values())

    @property
    def must_wait_for_the_pool(self) -> bool:
        """Whether a transaction of the pool cannot be begun now; the answer to one finishes it all the same."""
        return self.answer is None and bool(self.state.intents) and self.pool_is_busy

    def begin(self, operation: Operation | None, subject: Subject, command: ClientCommand | None) -> Intent:
        """Return a fresh intent, to be filled in."""
        name = operation.value if operation is not None else "wait"
        intent_id = f"{name}:{subject.order_id}:{self.state.intent_sequence + 1}"
        caused = caused_by(command)
        asked = Intent(intent_id, operation, subject.order_id, subject.account_id, caused, self.metadata, self.price)
        asked.funding_hour = self.state.funding_hour
        return asked

    def opened(self, intent: Intent) -> IntentOpened:
        """Return the event that the intent stands."""
        return IntentOpened(intent, intent.id, self.metadata)

    @property
    def feed_status(self) -> FeedStatus:
        """The feed as it gates: a pause, or one that has just ended, counts as a feed that is starting (R22, R31)."""
        state = self.state
        if state.switches.pause_price_feed or state.awaits_tick or state.price <= 0:
            return FeedStatus.STARTING
        return self.conditions.feed_status

    @property
    def tradable(self) -> bool:
        """Whether anything may execute at the current price (R3)."""
        return self.feed_status in TRADABLE

    def tick_meta(self) -> Meta:
        """Return the Meta of what a tick makes the engine do (1.9)."""
        return {
            "CurrentPrice": display(self.price),
            "request_server_time": self.conditions.now_us,
        }
