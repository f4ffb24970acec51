"""The administrator's JSON-RPC (engine specification 11), without I/O: bytes in, a call or an answer out.

`parse` says what was asked for; calls that change the exchange are inputs to the engine like any other, and
their answers are made from the state after them. `CheckVector` is not carried over [W-44].
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from twilight.domain.books.state import State
from twilight.domain.books.triggers import Triggers
from twilight.domain.model.inputs import (
    AdminCall,
    Conditions,
    RecalculateRiskStateCall,
    SetMarketCloseOnlyCall,
    SetMarketHaltCall,
    TriggerPriceCheckCall,
    UpdateFeesCall,
    UpdateRiskParamsCall,
)
from twilight.domain.model.pool import RiskParams
from twilight.domain.trading.risk import RiskStats, risk_stats

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
SERVER_ERROR, UNAUTHORIZED = -32000, -32001
BODY_BYTES_MAX = 65_536

CALLS: Mapping[str, type[Any]] = {
    "UpdateFees": UpdateFeesCall,
    "UpdateRiskParams": UpdateRiskParamsCall,
    "SetMarketHalt": SetMarketHaltCall,
    "SetMarketCloseOnly": SetMarketCloseOnlyCall,
    "RecalculateRiskState": RecalculateRiskStateCall,
    "TriggerPriceCheck": TriggerPriceCheckCall,
}
READS = frozenset({"GetServerTime", "GetRiskStats", "GetRiskParams"})


class AdminFault(Exception):
    """The request is answered with this JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.request_id: int | str | None = None


class _Envelope(msgspec.Struct):
    jsonrpc: str
    method: str
    params: Any = None
    id: Any = None


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """One call; ``call`` is None for a method that only reads."""

    id: int | str | None
    method: str
    call: AdminCall | None


def authorized(header: str | None, token: str) -> bool:
    """Return whether an ``Authorization`` header carries the administrator's token."""
    given = (header or "").removeprefix("Bearer ").encode()
    return hmac.compare_digest(given, token.encode())


def parse(body: bytes) -> AdminRequest:
    """Read one JSON-RPC request; raises `AdminFault`."""
    try:
        envelope = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise AdminFault(PARSE_ERROR, f"Parse error: {error}") from error
    try:
        request = msgspec.convert(envelope, _Envelope)
    except msgspec.ValidationError as error:
        raise AdminFault(INVALID_REQUEST, f"Invalid Request: {error}") from error
    if request.jsonrpc != "2.0" or not isinstance(request.id, int | str | None):
        raise AdminFault(INVALID_REQUEST, "Invalid Request: expected jsonrpc 2.0 and a plain id")
    try:
        call = call_of(request.method, request.params)
    except AdminFault as fault:
        fault.request_id = request.id
        raise
    return AdminRequest(request.id, request.method, call)


def call_of(method: str, params: object) -> AdminCall | None:
    """Return the call that changes the exchange, None for a method that only reads; raises `AdminFault`."""
    if method in READS:
        return None
    kind = CALLS.get(method)
    if kind is None:
        raise AdminFault(METHOD_NOT_FOUND, f"Method not found: {method}")
    named = {} if params is None or params == [] else params
    unknown = sorted(set(named) - {field.name for field in fields(kind)}) if isinstance(named, dict) else []
    if unknown:
        raise AdminFault(INVALID_PARAMS, f"Invalid params: {method} has no member {', '.join(unknown)}")
    try:
        call: AdminCall = msgspec.convert(named, kind)
    except msgspec.ValidationError as error:
        raise AdminFault(INVALID_PARAMS, f"Invalid params: {error}") from error
    return call


Sizes = tuple[int, int]
"""How many opens rest and how many close triggers are set."""

_CLOSE_SETS = tuple(name for name in Triggers.NAMES if not name.startswith(("open", "liquidate")))


def sizes(state: State) -> Sizes:
    """Count what `SetMarketHalt` may cancel: its answer tells the sizes at the time of the call."""
    triggers = state.triggers
    resting = len(triggers.open_long) + len(triggers.open_short)
    return resting, sum(len(getattr(triggers, name)) for name in _CLOSE_SETS)


def read(method: str, state: State, conditions: Conditions) -> object:
    """Answer a method that only reads."""
    if method == "GetServerTime":
        return {"epoch": conditions.now_us, "iso": conditions.now_iso}
    if method == "GetRiskParams":
        return _params(state.params)
    return _stats(risk_stats(state), state.params)


def answer(call: AdminCall, before: Sizes, state: State) -> object:
    """Answer a call that has changed the exchange; ``state`` is the one after it."""
    return _ANSWERS[type(call)](call, before, state)


def _halt(call: SetMarketHaltCall, before: Sizes, state: State) -> object:
    pending, settling = before if call.enabled else (0, 0)
    return {
        "exit_initiated": call.enabled and call.exit_relayer,
        "funding_paused": state.switches.pause_funding,
        "halt_enabled": state.switches.manual_halt,
        "pending_orders_cancelled": pending if call.cancel_pending_limit_orders else 0,
        "price_feed_paused": state.switches.pause_price_feed,
        "settling_orders_cancelled": settling if call.cancel_settling_limit_orders else 0,
        "snapshot_taken": call.enabled and call.exit_relayer,
    }


def _check(call: TriggerPriceCheckCall) -> object:
    return {
        "check_liquidation": call.check_liquidation,
        "check_pending_limit": call.check_pending_limit,
        "check_settling_limit": call.check_settling_limit,
        "price": call.price,
    }


def _params(params: RiskParams) -> object:
    return {
        "max_leverage": params.max_leverage,
        "max_net_mult": params.max_net_mult,
        "max_oi_mult": params.max_oi_mult,
        "max_position_pct": params.max_position_pct,
        "min_position_btc": params.min_position_sats,
        "mm_ratio": params.mm_ratio,
    }


def _stats(stats: RiskStats, params: RiskParams) -> object:
    return {
        "kafka_unhealthy": False,  # without Kafka there is no answer at all (decisions C4)
        "long_pct": stats.long_pct,
        "max_long_btc": stats.max_long_sats,
        "max_short_btc": stats.max_short_sats,
        "net_exposure_btc": float(stats.net_exposure_sats),
        "open_interest_btc": float(stats.open_interest_sats),
        "params": _params(params),
        "pool_equity_btc": float(stats.pool_equity_sats),
        "short_pct": stats.short_pct,
        "status": stats.status,
        "status_reason": stats.status_reason,
        "total_long_btc": float(stats.total_long_sats),
        "total_short_btc": float(stats.total_short_sats),
        "utilization": stats.utilization,
    }


_ANSWERS: Mapping[type[Any], Callable[[Any, Sizes, State], object]] = {
    UpdateFeesCall: lambda _call, _before, _state: "Fees updated",
    UpdateRiskParamsCall: lambda _call, _before, state: _params(state.params),
    SetMarketHaltCall: _halt,
    SetMarketCloseOnlyCall: lambda call, _before, _state: f"Manual close-only set to {str(call.enabled).lower()}",
    RecalculateRiskStateCall: lambda _call, _before, _state: "Risk state recalculated",
    TriggerPriceCheckCall: lambda call, _before, _state: _check(call),
}


def result(request_id: int | str | None, value: object) -> bytes:
    """Return the JSON-RPC answer."""
    return msgspec.json.encode({"jsonrpc": "2.0", "result": value, "id": request_id})


def fault(request_id: int | str | None, error: AdminFault) -> bytes:
    """Return the JSON-RPC error."""
    told = {"code": error.code, "message": str(error)}
    return msgspec.json.encode({"jsonrpc": "2.0", "error": told, "id": request_id})
