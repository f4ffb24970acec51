"""The engine without Kafka: lines of inputs in, the lines that would stand in the log out (`twilight core simulate`).

The tool with which anyone checks a number: the same engine, codec and answers as in production, the clock and the
uuids given or derived, so that equal files give equal bytes (engine I-24). Commands meet the engine at once; the feed
is what the last tick line says, however long ago that was.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from twilight.core.admin.methods import AdminFault, call_of
from twilight.core.exchange import Exchange, Topics
from twilight.core.inputs.arrivals import Arrival, read_command
from twilight.core.inputs.payloads import payloads
from twilight.domain.books.state import State
from twilight.domain.context import TRADABLE
from twilight.domain.engine import new_engine
from twilight.domain.model.chain import Disabled
from twilight.domain.model.clock import NS_PER_S, parse_iso
from twilight.domain.model.errors import DomainError
from twilight.domain.model.inputs import (
    Admin,
    CommandInput,
    Conditions,
    FeedStatus,
    FundingHour,
    FundingSlice,
    Genesis,
    Tick,
    gating_status,
)
from twilight.domain.model.numbers import round_half_away
from twilight.domain.model.profile import PROFILES, Profile

NS_PER_MS = NS_PER_S // 1000


class SimulationFault(ValueError):
    """A line cannot be read or carried out; the message names it."""


class _Genesis(msgspec.Struct, forbid_unknown_fields=True):
    tlv: int = 200_000_000
    tps: int = 200_000


class _Tick(msgspec.Struct, forbid_unknown_fields=True):
    price: float | None
    status: FeedStatus = FeedStatus.HEALTHY
    flags: tuple[str, ...] = ()


class _Admin(msgspec.Struct, forbid_unknown_fields=True):
    method: str
    params: object = None


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    now: str | UnsetType = UNSET
    genesis: _Genesis | UnsetType = UNSET
    profile: str | UnsetType = UNSET
    tick: _Tick | UnsetType = UNSET
    command: msgspec.Raw | UnsetType = UNSET
    uuid: str | None = None
    broker_ts: str | None = None
    funding_hour: int | UnsetType = UNSET
    admin: _Admin | UnsetType = UNSET


@dataclass(slots=True)
class GivenUuids:
    """Gives the uuid that a line names, else one that follows from how many were given before."""

    named: str | None = None
    given: int = 0

    def __call__(self) -> str:
        """Return the next uuid."""
        self.given += 1
        named, self.named = self.named, None
        digest = sha256(f"twilight/simulate/{self.given}".encode()).digest()
        return named or str(UUID(bytes=digest[:16], version=4))


class Simulation:
    """One exchange, from its founding, or from a state that is given."""

    def __init__(
        self, profile: Profile, *, tlv_sats: int = 200_000_000, tps: int = 200_000, state: State | None = None
    ) -> None:
        self._uuids = GivenUuids()
        engine = new_engine(self._uuids, profile, Disabled(payloads("lenient")), state)
        self._exchange = Exchange(engine, Topics("events", "failed", "intents"))
        self._genesis = (tlv_sats, tps)
        self._founded = state is not None
        self._status = FeedStatus.STARTING if state is None else FeedStatus.HEALTHY

    @property
    def state(self) -> State:
        """The exchange as it is now."""
        return self._exchange.engine.state

    def tick(self, now_ns: int, price: float | None, status: FeedStatus, flags: tuple[str, ...]) -> list[bytes]:
        """Take a tick; return the lines of its events."""
        tick = Tick(price or 0.0, status, flags)
        if status not in TRADABLE or round_half_away(tick.price) >= 1:  # else it is not accepted (decisions R27)
            self._status = gating_status(status, flags)
        return self._take(now_ns, tick)

    def command(
        self, now_ns: int, value: bytes, *, uuid: str | None = None, broker_time_ms: int | None = None
    ) -> list[bytes]:
        """Take what stood on the order queue, command or not; return the lines of its events."""
        self._found(now_ns)
        self._uuids.named = uuid
        arrival = Arrival(CommandInput(read_command(value), None, None, broker_time_ms), value)
        self._exchange.take_arrival(arrival, self._conditions(now_ns))
        self._uuids.named = None
        return self._lines()

    def funding_hour(self, now_ns: int, hour: int) -> list[bytes]:
        """Charge one hour; return the lines of its events."""
        lines = self._take(now_ns, FundingHour(hour))
        while self.state.open_hour is not None:
            lines += self._take(now_ns, FundingSlice())
        return lines

    def admin(self, now_ns: int, method: str, params: object) -> list[bytes]:
        """Carry out an administrator's call; return the lines of its events."""
        try:
            call = call_of(method, params)
        except AdminFault as fault:
            raise SimulationFault(str(fault)) from fault
        return [] if call is None else self._take(now_ns, Admin(call))

    def _take(self, now_ns: int, given: Tick | FundingHour | FundingSlice | Admin) -> list[bytes]:
        self._found(now_ns)
        try:
            self._exchange.take(given, self._conditions(now_ns))
        except DomainError as fault:
            raise SimulationFault(str(fault)) from fault
        return self._lines()

    def _found(self, now_ns: int) -> None:
        """Found the exchange at the time of the first input."""
        if not self._founded:
            self._founded = True
            tlv_sats, tps = self._genesis
            founding = Genesis(self._uuids(), tlv_sats=tlv_sats, tps=tps)
            self._exchange.take(founding, self._conditions(now_ns))

    def _conditions(self, now_ns: int) -> Conditions:
        return Conditions(now_ns, self._status)

    def _lines(self) -> list[bytes]:
        records = self._exchange.end_batch().records
        return [
            b'{"key":' + (key or b"null") + b',"value":' + value + b"}"
            for topic, key, value in records
            if topic == self._exchange.events_topic
        ]


def simulate(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of all events that the input lines cause; raises `SimulationFault` that names a faulty line."""
    simulation: Simulation | None = None
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = msgspec.json.decode(text, type=_Line)
            if simulation is None:
                simulation = _begun(line)
            elif line.genesis is not UNSET or line.profile is not UNSET:
                raise SimulationFault("genesis and profile stand in the first line only")
            yield from _carried_out(simulation, line)
        except (msgspec.DecodeError, ValueError) as fault:
            raise SimulationFault(f"line {number}: {fault}") from fault


def _begun(line: _Line) -> Simulation:
    name = "default" if line.profile is UNSET else line.profile
    if name not in PROFILES:
        raise SimulationFault(f"profile must be one of {', '.join(PROFILES)}, was {name!r}")
    genesis = _Genesis() if line.genesis is UNSET else line.genesis
    return Simulation(PROFILES[name], tlv_sats=genesis.tlv, tps=genesis.tps)


def _carried_out(simulation: Simulation, line: _Line) -> list[bytes]:
    inputs = [name for name in ("tick", "command", "funding_hour", "admin") if getattr(line, name) is not UNSET]
    if not inputs and line.now is UNSET:
        return []
    if len(inputs) != 1 or line.now is UNSET:
        raise SimulationFault("expected now and one of tick, command, funding_hour, admin")
    now_ns = parse_iso(line.now)
    if line.tick is not UNSET:
        return simulation.tick(now_ns, line.tick.price, line.tick.status, line.tick.flags)
    if line.command is not UNSET:
        broker_ms = None if line.broker_ts is None else parse_iso(line.broker_ts) // NS_PER_MS
        return simulation.command(now_ns, bytes(line.command), uuid=line.uuid, broker_time_ms=broker_ms)
    if line.admin is not UNSET:
        return simulation.admin(now_ns, line.admin.method, line.admin.params)
    return simulation.funding_hour(now_ns, 0 if line.funding_hour is UNSET else line.funding_hour)
