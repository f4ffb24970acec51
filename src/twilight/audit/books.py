"""The money: what went in is what came out and what is held, to the sat (engine specification 13, I-11).

Told by the events alone and by plain addition: no rule of the exchange is used.
"""

from decimal import Decimal

from twilight.audit.finding import Finding, finding
from twilight.wire import events as e
from twilight.wire.commands import InitiateNewPoolCommand
from twilight.wire.types import LendOrder, TraderOrder


class Books:
    """A cash book over the log."""

    def __init__(self) -> None:
        self._genesis = Decimal(0)
        self._deposited: dict[str, Decimal] = {}
        self._withdrawn: dict[str, Decimal] = {}
        self._margins_in = Decimal(0)
        self._payouts = Decimal(0)
        self._tlv = Decimal(0)
        self._held: dict[str, Decimal] = {}

    def take(self, event: e.Event) -> None:
        """Book one event."""
        match event:
            case e.PoolUpdateEvent():
                self._pool(event)
            case e.LendOrderEvent():
                self._lend(event.order)
            case e.TraderOrderEvent() | e.TraderOrderUpdateEvent() | e.TraderOrderLiquidationEvent():
                self._trade(event.order)
            case _:
                pass

    def _pool(self, event: e.PoolUpdateEvent) -> None:
        if event.pool is not None:
            self._tlv = _sats(event.pool.total_locked_value)
        command = event.command.value
        if isinstance(command, InitiateNewPoolCommand):
            # The pool's own first order stands in the log as a deposit that was withdrawn, before this event.
            self._genesis = self._tlv
            self._deposited.pop(command.order.uuid, None)
            self._withdrawn.pop(command.order.uuid, None)

    def _lend(self, order: LendOrder) -> None:
        if order.order_status == "FILLED":
            self._deposited[order.uuid] = _sats(order.deposit)
        elif order.order_status == "SETTLED":
            self._withdrawn[order.uuid] = _sats(order.new_lend_state_amount)

    def _trade(self, order: TraderOrder) -> None:
        if order.order_status == "FILLED" and order.uuid not in self._held:
            self._held[order.uuid] = _sats(order.initial_margin)
            self._margins_in += _sats(order.initial_margin)
        elif order.order_status in ("SETTLED", "LIQUIDATE"):
            self._held.pop(order.uuid, None)
            self._payouts += _sats(order.available_margin) if order.order_status == "SETTLED" else 0

    def close(self) -> Finding:
        """Return whether the book balances, with every figure of the balance."""
        held = sum(self._held.values(), Decimal(0))
        deposits, withdrawals = sum(self._deposited.values(), Decimal(0)), sum(self._withdrawn.values(), Decimal(0))
        sats_in = self._genesis + deposits + self._margins_in
        sats_out = withdrawals + self._payouts
        left = sats_in - sats_out - self._tlv - held
        figures: dict[str, int | float | str] = {
            "genesis_sats": _text(self._genesis),
            "deposits_sats": _text(deposits),
            "margins_in_sats": _text(self._margins_in),
            "withdrawals_sats": _text(withdrawals),
            "payouts_sats": _text(self._payouts),
            "pool_sats": _text(self._tlv),
            "margins_held_sats": _text(held),
            "difference_sats": _text(left),
        }
        faults = [f"in {sats_in} = out {sats_out} + held {self._tlv + held} does not hold"] if left else []
        return finding("sats in = out + held", figures, faults)


def _sats(amount: float) -> Decimal:
    return Decimal(repr(amount))


def _text(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
