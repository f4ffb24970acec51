"""What is true now, as users are served it, against the engine's own fold of the log (storage specification 6).

The archiver's projections have no part in this: what they say of live orders, triggers, the book, deposits and the pool
must be what the engine holds, and an order that has ended must stand as its newest record left it. While the records of
a large funding hour are being written, an order whose record is still to come is left out: the engine has charged it.
"""

from collections.abc import Iterator

from twilight.archiver.postgres.connection import Connection
from twilight.archiver.postgres.copying import copy_rows
from twilight.archiver.postgres.tables import Row
from twilight.audit.comparing import Shape, Twin
from twilight.audit.finding import Faults, Finding, finding
from twilight.domain.books.state import State
from twilight.domain.model.orders import OrderStatus, Side

_ORDER_COLUMNS = """uuid account_id position_type order_status order_type entryprice positionsize leverage
    initial_margin available_margin maintenance_margin liquidation_price bankruptcy_price bankruptcy_value entry_nonce
    entry_sequence fee_filled"""
_DEPOSIT_COLUMNS = """uuid account_id order_status balance deposit new_lend_state_amount npoolshare entry_nonce
    entry_sequence"""
_ENDED_COLUMNS = """uuid account_id position_type order_status order_type entryprice positionsize leverage
    initial_margin available_margin settlement_price exit_nonce entry_sequence fee_filled fee_settled"""


def _selected(columns: str, table: str, condition: str) -> str:
    return f"(SELECT {', '.join(columns.split())} FROM {table} WHERE {condition}) AS s"  # noqa: S608 - our own text


def _shape(name: str, keys: str, columns: str, source: str, made_by: str = "") -> Shape:
    made_by = made_by or f"AS SELECT * FROM {source} WITH NO DATA"  # noqa: S608 - our own text
    return Shape(name, tuple(keys.split()), tuple(columns.split()), source, made_by, "live")


_ORDERS = _shape(
    "trader_order_current",
    "uuid",
    _ORDER_COLUMNS,
    _selected(
        _ORDER_COLUMNS,
        "trader_order_current",
        "order_status IN ('PENDING', 'FILLED') AND uuid NOT IN (SELECT uuid FROM audit_awaited)",
    ),
)
_DEPOSITS = _shape(
    "lend_order_current",
    "uuid",
    _DEPOSIT_COLUMNS,
    _selected(_DEPOSIT_COLUMNS, "lend_order_current", "order_status = 'FILLED'"),
)
_TRIGGERS = _shape(
    "trigger_current",
    "order_uuid family",
    "order_uuid family position_type score",
    """(SELECT order_uuid, family, position_type, trunc(price::float8 * 10000)::bigint AS score
        FROM trigger_current WHERE price IS NOT NULL) AS s""",
)
_BOOK = _shape(
    "order_book_entry",
    "order_uuid kind",
    "order_uuid kind side size is_at_its_price",
    """(SELECT b.order_uuid, b.kind, b.side, b.size,
            b.price_cents = round(CASE b.kind WHEN 'OPEN' THEN o.entryprice ELSE t.price END * 100) AS is_at_its_price
        FROM order_book_entry b
        LEFT JOIN trader_order_current o ON o.uuid = b.order_uuid
        LEFT JOIN trigger_current t ON t.order_uuid = b.order_uuid AND t.family = 'CLOSE_LIMIT') AS s""",
)
_ENDED = _shape(
    "ended_order",
    "uuid",
    _ENDED_COLUMNS,
    _selected(_ENDED_COLUMNS, "trader_order_current", "order_status NOT IN ('PENDING', 'FILLED')"),
    f"""AS SELECT * FROM (SELECT DISTINCT ON (uuid) {", ".join(_ENDED_COLUMNS.split())} FROM trader_order
        ORDER BY uuid, src_offset DESC) AS newest WHERE order_status NOT IN ('PENDING', 'FILLED')""",  # noqa: S608
)
_OPENING_SIDE = {Side.LONG: "bid", Side.SHORT: "ask"}
_CLOSING_SIDE = {Side.LONG: "ask", Side.SHORT: "bid"}

_NEWEST = {
    "lend_pool": "total_locked_value::float8, total_pool_share::float8, nonce FROM lend_pool ORDER BY src_offset",
    "lend_pool_price_minute": """total_locked_value::float8, total_pool_share::float8,
        abs(share_price - total_locked_value / total_pool_share) <= share_price * 1e-15
        FROM lend_pool_price_minute ORDER BY last_src_offset""",
    "btc_usd_price": "price::float8 FROM btc_usd_price ORDER BY src_offset",
    "funding_rate": "rate::float8 FROM funding_rate ORDER BY src_offset",
}


def check(connection: Connection, state: State) -> Finding:
    """Return whether the tables that users are served from say what the engine holds, both at the same offset."""
    state.sync()
    faults = Faults()
    connection.execute("CREATE TEMP TABLE audit_awaited (uuid uuid PRIMARY KEY)")
    copy_rows(connection, "audit_awaited", ["uuid"], [(uuid,) for uuid in state.awaited()])
    orders, triggers, book = list(_order_rows(state)), list(_trigger_rows(state)), list(_book_rows(state))
    deposits = list(_deposit_rows(state))
    for shape, rows in ((_ORDERS, orders), (_TRIGGERS, triggers), (_BOOK, book), (_DEPOSITS, deposits)):
        twin = Twin(connection, shape)
        twin.fill(rows)
        twin.compare(faults)
    Twin(connection, _ENDED).compare(faults)
    _compare_newest(connection, state, faults)
    figures: dict[str, int | float | str] = {
        "orders": len(orders),
        "triggers": len(triggers),
        "book": len(book),
        "deposits": len(deposits),
    }
    return finding("PostgreSQL = engine", figures, faults)


def _order_rows(state: State) -> Iterator[Row]:
    for position in state.positions.values():
        o = position.order
        if state.awaits_record(o.uuid):
            continue
        yield (
            o.uuid,
            o.account_id,
            o.side.value,
            o.status.value,
            o.order_type.value,
            o.entry_price,
            o.position_size,
            o.leverage,
            o.initial_margin_sats,
            o.available_margin_sats,
            o.maintenance_margin_sats,
            o.liquidation_price,
            o.bankruptcy_price,
            o.bankruptcy_value_sats,
            o.entry_nonce,
            o.entry_sequence,
            o.fee_filled_sats,
        )


def _trigger_rows(state: State) -> Iterator[Row]:
    sets = state.triggers
    for family, side, members in (
        ("CLOSE_LIMIT", Side.LONG, sets.close_long),
        ("CLOSE_LIMIT", Side.SHORT, sets.close_short),
        ("STOP_LOSS", Side.LONG, sets.stop_loss_long),
        ("STOP_LOSS", Side.SHORT, sets.stop_loss_short),
        ("TAKE_PROFIT", Side.LONG, sets.take_profit_long),
        ("TAKE_PROFIT", Side.SHORT, sets.take_profit_short),
    ):
        for uuid, score in members:
            yield uuid, family, side.value, score


def _book_rows(state: State) -> Iterator[Row]:
    sets = state.triggers
    for position in state.positions.values():
        order = position.order
        if order.status is OrderStatus.PENDING:
            yield order.uuid, "OPEN", _OPENING_SIDE[order.side], order.position_size, True
        elif order.uuid in (sets.close_long if order.side is Side.LONG else sets.close_short):
            yield order.uuid, "CLOSE", _CLOSING_SIDE[order.side], order.position_size, True


def _deposit_rows(state: State) -> Iterator[Row]:
    for deposit in state.deposits.values():
        o = deposit.order
        if o.status is OrderStatus.FILLED:
            yield (
                o.uuid,
                o.account_id,
                o.status.value,
                o.balance_sats,
                o.deposit_sats,
                o.new_lend_state_amount_sats,
                o.npoolshare,
                o.entry_nonce,
                o.entry_sequence,
            )


def _compare_newest(connection: Connection, state: State, faults: Faults) -> None:
    """The newest row of what has no key must be what the engine goes on from."""
    tlv, tps = float(state.pool.total_locked_value_sats), float(state.pool.total_pool_share)
    expected: dict[str, tuple[object, ...]] = {"lend_pool": (tlv, tps, state.pool.nonce)}
    if tps > 0:
        expected["lend_pool_price_minute"] = (tlv, tps, True)
    if state.price > 0:
        expected["btc_usd_price"] = (state.price,)
    expected["funding_rate"] = (state.funding_rate_pct,)
    for table, wanted in expected.items():
        found = connection.execute(f"SELECT {_NEWEST[table]} DESC LIMIT 1".encode()).fetchone()
        if found != wanted:
            faults.add(f"{table}: the newest row says {found}, the engine {wanted}")
