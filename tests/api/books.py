"""A database with the archiver's tables, and rows put into it by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from twilight.api.call import Call, Services
from twilight.api.database import Database
from twilight.api.errors import RpcError
from twilight.api.jsonrpc import Core
from twilight.api.methods import PUBLIC_METHODS
from twilight.api.stream.hub import Hub
from twilight.archiver.postgres.migrate import migrate

T = TypeVar("T")

RISK = {
    "risk_max_oi_mult": 4.0,
    "risk_max_net_mult": 0.8,
    "risk_max_position_pct": 0.02,
    "risk_min_position_btc": 0.0,
    "risk_max_leverage": 50.0,
    "risk_mm_ratio": 0.4,
    "max_delayed_days": 7,
}
NOW = datetime.now(UTC)

ORDER: dict[str, Any] = {
    "event_kind": "TraderOrder",
    "sequence": 1,
    "uuid": "3374714d-8a95-4096-855f-7e2675fe0dc8",
    "account_id": "account",
    "position_type": "LONG",
    "order_status": "FILLED",
    "order_type": "MARKET",
    "entryprice": "42508.714",
    "execution_price": "30000",
    "positionsize": "4250871.5",
    "leverage": "10",
    "initial_margin": "10",
    "available_margin": "9.99995",
    "ts": "2024-01-31T11:14:45.575359Z",
    "ts_ns": 1706699685575359000,
    "bankruptcy_price": "38644.285",
    "bankruptcy_value": "110",
    "maintenance_margin": "0.5375",
    "liquidation_price": "38834.04",
    "unrealized_pnl": "0",
    "settlement_price": "0",
    "entry_nonce": 0,
    "exit_nonce": 0,
    "entry_sequence": 1,
    "fee_filled": "0",
    "fee_settled": "0",
}
LEND: dict[str, Any] = {
    "sequence": 2,
    "uuid": "6fb4f910-ceb4-432d-995b-79eddb8c4c83",
    "account_id": "lender",
    "balance": "153620",
    "order_status": "FILLED",
    "order_type": "LEND",
    "entry_nonce": 0,
    "exit_nonce": 0,
    "deposit": "153620",
    "new_lend_state_amount": "153620",
    "ts": NOW - timedelta(days=10),
    "ts_ns": 0,
    "npoolshare": "153620",
    "nwithdraw": "0",
    "payment": "0",
    **{f"{name}{number}": "0" for name in ("tlv", "tps") for number in range(4)},
    "entry_sequence": 10,
}


class Books:
    """Fills the tables of one database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)
        with psycopg.connect(url) as connection:
            migrate(connection)
        self._connection.execute("call create_partitions(0)")

    def empty(self) -> None:
        """Take every row out of every table."""
        found = self._connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        names = [sql.Identifier(name) for (name,) in found if name not in ("partitioned_table", "migration")]
        self._connection.execute(sql.SQL("truncate {}").format(sql.SQL(", ").join(names)))

    def run(self, statement: str, *parameters: Any) -> None:
        self._connection.execute(statement.encode(), parameters)

    def forget_submissions(self) -> None:
        """Take away the schema that the API makes itself."""
        self._connection.execute("drop schema if exists auth cascade")

    def insert(self, table: str, **columns: Any) -> None:
        values = [Jsonb(value) if isinstance(value, dict) else value for value in columns.values()]
        statement = sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.Placeholder() * len(columns)),
        )
        self._connection.execute(statement, values)

    def event(self, table: str, offset: int, **columns: Any) -> None:
        """Insert a row that came from the event at this offset."""
        source = {"src_stream": "core", "src_partition": 0, "src_offset": offset, "broker_ts": NOW}
        self.insert(table, **{**source, **columns})

    def price(self, offset: int, price: str, ts: Any = NOW) -> None:
        self.event("btc_usd_price", offset, price=price, ts=ts, ts_ns=0)

    def order(self, offset: int, **changes: Any) -> None:
        self.event("trader_order", offset, **{**ORDER, **changes})

    def current_order(self, offset: int, **changes: Any) -> None:
        row = {**ORDER, **changes, "first_ts": NOW, "last_src_offset": offset}
        self.insert("trader_order_current", **{k: v for k, v in row.items() if k not in ("event_kind", "sequence")})

    def trade(self, offset: int, uuid: str, price: str, size: str, ts: datetime) -> None:
        volumes = {"btc_volume": 1, "usd_volume": 1}
        kind = {"account_id": "a", "trade_kind": "OPEN", "side": "LONG", "qdb_side": 1, "ts_ns": 0}
        self.event("trade", offset, order_uuid=uuid, price=price, positionsize=size, ts=ts, **kind, **volumes)

    def lend_order(self, offset: int, **changes: Any) -> None:
        self.event("lend_order", offset, **{**LEND, **changes})

    def current_lend_order(self, offset: int, **changes: Any) -> None:
        row = {**LEND, **changes, "first_ts": NOW, "last_src_offset": offset}
        self.insert("lend_order_current", **{k: v for k, v in row.items() if k != "sequence"})

    def pool(self, offset: int, locked: str = "1025300", shares: str = "1000000", pending: int = 2) -> None:
        self.event(
            "lend_pool",
            offset,
            sequence=100,
            nonce=50,
            aggregate_log_sequence=150,
            last_snapshot_id=45,
            total_pool_share=shares,
            total_locked_value=locked,
            pending_orders={"nonce": 50, "len": pending, "amount": 0, "count": pending},
            event_sequence=100,
        )

    def candle(self, length_s: int, start: datetime, prices: tuple[str, str, str, str], **changes: Any) -> None:
        """Insert a candle of open, high, low, close."""
        row = {
            "length_s": length_s,
            "start_time": start,
            "end_time": start + timedelta(seconds=length_s),
            **dict(zip(("open", "high", "low", "close"), prices, strict=True)),
            "carried": False,
            "final": True,
        }
        self.insert("candle", **{**row, **changes})

    def close(self) -> None:
        self._connection.close()

    def work(self, use: Callable[[Services], Awaitable[T]]) -> T:
        """Return what ``use`` returns of services over this database."""

        async def run() -> T:
            database = Database(self.url, connections_max=2)
            await database.open()
            settings: Any = SimpleNamespace(**RISK)
            try:
                return await use(Services(settings, database, None, Hub()))  # type: ignore[arg-type]
            finally:
                await database.close()

        return asyncio.run(run())

    def call(self, method: str, params: bytes = b"") -> Any:
        """Return a public method's result as JSON gives it, or its error."""
        import msgspec  # noqa: PLC0415

        async def use(services: Services) -> Any:
            core = Core(PUBLIC_METHODS)
            body = b'{"jsonrpc":"2.0","method":"%b","params":%b,"id":1}' % (method.encode(), params or b"null")
            answer = msgspec.json.decode((await core.answer(body, Call(services))).body)
            if "error" in answer:
                error = answer["error"]
                raised = RpcError(error["message"], **error.get("data", {}))
                raised.code = error["code"]  # type: ignore[misc]
                raise raised
            return answer["result"]

        return self.work(use)
