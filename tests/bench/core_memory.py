"""P5 and P12: the core without Kafka, against its codec alone.

P5 takes commands as bytes to records as bytes, through `decide` and `evolve`, with 100,000 open positions around;
half of the commands open at the market, half close. The codec alone reads the same commands and writes the same events.
P12 folds a log; the codec alone reads the same events. "Codec" is bytes to domain value and back, translation included.
"""

import gc
import random
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.bench._timing import in_turns, processor_seconds, row
from tests.core.traffic import create, execute

from twilight.bus import Record
from twilight.core.collector import rest_collector
from twilight.core.durability.recovery import fold
from twilight.core.exchange import Batch, Exchange, Topics
from twilight.core.ids import Uuids
from twilight.core.inputs.arrivals import Arrival, read_arrival
from twilight.core.loop import HANDED_OVER_COMMANDS
from twilight.domain.books.state import State
from twilight.domain.engine import Engine, new_engine
from twilight.domain.model.events import Event
from twilight.domain.model.inputs import Conditions, FeedStatus, Genesis, Tick
from twilight.wire.events import decode_event
from twilight.wire.keys import EventKey, decode_key
from twilight.wire.translate import encode_all, event_from_wire

POSITIONS = 100_000
COMMANDS = 5_000
MARGIN_SATS = 100.0
NOW_NS = 1_775_808_000_000_000_000
GENESIS = Genesis("85c5b2e5-bcda-4ab1-9b83-2de488aa6357", tlv_sats=10**12, tps=10**9)
PAYLOAD_CHARACTERS = {"CreateTraderOrder": 2_992, "ExecuteTraderOrder": 890}
"""As long as genuine transactions and settle messages are."""


def request_id(number: int) -> str:
    """Return a request id as gateways make them."""
    return "REQID" + sha256(b"request %d" % number).hexdigest().upper()


def account(number: int) -> str:
    """Return an account id as long as genuine ones."""
    digest = sha256(b"account %d" % number).hexdigest()
    return (digest * 3)[:138]


def with_payload(value: bytes, kind: str) -> bytes:
    """Give a command a payload of genuine length, which is carried unread."""
    return value.replace(b'"00"', b'"' + b"ab" * (PAYLOAD_CHARACTERS[kind] // 2) + b'"')


def opened(number: int) -> bytes:
    """Return the bytes of a market open, longs and shorts in turns."""
    side = "LONG" if number % 2 else "SHORT"
    value = create(account(number), request_id(number), position_type=side, initial_margin=MARGIN_SATS)
    return with_payload(value, "CreateTraderOrder")


def closed(number: int, uuid: str, owner: str) -> bytes:
    """Return the bytes of a market close."""
    return with_payload(execute(owner, uuid, request_id(number)), "ExecuteTraderOrder")


def conditions() -> Conditions:
    """Return a healthy moment."""
    return Conditions(NOW_NS, FeedStatus.HEALTHY)


@cache
def crowded() -> State:
    """Return a state with 100,000 open positions."""
    engine = new_engine(Uuids())
    engine.apply(GENESIS, conditions())
    engine.apply(Tick(65_000.0), conditions())
    for number in range(POSITIONS):
        engine.apply(arrival(opened(number), number).given, conditions())
    return engine.state


def arrival(value: bytes, offset: int) -> Arrival:
    """Return what the core makes of a record."""
    return read_arrival(Record("orders", 0, offset, NOW_NS // 1_000_000, b"key", value), "orders", "topic")


def commands(state: State) -> list[bytes]:
    """Return opens and closes in turns."""
    live = random.Random(5).sample(list(state.positions.values()), COMMANDS // 2)
    mixed: list[bytes] = []
    for number, held in enumerate(live, POSITIONS):
        mixed.append(opened(number))
        mixed.append(closed(POSITIONS + number, held.order.uuid, held.order.account_id))
    return mixed


def through_the_engine(state: State, values: list[bytes]) -> Iterator[Batch]:
    """Take the commands one by one; yield the batches as the loop hands them over."""
    exchange = Exchange(Engine(state, new_engine(Uuids()).context), Topics("events", "failed", "intents"))
    now = conditions()  # one for all that a turn of the loop has read
    for first in range(0, len(values), HANDED_OVER_COMMANDS):
        for offset, value in enumerate(values[first : first + HANDED_OVER_COMMANDS], POSITIONS + first):
            exchange.take_arrival(arrival(value, offset), now)
        yield exchange.end_batch()


def decided(state: State, values: list[bytes]) -> list[Event]:
    """Return the events of the commands, which share their parts as the core's own do."""
    engine = Engine(state, new_engine(Uuids()).context)
    given = [arrival(value, offset).given for offset, value in enumerate(values, POSITIONS)]
    return [event for one in given for event in engine.apply(one, conditions())]


def domain_events(records: list[tuple[bytes, bytes]]) -> list[Event]:
    """Return the events of records."""
    return [read_event(key, value) for key, value in records]


def read_event(key: bytes, value: bytes) -> Event:
    """Decode one record as recovery does."""
    found = decode_key(key)
    assert isinstance(found, EventKey)
    return event_from_wire(decode_event(value, 0), found.agg_id, found.metadata)


def codec_alone(values: list[bytes], events: list[Event]) -> None:
    """Read the commands and write the events."""
    for offset, value in enumerate(values, POSITIONS):
        arrival(value, offset)
    for _ in encode_all(events):
        pass


def with_the_cores_collector(work: Callable[[], object]) -> float:
    """Return the processor time of a run in which the collector of cycles rests, as it does in the core."""
    thresholds = gc.get_threshold()
    rest_collector()
    try:
        return processor_seconds(work)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def p5(_shared: Path, runs: int) -> dict[str, Any]:
    """Return the row of P5."""
    state = crowded()
    values = commands(state)
    events = decided(state.copy(), values)

    def ours() -> float:
        fresh = state.copy()
        return with_the_cores_collector(lambda: deque(through_the_engine(fresh, values), maxlen=0))

    def peer() -> float:
        return with_the_cores_collector(lambda: codec_alone(values, events))

    medians = in_turns({"ours": ours, "peer": peer}, runs)
    rates = {name: len(values) / seconds for name, seconds in medians.items()}
    metric = "commands/s: decide, evolve and codec with 100,000 open positions, against the codec alone"
    return row("P5", metric, **rates, goal=0.4)


def p12(_shared: Path, runs: int) -> dict[str, Any]:
    """Return the row of P12."""
    state = crowded()
    batches = through_the_engine(state.copy(), commands(state))
    records = [(key or b"", value) for batch in batches for _, key, value in batch.records]

    def ours() -> float:
        engine = Engine(state.copy(), new_engine(Uuids()).context)
        return with_the_cores_collector(lambda: [fold(engine, 0, key, value, 0) for key, value in records])

    medians = in_turns({"ours": ours, "peer": lambda: with_the_cores_collector(lambda: domain_events(records))}, runs)
    rates = {name: len(records) / seconds for name, seconds in medians.items()}
    return row("P12", "events/s: recovery from a log, against decoding it alone", **rates, goal=0.7)


BENCHES = {"P5": p5, "P12": p12}
