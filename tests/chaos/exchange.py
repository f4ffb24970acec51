"""A whole exchange under load on servers that are hurt, and the proof that its books are right afterwards."""

import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from tests.audit.auditing import audit
from tests.chaos.kept import Keeper, Kept
from tests.chaos.servers import Servers, drop_database, new_database, steady_ports
from tests.core.load import load
from tests.core.processes import TOKEN, TickServer, administer, serves, until

from twilight.local.servers import Postgres
from twilight.local.servers.process import LOOPBACK

LOAD_PER_S = 20
Say = Callable[[str], None]


class Exchange:
    """Cores and archivers, an active one and a standby of each, between the servers; `say` shows how far it is."""

    def __init__(
        self, servers: Servers, environment: dict[str, str], folder: Path, say: Say, ticks: TickServer
    ) -> None:
        self.servers = servers
        self.environment = environment
        self.say = say
        self.ticks = ticks
        self._admin = {name: f"{LOOPBACK}:{steady_ports(1)[0]}" for name in ("core-a", "core-b")}
        data = Path(environment["DATA_DIR"])
        self.cores = [
            Kept(
                name,
                ["core", "run"],
                environment | {"DATA_DIR": str(data / name), "RELAYER_SERVER_SOCKETADDR": address},
                folder,
            )
            for name, address in self._admin.items()
        ]
        self.archivers = [Kept(name, ["archiver", "run"], environment, folder) for name in ("archiver-a", "archiver-b")]

    @property
    def database(self) -> str:
        """The name of the database of this exchange."""
        return self.environment["DATABASE_URL"].rsplit("/", 1)[1]

    @property
    def members(self) -> list[Kept]:
        return [*self.cores, *self.archivers]

    def leader(self, timeout_s: float = 90) -> Kept:
        """Return the core that leads and reads its queues, as soon as one does."""
        return until(lambda: next((c for c in self.cores if serves(c.ready())), None), "a core serves", timeout_s)

    def administer(self, method: str, params: object) -> None:
        """Let the leader do what an administrator asks for."""
        found = administer(self._admin[self.leader().name], method, params)
        assert "result" in found, found

    def standby(self) -> Kept:
        """Return the core that stands by, as soon as one does."""
        return until(lambda: next((c for c in self.cores if c.has_role("standby")), None), "a core stands by", 90)

    def active_archiver(self, timeout_s: float = 120) -> Kept:
        """Return the archiver that writes the event log, as soon as one does."""
        return until(lambda: next((a for a in self.archivers if is_active(a)), None), "an archiver writes", timeout_s)

    def audit(self) -> None:
        """Prove with `twilight audit` that the books are right; it waits until all have come to the log's end."""
        begun = time.monotonic()
        found = audit(self.environment, self.leader().address)
        fold = next(line for line in found.splitlines() if "log fold" in line)
        self.say(f"audit: right, in {time.monotonic() - begun:.0f} s; {' '.join(fold.split())}")

    def until_archived(self) -> None:
        """Return when what stands in the log now is in PostgreSQL."""
        end = self.leader().ready()["offset"]
        until(lambda: self.stored_until() > end, "all that is in the log is stored", 180)

    def stored_until(self) -> int:
        """Return the position of the archiver in the event log, -1 while PostgreSQL does not answer."""
        try:
            with psycopg.connect(self.environment["DATABASE_URL"], connect_timeout=5) as connection:
                found = connection.execute(
                    "SELECT next_offset FROM ingest_offset WHERE consumer = 'archiver' AND stream = 'core'"
                ).fetchone()
        except psycopg.Error:
            return -1
        return -1 if found is None else int(found[0])

    def ends(self) -> dict[str, int]:
        """Return how often each process has ended by itself."""
        return {each.name: each.ends for each in self.members if each.ends}


def is_active(archiver: Kept) -> bool:
    """Return whether an archiver writes the event log."""
    return bool(archiver.ready().get("streams", {}).get("core", {}).get("state") == "active")


@contextmanager
def running_exchange(
    servers: Servers, folder: Path, say: Say, *, per_s: float = LOAD_PER_S, silent: bool = False, **changes: str
) -> Iterator[Exchange]:
    """Run an exchange with topics, tables and folders of its own; the load ends before the last audit can begin.

    `servers` may hold another PostgreSQL than the suite's. A silent feed begins to speak when the caller says so.
    """
    with ExitStack() as stack:
        ticks = TickServer()
        ticks.silent = silent
        stack.callback(ticks.close)
        stack.enter_context(_moving(ticks))
        name = f"chaos_{uuid.uuid4().hex[:10]}"
        database_url = new_database(servers.postgres, name)
        own = {"DATA_DIR": str(folder / "data")}
        environment = environment_of(servers, name, database_url, ticks) | own | changes
        exchange = Exchange(servers, environment, folder, say, ticks)
        stack.enter_context(Keeper(exchange.members))
        exchange.leader()
        with load(environment, per_s):
            yield exchange
        exchange.audit()
        if exchange.ends():
            say(f"ended by themselves and were started again: {exchange.ends()}")
        stack.close()
        drop_database(servers.postgres, name)


def environment_of(servers: Servers, name: str, database_url: str, ticks: TickServer) -> dict[str, str]:
    """Return the settings of one exchange; its name keeps it apart from others on the same servers."""
    return {
        "BROKER": servers.kafka.brokers,
        "RPC_CLIENT_REQUEST": f"CLIENT-REQUEST-{name}",
        "RPC_CLIENT_FAILED_REQUEST": f"CLIENT-FAILED-REQUEST-{name}",
        "CORE_EVENT_LOG": f"CoreEventLogTopic-{name}",
        "RELAYER_STATE_QUEUE": f"RelayerStateQueue-{name}",
        "CORE_LEADER_TOPIC": f"CoreLeader-{name}",
        "CORE_TRANSACTIONAL_ID": f"core-{name}",
        "PRICE_FEEDS": ticks.url,
        "PRICE_FEED_KEYS": ticks.key,
        "PAYLOAD": "lenient",
        "SNAPSHOT_INTERVAL_S": "3",
        "RELAYER_SERVER_TOKEN": TOKEN,
        "DATABASE_URL": database_url,
        "ARCHIVER_KAFKA_GROUP": f"archiver-{name}",
        "QUESTDB_URL": servers.questdb.pg_url,
        "QUESTDB_HTTP_URL": servers.questdb.http_url,
        "QUESTDB_KAFKA_GROUP": f"questdb-{name}",
        "QUESTDB_TABLE_PREFIX": f"{name}_",
    }


@contextmanager
def _moving(ticks: TickServer, usd: float = 65_000, swing_usd: float = 6_000, period_s: float = 60) -> Iterator[None]:
    """Let the price swing, so that limits fill, triggers fire and positions are liquidated."""
    over = threading.Event()

    def move() -> None:
        begun = time.monotonic()
        while not over.wait(0.1):
            ticks.price = usd + swing_usd * math.sin((time.monotonic() - begun) * math.tau / period_s)

    thread = threading.Thread(target=move, name="market")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def with_postgres(servers: Servers, postgres: Postgres) -> Servers:
    """Return the servers with another PostgreSQL."""
    return Servers(servers.kafka, postgres, servers.questdb)
