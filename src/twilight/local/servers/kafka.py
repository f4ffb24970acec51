"""Apache Kafka in KRaft mode: one node, broker and controller, no ZooKeeper (stack.md 1)."""

import os
import subprocess
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from twilight.local.servers.process import LOOPBACK, Process, Server, java
from twilight.ops.errors import Unavailable

START_TIMEOUT_S = 180.0
FORMAT_TIMEOUT_S = 180.0
HEAP = "-Xmx512m"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
controller.quorum.bootstrap.servers={host}:{controller_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
log.retention.ms=-1
"""


class Kafka(Server):
    """A Kafka node whose data lives in `folder`; `jars` is the folder of its archives."""

    def __init__(self, jars: Path, folder: Path, port: int, controller_port: int, *, log: Path | None = None) -> None:
        self._jars = jars
        self._folder = folder
        self._ports = (port, controller_port)
        self.brokers = f"{LOOPBACK}:{port}"
        command = self._java("kafka.Kafka", str(self._config))
        super().__init__("kafka", Process("kafka", command, log or folder / "kafka.log"))

    @property
    def _config(self) -> Path:
        return self._folder / "server.properties"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _java(self, *arguments: str) -> list[str]:
        classes = os.fspath(self._jars / "*")
        return java([HEAP, "-XX:+UseSerialGC", "-Dlog4j2.level=WARN", "-cp", classes, *arguments])

    def start(self) -> None:
        """Start the node, on the data that is there or on fresh storage; return when it answers.

        Raises:
            Unavailable: it ended or did not answer in time.
        """
        port, controller_port = self._ports
        self._folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text(
            _PROPERTIES.format(host=LOOPBACK, port=port, controller_port=controller_port, data=self._data),
        )
        if not (self._data / "meta.properties").exists():
            self._format()
        self.process.start()
        self.process.wait_until(self._answers, START_TIMEOUT_S)

    def _format(self) -> None:
        tool = "kafka.tools.StorageTool"
        identifier = self._run(tool, "random-uuid").split()[-1]
        self._run(tool, "format", "--standalone", "-t", identifier, "-c", str(self._config))

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - our own command
            self._java(*arguments),
            capture_output=True,
            text=True,
            timeout=FORMAT_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())
            raise Unavailable(f"kafka storage cannot be formatted: {said[-400:]}")
        return done.stdout

    def _answers(self) -> bool:
        admin = AdminClient({"bootstrap.servers": self.brokers, "log_level": 0, "socket.timeout.ms": 1_000})
        try:
            return bool(admin.list_topics(timeout=1.0).brokers)
        except KafkaException:
            return False
