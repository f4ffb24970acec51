"""What the leading core does, over and over: take what arrived, decide it, write it down, tell it."""

from collections import deque
from dataclasses import dataclass
from functools import partial
from threading import BoundedSemaphore

from twilight.core.admin import methods as admin
from twilight.core.admin.methods import AdminFault
from twilight.core.admin.server import Waiting
from twilight.core.chain import Conversation
from twilight.core.clock import Clock
from twilight.core.cycle import Cycle
from twilight.core.exchange import Exchange
from twilight.core.inputs.arrivals import Arrival
from twilight.core.inputs.feed import AcceptedTick
from twilight.core.inputs.order_queues import OrderQueues
from twilight.core.publisher import Answer, Publication, Publisher
from twilight.domain.model.errors import InvalidParams, NotSupported
from twilight.domain.model.inputs import Admin, Conditions, FundingSlice, SetMarketHaltCall

WAITING_MAX = 50_000
UNANSWERED_MAX = 1_000
"""With so many transactions unanswered nothing more is taken from the order queues."""
HANDED_OVER_COMMANDS = 250
"""So many are handed over at once, at most: while they are written, the next of a burst are decided."""
BATCH_BYTES_MAX = 8 * 2**20
SLICES_IN_FLIGHT_MAX = 2
"""Of an open hour one slice is being written and another is made meanwhile: so little can stand before a tick."""
IDLE_S = 0.001


@dataclass(frozen=True, slots=True)
class Inbox:
    """What other threads leave for the loop."""

    ticks: deque[AcceptedTick]
    requests: deque[Waiting]


class Loop:
    """One turn after another; whatever it decides is in the log before anybody hears of it."""

    def __init__(
        self,
        exchange: Exchange,
        cycle: Cycle,
        queues: OrderQueues,
        inbox: Inbox,
        publisher: Publisher,
        conversation: Conversation,
        clock: Clock,
        batch_commands_max: int,
    ) -> None:
        self._exchange = exchange
        self._cycle = cycle
        self._queues = queues
        self._ticks = inbox.ticks
        self._requests = inbox.requests
        self._publisher = publisher
        self._conversation = conversation
        self._clock = clock
        self._batch_commands_max = batch_commands_max
        self._handed_over_max = min(batch_commands_max, HANDED_OVER_COMMANDS)
        self._slices = BoundedSemaphore(SLICES_IN_FLIGHT_MAX)
        self._answers: list[Answer] = []
        self.exit_asked = False

    @property
    def offset(self) -> int:
        """The offset of the last event that is in the log; after `settle` it is the state's."""
        return self._publisher.offset

    def written(self, topic: str) -> int:
        """Return the offset of the last record that this core wrote to a topic, -1 before the first."""
        return self._publisher.written.get(topic, -1)

    def turn(self) -> bool:
        """Take, decide, publish and answer what waits now; return whether there was anything.

        A batch that failed meanwhile ends the loop before it asks the chain for more, or waits for what never follows.
        """
        self._publisher.check()
        arrivals = self._queues.read(self._batch_commands_max) if self._has_room() else []
        wall_ns, mono_ms = self._clock.wall_ns(), self._clock.mono_ms()
        ticks = [self._ticks.popleft() for _ in range(len(self._ticks))]
        busy = self._take_admin(wall_ns, mono_ms)
        for answer in self._conversation.turn():
            busy = True
            self._exchange.take(answer, self._cycle.conditions(wall_ns, mono_ms))
        for given, conditions in self._cycle.turn(ticks, arrivals, self._exchange.engine.state, wall_ns, mono_ms):
            busy = True
            if isinstance(given, Arrival):
                self._exchange.take_arrival(given, conditions)
            else:
                self._exchange.take(given, conditions)
            self._publish_when_full()
        busy |= self._take_slice(wall_ns, mono_ms)
        self.publish()
        return busy

    def idle(self) -> None:
        """Wait a moment: nothing was there."""
        self._clock.sleep(IDLE_S)

    def publish(self) -> None:
        """Hand over the batch; when it is in the log, the answers are given and the chain is sent its requests."""
        batch, answers = self._exchange.end_batch(), self._answers
        answers += [partial(self._conversation.committed, intent) for intent in batch.intents]
        if batch.count or answers:
            self._answers = []
            self._publisher.submit(Publication(batch, answers))

    def settle(self) -> None:
        """Return when everything that was decided is in the log."""
        self._publisher.settle()

    def _has_room(self) -> bool:
        state = self._exchange.engine.state
        return self._cycle.waiting < WAITING_MAX and len(state.intents) + len(state.waiting) < UNANSWERED_MAX

    def _publish_when_full(self) -> None:
        batch = self._exchange.batch
        if batch.commands >= self._handed_over_max or batch.value_bytes >= BATCH_BYTES_MAX:
            self.publish()

    def _take_slice(self, wall_ns: int, mono_ms: int) -> bool:
        """Make the next records of an open hour, unless too many wait to be written; ticks would wait behind them."""
        if self._exchange.engine.state.open_hour is None or not self._slices.acquire(blocking=False):
            return False
        self._exchange.take(FundingSlice(), self._cycle.conditions(wall_ns, mono_ms))
        self._answers.append(self._slices.release)
        return True

    def _take_admin(self, wall_ns: int, mono_ms: int) -> bool:
        waiting = [self._requests.popleft() for _ in range(len(self._requests))]
        for one in waiting:
            self._take_one(one, self._cycle.conditions(wall_ns, mono_ms))
        return bool(waiting)

    def _take_one(self, waiting: Waiting, conditions: Conditions) -> None:
        request, state = waiting.request, self._exchange.engine.state
        if request.call is None:
            body = admin.result(request.id, admin.read(request.method, state, conditions))
        else:
            before = admin.sizes(state)
            try:
                self._exchange.take(Admin(request.call, waiting.actor), conditions)
            except (InvalidParams, NotSupported) as refusal:
                body = admin.fault(request.id, AdminFault(admin.INVALID_PARAMS, f"Invalid params: {refusal}"))
            else:
                body = admin.result(request.id, admin.answer(request.call, before, state))
                halt = request.call
                self.exit_asked |= isinstance(halt, SetMarketHaltCall) and halt.enabled and halt.exit_relayer
        self._answers.append(lambda: waiting.respond(body))
