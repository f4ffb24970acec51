"""The archiver process: a sink for each stream, QuestDB's own sink, health and metrics."""

import asyncio
import threading
from collections.abc import Callable

from twilight.archiver.postgres.migrate import migrate
from twilight.archiver.postgres.writer import connect
from twilight.archiver.questdb.sink import QuestDBSink
from twilight.archiver.settings import ArchiverSettings
from twilight.archiver.sink import Sink
from twilight.bus import LogReader, TopicSpec, ensure
from twilight.bus.topics import cleanup_policy
from twilight.ops import logs
from twilight.ops.errors import SettingsError
from twilight.ops.health import Health, serve_ops
from twilight.ops.lifecycle import Stop
from twilight.ops.settings import host_port

HEALTH_EVERY_S = 0.5
MS_PER_S = 1_000

_log = logs.get(__name__)


async def serve(settings: ArchiverSettings, stop: Stop) -> None:
    """Archive until told to stop; everything that was read is stored or will be read again."""
    health = Health()
    ops = await serve_ops(*host_port(settings.ops_addr), health)
    _log.info("started", ops_port=ops.port)
    await asyncio.to_thread(prepare, settings)
    sinks = [_sink(settings, stream, topic, health) for stream, topic in settings.streams.items()]
    bodies: list[Callable[[threading.Event], None]] = [sink.run for sink in sinks]
    if settings.questdb_http_url:
        bodies.append(QuestDBSink(settings, health.check("questdb")).run)
    ended = threading.Event()
    threads = [asyncio.create_task(asyncio.to_thread(body, ended)) for body in bodies]
    watch = asyncio.create_task(_show(health, sinks))
    wait = asyncio.create_task(stop.wait())
    await asyncio.wait([wait, *threads], return_when=asyncio.FIRST_COMPLETED)
    ended.set()
    try:
        await asyncio.gather(*threads)
    finally:
        wait.cancel()
        watch.cancel()
        await ops.close()


def prepare(settings: ArchiverSettings) -> None:
    """Bring the schema up to date and check the topics.

    Raises:
        SettingsError: the event log is compacted, so history is being lost, and nobody said that this is meant.
        Unavailable: Kafka does not answer.
    """
    with connect(settings.database_url) as connection:
        migrate(connection)
    ensure(settings.broker, [TopicSpec(topic) for topic in settings.streams.values()])
    topic = settings.core_event_log
    if not settings.allow_compacted and cleanup_policy(settings.broker, topic) != "delete":
        remedy = "set its cleanup.policy to delete, or ALLOW_COMPACTED=true to archive what is left"
        raise SettingsError([f"{topic} is compacted: {remedy}"])


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
    )


async def _show(health: Health, sinks: list[Sink]) -> None:
    while True:
        health.extra["streams"] = {sink.stream: _state(sink) for sink in sinks}
        health.extra["lag_records"] = sinks[0].lag_records
        health.extra["lag_s"] = round(sinks[0].lag_s, 3)
        await asyncio.sleep(HEALTH_EVERY_S)


def _state(sink: Sink) -> dict[str, object]:
    return {
        "state": "active" if sink.is_active else "waiting",
        "position": sink.position,
        "lag_records": sink.lag_records,
        "lag_s": round(sink.lag_s, 3),
    }
