"""Folding recordings: what is ours to the end, what is the reference's as far as it makes sense."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.audit.story import log_records

from twilight.bus import Producer, TopicSpec, ensure
from twilight.core.replay import ForeignLog, LogSettings, RawRecord, from_file, from_kafka, replay
from twilight.ops.errors import Corrupt


@pytest.fixture
def reference_log(shared_dir: Path) -> Path:
    return shared_dir / "data" / "reference-log" / "CoreEventLogTopic.jsonl.gz"


def twilight(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "twilight", "core", "replay", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def ours() -> Iterator[RawRecord]:
    return ((record.offset, record.key, record.value, record.timestamp_ms) for record in log_records())


def test_a_log_of_the_reference_is_refused_in_one_line_that_says_why_and_what_to_do(reference_log: Path) -> None:
    refused = twilight(str(reference_log))

    line = refused.stderr.splitlines()[0]
    assert refused.returncode == 1
    assert line.startswith("expected a log of this core, found one of the reference")
    assert "the event at offset 1025 cannot be folded: expected a whole number, found 90123.4494" in line
    assert "--until 1024" in line
    assert "Traceback" not in refused.stderr


def test_what_stands_before_it_is_folded(reference_log: Path) -> None:
    folded = twilight(str(reference_log), "--until", "1024", "--json")

    assert folded.returncode == 0
    figures = json.loads(folded.stdout)
    assert (figures["offset"], figures["events"], figures["orders"]) == (1024, 1025, 3)


def test_an_order_of_the_reference_that_ends_twice_is_refused_like_a_fraction(reference_log: Path) -> None:
    without_totals = (record for record in from_file(reference_log) if not announces_totals(record[2] or b""))

    with pytest.raises(ForeignLog, match=r"offset 7241 cannot be folded: order \S+ left the book without being in it"):
        replay(without_totals)


def announces_totals(value: bytes) -> bool:
    """Return whether the event only shows sums, in which the reference has fractions long before."""
    return value.startswith((b'{"RiskEngineUpdate"', b'{"PositionSizeLogDBUpdate"')) and b'"Set' not in value[:40]


def test_what_is_no_event_log_at_all_is_not_taken_for_a_foreign_one(reference_log: Path) -> None:
    refused = twilight(str(reference_log.with_name("CLIENT-REQUEST.jsonl.gz")))
    assert refused.stderr.startswith("the event at offset 0 cannot be folded: UNKNOWN_EVENT")


@pytest.mark.servers
def test_a_log_on_kafka_is_read_to_its_end_which_is_told_first(kafka: str, topic: Callable[[str], str]) -> None:
    settings = LogSettings(broker=kafka, core_event_log=topic("log"))
    ensure(kafka, [TopicSpec(settings.core_event_log)])
    producer = Producer(kafka)
    for record in (whole := list(ours())):
        producer.send(settings.core_event_log, record[1], record[2] or b"")
    producer.flush(30)
    ends: list[int] = []
    assert replay(from_kafka(settings, ends.append)).state_hash == replay(iter(whole)).state_hash
    assert ends == [len(whole)]


def test_a_log_of_ours_that_cannot_be_folded_is_not_taken_for_a_foreign_one() -> None:
    *_, last = ours()
    twice = [*ours(), *(record for record in ours() if b'"SETTLED"' in (record[2] or b"")[:700])]

    with pytest.raises(Corrupt, match="left the book without being in it") as found:
        replay(iter(twice))

    assert not isinstance(found.value, ForeignLog)
    assert replay(ours()).offset == last[0]
