"""Sessions that speak UTC, whatever the server's setting (storage specification 2.2)."""

from typing import Any

import psycopg

from twilight.ops.errors import Unavailable

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_TIMEOUT_S = 10
_OPTIONS = "-c timezone=UTC -c datestyle=ISO -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
# Classes of SQLSTATE that blame what was written: data, constraint, program limit.
_BLAMING = ("22", "23", "54")


def connect(url: str, service: str = "archiver", *, schema: str | None = None) -> Connection:
    """Return an autocommitting connection, its tables those of `schema` where one is given.

    Raises:
        Unavailable: the server does not answer.
    """
    options = _OPTIONS if schema is None else f"{_OPTIONS} -c search_path={schema}"
    try:
        return psycopg.connect(
            url,
            autocommit=True,
            application_name=f"twilight-{service}",
            options=options,
            connect_timeout=CONNECT_TIMEOUT_S,
            keepalives_idle=30,
            prepare_threshold=1,
        )
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL does not answer: {str(error).strip()}") from error


def blames_a_record(error: Exception) -> bool:
    """Return whether an error speaks of what was written, not of the server's state."""
    if isinstance(error, psycopg.Error):
        return error.sqlstate is not None and error.sqlstate.startswith(_BLAMING)
    return isinstance(error, ValueError | ArithmeticError)
