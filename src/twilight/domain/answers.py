"""Answer records: what a request became, and what the engine did on its own (engine 1.11, wire 1.5, 4.9)."""

from twilight.domain.context import Case, Subject
from twilight.domain.model.errors import Rejected
from twilight.domain.model.events import TxHash, TxHashUpdate
from twilight.domain.model.orders import OrderStatus, TxHashData

ERROR = "tx_hash_error"
RISK_REJECTED = "tx_risk_rejected"
DUPLICATE = "tx_duplicate_error"
WRONG_PARAMETER = "tx_wrong_parameter_error"
CLOSE_NOT_FOUND = "trader_tx_not_found_error"
LEND_NOT_FOUND = "lend_tx_not_found_error"
CANCEL_NOT_FOUND = "trader_order_not_found_error"
CLOSE_LIMIT_NOT_FOUND = "close_limit_order_not_found"
CANCELLED = 'tx_hash_result-"Order successfully cancelled !!"'
CLOSE_LIMIT_CANCELLED = 'tx_hash_result-"Close limit order successfully cancelled !!"'
STOP_LOSS_CANCELLED = 'tx_hash_result-"Stoploss order successfully cancelled !!"'
TAKE_PROFIT_CANCELLED = 'tx_hash_result-"Takeprofit order successfully cancelled !!"'


def result_agg_id(tx_hash: str) -> str:
    """Return the aggregate id of a record with a transaction."""
    return f'tx_hash_result-"{tx_hash}"'


def data(  # the record's own optional fields
    case: Case,
    subject: Subject,
    status: OrderStatus,
    *,
    tx_hash: str = "",
    output: str | None = None,
    reason: str | None = None,
    old_price: float | None = None,
    new_price: float | None = None,
) -> TxHashData:
    """Return the record."""
    return TxHashData(
        subject.order_id,
        subject.account_id,
        tx_hash,
        subject.order_type,
        status,
        case.conditions.now_iso,
        output,
        subject.request_id,
        reason,
        old_price,
        new_price,
    )


def succeeded(case: Case, subject: Subject, status: OrderStatus, tx_hash: str, output: str | None = None) -> TxHash:
    """Return the answer that a transaction carried out the request."""
    record = data(case, subject, status, tx_hash=tx_hash, output=output)
    return TxHash(record, result_agg_id(tx_hash), case.metadata)


def done(case: Case, subject: Subject, status: OrderStatus, tx_hash: str, output: str | None = None) -> TxHashUpdate:
    """Return the report that the engine carried out a transaction on its own."""
    record = data(case, subject, status, tx_hash=tx_hash, output=output)
    return TxHashUpdate(record, result_agg_id(tx_hash), case.metadata)


def rejected(case: Case, subject: Subject, why: Rejected) -> TxHash:
    """Return the answer that the request was refused."""
    return TxHash(data(case, subject, why.status, reason=why.reason), why.agg_id, case.metadata)


def failed(case: Case, subject: Subject, status: OrderStatus, reason: str) -> TxHash:
    """Return the answer that the chain refused a request."""
    return TxHash(data(case, subject, status, reason=reason), ERROR, case.metadata)


def failed_on_its_own(case: Case, subject: Subject, status: OrderStatus, reason: str) -> TxHashUpdate:
    """Return the report that the chain refused something the engine did on its own."""
    return TxHashUpdate(data(case, subject, status, reason=reason), ERROR, case.metadata)
