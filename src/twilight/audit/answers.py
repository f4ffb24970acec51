"""Every command of every order queue has its answers, and every answer its command (engine specification 8, I-22).

A command is found again in its answers by queue, topic id and offset, which the core writes into each key (decisions
C5). A repeated request id has its answer in the log already (C7). Log and queue are read side by side, and what is
answered as it must be is forgotten: only what is still open is kept.
"""

from collections import Counter
from collections.abc import Iterable

from twilight.audit.answering import DROPPED, are_right
from twilight.audit.finding import Faults, Finding, finding
from twilight.bus import Record
from twilight.domain.model.inflight import Intent
from twilight.wire import events as e
from twilight.wire.commands import RpcCommand, decode_command
from twilight.wire.errors import Quarantine
from twilight.wire.keys import EventKey

REQUEST_IDS_REMEMBERED = 200_000
"""Twice the window of the core: between an answer and the look at a repeated command lies a chunk of the log."""


class Answers:
    """The answers of the log, queue by queue.

    Args:
        topic_ids: Kafka's id of each queue's topic; events that name another were caused by a former topic of it.
    """

    def __init__(self, topic_ids: dict[str, str]) -> None:
        self._request_ids: dict[str, None] = {}
        self.queues = {name: QueueAnswers(name, topic_id, self._request_ids) for name, topic_id in topic_ids.items()}
        self._strangers = Faults()
        self._strange = 0

    def take(self, event: e.Event, key: EventKey | str, offset: int) -> None:
        """Note one event at its offset, also one that repeats another byte for byte."""
        if not isinstance(key, EventKey) or not key.metadata or "queue" not in key.metadata:
            return
        name = key.metadata["queue"]
        queue = self.queues.get(name)
        if queue is None:
            self._strange += 1
            self._strangers.add(f"the event at offset {offset} names queue {name}, which is not configured")
            return
        queue.take(event, key.metadata, offset)
        request_id = key.metadata.get("request_id")
        if request_id and isinstance(event, e.TxHashEvent):
            self._request_ids[request_id] = None
            if len(self._request_ids) > REQUEST_IDS_REMEMBERED:
                del self._request_ids[next(iter(self._request_ids))]

    def take_intent(self, intent: Intent) -> None:
        """Note what is in flight with a chain; what the engine asks on its own has no command."""
        metadata = intent.metadata or {}
        if "queue" not in metadata:
            return
        queue = self.queues.get(metadata["queue"])
        if queue is None:
            self._strange += 1
            self._strangers.add(f"intent {intent.id} names queue {metadata['queue']}, which is not configured")
            return
        queue.take_intent(metadata)
        if request_id := metadata.get("request_id"):
            self._request_ids[request_id] = None

    def findings(self) -> list[Finding]:
        """Return one finding for each queue, and one for events of queues that nobody knows if there are any."""
        found = [queue.finding() for queue in self.queues.values()]
        if self._strange:
            found.append(finding("answers elsewhere", {"events": self._strange}, self._strangers))
        return found


class QueueAnswers:
    """The answers to the commands of one queue."""

    def __init__(self, name: str, topic_id: str, request_ids: dict[str, None]) -> None:
        self._name = name
        self._topic_id = topic_id
        self._request_ids = request_ids
        self._statuses: dict[int, list[str]] = {}
        self._open: dict[int, RpcCommand | None] = {}
        self._in_flight: set[int] = set()
        self._newest = -1
        self._counts: Counter[str] = Counter()
        self._faults = Faults()
        self.reached = -1
        """The offset of the newest command that caused an event."""
        self.judged = 0
        """The commands below this offset were held against their answers."""

    def take(self, event: e.Event, metadata: dict[str, str], offset: int) -> None:
        """Note one event that a command of this queue caused."""
        if metadata.get("topic_id", self._topic_id) != self._topic_id:
            self._take_former(metadata["topic_id"], offset)
            return
        command = int(metadata["offset"])
        self.reached, self._newest = max(command, self.reached), command
        if not isinstance(event, e.TxHashEvent):
            return
        if not _is_for(event, metadata.get("request_id")):
            self._faults.add(f"offset {command}: the answer at offset {offset} is for request {event.request_id!r}")
        if command < self.judged and command not in self._open and command not in self._statuses:
            self._faults.add(f"offset {command}: answered again at offset {offset} of the log: {event.order_status}")
            return
        self._statuses.setdefault(command, []).append(event.order_status)

    def _take_former(self, topic_id: str, offset: int) -> None:
        """Commands of a topic that was made anew are gone; nothing of it may follow an event of the new one."""
        self._counts["former"] += 1
        if self.reached >= 0:
            self._faults.add(f"the event at offset {offset} names topic {topic_id}, the queue's is {self._topic_id}")

    def take_intent(self, metadata: dict[str, str]) -> None:
        """Note that a command of this queue was decided as far as the chain lets it, and is in flight (C11)."""
        if metadata.get("topic_id", self._topic_id) == self._topic_id:
            self._in_flight.add(int(metadata["offset"]))

    def judge(self, commands: Iterable[Record]) -> None:
        """Hold commands, given in their order without a gap between calls, against the answers so far.

        The command that caused the newest event is left for later: its answers may go on after it.
        """
        for record in commands:
            self._counts["commands"] += 1
            self._open[record.offset] = _command(record)
            self.pass_over(record.offset + 1)
        for offset in [offset for offset in self._open if offset != self._newest]:
            self._settle(offset, self._open[offset])

    def pass_over(self, end: int) -> None:
        """Note that no other command than those given stands below an offset."""
        self.judged = max(self.judged, end)

    def _settle(self, offset: int, command: RpcCommand | None) -> None:
        """Forget a command whose answers are what they must be."""
        statuses = self._statuses.get(offset)
        if statuses is None:
            if offset in self._in_flight or not self._is_repeated(command):
                return
            self._counts["repeated"] += 1
        elif are_right(command, statuses):
            self._counts["answered"] += 1
            del self._statuses[offset]
        else:
            return
        del self._open[offset]

    def _is_repeated(self, command: RpcCommand | None) -> bool:
        request_id = None if command is None else getattr(command.value, "request_id", None)
        return bool(request_id) and request_id in self._request_ids

    def close(self, first: int) -> None:
        """Fault what is left: commands without their answers, and answers without a command from the first one kept."""
        self._newest = -1
        self.judge(())
        for offset, command in sorted(self._open.items(), key=lambda item: item[0]):
            statuses = self._statuses.pop(offset, [])
            if offset in self._in_flight and statuses in ([], ["FILLED"]):  # filled: its legs closed it, for the chain
                self._counts["in_flight"] += 1
                continue
            kind = "no command" if command is None else command.kind
            if statuses:
                self._faults.add(f"offset {offset}: {kind} has the answers {', '.join(statuses)}")
            elif offset > self.reached:
                self._counts["waiting"] += 1
                self._faults.add(f"offset {offset}: not yet consumed")
            else:
                self._faults.add(f"offset {offset}: {kind} has no answer")
        for offset, statuses in sorted(self._statuses.items()):
            if offset < first:
                self._counts["deleted"] += 1
            else:
                self._faults.add(f"offset {offset}: no command stands there, but the log answers {', '.join(statuses)}")

    def finding(self) -> Finding:
        """Return whether every command that was consumed is answered as it must be."""
        names = ("commands", "answered", "repeated", "waiting", "in_flight", "former", "deleted")
        optional = ("in_flight", "former", "deleted")
        figures: dict[str, int | float | str] = {
            name: self._counts[name] for name in names if name not in optional or self._counts[name]
        }
        return finding(f"answers of {self._name}", figures, self._faults)


def _is_for(event: e.TxHashEvent, request_id: str | None) -> bool:
    """Return whether an answer is for the request that its key names; what was no command has none that counts (C6)."""
    if event.order_status in DROPPED or (request_id is None and event.order_status == "SerializationError"):
        return True
    return event.request_id == (request_id or "")


def _command(record: Record) -> RpcCommand | None:
    try:
        return decode_command(record.value)
    except Quarantine:
        return None
