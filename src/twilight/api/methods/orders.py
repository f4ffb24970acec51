"""Order submission: the public forms of API specification 5.5 and the order API of section 9."""

from typing import Annotated

from msgspec import Meta

from twilight.api.call import Call
from twilight.api.errors import CallFailed, InvalidParams
from twilight.api.orders.intake import Acknowledgement
from twilight.api.orders.submission import TRIGGER_FORMS, RefusedMessage, Undecodable
from twilight.api.registry import Handler, Registry
from twilight.wire.client_messages import FORMS

submissions = Registry()
order_api = Registry()

Data = Annotated[str, Meta(description="hex of the client message (section 5.5)")]

PUBLIC_NAMES = {
    "submit_trade_order": "CreateTraderOrder",
    "submit_lend_order": "CreateLendOrder",
    "settle_trade_order": "ExecuteTraderOrder",
    "settle_lend_order": "ExecuteLendOrder",
    "cancel_trader_order": "CancelTraderOrder",
}


def _public(command: str) -> Handler:
    async def submit(call: Call, *, data: Data) -> Acknowledgement:
        return await call.services.intake.submit(call, command, data, known_orders_only=True)

    submit.__doc__ = f"Queue a signed {command}; a settle or cancel must name an open order of its account."
    return submit


def _order_api(command: str) -> Handler:
    async def submit(call: Call, *, data: Data) -> Acknowledgement:
        try:
            return await call.services.intake.submit(call, command, data, known_orders_only=False)
        except (Undecodable, RefusedMessage) as refused:
            raise as_invalid_params(refused) from None

    submit.__doc__ = f"Queue a signed {command}."
    return submit


def as_invalid_params(refused: CallFailed) -> InvalidParams:
    """Return the refusal as the order API words it."""
    error = InvalidParams(f"Invalid parameters, {refused.message}")
    error.data = refused.data
    return error


for _name, _command in PUBLIC_NAMES.items():
    submissions.method(_name)(_public(_command))
for _command in (*FORMS, *TRIGGER_FORMS):
    order_api.method(_command)(_order_api(_command))
