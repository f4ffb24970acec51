"""The tables that are computed in the same transaction: current states, trades, candles, book, triggers, share price.

Each statement is one per batch and per table; whatever was staged is gone at commit.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import psycopg
from psycopg import sql

from twilight.archiver.postgres.batch import Batch, PoolMinute
from twilight.archiver.postgres.tables import LEND_COLUMNS, ORDER_COLUMNS, Row
from twilight.archiver.postgres.triggers import SCORE, BulkRemoval, OrderEnded, TriggerState
from twilight.archiver.times import timestamp
from twilight.archiver.trades import OrderTrade
from twilight.domain.candles import NS_PER_S, Candle

Connection = psycopg.Connection[tuple[object, ...]]

ORDER_STATE = (*ORDER_COLUMNS.split(), "first_ts", "last_src_offset")
LEND_STATE = (*LEND_COLUMNS.split(), "first_ts", "last_src_offset")
TRADE = tuple(
    """src_stream src_partition src_offset ordinal broker_ts order_uuid account_id trade_kind side qdb_side price
    positionsize ts ts_ns""".split(),
)
CANDLE = tuple(
    """length_s start_time end_time open high low close open_ts_ns close_ts_ns btc_volume usd_volume buy_volume
    sell_volume trades price_samples first_offset last_offset carried final""".split(),
)
LINK = tuple("twilight_address account_address order_id src_stream src_partition src_offset ts".split())
TRIGGER = tuple("order_uuid family price position_type created_ts last_src_offset".split())
POOL_MINUTE = tuple("bucket_ts share_price total_locked_value total_pool_share samples last_src_offset".split())


def copy_rows(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """COPY rows into a table."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def upsert(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    keys: Sequence[str],
    changes: Sequence[sql.Composable] = (),
) -> None:
    """Write rows by way of a staging table; of a key that is there, `changes` are set, nothing without any."""
    if not rows:
        return
    stage = f"stage_{table}"
    target, staged = sql.Identifier(table), sql.Identifier(stage)
    connection.execute(
        sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {} (LIKE {} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS").format(
            staged,
            target,
        ),
    )
    copy_rows(connection, stage, columns, rows)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    action = sql.SQL("UPDATE SET ") + sql.SQL(", ").join(changes) if changes else sql.SQL("NOTHING")
    connection.execute(
        sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM {2} ON CONFLICT ({3}) DO {4}").format(
            target,
            names,
            staged,
            sql.SQL(", ").join(map(sql.Identifier, keys)),
            action,
        ),
    )
    connection.execute(sql.SQL("TRUNCATE {}").format(staged))


def replaced(columns: Iterable[str]) -> list[sql.Composable]:
    """Return the changes that take each column from the new row."""
    return [sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in columns]


def write_orders(connection: Connection, batch: Batch) -> None:
    """Bring the current states of orders and deposits up to the batch; the first time is kept."""
    kept = ("uuid", "first_ts")
    for table, columns, rows in (
        ("trader_order_current", ORDER_STATE, batch.orders),
        ("lend_order_current", LEND_STATE, batch.lends),
    ):
        changes = replaced(column for column in columns if column not in kept)
        upsert(connection, table, columns, list(rows.values()), ["uuid"], changes)
    upsert(
        connection,
        "twilight_qq_account_link",
        LINK,
        batch.links,
        ["twilight_address", "account_address", "order_id"],
    )


def write_trades(connection: Connection, stream: str, partition: int, trades: Sequence[OrderTrade]) -> None:
    """Add trades that are known to be the first of their kind."""
    rows = [
        (
            stream,
            partition,
            t.offset,
            0,
            timestamp(t.ts_ns),
            t.order_uuid,
            t.account_id,
            t.trade_kind,
            t.side,
            t.questdb_side,
            t.price,
            t.position_size,
            timestamp(t.ts_ns),
            t.ts_ns,
        )
        for t in trades
    ]
    if rows:
        copy_rows(connection, "trade", TRADE, rows)


def write_candles(connection: Connection, candles: Iterable[Candle]) -> None:
    """Bring the candles that changed up to date."""
    changes = replaced(column for column in CANDLE if column not in ("length_s", "start_time"))
    rows = [candle_row(candle) for candle in candles]
    upsert(connection, "candle", CANDLE, rows, ["length_s", "start_time"], changes)


def candle_row(c: Candle) -> Row:
    """Return a candle's columns in table order."""
    return (
        c.length_s,
        timestamp(c.start_s * NS_PER_S),
        timestamp(c.end_s * NS_PER_S),
        c.open,
        c.high,
        c.low,
        c.close,
        c.open_ts_ns,
        c.close_ts_ns,
        str(c.btc_volume),
        str(c.usd_volume),
        str(c.buy_volume),
        str(c.sell_volume),
        c.trades,
        c.price_samples,
        c.first_offset,
        c.last_offset,
        c.carried,
        c.final,
    )


def write_pool_minutes(connection: Connection, minutes: dict[str, PoolMinute]) -> None:
    """Bring the pool's share price by minute up to date; the last of a minute wins, the samples add up."""
    rows: list[Row] = [
        (minute, str(Decimal(repr(m.tlv)) / Decimal(repr(m.tps))), m.tlv, m.tps, m.samples, m.offset)
        for minute, m in minutes.items()
    ]
    taken = replaced(("share_price", "total_locked_value", "total_pool_share", "last_src_offset"))
    added = sql.SQL("samples = lend_pool_price_minute.samples + EXCLUDED.samples")
    upsert(connection, "lend_pool_price_minute", POOL_MINUTE, rows, ["bucket_ts"], [*taken, added])


def write_triggers(connection: Connection, batch: Batch) -> None:
    """Apply the batch's trigger changes in their order."""
    for number, run in enumerate(batch.triggers.runs):
        _write_run(connection, list(run.values()))
        batch.orders_touched.update(uuid for uuid, _ in run)
        if number < len(batch.triggers.breaks):
            batch.orders_touched.update(_remove(connection, batch.triggers.breaks[number]))


def _write_run(connection: Connection, states: list[TriggerState]) -> None:
    rows: list[Row] = [(s.order_uuid, s.family, s.price, s.position_type, s.ts, s.offset) for s in states]
    changes = replaced(("price", "position_type", "created_ts", "last_src_offset"))
    upsert(connection, "trigger_current", TRIGGER, rows, ["order_uuid", "family"], changes)


def _remove(connection: Connection, removal: BulkRemoval | OrderEnded) -> list[str]:
    """Deactivate triggers and return the orders concerned."""
    if isinstance(removal, OrderEnded):
        found = connection.execute(
            "UPDATE trigger_current SET price = NULL, last_src_offset = %s"
            " WHERE order_uuid = %s AND price IS NOT NULL RETURNING order_uuid",
            (removal.offset, removal.order_uuid),
        )
    else:
        reached = "price >= %s" if removal.at_or_above else "price < %s"
        limit = Decimal(removal.score if removal.at_or_above else removal.score + 1) / SCORE
        found = connection.execute(
            "UPDATE trigger_current SET price = NULL, last_src_offset = %s"  # noqa: S608 - one of two texts above
            f" WHERE family = %s AND position_type = %s AND {reached} RETURNING order_uuid",
            (removal.offset, removal.family, removal.position_type, limit),
        )
    return [str(uuid) for (uuid,) in found]


_BOOK = """
INSERT INTO order_book_entry (order_uuid, kind, side, price_cents, size, last_src_offset)
SELECT uuid, 'OPEN', CASE position_type WHEN 'LONG' THEN 'bid' ELSE 'ask' END,
       round(entryprice * 100), positionsize, last_src_offset
FROM trader_order_current
WHERE uuid = ANY(%(orders)s::uuid[]) AND order_status = 'PENDING' AND entryprice > 0
UNION ALL
SELECT o.uuid, 'CLOSE', CASE o.position_type WHEN 'LONG' THEN 'ask' ELSE 'bid' END,
       round(t.price * 100), o.positionsize, greatest(o.last_src_offset, t.last_src_offset)
FROM trader_order_current o JOIN trigger_current t ON t.order_uuid = o.uuid
WHERE o.uuid = ANY(%(orders)s::uuid[]) AND o.order_status = 'FILLED' AND t.family = 'CLOSE_LIMIT' AND t.price > 0
"""


def write_book(connection: Connection, orders: Iterable[str]) -> None:
    """Rewrite the book's entries of the orders that changed (decisions A2)."""
    touched = list(orders)
    if touched:
        connection.execute("DELETE FROM order_book_entry WHERE order_uuid = ANY(%s::uuid[])", (touched,))
        connection.execute(_BOOK, {"orders": touched})


_NAME_FILLS = """
UPDATE transaction_hash AS unnamed SET request_id_filled = (
    SELECT earlier.request_id_filled FROM transaction_hash AS earlier
    WHERE earlier.order_id = unnamed.order_id AND earlier.order_status = %(from)s
      AND earlier.src_offset < unnamed.src_offset
    ORDER BY earlier.src_offset DESC LIMIT 1)
WHERE unnamed.src_offset BETWEEN %(first)s AND %(last)s
  AND unnamed.request_id_filled IS NULL AND unnamed.order_status = %(to)s
"""


def name_fills(connection: Connection, first_offset: int, last_offset: int) -> None:
    """Give fills and liquidations without a request id that of the order's step before (API specification 5.4)."""
    for earlier, later in (("PENDING", "FILLED"), ("FILLED", "LIQUIDATE")):
        bounds = {"from": earlier, "to": later, "first": first_offset, "last": last_offset}
        connection.execute(_NAME_FILLS, bounds)
