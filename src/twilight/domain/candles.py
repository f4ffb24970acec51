"""Candles as a fold of ticks and trades: no interval is missing from the first tick on (decisions S11).

Prices come from ticks, volumes from trades at the trade's price. An interval is final as soon as something of a later
one was seen; one in which no tick fell carries the last price and says so.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

NS_PER_S = 1_000_000_000
SATS_PER_BTC = 100_000_000

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
LENGTHS_S = (MINUTE_S, HOUR_S, DAY_S)

Taker = Literal["BUY", "SELL"]


@dataclass(slots=True)
class Candle:
    """One interval of `length_s` seconds from `start_s` (seconds since 1970, UTC)."""

    length_s: int
    start_s: int
    open: float
    high: float
    low: float
    close: float
    open_ts_ns: int | None = None
    close_ts_ns: int | None = None
    btc_volume: Decimal = Decimal(0)
    usd_volume: Decimal = Decimal(0)
    buy_volume: Decimal = Decimal(0)
    sell_volume: Decimal = Decimal(0)
    trades: int = 0
    price_samples: int = 0
    first_offset: int | None = None
    last_offset: int | None = None
    carried: bool = True
    final: bool = False

    @property
    def end_s(self) -> int:
        """Return the first second after the interval."""
        return self.start_s + self.length_s


@dataclass(frozen=True, slots=True)
class Trade:
    """An opening or closing fill; `position_size` is satoshi times price."""

    side: Taker
    price: float
    position_size: float
    ts_ns: int
    offset: int


class CandleFold:
    """The candles of one length. Feed it in log order; it yields every candle as it changes.

    Event times of one log step back by little: an event of an interval that is final already is still counted there,
    as long as it is among the newest that are remembered, so that any other way of counting gives the same candles.
    """

    REMEMBERED = 6

    def __init__(self, length_s: int, newest: Iterable[Candle] = ()) -> None:
        self.length_s = length_s
        self._newest = deque(newest, maxlen=self.REMEMBERED)

    def tick(self, price: float, ts_ns: int, offset: int) -> Iterator[Candle]:
        """Take a tick; yield each candle that changed, oldest first."""
        start_s = self._start_of(ts_ns)
        if not self._newest:
            self._newest.append(Candle(self.length_s, start_s, price, price, price, price))
        yield from self._advance(start_s)
        candle = self._at(start_s)
        _take_price(candle, price, ts_ns, offset)
        yield candle

    def trade(self, trade: Trade) -> Iterator[Candle]:
        """Take a trade; one before the first tick belongs to no candle."""
        if not self._newest:
            return
        start_s = self._start_of(trade.ts_ns)
        yield from self._advance(start_s)
        candle = self._at(start_s)
        _take_trade(candle, trade)
        yield candle

    def _start_of(self, ts_ns: int) -> int:
        return ts_ns // NS_PER_S // self.length_s * self.length_s

    def _advance(self, start_s: int) -> Iterator[Candle]:
        """Close the newest interval and every empty one up to the new one."""
        while self._newest[-1].start_s < start_s:
            done = self._newest[-1]
            done.final = True
            self._newest.append(Candle(self.length_s, done.end_s, done.close, done.close, done.close, done.close))
            yield done

    def _at(self, start_s: int) -> Candle:
        """Return the interval's candle, the oldest remembered one for what is older still."""
        oldest = self._newest[0]
        return next((c for c in reversed(self._newest) if c.start_s == start_s), oldest)


def _take_price(candle: Candle, price: float, ts_ns: int, offset: int) -> None:
    if candle.open_ts_ns is None or candle.close_ts_ns is None:
        candle.high = candle.low = price
        candle.carried = False
    if candle.open_ts_ns is None or ts_ns < candle.open_ts_ns:
        candle.open, candle.open_ts_ns = price, ts_ns
    if candle.close_ts_ns is None or ts_ns >= candle.close_ts_ns:
        candle.close, candle.close_ts_ns = price, ts_ns
    candle.high = max(candle.high, price)
    candle.low = min(candle.low, price)
    candle.price_samples += 1
    _take_offset(candle, offset)


def _take_trade(candle: Candle, trade: Trade) -> None:
    size = Decimal(repr(trade.position_size))
    candle.usd_volume += size / SATS_PER_BTC
    if trade.price > 0:
        candle.btc_volume += size / Decimal(repr(trade.price)) / SATS_PER_BTC
    if trade.side == "BUY":
        candle.buy_volume += size
    else:
        candle.sell_volume += size
    candle.trades += 1
    _take_offset(candle, trade.offset)


def _take_offset(candle: Candle, offset: int) -> None:
    candle.first_offset = offset if candle.first_offset is None else candle.first_offset
    candle.last_offset = offset
