"""P7 and P7b: what a tick and an hour of funding cost when very many orders are there.

P7 sets close limits far from the price on both sides and takes the time of a tick that fires none of them: a million
against ten thousand. P7-fired fires a thousand of them by one tick, records included, against as many closes at the
market by command. P7b charges a million open positions; its peer is the bare arithmetic on plain columns: payment,
maintenance margin, who is due. The hour's records are made afterwards, a slice at a time, and not here.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tests.bench._timing import in_turns, processor_seconds
from tests.bench.core_memory import GENESIS, arrival, closed, conditions, opened

from twilight.core.exchange import Exchange, Topics
from twilight.core.ids import Uuids
from twilight.domain.books import ledger
from twilight.domain.books.evolve import evolve_all
from twilight.domain.books.state import Position
from twilight.domain.engine import Engine, decisions, new_engine
from twilight.domain.model.inputs import FundingHour, Tick
from twilight.domain.model.numbers import score
from twilight.domain.model.orders import OrderStatus, OrderType, Side, TraderOrder

FEW, MANY = 10_000, 1_000_000
FIRED, HELD = 1_000, 3_000
TICKS = 200
TICK_US_MAX = 1_000
FLAT = 2.0
FUNDING_GOAL = 2.0
FIRED_GOAL = 1.0
RATE_PCT, FEE_PCT, MM_RATIO, PRICE = 0.01, 0.04, 0.4, 65_000.0


def founded() -> Engine:
    """Return an exchange with a pool and a price."""
    engine = new_engine(Uuids())
    engine.apply(GENESIS, conditions())
    engine.apply(Tick(PRICE), conditions())
    return engine


def tick_us(count: int) -> float:
    """Return the microseconds of a tick that fires none of so many close limits."""
    engine = founded()
    sets = engine.state.triggers
    sets.close_long.rebuild((f"long-{n}", 800_000_000 + n) for n in range(count // 2))
    sets.close_short.rebuild((f"short-{n}", 500_000_000 - n) for n in range(count // 2))
    times = []
    for n in range(TICKS):
        begun = time.perf_counter()
        engine.apply(Tick(PRICE + n % 7), conditions())
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


def p7(_shared: Path, runs: int) -> dict[str, Any]:
    """Return the row of P7: a ratio of times, so less is better."""
    runs = min(runs, 2)  # a million triggers take their time to set
    medians = in_turns({"ours": lambda: tick_us(MANY), "peer": lambda: tick_us(FEW)}, runs)
    ratio = medians["ours"] / medians["peer"]
    metric = f"us of a tick that fires none of {MANY:,} triggers, against {FEW:,} (less is better, below {TICK_US_MAX})"
    figures = {"ours": round(medians["ours"]), "peer": round(medians["peer"]), "ratio": round(ratio, 3)}
    return {
        "id": "P7",
        "metric": metric,
        **figures,
        "goal": FLAT,
        "met": ratio <= FLAT and figures["ours"] < TICK_US_MAX,
    }


def held() -> Exchange:
    """Return an exchange with three thousand open positions, a thousand of the longs with a close limit."""
    exchange = Exchange(founded(), Topics("events", "failed", "intents"))
    for number in range(HELD):
        exchange.take_arrival(arrival(opened(number), number), conditions())
    state = exchange.engine.state
    longs = [one.order.uuid for one in state.positions.values() if one.order.side is Side.LONG]
    for uuid in longs[:FIRED]:
        state.triggers.close_long.put(uuid, score(PRICE + 100.0))
    exchange.end_batch()
    return exchange


def fired_us() -> float:
    """Return the processor microseconds of each close limit that one tick fires."""
    exchange = held()
    seconds = processor_seconds(lambda: exchange.take(Tick(PRICE + 100.0), conditions()))
    assert len(exchange.engine.state.positions) == HELD - FIRED
    return seconds / FIRED * 1e6


def commanded_us() -> float:
    """Return the processor microseconds of each close at the market by command, already read."""
    exchange, now = held(), conditions()
    orders = [one.order for one in exchange.engine.state.positions.values()][:FIRED]
    arrivals = [arrival(closed(HELD + n, order.uuid, order.account_id), HELD + n) for n, order in enumerate(orders)]
    seconds = processor_seconds(lambda: [exchange.take_arrival(one, now) for one in arrivals])
    assert len(exchange.engine.state.positions) == HELD - FIRED
    return seconds / FIRED * 1e6


def p7_fired(_shared: Path, runs: int) -> dict[str, Any]:
    """Return the row of P7-fired: a ratio of times, so less is better."""
    medians = in_turns({"ours": fired_us, "peer": commanded_us}, runs)
    ratio = medians["ours"] / medians["peer"]
    metric = f"us of each of {FIRED:,} close limits that a tick fires, against a close by command (less is better)"
    figures = {"ours": round(medians["ours"], 1), "peer": round(medians["peer"], 1), "ratio": round(ratio, 3)}
    return {"id": "P7-fired", "metric": metric, **figures, "goal": FIRED_GOAL, "met": ratio <= FIRED_GOAL}


def position(number: int, side: Side) -> TraderOrder:
    """Return an open position of its own size, far from its liquidation price."""
    margin, leverage = 1_000.0 + number % 9_973, 1.0 + number % 5
    value = margin * leverage
    texts = (f"{side}-{number}", f"account-{number}", side, OrderStatus.FILLED, OrderType.MARKET)
    prices = (PRICE, PRICE, value * PRICE, leverage, margin, margin, "", PRICE / 2, value * 2, value / 100, 1.0)
    return TraderOrder(*texts, *prices, 0.0, 0.0, 0, 0, number + 1, 0.0, 0.0)


def crowded() -> Engine:
    """Return an exchange with a million open positions, most of them long."""
    engine = founded()
    state = engine.state
    for number in range(MANY):
        side = Side.SHORT if number % 3 == 0 else Side.LONG
        order = position(number, side)
        state.positions[order.uuid] = Position(order, "", "", FEE_PCT)
        state.ledger(side).add(order)
    state.trader_sequence = MANY
    state.exposure.long_size, state.exposure.short_size = 2 * 10**15, 10**15
    return engine


def charged(engine: Engine, hour: int) -> None:
    """Charge everybody one hour; its records are not made."""
    for decision in decisions(engine.state, FundingHour(hour), conditions(), engine.context):
        evolve_all(engine.state, decision)
    assert engine.state.open_hour is not None
    engine.state.open_hour = None


def scanned(engine: Engine) -> None:
    """Go through the same columns with the bare arithmetic."""
    for book in (engine.state.triggers.liquidate_long, engine.state.triggers.liquidate_short):
        figures = book.figures()
        pay = RATE_PCT * figures[ledger.SIZE] / (PRICE * 100)
        left = np.maximum(figures[ledger.AVAILABLE] - pay, 0.0)
        worth = figures[ledger.WORTH]
        needed = (MM_RATIO * figures[ledger.VALUE] + FEE_PCT * worth + RATE_PCT * worth) / 100
        np.flatnonzero(left <= needed)


def milliseconds(work: Callable[[], None]) -> float:
    """Return the processor time of one run."""
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1e3


def p7b(_shared: Path, runs: int) -> dict[str, Any]:
    """Return the row of P7b: a ratio of times, so less is better."""
    engine, hours = crowded(), iter(range(493_300, 10**6))
    contests = {
        "ours": lambda: milliseconds(lambda: charged(engine, next(hours))),
        "peer": lambda: milliseconds(lambda: scanned(engine)),
    }
    medians = in_turns(contests, runs)
    ratio = medians["ours"] / medians["peer"]
    metric = f"ms of the funding of {MANY:,} positions, against a numpy scan of the same columns (less is better)"
    figures = {"ours": round(medians["ours"], 1), "peer": round(medians["peer"], 1), "ratio": round(ratio, 3)}
    return {"id": "P7b", "metric": metric, **figures, "goal": FUNDING_GOAL, "met": ratio <= FUNDING_GOAL}


BENCHES = {"P7": p7, "P7-fired": p7_fired, "P7b": p7b}
