"""Deposits and withdrawals (section 4, 2.12, 2.13, R7, R19, R23, R24, R29)."""

from fractions import Fraction
from typing import Any

from tests.model import gate
from tests.model.arithmetic import rounded
from tests.model.expected import ANYTHING, SOME_TEXT, Code
from tests.model.ledger import Ledger, rounded_down, rounded_up
from tests.model.orders import SETTLED, Lender


def deposit(ledger: Ledger, command: Any, uuid: str) -> None:  # noqa: PLR0911 - one return for each check, in the specification's order
    """Carry out CreateLendOrder."""
    (content,) = command.values()
    request = content[0]

    def refuse(status: str, reason: Any, agg_id: Any = ANYTHING) -> None:
        ledger.answer(uuid, request["account_id"], "LEND", status, reason=reason, agg_id=agg_id)

    if not gate.whole(request["deposit"], 1, gate.VALUE_LIMIT):
        return refuse("CANCELLED", SOME_TEXT, "tx_wrong_parameter_error")
    amount = int(request["deposit"])
    refusal = gate.lend_refusal(ledger)
    if refusal:
        return refuse("RejectedByRiskEngine", Code(refusal))
    if any(lender.account_id == request["account_id"] for lender in ledger.lenders.values()):
        return refuse("DuplicateOrder", SOME_TEXT, "tx_duplicate_error")
    if ledger.tlv + amount >= gate.TLV_LIMIT:
        return refuse("CANCELLED", SOME_TEXT)
    worth = _worth(ledger, max)
    if worth is None:
        return refuse("Error", Code("POOL_UNDER_WATER"))
    shares, npoolshare = _minted(ledger, amount, rounded_up(worth))
    if shares < 1 or shares >= gate.SHARES_LIMIT:
        return refuse("CANCELLED", SOME_TEXT)
    return _deposited(ledger, command, uuid, shares, npoolshare)


def _worth(ledger: Ledger, choose: Any) -> Fraction | None:
    """Return N before rounding: the larger or smaller of NAV at both ends of the band; None under water (R19)."""
    if not ledger.rules.marked_shares:
        return Fraction(ledger.tlv)
    if not ledger.filled():
        return Fraction(ledger.tlv) if ledger.tlv > 0 else None
    assert ledger.price is not None
    band = ledger.rules.lend_price_band
    worth: Fraction = choose(ledger.net_asset_value(ledger.price * (1 + sign * band)) for sign in (-1, 1))
    return None if ledger.insolvent() or worth <= 0 else worth


def _minted(ledger: Ledger, amount: int, worth: int) -> tuple[int, float]:
    if ledger.rules.whole_shares:
        shares = ledger.tps * amount // worth
        return shares, shares * 10_000
    npoolshare = float(ledger.tps) * amount * 10_000.0 / float(ledger.tlv)
    return rounded(npoolshare / 10_000.0), npoolshare


def _deposited(ledger: Ledger, command: Any, uuid: str, shares: int, npoolshare: float) -> None:
    (content,) = command.values()
    request = content[0]
    amount = int(request["deposit"])
    before = ledger.tlv, ledger.tps
    ledger.tlv, ledger.tps, ledger.nonce = ledger.tlv + amount, ledger.tps + shares, ledger.nonce + 1
    ledger.lend_entry_sequence += 1
    lender = Lender(
        uuid=uuid,
        account_id=request["account_id"],
        balance=request["balance"],
        deposit=amount,
        npoolshare=npoolshare,
        entry_nonce=ledger.nonce,
        timestamp=ledger.now,
        deposited_ms=ledger.now_ms,
        tlv0=before[0],
        tps0=before[1],
        tlv1=ledger.tlv,
        tps1=ledger.tps,
        entry_sequence=ledger.lend_entry_sequence,
    )
    ledger.lenders[uuid] = lender
    early = lender.wire(entry_nonce=0, tlv1=ANYTHING, tps1=ANYTHING, entry_sequence=ANYTHING)
    state = ledger.state_output(ledger.nonce, ledger.tlv)
    ledger.pool_event("LendOrderCreateOrder", {"LendOrderCreateOrder": [command, early, amount, state]})
    _lend_event(ledger, "add_order", lender.wire(), command)
    ledger.answer(uuid, lender.account_id, "LEND", "FILLED", hashed=True)


def _lend_event(ledger: Ledger, agg_id: str, order: dict[str, Any], command: Any) -> None:
    ledger.lend_seq += 1
    ledger.emit("LendOrder", f"{agg_id}-{order['uuid']}", [order, command, ledger.lend_seq])


def withdraw(ledger: Ledger, command: Any) -> None:  # noqa: PLR0911 - one return for each check, in the specification's order
    """Carry out ExecuteLendOrder: always the whole deposit."""
    (content,) = command.values()
    request = content[0]

    def refuse(status: str, reason: Any) -> None:
        ledger.answer(request["uuid"], request["account_id"], "LEND", status, reason=reason)

    refusal = gate.lend_refusal(ledger)
    if refusal:
        return refuse("RejectedByRiskEngine", Code(refusal))
    lender = ledger.lenders.get(request["uuid"])
    if lender is None:
        return refuse("Error", SOME_TEXT)
    if lender.account_id != request["account_id"]:
        return refuse("OrderNotFound", SOME_TEXT)
    worth = _worth(ledger, min)
    if worth is None:
        return refuse("Error", Code("POOL_UNDER_WATER"))
    amount, nwithdraw = _redeemed(ledger, lender, rounded_down(worth))
    if ledger.tlv < amount:
        return refuse("Error", SOME_TEXT)
    refusal = gate.withdrawal_refusal(ledger, ledger.tlv - amount) if ledger.rules.withdrawals_keep_limits else None
    if refusal:
        return refuse("RejectedByRiskEngine", Code(refusal))
    return _withdrawn(ledger, command, lender, amount, nwithdraw)


def _redeemed(ledger: Ledger, lender: Lender, worth: int) -> tuple[int, float]:
    """Return what is paid out and ``nwithdraw``.

    2.13 lets the lender have R(withdraw) and the pool lose R(R(nwithdraw)/10000), which differ by a sat when the
    second rounding crosses a half; the book must close (I-11), so both are the pool's.
    """
    if not ledger.rules.whole_shares:
        nwithdraw = rounded(float(ledger.tlv) * lender.npoolshare / float(ledger.tps))
        return rounded(nwithdraw / 10_000.0), float(nwithdraw)
    amount = worth * (int(lender.npoolshare) // 10_000) // ledger.tps
    held = ledger.now_ms - lender.deposited_ms
    if ledger.rules.marked_shares and held < ledger.rules.lend_min_hold_ms:
        amount = min(amount, lender.deposit)
    return amount, float(amount * 10_000)


def _withdrawn(ledger: Ledger, command: Any, lender: Lender, amount: int, nwithdraw: float) -> None:
    del ledger.lenders[lender.uuid]
    before = ledger.tlv, ledger.tps
    ledger.tlv, ledger.nonce = ledger.tlv - amount, ledger.nonce + 1
    ledger.tps -= rounded(lender.npoolshare / 10_000.0)
    settled = lender.wire(
        order_status=SETTLED,
        exit_nonce=ledger.nonce,
        new_lend_state_amount=amount,
        nwithdraw=nwithdraw,
        payment=amount - lender.deposit,
        timestamp=ledger.now,
        tlv2=float(before[0]),
        tps2=before[1],
        tlv3=float(ledger.tlv),
        tps3=ledger.tps,
    )
    early = settled | dict.fromkeys(("exit_nonce", "timestamp", "tlv3", "tps3"), ANYTHING)
    state = ledger.state_output(ledger.nonce, ledger.tlv)
    inner = {"LendOrderSettleOrder": [command, early, nwithdraw, state]}
    ledger.pool_event("LendOrderSettleOrder", inner)
    _lend_event(ledger, "remove_order", settled, command)
    ledger.answer(lender.uuid, lender.account_id, "LEND", SETTLED, hashed=True)
