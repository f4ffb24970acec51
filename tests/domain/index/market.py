"""A market of eight venues in its base state (price feed specification 12, gemini at its true price)."""

from dataclasses import dataclass, field

from twilight.domain.index.model import START, ConversionQuote, IndexState, Inputs, Outcome, Quote
from twilight.domain.index.params import IndexConfig, IndexParams, SourceParams, resolve
from twilight.domain.index.step import step

E6 = 1_000_000
BASE_CENTS = {
    "bitstamp": ("USD", 6_181_800, 6_182_100),
    "okx": ("USDT", 6_183_690, 6_183_700),
    "binance": ("USDT", 6_183_763, 6_183_764),
    "bybit": ("USDT", 6_183_810, 6_183_830),
    "kraken": ("USD", 6_182_190, 6_182_200),
    "coinbase": ("USD", 6_182_230, 6_182_232),
    "bitfinex": ("USD", 6_182_900, 6_183_100),
    "gemini": ("USD", 6_182_200, 6_182_620),
}
USD_VENUES = ("bitfinex", "bitstamp", "coinbase", "gemini", "kraken")
USDT_VENUES = ("binance", "bybit", "okx")
RATES_E8 = {
    "kraken": (99_972_000, 99_974_000),
    "coinbase": (99_970_000, 99_972_000),
    "bitstamp": (99_974_000, 99_976_000),
}


def base_quote(name: str) -> Quote:
    currency, bid, ask = BASE_CENTS[name]
    return Quote(currency, bid * E6, ask * E6, 120, 60)


def base_rate(name: str) -> ConversionQuote:
    return ConversionQuote(name, *RATES_E8[name], 400)


def rates_at(mid: int) -> list[ConversionQuote]:
    return [ConversionQuote(name, mid - 1_000, mid + 1_000, 400) for name in RATES_E8]


def moved(quote: Quote, bps: int) -> Quote:
    return quote._replace(bid=quote.bid * (10_000 + bps) // 10_000, ask=quote.ask * (10_000 + bps) // 10_000)


@dataclass
class Market:
    """Quotes that a test changes, and an index that ticks over them every 250 ms."""

    params: IndexParams = field(default_factory=IndexParams)
    quotes: dict[str, Quote | None] = field(default_factory=lambda: {name: base_quote(name) for name in BASE_CENTS})
    rates: list[ConversionQuote] = field(default_factory=lambda: [base_rate(name) for name in RATES_E8])
    state: IndexState = START
    t_ms: int = 0
    config: IndexConfig = field(init=False)

    def __post_init__(self) -> None:
        self.config = resolve(self.params, [SourceParams(name) for name in BASE_CENTS])

    def tick(self, after_ms: int = 250, *, resume: bool = False) -> Outcome:
        self.t_ms += after_ms
        outcome = step(self.config, self.state, Inputs(self.t_ms, self.quotes, {"USDT": self.rates}, resume))
        self.state = outcome.state
        return outcome

    def run(self, for_ms: int) -> Outcome:
        """Tick for so long and return the last outcome."""
        for _ in range(for_ms // 250 - 1):
            self.tick()
        return self.tick()

    def move(self, bps: int, *names: str) -> None:
        """Put venues so far from their base quotes."""
        for name in names or BASE_CENTS:
            self.quotes[name] = moved(base_quote(name), bps)

    def drop(self, *names: str) -> None:
        for name in names:
            self.quotes[name] = None

    def restore(self) -> None:
        self.quotes = {name: base_quote(name) for name in BASE_CENTS}
        self.rates = [base_rate(name) for name in RATES_E8]


def dollars(outcome: Outcome) -> float:
    assert outcome.price is not None
    return outcome.price / 1e8


def state_of(outcome: Outcome, *names: str) -> set[str]:
    return {str(outcome.sources[name].state) for name in names}
