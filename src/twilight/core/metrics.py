"""What an operator is woken for, as Prometheus metrics."""

from prometheus_client import Counter, Gauge, Histogram

from twilight.core.chain import Conversation
from twilight.core.exchange import Batch
from twilight.core.inputs.feed import Feed
from twilight.domain.books.state import State
from twilight.domain.trading.risk import risk_stats
from twilight.ops.logs import get

log = get(__name__)

COMMANDS = Counter("twilight_core_commands_total", "Records taken from order queues.")
EVENTS = Counter("twilight_core_events_total", "Events written to the log.", ["kind"])
REFUSED = Counter("twilight_core_refused_total", "Requests refused, by code or status.", ["reason"])
REPEATED = Counter(
    "twilight_core_repeated_total", "Commands that had been answered or read before, and changed nothing."
)
NOT_JUDGED = Counter(
    "twilight_core_orders_not_judged_total", "Orders that a tick left aside because the engine failed."
)
BATCH_COMMANDS = Histogram(
    "twilight_core_batch_commands",
    "Commands in one transaction.",
    buckets=(0, 1, 2, 5, 10, 50, 100, 500, 1_000, 2_000, 5_000),
)
COMMIT_S = Histogram(
    "twilight_core_commit_seconds",
    "From the begin of a transaction to its commit.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
OFFSET = Gauge("twilight_core_offset", "Offset of the newest event in the state.")
WAITING = Gauge("twilight_core_waiting_commands", "Commands that wait for their tick.")
QUEUE_LAG_S = Gauge(
    "twilight_core_queue_lag_seconds", "How long the oldest command of the last read stood on its queue.", ["queue"]
)
QUEUE_READ = Gauge("twilight_core_queue_read", "1 while the queue can be read, 0 while its cluster is away.", ["queue"])
LEADS = Gauge("twilight_core_leads", "1 while this core writes the log, 0 while it follows.")
FEED_AGE_MS = Gauge("twilight_core_feed_age_milliseconds", "Age of the newest accepted tick.")
FEED_TRADABLE = Gauge("twilight_core_feed_tradable", "1 while the gates see a HEALTHY or DEGRADED feed.")
TICKS_REFUSED = Gauge("twilight_core_ticks_refused", "Frames of feeders that were ignored, by reason.", ["reason"])
TICKS_LATE = Gauge("twilight_core_ticks_late", "Accepted ticks that waited too long for the loop and were left aside.")
PRICE = Gauge("twilight_core_price_dollars", "Last accepted price, whole dollars.")
EQUITY = Gauge("twilight_core_pool_equity_sats", "The pool's total locked value.")
OPEN_INTEREST = Gauge("twilight_core_open_interest_sats", "Entry value of all filled orders.")
OPEN_INTEREST_CAP = Gauge("twilight_core_open_interest_cap_sats", "What max_oi_mult allows.")
NET_EXPOSURE = Gauge("twilight_core_net_exposure_sats", "Entry value of longs less that of shorts.")
NET_EXPOSURE_CAP = Gauge("twilight_core_net_exposure_cap_sats", "What max_net_mult allows, either way.")
MARKET_HEALTHY = Gauge(
    "twilight_core_market_healthy", "1 while the market is neither halted, nor close-only, nor without equity."
)
FUNDED_TIME = Gauge("twilight_core_funded_time_seconds", "The last hour that was funded, unix time.")
SHORTFALL = Gauge("twilight_core_shortfall_sats", "What winners were owed beyond the pool, in total.")
ORDERS = Gauge("twilight_core_orders", "Live trader orders.")
CHAIN_OPEN = Gauge("twilight_core_chain_unanswered", "Transactions that the chain has not answered.")
CHAIN_ASKED = Gauge("twilight_core_chain_asked", "How often the chain was asked what became of a transaction.")
CHAIN_NOT_READY = Gauge("twilight_core_chain_not_ready", "How often the chain was not ready for a transaction.")
SNAPSHOT_TIME = Gauge("twilight_core_snapshot_time_seconds", "When the last snapshot was written, unix time.")
SNAPSHOT_FAILURES = Counter("twilight_core_snapshot_failures_total", "Snapshots that could not be written.")


def note_batch(batch: Batch, seconds: float, offset: int) -> None:
    """Count a batch that is in the log."""
    COMMANDS.inc(batch.commands)
    BATCH_COMMANDS.observe(batch.commands)
    COMMIT_S.observe(seconds)
    OFFSET.set(offset)
    for kind, count in batch.kinds().items():
        EVENTS.labels(kind).inc(count)
    for reason, count in batch.refusals().items():
        REFUSED.labels(reason).inc(count)
    REPEATED.inc(batch.repeated)
    for report in batch.not_judged():
        NOT_JUDGED.inc()
        log.error("an order could not be judged", order=report.order_id, reason=report.reason, before_offset=offset + 1)


def note_state(state: State) -> None:
    """Show the exchange's figures against their caps."""
    stats, params = risk_stats(state), state.params
    PRICE.set(state.price)
    EQUITY.set(stats.pool_equity_sats)
    OPEN_INTEREST.set(stats.open_interest_sats)
    OPEN_INTEREST_CAP.set(params.max_oi_mult * stats.pool_equity_sats)
    NET_EXPOSURE.set(stats.net_exposure_sats)
    NET_EXPOSURE_CAP.set(params.max_net_mult * stats.pool_equity_sats)
    MARKET_HEALTHY.set(stats.status_reason is None)
    FUNDED_TIME.set((state.funding_hour or 0) * 3_600)
    SHORTFALL.set(state.shortfall_sats)
    ORDERS.set(len(state.positions))


def note_chain(conversation: Conversation) -> None:
    """Show what the chain owes."""
    CHAIN_OPEN.set(len(conversation))
    CHAIN_ASKED.set(conversation.asked)
    CHAIN_NOT_READY.set(conversation.not_ready)


def note_feed(feed: Feed, age_ms: int | None, *, tradable: bool) -> None:
    """Show how the feed stands."""
    FEED_AGE_MS.set(-1 if age_ms is None else age_ms)
    FEED_TRADABLE.set(tradable)
    for reason, count in list(feed.refused.items()):  # the feed's thread may add a reason meanwhile
        TICKS_REFUSED.labels(reason.value).set(count)
