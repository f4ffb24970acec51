"""`twilight audit` of a core whose chain has not answered."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.audit.auditing import archive_and_audit
from tests.core.chain.test_kills import Story
from tests.core.processes import running, until
from tests.core.traffic import create

from twilight.bus import TopicSpec, ensure

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


def test_what_the_chain_owes_is_in_flight_and_lost_only_if_no_intent_was_written(
    environment: dict[str, str], postgres: Callable[[], str], topic: Callable[[str], str], tmp_path: Path
) -> None:
    story = Story(environment, tmp_path)
    story.environment["ZKOS_SERVER_URL"] = f"fake:{story.chain}?latency_ms=3600000"
    elsewhere = topic("no-intents")
    ensure(environment["BROKER"], [TopicSpec(elsewhere)])
    with running(story.environment, tmp_path / "core.log") as core:
        story.send(create("alice", f"REQID{1:064X}"))
        until(lambda: story.chain.exists() and story.messages(), "the chain is asked", 30)
        found = archive_and_audit(story.environment, core.address, postgres(), tmp_path / "archiver.log")
        with pytest.raises(AssertionError, match="offset 0: not yet consumed"):
            archive_and_audit(
                {**story.environment, "CORE_INTENT_TOPIC": elsewhere},
                core.address,
                postgres(),
                tmp_path / "second.log",
            )

    assert "commands=1 answered=0 repeated=0 waiting=0 in_flight=1" in found
    assert "in_flight=1 open=1" in found
