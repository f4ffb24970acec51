"""The feeder process: connect the venues, run the timer, publish signed ticks, stop cleanly."""

import asyncio
import gc
import random
import signal
from collections.abc import Collection

import uvloop
from prometheus_client import REGISTRY, CollectorRegistry

from twilight.domain.index import tick as tick_text
from twilight.feeder.clock import Clock, SystemClock
from twilight.feeder.connection import VenueKeeper, tls
from twilight.feeder.epoch import StateFolder
from twilight.feeder.keys import load_or_make
from twilight.feeder.publish import Hub, PublicServer, serve
from twilight.feeder.quotes import VenueBook
from twilight.feeder.recorder import FileSink, Recorder, Sink, TopicSink
from twilight.feeder.records import config_record
from twilight.feeder.runner import TickMaker
from twilight.feeder.settings import ConfiguredVenue, FeederConfig
from twilight.feeder.timer import ticks
from twilight.feeder.view import FeederCollector, View
from twilight.ops import lifecycle
from twilight.ops.health import Check, Health, serve_ops
from twilight.ops.lifecycle import Stop
from twilight.ops.logs import get
from twilight.ops.settings import host_port

START_SPREAD_S = 2.0
RECORD_WITHIN_S = 5.0
_log = get(__name__)


class Feeder:
    """A feeder whose parts are wired, before it runs."""

    def __init__(self, config: FeederConfig, clock: Clock, state: StateFolder) -> None:
        self.config = config
        self.clock = clock
        wall_ms = clock.wall_at(clock.now_ms())
        self.keepers = {item.venue.name: _keeper(item, clock) for item in config.venues}
        key = load_or_make(config.settings.key_file, wall_ms)
        books = {name: keeper.book for name, keeper in self.keepers.items()}
        self.maker = TickMaker(config.index, books, key, state.next_epoch(wall_ms))
        self.hub = Hub(config.settings.feeder_clients_max)
        self.recorders = tuple(Recorder(config.index, sink) for sink in _sinks(config))
        self.view = View(self.maker, self.keepers, self.hub, self.recorders, clock)
        self.metrics = FeederCollector(self.view, self.maker, self.keepers)
        self.health = Health()

    async def serve_public(self) -> PublicServer:
        """Open the port of ticks and pages."""
        host, port = host_port(self.config.settings.feeder_addr)
        registry = CollectorRegistry()
        registry.register(self.metrics)
        return await serve(host, port, self.hub, self.view.pages(registry))

    async def run(self, stop: Stop) -> None:
        """Keep the venues connected and tick until asked to stop."""
        chance = random.SystemRandom()
        tls()
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(keeper.run(chance.uniform(0, START_SPREAD_S)), name=f"venue {name}")
                for name, keeper in self.keepers.items()
            ]
            running.append(tasks.create_task(self._tick(), name="timer"))
            await stop.wait()
            for task in running:
                task.cancel()

    def close(self) -> None:
        """Write what is left to record."""
        for recorder in self.recorders:
            recorder.close(RECORD_WITHIN_S)

    async def _tick(self) -> None:
        priced = self.health.check("price")
        async for t_ms in ticks(self.clock, self.config.index.params.tick_ms):
            now_ms = self.clock.now_ms()
            for keeper in self.keepers.values():
                keeper.turn(now_ms)
            published = self.maker.make(t_ms, now_ms, self.clock.wall_at(now_ms))
            self.hub.publish(tick_text.encode(published.tick))
            for recorder in self.recorders:
                recorder.offer(published)
            note(priced, published.tick, self.keepers.values())


async def run(config: FeederConfig, stop: Stop) -> None:
    """Run a feeder until asked to stop."""
    with StateFolder(config.settings.feeder_state_dir) as state:
        feeder = Feeder(config, SystemClock(), state)
        ops = await serve_ops(*host_port(config.settings.ops_addr), feeder.health)
        public = await feeder.serve_public()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, feeder.maker.resume)
        REGISTRY.register(feeder.metrics)
        feeder.health.extra = {"kid": feeder.maker.key.kid, "port": public.port}
        _log.info("feeder ready", port=public.port, ops_port=ops.port, kid=feeder.maker.key.kid)
        gc.freeze()
        try:
            await feeder.run(stop)
        finally:
            REGISTRY.unregister(feeder.metrics)
            await public.close()
            await asyncio.to_thread(feeder.close)
            await ops.close()


def main(config: FeederConfig) -> int:
    """Run a feeder as a process; returns its exit status."""
    uvloop.install()
    return lifecycle.run(lambda stop: run(config, stop))


def _keeper(item: ConfiguredVenue, clock: Clock) -> VenueKeeper:
    venue = item.venue
    book = VenueBook(venue.quote, venue.symbol, venue.conversion)
    return VenueKeeper(venue, book, clock, item.link_stale_ms, random.SystemRandom())


def _sinks(config: FeederConfig) -> list[Sink]:
    settings = config.settings
    sinks: list[Sink] = []
    if settings.broker:
        sinks.append(TopicSink(settings.broker, settings.price_feed_topic))
    if settings.feeder_record_dir is not None:
        header = config_record(config.index)
        bytes_max = settings.feeder_record_file_mb << 20
        sinks.append(FileSink(settings.feeder_record_dir, header, bytes_max, settings.feeder_record_files))
    return sinks


def note(check: Check, tick: tick_text.PriceTick, keepers: Collection[VenueKeeper]) -> None:
    """Tell readiness: the feeder is ready while its price may be traded on; else how many venues there are, and why."""
    if tick.status in tick_text.TRADABLE:
        check.ok()
        return
    connected = sum(keeper.active is not None for keeper in keepers)
    error = next((keeper.counters.last_error for keeper in keepers if keeper.counters.last_error), "")
    why = f", {error}" if error and not connected else ""
    check.fail(f"status {tick.status}, {connected} of {len(keepers)} venues answer{why}")
