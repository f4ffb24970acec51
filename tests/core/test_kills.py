"""The real process on the real Kafka, killed at random moments under load (issue: nothing lost, nothing doubled)."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.audit.auditing import archive_and_audit
from tests.core.load import load
from tests.core.processes import CoreProcess, running, until
from tests.core.traffic import answers, answers_due, assert_each_command_was_answered_once, whole_log

from twilight.core.replay import LogSettings, from_kafka, replay

KILLS = 20

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]


def settle(core: CoreProcess, environment: dict[str, str]) -> tuple[str, int]:
    """Wait until the core has answered all that was sent and fell silent; return its hash and the hash's offset."""
    brokers, sent = environment["BROKER"], whole_log(environment["BROKER"], environment["RPC_CLIENT_REQUEST"])

    last = max(offset for offset, owed in answers_due(sent).items() if owed)

    def caught_up() -> bool:
        log = whole_log(brokers, environment["CORE_EVENT_LOG"])
        return max((int(meta.get("offset", -1)) for meta, _ in answers(log)), default=-1) == last

    until(caught_up, "every command is answered", 60)
    return hash_of(core)


def hash_of(core: CoreProcess) -> tuple[str, int]:
    found = until(lambda: core.readiness() if "state_hash" in core.readiness() else None, "there is a hash", 20)
    return found["state_hash"], found["state_hash_offset"]


def log_settings(environment: dict[str, str]) -> LogSettings:
    return LogSettings(broker=environment["BROKER"], core_event_log=environment["CORE_EVENT_LOG"])


def assert_nothing_lost_and_nothing_doubled(core: CoreProcess, environment: dict[str, str]) -> None:
    found, offset = settle(core, environment)
    assert replay(from_kafka(log_settings(environment)), until=offset).state_hash == found
    sent = whole_log(environment["BROKER"], environment["RPC_CLIENT_REQUEST"])
    log = whole_log(environment["BROKER"], environment["CORE_EVENT_LOG"])
    assert_each_command_was_answered_once(sent, log, environment["RPC_CLIENT_REQUEST"])


def test_twenty_kills_under_load_lose_nothing_and_double_nothing(
    environment: dict[str, str], postgres: Callable[[], str], tmp_path: Path, tell: Callable[[str], None]
) -> None:  # W-25
    moments = random.Random(7)
    environment["SNAPSHOT_INTERVAL_S"] = "3"
    with running(environment, tmp_path / "core.log") as core:
        with load(environment, per_s=200):
            for _ in range(KILLS):
                core.until_serving()
                time.sleep(moments.uniform(0.05, 1.0))
                core.kill()
                core.start()
            core.until_serving()
            time.sleep(1)
        assert_nothing_lost_and_nothing_doubled(core, environment)
        archive_and_audit(environment, core.address, postgres(), tmp_path / "archiver.log")
    tell(f"kills of the core survived: {KILLS} of {KILLS}")


def test_a_standby_takes_over_within_ten_seconds_of_the_active_cores_death(
    environment: dict[str, str], postgres: Callable[[], str], tmp_path: Path
) -> None:
    other = {**environment, "DATA_DIR": str(tmp_path / "core-b")}
    with running(environment, tmp_path / "a.log") as active:
        active.until_role("leader")
        with running(other, tmp_path / "b.log") as standby, load(environment, per_s=100):
            standby.until_role("standby")
            time.sleep(2)
            active.kill()
            standby.until_role("leader", timeout_s=10)
            time.sleep(1)
        with running(other, tmp_path / "b.log") as standby:
            standby.until_role("leader")
            assert_nothing_lost_and_nothing_doubled(standby, environment)
            archive_and_audit(environment, standby.address, postgres(), tmp_path / "archiver.log")
