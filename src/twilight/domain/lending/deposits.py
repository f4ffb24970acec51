"""Deposits: sats in, shares out (engine 4, 2.12, decisions R7, R19)."""

from collections.abc import Iterator
from dataclasses import replace

from twilight.domain import answers
from twilight.domain.books.valuation import deposit_value, under_water
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
from twilight.domain.model.commands import CreateLendOrder
from twilight.domain.model.errors import Corrupt, Rejected
from twilight.domain.model.events import Event, PoolUpdate
from twilight.domain.model.inflight import Intent
from twilight.domain.model.numbers import EXACT_FLOAT_MAX, round_half_away, unsigned
from twilight.domain.model.orders import LendOrder, OrderStatus, OrderType
from twilight.domain.model.pool import LendOrderCreateOrder, LendPool
from twilight.domain.trading import risk


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
    outcome = submit(case, Operation.DEPOSIT, order, command.payload, after, unsigned(shares))
    if isinstance(outcome, InFlight):
        yield [asked(case, Operation.DEPOSIT, order, subject, command, after, unsigned(shares))]
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
    return lent_pool(pool, int(order.tlv1), int(order.tps1))


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
        return [refused(case, subject, outcome, "Failed to create lend order")]
    stored = replace(order, entry_nonce=after.nonce, entry_sequence=case.state.lend_sequence + 1)
    entered = LendOrderCreateOrder(command, order, order.deposit_sats, after.last_output_state)
    return [
        PoolUpdate(entered, after, after.log_sequence, "LendOrderCreateOrder", case.metadata),
        lend_event(case, stored, command, "add_order"),
        answers.succeeded(case, subject, OrderStatus.FILLED, outcome.tx_hash, outcome.output),
    ]
