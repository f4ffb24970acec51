"""A state as plain structures and back, and its canonical hash (decisions C10, engine I-20).

`dump` gives lists, texts, numbers and None only; `load` gives an equal state. Whole numbers that may pass 64 bits
are texts. The order of members does not matter but where it means something: ties in trigger sets, request ids.
"""

import json
from collections import OrderedDict
from dataclasses import asdict, fields
from hashlib import sha256
from typing import Any

from twilight.domain.books.plain import from_plain, to_plain
from twilight.domain.books.state import Deposit, Exposure, Legs, OpenHour, Position, Retry, State, Switches
from twilight.domain.books.triggers import Triggers
from twilight.domain.model.commands import SlTp
from twilight.domain.model.inflight import Answered, Intent
from twilight.domain.model.orders import LendOrder, OrderStatus, OrderType, Side, TraderOrder
from twilight.domain.model.pool import (
    Commitment,
    Fees,
    LendPool,
    PoolBatchOrder,
    RiskParams,
    StateOutput,
)

FORMAT = 6

Plain = dict[str, Any]


def dump(state: State) -> Plain:
    """Return the whole state as plain structures."""
    state.sync()
    return {
        "format": FORMAT,
        "price": state.price,
        "awaits_tick": state.awaits_tick,
        "pool": _dump_pool(state.pool),
        "exposure": {field.name: str(getattr(state.exposure, field.name)) for field in fields(Exposure)},
        "switches": asdict(state.switches),
        "params": asdict(state.params),
        "fees": asdict(state.fees),
        "positions": [_dump_position(held) for held in _by_sequence(state.positions)],
        "trader_sequence": state.trader_sequence,
        "trader_log_sequence": state.trader_log_sequence,
        "deposits": [[*_values(held.order), held.made_at_ns] for held in _by_sequence(state.deposits)],
        "lend_sequence": state.lend_sequence,
        "lend_log_sequence": state.lend_log_sequence,
        "triggers": {name: [list(member) for member in getattr(state.triggers, name)] for name in Triggers.NAMES},
        "funding_rate_pct": state.funding_rate_pct,
        "funding_price": state.funding_price,
        "funding_hour": state.funding_hour,
        "funding_index": str(state.funding_index),
        "open_hour": _dump_open_hour(state),
        "request_ids": list(state.request_ids),
        "queues": {queue: list(position) for queue, position in sorted(state.queues.items())},
        "ticks": {kid: list(number) for kid, number in sorted(state.ticks.items())},
        "retries": {uuid: _values(retry) for uuid, retry in sorted(state.retries.items())},
        "shortfall_sats": str(state.shortfall_sats),
        "intents": [to_plain(intent) for intent in state.intents.values()],
        "waiting": [to_plain(intent) for intent in state.waiting.values()],
        "intent_sequence": state.intent_sequence,
        "answered": [state.answered.up_to, sorted(state.answered.beyond)],
    }


def load(plain: Plain) -> State:
    """Return the state that `dump` described."""
    if plain["format"] != FORMAT:
        raise ValueError(f"snapshot format must be {FORMAT}, was {plain['format']}")
    positions = [_load_position(row) for row in plain["positions"]]
    deposits = [Deposit(_lend_order(row[:-1]), row[-1]) for row in plain["deposits"]]
    state = State(
        price=plain["price"],
        awaits_tick=plain["awaits_tick"],
        pool=_load_pool(plain["pool"]),
        exposure=Exposure(**{name: int(text) for name, text in plain["exposure"].items()}),
        switches=Switches(**plain["switches"]),
        params=RiskParams(**plain["params"]),
        fees=Fees(**plain["fees"]),
        positions={held.order.uuid: held for held in positions},
        trader_accounts={held.order.account_id: held.order.uuid for held in positions},
        trader_sequence=plain["trader_sequence"],
        trader_log_sequence=plain["trader_log_sequence"],
        deposits={held.order.uuid: held for held in deposits},
        lender_accounts={
            held.order.account_id: held.order.uuid for held in deposits if held.order.status is OrderStatus.FILLED
        },
        lend_sequence=plain["lend_sequence"],
        lend_log_sequence=plain["lend_log_sequence"],
        triggers=_load_triggers(plain["triggers"]),
        funding_rate_pct=plain["funding_rate_pct"],
        funding_price=plain["funding_price"],
        funding_hour=plain["funding_hour"],
        funding_index=int(plain["funding_index"]),
        request_ids=OrderedDict.fromkeys(plain["request_ids"]),
        queues={queue: (topic_id, offset) for queue, (topic_id, offset) in plain["queues"].items()},
        ticks={kid: (epoch, seq) for kid, (epoch, seq) in plain["ticks"].items()},
        retries={uuid: Retry(*retry) for uuid, retry in plain["retries"].items()},
        shortfall_sats=int(plain["shortfall_sats"]),
        intents={intent.uuid: intent for intent in (from_plain(Intent, row) for row in plain["intents"])},
        waiting={intent.id: intent for intent in (from_plain(Intent, row) for row in plain["waiting"])},
        intent_sequence=plain["intent_sequence"],
        answered=Answered(plain["answered"][0], set(plain["answered"][1])),
    )
    _load_open_hour(state, plain["open_hour"])
    return state


def state_hash(state: State) -> str:
    """Return 64 hex digits that are equal for equal states, on every machine.

    It covers what follows from the event log, and that alone: what the chain has not answered stands in a topic of
    its own, which has no common order with the log.
    """
    plain = dump(state)
    for name in ("intents", "waiting", "intent_sequence"):
        del plain[name]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(text.encode()).hexdigest()


def _by_sequence(held: dict[str, Any]) -> list[Any]:
    return sorted(held.values(), key=lambda one: one.order.entry_sequence)


def _values(record: object) -> list[Any]:
    return [getattr(record, name) for name in record.__slots__]  # type: ignore[attr-defined]  # records have slots


def _dump_position(held: Position) -> Plain:
    legs = held.legs
    return {
        "order": _values(held.order),
        "payload": held.payload,
        "request_id": held.request_id,
        "margin_fee_pct": held.margin_fee_pct,
        "margin_rate_pct": held.margin_rate_pct,
        "memo": held.memo,
        "funded": held.funded,
        "legs": None if legs is None else [legs.sltp.sl, legs.sltp.tp, legs.settle_message, legs.meta, legs.request_id],
        "set_by": [held.close_limit_request_id, held.stop_loss_request_id, held.take_profit_request_id],
    }


def _load_position(plain: Plain) -> Position:
    legs = plain["legs"]
    close_limit, stop_loss, take_profit = plain["set_by"]
    return Position(
        _trader_order(plain["order"]),
        plain["payload"],
        plain["request_id"],
        plain["margin_fee_pct"],
        plain["margin_rate_pct"],
        plain["memo"],
        plain["funded"],
        legs=None if legs is None else Legs(SlTp(legs[0], legs[1]), *legs[2:]),
        close_limit_request_id=close_limit,
        stop_loss_request_id=stop_loss,
        take_profit_request_id=take_profit,
    )


def _trader_order(row: list[Any]) -> TraderOrder:
    return TraderOrder(row[0], row[1], Side(row[2]), OrderStatus(row[3]), OrderType(row[4]), *row[5:])


def _lend_order(row: list[Any]) -> LendOrder:
    return LendOrder(row[0], row[1], row[2], OrderStatus(row[3]), OrderType(row[4]), *row[5:])


def _dump_open_hour(state: State) -> Plain | None:
    hour = state.open_hour
    if hour is None:
        return None
    return {"number": hour.number, "time": hour.time, "meta": hour.meta, "awaited": state.awaited()}


def _load_open_hour(state: State, plain: Plain | None) -> None:
    if plain is None:
        return
    state.open_hour = OpenHour(plain["number"], plain["time"], plain["meta"])
    for uuid in plain["awaited"]:
        state.ledger(state.positions[uuid].order.side).await_record(uuid, awaited=True)


def _dump_pool(pool: LendPool) -> Plain:
    output = pool.last_output_state
    return {
        "sequence": pool.sequence,
        "nonce": pool.nonce,
        "tps": pool.total_pool_share,
        "tlv": pool.total_locked_value_sats,
        "log_sequence": pool.log_sequence,
        "last_snapshot_id": pool.last_snapshot_id,
        "output": None if output is None else _dump_output(output),
    }


def _dump_output(output: StateOutput) -> list[Any]:
    return [
        output.nonce,
        output.script_address,
        output.owner,
        output.tlv.value,
        output.tlv.blinding.hex(),
        output.tps.value,
        output.tps.blinding.hex(),
        output.timebounds,
    ]


def _load_pool(plain: Plain) -> LendPool:
    row = plain["output"]
    return LendPool(
        plain["sequence"],
        plain["nonce"],
        plain["tps"],
        plain["tlv"],
        PoolBatchOrder(),
        plain["log_sequence"],
        plain["last_snapshot_id"],
        None if row is None else _load_output(row),
    )


def _load_output(row: list[Any]) -> StateOutput:
    nonce, script_address, owner, tlv, tlv_blinding, tps, tps_blinding, timebounds = row
    return StateOutput(
        nonce,
        script_address,
        owner,
        Commitment(tlv, bytes.fromhex(tlv_blinding)),
        Commitment(tps, bytes.fromhex(tps_blinding)),
        timebounds,
    )


def _load_triggers(plain: Plain) -> Triggers:
    triggers = Triggers()
    for name, members in plain.items():
        getattr(triggers, name).rebuild((uuid, score) for uuid, score in members)
    return triggers
