"""Which parts make up the exchange, with which ports and environment: the one place that knows them all."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from twilight.feeder.keys import load_or_make
from twilight.local.files import read_json
from twilight.local.layout import Layout
from twilight.local.parts import Environment, Part, Service
from twilight.local.servers import Kafka, Postgres, QuestDB
from twilight.local.servers.postgres import api_role
from twilight.local.servers.process import LOOPBACK
from twilight.local.settings import QUESTDB_HTTP_PORT, UpSettings
from twilight.ops.errors import Unavailable
from twilight.ops.settings import host_port

DATABASE = "twilight"
NOWHERE = ("", 0)
"""The address of a part that is not elsewhere."""


class Source(StrEnum):
    """Where the market data comes from."""

    LOCAL = "local"
    REPLAY = "replay"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the operator asked for."""

    settings: UpSettings
    layout: Layout
    source: Source = Source.LOCAL
    recording: Path | None = None
    traders: int = 3
    lenders: int = 1
    ports: Mapping[str, int]
    jars: Mapping[str, Path]


class Plan:
    """The parts in the order in which they start, and the addresses that a user wants to know."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._settings = wanted.settings
        self._ports = wanted.ports
        self._kafka = None if wanted.settings.broker else self._own_kafka()
        self._postgres = None if wanted.settings.database_url else self._own_postgres()
        self._questdb = None if wanted.settings.questdb_url else self._own_questdb()
        self.parts = [*self._servers(), *self._services()]

    @property
    def brokers(self) -> str:
        """Return where Kafka is reached."""
        return self._kafka.brokers if self._kafka else self._settings.broker

    @property
    def database_url(self) -> str:
        """Return where our database is reached, as its owner."""
        return self._postgres.url(DATABASE, DATABASE) if self._postgres else self._settings.database_url

    @property
    def addresses(self) -> dict[str, str]:
        """Return what listens where, by the names that a user knows."""
        host, port = host_port(self._settings.api_addr)
        api = f"{host}:{port}"
        return {
            "api": f"http://{api}/api",
            "orders": f"http://{api}/clientapi",
            "websocket": f"ws://{api}/ws",
            "feeder": f"http://{self._loopback('feeder')}/v1/price",
            "admin": f"http://{self._loopback('core_admin')}",
            "core-ops": f"http://{self._loopback('core_ops')}",
            "kafka": self.brokers,
            "postgres": self.database_url,
            "questdb": self._questdb.http_url if self._questdb else self._settings.questdb_http,
            "questdb-pg": self._questdb.pg_url if self._questdb else self._settings.questdb_url,
        }

    def elsewhere(self) -> dict[str, tuple[str, int]]:
        """Return what is to be there already, by the setting that names it."""
        settings = self._settings
        named = {
            "BROKER": (settings.broker, 9092),
            "DATABASE_URL": (settings.database_url, 5432),
            "QUESTDB_URL": (settings.questdb_url, 8812),
            "QUESTDB_HTTP_URL": (settings.questdb_http, QUESTDB_HTTP_PORT),
        }
        return {name: _first_address(text, usual_port) for name, (text, usual_port) in named.items() if text}

    def _loopback(self, name: str) -> str:
        return f"{LOOPBACK}:{self._ports[name]}"

    def _own_kafka(self) -> Kafka:
        jars, layout, ports = self._wanted.jars["kafka"], self._wanted.layout, self._ports
        folder = layout.folder(self._settings.kafka_lock)
        return Kafka(jars, folder, ports["kafka"], ports["kafka_controller"], log=layout.log("kafka"))

    def _own_postgres(self) -> Postgres:
        layout = self._wanted.layout
        return Postgres(layout.folder("postgres"), self._ports["postgres"], log=layout.log("postgres"))

    def _own_questdb(self) -> QuestDB:
        jars, layout = self._wanted.jars["questdb"], self._wanted.layout
        ports = [self._ports[f"questdb_{kind}"] for kind in ("http", "pg", "line")]
        return QuestDB(jars, layout.folder("questdb"), *ports, log=layout.log("questdb"))

    def _servers(self) -> list[Part]:
        postgres = self._postgres
        make_database = (lambda: postgres.ensure_database(DATABASE)) if postgres else None
        named = self.elsewhere()
        return [
            Part(name="kafka", server=self._kafka, address=named.get("BROKER", NOWHERE)),
            Part(
                name="postgres",
                server=postgres,
                after_start=make_database,
                address=named.get("DATABASE_URL", NOWHERE),
            ),
            Part(name="questdb", server=self._questdb, address=named.get("QUESTDB_URL", NOWHERE)),
        ]

    def _services(self) -> list[Part]:
        market = () if self._wanted.source is Source.LIVE else ("venues",)
        parts = [
            self._service("feeder", ("feeder", "run"), ("kafka", *market), self._feeder),
            self._service("archiver", ("archiver", "run"), ("kafka", "postgres", "questdb"), self._archiver),
            self._service("core", ("core", "run"), ("kafka",), self._core),
            self._service("api", ("api", "run"), ("kafka", "postgres", "questdb"), self._api),
        ]
        if market:
            parts.insert(0, self._service("venues", self._venues(), (), dict))
        if self._wanted.traders + self._wanted.lenders > 0:
            parts.append(self._service("traders", self._traders(), ("api", "core", "feeder"), dict))
        return parts

    def _service(self, name: str, arguments: tuple[str, ...], needs: tuple[str, ...], own: Environment) -> Part:
        address = self._loopback(f"{name}_ops")

        def environment() -> dict[str, str]:
            return {"OPS_ADDR": address, "DATA_DIR": str(self._wanted.layout.root), **own()}

        server = Service(name, arguments, self._wanted.layout.log(name), environment)
        return Part(name=name, server=server, needs=needs, ops_url=f"http://{address}")

    def _venues(self) -> tuple[str, ...]:
        layout = self._wanted.layout
        paths = {"ports": layout.venue_urls, "price": layout.venue_price, "status": layout.venue_status}
        files = [word for name, path in paths.items() for word in (f"--{name}-file", str(path))]
        replay = ("--replay", str(self._wanted.recording)) if self._wanted.recording else ()
        return ("local", "venues", "--port-base", str(self._ports["venues"]), *files, *replay)

    def _traders(self) -> tuple[str, ...]:
        count = ("--traders", str(self._wanted.traders), "--lenders", str(self._wanted.lenders))
        host, port = host_port(self._settings.api_addr)
        reached = LOOPBACK if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
        return (
            "local",
            "traders",
            "--api",
            f"http://{reached}:{port}",
            "--data",
            str(self._wanted.layout.root),
            *count,
        )

    def _feeder(self) -> dict[str, str]:
        urls = {}
        if self._wanted.source is not Source.LIVE:
            found = read_json(self._wanted.layout.venue_urls, dict[str, str])
            if found is None:
                raise Unavailable("the venue servers have not written their addresses")
            urls = {f"FEEDER_{venue.upper()}_URL": url for venue, url in found.items()}
        own = {"FEEDER_ADDR": self._loopback("feeder"), "FEEDER_STATE_DIR": str(self._wanted.layout.folder("feeder"))}
        return {"BROKER": self.brokers, "FEEDER_KEY_FILE": str(self._wanted.layout.feeder_key), **own, **urls}

    def _core(self) -> dict[str, str]:
        wall_ms = time.time_ns() // 1_000_000
        key = load_or_make(self._wanted.layout.feeder_key, wall_ms)
        return {
            "BROKER": self.brokers,
            "PRICE_FEEDS": f"ws://{self._loopback('feeder')}/v1/ws",
            "PRICE_FEED_KEYS": key.public_line(wall_ms),
            "RELAYER_SERVER_SOCKETADDR": self._loopback("core_admin"),
        }

    def _archiver(self) -> dict[str, str]:
        return {"BROKER": self.brokers, "DATABASE_URL": self.database_url, **self._questdb_environment()}

    def _api(self) -> dict[str, str]:
        own = {"DATABASE_URL": self._postgres.url(DATABASE, api_role(DATABASE))} if self._postgres else {}
        return {**self._archiver(), "API_ADDR": self._settings.api_addr, **own}

    def _questdb_environment(self) -> dict[str, str]:
        addresses = self.addresses
        return {"QUESTDB_URL": addresses["questdb-pg"], "QUESTDB_HTTP_URL": addresses["questdb"]}


def _first_address(text: str, usual_port: int) -> tuple[str, int]:
    """Return host and port of the first server that a list of brokers or a URL names."""
    parts = urlsplit(text if "://" in text else f"//{text.split(',', maxsplit=1)[0]}")
    return parts.hostname or LOOPBACK, parts.port or usual_port
