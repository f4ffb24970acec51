"""Orders of traders and lenders, and the commands that changed them (storage specification 5.2 to 5.4)."""

from typing import Any, cast

from msgspec import Struct
from msgspec.structs import asdict, astuple

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.projections.shape import Projection, Rows
from twilight.archiver.postgres.tables import Row, Table
from twilight.archiver.postgres.values import json_text, numbers
from twilight.archiver.record import Entry, Source
from twilight.archiver.times import nanoseconds, timestamp
from twilight.wire import events as e
from twilight.wire.commands import RelayerCommand, RpcCommand
from twilight.wire.types import LendOrder, TraderOrder

_TIME_AT = {TraderOrder: 11, LendOrder: 9}


def order_columns(order: TraderOrder | LendOrder) -> tuple[Row, str | None]:
    """Return an order's columns in table order, its time as text and nanoseconds, and its anomaly."""
    values, anomaly = numbers(astuple(order))
    at = _TIME_AT[type(order)]
    ns = nanoseconds(order.timestamp)
    return (*values[:at], timestamp(ns), ns, *values[at + 1 :]), anomaly


def _trader_order(entry: Entry, event: Any) -> Rows:  # noqa: ANN401 - one of the four kinds with a sequence
    columns, anomaly = order_columns(event.order)
    yield tables.TRADER_ORDER, (*entry.source, entry.kind, event.seq, *columns, anomaly)
    yield _command(entry.source, "trader", event.order.uuid, event.command)


def _funding_update(entry: Entry, event: e.TraderOrderFundingUpdateEvent) -> Rows:
    columns, anomaly = order_columns(event.order)
    yield tables.FUNDING_UPDATE, (*entry.source, *columns, anomaly)
    yield _command(entry.source, "trader", event.order.uuid, event.command)


def _lend_order(entry: Entry, event: e.LendOrderEvent) -> Rows:
    columns, anomaly = order_columns(event.order)
    yield tables.LEND_ORDER, (*entry.source, event.seq, *columns, anomaly)
    yield _command(entry.source, "lend", event.order.uuid, event.command)


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
