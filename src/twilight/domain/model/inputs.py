"""Everything that can reach the exchange, and under which conditions (engine 0, decisions C4).

Times, ids and prices come in with the input: nothing in the domain reads a clock, an environment or the network.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from twilight.domain.model.chain import Accepted, Refused
from twilight.domain.model.clock import iso
from twilight.domain.model.commands import ClientCommand, SettleOnLimit


class FeedStatus(StrEnum):
    """What the price feed says of itself (price-feed 8)."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    HOLD = "HOLD"
    HALTED = "HALTED"
    STARTING = "STARTING"


STEP_LIMITED = "STEP_LIMITED"


def gating_status(status: FeedStatus, flags: tuple[str, ...]) -> FeedStatus:
    """Return the status that gates: a step-limited tick is known to be behind the market (R30)."""
    if status is FeedStatus.HEALTHY and STEP_LIMITED in flags:
        return FeedStatus.DEGRADED
    return status


@dataclass(slots=True)
class Conditions:
    """The world as one input meets it: time in nanoseconds since 1970, the feed's gating status and age."""

    now_ns: int
    feed_status: FeedStatus
    feed_age_ms: int = 0
    _now_iso: str = field(default="", init=False, repr=False, compare=False)

    @property
    def now_iso(self) -> str:
        """The time as records carry it."""
        if not self._now_iso:
            self._now_iso = iso(self.now_ns)
        return self._now_iso

    @property
    def now_us(self) -> str:
        """Microseconds since 1970, as text, as metadata carries them."""
        return str(self.now_ns // 1000)


@dataclass(slots=True)
class QueuePosition:
    """Where a command stood: the configured queue name, Kafka's own topic id, the offset (C5)."""

    queue: str
    topic_id: str
    offset: int


@dataclass(slots=True)
class NotACommand:
    """A record of the order queue that is no command: why, and the request id if it could be read (C6)."""

    reason: str
    request_id: str = ""


@dataclass(slots=True)
class CommandInput:
    """A client's command, or what stood in its place, with where and when the broker took it."""

    command: ClientCommand | SettleOnLimit | NotACommand
    position: QueuePosition | None = None
    key: str | None = None
    broker_time_ms: int | None = None


@dataclass(slots=True)
class Tick:
    """A tick of the price feed that the core accepted (price-feed 10); `price` in dollars, with its cents.

    `text`, `kid` and `sig` are the signed canonical form that travels with the price (R14).
    """

    price: float
    status: FeedStatus = FeedStatus.HEALTHY
    flags: tuple[str, ...] = ()
    text: str = ""
    kid: str = ""
    sig: str = ""


@dataclass(slots=True)
class FundingHour:
    """Fund this hour (whole hours since 1970); done once, at a tradable tick (R11)."""

    hour: int


@dataclass(slots=True)
class FundingSlice:
    """Make the next records of an hour that is open; without one nothing happens."""


@dataclass(slots=True)
class UpdateFeesCall:
    """Admin: set the four fee levels, percent."""

    order_filled_on_market: float
    order_filled_on_limit: float
    order_settled_on_market: float
    order_settled_on_limit: float


@dataclass(slots=True)
class UpdateRiskParamsCall:
    """Admin: change any of the six risk parameters; None keeps one."""

    max_oi_mult: float | None = None
    max_net_mult: float | None = None
    max_position_pct: float | None = None
    min_position_btc: float | None = None
    max_leverage: float | None = None
    mm_ratio: float | None = None


@dataclass(slots=True)
class SetMarketHaltCall:
    """Admin: halt or resume the market (engine 11); None leaves a pause as it is."""

    enabled: bool
    cancel_pending_limit_orders: bool = False
    cancel_settling_limit_orders: bool = False
    pause_funding: bool | None = None
    pause_price_feed: bool | None = None
    exit_relayer: bool = False


@dataclass(slots=True)
class SetMarketCloseOnlyCall:
    """Admin: allow closes only."""

    enabled: bool


@dataclass(slots=True)
class RecalculateRiskStateCall:
    """Admin: recompute exposure from the live orders."""


@dataclass(slots=True)
class TriggerPriceCheckCall:
    """Admin, profile `test` only (R13): run the named checks at a price without a tick."""

    price: float
    check_pending_limit: bool = False
    check_liquidation: bool = False
    check_settling_limit: bool = False


AdminCall = (
    UpdateFeesCall
    | UpdateRiskParamsCall
    | SetMarketHaltCall
    | SetMarketCloseOnlyCall
    | RecalculateRiskStateCall
    | TriggerPriceCheckCall
)


@dataclass(slots=True)
class Admin:
    """An administrator's call; `actor` is who is written into the audit metadata of its events."""

    call: AdminCall
    actor: str = ""


@dataclass(slots=True)
class Genesis:
    """Found the exchange: the pool's first state and the settings that hold from then on (engine 1.4, F3)."""

    uuid: str
    tlv_sats: int = 200_000_000
    tps: int = 200_000
    nonce: int = 1
    script_address: str = "18" + "00" * 20
    owner: str = "0c" + "00" * 68
    tlv_blinding: bytes = bytes(32)
    tps_blinding: bytes = bytes(32)
    fees: tuple[float, float, float, float] = (0.04, 0.02, 0.04, 0.02)
    risk_params: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class ChainAnswer:
    """What the chain said to an intent, once known; saying it again changes nothing."""

    uuid: str
    intent_id: str
    outcome: Accepted | Refused


Input = ChainAnswer | CommandInput | Tick | FundingHour | FundingSlice | Admin | Genesis
