"""Settlement: what a closed position pays, and the events that say so (engine 3.4, 3.5, 2.9)."""

from dataclasses import dataclass, field

from twilight.domain import answers
from twilight.domain.books.sets import trigger_sets
from twilight.domain.books.state import Position
from twilight.domain.context import Case, Subject
from twilight.domain.model import formulas
from twilight.domain.model.chain import Accepted, ChainRequest, InFlight, Operation, Refused, next_state
from twilight.domain.model.commands import CloseCommand, SettleOnLimit
from twilight.domain.model.events import Event, IntentOpened, Metadata, PoolUpdate, SizeAction, TraderOrderEvent, TxHash
from twilight.domain.model.numbers import price_of_score, unsigned
from twilight.domain.model.orders import MARKET, SETTLED, OrderType, TraderOrder
from twilight.domain.model.pool import (
    AddTraderLimitOrderSettlement,
    AddTraderOrderSettlement,
    BatchExecuteTraderOrder,
    LendPool,
    LendPoolCommand,
    PoolBatchOrder,
    PriceTickerOrderSettle,
    RpcCommandPoolupdate,
)
from twilight.domain.trading import totals
from twilight.domain.trading.legs import (
    TRIGGERS,
    Scores,
    Trigger,
    price_with_score,
    removal_event,
    retry_metadata,
    set_event,
)


@dataclass(slots=True)
class Close:
    """Why and how a position is being closed: by which command, or by which fired trigger."""

    fee_pct: float
    command: CloseCommand | None = None
    trigger: Trigger | None = None
    fired: Scores = field(default_factory=dict)

    @property
    def record_type(self) -> OrderType:
        """Return the order type of the records: MARKET for a request, else the trigger's kind (3.4, 3.5)."""
        return self.trigger.texts.kind if self.trigger is not None else MARKET


def settle(case: Case, position: Position, close: Close) -> list[Event]:
    """Return the settlement at the current price, or the chain's refusal (3.4, 3.5)."""
    pool = case.state.pool
    paid = settlement_of(case, position, close)
    settled = position.order.copy()
    settled.status = SETTLED
    settled.available_margin_sats = float(paid.payout_sats)
    settled.unrealized_pnl_sats = float(paid.pnl_sats)
    settled.settlement_price = case.price
    settled.fee_settled_sats = paid.fee_sats
    after = pool_after(pool, paid.pool_pays_sats)
    request = ChainRequest(
        Operation.SETTLE,
        settled,
        close.command.payload if close.command is not None else position.payload,
        pool.last_output_state,
        after.last_output_state,
        unsigned(paid.payout_sats),
    )
    outcome = case.submit(request)
    if isinstance(outcome, InFlight):
        return [_asked(case, position, close, request, settled)]
    if isinstance(outcome, Refused):
        return _settlement_failed(case, position, close, outcome)
    return _settled(case, position, settled, close, paid, after, outcome)


def _asked(case: Case, position: Position, close: Close, request: ChainRequest, settled: TraderOrder) -> IntentOpened:
    subject = Subject(settled.uuid, settled.account_id, close.record_type, _request_id(position, close))
    intent = case.begin(Operation.SETTLE, subject, close.command)
    intent.order, intent.payload, intent.amount_sats = settled, request.payload, request.amount_sats
    intent.last_state, intent.next_state = request.last_state, request.next_state
    intent.fee_pct = close.fee_pct
    intent.trigger = close.trigger.name if close.trigger is not None else ""
    intent.fired = {trigger.name: fired for trigger, fired in close.fired.items()}
    return case.opened(intent)


def settlement_of(case: Case, position: Position, close: Close) -> formulas.Settlement:
    """Return what the position pays when it is closed at the current price (2.9)."""
    order, price, profile = position.order, case.price, case.context.profile
    tlv = case.state.pool.total_locked_value_sats
    return formulas.settlement(
        formulas.unrealized_pnl(order.position_size, order.entry_price, price, order.side),
        order.initial_margin_sats,
        order.available_margin_sats,
        formulas.fee(close.fee_pct, order.position_size, price),
        formulas.Caps(profile.whole_payment, profile.capped_loss, profile.capped_win, tlv),
    )


def pool_after(pool: LendPool, pays_sats: int) -> LendPool:
    """Return the pool after it has paid, two events further (2.9)."""
    tlv = pool.total_locked_value_sats - pays_sats
    return LendPool(
        pool.sequence,
        pool.nonce + 1,
        pool.total_pool_share,
        tlv,
        PoolBatchOrder(),
        pool.log_sequence + 2,
        pool.last_snapshot_id,
        next_state(pool, unsigned(tlv), pool.total_pool_share),
    )


def _settled(  # one settlement's parts
    case: Case,
    position: Position,
    settled: TraderOrder,
    close: Close,
    paid: formulas.Settlement,
    after: LendPool,
    outcome: Accepted,
) -> list[Event]:
    stamped = settled.copy()
    stamped.exit_nonce, stamped.timestamp = after.nonce, case.conditions.now_iso
    agg_id, pool_command = _pool_command(case, settled, close, paid.payment_sats, after)
    metadata = case.metadata
    if paid.shortfall_sats:
        metadata = {**(metadata or {}), "shortfall_sats": str(paid.shortfall_sats)}
    command = close.command or _settle_on_limit(case, settled, after)
    seq = case.state.trader_log_sequence + 1
    subject = Subject(settled.uuid, settled.account_id, close.record_type, _request_id(position, close))
    report = answers.succeeded if close.command is not None else answers.done
    return [
        *left_the_totals(case, settled),
        *triggers_dropped(case, position, close),
        batch_event(case, pool_command, paid.payment_sats, agg_id, metadata),
        TraderOrderEvent(stamped, command, seq, f"remove_order-{settled.uuid}", case.metadata),
        pool_event(case, after),
        report(case, subject, SETTLED, outcome.tx_hash),
    ]


def _settle_on_limit(case: Case, settled: TraderOrder, after: LendPool) -> SettleOnLimit:
    numbered = settled.copy()
    numbered.exit_nonce = after.nonce
    return SettleOnLimit(numbered, case.tick_meta(), case.price)


def _request_id(position: Position, close: Close) -> str:
    if close.command is not None:
        return close.command.request_id
    return close.trigger.request_id(position) if close.trigger is not None else ""


def _pool_command(
    case: Case, settled: TraderOrder, close: Close, payment_sats: float, after: LendPool
) -> tuple[str, LendPoolCommand]:
    state_after = after.last_output_state
    if close.command is not None:
        command = AddTraderOrderSettlement(close.command, settled, payment_sats, state_after)
        return "AddTraderOrderSettlement", command
    ticker = PriceTickerOrderSettle([settled.uuid], case.tick_meta(), case.price, close.record_type)
    return "AddTraderLimitOrderSettlement", AddTraderLimitOrderSettlement(ticker, settled, payment_sats, state_after)


def left_the_totals(case: Case, order: TraderOrder) -> list[Event]:
    """Return the first two events of every end of a position."""
    return [totals.size_changed(case, order, SizeAction.REMOVE), totals.exposure_removed(case, order)]


def triggers_dropped(case: Case, position: Position, close: Close) -> list[Event]:
    """Return a removal and a record for each other trigger of a position that ends (3.4, R10, R26)."""
    order, events = position.order, list[Event]()
    for trigger, members in zip(TRIGGERS, trigger_sets(case.state, order.side), strict=True):
        if trigger is close.trigger:
            continue
        old = members.score(order.uuid)
        if old is None and close.fired:
            old = close.fired.get(trigger)
        if old is not None:
            request_id = close.command.request_id if close.command else trigger.request_id(position)
            subject = Subject(order.uuid, order.account_id, close.record_type, request_id)
            events += trigger_dropped(case, order, trigger, old, subject)
    return events


def trigger_dropped(case: Case, order: TraderOrder, trigger: Trigger, old: int, subject: Subject) -> list[Event]:
    """Return the removal and the record of one trigger whose position ends."""
    texts = trigger.texts
    record = answers.data(case, subject, texts.cancelled, reason=texts.settled_reason, old_price=price_of_score(old))
    agg_id = f"{texts.cancelled.value}-{order.uuid}"
    return [removal_event(case, texts.remove, order), TxHash(record, agg_id, case.metadata)]


def batch_event(
    case: Case, command: LendPoolCommand, payment_sats: float, agg_id: str, metadata: Metadata | None
) -> PoolUpdate:
    """Return the first pool event of a settlement: amounts still old, the command pending."""
    pool = case.state.pool
    pending = PoolBatchOrder(0, 1, payment_sats, [command])
    seq = pool.log_sequence + 1
    waiting = LendPool(
        pool.sequence,
        pool.nonce,
        pool.total_pool_share,
        pool.total_locked_value_sats,
        pending,
        seq,
        pool.last_snapshot_id,
        pool.last_output_state,
    )
    return PoolUpdate(command, waiting, seq, agg_id, metadata)


def pool_event(case: Case, after: LendPool) -> PoolUpdate:
    """Return the second pool event of a settlement: amounts, nonce and chain state new."""
    command = BatchExecuteTraderOrder(RpcCommandPoolupdate())
    agg_id = f"RpcCommandPoolupdate-nonce-{after.nonce}"
    return PoolUpdate(command, after, after.log_sequence, agg_id, case.metadata)


def _settlement_failed(case: Case, position: Position, close: Close, refused: Refused) -> list[Event]:
    order = position.order
    reason = f'Error : "{refused.text}", Failed to settle trader order'
    if close.command is not None:
        subject = Subject(order.uuid, order.account_id, order.order_type, close.command.request_id)
        return [answers.failed(case, subject, refused.status, reason)]
    subject = Subject(order.uuid, order.account_id, close.record_type, _request_id(position, close))
    return [
        answers.failed_on_its_own(case, subject, refused.status, reason),
        *put_back(case, position, close),
    ]


def put_back(case: Case, position: Position, close: Close) -> list[Event]:
    """Return the events that restore what the tick fired, to be tried again with back-off (R9, W-27)."""
    order, events = position.order, list[Event]()
    for trigger, fired in close.fired.items():
        metadata = retry_metadata(case, order.uuid) if trigger is close.trigger else {}
        metadata["set_by"] = trigger.request_id(position)
        events.append(set_event(case, trigger.texts.add, order, price_with_score(fired), metadata))
    return events
