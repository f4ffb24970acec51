"""Candles counted anew from the stored ticks and trades (storage specification 6.1)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from twilight.archiver.postgres.connection import Connection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Counts one interval from what is stored; an interval without a tick keeps the price it carries.
_RECOUNT = """
WITH ticks AS (
    SELECT (array_agg(price ORDER BY ts_ns, src_offset))[1] AS open, max(price) AS high, min(price) AS low,
           (array_agg(price ORDER BY ts_ns DESC, src_offset DESC))[1] AS close, min(ts_ns) AS open_ts_ns,
           max(ts_ns) AS close_ts_ns, count(*) AS samples, min(src_offset) AS first, max(src_offset) AS last
    FROM btc_usd_price WHERE ts >= %(start)s AND ts < %(end)s AND price > 0 AND anomaly IS NULL
), sums AS (
    SELECT trim_scale(coalesce(sum(btc_volume), 0)) AS btc, trim_scale(coalesce(sum(usd_volume), 0)) AS usd,
           trim_scale(coalesce(sum(positionsize) FILTER (WHERE qdb_side = 1), 0)) AS buy,
           trim_scale(coalesce(sum(positionsize) FILTER (WHERE qdb_side = 0), 0)) AS sell,
           count(*) AS trades, min(src_offset) AS first, max(src_offset) AS last
    FROM trade WHERE ts >= %(start)s AND ts < %(end)s
), carried AS (
    SELECT close, last_offset FROM candle
    WHERE length_s = %(length)s AND start_time < %(start)s ORDER BY start_time DESC LIMIT 1
)
INSERT INTO candle (length_s, start_time, end_time, open, high, low, close, open_ts_ns, close_ts_ns, btc_volume,
                    usd_volume, buy_volume, sell_volume, trades, price_samples, first_offset, last_offset, carried,
                    final)
SELECT %(length)s, %(start)s, %(end)s, coalesce(t.open, c.close), coalesce(t.high, c.close),
       coalesce(t.low, c.close), coalesce(t.close, c.close), t.open_ts_ns, t.close_ts_ns, s.btc, s.usd, s.buy, s.sell,
       s.trades, t.samples, coalesce(least(t.first, s.first), c.last_offset),
       coalesce(greatest(t.last, s.last), c.last_offset), t.samples = 0, true
FROM ticks t CROSS JOIN sums s LEFT JOIN carried c ON true
WHERE t.open IS NOT NULL OR c.close IS NOT NULL
ON CONFLICT (length_s, start_time) DO UPDATE SET
    open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close,
    open_ts_ns = EXCLUDED.open_ts_ns, close_ts_ns = EXCLUDED.close_ts_ns, btc_volume = EXCLUDED.btc_volume,
    usd_volume = EXCLUDED.usd_volume, buy_volume = EXCLUDED.buy_volume, sell_volume = EXCLUDED.sell_volume,
    trades = EXCLUDED.trades, price_samples = EXCLUDED.price_samples, first_offset = EXCLUDED.first_offset,
    last_offset = EXCLUDED.last_offset, carried = EXCLUDED.carried
"""

# The empty intervals after it, up to the next with a tick, carry its close.
_CARRY_ON = """
UPDATE candle SET open = c.close, high = c.close, low = c.close, close = c.close
FROM (SELECT close FROM candle WHERE length_s = %(length)s AND start_time = %(start)s) c
WHERE length_s = %(length)s AND carried AND start_time > %(start)s AND start_time < coalesce(
    (SELECT min(start_time) FROM candle WHERE length_s = %(length)s AND start_time > %(start)s AND NOT carried),
    'infinity')
"""


def recount(connection: Connection, intervals: Iterable[tuple[int, int]]) -> None:
    """Count intervals (length, start in seconds) anew, inside the caller's transaction, oldest first."""
    for length_s, start_s in sorted(intervals):
        start = _EPOCH + timedelta(seconds=start_s)
        bounds = {"length": length_s, "start": start, "end": start + timedelta(seconds=length_s)}
        connection.execute(_RECOUNT, bounds)
        connection.execute(_CARRY_ON, bounds)
