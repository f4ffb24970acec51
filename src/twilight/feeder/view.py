"""What the feeder shows of itself: per-source detail, health, metrics. Reads, never changes.

Price feed specification 9.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from twilight.domain.index import tick as ticks
from twilight.domain.index.model import SourceState
from twilight.domain.index.tick import TRADABLE, FeedStatus
from twilight.domain.index.units import E8
from twilight.feeder.clock import Clock
from twilight.feeder.connection import VenueKeeper
from twilight.feeder.publish import Hub, Page, Pages
from twilight.feeder.quotes import VenueBook
from twilight.feeder.recorder import Recorder
from twilight.feeder.runner import TickMaker


class View:
    """Everything that can be asked about a running feeder."""

    def __init__(
        self,
        maker: TickMaker,
        keepers: Mapping[str, VenueKeeper],
        hub: Hub,
        recorders: tuple[Recorder, ...],
        clock: Clock,
    ) -> None:
        self._maker = maker
        self._keepers = keepers
        self._hub = hub
        self.recorders = recorders
        self._clock = clock

    def pages(self, registry: CollectorRegistry) -> Pages:
        """Return the HTTP pages."""
        return {
            "/v1/price": self.price,
            "/v1/sources": self.sources,
            "/healthz": self.health,
            "/metrics": lambda: Page(generate_latest(registry), CONTENT_TYPE_LATEST),
        }

    def price(self) -> Page:
        """Return the newest tick."""
        if self._maker.newest is None:
            return Page(b'{"error":"no tick yet"}', status=HTTPStatus.SERVICE_UNAVAILABLE)
        return Page(ticks.encode(self._maker.newest.tick))

    def health(self) -> Page:
        """Return 200 when the price may be traded on, else 503."""
        newest = self._maker.newest
        status = FeedStatus.STARTING if newest is None else newest.tick.status
        code = HTTPStatus.OK if status in TRADABLE else HTTPStatus.SERVICE_UNAVAILABLE
        return Page(msgspec.json.encode({"status": str(status)}), status=code)

    def sources(self) -> Page:
        """Return every source in detail, and the tick that they made."""
        newest = self._maker.newest
        body = {
            "tick": None if newest is None else ticks.to_wire(newest.tick),
            "median": None if newest is None else decimal_text(newest.outcome.median),
            "band": None if newest is None else decimal_text(newest.outcome.band),
            "rates": {} if newest is None else {k: decimal_text(v) for k, v in newest.outcome.rates.items()},
            "clients": self._hub.clients,
            "records_lost": sum(recorder.lost for recorder in self.recorders),
            "sources": [self.detail(name) for name in sorted(self._keepers)],
        }
        return Page(msgspec.json.encode(body))

    def detail(self, name: str) -> dict[str, object]:
        """Return the detail object of one source."""
        keeper, newest, now_ms = self._keepers[name], self._maker.newest, self._clock.now_ms()
        book, counters = keeper.book, keeper.counters
        view = None if newest is None else newest.outcome.sources.get(name)
        quote = book.main.quote
        since = book.connected_since_ms
        return {
            "name": name,
            "quote": book.currency,
            "state": str(SourceState.DOWN if view is None else view.state),
            "bid": None if quote is None else decimal_text(quote.bid),
            "ask": None if quote is None else decimal_text(quote.ask),
            "price": decimal_text(view.price) if view is not None and view.price else None,
            "deviation_bps": self._deviation_bps(name),
            "quote_age_ms": None if quote is None else book.main.age_ms(now_ms),
            "link_age_ms": None if since is None else now_ms - book.last_frame_ms,
            "lag_ms": book.main.lag_ms,
            "conversion_age_ms": _conversion_age_ms(book, now_ms),
            "weight": 0 if view is None else view.weight,
            "reconnects": counters.reconnects,
            "frames": counters.frames,
            "bad_frames": keeper.bad_frames,
            "dropped_quotes": book.main.dropped,
            "last_error": counters.last_error,
            "connected_since": None if since is None else self._clock.wall_at(since),
        }

    def _deviation_bps(self, name: str) -> float | None:
        newest = self._maker.newest
        view = None if newest is None else newest.outcome.sources.get(name)
        if newest is None or view is None or not view.price or not newest.outcome.median:
            return None
        return round((view.price - newest.outcome.median) * 10_000 / newest.outcome.median, 2)


class FeederCollector(Collector):
    """Metrics, read from the running feeder when somebody asks."""

    def __init__(self, view: View, maker: TickMaker, keepers: Mapping[str, VenueKeeper]) -> None:
        self._view = view
        self._maker = maker
        self._keepers = keepers

    def collect(self) -> Iterator[Metric]:
        """Yield the feeder's own metrics, then those of each venue."""
        newest = self._maker.newest
        if newest is not None:
            tick = newest.tick
            yield _gauge("price_usd", "Last accepted index price", tick.price_e8 / E8)
            yield _gauge("sources_inside", "Sources that count", tick.n)
            yield _gauge("sources_inside_usd", "USD sources that count", tick.n_usd)
            yield _gauge("dispersion_bps", "Spread of opinion", tick.dispersion_cbps / 100)
            yield _gauge("tick_seq", "Number of the newest tick", tick.seq)
            status = GaugeMetricFamily("twilight_feeder_status", "1 for the status that holds", labels=["status"])
            for name in FeedStatus:
                status.add_metric([name], float(name is tick.status))
            yield status
        recorders = self._view.recorders
        yield _count("records", "Ticks handed to the record", sum(recorder.recorded for recorder in recorders))
        yield _count("records_lost", "Ticks missing from the record", sum(recorder.lost for recorder in recorders))
        yield from self._venues()

    def _venues(self) -> Iterator[Metric]:
        details = {name: self._view.detail(name) for name in sorted(self._keepers)}
        for key, kind, what in _VENUE_METRICS:
            family = kind(f"twilight_feeder_venue_{key}", what, labels=["venue"])
            for name, detail in details.items():
                value = detail[key]
                if isinstance(value, int | float):
                    family.add_metric([name], float(value))
            yield family
        states = GaugeMetricFamily(
            "twilight_feeder_venue_state", "1 for the state that holds", labels=["venue", "state"]
        )
        for name, detail in details.items():
            for state in SourceState:
                states.add_metric([name, state], float(detail["state"] == state))
        yield states


_VENUE_METRICS: Final = (
    ("frames", CounterMetricFamily, "Frames received"),
    ("bad_frames", CounterMetricFamily, "Frames that could not be read"),
    ("dropped_quotes", CounterMetricFamily, "Quotes out of order"),
    ("reconnects", CounterMetricFamily, "Connections after the first"),
    ("quote_age_ms", GaugeMetricFamily, "Age of the quote with its lag; absent without one"),
    ("link_age_ms", GaugeMetricFamily, "Time since the last frame; absent without a link"),
    ("lag_ms", GaugeMetricFamily, "How far the feed is behind itself"),
    ("conversion_age_ms", GaugeMetricFamily, "Age of its oldest rate of a quote currency; absent without one"),
    ("deviation_bps", GaugeMetricFamily, "Distance from the median; absent without a price"),
    ("weight", GaugeMetricFamily, "Effective weight in the newest tick"),
)


def _conversion_age_ms(book: VenueBook, now_ms: int) -> int | None:
    offers = [book.conversion_quote("", currency, now_ms) for currency in book.conversion]
    return max([offer.age_ms for offer in offers if offer is not None], default=None)


def decimal_text(value_e8: int | None) -> str | None:
    """Return units of 1e-8 as decimal text without trailing zeros."""
    if value_e8 is None:
        return None
    text = f"{value_e8 // E8}.{value_e8 % E8:08d}".rstrip("0")
    return text.removesuffix(".")


def _count(name: str, what: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(f"twilight_feeder_{name}", what, value=value)


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"twilight_feeder_{name}", what, value=value)
