"""Candles as a fold of ticks and trades: no interval is missing from the first tick on (decisions S11).

Prices come from ticks, volumes from trades at the trade's price. An interval is final as soon as something of a later
one was seen; one in which no tick fell carries the last price and says so. Sums are exact decimals, so the order in
which events of one interval arrive does not matter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Literal

NS_PER_S = 1_000_000_000
SATS_PER_BTC = 100_000_000

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
LENGTHS_S = (MINUTE_S, HOUR_S, DAY_S)
GAP_INTERVALS_MAX = 131_072
"""Empty intervals made in one go, three months of minutes: a clock that leaps cannot fill a disk."""

Taker = Literal["BUY", "SELL"]

# Each volume is rounded once, to 20 places of a bitcoin, and then only added: any order gives the same sum.
_VOLUME_PLACES = Decimal("1e-20")
_EXACT = Context(prec=1_000)  # sums of any two doubles
_RATIO = Context(prec=60)


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

    @property
    def usd_volume(self) -> Decimal:
        """Return the size in USD."""
        return usd_volume(self.position_size)

    @property
    def btc_volume(self) -> Decimal:
        """Return the size in bitcoin at the trade's own price."""
        return btc_volume(self.position_size, self.price)


def usd_volume(position_size: float) -> Decimal:
    """Return the USD volume of a position size, exactly."""
    return _EXACT.divide(Decimal(repr(position_size)), Decimal(SATS_PER_BTC))


def btc_volume(position_size: float, price: float) -> Decimal:
    """Return the bitcoin volume of a position size at a price, rounded to 20 places; 0 without a price."""
    if not price > 0:
        return Decimal(0)
    volume = _RATIO.divide(usd_volume(position_size), Decimal(repr(price)))
    return volume.quantize(_VOLUME_PLACES, context=_EXACT)


class CandleFold:
    """The candles of one length. Feed it in log order; it yields every candle as it changes.

    Event times of one log step back by little: an event of an interval that is final already is still counted there,
    as long as it is among the newest that are remembered. What is older still goes to `late`, the starts of intervals
    that must be counted anew from what is stored.

    Candles begin with the interval of the first tick; a tick from before moves the beginning back, if it is among the
    64 newest intervals. Trades of the beginning's interval count wherever they stand in the log; those of an earlier
    interval are in no candle, as no price is known there.

    Args:
        length_s: the length of an interval.
        newest: the newest candles so far, oldest first.
        first_s: where candles begin; by default with the oldest of `newest`.
        early: what traded in intervals before that, newest 64 of them.
        remembered: how many candles are kept; None keeps all, so that nothing is ever late.
    """

    REMEMBERED = 64

    def __init__(
        self,
        length_s: int,
        newest: Iterable[Candle] = (),
        *,
        first_s: int | None = None,
        early: Iterable[Candle] = (),
        remembered: int | None = REMEMBERED,
    ) -> None:
        self.length_s = length_s
        self._candles = {candle.start_s: candle for candle in newest}
        self._newest_s = max(self._candles, default=None)
        self._first_s = min(self._candles, default=None) if first_s is None else first_s
        self._early = {candle.start_s: candle for candle in early}
        self._remembered = remembered
        self.late: set[int] = set()

    def tick(self, price: float, ts_ns: int, offset: int) -> Iterable[Candle]:
        """Take a tick; return each candle that changed, oldest first."""
        start_s = ts_ns // NS_PER_S // self.length_s * self.length_s
        if start_s != self._newest_s:
            return list(self._tick_elsewhere(start_s, price, ts_ns, offset))
        newest = self._candles[start_s]
        _take_price(newest, price, ts_ns, offset)
        return (newest,)

    def _tick_elsewhere(self, start_s: int, price: float, ts_ns: int, offset: int) -> Iterator[Candle]:
        """Take a tick of another interval than the newest one."""
        if self._first_s is None or start_s < self._first_s:
            if not self._may_begin(start_s):
                return
            yield from self._begin(start_s, price, offset)
        yield from self._advance(start_s)
        candle = self._candles.get(start_s)
        if candle is None:
            self.late.add(start_s)
            return
        close = candle.close
        _take_price(candle, price, ts_ns, offset)
        yield candle
        if candle.close != close:
            yield from self._carry_on(candle)

    def trade(self, trade: Trade) -> Iterator[Candle]:
        """Take a trade; one of an interval before the first tick's is kept, should a tick come there yet."""
        start_s = self._start_of(trade.ts_ns)
        if self._first_s is None or start_s < self._first_s:
            self._keep_early(start_s, trade)
            return
        yield from self._advance(start_s)
        candle = self._candles.get(start_s)
        if candle is None:
            self.late.add(start_s)
            return
        _take_trade(candle, trade)
        yield candle

    def remembered(self) -> list[Candle]:
        """Return the newest candles, oldest first."""
        return list(self._candles.values())

    def _start_of(self, ts_ns: int) -> int:
        return ts_ns // NS_PER_S // self.length_s * self.length_s

    def _add(self, candle: Candle) -> None:
        self._candles[candle.start_s] = candle
        self._newest_s = candle.start_s
        if self._remembered is not None and len(self._candles) > self._remembered:
            del self._candles[next(iter(self._candles))]

    def _may_begin(self, start_s: int) -> bool:
        """Return whether candles may begin at a start before all: all of them must still be remembered."""
        return self._newest_s is None or self._newest_s - start_s < self.REMEMBERED * self.length_s

    def _begin(self, start_s: int, price: float, offset: int) -> Iterator[Candle]:
        """Let candles begin at a start before all, up to those that are there, or as far as there were trades."""
        later, self._candles = self._candles, {}
        end_s = max(self._early, default=start_s) if self._first_s is None else self._first_s - self.length_s
        self._first_s = self._newest_s = start_s
        self._add(Candle(self.length_s, start_s, price, price, price, price, first_offset=offset, last_offset=offset))
        self._absorb(start_s)
        for next_s in sorted(self._early):
            if start_s < next_s <= end_s:
                yield from self._advance(next_s)
                self._absorb(next_s)
        if later:
            yield from self._advance(end_s)
            self._candles[end_s].final = True
            self._candles |= later
            self._newest_s = max(later)
        yield self._candles[end_s if later else self._newest_s]

    def _absorb(self, start_s: int) -> None:
        """Add to a candle what traded in its interval before it was one."""
        early = self._early.pop(start_s, None)
        if early is not None:
            _take_volumes(self._candles[start_s], early)

    def _keep_early(self, start_s: int, trade: Trade) -> None:
        _take_trade(self._early.setdefault(start_s, Candle(self.length_s, start_s, 0.0, 0.0, 0.0, 0.0)), trade)
        if len(self._early) > self.REMEMBERED:
            del self._early[min(self._early)]

    def _advance(self, start_s: int) -> Iterator[Candle]:
        """Close the newest interval and make every empty one up to the new one."""
        newest_s = self._newest_s
        if newest_s is None or start_s <= newest_s:
            return
        first_s = max(newest_s + self.length_s, start_s - GAP_INTERVALS_MAX * self.length_s)
        last = self._candles[newest_s]
        for next_s in range(first_s, start_s + 1, self.length_s):
            last.final = True
            yield last
            self._add(_carried(last, next_s))
            last = self._candles[next_s]

    def _carry_on(self, changed: Candle) -> Iterator[Candle]:
        """Give the empty intervals after a candle its new close."""
        candle = self._candles.get(changed.end_s)
        while candle is not None and candle.carried:
            candle.open = candle.high = candle.low = candle.close = changed.close
            yield candle
            candle = self._candles.get(candle.end_s)


def _carried(last: Candle, start_s: int) -> Candle:
    """Return an interval without a tick so far: the last price and the sequence it came with."""
    price, offset = last.close, last.last_offset
    return Candle(last.length_s, start_s, price, price, price, price, first_offset=offset, last_offset=offset)


def _take_price(candle: Candle, price: float, ts_ns: int, offset: int) -> None:
    if candle.open_ts_ns is None or candle.close_ts_ns is None:
        candle.open = candle.high = candle.low = candle.close = price
        candle.open_ts_ns = candle.close_ts_ns = ts_ns
    elif ts_ns < candle.open_ts_ns:
        candle.open, candle.open_ts_ns = price, ts_ns
    elif ts_ns >= candle.close_ts_ns:
        candle.close, candle.close_ts_ns = price, ts_ns
    if price > candle.high:
        candle.high = price
    elif price < candle.low:
        candle.low = price
    candle.price_samples += 1
    if candle.carried or candle.last_offset is None or offset < candle.last_offset:
        _take_offset(candle, offset)
        candle.carried = False
    else:
        candle.last_offset = offset


def _take_trade(candle: Candle, trade: Trade) -> None:
    size = Decimal(repr(trade.position_size))
    candle.usd_volume = _EXACT.add(candle.usd_volume, trade.usd_volume)
    candle.btc_volume = _EXACT.add(candle.btc_volume, trade.btc_volume)
    if trade.side == "BUY":
        candle.buy_volume = _EXACT.add(candle.buy_volume, size)
    else:
        candle.sell_volume = _EXACT.add(candle.sell_volume, size)
    candle.trades += 1
    _take_offset(candle, trade.offset)


def _take_volumes(candle: Candle, early: Candle) -> None:
    """Add the trades of an interval to its candle, that has no tick yet."""
    for name in ("usd_volume", "btc_volume", "buy_volume", "sell_volume"):
        setattr(candle, name, _EXACT.add(getattr(candle, name), getattr(early, name)))
    candle.trades += early.trades
    candle.first_offset, candle.last_offset = early.first_offset, early.last_offset


def _take_offset(candle: Candle, offset: int) -> None:
    """Widen the candle's sequences; those of an empty interval are the carried price's until something falls in it."""
    is_empty = candle.carried and candle.trades + candle.price_samples <= 1
    if is_empty or candle.first_offset is None or candle.last_offset is None:
        candle.first_offset = candle.last_offset = offset
    else:
        candle.first_offset = min(candle.first_offset, offset)
        candle.last_offset = max(candle.last_offset, offset)
