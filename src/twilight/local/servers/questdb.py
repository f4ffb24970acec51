"""QuestDB: candles and prices, one Java process on loopback (stack.md 1)."""

from pathlib import Path

from twilight.local.servers.process import LOOPBACK, Process, Server, answers, java

START_TIMEOUT_S = 180.0
USER = "quest"
PASSWORD = "my_password"  # noqa: S105 - the seed's published default (storage specification 7.1), loopback only

_CONFIG = """\
http.bind.to={host}:{http}
http.min.enabled=false
pg.net.bind.to={host}:{pg}
pg.user={user}
pg.password={password}
line.tcp.net.bind.to={host}:{line}
line.udp.enabled=false
telemetry.enabled=false
metrics.enabled=false
"""


class QuestDB(Server):
    """A QuestDB whose data lives in `folder`; `jars` is the folder of its archive."""

    def __init__(
        self, jars: Path, folder: Path, http_port: int, pg_port: int, line_port: int, *, log: Path | None = None
    ) -> None:
        self._folder = folder
        self._ports = {"http": http_port, "pg": pg_port, "line": line_port}
        self.http_url = f"http://{LOOPBACK}:{http_port}"
        self.pg_url = f"postgresql://{USER}:{PASSWORD}@{LOOPBACK}:{pg_port}/qdb"
        self.line_address = f"{LOOPBACK}:{line_port}"
        super().__init__("questdb", Process("questdb", self._command(jars), log or folder / "questdb.log"))

    def _command(self, jars: Path) -> list[str]:
        jar = next(jars.glob("questdb-*.jar"))
        exports = ("java.base/jdk.internal.math=io.questdb", "java.base/jdk.internal.vm=io.questdb")
        opened = [word for export in exports for word in ("--add-exports", export)]
        heap = ["-Xmx512m", "-XX:+UseSerialGC"]
        module = ["-p", str(jar), "-m", "io.questdb/io.questdb.ServerMain", "-d", str(self._folder)]
        return java([*heap, *opened, *module])

    def start(self) -> None:
        """Start it on the data that is there; return when it answers.

        Raises:
            Unavailable: it ended or did not answer in time.
        """
        config = self._folder / "conf" / "server.conf"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(_CONFIG.format(host=LOOPBACK, user=USER, password=PASSWORD, **self._ports))
        self.process.start()
        self.process.wait_until(lambda: all(answers(port) for port in self._ports.values()), START_TIMEOUT_S)
