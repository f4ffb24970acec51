"""Withdrawals: a whole deposit's shares are redeemed (engine 4, 2.13, decisions R7, R19, R29)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from twilight.domain import answers
from twilight.domain.books.state import Deposit
from twilight.domain.books.valuation import under_water, withdrawal_value
from twilight.domain.context import Case, Subject
from twilight.domain.lending.pool_changes import (
    SHARE_SCALE,
    asked,
    lend_event,
    lent_pool,
    pool_under_water,
    refused,
    submit,
)
from twilight.domain.model.chain import Answer, InFlight, Operation, Refused
from twilight.domain.model.clock import NS_PER_S
from twilight.domain.model.commands import ExecuteLendOrder
from twilight.domain.model.errors import Corrupt, Rejected
from twilight.domain.model.events import Event, PoolUpdate
from twilight.domain.model.inflight import Intent
from twilight.domain.model.numbers import round_half_away, unsigned
from twilight.domain.model.orders import LendOrder, OrderStatus, OrderType
from twilight.domain.model.pool import LendOrderSettleOrder, LendPool
from twilight.domain.trading import risk
from twilight.domain.trading.closing import check_not_in_flight, check_settle_owner


@dataclass(slots=True)
class Redemption:
    """What a withdrawal pays: nwithdraw as recorded, and the whole sats and shares that leave the pool."""

    nwithdraw: float
    paid_sats: int
    shares: int


def withdraw(case: Case, command: ExecuteLendOrder) -> Iterator[list[Event]]:
    """Pay the whole deposit out, or say why not."""
    request = command.request
    subject = Subject(request.uuid, request.account_id, OrderType.LEND, command.request_id)
    try:
        held, redemption = _admit_withdrawal(case, command)
    except Rejected as why:
        yield [answers.rejected(case, subject, why)]
        return
    if case.must_wait_for_the_pool:
        yield [case.opened(case.begin(None, subject, command))]
        return
    pool, paid = case.state.pool, unsigned(redemption.paid_sats)
    order = _redeemed(held.order, pool, redemption)
    after = _after_withdrawal(pool, order)
    outcome = submit(case, Operation.WITHDRAW, order, command.payload, after, paid)
    if isinstance(outcome, InFlight):
        yield [asked(case, Operation.WITHDRAW, order, subject, command, after, paid)]
        return
    yield _withdrawn(case, order, command, subject, after, outcome)


def finish_withdrawal(case: Case, intent: Intent) -> list[Event]:
    """Return what the chain's answer to a withdrawal becomes (C11)."""
    command, order = intent.caused.withdraw, intent.deposit
    if command is None or order is None or case.answer is None:
        raise Corrupt(f"{intent.id} carries no withdrawal")
    subject = Subject(order.uuid, order.account_id, OrderType.LEND, command.request_id)
    return _withdrawn(case, order, command, subject, _after_withdrawal(case.state.pool, order), case.answer)


def _after_withdrawal(pool: LendPool, order: LendOrder) -> LendPool:
    return lent_pool(pool, int(order.tlv3), int(order.tps3))


def _withdrawn(
    case: Case,
    order: LendOrder,
    command: ExecuteLendOrder,
    subject: Subject,
    after: LendPool,
    outcome: Answer,
) -> list[Event]:
    if isinstance(outcome, Refused):
        return [refused(case, subject, outcome, "Failed to settle lend order")]
    stamped = replace(order, timestamp=case.conditions.now_iso)
    left = LendOrderSettleOrder(command, order, order.nwithdraw, after.last_output_state)
    return [
        PoolUpdate(left, after, after.log_sequence, "LendOrderSettleOrder", case.metadata),
        lend_event(case, stamped, command, "remove_order"),
        answers.succeeded(case, subject, OrderStatus.SETTLED, outcome.tx_hash),
    ]


def _admit_withdrawal(case: Case, command: ExecuteLendOrder) -> tuple[Deposit, Redemption]:
    """Return what is withdrawn; refuse in the order of R24."""
    state, request, profile = case.state, command.request, case.context.profile
    risk.gate_lend(case)
    check_not_in_flight(case, request.uuid, answers.LEND_NOT_FOUND)
    held = state.deposits.get(request.uuid)
    if held is None:
        raise Rejected(OrderStatus.ERROR, "Order not found", answers.LEND_NOT_FOUND)
    if held.order.account_id != request.account_id or held.order.status is not OrderStatus.FILLED:
        raise Rejected(OrderStatus.ORDER_NOT_FOUND, "Order not found or invalid status", answers.LEND_NOT_FOUND)
    check_settle_owner(case, command.payload, request.account_id, answers.LEND_NOT_FOUND)
    redemption = _redemption(case, held)
    tlv = state.pool.total_locked_value_sats
    if tlv < redemption.paid_sats:
        reason = f"withdrawal of {redemption.paid_sats} sats exceeds the pool's {tlv}"
        raise Rejected(OrderStatus.ERROR, reason, answers.LEND_NOT_FOUND)
    if profile.withdrawal_limits:
        risk.gate_withdrawal_limits(state, tlv - redemption.paid_sats)
    return held, redemption


def _redemption(case: Case, held: Deposit) -> Redemption:
    pool, profile, order = case.state.pool, case.context.profile, held.order
    if under_water(case.state, profile):
        raise pool_under_water()
    value = withdrawal_value(case.state, profile)
    if value <= 0:
        raise pool_under_water()
    if not profile.whole_lend_shares:
        return _reference_redemption(pool, order)
    shares = int(order.npoolshare) // SHARE_SCALE
    paid = value * shares // pool.total_pool_share
    if case.conditions.now_ns - held.made_at_ns < profile.lend_min_hold_s * NS_PER_S:
        paid = min(paid, int(order.deposit_sats))
    return Redemption(float(paid * SHARE_SCALE), paid, shares)


def _reference_redemption(pool: LendPool, order: LendOrder) -> Redemption:
    """Return the reference's arithmetic: fractions until the pool rounds (2.13)."""
    nwithdraw = float(pool.total_locked_value_sats) * order.npoolshare / float(pool.total_pool_share)
    whole = round_half_away(nwithdraw)
    shares = round_half_away(order.npoolshare / SHARE_SCALE)
    return Redemption(float(whole), round_half_away(whole / SHARE_SCALE), shares)


def _redeemed(order: LendOrder, pool: LendPool, redemption: Redemption) -> LendOrder:
    return replace(
        order,
        status=OrderStatus.SETTLED,
        exit_nonce=pool.nonce + 1,
        new_lend_state_amount_sats=float(redemption.paid_sats),
        nwithdraw=redemption.nwithdraw,
        payment_sats=float(redemption.paid_sats - round_half_away(order.new_lend_state_amount_sats)),
        tlv2=float(pool.total_locked_value_sats),
        tps2=float(pool.total_pool_share),
        tlv3=float(pool.total_locked_value_sats - redemption.paid_sats),
        tps3=float(pool.total_pool_share - redemption.shares),
    )
