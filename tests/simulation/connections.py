"""How one process reaches the clusters: the ports of `core.ports`, with everything that can go wrong between."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.simulation.cluster import Cluster, Transaction
from tests.simulation.election import Election, Member
from tests.simulation.machine import Killed, Process
from tests.simulation.virtual_time import NS

from twilight.bus import MESSAGE_BYTES_MAX, Aborted, Fenced, Outgoing, Record
from twilight.bus.topics import TopicSettings
from twilight.ops.errors import Unavailable

ADMIN_TIMEOUT_S = 10.0
SHORT_READ = 0.2
LATE_READ = 0.05
REWIND = 0.3
REWIND_RECORDS_MAX = 20


@dataclass
class Odds:
    """How often a commit goes wrong, each between 0 and 1."""

    abort: float = 0.0
    request_lost: float = 0.0
    answer_lost: float = 0.0


class SimReader:
    """Stands where `bus.LogReader` stands."""

    def __init__(self, process: Process, cluster: Cluster, topic: str, start: int) -> None:
        self._process = process
        self._cluster = cluster
        self._topic = cluster.ensure(topic)
        self._next = start
        self._has_read = False

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        self._process.meet("read")
        found = self._fetch(max_records)
        if not found and timeout_s > 0:
            self._process.sleep(timeout_s)
            found = self._fetch(max_records)
        return found

    @property
    def is_away(self) -> bool:
        return self._process.is_offline or self._cluster.is_down()

    def position(self) -> int:
        return self._next if self._has_read else -1001

    def end_offset(self) -> int:
        self._process.ask("end offset", is_down=self._cluster.is_down, timeout_s=ADMIN_TIMEOUT_S)
        return self._topic.stable_end

    def close(self) -> None:
        """A reader holds nothing that outlives it."""

    def _fetch(self, max_records: int) -> list[Record]:
        random = self._process.random
        if self._process.is_offline or self._cluster.is_down() or random.random() < LATE_READ:
            return []
        most = random.randint(1, max_records) if random.random() < SHORT_READ else max_records
        found: list[Record] = []
        while self._next < self._topic.stable_end and len(found) < most:
            entry = self._topic.entries[self._next]
            self._next += 1
            self._has_read = True
            if entry.is_visible and entry.record is not None:
                found.append(entry.record)
        return found


class SimWriter:
    """Stands where `bus.TransactionalProducer` stands."""

    def __init__(self, process: Process, cluster: Cluster, transactional_id: str, timeout_s: float, odds: Odds) -> None:
        self._process = process
        self._cluster = cluster
        self._id = transactional_id
        self._timeout_s = timeout_s
        self._odds = odds
        self._epoch = -1

    def init(self, timeout_s: float | None = None) -> None:
        timeout_s = timeout_s or self._timeout_s
        self._process.ask("init", is_down=self._cluster.is_down, timeout_s=timeout_s)
        self._wait_for_markers("init: a transaction is still being completed")
        self._epoch = self._cluster.take_over(self._id, self._process.name)
        self._wait_for_markers("init: a transaction is still being rolled back")
        self._process.meet("initialised")

    def publish(self, records: Iterable[Outgoing]) -> dict[str, int]:
        try:
            return self._publish(records)
        except Unavailable as away:
            self._process.fenced = True
            raise Aborted(str(away)) from away
        except (Fenced, Aborted):
            self._process.fenced = True
            raise

    def _publish(self, records: Iterable[Outgoing]) -> dict[str, int]:
        self._reach("begin")
        self._wait_for_markers("begin: the transaction before is still being completed")
        transaction = self._cluster.begin(self._id, self._epoch, self._timeout_s)
        offsets = {record[0]: self._produce(transaction, number, record) for number, record in enumerate(records)}
        self._commit(transaction)
        self._process.written.update(offsets)
        return offsets

    def _produce(self, transaction: Transaction, number: int, record: Outgoing) -> int:
        if number < 3 or number % 16 == 0:
            self._reach("produce")
        topic, key, value = record
        return self._cluster.append_within(self._id, transaction, topic, key, value)

    def _commit(self, transaction: Transaction) -> None:
        self._reach("commit")
        chance = self._process.random.random()
        if chance < self._odds.abort:
            self._cluster.abort(self._id, transaction)
            raise Aborted("the brokers rolled the transaction back")
        if chance < self._odds.abort + self._odds.request_lost:
            self._process.sleep(self._timeout_s)
            raise Aborted("no answer: the request was lost")
        self._cluster.commit(self._id, transaction)
        if chance < self._odds.abort + self._odds.request_lost + self._odds.answer_lost:
            self._process.sleep(self._timeout_s)
            raise Aborted("no answer: the answer was lost")
        self._process.meet("committed")

    def _reach(self, what: str) -> None:
        self._process.ask(what, is_down=self._cluster.is_down, timeout_s=self._timeout_s)

    def _wait_for_markers(self, what: str) -> None:
        deadline_ns = self._process.time.now_ns + int(self._timeout_s * NS)
        while self._cluster.coordinator(self._id).is_busy:
            if self._process.time.now_ns > deadline_ns:
                raise Unavailable(what)
            self._process.sleep(0.02)


class SimMembership:
    """Stands where `core.leader.Leadership` stands."""

    def __init__(self, process: Process, election: Election, member: Member) -> None:
        self._process = process
        self._election = election
        self._member = member

    @property
    def lost(self) -> bool:
        return self._member.lost

    def poll(self, timeout_s: float = 0.0) -> bool:
        self._process.meet("poll", (0.0, 0.0))
        if timeout_s:
            self._process.sleep(timeout_s)
        return self._member.leads

    def close(self) -> None:
        """A member with a name of its own does not leave: the group notices when its session times out."""


@dataclass
class SimKafka:
    """Stands where `core.ports.RealKafka` stands, for one process."""

    process: Process
    clusters: Mapping[str, Cluster]
    election: Election
    odds: Odds

    def ensure(self, brokers: str, names: Sequence[str]) -> dict[str, str]:
        cluster = self._reach("ensure topics", brokers)
        return {name: cluster.ensure(name).topic_id for name in names}

    def topic_settings(self, brokers: str, topic: str) -> TopicSettings:  # noqa: ARG002 - the cluster's signature
        return TopicSettings("delete", MESSAGE_BYTES_MAX)

    def topic_ids(self, brokers: str, names: Sequence[str]) -> dict[str, str]:
        cluster = self._reach("topic ids", brokers)
        missing = [name for name in names if name not in cluster.topics]
        if missing:
            raise Unavailable(f"no topic {missing}")
        return {name: cluster.topics[name].topic_id for name in names}

    def reader(self, brokers: str, topic: str, start: int | None) -> SimReader:
        """Begin at the offset, or, on an order queue, a little before: delivery again after a restart is allowed."""
        first, random = start or 0, self.process.random
        if topic.startswith("CLIENT-REQUEST") and random.random() < REWIND:
            first = max(0, first - random.randint(1, REWIND_RECORDS_MAX))
        return SimReader(self.process, self.clusters[brokers], topic, first)

    def writer(self, brokers: str, transactional_id: str, timeout_s: float) -> SimWriter:
        return SimWriter(self.process, self.clusters[brokers], transactional_id, timeout_s, self.odds)

    def membership(self, brokers: str, instance: str, topic: str) -> SimMembership:
        assert brokers in self.clusters, topic
        return SimMembership(self.process, self.election, self.election.join(instance, self.process))

    def in_background(self, _name: str, work: object) -> None:
        """Run it as another thread of the same process."""

        def until_killed() -> None:
            try:
                work()  # type: ignore[operator]
            except Killed:
                pass
            except Exception as fault:  # noqa: BLE001 - told by the run
                self.process.complain(f"a background thread failed: {fault!r}")

        self.process.time.spawn(until_killed)

    def _reach(self, what: str, brokers: str) -> Cluster:
        cluster = self.clusters[brokers]
        self.process.ask(what, is_down=cluster.is_down, timeout_s=ADMIN_TIMEOUT_S)
        return cluster
