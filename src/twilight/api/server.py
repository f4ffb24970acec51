"""The API process: connects, folds the log, serves, and stops cleanly.

Any number of these processes run side by side: they share nothing but Kafka and PostgreSQL.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib.metadata import version

import psycopg
from psycopg_pool import PoolTimeout

from twilight.api.auth.submissions import Submissions
from twilight.api.call import Services
from twilight.api.database import Database
from twilight.api.errors import CallFailed
from twilight.api.http import Cors, HttpApp, HttpLimits
from twilight.api.jsonrpc import Core
from twilight.api.listeners import bind
from twilight.api.methods import ORDER_METHODS, PUBLIC_METHODS, SOCKET_METHODS
from twilight.api.metrics import LOG_LAG, LOG_POSITION, LOG_UNREADABLE, ORDERS_WAITING, CallMeter
from twilight.api.openrpc import add_discovery
from twilight.api.orders.intake import Intake
from twilight.api.orders.queue import AckQueue
from twilight.api.orders.view import LatestOrders
from twilight.api.questdb import QuestCandles
from twilight.api.registry import Registry
from twilight.api.settings import ApiSettings
from twilight.api.stream.fold import Folded
from twilight.api.stream.hub import Hub
from twilight.api.stream.polled import feeds, run_feeds
from twilight.api.stream.protocol import SocketSettings, protocol_class
from twilight.api.stream.tail import Tail, TailHandlers
from twilight.bus.producer import Producer
from twilight.bus.reader import LogReader
from twilight.bus.topics import TopicSpec, ensure
from twilight.ops import logs
from twilight.ops.errors import Unavailable
from twilight.ops.health import Health, serve_ops
from twilight.ops.lifecycle import Stop
from twilight.ops.settings import host_port

DRAIN_S = 8.0
RETRY_S = 1.0
CHECK_S = 1.0
KAFKA_TIMEOUT_S = 5.0
TIDY_S = 3_600.0

_log = logs.get("twilight.api.server")


@dataclass(slots=True)
class Cores:
    """The JSON-RPC core of each kind of path."""

    public: Core
    orders: Core
    sockets: Core

    @classmethod
    def build(cls) -> "Cores":
        """Return the cores with their methods, documents and counters."""
        meter = CallMeter()

        def core(methods: Registry, title: str) -> Core:
            served = add_discovery(Registry().include(methods), title, version("twilight-relayer"))
            return Core(served, observe=meter.observe)

        return cls(
            core(PUBLIC_METHODS, "Twilight public API"),
            core(ORDER_METHODS, "Twilight order API"),
            core(SOCKET_METHODS, "Twilight websocket API"),
        )

    def paths(self) -> dict[str, Core]:
        """Return what answers on which path of the one port."""
        return {"/api": self.public, "/clientapi": self.orders, "/ws": self.sockets}


class Api:
    """One process's parts, in the order in which they start."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.health = Health()
        self.hub = Hub()
        self.feeds = feeds(self.hub)
        self.database = Database(
            settings.database_url, stream=settings.stream_core, connections_max=settings.database_connections_max
        )
        delivery_ms = int(settings.order_ack_timeout_s * 1_000)
        producer = Producer(settings.broker, delivery_timeout_ms=delivery_ms)
        self.queue = AckQueue(producer)
        ORDERS_WAITING.set_function(lambda: self.queue.waiting)
        self.submissions = Submissions(settings.auth_database_url or settings.database_url)
        self.tail: Tail | None = None
        orders = LatestOrders(self.hub.orders, self.database, self._end_offset, settings.view_catch_up_s)
        intake = Intake(
            self.queue,
            orders,
            self.submissions,
            settings.order_verify,
            settings.rpc_client_request,
            settings.rpc_client_failed_request,
        )
        self.quest: QuestCandles | None = None
        if settings.questdb_http_url:
            self.quest = QuestCandles(settings.questdb_http_url, settings.questdb_table_prefix)
        self.services = Services(settings, self.database, intake, self.hub, self.quest)

    async def _end_offset(self) -> int:
        if self.tail is None:
            raise Unavailable("the event log is not folded yet")
        return await self.tail.end_offset()

    async def prepare_topics(self) -> None:
        """Return when the order topics are there.

        Raises:
            Unavailable: Kafka does not answer; the process then does not start (specification 9).
        """
        names = (self.settings.rpc_client_request, self.settings.rpc_client_failed_request)
        await asyncio.to_thread(ensure, self.settings.broker, [TopicSpec(name) for name in names])
        self.health.check("kafka").ok()

    async def fold_log(self) -> None:
        """Start to fold the log, once PostgreSQL says where the archiver stands and Kafka where the log ends."""
        check = self.health.check("log")
        while self.tail is None:
            try:
                start = await self._start_offset()
            except (CallFailed, Unavailable) as error:
                check.fail(str(error))
                await asyncio.sleep(RETRY_S)
                continue
            self.hub.begin(start)
            self.tail = Tail(self._open_reader, start, TailHandlers(self._apply, check.ok, check.fail))
            _log.info("log_folded_from", offset=start)

    async def _start_offset(self) -> int:
        rows = await self.database.rows("ingest_position", "order info")
        archived = int(rows[0].next_offset) if rows else 0
        first, end = await asyncio.to_thread(self._log_bounds)
        return max(first, min(archived, end - self.settings.resume_records))

    def _log_bounds(self) -> tuple[int, int]:
        topic = self.settings.core_event_log
        ensure(self.settings.broker, [TopicSpec(topic)])
        with LogReader(self.settings.broker, topic, start="earliest") as reader:
            return reader.start_offset(), reader.end_offset()

    def _open_reader(self, position: int) -> LogReader:
        return LogReader(self.settings.broker, self.settings.core_event_log, start=position)

    def _apply(self, folded: Folded) -> None:
        self.hub.apply(folded)
        LOG_POSITION.set(folded.position)
        if folded.unreadable:
            LOG_UNREADABLE.inc(folded.unreadable)

    async def watch_database(self) -> None:
        """Keep the readiness of PostgreSQL current, for ever."""
        check = self.health.check("postgres")
        while True:
            try:
                await self.database.check()
            except (psycopg.Error, PoolTimeout) as error:
                check.fail(type(error).__name__)
            else:
                check.ok()
            await asyncio.sleep(CHECK_S)

    async def watch_kafka(self) -> None:
        """Keep the readiness of Kafka and the lag of the fold current, for ever."""
        check = self.health.check("kafka")
        while True:
            await asyncio.sleep(CHECK_S)
            if self.tail is None:
                continue
            try:
                async with asyncio.timeout(KAFKA_TIMEOUT_S):
                    end = await self.tail.end_offset()
            except (TimeoutError, Unavailable) as error:
                check.fail(str(error) or "no answer in time")
            else:
                check.ok()
                LOG_LAG.set(max(0, end - self.hub.orders.position))

    async def keep_submissions(self) -> None:
        """Prepare the book of submissions as soon as PostgreSQL allows, then tidy it for ever."""
        check = self.health.check("auth")
        prepared = False
        while True:
            try:
                await (self.submissions.forget() if prepared else self.submissions.prepare())
            except Unavailable as error:
                if check.detail != str(error):
                    _log.warning("submissions_not_ready", error=str(error))
                check.fail(str(error))
                await asyncio.sleep(RETRY_S)
            else:
                prepared = True
                check.ok()
                await asyncio.sleep(TIDY_S)

    def background(self) -> list[Coroutine[None, None, None]]:
        """Return the work that goes on beside the server."""
        return [
            self.fold_log(),
            self.watch_database(),
            self.watch_kafka(),
            self.keep_submissions(),
            self.hub.beat(),
            run_feeds(self.feeds, self.database),
        ]

    async def open(self) -> None:
        """Begin to connect to PostgreSQL."""
        await self.database.open()
        await self.submissions.open()

    async def close(self) -> None:
        """Stop folding and give every connection back."""
        await self.queue.drain()
        if self.tail is not None:
            await self.tail.stop()
        await self.submissions.close()
        await self.database.close()
        if self.quest is not None:
            await self.quest.close()


async def serve(settings: ApiSettings, stop: Stop, *, started: Callable[[list[int]], None] | None = None) -> None:
    """Serve until asked to stop; ``started`` hears the ports, the main one first."""
    cores = Cores.build()
    old_ports = (
        (settings.public_rpc, cores.public),
        (settings.ws_listen_addr, cores.sockets),
        (settings.order_rpc, cores.orders),
    )
    further = [(address, core) for address, core in old_ports if address]
    listeners = bind([settings.api_addr, *(address for address, _ in further)])
    api = Api(settings)
    await api.prepare_topics()
    await api.open()
    app = HttpApp(
        api.services,
        cores.paths(),
        api.health,
        dict(zip(listeners.ports[1:], (core for _, core in further), strict=True)),
        Cors(settings.origins),
        HttpLimits(connections_max=settings.connections_max),
        listeners.connections,
    )
    sockets = protocol_class(SocketSettings(api.services, app.core_for))
    ops = await serve_ops(*host_port(settings.ops_addr), api.health)
    background = [_start(work, stop) for work in api.background()]
    try:
        await listeners.serve(app, sockets, DRAIN_S)
        _log.info("serving", ports=listeners.ports, ops_port=ops.port)
        if started is not None:
            started(listeners.ports)
        await stop.wait()
        _raise_failure(background)
    finally:
        await listeners.close()
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await api.close()
        await ops.close()


def _raise_failure(tasks: list[asyncio.Task[None]]) -> None:
    """Raise what ended a task that should have gone on."""
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error


def _start(work: Coroutine[None, None, None], stop: Stop) -> asyncio.Task[None]:
    """Run work beside the server; when it fails, the process ends and its supervisor starts it again."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            stop.set()

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    return task
