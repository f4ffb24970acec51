import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

sys.path.insert(0, str(Path(__file__).parent))  # the helpers of this folder: `api_harness`, `books`

from books import Books


@pytest.fixture(scope="session")
def api_database(postgres_server: str) -> Iterator[Books]:
    """Return the one database of this folder's tests, with the archiver's tables."""
    name = f"test_api_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        books = Books(postgres_server.rsplit("/", 1)[0] + f"/{name}")
        yield books
        books.close()
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(f"{name}_reader")))


@pytest.fixture
def books(api_database: Books) -> Books:
    """Return the database, emptied."""
    api_database.empty()
    return api_database
