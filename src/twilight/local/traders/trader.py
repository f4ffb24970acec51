"""One demo trader: looks at its orders and the market, wants something, says it signed, remembers."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from twilight.local.traders import strategy
from twilight.local.traders.book import Book, Order, Stage
from twilight.local.traders.strategy import Intent, Market
from twilight.sdk import AsyncClient, Keyring, Open, Refused, calls, flows, messages
from twilight.wire import bincode
from twilight.wire.client_messages import ClientMessage, script_of
from twilight.wire.identity import Identity
from twilight.wire.types import Output

FORGET_AFTER_S: Final = 120.0
"""A request without any answer for so long was lost with an old exchange, or unreadable: its order is given up."""

TRADES: Final = frozenset({"FILLED", "SETTLED", "LIQUIDATE"})
REFUSALS: Final = frozenset(
    {
        "RejectedByRiskEngine",
        "RejectedFromChain",
        "DuplicateOrder",
        "UtxoError",
        "Error",
        "SerializationError",
        "OrderNotFound",
    }
)


class Log(Protocol):
    """Where a trader tells what it does."""

    def info(self, event: str, **members: object) -> object:
        """Tell one thing that happened."""


Strategy = Callable[[random.Random, float, Sequence[Order], Market], Intent]


@dataclass(slots=True)
class Tally:
    """What a trader has done since the process started: trades, and answers that said no."""

    submitted: int = 0
    trades: int = 0
    refused: int = 0
    last: str = ""
    last_trade: str = ""


class Trader:
    """Trades with its own keys, one action a turn; its book and keys outlive the process."""

    def __init__(
        self,
        name: str,
        *,
        client: AsyncClient,
        keyring: Keyring,
        book: Book,
        strategy: Strategy,
        rng: random.Random,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        """Put the parts together; ``clock`` gives unix seconds."""
        self.name = name
        self.tally = Tally()
        self._client = client
        self._keyring = keyring
        self._book = book
        self._strategy = strategy
        self._rng = rng
        self._clock = clock
        self._log = log

    async def turn(self) -> bool:
        """Learn what became of all orders, then do one thing; return whether the exchange went along.

        Raises:
            Away: the exchange does not answer.
            Refused: it did not take a call.
        """
        refused_before = self.tally.refused
        await self._learn()
        price = await self._client.send(calls.btc_usd_price())
        pool = await self._client.send(calls.lend_pool_info())
        market = Market(float(price.price), int(pool.total_locked_value))
        await self._do(self._strategy(self._rng, self._clock(), self._book.live, market), market)
        return self.tally.refused == refused_before

    async def _learn(self) -> None:
        for order in self._book.live:
            identity = self._keyring.identity(order.account)
            answers = await self._client.send(calls.answers_of_account(identity.address))
            now_s = self._clock()
            for answer in order.learn(sorted(answers, key=lambda found: found.id), now_s):
                self._note(order, answer.order_status, answer.request_id or "", answer.reason)
            if order.stage is Stage.ASKED and now_s - order.asked_s > FORGET_AFTER_S:
                order.end("unanswered", now_s)
                self._note(order, "unanswered", order.request_id, None)
        self._book.save()

    def _note(self, order: Order, status: str, request_id: str, reason: str | None) -> None:
        self.tally.refused += status in REFUSALS
        self.tally.last = f"{order.what} {status}"
        if status in TRADES:
            self.tally.trades += 1
            self.tally.last_trade = self.tally.last
        self._log.info(
            "answer",
            trader=self.name,
            what=order.what,
            status=status,
            stage=order.stage.value,
            order_id=order.order_id,
            request_id=request_id,
            reason=reason,
        )

    async def _do(self, intent: Intent, market: Market) -> None:
        match intent:
            case strategy.OpenPosition():
                await self._open(intent, market)
            case strategy.Deposit(sats):
                await self._deposit(sats)
            case strategy.Cancel(order):
                await self._ask("cancel", order, messages.cancel_trader_order(self._own(order), order.order_id))
            case strategy.Close(order, limit):
                own, memo = self._own(order), _memo(order)
                order.has_close_limit = limit is not None
                message = messages.execute_trader_order(own, order.order_id, memo, limit_price=limit)
                await self._ask("close" if limit is None else f"close at {limit}", order, message)
            case strategy.SetTriggers():
                await self._set_triggers(intent)
            case strategy.Withdraw(order):
                taking = messages.execute_lend_order(self._own(order), order.order_id, _memo(order))
                await self._ask("withdraw", order, taking)
            case strategy.Rest():
                return

    async def _open(self, wanted: strategy.OpenPosition, market: Market) -> None:
        limit = wanted.limit_price
        opening = Open(
            side=wanted.side,
            margin_sats=wanted.margin_sats,
            leverage=wanted.leverage,
            price=market.price if limit is None else limit,
            order_type="MARKET" if limit is None else "LIMIT",
        )
        at = "" if limit is None else f" at {limit}"
        order, own = self._begin(f"{wanted.side} {wanted.margin_sats} x {wanted.leverage}{at}")
        message = messages.create_trader_order(own, opening)
        order.memo_hex = bincode.encode_hex(script_of(message.transaction).outputs[0])
        await self._ask("open", order, message)

    async def _deposit(self, sats: int) -> None:
        order, own = self._begin(f"lend {sats}")
        message = messages.create_lend_order(own, sats)
        order.memo_hex = bincode.encode_hex(message.create.output)
        await self._ask("lend", order, message)

    async def _set_triggers(self, wanted: strategy.SetTriggers) -> None:
        order, is_long = wanted.order, wanted.order.what.startswith("LONG")
        stop, target = (wanted.low, wanted.high) if is_long else (wanted.high, wanted.low)
        message = messages.set_triggers(
            self._own(order), order.order_id, _memo(order), stop_loss=stop, take_profit=target
        )
        order.has_triggers = True
        await self._ask(f"stop {stop}, target {target}", order, message)

    def _begin(self, what: str) -> tuple[Order, Identity]:
        number, identity = self._keyring.fresh()
        order = Order(account=number, what=what, asked_s=self._clock())
        self._book.add(order)
        return order, identity

    def _own(self, order: Order) -> Identity:
        return self._keyring.identity(order.account)

    async def _ask(self, action: str, order: Order, message: ClientMessage) -> None:
        """Submit a message; the book knows of it before the exchange does."""
        order.touched_s = self._clock()
        self._book.save()
        try:
            taken = await self._client.follow(flows.submit(message))
        except Refused as refused:
            self._refused(action, order, refused)
            raise
        self.tally.submitted += 1
        order.request_id = taken.id_key
        self._book.save()
        self._log.info("asked", trader=self.name, action=action, what=order.what, request_id=taken.id_key)

    def _refused(self, action: str, order: Order, refused: Refused) -> None:
        self.tally.refused += 1
        if order.stage is Stage.ASKED:
            order.end("refused", self._clock())
        self._book.save()
        self._log.info("refused", trader=self.name, action=action, what=order.what, reason=str(refused))


def _memo(order: Order) -> Output:
    """Return the memo of an order: the one that the exchange executed, before that one's own."""
    return bincode.decode_hex(Output, order.memo_hex)
