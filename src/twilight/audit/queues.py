"""The order queues, read beside the log: no more of each is in memory than a chunk."""

from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from twilight.audit.answers import Answers, QueueAnswers
from twilight.audit.finding import Finding
from twilight.audit.reading import Stretches, reader_of
from twilight.bus import LogReader
from twilight.bus.topics import topic_ids
from twilight.core.inputs.queues import QueueSpec
from twilight.domain.model.inflight import Intent
from twilight.wire import events as e
from twilight.wire.keys import EventKey


class _Queue:
    """One queue beside the answers to it."""

    def __init__(self, log: LogReader, answers: QueueAnswers) -> None:
        self._log = log
        self._commands = Stretches(log)
        self._answers = answers
        self.end = log.end_offset()
        """Where the queue ended when it was last asked."""

    def judge(self) -> None:
        """Judge the commands that caused events so far."""
        self._judge_below(self._answers.reached + 1)

    def _judge_below(self, bound: int) -> None:
        if bound > self.end:
            self.end = self._log.end_offset()
        reachable = min(bound, self.end)
        for records in self._commands.below(reachable):
            self._answers.judge(records)
        self._answers.pass_over(reachable)

    def close(self, end: int) -> None:
        """Judge every command that stood on the queue at its end then, or that caused an event."""
        self._judge_below(max(end, self._answers.reached + 1))
        self._answers.close(self._commands.first)


class Queues:
    """All order queues; `ends` is where each ended when they were opened: those commands must be answered."""

    def __init__(self, specs: tuple[QueueSpec, ...]) -> None:
        with ExitStack() as stack:
            ids = {spec.name: topic_ids(spec.brokers, [spec.topic])[spec.topic] for spec in specs}
            self._answers = Answers(ids)
            self._queues = {
                spec.name: _Queue(
                    stack.enter_context(reader_of(spec.brokers, spec.topic)), self._answers.queues[spec.name]
                )
                for spec in specs
            }
            self._stack = stack.pop_all()
        self.ends = {name: queue.end for name, queue in self._queues.items()}

    def take(self, event: e.Event, key: EventKey | str, offset: int) -> None:
        """Note one event of the log."""
        self._answers.take(event, key, offset)

    def judge(self) -> None:
        """Judge what can be judged now, and forget what is right."""
        for queue in self._queues.values():
            queue.judge()

    def findings(self, in_flight: Iterable[Intent]) -> list[Finding]:
        """Return what was found, once the whole log was taken; the chain owes an answer to what is in flight."""
        for intent in in_flight:
            self._answers.take_intent(intent)
        for name, queue in self._queues.items():
            queue.close(self.ends[name])
        return self._answers.findings()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
