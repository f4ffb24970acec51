"""The real servers: they go on with their data after a clean stop and after being killed."""

import os
import signal
from pathlib import Path

import httpx
import psycopg
import pytest
from tests.conftest import artifact_cache, quiet

from twilight.bus import LogReader, Producer, TopicSpec, ensure
from twilight.local import artifacts
from twilight.local.servers import Kafka, Postgres, QuestDB, Server, free_ports

pytestmark = pytest.mark.servers


def kill(server: Server) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()


def write(kafka: Kafka, value: bytes) -> None:
    producer = Producer(kafka.brokers)
    producer.send("log", None, value)
    producer.flush(20)


def read(kafka: Kafka) -> list[bytes | None]:
    found: list[bytes | None] = []
    with LogReader(kafka.brokers, "log", start="earliest") as reader:
        while not reader.at_end():
            found += [record.value for record in reader.read(100, 0.5)]
    return found


def test_kafka_keeps_what_it_acknowledged_through_a_kill_a_stop_and_other_ports(tmp_path: Path) -> None:
    jars = artifacts.fetch("kafka", artifact_cache(), quiet)
    kafka = Kafka(jars, tmp_path, *free_ports(2))
    kafka.start()
    ensure(kafka.brokers, [TopicSpec("log")])
    write(kafka, b"before the kill")
    kill(kafka)
    kafka = Kafka(jars, tmp_path, *free_ports(2))
    kafka.start()
    write(kafka, b"after it")
    assert read(kafka) == [b"before the kill", b"after it"]
    kafka.stop()
    assert not kafka.is_running()


def test_postgres_keeps_what_it_committed_through_a_kill_and_a_stop(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path, *free_ports(1))
    postgres.start()
    postgres.ensure_database("books")
    with psycopg.connect(postgres.url("books")) as connection:
        connection.execute("CREATE TABLE ledger (sats bigint)")
        connection.execute("INSERT INTO ledger VALUES (21)")
    kill(postgres)
    postgres.start()
    postgres.stop()
    postgres.start()
    postgres.ensure_database("books")
    with psycopg.connect(postgres.url("books")) as connection:
        assert connection.execute("SELECT sats FROM ledger").fetchall() == [(21,)]
    postgres.stop()


def test_postgres_lets_nobody_in_without_its_password(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path, *free_ports(1))
    postgres.start()
    stranger = postgres.url().split("@")[1]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres@{stranger}")
    postgres.stop()
    assert (tmp_path / "passwords" / "postgres").stat().st_mode & 0o077 == 0


def test_a_database_has_an_owner_and_an_api_that_reads_what_it_is_shown_and_keeps_a_schema(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path, *free_ports(1))
    postgres.start()
    postgres.ensure_database("books")
    with psycopg.connect(postgres.url("books", "books")) as owner:
        owner.execute("CREATE TABLE ledger (sats bigint)")
        owner.execute("GRANT SELECT ON ledger TO books_reader")
        assert owner.execute(
            "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchall() == [(False, False)]
    with psycopg.connect(postgres.url("books", "books_api"), autocommit=True) as api:
        assert api.execute("SELECT count(*) FROM ledger").fetchall() == [(0,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api.execute("INSERT INTO ledger VALUES (21)")
        api.execute("CREATE SCHEMA auth")
    postgres.ensure_database("books")
    postgres.stop()


def test_a_half_made_cluster_of_an_interrupted_start_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "data.part").mkdir()
    (tmp_path / "data.part" / "PG_VERSION").write_text("18\n")
    postgres = Postgres(tmp_path, *free_ports(1))
    postgres.start()
    postgres.stop()
    assert not (tmp_path / "data.part").exists()


def test_questdb_keeps_its_tables_through_a_kill_and_a_stop(tmp_path: Path) -> None:
    questdb = QuestDB(artifacts.fetch("questdb", artifact_cache(), quiet), tmp_path, *free_ports(3))

    def ask(query: str) -> object:
        return httpx.get(f"{questdb.http_url}/exec", params={"query": query}, timeout=20).json().get("dataset")

    questdb.start()
    ask("CREATE TABLE prices (price double, timestamp timestamp) timestamp(timestamp) PARTITION BY DAY")
    ask("INSERT INTO prices VALUES (65000, '2026-01-01T00:00:00Z')")
    kill(questdb)
    questdb.start()
    assert ask("SELECT price FROM prices") == [[65000.0]]
    questdb.stop()
    questdb.start()
    assert ask("SELECT count() FROM prices") == [[1]]
    questdb.stop()
