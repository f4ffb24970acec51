"""Events back from the typed tables: the proof that nothing of them is lost (storage specification 11, "lossless").

The result is the event in today's shape: what `decode_event` made of the record, but for the sign of zero.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import psycopg
from psycopg.rows import dict_row

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.projections.market import WORDS
from twilight.archiver.postgres.projections.orders import IN_BITCOIN, SATS_PER_BTC
from twilight.ops.errors import Corrupt
from twilight.wire import commands, types
from twilight.wire.events import Event, decode_event
from twilight.wire.times import rfc3339

Found = dict[str, Any]
Rows = Mapping[str, Sequence[Found]]
_VARIANTS = {word: variant for variant, word in WORDS.items()}


def restore_event(connection: Connection, kind: str, stream: str, partition: int, offset: int) -> Event:
    """Return the event at a position from what the typed tables hold of it.

    Raises:
        Corrupt: the tables hold nothing of it.
    """
    rows = _rows_at(connection, (stream, partition, offset))
    try:
        value = _VALUES[kind](rows)
    except (KeyError, IndexError) as error:
        raise Corrupt(f"{kind} at {stream}/{partition}/{offset} is not in the typed tables: {error!r}") from error
    return decode_event(json.dumps({kind: value}).encode(), None)


def _rows_at(connection: Connection, where: tuple[str, int, int]) -> Rows:
    found: dict[str, Sequence[Found]] = {}
    with psycopg.Cursor(connection, row_factory=dict_row) as cursor:
        for table in tables.EVENT_TABLES:
            query = (
                f"SELECT * FROM {table.name}"  # noqa: S608 - our own name
                " WHERE src_stream = %s AND src_partition = %s AND src_offset = %s ORDER BY ordinal"
            )
            found[table.name] = [_plain(row) for row in cursor.execute(query, where)]
    return found


def _plain(row: Found) -> Found:
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def _time(row: Found) -> str:
    return rfc3339(row["ts_ns"])


def _wire_order(row: Found, cls: type[types.Wire]) -> Found:
    """Return an order as the wire has it."""
    order = {name: row[name] for name in cls.__struct_fields__ if name != "timestamp"}
    order |= {"uuid": str(row["uuid"]), "timestamp": _time(row)}
    if row["anomaly"] == IN_BITCOIN:
        order |= {name: order[name] / SATS_PER_BTC for name in ("balance", "deposit")}
    return order


_FAMILIES: dict[str, type[types.Tagged]] = {"rpc": commands.RpcCommand, "relayer": commands.RelayerCommand}


def _elements(holder: type[types.Tagged], variant: str, arguments: Found) -> list[Any]:
    """Return a variant's payload as the array that it is on the wire."""
    cls = get_args(get_type_hints(holder)[variant])[0]
    return [arguments[name] for name in cls.__struct_fields__]


def _command(rows: Rows) -> Found:
    row = rows["order_command"][0]
    meta = None if row["meta"] is None else {"metadata": row["meta"]}
    arguments = {"payload_hex": row["zkos_hex"], "request_id": row["request_id"], "meta": meta, **row["args"]}
    return {row["variant"]: _elements(_FAMILIES[row["family"]], row["variant"], arguments)}


def _trader_order(rows: Rows) -> list[Any]:
    row = rows["trader_order"][0]
    return [_wire_order(row, types.TraderOrder), _command(rows), row["sequence"]]


def _funding_update(rows: Rows) -> list[Any]:
    return [_wire_order(rows["trader_order_funding_update"][0], types.TraderOrder), _command(rows)]


def _lend_order(rows: Rows) -> list[Any]:
    row = rows["lend_order"][0]
    return [_wire_order(row, types.LendOrder), _command(rows), row["sequence"]]


def _pool_update(rows: Rows) -> list[Any]:
    row = rows["lend_pool_command"][0]
    variant, arguments = row["command"], row["args"]
    is_batch = variant == "BatchExecuteTraderOrder"
    payload = arguments if is_batch else _elements(commands.LendPoolCommand, variant, arguments)
    return [{variant: payload}, _pool(rows), row["sequence"]]


def _pool(rows: Rows) -> Found | None:
    found = [row for row in rows["lend_pool"] if not row["derived"]]
    if not found:
        return None
    row = found[0]
    summary = row["pending_orders"]
    empty = {name: summary[name] for name in ("nonce", "len", "amount")} | {"trader_order_data": []}
    names = ("sequence", "nonce", "total_pool_share", "total_locked_value", "last_snapshot_id", "last_output_state")
    pool = {name: row[name] for name in names}
    return pool | {
        "pending_orders": row["pending_detail"] or empty,
        "aggrigate_log_sequence": row["aggregate_log_sequence"],
    }


def _funding_rate(rows: Rows) -> list[Any]:
    row = rows["funding_rate"][0]
    return [row["rate"], None if row["price_derived"] else row["price"], _time(row)]


def _price(rows: Rows) -> list[Any]:
    row = rows["btc_usd_price"][0]
    return [row["price"], _time(row)]


def _sorted_set(rows: Rows) -> list[Any]:
    row = rows["sorted_set_command"][0]
    variant, uuid = _VARIANTS[row["command"]], row["uuid"]
    elements = [None if uuid is None else str(uuid), row["amount"], row["position_type"]]
    cls = get_args(get_type_hints(commands.SortedSetCommand)[variant])[0]
    kept = {"uuid": elements[0], "price": elements[1], "position_type": elements[2]}
    return [{variant: [kept[name] for name in cls.__struct_fields__]}, _time(row)]


def _position_size(rows: Rows) -> list[Any]:
    row = rows["position_size_log"][0]
    variant = {"ADD": "AddPositionSize", "REMOVE": "RemovePositionSize"}[row["command"]]
    totals = {
        "total_short_positionsize": row["total_short"],
        "total_long_positionsize": row["total_long"],
        "totalpositionsize": row["total"],
    }
    return [{variant: [row["position_type"], row["amount"]]}, totals]


def _risk(rows: Rows) -> list[Any]:
    row = rows["risk_engine_update"][0]
    state = {name: row[name] for name in types.RiskState.__struct_fields__}
    word = row["command"]
    if word == commands.RECALCULATE:
        return [word, state]
    payload = row["flag"] if row["flag"] is not None else [row["position_type"], row["amount"]]
    return [{word: payload}, state]


def _risk_params(rows: Rows) -> Found:
    return {name: rows["risk_params_update"][0][name] for name in types.RiskParams.__struct_fields__}


def _fees(rows: Rows) -> list[Any]:
    row = rows["fee_history"][0]
    return [{"UpdateFees": [row[name] for name in tables.FEE_HISTORY.own_columns[:4]]}, _time(row)]


def _answer(rows: Rows) -> Found:
    return {name: rows["transaction_hash"][0][name] for name in types.TxHashData.__struct_fields__}


def _stop(rows: Rows) -> str:
    text: str = rows["stop_marker"][0]["text"]
    return text


def _state_advance(rows: Rows) -> list[Any]:
    row = rows["state_advance"][0]
    return [row["nonce"], row["output"]]


_VALUES: dict[str, Callable[[Rows], object]] = {
    "TraderOrder": _trader_order,
    "TraderOrderUpdate": _trader_order,
    "TraderOrderLimitUpdate": _trader_order,
    "TraderOrderLiquidation": _trader_order,
    "TraderOrderFundingUpdate": _funding_update,
    "LendOrder": _lend_order,
    "PoolUpdate": _pool_update,
    "FundingRateUpdate": _funding_rate,
    "CurrentPriceUpdate": _price,
    "SortedSetDBUpdate": _sorted_set,
    "PositionSizeLogDBUpdate": _position_size,
    "RiskEngineUpdate": _risk,
    "RiskParamsUpdate": _risk_params,
    "FeeUpdate": _fees,
    "TxHash": _answer,
    "TxHashUpdate": _answer,
    "Stop": _stop,
    "AdvanceStateQueue": _state_advance,
}
