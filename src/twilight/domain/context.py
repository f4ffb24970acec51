"""What one decision is made with."""

from collections.abc import Callable
from dataclasses import dataclass

from twilight.domain.chain import Chain
from twilight.domain.commands import Meta
from twilight.domain.events import Metadata
from twilight.domain.inputs import Conditions, FeedStatus
from twilight.domain.numbers import display
from twilight.domain.profile import Profile
from twilight.domain.state import State

TRADABLE = frozenset({FeedStatus.HEALTHY, FeedStatus.DEGRADED})


@dataclass(frozen=True, slots=True)
class Context:
    """What decisions lean on and never change: the rules, the chain port, the source of uuids."""

    profile: Profile
    chain: Chain
    new_uuid: Callable[[], str]


@dataclass(slots=True)
class Case:
    """One input on the table: the state it meets, the world around it, and whose metadata its events carry."""

    state: State
    conditions: Conditions
    context: Context
    metadata: Metadata | None = None
    check_price: float | None = None
    """A price to judge at in place of the last tick's (R13)."""

    @property
    def price(self) -> float:
        """The price at which everything executes (R5)."""
        return self.state.price if self.check_price is None else self.check_price

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
