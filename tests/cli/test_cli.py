"""The `twilight` command as a user meets it."""

import subprocess
import sys
from pathlib import Path


def _twilight(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "twilight", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_help_names_every_group_of_commands() -> None:
    shown = _twilight("--help")
    assert shown.returncode == 0
    for name in ("up", "down", "status", "logs", "core", "feeder", "archiver", "api", "wire", "local"):
        assert f" {name} " in shown.stdout


def test_an_unknown_command_is_refused_with_its_name() -> None:
    refused = _twilight("conquer")
    assert refused.returncode == 2
    assert "conquer" in refused.stderr


def test_a_feeder_s_records_are_asked_for_in_one_line_where_no_exchange_runs(tmp_path: Path) -> None:
    asked = _twilight("feeder", "explain", "5", "--data", str(tmp_path))
    assert asked.returncode == 2
    assert asked.stderr.splitlines() == [
        "no exchange runs here: name its folder with --data, records with --files, or set BROKER"
    ]


def test_a_check_of_nothing_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").touch()
    for path in (tmp_path, tmp_path / "records.jsonl"):
        checked = _twilight("wire", "check", str(path))
        assert checked.returncode == 1
        assert "found none" in checked.stderr


def test_a_command_loads_no_other_service() -> None:
    program = """
import sys
from twilight.cli import app
try:
    app(["wire", "--help"], standalone_mode=False)
except SystemExit:
    pass
sys.exit(any(name.startswith(("twilight.api", "twilight.core", "twilight.archiver")) for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0
