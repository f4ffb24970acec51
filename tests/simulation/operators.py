"""The administrator: calls at whatever core is there, and notes what was answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from twilight.core.admin.methods import AdminRequest, call_of
from twilight.domain.books.snapshot import state_hash

if TYPE_CHECKING:
    from tests.simulation.run import Run

EVENTS = "CoreEventLogTopic"
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "UpdateFees",
        {
            "order_filled_on_market": 0.05,
            "order_filled_on_limit": 0.03,
            "order_settled_on_market": 0.05,
            "order_settled_on_limit": 0.03,
        },
    ),
    ("UpdateRiskParams", {"max_leverage": 25.0}),
    ("UpdateRiskParams", {"mm_ratio": 1_000.0}),
    ("SetMarketCloseOnly", {"enabled": True}),
    ("SetMarketHalt", {"enabled": True}),
    ("SetMarketHalt", {"enabled": True, "cancel_pending_limit_orders": True, "cancel_settling_limit_orders": True}),
    ("SetMarketHalt", {"enabled": True, "pause_funding": True, "pause_price_feed": True}),
    ("RecalculateRiskState", {}),
    ("TriggerPriceCheck", {"price": 1.0}),
    ("GetRiskStats", {}),
)
OPEN_AGAIN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("SetMarketHalt", {"enabled": False, "pause_funding": False, "pause_price_feed": False}),
    ("SetMarketCloseOnly", {"enabled": False}),
)


@dataclass(frozen=True)
class Request:
    """Stands where `core.admin_server.Waiting` stands."""

    request: AdminRequest
    actor: str
    respond: Callable[[bytes], None]


@dataclass
class Operator:
    """One person."""

    run: "Run"
    random: Random
    answers: list[bytes] = field(default_factory=list)

    def act(self) -> None:
        """Ask for something, and open the market again some seconds later."""
        self._ask(*self.random.choice(CALLS))
        self.run.time.after(self.random.uniform(0.5, 5.0), self.open_again)

    def open_again(self) -> None:
        for call in OPEN_AGAIN:
            self._ask(*call)

    def _ask(self, method: str, params: dict[str, Any]) -> None:
        """Ask every core, as someone does who does not know which one leads; only the leader will answer."""
        for host in self.run.hosts:
            if host.process is not None and host.life is not None:
                request = AdminRequest(1, method, call_of(method, params))
                host.life.around.inbox.requests.append(Request(request, "operator", self._heard(host)))  # type: ignore[arg-type]

    def _heard(self, host: Any) -> Callable[[bytes], None]:
        """The state behind an answer must be in the log by now; one that is written beside the loop goes on before."""
        process, engine = host.process, host.life.core._engine

        def respond(body: bytes) -> None:
            self.answers.append(body)
            if EVENTS in process.written and not host.writes_beside:
                self.run.records.shown.append((state_hash(engine.state), process.written[EVENTS]))

        return respond
