"""Orders of traders and lenders, and the commands that changed them (storage specification 5.2 to 5.4)."""

from typing import Any, cast

from msgspec import Struct
from msgspec.structs import asdict, astuple

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.projections.shape import Projection, Rows
from twilight.archiver.postgres.tables import Row, Table
from twilight.archiver.postgres.values import anomaly_of, json_text
from twilight.archiver.record import Entry, Source
from twilight.archiver.times import nanoseconds, timestamp
from twilight.wire import events as e
from twilight.wire.commands import RelayerCommand, RpcCommand
from twilight.wire.types import LendOrder

SATS_PER_BTC = 1e8
IN_BITCOIN = "IN_BITCOIN"
_TRADER_TIME_AT, _LEND_TIME_AT = 11, 9


def _columns(values: tuple[Any, ...], time_at: int) -> Row:
    """Return an order's columns in table order: its time as text and as nanoseconds."""
    ns = nanoseconds(values[time_at])
    return (*values[:time_at], timestamp(ns), ns, *values[time_at + 1 :])


def _trader_order(entry: Entry, event: Any) -> Rows:  # noqa: ANN401 - one of the four kinds with a sequence
    values = astuple(event.order)
    columns, anomaly = _columns(values, _TRADER_TIME_AT), anomaly_of(entry, values)
    yield tables.TRADER_ORDER, (*entry.source, entry.kind, event.seq, *columns, anomaly)
    yield _command(entry.source, "trader", event.order.uuid, event.command)


def _funding_update(entry: Entry, event: e.TraderOrderFundingUpdateEvent) -> Rows:
    values = astuple(event.order)
    columns, anomaly = _columns(values, _TRADER_TIME_AT), anomaly_of(entry, values)
    yield tables.FUNDING_UPDATE, (*entry.source, *columns, anomaly)
    yield _command(entry.source, "trader", event.order.uuid, event.command)


def _lend_order(entry: Entry, event: e.LendOrderEvent) -> Rows:
    order = event.order
    values = astuple(order)
    columns, anomaly = _columns(values, _LEND_TIME_AT), anomaly_of(entry, values)
    if is_in_bitcoin(order):
        balance, deposit = order.balance * SATS_PER_BTC, order.deposit * SATS_PER_BTC
        columns, anomaly = (*columns[:2], balance, *columns[3:7], deposit, *columns[8:]), IN_BITCOIN
    yield tables.LEND_ORDER, (*entry.source, event.seq, *columns, anomaly)
    yield _command(entry.source, "lend", order.uuid, event.command)


def is_in_bitcoin(order: LendOrder) -> bool:
    """Return whether deposit and balance are in bitcoin, as in the reference's first deposit (decisions S5)."""
    return order.tlv0 == 0 and order.deposit > 0 and order.deposit * SATS_PER_BTC == order.tlv1


def _command(source: Source, order_kind: str, uuid: str, command: RpcCommand | RelayerCommand) -> tuple[Table, Row]:
    variant, payload = command.variant()
    arguments = asdict(cast("Struct", payload))
    meta = arguments.pop("meta", None)
    zkos_hex = arguments.pop("payload_hex", None)
    request_id = arguments.pop("request_id", None)
    family = "rpc" if isinstance(command, RpcCommand) else "relayer"
    metadata = None if meta is None else json_text(meta.metadata)
    row = (order_kind, uuid, family, variant, request_id, metadata, zkos_hex, json_text(arguments))
    return tables.ORDER_COMMAND, (*source, *row)


PROJECTIONS: dict[type, Projection] = {
    e.TraderOrderEvent: _trader_order,
    e.TraderOrderUpdateEvent: _trader_order,
    e.TraderOrderLimitUpdateEvent: _trader_order,
    e.TraderOrderLiquidationEvent: _trader_order,
    e.TraderOrderFundingUpdateEvent: _funding_update,
    e.LendOrderEvent: _lend_order,
}
