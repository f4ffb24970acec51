"""What the feeder knows of one venue: its newest quotes, their order, their age. No I/O; times come in.

Price feed specification 5, with decisions E1: neither one frame nor a reset can silence a venue.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from twilight.domain.index.model import ConversionQuote, Quote
from twilight.feeder.lag import LagWindow
from twilight.feeder.venues.shape import TopOfBook

CLOCK_APART_MS_MAX: Final = 600_000
NEW_NUMBERING: Final = 5


class Product:
    """The newest quote of one product, with the rules that decide which of two is newer.

    Update ids and exchange times are forgotten with the connection; the delay that is normal for the venue is
    not, so that a feed which comes back late is seen to be late.
    """

    def __init__(self) -> None:
        self.quote: TopOfBook | None = None
        self.received_ms = 0
        self.lag_ms = 0
        self.dropped = 0
        self._update_id: int | None = None
        self._exchange_us: int | None = None
        self._behind_in_row = 0
        self._lag = LagWindow()

    def reconnected(self) -> None:
        """Forget the numbering of the connection before."""
        self._update_id = self._exchange_us = None
        self._behind_in_row = 0

    def offer(self, quote: TopOfBook, now_ms: int, wall_ms: int) -> bool:
        """Take the quote unless it is older than the one before; say whether it was taken.

        Five in a row that look older are a new numbering, and taken. An exchange time that is further from ours than
        any real delay counts as none.
        """
        exchange_us, update_id = quote.exchange_us, quote.update_id
        if exchange_us is not None and not -CLOCK_APART_MS_MAX <= exchange_us // 1_000 - wall_ms <= CLOCK_APART_MS_MAX:
            exchange_us = None
        if self._is_behind(quote, exchange_us):
            self._behind_in_row += 1
            if self._behind_in_row < NEW_NUMBERING:
                self.dropped += 1
                return False
            self._lag.forget_since(self.received_ms)
        self._behind_in_row = 0
        if update_id is not None:
            self._update_id = update_id
        if exchange_us is None:
            self.lag_ms = 0
        else:
            self._exchange_us = exchange_us
            self.lag_ms = self._lag.lag_ms(now_ms, wall_ms - exchange_us // 1_000)
        self.quote, self.received_ms = quote, now_ms
        return True

    def age_ms(self, now_ms: int) -> int:
        """Return the age of the quote, counting how far the feed is behind itself."""
        return now_ms - self.received_ms + self.lag_ms

    def _is_behind(self, quote: TopOfBook, exchange_us: int | None) -> bool:
        older_id = (
            quote.update_id is not None
            and self._update_id is not None
            and quote.update_id < self._update_id
            and not quote.restarts
        )
        return older_id or (
            exchange_us is not None and self._exchange_us is not None and exchange_us < self._exchange_us
        )


class VenueBook:
    """All that is known of one venue: its main product, its conversion products, its link."""

    def __init__(self, currency: str, symbol: str, conversion: Mapping[str, str]) -> None:
        self.currency = currency
        self.main = Product()
        self.conversion = {name: Product() for name in conversion}
        self._products = {symbol: self.main} | {conversion[name]: p for name, p in self.conversion.items()}
        self._quoted = False
        self.connected_since_ms: int | None = None
        self.paused = False
        self.last_frame_ms = 0

    def connected(self, now_ms: int) -> None:
        """Begin a connection: nothing of the one before says how its quotes are numbered."""
        for product in self._products.values():
            product.reconnected()
        self.connected_since_ms, self.last_frame_ms = now_ms, now_ms
        self._quoted = self.paused = False

    def disconnected(self) -> None:
        """End a connection: the venue is DOWN, its conversion quotes live on until they are too old."""
        self.connected_since_ms = None
        self._quoted = False

    def heard(self, now_ms: int) -> None:
        """Note a frame of any kind."""
        self.last_frame_ms = now_ms

    def offer(self, quotes: Iterable[TopOfBook], now_ms: int, wall_ms: int) -> None:
        """Take in quotes of a frame."""
        for quote in quotes:
            product = self._products.get(quote.symbol)
            if product is not None and product.offer(quote, now_ms, wall_ms) and product is self.main:
                self._quoted = True

    def index_quote(self, now_ms: int) -> Quote | None:
        """Return the main product as the index takes it; None is DOWN."""
        quote = self.main.quote
        if quote is None or not self._quoted or self.paused or self.connected_since_ms is None:
            return None
        link_age_ms = now_ms - self.last_frame_ms
        return Quote(self.currency, quote.bid, quote.ask, self.main.age_ms(now_ms), link_age_ms)

    def conversion_quote(self, venue: str, currency: str, now_ms: int) -> ConversionQuote | None:
        """Return the venue's market for a currency as the index takes it, None without one or while it pauses."""
        product = self.conversion.get(currency)
        if product is None or product.quote is None or self.paused:
            return None
        return ConversionQuote(venue, product.quote.bid, product.quote.ask, product.age_ms(now_ms))
