"""Taking the lead: what a core does between its turn and its first event, in a world without servers."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from twilight.bus import MESSAGE_BYTES_MAX, Fenced, Outgoing, Record
from twilight.bus.topics import TopicSettings
from twilight.core.clock import Clock
from twilight.core.durability.snapshot import SnapshotFiles
from twilight.core.inputs.feed import Feed
from twilight.core.loop import Inbox
from twilight.core.ports import RealKafka, World
from twilight.core.server import Core, Surroundings
from twilight.core.settings import CoreSettings
from twilight.ops.errors import Unavailable
from twilight.ops.health import Health


class EmptyReader:
    is_away = False

    def read(self, max_records: int, timeout_s: float) -> list[Record]:  # noqa: ARG002 - the reader's signature
        return []

    def position(self) -> int:
        return 0

    def end_offset(self) -> int:
        return 0

    def close(self) -> None: ...


@dataclass
class Member:
    """Leads until it is put out of the group; to be polled is what keeps it in."""

    leads: bool = True
    lost: bool = False
    polls: int = 0

    def poll(self, timeout_s: float = 0.0) -> bool:  # noqa: ARG002 - the membership's signature
        self.polls += 1
        return self.leads

    def close(self) -> None: ...


@dataclass
class Cluster(RealKafka):
    """A cluster whose coordinator of transactions is away at first; `on_init` happens at each call of it."""

    on_init: Callable[[int], None]
    member: Member = field(default_factory=Member)
    inits: int = 0
    written: list[Outgoing] = field(default_factory=list)

    def ensure(self, brokers: str, names: Sequence[str]) -> dict[str, str]:  # noqa: ARG002 - the cluster's signature
        return dict.fromkeys(names, "id")

    def topic_settings(self, brokers: str, topic: str) -> TopicSettings:  # noqa: ARG002 - the cluster's signature
        return TopicSettings("delete", MESSAGE_BYTES_MAX)

    def reader(self, *_: object) -> EmptyReader:  # type: ignore[override]
        return EmptyReader()

    def writer(self, *_: object) -> "Cluster":  # type: ignore[override]
        return self

    def membership(self, *_: object) -> Member:  # type: ignore[override]
        return self.member

    def init(self, timeout_s: float | None = None) -> None:  # noqa: ARG002 - the writer's signature
        self.inits += 1
        self.on_init(self.inits)

    def publish(self, records: Iterable[Outgoing]) -> dict[str, int]:
        self.written += records
        return {topic: number for number, (topic, _, _) in enumerate(self.written)}


class Patience:
    """Stands where `ops.lifecycle.Stop` stands: never asked, and waits for nothing."""

    asked = False

    def is_set(self) -> bool:
        return self.asked

    def wait_blocking(self, _timeout_s: float) -> bool:
        return self.asked


def core_in(cluster: Cluster, folder: Path) -> Core:
    settings = CoreSettings(broker="nowhere:9092", price_feeds="ws://nowhere/v1/ws", price_feed_keys="00" * 32)
    clock = Clock(sleep=lambda _seconds: None)
    return Core(
        Surroundings(
            settings,
            clock,
            Feed(settings.feed_keys, skew_ms_max=2_000, started_ms=0),
            Inbox(deque(), deque()),
            Health(),
            Patience(),  # type: ignore[arg-type]
            SnapshotFiles(folder / "snapshot"),
            "core-a",
            World(cluster, lambda _name, _work: None, lambda: "85c5b2e5-bcda-4ab1-9b83-2de488aa6357"),
        )
    )


def test_a_core_that_lost_the_lead_while_it_waited_for_kafka_fences_nobody(tmp_path: Path) -> None:
    def away(_times: int) -> None:
        raise Unavailable("the coordinator of transactions is away")

    def put_out_at_the_third(times: int) -> None:
        cluster.member.leads = times < 3
        away(times)

    cluster = Cluster(put_out_at_the_third)
    with pytest.raises(Fenced, match="does not lead any more"):
        core_in(cluster, tmp_path).run()
    assert (cluster.inits, cluster.written) == (3, [])


def test_a_core_that_lost_the_lead_while_it_took_over_writes_nothing(tmp_path: Path) -> None:
    def put_out(_times: int) -> None:
        cluster.member.leads = False

    cluster = Cluster(put_out)
    with pytest.raises(Fenced, match="does not lead any more"):
        core_in(cluster, tmp_path).run()
    assert cluster.written == []


def test_a_core_that_waits_for_kafka_keeps_its_place_in_the_group(tmp_path: Path) -> None:
    polls: list[int] = []

    def away_at_first(times: int) -> None:
        polls.append(cluster.member.polls)
        if times < 4:
            raise Unavailable("the coordinator of transactions is away")
        cluster.member.leads = False  # ends the run once it has led

    cluster = Cluster(away_at_first)
    with pytest.raises(Fenced):
        core_in(cluster, tmp_path).run()
    assert polls == [1, 2, 3, 4]
