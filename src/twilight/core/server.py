"""The core process: follow the log, lead when it is this core's turn, serve, stop cleanly.

The event loop of the process keeps the feeds, the operations port and the administrator's port; the exchange
runs in one thread of its own and is touched by no other.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from twilight.bus import MESSAGE_BYTES_MAX, RUST_BATCH_BYTES_MAX, Fenced
from twilight.core import metrics
from twilight.core.admin.server import AdminServer, refuse_all, token_in
from twilight.core.chain import Conversation, fold_intent
from twilight.core.clock import Clock
from twilight.core.collector import rest_collector
from twilight.core.cycle import Cycle
from twilight.core.durability.keeper import Keeper
from twilight.core.durability.recovery import Follower, Start, end_of, from_snapshot
from twilight.core.durability.snapshot import SnapshotFiles
from twilight.core.exchange import EVENT_BYTES_MAX, RUST_EVENT_BYTES_MAX, Exchange, Topics
from twilight.core.founding import genesis
from twilight.core.ids import FolderLock, instance_name
from twilight.core.inputs.feed import Feed
from twilight.core.inputs.feed_client import FeedClient
from twilight.core.inputs.order_queues import OrderQueues
from twilight.core.inputs.payloads import payloads
from twilight.core.loop import Inbox, Loop
from twilight.core.ports import Membership, World, real_world
from twilight.core.settings import CoreSettings
from twilight.core.topics import refuse_compacted, refuse_narrow
from twilight.domain.engine import Engine, new_engine
from twilight.domain.model.chain import Attached, Disabled
from twilight.ops.errors import Unavailable
from twilight.ops.health import Health, serve_app, serve_ops
from twilight.ops.lifecycle import Stop
from twilight.ops.logs import get
from twilight.ops.settings import host_port

FOLLOW_WAIT_S = 0.1

T = TypeVar("T")

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the thread of the exchange shares with the event loop of the process, and the world it lives in."""

    settings: CoreSettings
    clock: Clock
    feed: Feed
    inbox: Inbox
    health: Health
    stop: Stop
    files: SnapshotFiles
    instance: str
    world: World


async def serve(settings: CoreSettings, stop: Stop) -> None:
    """Run one core until it is asked to stop, is fenced, or loses Kafka."""
    health, clock = Health(), Clock()
    feed = Feed(settings.feed_keys, skew_ms_max=settings.price_feed_skew_ms, started_ms=clock.mono_ms())
    feed_client = FeedClient(settings.feeds, feed, clock)
    token = settings.relayer_server_token
    admin_server = AdminServer(token.get_secret_value() if token else token_in(settings.state_folder))
    async with contextlib.AsyncExitStack() as stack:
        lock = FolderLock(settings.state_folder)
        stack.callback(lock.release)
        around = Surroundings(
            settings,
            clock,
            feed,
            Inbox(feed_client.ticks, admin_server.requests),
            health,
            stop,
            SnapshotFiles(settings.snapshot_path),
            instance_name(settings.state_folder),
            real_world(rust_readers=settings.rust_readers),
        )
        ops = await serve_ops(*host_port(settings.ops_addr), health)
        stack.push_async_callback(ops.close)
        port = await serve_app(admin_server, *host_port(settings.relayer_server_socketaddr))
        stack.push_async_callback(port.close)
        log.info("listening", ops_port=ops.port, admin_port=port.port)
        feeding = asyncio.create_task(feed_client.run())
        feeding.add_done_callback(lambda _: stop.set())
        try:
            await asyncio.to_thread(Core(around).run)
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
        raise_what_ended(feeding)


def raise_what_ended(task: asyncio.Task[None]) -> None:
    """Raise what a task that is over has died of; one that was cancelled has not."""
    if not task.cancelled():
        task.result()


@dataclass(frozen=True, slots=True)
class Past:
    """What was decided before: the event log and the topic of intents, as far as they are folded."""

    log_id: str
    log: Follower
    intents: Follower

    def to_end(self) -> None:
        """Fold all that is stable, the log first: an intent whose answer is in it opens nothing."""
        self.log.to_end()
        self.intents.to_end()

    def close(self) -> None:
        """Stop reading."""
        self.log.reader.close()
        self.intents.reader.close()


class Core:
    """The thread of the exchange."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._settings = around.settings
        self._log_check = around.health.check("log")
        self._kafka = around.world.kafka
        self._engine = _engine(around)

    def run(self) -> None:
        """Follow, lead, serve; returns when asked to stop."""
        rest_collector()
        past = self._until_available(self._recover)
        settings = self._settings
        leadership = self._kafka.membership(settings.broker, self._around.instance, settings.core_leader_topic)
        try:
            if self._follow(past, leadership):
                self._lead(past, leadership)
        finally:
            leadership.close()
            past.close()

    def _recover(self) -> Past:
        """Make the topics, load the snapshot, fold what stands after it: the log, then the intents (C3)."""
        settings, kafka = self._settings, self._kafka
        log_topic, intent_topic = settings.core_event_log, settings.core_intent_topic
        written = (log_topic, intent_topic, settings.rpc_client_failed_request)
        ids = kafka.ensure(settings.broker, (*written, settings.core_leader_topic))
        largest = RUST_BATCH_BYTES_MAX if settings.rust_readers else MESSAGE_BYTES_MAX
        for topic in written:
            found = kafka.topic_settings(settings.broker, topic)
            refuse_narrow(topic, found, largest)
            if topic in (log_topic, intent_topic):
                refuse_compacted(topic, found)
        log_id = f"{ids[log_topic]} {ids[intent_topic]}"
        ends = Start(*(end_of(kafka, settings.broker, topic) for topic in (log_topic, intent_topic)))
        start = from_snapshot(self._around.files, log_id, self._engine, ends)
        past = Past(
            log_id,
            Follower(self._engine, kafka.reader(settings.broker, log_topic, start.log), start.log),
            Follower(
                self._engine, kafka.reader(settings.broker, intent_topic, start.intents), start.intents, fold_intent
            ),
        )
        begun = time.perf_counter()
        past.to_end()
        log.info("recovered", events=past.log.folded, seconds=round(time.perf_counter() - begun, 3))
        return past

    def _follow(self, past: Past, leadership: Membership) -> bool:
        """Keep the state behind the leader's until this core leads; return False when asked to stop before.

        The administrator's calls are refused at once: one that waited would be done at a take-over, whenever that is.
        """
        extra = self._around.health.extra
        while not self._around.stop.is_set():
            if leadership.poll(0.0):
                return True
            if leadership.lost:
                raise Unavailable("another process takes part under this core's name: is DATA_DIR a copy?")
            refuse_all(self._around.inbox.requests, "this core does not lead: ask the one that does")
            past.log.follow(FOLLOW_WAIT_S)
            past.intents.follow(0.0)
            if past.log.reader.is_away:
                self._log_check.fail("no broker answers")
            else:
                self._log_check.ok("standby")
            metrics.OFFSET.set(past.log.offset)
            extra.update(role="standby", offset=past.log.offset)
        return False

    def _lead(self, past: Past, leadership: Membership) -> None:
        """Fence the one before, read to the end, and serve (decisions C3)."""
        settings, around = self._settings, self._around
        writer = self._kafka.writer(settings.broker, settings.core_transactional_id, settings.kafka_timeout_s)
        self._until_available(writer.init, leadership)
        self._until_available(past.to_end, leadership)
        _check_leads(leadership)  # it may have taken long: whoever was chosen meanwhile is left alone from here on
        rest_collector()
        around.feed.remember(self._engine.state.ticks)
        around.inbox.ticks.clear()
        topics = Topics(settings.core_event_log, settings.rpc_client_failed_request, settings.core_intent_topic)
        largest = RUST_EVENT_BYTES_MAX if settings.rust_readers else EVENT_BYTES_MAX
        exchange = Exchange(self._engine, topics, largest)
        cycle = Cycle(settings.intake_ticks if settings.intake == "tick" else 0, settings.price_feed_skew_ms)
        queues = OrderQueues(settings.queues, settings.broker, around.health, around.world, around.clock)
        chain = around.world.attach(settings.chain_url, payloads(settings.payload), around.clock)
        conversation = Conversation(chain, around.clock, settings.chain_answer_wait_s)
        conversation.resume(self._engine.state.intents.values())
        loop = Loop(
            exchange,
            cycle,
            queues,
            around.inbox,
            around.world.publisher(writer, topics.events, past.log.offset),
            conversation,
            around.clock,
            settings.batch_commands_max,
        )
        keeper = Keeper(
            around.health,
            around.files,
            past.log_id,
            settings.snapshot_interval_s,
            around.clock,
            around.world.aside,
            # what was read, and what this leader wrote: the end of the topic may be another's already
            lambda: max(past.intents.position, loop.written(settings.core_intent_topic) + 1),
        )
        if self._engine.state.pool.log_sequence == 0:
            exchange.take(
                genesis(settings, around.world.new_uuid),
                cycle.conditions(around.clock.wall_ns(), around.clock.mono_ms()),
            )
            loop.publish()
        queues.open(self._engine.state, settings.queue_starts)
        self._log_check.ok("leads")
        metrics.LEADS.set(1)
        try:
            self._serve(loop, keeper, leadership, cycle, conversation)
        finally:
            metrics.LEADS.set(0)
            queues.close()
            conversation.close()

    def _serve(
        self, loop: Loop, keeper: Keeper, leadership: Membership, cycle: Cycle, conversation: Conversation
    ) -> None:
        feed = self._around.feed
        while not self._around.stop.is_set() and not loop.exit_asked:
            _check_leads(leadership)
            if not loop.turn():
                loop.idle()
            if keeper.due():
                keeper.look(self._engine.state, cycle, feed, conversation, loop.offset)
                if keeper.wants_a_copy(loop.offset):
                    loop.settle()
                    keeper.take_a_copy(self._engine.state, loop.offset)
        loop.settle()
        keeper.save(self._engine.state, loop.offset)

    def _until_available(self, action: Callable[[], T], leadership: Membership | None = None) -> T:
        """Return what the action gives, trying again while Kafka is away; a stop, or a lost lead, ends the trying.

        A member that is not polled for minutes is put out of the group, and would fence whoever leads by then.
        """
        while True:
            try:
                return action()
            except Unavailable as away:
                self._log_check.fail(str(away))
                log.warning("kafka is away", reason=str(away))
                if self._around.stop.wait_blocking(away.retry_after_s):
                    raise
                if leadership is not None:
                    _check_leads(leadership)


def _check_leads(leadership: Membership) -> None:
    """Serve the membership; raises `Fenced` when this core does not lead any more."""
    if not leadership.poll(0.0):
        raise Fenced("this core does not lead any more")


def _engine(around: Surroundings) -> Engine:
    settings = around.settings
    chain = Attached if settings.chain_url else Disabled
    return new_engine(around.world.new_uuid, settings.rules, chain(payloads(settings.payload)))
