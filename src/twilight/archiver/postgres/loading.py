"""A memory read back from the tables, so that a restart goes on as if nothing had happened."""

from decimal import Decimal
from typing import Any

from twilight.archiver.postgres import tables
from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.memory import (
    BookEntry,
    KnownTrades,
    Memory,
    OpenOrder,
    PoolTotals,
    Trigger,
)
from twilight.archiver.reading import DUPLICATE_WINDOW, TIMELESS_SORTED_SET, Duplicates, content_digest
from twilight.archiver.record import REFUSED_AFTER_READING
from twilight.domain.candles import LENGTHS_S, Candle, CandleFold

_TIMED_KINDS = (
    "CurrentPriceUpdate TraderOrder TxHash PoolUpdate SortedSetDBUpdate TraderOrderUpdate TraderOrderLimitUpdate"
    " TraderOrderFundingUpdate TraderOrderLiquidation LendOrder FundingRateUpdate TxHashUpdate AdvanceStateQueue"
    " FeeUpdate"
).split()


def load_memory(connection: Connection, stream: str, partition: int = 0) -> Memory:
    """Return what the tables say that the events so far have left."""
    memory = Memory(candles=load_candles(connection))
    _load_orders(connection, memory)
    for uuid, family, price, side in connection.execute(
        "SELECT order_uuid::text, family, price, position_type FROM trigger_current WHERE price IS NOT NULL"
    ):
        memory.triggers[family][uuid] = Trigger(float(price), side)
    for uuid, kind, side, price_cents, size in connection.execute(
        "SELECT order_uuid::text, kind, side, price_cents, size FROM order_book_entry"
    ):
        memory.book[uuid] = BookEntry(kind, side, price_cents, float(size))
    memory.pool = _newest_pool(connection, stream, partition)
    price = connection.execute(
        "SELECT price FROM btc_usd_price WHERE src_stream = %s AND src_partition = %s AND price > 0"
        " ORDER BY src_offset DESC LIMIT 1",
        (stream, partition),
    ).fetchone()
    memory.newest_price = None if price is None else float(price[0])
    return memory


def load_candles(connection: Connection) -> list[CandleFold]:
    """Return the folds of candles, where the tables say that they stand."""
    return [_candles(connection, length_s) for length_s in LENGTHS_S]


def _load_orders(connection: Connection, memory: Memory) -> None:
    """Load the orders that have not ended; a filled one has its opening trade already."""
    for uuid, side, status, price, size in connection.execute(
        "SELECT uuid::text, position_type, order_status, entryprice, positionsize FROM trader_order_current"
        " WHERE order_status NOT IN ('SETTLED', 'CANCELLED', 'LIQUIDATE')"
    ):
        memory.orders[uuid] = OpenOrder(side, status, _float(price), _float(size))


def _float(value: Decimal | None) -> float:
    return float("nan") if value is None else float(value)


def _candles(connection: Connection, length_s: int) -> CandleFold:
    newest = _newest_candles(connection, length_s)
    row = connection.execute(
        "SELECT extract(epoch FROM min(start_time))::bigint FROM candle WHERE length_s = %s", (length_s,)
    ).fetchone()
    first_s = None if row is None else row[0]
    is_whole = len(newest) < CandleFold.REMEMBERED
    return CandleFold(
        length_s, newest, first_s=first_s, early=_early_trades(connection, length_s, first_s) if is_whole else ()
    )


_EARLY = """
SELECT (floor(ts_ns / (%(length)s * 1000000000::numeric)) * %(length)s)::bigint AS start_s, sum(btc_volume),
       sum(usd_volume), coalesce(sum(positionsize) FILTER (WHERE qdb_side = 1), 0),
       coalesce(sum(positionsize) FILTER (WHERE qdb_side = 0), 0), count(*), min(src_offset), max(src_offset)
FROM trade WHERE %(first)s::bigint IS NULL OR ts < to_timestamp(%(first)s::bigint)
GROUP BY 1 ORDER BY 1 DESC LIMIT %(limit)s
"""


def _early_trades(connection: Connection, length_s: int, first_s: int | None) -> list[Candle]:
    """Return what traded before the first candle, by intervals that have no price."""
    values = {"length": length_s, "first": first_s, "limit": CandleFold.REMEMBERED}
    return [
        Candle(
            length_s,
            start_s,
            *(0.0, 0.0, 0.0, 0.0),
            btc_volume=btc,
            usd_volume=usd,
            buy_volume=buy,
            sell_volume=sell,
            trades=trades,
            first_offset=first,
            last_offset=last,
        )
        for start_s, btc, usd, buy, sell, trades, first, last in connection.execute(_EARLY, values)
    ]


def _newest_candles(connection: Connection, length_s: int) -> list[Candle]:
    found = connection.execute(
        f"SELECT {', '.join(tables.CANDLE.columns)} FROM candle WHERE length_s = %s"  # noqa: S608 - our own columns
        " ORDER BY start_time DESC LIMIT %s",
        (length_s, CandleFold.REMEMBERED),
    ).fetchall()
    return [candle_of(row) for row in reversed(found)]


def candle_of(row: tuple[Any, ...]) -> Candle:
    """Return a candle from its columns in table order."""
    fields = dict(zip(tables.CANDLE.columns, row, strict=True))
    start = fields.pop("start_time")
    fields.pop("end_time")
    prices: dict[str, Any] = {name: float(fields.pop(name)) for name in ("open", "high", "low", "close")}
    return Candle(start_s=int(start.timestamp()), **prices, **fields)


def _newest_pool(connection: Connection, stream: str, partition: int) -> PoolTotals | None:
    row = connection.execute(
        "SELECT total_pool_share, total_locked_value, nonce, aggregate_log_sequence,"
        " coalesce((pending_orders ->> 'amount')::float8, 0), coalesce((pending_orders ->> 'count')::int, 0)"
        " FROM lend_pool WHERE src_stream = %s AND src_partition = %s ORDER BY src_offset DESC LIMIT 1",
        (stream, partition),
    ).fetchone()
    return None if row is None else PoolTotals(_float(row[0]), _float(row[1]), *row[2:])


def learn_trades(connection: Connection, trades: KnownTrades, uuids: set[str]) -> None:
    """Tell which trades of these orders exist."""
    if not uuids:
        return
    kinds: dict[str, set[str]] = {uuid: set() for uuid in uuids}
    found = connection.execute(
        "SELECT order_uuid::text, trade_kind FROM trade WHERE order_uuid = ANY(%s::uuid[])", (list(uuids),)
    )
    for uuid, kind in found:
        kinds[uuid].add(kind)
    for uuid, known in kinds.items():
        trades.learn(uuid, frozenset(known))


def load_duplicates(connection: Connection, stream: str, partition: int, next_offset: int) -> Duplicates:
    """Return the contents of the last records, to know them when they come again (decisions S3).

    Exactly those that a reader met: a record that was read and then had no place in the tables is among them.
    """
    duplicates = Duplicates()
    recent = connection.execute(
        'SELECT key_raw, payload_sha256, "offset" FROM event_log l'
        ' WHERE stream = %s AND partition = %s AND "offset" >= %s AND event_type = ANY(%s)'
        "   AND NOT (event_type = 'SortedSetDBUpdate' AND starts_with(encode(payload_raw, 'escape'), %s))"
        "   AND NOT EXISTS (SELECT FROM dead_letter d WHERE d.stream = l.stream AND d.partition = l.partition"
        '                   AND d."offset" = l."offset" AND d.resolved_at IS NULL AND d.reason <> ALL(%s))'
        ' ORDER BY "offset"',
        (
            stream,
            partition,
            next_offset - DUPLICATE_WINDOW,
            _TIMED_KINDS,
            TIMELESS_SORTED_SET.decode(),
            list(REFUSED_AFTER_READING),
        ),
    )
    for key_raw, sha256, offset in recent:
        duplicates.first_offset(content_digest(key_raw, sha256), offset)
    return duplicates
