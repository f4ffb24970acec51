"""Servers of this suite's own, to be restarted, killed and starved."""

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.conftest import artifact_cache, quiet

from twilight.local import artifacts
from twilight.local.ports import is_free
from twilight.local.servers import Kafka, Postgres, QuestDB, Server
from twilight.ops.errors import Unavailable

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
PORTS_BELOW = 12_000


@dataclass(frozen=True, slots=True)
class Servers:
    """The three of them."""

    kafka: Kafka
    postgres: Postgres
    questdb: QuestDB

    def stop(self) -> None:
        for server in (self.kafka, self.postgres, self.questdb):
            server.stop()


def start_servers(folder: Path) -> Servers:
    """Return fresh servers that answer."""
    servers = Servers(new_kafka(folder / "kafka"), new_postgres(folder / "postgres"), new_questdb(folder / "questdb"))
    try:
        for server in (servers.kafka, servers.postgres, servers.questdb):
            server.start()
    except Unavailable:
        servers.stop()
        raise
    return servers


def new_kafka(folder: Path) -> Kafka:
    return Kafka(artifacts.fetch("kafka", artifact_cache(), quiet), folder, *steady_ports(2))


def new_postgres(folder: Path) -> Postgres:
    return Postgres(folder, *steady_ports(1))


def new_questdb(folder: Path) -> QuestDB:
    return QuestDB(artifacts.fetch("questdb", artifact_cache(), quiet), folder, *steady_ports(3))


def steady_ports(count: int) -> list[int]:
    """Return free ports that the kernel gives to no client, so that a server that was away finds its own again."""
    first_given = int(EPHEMERAL.read_text().split()[0])
    choice = random.SystemRandom().sample(range(first_given - PORTS_BELOW, first_given), PORTS_BELOW)
    free = (port for port in choice if is_free(port))
    return [next(free) for _ in range(count)]


def end_by(server: Server, number: signal.Signals) -> None:
    """End a server by a signal, without a word by SIGKILL; return when its process is gone."""
    server.process.stop(timeout_s=60, number=number)


def new_database(postgres: Postgres, name: str) -> str:
    """Make a database and return its address."""
    postgres.ensure_database(name)
    return postgres.url(name)


def drop_database(postgres: Postgres, name: str) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a file system in memory of that size on the folder; a machine that does not let us is skipped."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this machine does not let us mount a small disk: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - where mount stands


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Leave not a byte free on the disk; afterwards the space is there again."""
    ballast = disk / "ballast"
    try:
        fill(ballast)
        yield
    finally:
        ballast.unlink()


def fill(ballast: Path) -> None:
    """Make the file as large as the disk lets it be."""
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(bytes(size)):
                    os.fsync(file.fileno())
