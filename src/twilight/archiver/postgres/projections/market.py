"""Prices, funding, fees and triggers (storage specification 5.5)."""

from msgspec.structs import astuple

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.projections.shape import Projection, Rows
from twilight.archiver.postgres.values import TIME_AHEAD, anomaly_of
from twilight.archiver.record import Entry
from twilight.archiver.times import nanoseconds, timestamp
from twilight.wire import events as e
from twilight.wire.commands import UpdateFeesCommand


def _price(entry: Entry, event: e.CurrentPriceUpdateEvent) -> Rows:
    if entry.has_own_time and entry.event_ts_ns is not None:  # read already, and a tick is nearly every record
        ns, anomaly = entry.event_ts_ns, anomaly_of(entry, (event.price,))
    else:
        ns, anomaly = nanoseconds(event.time), TIME_AHEAD
    return ((tables.PRICE, (*entry.source, event.price, timestamp(ns), ns, anomaly)),)


def _funding_rate(entry: Entry, event: e.FundingRateUpdateEvent) -> Rows:
    ns = nanoseconds(event.time)
    anomaly = anomaly_of(entry, (event.rate, event.price))
    yield tables.FUNDING_RATE, (*entry.source, event.rate, event.price, False, timestamp(ns), ns, anomaly)


def _fees(entry: Entry, event: e.FeeUpdateEvent) -> Rows:
    ns = nanoseconds(event.time)
    levels = event.command.value
    if not isinstance(levels, UpdateFeesCommand):
        raise ValueError(f"expected fee levels, found {event.command.kind}")  # noqa: TRY004 - a fault of the data
    values = astuple(levels)
    yield tables.FEE_HISTORY, (*entry.source, *values, timestamp(ns), ns, anomaly_of(entry, values))


def _sorted_set(entry: Entry, event: e.SortedSetDBUpdateEvent) -> Rows:
    ns = nanoseconds(event.time)
    variant, change = event.command.variant()
    uuid = getattr(change, "uuid", None)
    amount = getattr(change, "price", None)
    side = getattr(change, "position_type")  # noqa: B009 - a member of all three payloads
    row = (command_word(variant), uuid, amount, side, timestamp(ns), ns, anomaly_of(entry, (amount,)))
    yield tables.SORTED_SET_COMMAND, (*entry.source, *row)


_FAMILIES = {
    "LiquidationPrice": "LIQUIDATION_PRICE",
    "OpenLimitPrice": "OPEN_LIMIT_PRICE",
    "StopLossCloseLIMITPrice": "STOP_LOSS_CLOSE_LIMIT_PRICE",
    "TakeProfitCloseLIMITPrice": "TAKE_PROFIT_CLOSE_LIMIT_PRICE",
    "SLTPCloseLIMITPrice": "SLTP_CLOSE_LIMIT_PRICE",
    "CloseLimitPrice": "CLOSE_LIMIT_PRICE",
}
_ACTIONS = {"BulkSearchRemove": "BULK_SEARCH_REMOVE", "Add": "ADD", "Update": "UPDATE", "Remove": "REMOVE"}
# Wire name -> the word that the API shows.
WORDS = {a + f: f"{action}_{family}" for a, action in _ACTIONS.items() for f, family in _FAMILIES.items()}


def command_word(variant: str) -> str:
    """Return the word that the API shows for a wire name: `AddCloseLimitPrice` is `ADD_CLOSE_LIMIT_PRICE`."""
    return WORDS[variant]


def _position_size(entry: Entry, event: e.PositionSizeLogDBUpdateEvent) -> Rows:
    variant, change = event.command.variant()
    values = (change.amount, *astuple(event.totals))  # type: ignore[attr-defined]
    word = {"AddPositionSize": "ADD", "RemovePositionSize": "REMOVE"}[variant]
    side: str = change.position_type  # type: ignore[attr-defined]
    yield tables.POSITION_SIZE_LOG, (*entry.source, word, side, *values, anomaly_of(entry, values))


def _risk(entry: Entry, event: e.RiskEngineUpdateEvent) -> Rows:
    variant, change = ("RecalculateExposure", None) if isinstance(event.command, str) else event.command.variant()
    flag = change if isinstance(change, bool) else None
    side: str | None = getattr(change, "position_type", None)
    amount, state = getattr(change, "amount", None), astuple(event.state)
    row = (variant, side, amount, flag, *state, _ts(entry), anomaly_of(entry, (amount, *state)))
    yield tables.RISK_ENGINE_UPDATE, (*entry.source, *row)


def _risk_params(entry: Entry, event: e.RiskParamsUpdateEvent) -> Rows:
    values = astuple(event)
    yield tables.RISK_PARAMS_UPDATE, (*entry.source, *values, _ts(entry), anomaly_of(entry, values))


def _ts(entry: Entry) -> str:
    """Return the time of an event without one: that of the newest before it (decisions S4)."""
    return timestamp(entry.event_ts_ns or 0)


PROJECTIONS: dict[type, Projection] = {
    e.CurrentPriceUpdateEvent: _price,
    e.FundingRateUpdateEvent: _funding_rate,
    e.FeeUpdateEvent: _fees,
    e.SortedSetDBUpdateEvent: _sorted_set,
    e.PositionSizeLogDBUpdateEvent: _position_size,
    e.RiskEngineUpdateEvent: _risk,
    e.RiskParamsUpdateEvent: _risk_params,
}
