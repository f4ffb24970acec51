"""What deposits and withdrawals share: both move the pool by one transaction (engine 4)."""

from twilight.domain import answers
from twilight.domain.context import Case, Subject
from twilight.domain.model.chain import ChainRequest, Operation, Outcome, Refused, next_state
from twilight.domain.model.commands import LendCommand
from twilight.domain.model.errors import Rejected
from twilight.domain.model.events import Event, IntentOpened, LendOrderEvent
from twilight.domain.model.orders import LendOrder, OrderStatus
from twilight.domain.model.pool import LendPool, PoolBatchOrder

SHARE_SCALE = 10_000


def pool_under_water() -> Rejected:
    """Return the refusal of lending while the pool owes more than it has (R19)."""
    return Rejected(OrderStatus.ERROR, "POOL_UNDER_WATER the pool owes more than it has", answers.LEND_NOT_FOUND)


def lent_pool(pool: LendPool, tlv: int, tps: int) -> LendPool:
    """Return the pool after a deposit or withdrawal, one event further."""
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


def submit(  # one transaction's parts
    case: Case, operation: Operation, order: LendOrder, payload: str, after: LendPool, amount: int
) -> Outcome:
    """Ask the chain for one transaction of the pool."""
    last = case.state.pool.last_output_state
    request = ChainRequest(operation, order, payload, last, after.last_output_state, amount)
    return case.submit(request)


def asked(
    case: Case,
    operation: Operation,
    order: LendOrder,
    subject: Subject,
    command: LendCommand,
    after: LendPool,
    amount: int,
) -> IntentOpened:
    """Return the event that the chain is being asked (C11)."""
    intent = case.begin(operation, subject, command)
    intent.deposit, intent.payload, intent.amount_sats = order, command.payload, amount
    intent.last_state, intent.next_state = case.state.pool.last_output_state, after.last_output_state
    return case.opened(intent)


def refused(case: Case, subject: Subject, refused: Refused, what: str) -> Event:
    """Return the answer that the chain refused."""
    return answers.failed(case, subject, refused.status, f'Error : "{refused.text}", {what}')


def lend_event(case: Case, order: LendOrder, command: LendCommand, verb: str) -> LendOrderEvent:
    """Return the event that a deposit entered or left the pool."""
    seq = case.state.lend_log_sequence + 1
    return LendOrderEvent(order, command, seq, f"{verb}-{order.uuid}", case.metadata)
