"""Two days of trading as the engine itself decides them: the history that the documentation asks questions about."""

import json
from typing import Any

from archiving import record

from twilight.bus import Record
from twilight.core.simulate import simulate

Line = dict[str, Any]
ALICE, BOB, CAROL, DAVE, ERIN = "alice", "bob", "carol", "dave", "erin"
UUIDS = {name: f"{name[0] * 8}-0000-4000-8000-000000000000" for name in (ALICE, BOB, CAROL, DAVE, ERIN)}


def _tail(name: str, request: str) -> list[Any]:
    return [{"metadata": {"Twilight-Address": f"twilight1{name}"}}, "00", f"REQ-{request}"]


def opens(name: str, side: str, margin: float, leverage: float) -> Line:
    """Return a create command at the market."""
    order = {
        "account_id": f"account-{name}",
        "position_type": side,
        "order_type": "MARKET",
        "leverage": leverage,
        "initial_margin": margin,
        "available_margin": margin,
        "order_status": "PENDING",
        "entryprice": 0.0,
        "execution_price": 0.0,
    }
    return {"command": {"CreateTraderOrder": [order, *_tail(name, f"{name}-open")]}, "uuid": UUIDS[name]}


def _on_order(name: str, kind: str) -> Line:
    return {
        "account_id": f"account-{name}",
        "uuid": UUIDS[name],
        "order_type": kind,
        "settle_margin": 0.0,
        "order_status": "FILLED",
        "execution_price": 0.0,
    }


def closes(name: str) -> Line:
    """Return a close at the market."""
    return {"command": {"ExecuteTraderOrder": [_on_order(name, "MARKET"), *_tail(name, f"{name}-close")]}}


def stops(name: str, price: float) -> Line:
    """Return the setting of a stop loss."""
    legs = {"sl": price, "tp": None}
    return {"command": {"ExecuteTraderOrderSlTp": [_on_order(name, "SLTP"), legs, *_tail(name, f"{name}-stop")]}}


def deposits(name: str, sats: float) -> Line:
    """Return a deposit into the pool."""
    order = {
        "account_id": f"account-{name}",
        "balance": sats,
        "order_type": "LEND",
        "order_status": "PENDING",
        "deposit": sats,
    }
    return {"command": {"CreateLendOrder": [order, *_tail(name, f"{name}-lend")]}, "uuid": UUIDS[name]}


def tick(price: int) -> Line:
    """Return an accepted tick."""
    return {"tick": {"price": price, "status": "HEALTHY"}}


def funding(hour: int) -> Line:
    """Return the funding of an hour, counted from the first one."""
    return {"funding_hour": hour}


DAYS: list[tuple[str, Line]] = [
    ("2026-03-10T10:00:00Z", tick(65_000)),
    ("2026-03-10T10:00:01Z", opens(ALICE, "LONG", 100_000.0, 10.0)),
    ("2026-03-10T10:00:02Z", opens(BOB, "SHORT", 50_000.0, 5.0)),
    ("2026-03-10T10:00:03Z", deposits(CAROL, 1_000_000.0)),
    ("2026-03-10T10:00:04Z", opens(DAVE, "LONG", 20_000.0, 20.0)),
    ("2026-03-10T10:00:05Z", stops(DAVE, 64_000.0)),
    ("2026-03-10T10:00:06Z", tick(65_100)),
    ("2026-03-10T11:00:10Z", tick(65_050)),
    ("2026-03-10T11:00:10Z", funding(1)),
    ("2026-03-10T11:30:00Z", tick(63_900)),
    ("2026-03-10T12:00:10Z", tick(63_950)),
    ("2026-03-10T12:00:10Z", funding(2)),
    ("2026-03-10T12:00:20Z", closes(ALICE)),
    ("2026-03-11T09:00:00Z", tick(64_000)),
    ("2026-03-11T09:00:00Z", funding(3)),
    ("2026-03-11T09:00:05Z", opens(ERIN, "SHORT", 30_000.0, 25.0)),
    ("2026-03-11T09:30:00Z", tick(66_700)),
    ("2026-03-11T10:00:10Z", tick(66_500)),
    ("2026-03-11T10:00:10Z", funding(4)),
    ("2026-03-11T10:00:20Z", closes(BOB)),
]


def two_days() -> list[Record]:
    """Return the event log of the two days."""
    lines = (json.dumps({"now": now, **line}).encode() for now, line in DAYS)
    produced = [json.loads(line) for line in simulate(lines)]
    return [
        record(offset, json.dumps(line["value"]).encode(), json.dumps(line["key"]).encode())
        for offset, line in enumerate(produced)
    ]
