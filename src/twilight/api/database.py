"""PostgreSQL as the methods see it: named queries in, rows out, failures as answers.

Every statement stands in ``sql/`` under a name, is prepared once per connection, runs read-only with a
time limit in UTC, and what the server says about a failure stays in the log: callers get a word.
"""

from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from twilight.api.errors import Busy, CallFailed
from twilight.api.sql import QUERIES
from twilight.ops import logs

CONNECTIONS_MAX = 10
WAITING_MAX = 1_000
WAIT_S = 5.0
STATEMENT_TIMEOUT_MS = 5_000
CHECK_TIMEOUT_S = 1.0

NOT_FOUND = "NotFound"

_log = logs.get("twilight.api.database")


class Database:
    """A pool of read-only connections and the named queries, all of them of one stream (storage 4)."""

    def __init__(self, url: str, *, stream: str = "core", connections_max: int = CONNECTIONS_MAX) -> None:
        self._stream = stream
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=connections_max,
            max_waiting=WAITING_MAX,
            timeout=WAIT_S,
            open=False,
            configure=_configure,
            kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": namedtuple_row},
        )

    async def open(self) -> None:
        """Begin to connect; the server may still be away."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Give every connection back."""
        await self._pool.close(timeout=CHECK_TIMEOUT_S)

    async def check(self) -> None:
        """Return when the server answered; raises psycopg.Error or PoolTimeout when it did not in time."""
        async with self._pool.connection(timeout=CHECK_TIMEOUT_S) as connection:
            await connection.execute("select 1")

    async def rows(self, query: str, what: str, **parameters: object) -> list[Any]:
        """Return the rows of the named query; ``what`` names the thing in the error text.

        Raises:
            CallFailed: ``Error fetching <what>: <detail>``.
            Busy: too many calls wait for a connection.
        """
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(QUERIES[query], {"stream": self._stream, **parameters})
                return await cursor.fetchall()
        except TooManyRequests:
            raise Busy from None
        except (psycopg.Error, PoolTimeout) as error:
            _log.warning("query_failed", query=query, error=str(error))
            raise failed(what, _detail(error), reason="DATABASE") from None

    async def row(self, query: str, what: str, **parameters: object) -> Any:  # noqa: ANN401 - columns vary
        """Return the one row of the named query.

        Raises:
            CallFailed: as :meth:`rows`, and ``Error fetching <what>: NotFound`` when there is none.
        """
        found = await self.rows(query, what, **parameters)
        if not found:
            raise not_found(what)
        return found[0]


def failed(what: str, detail: str, *, reason: str) -> CallFailed:
    """Return the error of a lookup in the texts that clients know."""
    return CallFailed(f"Error fetching {what}: {detail}", reason=reason)


def not_found(what: str) -> CallFailed:
    """Return the error of a lookup that met no row."""
    return failed(what, NOT_FOUND, reason="NOT_FOUND")


def _detail(error: Exception) -> str:
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "timed out"
    if isinstance(error, (psycopg.OperationalError, PoolTimeout)):
        return "the database is not available"
    return "the query failed"


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute("set time zone 'UTC'")
    await connection.execute("set default_transaction_read_only = on")
    await connection.execute(sql.SQL("set statement_timeout = {}").format(STATEMENT_TIMEOUT_MS))
