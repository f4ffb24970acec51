"""The tables of events, as the migrations make them: names and columns in COPY order.

The first five columns of each are those of `archiver.record.Source`.
"""

from dataclasses import dataclass
from decimal import Decimal

PARTITION_SPAN = 10_000_000  # offsets of one partition of a table that grows with the log, as the migrations make it
INDEXED_CHARACTERS = 200  # of a text that may be of any length, as the migrations index it
SOURCE_COLUMNS = ("src_stream", "src_partition", "src_offset", "ordinal", "broker_ts")

Value = str | int | float | bool | Decimal | None
Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One table that grows with the log."""

    name: str
    own_columns: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return all columns in COPY order."""
        return (*SOURCE_COLUMNS, *self.own_columns)


@dataclass(frozen=True, slots=True, eq=False)
class StateTable:
    """One table that has a row for each key, the newest, written by way of a staging table."""

    name: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    stage: str


def _table(name: str, columns: str) -> Table:
    return Table(name, tuple(columns.split()))


def _state(name: str, columns: str, keys: str, stage: str | None = None) -> StateTable:
    return StateTable(name, tuple(columns.split()), tuple(keys.split()), f"stage_{stage or name}")


ORDER_COLUMNS = """uuid account_id position_type order_status order_type entryprice execution_price positionsize
    leverage initial_margin available_margin ts ts_ns bankruptcy_price bankruptcy_value maintenance_margin
    liquidation_price unrealized_pnl settlement_price entry_nonce exit_nonce entry_sequence fee_filled fee_settled"""
LEND_COLUMNS = """uuid account_id balance order_status order_type entry_nonce exit_nonce deposit
    new_lend_state_amount ts ts_ns npoolshare nwithdraw payment tlv0 tps0 tlv1 tps1 tlv2 tps2 tlv3 tps3
    entry_sequence"""

TRADER_ORDER = _table("trader_order", f"event_kind sequence {ORDER_COLUMNS} anomaly")
FUNDING_UPDATE = _table("trader_order_funding_update", f"{ORDER_COLUMNS} anomaly")
LEND_ORDER = _table("lend_order", f"sequence {LEND_COLUMNS} anomaly")
ORDER_COMMAND = _table("order_command", "order_kind order_uuid family variant request_id meta zkos_hex args")
LEND_POOL = _table(
    "lend_pool",
    """sequence nonce aggregate_log_sequence last_snapshot_id total_pool_share total_locked_value pending_orders
    pending_detail last_output_state event_sequence derived anomaly""",
)
LEND_POOL_COMMAND = _table(
    "lend_pool_command",
    "parent_ordinal command order_uuid payment sequence funding_rate args anomaly",
)
PRICE = _table("btc_usd_price", "price ts ts_ns anomaly")
FUNDING_RATE = _table("funding_rate", "rate price price_derived ts ts_ns anomaly")
FEE_HISTORY = _table(
    "fee_history",
    """order_filled_on_market order_filled_on_limit order_settled_on_market order_settled_on_limit ts ts_ns
    anomaly""",
)
SORTED_SET_COMMAND = _table("sorted_set_command", "command uuid amount position_type ts ts_ns anomaly")
POSITION_SIZE_LOG = _table(
    "position_size_log",
    "command position_type amount total_short total_long total anomaly",
)
RISK_ENGINE_UPDATE = _table(
    "risk_engine_update",
    """command position_type amount flag total_long_btc total_short_btc total_pending_long_btc
    total_pending_short_btc manual_halt manual_close_only pause_funding pause_price_feed ts anomaly""",
)
RISK_PARAMS_UPDATE = _table(
    "risk_params_update",
    "max_oi_mult max_net_mult max_position_pct min_position_btc max_leverage mm_ratio ts anomaly",
)
STOP_MARKER = _table("stop_marker", "text")
STATE_ADVANCE = _table("state_advance", "nonce output")
TRANSACTION_HASH = _table(
    "transaction_hash",
    """kind order_id account_id tx_hash order_type order_status datetime ts output request_id request_id_filled
    reason old_price new_price""",
)

TRIGGER_CHANGE = _table("trigger_change", "order_uuid family price position_type ts")
ORDER_BOOK_CHANGE = _table("order_book_change", "order_uuid kind side price_cents size")

EVENT_TABLES = (
    TRADER_ORDER,
    FUNDING_UPDATE,
    LEND_ORDER,
    ORDER_COMMAND,
    LEND_POOL,
    LEND_POOL_COMMAND,
    PRICE,
    FUNDING_RATE,
    FEE_HISTORY,
    SORTED_SET_COMMAND,
    POSITION_SIZE_LOG,
    RISK_ENGINE_UPDATE,
    RISK_PARAMS_UPDATE,
    STOP_MARKER,
    STATE_ADVANCE,
    TRANSACTION_HASH,
)
"""What events say: a pure function of each event alone."""
HISTORY_TABLES = (TRIGGER_CHANGE, ORDER_BOOK_CHANGE)
"""What events change in a state that the log holds together."""


ORDER_CURRENT = _state("trader_order_current", f"{ORDER_COLUMNS} first_ts last_src_offset", "uuid")
ORDER_MARGINS = _state(
    "trader_order_current", f"{ORDER_COLUMNS} first_ts last_src_offset", "uuid", "trader_order_margins"
)
"""The same table, of which a funding update changes only the margins."""
LEND_CURRENT = _state("lend_order_current", f"{LEND_COLUMNS} first_ts last_src_offset", "uuid")
ACCOUNT_LINK = _state(
    "twilight_qq_account_link",
    "twilight_address account_address order_id src_stream src_partition src_offset ts",
    "twilight_address account_address order_id",
)
TRADE = _state(
    "trade",
    """src_stream src_partition src_offset ordinal broker_ts order_uuid account_id trade_kind side qdb_side price
    positionsize ts ts_ns btc_volume usd_volume""",
    "order_uuid trade_kind",
)
CANDLE = _state(
    "candle",
    """length_s start_time end_time open high low close open_ts_ns close_ts_ns btc_volume usd_volume buy_volume
    sell_volume trades price_samples first_offset last_offset carried final""",
    "length_s start_time",
)
TRIGGER_CURRENT = _state(
    "trigger_current", "order_uuid family price position_type created_ts last_src_offset", "order_uuid family"
)
ORDER_BOOK = _state("order_book_entry", "order_uuid kind side price_cents size last_src_offset", "order_uuid kind")
POOL_MINUTE = _state(
    "lend_pool_price_minute",
    "bucket_ts share_price total_locked_value total_pool_share samples last_src_offset",
    "bucket_ts",
)

STATE_TABLES = (
    ORDER_CURRENT,
    ORDER_MARGINS,
    LEND_CURRENT,
    ACCOUNT_LINK,
    TRADE,
    CANDLE,
    TRIGGER_CURRENT,
    ORDER_BOOK,
    POOL_MINUTE,
)
"""What is true now: one row for each key."""
DERIVED_TABLES = tuple(dict.fromkeys(table.name for table in (*EVENT_TABLES, *HISTORY_TABLES, *STATE_TABLES)))
"""Everything that can be dropped and made again from the raw log."""
