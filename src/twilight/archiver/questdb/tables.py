"""QuestDB's tables: made by us, deduplicated on the sequence, refused when they are not ours (decisions S10)."""

from dataclasses import dataclass

import psycopg

from twilight.ops.errors import Corrupt

Connection = psycopg.Connection[tuple[object, ...]]

SCHEMA = {
    "prices": {"timestamp": "TIMESTAMP", "price": "DOUBLE", "seq": "LONG"},
    "trades": {
        "timestamp": "TIMESTAMP",
        "side": "INT",
        "price": "DOUBLE",
        "amount": "DOUBLE",
        "order_id": "VARCHAR",
        "kind": "SYMBOL",
        "seq": "LONG",
    },
}
SEED_TABLE = "recentorders"


@dataclass(frozen=True, slots=True)
class Names:
    """The tables' names; a prefix keeps several exchanges apart in one QuestDB."""

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
    def seed(self) -> str:
        """Return the name of the view of the seed's shape."""
        return f"{self.prefix}{SEED_TABLE}"


def connect(url: str) -> Connection:
    """Return a connection over the PostgreSQL wire.

    Raises:
        psycopg.OperationalError: QuestDB does not answer.
    """
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)


def create(connection: Connection, names: Names) -> None:
    """Make what is missing.

    Raises:
        Corrupt: a table of that name exists and is not ours.
    """
    for kind, name in (("prices", names.prices), ("trades", names.trades)):
        columns = ", ".join(f"{column} {type_}" for column, type_ in SCHEMA[kind].items())
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS '{name}' ({columns})"
            " TIMESTAMP(timestamp) PARTITION BY DAY WAL DEDUP UPSERT KEYS(timestamp, seq)",
        )
        _check(connection, kind, name)
    connection.execute(
        f"CREATE VIEW IF NOT EXISTS '{names.seed}' AS (SELECT side, price, amount, timestamp FROM '{names.trades}')",
    )


def _check(connection: Connection, kind: str, name: str) -> None:
    found = {str(row[0]): str(row[1]) for row in connection.execute(f"SHOW COLUMNS FROM '{name}'")}
    if found != SCHEMA[kind]:
        raise Corrupt(f"QuestDB table {name} is not ours: expected {SCHEMA[kind]}, found {found}: rename or drop it")


def newest_seq(connection: Connection, names: Names) -> int | None:
    """Return the highest sequence that is stored, None when nothing is."""
    found = [
        connection.execute(f"SELECT max(seq) FROM '{name}'").fetchone()  # noqa: S608 - our own names
        for name in (names.prices, names.trades)
    ]
    stored = [int(str(row[0])) for row in found if row is not None and row[0] is not None]
    return max(stored, default=None)


def is_applied(connection: Connection, names: Names) -> bool:
    """Return whether everything that was acknowledged can be read: writes are seen once the WAL is applied."""
    rows = connection.execute("SELECT name, writerTxn, sequencerTxn, suspended FROM wal_tables()").fetchall()
    mine = [row for row in rows if row[0] in (names.prices, names.trades)]
    return all(row[1] == row[2] for row in mine)
