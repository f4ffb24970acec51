"""A short day of the exchange as the engine itself decides it: records of the event log and of the order queue."""

import json
from collections.abc import Iterable
from typing import Any

from tests.domain.exchange import Exchange, slices_of

from twilight.bus import Record
from twilight.core.chain import intent_record
from twilight.core.simulate import simulate
from twilight.domain.model.chain import Attached, LenientPayloads
from twilight.domain.model.events import IntentOpened
from twilight.domain.model.inputs import QueuePosition
from twilight.wire.commands import decode_command
from twilight.wire.events import Event, decode_event
from twilight.wire.translate import command_from_wire

LOG, QUEUE = "log", "CLIENT-REQUEST"
A, B, C = (f"aaaaaaaa-0000-4000-8000-{n:012}" for n in (1, 2, 3))

HOUR = 492_563
"""2026-03-11T11:00Z in hours since 1970."""

Line = dict[str, Any]


def _meta(request_id: str) -> list[Any]:
    return [{"metadata": {}}, "00", request_id]


def open_order(account: str, side: str, kind: str, limit: float, request_id: str) -> Line:
    """Return a create command of 100,000 sats at leverage 10."""
    request = {
        "account_id": account,
        "position_type": side,
        "order_type": kind,
        "leverage": 10.0,
        "initial_margin": 100_000.0,
        "available_margin": 100_000.0,
        "order_status": "PENDING",
        "entryprice": limit,
        "execution_price": limit,
    }
    return {"CreateTraderOrder": [request, *_meta(request_id)]}


def close_order(account: str, uuid: str, request_id: str) -> Line:
    """Return a close at the market."""
    request = {
        "account_id": account,
        "uuid": uuid,
        "order_type": "MARKET",
        "settle_margin": 0.0,
        "order_status": "FILLED",
        "execution_price": 0.0,
    }
    return {"ExecuteTraderOrder": [request, *_meta(request_id)]}


def deposit(account: str, sats: float, request_id: str) -> Line:
    """Return a deposit into the pool."""
    request = {
        "account_id": account,
        "balance": sats,
        "order_type": "LEND",
        "order_status": "PENDING",
        "deposit": sats,
    }
    return {"CreateLendOrder": [request, *_meta(request_id)]}


COMMANDS: list[tuple[int, Line, str | None]] = [
    (1, open_order("A", "LONG", "MARKET", 0.0, "REQID1"), A),
    (2, open_order("B", "SHORT", "LIMIT", 66_000.0, "REQID2"), B),
    (3, deposit("C", 1_000_000.0, "REQID3"), C),
    (8, close_order("A", A, "REQID4"), None),
    (9, close_order("A", A, "REQID5"), None),
]
TICKS = {0: 65_000, 5: 66_000, 7: 66_500, 70: 66_400, 140: 66_300}


def inputs() -> list[Line]:
    """Return the day as lines for the simulator, in time order."""
    ticks = [(second, {"tick": {"price": price, "status": "HEALTHY"}}) for second, price in TICKS.items()]
    commands = [(s, {"command": c} | ({"uuid": uuid} if uuid else {})) for s, c, uuid in COMMANDS]
    day = sorted([*ticks, *commands], key=lambda entry: entry[0])
    return [{"now": f"2026-03-11T10:{s // 60:02}:{s % 60:02}Z", **line} for s, line in day]


def log_records() -> list[Record]:
    """Return the event log of the day, with queue and offset in the keys as the core writes them."""
    produced = [json.loads(line) for line in simulate(json.dumps(line).encode() for line in inputs())]
    return [_record(offset, line) for offset, line in enumerate(produced)]


def _record(offset: int, line: Line) -> Record:
    metadata = line["key"].get("metadata") or {}
    request_id = metadata.get("request_id")
    if request_id:
        line["key"]["metadata"] = {**metadata, "queue": QUEUE, "offset": str(int(request_id[-1]) - 1)}
    key, value = (json.dumps(line[part], separators=(",", ":")).encode() for part in ("key", "value"))
    return Record(LOG, 0, offset, 1_773_223_200_000 + offset, key, value)


def in_an_open_hour() -> tuple[list[Record], list[Record]]:
    """Return a log that ends inside a sliced funding hour, the record of F still to come, and its order queue."""
    commands = [open_order(name, "LONG", "MARKET", 0.0, f"REQID{number}") for number, name in enumerate("DEF", 1)]
    tick = {"tick": {"price": 65_000, "status": "HEALTHY"}}
    day = [tick, *({"command": command} for command in commands)]
    lines = [{"now": f"2026-03-11T10:00:0{second}Z", **line} for second, line in enumerate(day)]
    lines.append({"now": "2026-03-11T11:00:00Z", "funding_hour": HOUR})
    with slices_of(1):
        produced = [json.loads(line) for line in simulate(json.dumps(line).encode() for line in lines)]
    log = [_record(offset, line) for offset, line in enumerate(produced[:-2])]
    return log, [command_record(offset, command) for offset, command in enumerate(commands)]


def queue_records() -> list[Record]:
    """Return the order queue of the day."""
    return [command_record(offset, command) for offset, (_, command, _) in enumerate(COMMANDS)]


def command_record(offset: int, command: Line) -> Record:
    """Return a command at an offset of the order queue."""
    return Record(QUEUE, 0, offset, 1_773_223_200_000, b"k", json.dumps(command).encode())


def intent_of(offset: int, command: Line, number: int = 1) -> Record:
    """Return the write-ahead intent of a command that opens an order and that a chain has not answered."""
    exchange = Exchange(chain=Attached(LenientPayloads()))
    exchange.state.intent_sequence = number - 1
    given = command_from_wire(decode_command(json.dumps(command).encode()))
    (event,) = exchange.command(given, QueuePosition(QUEUE, "", offset))
    assert isinstance(event, IntentOpened)
    assert event.metadata is not None
    del event.metadata["topic_id"]  # of whatever topic the queue is, as in the log
    _, key, value = intent_record(event, "intents")
    return Record("intents", 0, number, 1_773_223_200_000, key, value)


def events(records: Iterable[Record]) -> list[Event]:
    """Return the events of records."""
    return [decode_event(record.value, record.timestamp_ms) for record in records]
