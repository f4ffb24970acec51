"""`make chaos`: a core dies again and again inside an hour of funding that is published in slices."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from tests.chaos.conftest import RunExchange
from tests.chaos.exchange import Exchange, Say
from tests.chaos.kept import Kept
from tests.chaos.test_cores import TAKEOVER_S_MAX
from tests.core.processes import until
from tests.core.traffic import create, whole_log

from twilight.bus import LogReader, Producer, Record
from twilight.domain.books.charging import CHARGES_ALL_BUT
from twilight.wire.keys import EventKey, decode_key

POSITIONS_A_KILL = 6_000
"""Six slices: a leader makes a few of them before it is seen to lead."""
RICH = {"RISK_MAX_OI_MULT": "1000000", "RISK_MAX_NET_MULT": "1000000"}

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.mark.timeout(1_800)
def test_a_core_killed_inside_a_large_hour_leaves_every_position_charged_once(
    run_exchange: RunExchange, kills: int, say: Say, tell: Callable[[str], None]
) -> None:
    planned = max(3, kills // 20)
    with run_exchange(silent=True, **RICH) as exchange:
        exchange.administer("SetMarketHalt", {"enabled": True, "pause_funding": True})
        exchange.administer("SetMarketHalt", {"enabled": False})
        exchange.ticks.silent = False
        open_positions(exchange, planned * POSITIONS_A_KILL)
        say(f"{planned * POSITIONS_A_KILL} positions are open")
        killed_ms = kill_inside_the_hour(exchange, planned)
        exchange.leader()
        until(lambda: hour_of(exchange).closed_ms, "the hour is closed", 120)
        say(f"{len(killed_ms)} kills")
    hour = hour_of(exchange)
    inside = sum(moment < hour.closed_ms for moment in killed_ms)
    assert inside >= 2, "the hour was over before the second kill"
    assert hour.faults == []
    assert set(hour.charged) == hour.owed
    assert set(hour.charged.values()) == {1}
    assert len(hour.charged) > planned * POSITIONS_A_KILL * 0.9
    assert hour.out_of_turn() <= hour.changed
    tell(
        f"kills of the active core inside one hour of {len(hour.charged):,} positions: {inside}, each charged once; "
        f"the hour took {(hour.closed_ms - hour.opened_ms) / 1_000:.1f} s"
    )


def open_positions(exchange: Exchange, wanted: int) -> None:
    """Let so many people open a position that no swing of the price ends."""
    producer = Producer(exchange.environment["BROKER"])
    for number in range(wanted):
        side = ("LONG", "SHORT")[number % 3 == 0]
        value = create(f"holder-{number}", f"REQID{2**64 + number:064X}", position_type=side, leverage=2.0)
        producer.send(exchange.environment["RPC_CLIENT_REQUEST"], b"key", value)
    producer.flush(60)
    until(lambda: exchange.leader().ready().get("orders", 0) >= wanted, "all positions are open", 180)


def kill_inside_the_hour(exchange: Exchange, planned: int) -> list[float]:
    """Let the hour come and kill each core that leads until it is closed, so many times at most; return when."""
    exchange.standby()
    killed_ms: list[float] = []
    with LogReader(exchange.environment["BROKER"], exchange.environment["CORE_EVENT_LOG"], start="latest") as log:
        exchange.administer("SetMarketHalt", {"enabled": False, "pause_funding": False})
        until(lambda: any(opens_an_hour(record) for record in log.read(1_000, 0.01)), "the hour opens", 30)
        while len(killed_ms) < planned:
            leading(exchange).kill(rest_s=TAKEOVER_S_MAX)
            killed_ms.append(time.time() * 1_000)
            leading(exchange)
            if any(closes_an_hour(record) for record in log.read(100_000, 0.0)):
                break
    return killed_ms


def leading(exchange: Exchange) -> Kept:
    """Return the core that leads, as soon as one does: the standby, or one that came back before it was ready."""
    return until(lambda: next((core for core in exchange.cores if core.has_role("leader")), None), "a core leads", 90)


def opens_an_hour(record: Record) -> bool:
    return CHARGES_ALL_BUT.encode() in (record.key or b"")


def closes_an_hour(record: Record) -> bool:
    return (record.value or b"").startswith(b'{"FundingRateUpdate":')


@dataclass
class Hour:
    """The hour that the log tells of, as somebody sees it who knows no rule of the exchange."""

    live: dict[str, int] = field(default_factory=dict)
    """The entry sequence of each open position."""
    owed: set[str] = field(default_factory=set)
    charged: Counter[str] = field(default_factory=Counter)
    sequences: dict[str, int] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    """Whose position changed while the hour was open."""
    opened_ms: int = 0
    closed_ms: int = 0
    faults: list[str] = field(default_factory=list)

    def take(self, record: Record) -> None:
        key = decode_key(record.key)
        if not isinstance(key, EventKey):
            return
        metadata, event = key.metadata or {}, msgspec.json.decode(record.value or b"{}")
        for kind, values in event.items():
            if kind == "TraderOrderFundingUpdate":
                self._charge(record, values[0], opens=CHARGES_ALL_BUT in metadata)
            elif kind.startswith("TraderOrder"):  # made, filled, given a trigger, ended
                self._change(values[0], by_the_hour="funding_hour" in metadata)
            elif kind == "FundingRateUpdate" and self.opened_ms:
                self.closed_ms = self.closed_ms or record.timestamp_ms

    def _charge(self, record: Record, order: dict[str, object], *, opens: bool) -> None:
        uuid = str(order["uuid"])
        if opens:
            self.faults += ["the hour opened twice"] if self.opened_ms else []
            self.opened_ms, self.owed = record.timestamp_ms, set(self.live)
        if uuid not in self.live:
            self.faults.append(f"{uuid} is charged and is not open")
        if self.closed_ms:
            self.faults.append(f"{uuid} is charged after the hour was closed")
        self.charged[uuid] += 1
        self.sequences[uuid] = self.live.get(uuid, -1)

    def _change(self, order: dict[str, object], *, by_the_hour: bool) -> None:
        uuid = str(order["uuid"])
        if self.opened_ms and not self.closed_ms:
            self.changed.add(uuid)
            if by_the_hour:  # it is liquidated instead
                self.owed.discard(uuid)
        if order["order_status"] == "FILLED":
            self.live[uuid] = int(str(order["entry_sequence"]))
        else:
            self.live.pop(uuid, None)

    def out_of_turn(self) -> set[str]:
        """Return who was charged before one who had entered earlier."""
        newest, found = 2**63, set[str]()
        for uuid, sequence in reversed(self.sequences.items()):
            if sequence > newest:
                found.add(uuid)
            newest = min(newest, sequence)
        return found


def hour_of(exchange: Exchange) -> Hour:
    """Return the hour as the log tells of it."""
    hour = Hour()
    for record in whole_log(exchange.environment["BROKER"], exchange.environment["CORE_EVENT_LOG"]):
        hour.take(record)
    return hour
