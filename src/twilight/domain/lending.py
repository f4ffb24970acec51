"""Lending: deposits buy shares of the pool, withdrawals redeem them (engine 4, 2.12, 2.13)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from twilight.domain import answers, risk
from twilight.domain.chain import Answer, ChainRequest, InFlight, Operation, Outcome, Refused, next_state
from twilight.domain.clock import NS_PER_S
from twilight.domain.closing import check_not_in_flight, check_settle_owner
from twilight.domain.commands import CreateLendOrder, ExecuteLendOrder, LendCommand
from twilight.domain.context import Case, Subject
from twilight.domain.errors import Corrupt, Rejected
from twilight.domain.events import Event, IntentOpened, LendOrderEvent, PoolUpdate
from twilight.domain.inflight import Intent
from twilight.domain.numbers import EXACT_FLOAT_MAX, round_half_away, unsigned
from twilight.domain.orders import LendOrder, OrderStatus, OrderType
from twilight.domain.pool import LendOrderCreateOrder, LendOrderSettleOrder, LendPool, PoolBatchOrder
from twilight.domain.state import Deposit
from twilight.domain.valuation import deposit_value, under_water, withdrawal_value

SHARE_SCALE = 10_000


def pool_under_water() -> Rejected:
    """Return the refusal of lending while the pool owes more than it has (R19)."""
    return Rejected(OrderStatus.ERROR, "POOL_UNDER_WATER the pool owes more than it has", answers.LEND_NOT_FOUND)


# --- deposits --------------------------------------------------------------------------------------------------------


def deposit(case: Case, command: CreateLendOrder) -> Iterator[list[Event]]:
    """Take the deposit in, or say why not."""
    request = command.request
    subject = Subject(case.context.new_uuid(), request.account_id, OrderType.LEND, command.request_id)
    try:
        order, shares = _admit_deposit(case, command, subject)
    except Rejected as why:
        yield [answers.rejected(case, subject, why)]
        return
    if case.must_wait_for_the_pool:
        yield [case.opened(case.begin(None, subject, command))]
        return
    after = _after_deposit(case.state.pool, order)
    outcome = _submit(case, Operation.DEPOSIT, order, command.payload, after, unsigned(shares))
    if isinstance(outcome, InFlight):
        yield [_asked(case, Operation.DEPOSIT, order, subject, command, after, unsigned(shares))]
        return
    yield _deposited(case, order, command, subject, after, outcome)


def finish_deposit(case: Case, intent: Intent) -> list[Event]:
    """Return what the chain's answer to a deposit becomes (C11)."""
    command, order = intent.caused.lend, intent.deposit
    if command is None or order is None or case.answer is None:
        raise Corrupt(f"{intent.id} carries no deposit")
    subject = Subject(order.uuid, order.account_id, OrderType.LEND, command.request_id)
    return _deposited(case, order, command, subject, _after_deposit(case.state.pool, order), case.answer)


def _after_deposit(pool: LendPool, order: LendOrder) -> LendPool:
    return _lent_pool(pool, int(order.tlv1), int(order.tps1))


def _admit_deposit(case: Case, command: CreateLendOrder, subject: Subject) -> tuple[LendOrder, int]:
    amount = command.request.deposit_sats
    risk.check_whole_sats("deposit", amount)
    risk.gate_lend(case)
    if subject.account_id in case.state.lender_accounts or _is_lending(case, subject.account_id):
        raise Rejected(OrderStatus.DUPLICATE_ORDER, "Duplicate order detected", answers.DUPLICATE)
    npoolshare, shares = _minted(case, int(amount))
    pool = case.state.pool
    tlv = pool.total_locked_value_sats + int(amount)
    if shares < 1:
        raise risk.wrong("deposit", "enough for one whole pool share", amount)
    if shares >= EXACT_FLOAT_MAX // SHARE_SCALE or tlv >= EXACT_FLOAT_MAX:
        raise risk.wrong("deposit", "small enough for the pool to count exactly", amount)
    return _new_deposit(case, command, subject, npoolshare, shares), shares


def _is_lending(case: Case, account_id: str) -> bool:
    """Return whether a deposit of this account is in flight (C11)."""
    intents = case.state.intents.values()
    return any(one.operation is Operation.DEPOSIT and one.account_id == account_id for one in intents)


def _minted(case: Case, amount: int) -> tuple[float, int]:
    """Return npoolshare and the whole shares that the pool mints (2.12, R7, R19)."""
    pool, profile = case.state.pool, case.context.profile
    if under_water(case.state, profile):
        raise pool_under_water()
    value = deposit_value(case.state, profile)
    if value <= 0:
        raise pool_under_water()
    if profile.whole_lend_shares:
        shares = pool.total_pool_share * amount // value
        return float(shares * SHARE_SCALE), shares
    npoolshare = float(pool.total_pool_share) * float(amount) * SHARE_SCALE / float(value)
    return npoolshare, round_half_away(npoolshare / SHARE_SCALE)


def _new_deposit(case: Case, command: CreateLendOrder, subject: Subject, npoolshare: float, shares: int) -> LendOrder:
    pool, amount = case.state.pool, command.request.deposit_sats
    tlv, tps = float(pool.total_locked_value_sats), float(pool.total_pool_share)
    return LendOrder(
        subject.order_id,
        subject.account_id,
        command.request.balance_sats,
        OrderStatus.FILLED,
        OrderType.LEND,
        0,
        0,
        amount,
        amount,
        case.conditions.now_iso,
        npoolshare,
        0.0,
        0.0,
        tlv,
        tps,
        tlv + amount,
        tps + shares,
        0.0,
        0.0,
        0.0,
        0.0,
        0,
    )


def _deposited(  # one deposit's parts
    case: Case,
    order: LendOrder,
    command: CreateLendOrder,
    subject: Subject,
    after: LendPool,
    outcome: Answer,
) -> list[Event]:
    if isinstance(outcome, Refused):
        return [_refused(case, subject, outcome, "Failed to create lend order")]
    stored = replace(order, entry_nonce=after.nonce, entry_sequence=case.state.lend_sequence + 1)
    entered = LendOrderCreateOrder(command, order, order.deposit_sats, after.last_output_state)
    return [
        PoolUpdate(entered, after, after.log_sequence, "LendOrderCreateOrder", case.metadata),
        _lend_event(case, stored, command, "add_order"),
        answers.succeeded(case, subject, OrderStatus.FILLED, outcome.tx_hash, outcome.output),
    ]


# --- withdrawals -----------------------------------------------------------------------------------------------------


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
    outcome = _submit(case, Operation.WITHDRAW, order, command.payload, after, paid)
    if isinstance(outcome, InFlight):
        yield [_asked(case, Operation.WITHDRAW, order, subject, command, after, paid)]
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
    return _lent_pool(pool, int(order.tlv3), int(order.tps3))


def _withdrawn(
    case: Case,
    order: LendOrder,
    command: ExecuteLendOrder,
    subject: Subject,
    after: LendPool,
    outcome: Answer,
) -> list[Event]:
    if isinstance(outcome, Refused):
        return [_refused(case, subject, outcome, "Failed to settle lend order")]
    stamped = replace(order, timestamp=case.conditions.now_iso)
    left = LendOrderSettleOrder(command, order, order.nwithdraw, after.last_output_state)
    return [
        PoolUpdate(left, after, after.log_sequence, "LendOrderSettleOrder", case.metadata),
        _lend_event(case, stamped, command, "remove_order"),
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


# --- both ------------------------------------------------------------------------------------------------------------


def _lent_pool(pool: LendPool, tlv: int, tps: int) -> LendPool:
    return LendPool(
        pool.sequence,
        pool.nonce + 1,
        tps,
        tlv,
        PoolBatchOrder(),
        pool.log_sequence + 1,
        pool.last_snapshot_id,
        next_state(pool, tlv, tps),
    )


def _submit(  # one transaction's parts
    case: Case, operation: Operation, order: LendOrder, payload: str, after: LendPool, amount: int
) -> Outcome:
    last = case.state.pool.last_output_state
    request = ChainRequest(operation, order, payload, last, after.last_output_state, amount)
    return case.submit(request)


def _asked(
    case: Case,
    operation: Operation,
    order: LendOrder,
    subject: Subject,
    command: LendCommand,
    after: LendPool,
    amount: int,
) -> IntentOpened:
    intent = case.begin(operation, subject, command)
    intent.deposit, intent.payload, intent.amount_sats = order, command.payload, amount
    intent.last_state, intent.next_state = case.state.pool.last_output_state, after.last_output_state
    return case.opened(intent)


def _refused(case: Case, subject: Subject, refused: Refused, what: str) -> Event:
    return answers.failed(case, subject, refused.status, f'Error : "{refused.text}", {what}')


def _lend_event(case: Case, order: LendOrder, command: LendCommand, verb: str) -> LendOrderEvent:
    seq = case.state.lend_log_sequence + 1
    return LendOrderEvent(order, command, seq, f"{verb}-{order.uuid}", case.metadata)
