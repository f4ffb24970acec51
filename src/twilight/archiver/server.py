"""The archiver process: a sink for each stream, QuestDB's own sink, health and metrics."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg

from twilight.archiver.postgres.connection import connect
from twilight.archiver.postgres.migrate import migrate
from twilight.archiver.questdb.client import QuestDBClient
from twilight.archiver.questdb.confirming import FAILURES, Report, confirm
from twilight.archiver.questdb.schema import Tables, newest_seq
from twilight.archiver.questdb.sink import QuestDBSink
from twilight.archiver.record import CORE
from twilight.archiver.settings import ArchiverSettings
from twilight.archiver.sink import Sink
from twilight.archiver.upkeep.stats import measure
from twilight.archiver.upkeep.stored import next_offset
from twilight.bus import LogReader, TopicSpec, ensure
from twilight.bus.topics import topic_ids, topic_settings
from twilight.ops import logs
from twilight.ops.errors import SettingsError, Unavailable
from twilight.ops.health import Health, serve_ops
from twilight.ops.lifecycle import Stop
from twilight.ops.settings import host_port

HEALTH_EVERY_S = 0.5
MEASURE_EVERY_S = 60.0
MS_PER_S = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CONFIRMED_SPAN = timedelta(days=2)

_log = logs.get(__name__)


async def serve(settings: ArchiverSettings, stop: Stop) -> None:
    """Archive until told to stop; everything that was read is stored or will be read again."""
    health = Health()
    ops = await serve_ops(*host_port(settings.ops_addr), health)
    _log.info("started", ops_port=ops.port)
    ended = threading.Event()
    try:
        if await _prepared(settings, health, stop):
            await _run(settings, health, stop, ended)
    finally:
        ended.set()
        await ops.close()


async def _prepared(settings: ArchiverSettings, health: Health, stop: Stop) -> bool:
    """Prepare, waiting for servers that are away; return False when told to stop meanwhile."""
    check = health.check("servers")
    while not stop.is_set():
        try:
            await asyncio.to_thread(prepare, settings)
        except Unavailable as error:
            check.fail(str(error))
            _log.warning("waiting for the servers", reason=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), error.retry_after_s)
        else:
            check.ok()
            return True
    return False


async def _run(settings: ArchiverSettings, health: Health, stop: Stop, ended: threading.Event) -> None:
    """Run every sink in a thread of its own until told to stop, or until one fails for good."""
    sinks = [_sink(settings, stream, topic, health) for stream, topic in settings.streams.items()]
    bodies: list[Callable[[threading.Event], None]] = [sink.run for sink in sinks]
    bodies.append(_measure_for_ever(settings))
    if settings.questdb_http_url:
        bodies.append(QuestDBSink(settings, health.check("questdb")).run)
        if settings.confirm_every_s:
            bodies.append(_confirm_for_ever(settings))
    with ThreadPoolExecutor(len(bodies), thread_name_prefix="sink") as pool:
        loop = asyncio.get_running_loop()
        threads = [loop.run_in_executor(pool, body, ended) for body in bodies]
        watch, wait = asyncio.create_task(_show(health, sinks)), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([wait, *threads], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.set()
            watch.cancel()
            wait.cancel()
        await asyncio.gather(*threads)


def prepare(settings: ArchiverSettings) -> None:
    """Bring the schema up to date and check the topics.

    Raises:
        SettingsError: the event log is compacted, so history is being lost, and nobody said that this is meant.
        Unavailable: Kafka or PostgreSQL does not answer.
    """
    migrate_database(settings)
    ensure(settings.broker, [TopicSpec(topic) for topic in settings.streams.values()])
    topic = settings.core_event_log
    if not settings.allow_compacted and topic_settings(settings.broker, topic).cleanup_policy != "delete":
        remedy = "set its cleanup.policy to delete, or ALLOW_COMPACTED=true to archive what is left"
        raise SettingsError([f"{topic} is compacted: {remedy}"])


def migrate_database(settings: ArchiverSettings) -> None:
    """Bring the schema up to date.

    Raises:
        Unavailable: PostgreSQL does not answer.
    """
    with connect(settings.database_url) as connection:
        migrate(connection)


def end_offset_of(settings: ArchiverSettings) -> Callable[[str], int]:
    """Return what asks for the end of a stream's log."""

    def end_offset(stream: str) -> int:
        with LogReader(settings.broker, settings.streams[stream], start=0, group="archiver-stats") as log:
            return log.end_offset()

    return end_offset


def confirm_once(settings: ArchiverSettings, since: datetime = EPOCH) -> Report:
    """Compare QuestDB with PostgreSQL below the sequence that both have passed, and mend QuestDB.

    Raises:
        Unavailable: a database does not answer.
    """
    client, tables = QuestDBClient(settings.questdb_http_url), Tables(settings.questdb_table_prefix)
    with contextlib.closing(client), connect(settings.database_url, "confirmer") as connection:
        until = min(next_offset(connection, CORE), newest_seq(client, tables) + 1)
        return confirm(connection, client, tables, since, until)


def _confirm_for_ever(settings: ArchiverSettings) -> Callable[[threading.Event], None]:
    """Return the body of a thread that confirms the last two days, again and again."""

    def body(ended: threading.Event) -> None:
        while not ended.wait(settings.confirm_every_s):
            try:
                confirm_once(settings, datetime.now(UTC) - CONFIRMED_SPAN)
            except Exception as error:  # noqa: BLE001 - nothing here may end the process: the sinks go on
                FAILURES.inc()
                _log.warning("could not confirm", reason=f"{type(error).__name__}: {error}")

    return body


def _measure_for_ever(settings: ArchiverSettings) -> Callable[[threading.Event], None]:
    """Return the body of a thread that keeps the metrics of the tables up to date."""

    def body(ended: threading.Event) -> None:
        while not ended.is_set():
            try:
                measure(settings.database_url)
            except (Unavailable, psycopg.Error) as error:
                _log.warning("could not measure the tables", reason=str(error))
            ended.wait(MEASURE_EVERY_S)

    return body


def _sink(settings: ArchiverSettings, stream: str, topic: str, health: Health) -> Sink:
    def open_log(position: int | None) -> LogReader:
        return LogReader(
            settings.broker,
            topic,
            start="earliest" if position is None else position,
            group=settings.archiver_kafka_group,
        )

    return Sink(
        stream,
        settings.database_url,
        open_log,
        health.check(stream),
        batch_records_max=settings.batch_records_max,
        poll_timeout_s=settings.poll_timeout_ms / MS_PER_S,
        topic_id=lambda: topic_ids(settings.broker, [topic])[topic],
    )


async def _show(health: Health, sinks: list[Sink]) -> None:
    while True:
        health.extra["streams"] = {sink.stream: _state(sink) for sink in sinks}
        health.extra["lag_records"] = sinks[0].lag.records
        health.extra["lag_s"] = round(sinks[0].lag.seconds, 3)
        await asyncio.sleep(HEALTH_EVERY_S)


def _state(sink: Sink) -> dict[str, object]:
    return {
        "state": sink.state,
        "position": sink.position,
        "lag_records": sink.lag.records,
        "lag_s": round(sink.lag.seconds, 3),
    }
