"""One run: two cores, three topics on two clusters, clients, a feeder, an operator, and faults; all from one seed."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.simulation.chain import ChainJudge, unreliable
from tests.simulation.clients import Clients
from tests.simulation.cluster import SLOW_MARKER_DELAY_S, Cluster, Fate, Topic
from tests.simulation.connections import Odds
from tests.simulation.cores import CoreHost, Records
from tests.simulation.election import Election
from tests.simulation.faults import Faults
from tests.simulation.market import Market
from tests.simulation.operators import Operator
from tests.simulation.oracle import Oracle, shown_offsets
from tests.simulation.virtual_time import NS, VirtualTime

from twilight.core.settings import CoreSettings
from twilight.domain.books.snapshot import state_hash

START_NS = 1_775_000_000 * NS // (3600 * NS) * (3600 * NS) - 12 * NS
"""Twelve seconds before a full hour, so that every run funds."""
HOME, AWAY = "home:9092", "away:9092"
QUEUES = {"near": (HOME, "CLIENT-REQUEST"), "far": (AWAY, "CLIENT-REQUEST-FAR")}
EVENTS, FAILED = "CoreEventLogTopic", "CLIENT-FAILED-REQUEST"
CHAINS = 0.5
WRITE_BESIDE = 0.75
CALM_S = 5.0
CALM_TIMES_MAX = 24


@dataclass
class Outcome:
    """What a run came to."""

    seed: int
    faults: list[str]
    commands: int
    events: int
    ends: dict[str, int]
    digest: str
    """Of every byte of the event log."""

    def text(self) -> str:
        shown = "\n  ".join(self.faults[:20])
        return f"seed {self.seed} (again: TWILIGHT_SIM_SEED={self.seed} pytest tests/simulation):\n  {shown}"


@dataclass
class Run:
    """The parts of one run, put together."""

    seed: int
    folder: Path
    commands_per_s: float = 12.0
    trouble_s: float = 25.0
    time: VirtualTime = field(default_factory=lambda: VirtualTime(START_NS))
    faults: list[str] = field(default_factory=list)
    records: Records = field(default_factory=Records)
    odds: Odds = field(default_factory=Odds)
    notes: list[str] = field(default_factory=list)
    has_chain: bool | None = None
    """Whether a chain is attached; None: the seed decides."""
    writes_beside: bool | None = None
    """Whether the log is written beside the loop, as a process does it; None: the seed decides."""

    def __post_init__(self) -> None:
        if self.has_chain is None:
            self.has_chain = self._random("chain").random() < CHAINS
        if self.writes_beside is None:
            self.writes_beside = self._random("publisher").random() < WRITE_BESIDE
        self.chain_path = self.folder / "chain.jsonl"
        self.clusters = {name: Cluster(name, self.time, self._random(name)) for name in (HOME, AWAY)}
        self.queues = {name: self.clusters[brokers].ensure(topic) for name, (brokers, topic) in QUEUES.items()}
        self.log = self.clusters[HOME].ensure(EVENTS)
        self.election = Election(self.clusters[HOME], self.time, self._random("election"))
        self.market = Market(self.time, self._random("market"), lambda: [host.hear for host in self.hosts])
        self.hosts = [self._host(name) for name in ("core-a", "core-b")]
        self.clients = Clients(self._random("clients"))
        self.operator = Operator(self, self._random("operator"))
        self.trouble = Faults(self, self._random("faults"))
        self._sending = True
        self._learned = 0

    def note(self, what: str) -> None:
        """Remember what happened, for whoever looks into a seed."""
        self.notes.append(f"{(self.time.now_ns - START_NS) / NS:9.4f} {what}")

    def go(self) -> Outcome:
        """Trouble for a while, then calm until all is answered, then a clean end, then judgement."""
        for host in self.hosts:
            host.start()
        self.begin_trouble()
        self._send()
        self.time.run(self.trouble_s)
        self._sending = False
        self.trouble.heal()
        self.operator.open_again()
        self._calm_down()
        if not self.time.halted:
            self._check_live_states()
            self._stop()
        return self._outcome()

    def begin_trouble(self) -> None:
        """Let the faults of the seed begin within the first seconds."""
        self.time.after(self._random("begin").uniform(0, 3), self.trouble.begin)

    # --- the course of a run ------------------------------------------------------------------------------

    def _send(self) -> None:
        if not self._sending:
            return
        name = self.clients.random.choice(list(self.queues))
        brokers, topic = QUEUES[name]
        if not self.clusters[brokers].is_down():
            self._learn()
            self.clusters[brokers].append(topic, b"key", self.clients.next())
            if self.clients.random.random() < 0.02:
                self.clusters[brokers].leave_gap(topic)
        self.time.after(self.clients.random.expovariate(self.commands_per_s), self._send)

    def _learn(self) -> None:
        for entry in self.log.entries[self._learned : self.log.stable_end]:
            if entry.is_visible and entry.record is not None:
                self.clients.learn(entry.record)
        self._learned = self.log.stable_end

    def _calm_down(self) -> None:
        """Wait until a core leads, another follows it to the end, and every command is answered."""
        for _ in range(CALM_TIMES_MAX):
            self.time.run(CALM_S)
            if self.time.halted:
                return
            if self._all_is_answered() and {host.role for host in self.hosts} == {"leader", "standby"}:
                self.time.run(CALM_S)
                return
        shown = [host.life.around.health.as_dict() if host.life else None for host in self.hosts]
        self._fault(f"not calm after {CALM_S * CALM_TIMES_MAX} s: {shown}")
        self.time.halted = True

    def _all_is_answered(self) -> bool:
        oracle = self._oracle()
        oracle.read(self.log, ())
        return all(found.holds for found in oracle.judge_answers(self.queues))

    def _check_live_states(self) -> None:
        """The leader holds what the log says, and the standby holds the same."""
        self.market.silent = True
        self.time.run(4 * SLOW_MARKER_DELAY_S[1])
        end = self.newest_event_offset()
        self.records.shown += [(state_hash(host.state), end) for host in self.hosts]

    def _stop(self) -> None:
        for host in self.hosts:
            assert host.life is not None
            host.life.stop.set()
        self.time.run(CALM_S)
        self.faults += [f"{host.name} did not end when asked" for host in self.hosts if host.process]

    def _outcome(self) -> Outcome:
        oracle = self._oracle()
        faults = self.faults + [fault for host in self.hosts if host.life for fault in host.life.process.faults]
        if not self.time.halted:
            oracle.read(self.log, shown_offsets(self.records))
            faults += oracle.judge(self.queues, self.clusters[HOME].ensure(FAILED))
            faults += oracle.chain.judge(self.chain_path) if oracle.chain else []
        commands = sum(1 for topic in self.queues.values() for _ in topic.committed())
        ends = {end: self.records.ends.count(end) for end in sorted(set(self.records.ends))}
        return Outcome(self.seed, faults, commands, oracle.kinds.total(), ends, _digest(self.log))

    # --- parts ----------------------------------------------------------------------------------------------

    def newest_event_offset(self) -> int:
        """Return the offset of the newest event whose transaction is decided, marked or not."""
        for entry in reversed(self.log.entries):
            if entry.record and entry.transaction and entry.transaction.fate is Fate.COMMITTED:
                return entry.record.offset
        return -1

    def _oracle(self) -> Oracle:
        settings = self.hosts[0].settings
        holders = self.clusters[HOME].coordinator(settings.core_transactional_id).holders
        arrivals = self._arrivals() if settings.intake == "tick" else None
        topic_ids = {name: topic.topic_id for name, topic in self.queues.items()}
        return Oracle(self.records, holders, topic_ids, arrivals, ChainJudge() if self.has_chain else None)

    def _arrivals(self) -> dict[str, dict[int, int]]:
        return {name: {r.offset: r.timestamp_ms for r, _ in topic.committed()} for name, topic in self.queues.items()}

    def _host(self, name: str) -> CoreHost:
        return CoreHost(
            name,
            self.time,
            self._random(name),
            self._settings(),
            self.folder,
            self.clusters,
            self.election,
            self.odds,
            self.records,
            self._fault,
            bool(self.writes_beside),
        )

    def _fault(self, text: str) -> None:
        self.note(text)
        self.faults.append(text)

    def _settings(self) -> CoreSettings:
        random = self._random("settings")
        return CoreSettings(
            broker=HOME,
            order_queues=",".join(f"{name}@{brokers}/{topic}" for name, (brokers, topic) in QUEUES.items()),
            price_feeds="ws://feeder/v1/ws",
            price_feed_keys=self.market.feeder.public_key.hex(),
            payload="lenient",
            intake=random.choice(("tick", "tick", "immediate")),
            intake_ticks=random.choice((1, 1, 2)),
            batch_commands_max=random.choice((1, 3, 20, 2_000)),
            snapshot_interval_s=random.choice((1, 3, 10, 900)),
            kafka_timeout_s=random.choice((3.0, 10.0, 30.0)),
            enable_zkos_chain_transaction=bool(self.has_chain),
            zkos_server_url=unreliable(self.chain_path, self._random("chain url")) if self.has_chain else "",
            chain_answer_wait_s=1.0,
        )

    def _random(self, part: str) -> Random:
        """Return a source of chance for one part, so that parts do not disturb each other's draws."""
        return Random(f"{self.seed} {part}")


def _digest(log: Topic) -> str:
    whole = hashlib.sha256()
    for record, _ in log.committed():
        whole.update(b"%d %d %b %b\n" % (record.offset, record.timestamp_ms, record.key or b"", record.value or b""))
    return whole.hexdigest()
