"""Reading the order queues: each on its own, so that one which is away does not stop the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from twilight.core import metrics
from twilight.core.clock import Clock
from twilight.core.inputs.arrivals import Arrival, read_arrival
from twilight.core.inputs.queues import QueueSpec, start_of
from twilight.core.ports import Reader, World
from twilight.core.topics import refuse_compacted
from twilight.domain.books.state import State
from twilight.ops.errors import SettingsError, TwilightError, Unavailable
from twilight.ops.health import Health
from twilight.ops.logs import get

RETRY_S = 2.0

Positions = Mapping[str, tuple[str, int]]
"""Topic id and offset of the last command of each queue."""

log = get(__name__)


@dataclass(slots=True)
class _Open:
    spec: QueueSpec
    topic_id: str
    reader: Reader
    positions: Positions
    """Where to go on when it has to be opened again."""
    is_away: bool = False


class OrderQueues:
    """All queues of one core; `read` never waits.

    A queue is opened in the background, because asking a cluster that is away takes its time; one that goes away
    later is opened again.
    """

    def __init__(
        self, specs: tuple[QueueSpec, ...], own_brokers: str, health: Health, world: World, clock: Clock
    ) -> None:
        self._world = world
        self._clock = clock
        self._specs = specs
        self._own_brokers = own_brokers
        self._health = health
        self._open: list[_Open] = []
        self._named_starts: Mapping[str, int] = {}
        self._fault: SettingsError | None = None
        self._closed = False

    def open(self, state: State, named_starts: Mapping[str, int]) -> None:
        """Begin to read every queue where the log says."""
        self._named_starts = named_starts
        for spec in self._specs:
            self._open_beside(spec, state.read_positions())

    def read(self, records_max: int) -> list[Arrival]:
        """Return what is there, at most ``records_max`` of each queue; raises `SettingsError` (decisions C5)."""
        if self._fault is not None:
            raise self._fault
        arrivals: list[Arrival] = []
        for queue in tuple(self._open):
            arrivals += self._read_one(queue, records_max)
        return arrivals

    def close(self) -> None:
        """Stop reading."""
        self._closed = True
        for queue in self._open:
            queue.reader.close()

    def _read_one(self, queue: _Open, records_max: int) -> list[Arrival]:
        name, topic_id = queue.spec.name, queue.topic_id
        try:
            records = queue.reader.read(records_max, 0.0)
        except TwilightError as fault:
            self._lose(queue, fault)
            return []
        if queue.reader.is_away is not queue.is_away:
            queue.is_away = queue.reader.is_away
            self._tell(name, "no broker answers" if queue.is_away else None)
        waited_ms = self._clock.true_wall_ms() - records[0].timestamp_ms if records else 0
        metrics.QUEUE_LAG_S.labels(name).set(max(0, waited_ms) / 1_000)
        if records:
            queue.positions = {name: (topic_id, records[-1].offset)}
        return [read_arrival(record, name, topic_id) for record in records]

    def _lose(self, queue: _Open, fault: TwilightError) -> None:
        """Stop reading a queue: one that is away is opened again, one that was cut is left to the operator."""
        self._tell(queue.spec.name, str(fault))
        self._open.remove(queue)
        queue.reader.close()
        if isinstance(fault, Unavailable):
            self._open_beside(queue.spec, queue.positions)

    def _open_beside(self, spec: QueueSpec, positions: Positions) -> None:
        self._world.in_background(f"queue {spec.name}", partial(self._open_until_there, spec, positions))

    def _open_until_there(self, spec: QueueSpec, positions: Positions) -> None:
        name = spec.name
        self._health.check(f"queue {name}")
        while not self._closed:
            try:
                self._open.append(self._opened(spec, positions))
            except SettingsError as fault:
                self._fault = fault
                return
            except TwilightError as fault:
                self._tell(name, str(fault))
                self._clock.sleep(RETRY_S)
            else:
                self._tell(name, None)
                return

    def _tell(self, name: str, fault: str | None) -> None:
        """Tell operators that a queue is read, or why not: whoever sends to it waits meanwhile."""
        metrics.QUEUE_READ.labels(name).set(fault is None)
        check = self._health.check(f"queue {name}")
        if fault is None:
            check.ok()
            log.info("order queue is read", queue=name)
        else:
            check.fail(fault)
            log.warning("order queue cannot be read", queue=name, reason=fault)

    def _opened(self, spec: QueueSpec, positions: Positions) -> _Open:
        kafka = self._world.kafka
        identify = kafka.ensure if spec.brokers == self._own_brokers else kafka.topic_ids
        topic_id = identify(spec.brokers, [spec.topic])[spec.topic]
        refuse_compacted(spec.topic, kafka.topic_settings(spec.brokers, spec.topic))
        start = start_of(spec.name, topic_id, positions, self._named_starts)
        log.info("order queue opened", queue=spec.name, topic_id=topic_id, start=start)
        return _Open(spec, topic_id, kafka.reader(spec.brokers, spec.topic, start), positions)
