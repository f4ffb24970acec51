"""The tables in QuestDB, made by us: two of events, deduplicated on the sequence, and the seed's `recentorders`.

A table of one of our names that is shaped otherwise belongs to someone else: we refuse to touch it.
"""

from dataclasses import dataclass

from twilight.archiver.questdb.client import QuestDBClient
from twilight.ops.errors import Corrupt

PRICE_COLUMNS = {"timestamp": "TIMESTAMP", "price": "DOUBLE", "seq": "LONG"}
TRADE_COLUMNS = {
    "timestamp": "TIMESTAMP",
    "side": "INT",
    "price": "DOUBLE",
    "amount": "DOUBLE",
    "order_id": "UUID",
    "kind": "SYMBOL",
    "seq": "LONG",
}
RECENT_COLUMNS = {"side": "INT", "price": "DOUBLE", "amount": "DOUBLE", "timestamp": "TIMESTAMP"}


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of our tables; a prefix keeps installations that share a server apart."""

    prefix: str = ""

    @property
    def prices(self) -> str:
        """Return the name of the table of ticks."""
        return f"{self.prefix}prices"

    @property
    def trades(self) -> str:
        """Return the name of the table of trades."""
        return f"{self.prefix}trades"

    @property
    def recent_orders(self) -> str:
        """Return the name of what the seed's readers read."""
        return f"{self.prefix}recentorders"


def ensure_tables(client: QuestDBClient, tables: Tables, *, line_writer: bool = False) -> None:
    """Make what is missing; afterwards both tables have exactly our shape.

    `recentorders` is a view of the trades, or a table where the line writer of section 7.3 fills it.

    Raises:
        Corrupt: a table of that name is not ours.
        Unavailable: QuestDB does not answer.
    """
    for name, columns in ((tables.prices, PRICE_COLUMNS), (tables.trades, TRADE_COLUMNS)):
        client.rows(
            f"CREATE TABLE IF NOT EXISTS '{name}' ({_typed(columns)}) TIMESTAMP(timestamp) PARTITION BY DAY WAL"
            " DEDUP UPSERT KEYS(timestamp, seq)"
        )
        _demand_shape(client, name, columns)
    if _columns(client, tables.recent_orders):
        return
    if line_writer:
        client.rows(
            f"CREATE TABLE '{tables.recent_orders}' ({_typed(RECENT_COLUMNS)}) TIMESTAMP(timestamp)"
            " PARTITION BY DAY WAL DEDUP UPSERT KEYS(timestamp, side, price, amount)"
        )
    else:
        client.rows(
            f"CREATE VIEW '{tables.recent_orders}' AS"  # noqa: S608 - our own names
            f" (SELECT side, price, amount, timestamp FROM '{tables.trades}')"
        )


def _typed(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _columns(client: QuestDBClient, name: str) -> dict[str, str]:
    known = client.rows(f"SELECT table_name FROM tables() WHERE table_name = '{name}'")  # noqa: S608 - our own name
    views = client.rows(f"SELECT view_name FROM views() WHERE view_name = '{name}'")  # noqa: S608 - our own name
    if not known and not views:
        return {}
    return {column: kind for column, kind, *_ in client.rows(f"SHOW COLUMNS FROM '{name}'")}


def _demand_shape(client: QuestDBClient, name: str, columns: dict[str, str]) -> None:
    found = _columns(client, name)
    if found != columns:
        raise Corrupt(f"QuestDB table {name} is not ours: expected columns {columns}, found {found}; rename it")
    keys = {row[0] for row in client.rows(f"SHOW COLUMNS FROM '{name}'") if row[-1]}
    if keys != {"timestamp", "seq"}:
        raise Corrupt(f"QuestDB table {name} must deduplicate on timestamp and seq, does on {sorted(keys)}")


def newest_seq(client: QuestDBClient, tables: Tables) -> int:
    """Return the newest sequence that readers of either table see, -1 when both are empty."""
    found = [client.rows(f"SELECT max(seq) FROM '{name}'")[0][0] for name in (tables.prices, tables.trades)]  # noqa: S608
    return max((int(seq) for seq in found if seq is not None), default=-1)


def resume_suspended(client: QuestDBClient, tables: Tables) -> list[str]:
    """Resume those of our tables whose write-ahead log is suspended; return their names."""
    names = f"('{tables.prices}', '{tables.trades}')"
    found = client.rows(f"SELECT name FROM wal_tables() WHERE suspended AND name IN {names}")  # noqa: S608 - ours
    for (name,) in found:
        client.rows(f"ALTER TABLE '{name}' RESUME WAL")
    return [str(name) for (name,) in found]


def is_applied(client: QuestDBClient, name: str) -> bool:
    """Return whether everything acknowledged for the table is visible to readers (stack.md 2)."""
    found = client.rows(f"SELECT writerTxn >= sequencerTxn FROM wal_tables() WHERE name = '{name}'")  # noqa: S608
    return bool(found and found[0][0])
