"""Which of the running cores may write: membership of a group on a one-partition topic (decisions C3).

Whoever holds the partition leads. This only keeps two live cores from taking turns; that a core which
believes it still leads cannot write is the work of the transactional producer, which is fenced by the next
leader's.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from twilight.ops.logs import get

LEADER_TOPIC = "CoreLeader"
SESSION_MS = 6_000
HEARTBEAT_MS = 500
"""A standby hears of the leader's death with its next heartbeat, so a take-over waits this long at most for it."""

log = get(__name__)


class Leadership:
    """Takes part in the group; `poll` keeps the membership alive and says whether this process leads.

    ``instance`` names this core across restarts, so that a core which was killed and started again gets its
    place back at once instead of waiting until its former self has timed out.
    """

    def __init__(self, brokers: str, *, instance: str, topic: str = LEADER_TOPIC) -> None:
        self.leads = False
        self.lost = False
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": topic,
                "group.instance.id": instance,
                "session.timeout.ms": SESSION_MS,
                "heartbeat.interval.ms": HEARTBEAT_MS,
                "partition.assignment.strategy": "cooperative-sticky",
                "enable.auto.commit": False,
                "auto.offset.reset": "latest",
            }
        )
        self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def poll(self, timeout_s: float = 0.0) -> bool:
        """Serve the membership for at most ``timeout_s`` and return whether this core leads."""
        message = self._consumer.poll(timeout_s)
        if message is not None and (error := message.error()) is not None:
            self._judge(error)
        return self.leads

    def close(self) -> None:
        """Stop taking part; the group notices when the session times out."""
        with contextlib.suppress(KafkaException):
            self._consumer.close()

    def _judge(self, error: KafkaError) -> None:
        if error.code() == KafkaError._FATAL:  # noqa: SLF001  # the client's code: another of this name took the place
            self.leads, self.lost = False, True
        log.warning("leadership", error=error.str())

    def _assigned(self, _consumer: Any, partitions: Sequence[TopicPartition]) -> None:  # noqa: ANN401 - the library's
        if partitions:
            self.leads = True
            log.info("this core leads")

    def _revoked(self, _consumer: Any, partitions: Sequence[TopicPartition]) -> None:  # noqa: ANN401 - the library's
        if partitions:
            self.leads, self.lost = False, True
            log.warning("this core does not lead any more")
