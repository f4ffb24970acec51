"""The records that commands and events share: orders, answers, the pool's chain state, metadata."""

from __future__ import annotations

from typing import Any

from twilight.domain.model import commands, orders, pool
from twilight.wire import types as wire
from twilight.wire.translate.shapes import WHOLE, Shape, Untranslatable, choice, encoded_once, record

SIDE = choice(orders.Side)
ORDER_TYPE = choice(orders.OrderType)
STATUS = choice(orders.OrderStatus)

META = Shape(wire.Meta, lambda meta: meta.metadata, wire.Meta)

_ORDER_ENUMS = {"side": SIDE, "status": STATUS, "order_type": ORDER_TYPE}
ANSWER_ENUMS = {"status": STATUS, "order_type": ORDER_TYPE}
_REQUEST_ENUMS = {"order_type": ORDER_TYPE, "order_status": STATUS}

TRADER_ORDER = record(orders.TraderOrder, wire.TraderOrder, _ORDER_ENUMS)
LEND_ORDER = record(orders.LendOrder, wire.LendOrder, ANSWER_ENUMS)

OPEN_REQUEST = record(commands.OpenRequest, wire.CreateTraderOrder, {"side": SIDE, **_REQUEST_ENUMS})
CLOSE_REQUEST = record(commands.CloseRequest, wire.ExecuteTraderOrder, _REQUEST_ENUMS)
CANCEL_REQUEST = record(commands.CancelRequest, wire.CancelTraderOrder, _REQUEST_ENUMS)
DEPOSIT_REQUEST = record(commands.DepositRequest, wire.CreateLendOrder, _REQUEST_ENUMS)
WITHDRAWAL_REQUEST = record(commands.WithdrawalRequest, wire.ExecuteLendOrder, _REQUEST_ENUMS)
SLTP = record(commands.SlTp, wire.SlTpOrder)
SLTP_CANCEL = record(commands.SlTpCancel, wire.SlTpOrderCancel)

RISK_STATE = record(
    pool.RiskState,
    wire.RiskState,
    dict.fromkeys(
        ("total_long_sats", "total_short_sats", "total_pending_long_sats", "total_pending_short_sats"), WHOLE
    ),
)
POSITION_SIZE_LOG = record(
    pool.PositionSizeLog,
    wire.PositionSizeLog,
    dict.fromkeys(("total_short_position_size", "total_long_position_size", "total_position_size"), WHOLE),
)


def _commitment_to_wire(commitment: pool.Commitment) -> wire.Commitment:
    value = wire.ScalarWitness(Integer=commitment.value)
    return wire.Commitment(Open=wire.OpenCommitment(value, tuple(commitment.blinding)))


def _commitment_from_wire(commitment: object) -> pool.Commitment:
    opening = commitment.Open if isinstance(commitment, wire.Commitment) else None
    if isinstance(opening, wire.OpenCommitment) and isinstance(opening.value.Integer, int):
        return pool.Commitment(opening.value.Integer, bytes(opening.blinding))
    raise Untranslatable(f"expected an opened commitment to a whole number, found {commitment!r}")


def _state_to_wire(state: pool.StateOutput) -> wire.Output:
    body = wire.StateBody(
        state.nonce,
        state.script_address,
        state.owner,
        _commitment_to_wire(state.tlv),
        (wire.StateValue(Commitment=_commitment_to_wire(state.tps)),),
        state.timebounds,
    )
    return wire.Output("State", wire.OutputData(State=body))


def _state_from_wire(output: wire.Output) -> pool.StateOutput:
    body = output.output.State
    if not isinstance(body, wire.StateBody) or not body.state_variables or len(body.state_variables) != 1:
        raise Untranslatable("expected a state output with one variable")
    return pool.StateOutput(
        body.nonce,
        body.script_address,
        body.owner,
        _commitment_from_wire(body.commitment),
        _commitment_from_wire(body.state_variables[0].Commitment),
        body.timebounds,
    )


def _commitment_to_json(commitment: pool.Commitment) -> Any:  # noqa: ANN401 - stands for the typed enumeration
    value: Any = {"Integer": commitment.value}
    return {"Open": wire.OpenCommitment(value, tuple(commitment.blinding))}


def _state_to_json(state: pool.StateOutput) -> wire.Output:
    """Return the output with one-member dictionaries for the typed enumerations: the same bytes for less time."""
    variables: Any = ({"Commitment": _commitment_to_json(state.tps)},)
    tlv = _commitment_to_json(state.tlv)
    body = wire.StateBody(state.nonce, state.script_address, state.owner, tlv, variables, state.timebounds)
    data: Any = {"State": body}
    return wire.Output("State", data)


STATE_OUTPUT = encoded_once(Shape(_state_to_wire, _state_from_wire, _state_to_json), kept=4)
