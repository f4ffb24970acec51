"""A repeat of a submission under the same key is one order, over all processes and restarts (decisions E5)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from twilight.api.auth.schema import migrate
from twilight.ops import logs
from twilight.ops.errors import Unavailable

KEY_LIFETIME = timedelta(hours=24)
CONNECTIONS_MAX = 4
WAITING_MAX = 1_000
WAIT_S = 1.0

_RESERVE = """
insert into auth.submission_log (request_id, account_id, idempotency_key, method, payload_sha256)
values (%(request_id)s, %(account_id)s, %(key)s, %(method)s, %(payload)s)
on conflict (account_id, idempotency_key) do update
set request_id = excluded.request_id, method = excluded.method, payload_sha256 = excluded.payload_sha256,
    created_at = now(), sent_at = null
where submission_log.created_at < now() - %(lifetime)s
returning request_id, payload_sha256, false as sent
"""
_FIND = """
select request_id, payload_sha256, sent_at is not null as sent
from auth.submission_log
where account_id = %(account_id)s and idempotency_key = %(key)s
"""
_CONFIRM = "update auth.submission_log set sent_at = now() where request_id = %(request_id)s"
_FORGET = "delete from auth.submission_log where created_at < now() - %(lifetime)s"

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """An order submitted under a key: who, which key, what; ``request_id`` is for the case that it is new."""

    account_id: str
    key: str
    method: str
    payload_sha256: bytes
    request_id: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """The request id that the key stands for, what was submitted under it, and whether Kafka has it."""

    request_id: str
    payload_sha256: bytes
    sent: bool


class Submissions:
    """The book of submissions under a key, in PostgreSQL."""

    def __init__(self, url: str) -> None:
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            max_waiting=WAITING_MAX,
            timeout=WAIT_S,
            open=False,
            kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": namedtuple_row},
        )

    async def open(self) -> None:
        """Begin to connect; the server may still be away."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Give every connection back."""
        await self._pool.close(timeout=WAIT_S)

    async def prepare(self) -> None:
        """Return when the tables are there.

        Raises:
            Unavailable: PostgreSQL does not answer, or does not let us make them.
        """
        try:
            async with self._pool.connection() as connection:
                await migrate(connection)
        except (psycopg.Error, PoolTimeout) as error:
            raise Unavailable(f"schema auth cannot be prepared: {error}") from None

    async def reserve(self, submission: Submission) -> Reservation:
        """Return what the key stands for: this submission, unless an earlier one took it within 24 hours.

        Raises:
            Unavailable: PostgreSQL does not answer, so it is not known.
        """
        found = await self._rows(
            _RESERVE,
            request_id=submission.request_id,
            account_id=submission.account_id,
            key=submission.key,
            method=submission.method,
            payload=submission.payload_sha256,
            lifetime=KEY_LIFETIME,
        ) or await self._rows(_FIND, account_id=submission.account_id, key=submission.key)
        if not found:
            raise Unavailable("the key was forgotten at this very moment")
        return Reservation(found[0].request_id, bytes(found[0].payload_sha256), found[0].sent)

    async def confirm(self, request_id: str) -> None:
        """Note that Kafka has the command.

        A failure is not the caller's: the order is in the queue, and a repeat would be queued under the same
        request id, which the core takes once (decisions C7).
        """
        try:
            async with self._pool.connection() as connection:
                await connection.execute(_CONFIRM, {"request_id": request_id})
        except (psycopg.Error, PoolTimeout, TooManyRequests) as error:
            _log.warning("submission_not_confirmed", request_id=request_id, error=str(error))

    async def forget(self) -> None:
        """Delete what is older than a key lives.

        Raises:
            Unavailable: PostgreSQL does not answer.
        """
        try:
            async with self._pool.connection() as connection:
                await connection.execute(_FORGET, {"lifetime": KEY_LIFETIME})
        except (psycopg.Error, PoolTimeout, TooManyRequests) as error:
            raise Unavailable(f"old submissions cannot be deleted: {error}") from None

    async def _rows(self, statement: str, **parameters: object) -> list[Any]:
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement.encode(), parameters)
                return await cursor.fetchall()
        except (psycopg.Error, PoolTimeout, TooManyRequests) as error:
            _log.warning("submission_book_failed", error=str(error))
            raise Unavailable("the database is not available") from None
