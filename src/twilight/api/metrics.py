"""What is counted: calls by method and outcome, their time, what waits for Kafka, streams."""

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

CALLS = Counter("twilight_api_calls_total", "JSON-RPC calls by method and error code (0: answered)", ("method", "code"))
CALL_SECONDS = Histogram("twilight_api_call_seconds", "Time of a call", ("method",), buckets=_BUCKETS)
ORDERS_WAITING = Gauge("twilight_api_orders_waiting", "Records that Kafka has not acknowledged yet")
SUBSCRIBERS = Gauge("twilight_api_subscribers", "Websocket subscriptions", ("channel",))
DROPPED = Counter("twilight_api_dropped_messages_total", "Messages that slow subscribers lost", ("channel",))
LOG_POSITION = Gauge("twilight_api_log_position", "Offset up to which this process has folded the event log")
LOG_LAG = Gauge("twilight_api_log_lag_records", "Offsets between this process's fold and the end of the event log")
LOG_UNREADABLE = Counter("twilight_api_unreadable_records_total", "Records of the event log that do not decode")


class CallMeter:
    """Counts calls; the labelled series are looked up once each."""

    def __init__(self) -> None:
        self._counters: dict[tuple[str, int], Counter] = {}
        self._timers: dict[str, Histogram] = {}

    def observe(self, method: str, seconds: float, code: int) -> None:
        """Count one call; ``method`` is empty for what was none."""
        counter = self._counters.get((method, code))
        if counter is None:
            counter = self._counters[method, code] = CALLS.labels(method, str(code))
        counter.inc()
        timer = self._timers.get(method)
        if timer is None:
            timer = self._timers[method] = CALL_SECONDS.labels(method)
        timer.observe(seconds)


def dropped_messages(channel: str) -> Callable[[float], None]:
    """Return the counter of a channel's dropped messages."""
    return DROPPED.labels(channel).inc
