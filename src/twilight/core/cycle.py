"""In which order what waits meets the engine, and under which conditions (decisions C4, R2, R5, R11).

No I/O and no clock: the server hands over what arrived and what time it is, and gets inputs back.
"""

from collections.abc import Iterable, Iterator, Sequence

from twilight.core.inputs.arrivals import Arrival
from twilight.core.inputs.feed import AcceptedTick, FeedWatch
from twilight.core.inputs.intake import Intake
from twilight.domain.books.state import State
from twilight.domain.context import TRADABLE
from twilight.domain.model.clock import NS_PER_HOUR
from twilight.domain.model.inputs import Conditions, FeedStatus, FundingHour, Tick
from twilight.ops.logs import get

log = get(__name__)

E8 = 100_000_000
NS_PER_MS = 1_000_000
Step = tuple[Tick | FundingHour | Arrival, Conditions]


class FundingSchedule:
    """Calls for each hour at its first tradable tick at or after it; an hour without one is missed.

    What was charged is read off the state alone, so a restart changes nothing, and an hour within which a pause
    ends is charged then.
    """

    def __init__(self) -> None:
        self._told: int | None = None

    def due(self, now_ns: int, state: State) -> FundingHour | None:
        """Return the hour that is to be charged after the tradable tick of ``now_ns``."""
        hour, last, switches = now_ns // NS_PER_HOUR, state.funding_hour, state.switches
        if state.open_hour is not None or (last is not None and hour <= last):
            return None
        if switches.pause_price_feed or switches.pause_funding:
            return None
        if last is not None and hour - last > 1 and self._told != hour:
            self._told = hour
            log.warning("funding hours missed", first=last + 1, last=hour - 1)
        return FundingHour(hour)


class Cycle:
    """Holds what waits between one turn of the loop and the next.

    A tick has the time at which it was accepted, however late the loop comes to it. One that waited longer than
    ``tick_age_ms_max`` is left aside, as price-feed 10 has one refused that arrives so late: nothing is liquidated,
    filled or charged at a price that the market has left.
    """

    def __init__(self, ticks_to_wait: int, tick_age_ms_max: int = 2_000) -> None:
        self._intake = Intake[Arrival](ticks_to_wait)
        self._watch = FeedWatch()
        self._funding = FundingSchedule()
        self._tick_age_ms_max = tick_age_ms_max
        self._newest_ns = 0
        self.late_ticks = 0

    @property
    def waiting(self) -> int:
        """How many commands wait for their tick."""
        return len(self._intake)

    def status(self, mono_ms: int) -> str:
        """Return the feed's status as the gates see it."""
        return self._watch.status(mono_ms)

    def conditions(self, wall_ns: int, mono_ms: int) -> Conditions:
        """Return the world as an input of this moment meets it; the time of inputs never goes back."""
        self._newest_ns = max(self._newest_ns, wall_ns)
        status = FeedStatus(self._watch.status(mono_ms))
        return Conditions(self._newest_ns, status, self._watch.age_ms(mono_ms) or 0)

    def turn(
        self,
        ticks: Sequence[AcceptedTick],
        arrivals: Iterable[Arrival],
        state: State,
        wall_ns: int,
        mono_ms: int,
    ) -> Iterator[Step]:
        """Yield the inputs of one turn; the caller applies each before taking the next.

        The time is that at which ``arrivals`` had been read; ``ticks`` were taken after it, so that the feed is never
        found silent while its ticks wait.
        """
        fresh = [tick for tick in ticks if mono_ms - tick.accepted_ms <= self._tick_age_ms_max]
        self.late_ticks += len(ticks) - len(fresh)
        for tick in fresh:
            self._watch.accepted(tick, fresh[-1].accepted_ms)
            yield from self._tick(tick, state, wall_ns, mono_ms)
        self._intake.arrive(arrivals, mono_ms)
        ready = self._intake.ready(mono_ms)
        if ready:
            conditions = self.conditions(wall_ns, mono_ms)
            for arrival in ready:
                yield arrival, conditions

    def _tick(self, accepted: AcceptedTick, state: State, wall_ns: int, mono_ms: int) -> Iterator[Step]:
        waited_ms = max(0, mono_ms - accepted.accepted_ms)
        conditions = self.conditions(wall_ns - waited_ms * NS_PER_MS, mono_ms)
        yield domain_tick(accepted), conditions
        if conditions.feed_status in TRADABLE and (hour := self._funding.due(conditions.now_ns, state)):
            yield hour, conditions
        for arrival in self._intake.ticked(accepted.accepted_ms):
            yield arrival, conditions


def domain_tick(accepted: AcceptedTick) -> Tick:
    """Return the engine's input; what was signed travels with it."""
    tick = accepted.tick
    status = FeedStatus(tick.status)
    return Tick(tick.price_e8 / E8, status, tick.flags, accepted.text, tick.kid, tick.sig)
