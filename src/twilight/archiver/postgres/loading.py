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
from twilight.archiver.reading import DUPLICATE_WINDOW, Duplicates, content_digest
from twilight.domain.candles import LENGTHS_S, Candle, CandleFold

_TIMED_KINDS = (
    "CurrentPriceUpdate TraderOrder TxHash PoolUpdate SortedSetDBUpdate TraderOrderUpdate TraderOrderLimitUpdate"
    " TraderOrderFundingUpdate TraderOrderLiquidation LendOrder FundingRateUpdate TxHashUpdate AdvanceStateQueue"
    " FeeUpdate"
).split()


def load_memory(connection: Connection, stream: str, partition: int = 0) -> Memory:
    """Return what the tables say that the events so far have left."""
    memory = Memory(candles=[CandleFold(length_s, _newest_candles(connection, length_s)) for length_s in LENGTHS_S])
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


def _load_orders(connection: Connection, memory: Memory) -> None:
    """Load the orders that have not ended; a filled one has its opening trade already."""
    for uuid, side, status, price, size in connection.execute(
        "SELECT uuid::text, position_type, order_status, entryprice, positionsize FROM trader_order_current"
        " WHERE order_status NOT IN ('SETTLED', 'CANCELLED', 'LIQUIDATE')"
    ):
        memory.orders[uuid] = OpenOrder(side, status, _float(price), _float(size))


def _float(value: Decimal | None) -> float:
    return float("nan") if value is None else float(value)


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
    """Return the contents of the last records, to know them when they come again (decisions S3)."""
    duplicates = Duplicates()
    recent = connection.execute(
        'SELECT key_raw, payload_sha256, "offset" FROM event_log l'
        ' WHERE stream = %s AND partition = %s AND "offset" >= %s AND event_type = ANY(%s)'
        "   AND NOT (event_type = 'SortedSetDBUpdate' AND event_ts IS NULL)"
        "   AND NOT EXISTS (SELECT FROM dead_letter d WHERE d.stream = l.stream AND d.partition = l.partition"
        '                   AND d."offset" = l."offset")'
        ' ORDER BY "offset"',
        (stream, partition, next_offset - DUPLICATE_WINDOW, _TIMED_KINDS),
    )
    for key_raw, sha256, offset in recent:
        duplicates.first_offset(content_digest(key_raw, sha256), offset)
    return duplicates
