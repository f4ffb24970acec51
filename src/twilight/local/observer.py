"""Put together what the parts say of themselves into one status."""

import os
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from twilight.local import disk
from twilight.local.probe import Probe
from twilight.local.status import Market, PartStatus, Phase, Status
from twilight.local.supervisor import Supervised, Supervisor

HISTORY_S = 3_600
MS_PER_S = 1_000
E8 = 100_000_000


class Tick(msgspec.Struct):
    """What is read of the feeder's newest tick; `ts` is unix time in ms."""

    seq: int
    ts: int
    price_e8: int
    status: str


class Tally(msgspec.Struct):
    """What is read of a demo trader."""

    trades: int
    last_trade: str


class LagMeter:
    """How far a reader is behind in seconds: the age of the oldest end of the log that it has not reached."""

    def __init__(self) -> None:
        self._ends: deque[tuple[float, int]] = deque(maxlen=HISTORY_S)

    def note(self, now_s: float, end: int) -> None:
        """Note where the log ends now."""
        if not self._ends or self._ends[-1][1] < end:
            self._ends.append((now_s, end))

    def lag(self, now_s: float, position: int) -> tuple[int, float]:
        """Return how many records and seconds a reader at `position` (its next offset) is behind."""
        behind = next((since_s for since_s, end in self._ends if end > position), None)
        if behind is None:
            return 0, 0.0
        return self._ends[-1][1] - position, round(now_s - behind, 1)


class Observer:
    """Looks at everything once a second."""

    def __init__(
        self, supervisor: Supervisor, probe: Probe, source: str, data: Path, addresses: Mapping[str, str]
    ) -> None:
        self._parts = supervisor.parts
        self._probe = probe
        self._source = source
        self._data = data
        self._addresses = dict(addresses)
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._log_ends = LagMeter()
        self._last_trades: dict[str, str] = {}
        self._last_trade = ""
        self._idle_s = time.time()

    def status(self, state: str, market: Market | None = None) -> Status:
        """Return the status without asking anybody."""
        parts = [each.status for each in self._parts.values()]
        market = market or Market(self._source)
        where = str(self._data), market, self._addresses
        return Status(state, os.getpid(), self._started_at, *where, parts, disk.alarm(self._data))

    async def look(self) -> Status:
        """Ask the parts for their figures and return the status."""
        now_s = time.time()
        core = await self._metrics("core")
        tick = await self._probe.read(self._addresses["feeder"], Tick)
        market = self._market(tick, core)
        if market.sequence is not None:
            self._log_ends.note(now_s, market.sequence + 1)
        waiting = core.get("twilight_core_waiting_commands")
        self._own_lag("core", waiting, self._waits_s(waiting, now_s))
        self._own_lag("feeder", None, now_s - tick.ts / MS_PER_S if tick else None)
        await self._reader_lag("api", "twilight_api_log_position", now_s)
        self._own_lag("archiver", None, None)
        status = self.status("ready", market)
        if not status.is_ready or status.alarm:
            status.state = "degraded"
        return status

    async def _metrics(self, name: str) -> dict[str, float]:
        each = self._parts[name]
        return await self._probe.metrics(each.part.ops_url) if each.status.pid else {}

    def _market(self, tick: "Tick | None", core: Mapping[str, float]) -> Market:
        said = self._parts["core"].body
        trades = self._trades()
        return Market(
            self._source,
            price=tick.price_e8 / E8 if tick and tick.price_e8 else None,
            feed_status=tick.status if tick else None,
            tick_seq=tick.seq if tick else None,
            sequence=said.get("offset"),
            state_hash=said.get("state_hash"),
            state_hash_sequence=said.get("state_hash_offset"),
            open_interest_sats=_whole(core.get("twilight_core_open_interest_sats")),
            orders=said.get("orders"),
            trades=trades,
            last_trade=self._last_trade,
        )

    def _trades(self) -> int:
        """Count the traders' trades since they were started, and keep the newest."""
        said = self._parts["traders"].body.get("traders", {}) if "traders" in self._parts else {}
        tallies = msgspec.convert(said, dict[str, Tally])
        for name, tally in tallies.items():
            if tally.last_trade not in ("", self._last_trades.get(name)):
                self._last_trade = f"{name} {tally.last_trade}"
            self._last_trades[name] = tally.last_trade
        return sum(tally.trades for tally in tallies.values())

    def _waits_s(self, waiting: float | None, now_s: float) -> float | None:
        """Return for how long (seconds) there has been a command that the core has not decided."""
        if not waiting:
            self._idle_s = now_s
        return None if waiting is None else now_s - self._idle_s

    def _own_lag(self, name: str, records: float | None, seconds: float | None) -> None:
        """Take the lag that a part tells itself, else what was seen from the outside."""
        each = self._parts[name]
        _set_lag(each, each.body.get("lag_records", records), each.body.get("lag_s", seconds))

    async def _reader_lag(self, name: str, metric: str, now_s: float) -> None:
        position = (await self._metrics(name)).get(metric)
        records, seconds = (None, None) if position is None else self._log_ends.lag(now_s, int(position))
        self._own_lag(name, records, seconds)


def _set_lag(each: Supervised, records: float | None, seconds: float | None) -> None:
    status: PartStatus = each.status
    runs = status.state in (Phase.READY, Phase.UNREADY)
    status.lag_records = _whole(records) if runs else None
    status.lag_s = round(max(0.0, seconds), 2) if runs and seconds is not None else None


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
