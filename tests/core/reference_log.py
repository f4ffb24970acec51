"""The steps that were sent to the running reference, sent to our engine, and what both made of them."""

import base64
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from twilight.core.simulate import Simulation, SimulationFault
from twilight.domain.books.evolve import evolve
from twilight.domain.books.state import State
from twilight.domain.model.inputs import FeedStatus
from twilight.domain.model.profile import REFERENCE
from twilight.domain.trading.totals import risk_state
from twilight.wire.events import decode_event
from twilight.wire.translate import event_from_wire

Event = tuple[str, str, Any]
"""Kind, aggregate id, payload."""

PASSING = {"CurrentPriceUpdate", "Stop"}
"""Ticks and readers' markers stand between the steps as chance had it."""

UNCOMPARED = {
    "timestamp": "the time of the run",
    "datetime": "the time of the run",
    "request_server_time": "the time of the run",
    "tx_hash": "synthetic here, a fixed text there (W-42)",
    "offset": "where the command stood; simulate has no queue",
    "kafka_key": "where the command stood; simulate has no queue",
    "reason": "text for people; ours begins with the code of engine 7.3",
    "last_output_state": "blinding factors; its nonce and totals are the pool's",
}
OWN_RECORDS = {"FILLED", "SETTLED", "LIQUIDATE"}
"""Without a chain the reference answers none of these (W-42)."""

COUNTERS = {
    "TraderOrder": 2,
    "TraderOrderUpdate": 2,
    "TraderOrderLimitUpdate": 2,
    "TraderOrderLiquidation": 2,
    "LendOrder": 2,
    "PoolUpdate": 2,
}
TOTALS = {
    "RiskEngineUpdate": ("total_long_btc", "total_short_btc", "total_pending_long_btc", "total_pending_short_btc"),
    "PositionSizeLogDBUpdate": ("total_short_positionsize", "total_long_positionsize", "totalpositionsize"),
    "PoolUpdate": ("nonce", "total_pool_share", "total_locked_value", "aggrigate_log_sequence"),
}


@dataclass
class Step:
    """One step: what was done, what the reference wrote, what ours wrote."""

    name: str
    label: str
    recorded: list[Event]
    ours: list[Event]


class Comparable:
    """Turns one side's events into what is compared.

    Totals and running numbers are compared as what each event adds to them: one deliberate difference would otherwise
    make every later event differ.
    """

    def __init__(self) -> None:
        self._totals: dict[str, dict[str, float]] = {}

    @classmethod
    def beginning_at(cls, state: State) -> "Comparable":
        """Return one that knows the totals of the state from which the events come."""
        risk, pool, sums = risk_state(state), state.pool, state.exposure
        totals = {
            "RiskEngineUpdate": (
                risk.total_long_sats,
                risk.total_short_sats,
                risk.total_pending_long_sats,
                risk.total_pending_short_sats,
            ),
            "PositionSizeLogDBUpdate": (sums.short_size, sums.long_size, sums.short_size + sums.long_size),
            "PoolUpdate": (
                pool.nonce,
                pool.total_pool_share,
                pool.total_locked_value_sats,
                pool.log_sequence,
            ),
        }
        made = cls()
        made._totals = {kind: dict(zip(TOTALS[kind], values, strict=True)) for kind, values in totals.items()}
        return made

    def events(self, events: list[Event]) -> list[Event]:
        return [self._event(*event) for event in events if not _left_out(*event)]

    def _event(self, kind: str, agg_id: str, payload: Any) -> Event:
        if kind in COUNTERS:
            payload = payload[: COUNTERS[kind]]
        if kind in TOTALS:
            payload = [_plain(payload[0]), self._added(kind, payload[1])]
        return kind, _plain_id(agg_id), _plain(payload)

    def _added(self, kind: str, totals: Mapping[str, Any]) -> dict[str, Any]:
        before = self._totals.get(kind, dict.fromkeys(TOTALS[kind], 0))
        self._totals[kind] = {name: totals[name] for name in TOTALS[kind]}
        return {**totals, **{name: round(totals[name] - before[name], 3) for name in TOTALS[kind]}}


def _left_out(kind: str, _agg_id: str, payload: Any) -> bool:
    return kind in PASSING or (kind in {"TxHash", "TxHashUpdate"} and payload["order_status"] in OWN_RECORDS)


def _plain_id(agg_id: str) -> str:
    """Leave out the time, the nonce or the hash that some aggregate ids end with."""
    for prefix in ("insert_fundingrate", "FeeUpdate", "tx_hash_result", "RpcCommandPoolupdate"):
        if agg_id.startswith(prefix):
            return prefix
    return agg_id


RUNNING_NUMBERS = {"entry_sequence", "entry_nonce", "exit_nonce"}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if "out_type" in value:
            return "state output"
        return {
            name: _plain(member)
            for name, member in value.items()
            if name not in UNCOMPARED and name not in RUNNING_NUMBERS
        }
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return "time" if isinstance(value, str) and _is_time(value) else value


def _is_time(text: str) -> bool:
    try:
        return "T" in text and datetime.fromisoformat(text).utcoffset() == timedelta(0)
    except ValueError:
        return False


class ReferenceRun:
    """What our engine decides, in profile `reference`, on the very state in which the reference met each step.

    The state is the recorded log, folded by our `evolve` up to the step; ours decides on a copy of it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = _recorded_log(folder)
        self._offsets = sorted(self._log)
        self._next = 0
        self._state = State()
        self._theirs = Comparable()
        self._theirs.events([_event_of(*self._log[offset][:2]) for offset in self._offsets if offset < FIRST_STEP])
        self._hour = 0
        self._price = 0.0

    def run(self, session: int) -> Iterator[Step]:
        """Yield each step of a session."""
        for step in _steps(self._folder, session):
            offsets = [offset for offset, *_ in step["events"]]
            self._fold(before=min(offsets, default=None), until_ms=step["ts"] * 1_000)
            ours = Comparable.beginning_at(self._state).events(self._decided(step))
            recorded = self._theirs.events([_event_of(*self._log[offset][:2]) for offset in offsets])
            yield Step(f"s{session}.{step['step']}", step["label"], recorded, ours)
            self._fold(before=max(offsets, default=-1) + 1, until_ms=None)

    def _fold(self, before: int | None, until_ms: float | None) -> None:
        """Apply the recorded events up to an offset, and before a time when one is given."""
        while self._next < len(self._offsets):
            offset = self._offsets[self._next]
            key, value, timestamp_ms = self._log[offset]
            if (before is not None and offset >= before) or (until_ms is not None and timestamp_ms >= until_ms):
                return
            self._next += 1
            evolve(self._state, _domain_event(key, value, timestamp_ms))

    def _decided(self, step: dict[str, Any]) -> list[Event]:
        now_ns = round(step["ts"] * 1_000_000) * 1_000
        if step["price"] is not None:
            self._price = float(step["price"])
        simulation = Simulation(replace(REFERENCE, trigger_price_check=True), state=self._state.copy())
        try:
            lines = self._carry_out(simulation, step, now_ns)
        except SimulationFault:
            lines = []
        lines += simulation.tick(now_ns + 1_000, self._price, FeedStatus.HEALTHY, ())
        return [_event_of(line["key"], line["value"]) for line in map(json.loads, lines)]

    def _carry_out(self, simulation: Simulation, step: dict[str, Any], now_ns: int) -> list[bytes]:
        if "sent" in step:
            return simulation.command(now_ns, step["sent"].encode(), uuid=self._uuid_of(step))
        if "params" in step:
            return self._admin(simulation, step, now_ns)
        return []

    def _admin(self, simulation: Simulation, step: dict[str, Any], now_ns: int) -> list[bytes]:
        params = step["params"]
        if params is not None and "key" in params:
            return self._fund(simulation, now_ns) if params["key"] == FUNDING_KEY else []
        return simulation.admin(now_ns, _method_of(step), params)

    def _fund(self, simulation: Simulation, now_ns: int) -> list[bytes]:
        """Run funding as the reference's debug switch does: whatever is paused."""
        self._hour += 1
        simulation.state.switches.pause_funding = False
        return simulation.funding_hour(now_ns, self._hour)

    def _uuid_of(self, step: dict[str, Any]) -> str | None:
        """Return the uuid that the reference gave to the order that this step made."""
        for offset, kind, _ in step["events"]:
            payload = self._log[offset][1][kind]
            if kind in {"TraderOrder", "LendOrder"}:
                return str(payload[0]["uuid"])
            if kind == "TxHash" and "Create" in step["sent"][:10]:
                return str(payload["order_id"])
        return None


FIRST_STEP = 114
"""The offset of the first event that a step caused; those before are the founding."""

FUNDING_KEY = 13
READS_AND_RECALCULATE = ("GetRiskStats", "GetRiskParams", "GetServerTime", "RecalculateRiskState")


def _method_of(step: dict[str, Any]) -> str:
    """Return the method of an administrator's step, which only its parameters and events tell."""
    params = step["params"] or {}
    if "order_filled_on_market" in params:
        return "UpdateFees"
    if any(name.startswith("check_") for name in params) or set(params) == {"price"}:
        return "TriggerPriceCheck"
    if "enabled" in params:
        closes_only = step["events"] and step["events"][0][2] == "SetManualCloseOnly"
        return "SetMarketCloseOnly" if closes_only else "SetMarketHalt"
    if step["params"] is None:
        return next(name for name in READS_AND_RECALCULATE if step["label"].startswith(name))
    return "UpdateRiskParams"


def _domain_event(key: dict[str, Any], value: dict[str, Any], timestamp_ms: int) -> Any:
    """Return a recorded event; fractions of a sat in totals are cut, because no total of ours comes from an event."""
    kind = next(iter(value))
    if kind in {"RiskEngineUpdate", "PositionSizeLogDBUpdate"}:
        value = {kind: _whole(value[kind])}
    event = decode_event(json.dumps(value).encode(), timestamp_ms)
    return event_from_wire(event, key["agg_id"], None)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_whole(member) for member in value]
    return float(int(value)) if isinstance(value, float) else value


def _recorded_log(folder: Path) -> dict[int, tuple[dict[str, Any], dict[str, Any], int]]:
    """Return key, value and time by offset."""
    log = {}
    with gzip.open(folder / "CoreEventLogTopic.jsonl.gz", "rt") as lines:
        for record in map(json.loads, lines):
            key, value = (json.loads(base64.b64decode(record[name])) for name in ("key_b64", "value_b64"))
            log[record["offset"]] = key, value, record["ts"]
    return log


def _steps(folder: Path, session: int) -> list[dict[str, Any]]:
    with gzip.open(folder / f"s{session}-steps.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def _event_of(key: dict[str, Any], value: dict[str, Any]) -> Event:
    kind, payload = next(iter(value.items()))
    return kind, key["agg_id"], payload
