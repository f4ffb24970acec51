"""`twilight up` as a newcomer uses it: the whole exchange, killed part by part, stopped, and started again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.conftest import artifact_cache, quiet

from twilight.local import artifacts
from twilight.local.files import FileLock
from twilight.local.layout import Layout
from twilight.local.plan import Source
from twilight.local.run import check_source
from twilight.local.servers import Kafka, Postgres, QuestDB, free_ports
from twilight.ops.errors import SettingsError

READY_S = 240.0
PARTS = ("traders", "api", "core", "archiver", "feeder", "venues", "questdb", "postgres", "kafka")


class Exchange:
    """The command, on one data folder."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        own = {"API_ADDR": "127.0.0.1:0", "TWILIGHT_DOWNLOADS": str(artifact_cache())}
        self._environment = {**os.environ, **own, **environment}

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "twilight", *arguments, "--data", str(self.data)]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=READY_S
        )

    def audit(self) -> None:
        """Prove that the books are right."""
        audited = self.run("audit")
        assert audited.returncode == 0, audited.stdout + audited.stderr

    def status(self) -> dict[str, Any]:
        return json.loads(self.run("status", "--json").stdout)

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + READY_S
        while not condition(found := self.status()):
            assert time.monotonic() < deadline, found
            assert found["state"] in ("ready", "degraded"), found
            time.sleep(1)
        return found


def part(status: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in status["parts"] if each["name"] == name)


@pytest.mark.servers
@pytest.mark.timeout(900)
def test_the_whole_exchange_trades_survives_the_kill_of_each_part_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    try:
        started = exchange.run("up", "--detach")
        assert started.returncode == 0, started.stdout + started.stderr
        traded = exchange.until(lambda status: status["state"] == "ready" and status["market"]["last_trade"])
        assert traded["market"]["source"] == "local"
        assert traded["market"]["price"] > 0
        assert [each["name"] for each in traded["parts"] if each["state"] != "ready"] == []
        for name in PARTS:
            os.kill(part(exchange.status(), name)["pid"], signal.SIGKILL)
            exchange.until(lambda status, name=name: part(status, name)["restarts"] == 1)
        recovered = exchange.until(
            lambda status: status["state"] == "ready" and status["market"]["sequence"] > traded["market"]["sequence"]
        )
        exchange.audit()
        audit = exchange.run("audit")
        assert audit.returncode == 0, audit.stdout + audit.stderr
        assert exchange.run("down").returncode == 0
        assert exchange.status()["state"] == "stopped"
        assert exchange.run("up", "--detach").returncode == 0
        again = exchange.until(lambda status: status["state"] == "ready" and status["market"]["sequence"] is not None)
        assert again["market"]["sequence"] > recovered["market"]["sequence"]
        exchange.audit()
    finally:
        exchange.run("down")


@pytest.mark.servers
@pytest.mark.timeout(600)
def test_servers_that_are_already_there_are_used_and_left_running(tmp_path: Path) -> None:
    jars = {name: artifacts.fetch(name, artifact_cache(), quiet) for name in ("kafka", "questdb")}
    postgres = Postgres(tmp_path / "postgres", *free_ports(1))
    kafka = Kafka(jars["kafka"], tmp_path / "kafka", *free_ports(2))
    questdb = QuestDB(jars["questdb"], tmp_path / "questdb", *free_ports(3))
    servers = (postgres, kafka, questdb)
    try:
        for server in servers:
            server.start()
        exchange = Exchange(
            tmp_path / "exchange",
            BROKER=kafka.brokers,
            DATABASE_URL=postgres.url(),
            QUESTDB_URL=questdb.pg_url,
            QUESTDB_HTTP_URL=questdb.http_url,
        )
        started = exchange.run("up", "--detach")
        assert started.returncode == 0, started.stdout + started.stderr
        status = exchange.until(lambda status: status["state"] == "ready" and status["market"]["last_trade"])
        states = {each["name"]: each["state"] for each in status["parts"]}
        assert {name for name, state in states.items() if state == "external"} == {"kafka", "postgres", "questdb"}
        exchange.audit()
        assert exchange.run("down").returncode == 0
        assert all(server.is_running() for server in servers)
        with psycopg.connect(postgres.url()) as connection:
            assert connection.execute("SELECT count(*) > 0 FROM trade").fetchone() == (True,)
    finally:
        exchange.run("down")
        for server in servers:
            server.stop()


def test_a_taken_port_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        refused = Exchange(tmp_path, API_ADDR=f"127.0.0.1:{port}").run("up")
    assert refused.returncode == 2
    expected = f"port {port} is taken: end what listens there, or set API_ADDR=127.0.0.1:0 for a free one\n"
    assert refused.stderr.endswith(expected)
    assert refused.stdout == ""


def test_a_folder_that_is_in_use_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    lock = FileLock(Layout(tmp_path).lock)
    assert lock.take()
    refused = Exchange(tmp_path).run("up")
    lock.close()
    assert refused.returncode == 2
    assert refused.stderr.endswith(
        f"{tmp_path} is in use by another twilight up: `twilight down` ends it, or name another folder with --data\n"
    )


@pytest.mark.parametrize("options", [[], ["--detach"]])
def test_a_server_that_is_named_but_away_is_one_line_that_says_what_to_do(tmp_path: Path, options: list[str]) -> None:
    refused = Exchange(tmp_path, BROKER="127.0.0.1:1").run("up", *options)
    assert refused.returncode == 1
    assert refused.stderr.endswith(
        "BROKER names 127.0.0.1:1, where nothing answers: start it, or set or unset BROKER\n"
    )
    assert "BROKER names" not in refused.stdout


def test_a_questdb_that_answers_queries_but_takes_no_rows_is_told_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as queries:
        url = f"postgresql://u:p@127.0.0.1:{queries.getsockname()[1]}/qdb"
        refused = Exchange(tmp_path, QUESTDB_URL=url, QUESTDB_HTTP_URL="http://127.0.0.1:1").run("up")
    assert refused.returncode == 1
    assert "QUESTDB_HTTP_URL names 127.0.0.1:1, where nothing answers" in refused.stderr


@pytest.mark.parametrize(
    ("source", "recording", "told"),
    [
        (Source.REPLAY, None, "--market replay FILE"),
        (Source.REPLAY, Path("nowhere.jsonl"), "nowhere.jsonl is no file"),
        (Source.LOCAL, Path("some.jsonl"), "only --market replay takes a file"),
    ],
)
def test_a_market_that_cannot_be_played_is_refused(source: Source, recording: Path | None, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        check_source(source, recording)


def test_what_never_ran_is_not_stopped_and_has_no_status(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    assert exchange.run("down").stdout == "nothing runs\n"
    shown = exchange.run("status")
    assert (shown.returncode, shown.stdout) == (2, "")
    assert "nothing was ever started here" in shown.stderr


def test_a_data_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    Exchange(tmp_path / "fresh").run("status")
    assert (tmp_path / "fresh").stat().st_mode & 0o077 == 0


def test_the_log_of_an_unknown_part_is_refused_with_the_parts_that_there_are(tmp_path: Path) -> None:
    Layout(tmp_path).log("core").parent.mkdir()
    Layout(tmp_path).log("core").write_text("one\ntwo\nthree\n")
    exchange = Exchange(tmp_path)
    assert exchange.run("logs", "core", "-n", "2").stdout == "two\nthree\n"
    assert "there are core" in exchange.run("logs", "moon").stderr
