"""In which order what waits meets the engine, and under which conditions (decisions C4, R2, R5, R11).

No I/O and no clock: the server hands over what arrived and what time it is, and gets inputs back.
"""

from collections.abc import Iterable, Iterator, Sequence

from twilight.core.arrivals import Arrival
from twilight.core.feed import AcceptedTick, FeedWatch
from twilight.core.intake import Intake
from twilight.domain.clock import NS_PER_HOUR
from twilight.domain.context import TRADABLE
from twilight.domain.inputs import Conditions, FeedStatus, FundingHour, Tick
from twilight.domain.state import State
from twilight.ops.logs import get

log = get(__name__)

E8 = 100_000_000
Step = tuple[Tick | FundingHour | Arrival, Conditions]


class FundingSchedule:
    """Calls for each hour once, at the first tradable tick at or after it; an hour without one is missed."""

    def __init__(self) -> None:
        self._called: int | None = None

    def due(self, now_ns: int, state: State) -> FundingHour | None:
        """Return the hour that is to be charged after the tradable tick of ``now_ns``."""
        hour = now_ns // NS_PER_HOUR
        if state.switches.pause_price_feed or hour == self._called:
            return None
        last, self._called = state.funding_hour, hour
        if last is not None and hour <= last:
            return None
        if last is not None and hour - last > 1:
            log.warning("funding hours missed", first=last + 1, last=hour - 1)
        return FundingHour(hour)


class Cycle:
    """Holds what waits between one turn of the loop and the next."""

    def __init__(self, ticks_to_wait: int) -> None:
        self._intake = Intake[Arrival](ticks_to_wait)
        self._watch = FeedWatch()
        self._funding = FundingSchedule()

    @property
    def waiting(self) -> int:
        """How many commands wait for their tick."""
        return len(self._intake)

    def status(self, mono_ms: int) -> str:
        """Return the feed's status as the gates see it."""
        return self._watch.status(mono_ms)

    def conditions(self, wall_ns: int, mono_ms: int) -> Conditions:
        """Return the world as an input of this moment meets it."""
        status = FeedStatus(self._watch.status(mono_ms))
        return Conditions(wall_ns, status, self._watch.age_ms(mono_ms) or 0)

    def turn(
        self,
        ticks: Sequence[AcceptedTick],
        arrivals: Iterable[Arrival],
        state: State,
        wall_ns: int,
        mono_ms: int,
    ) -> Iterator[Step]:
        """Yield the inputs of one turn; the caller applies each before taking the next.

        ``ticks`` were accepted before ``arrivals`` were read, so they do not count for them.
        """
        for tick in ticks:
            self._watch.accepted(tick, ticks[-1].accepted_ms)
            yield from self._tick(tick, state, wall_ns, mono_ms)
        self._intake.arrive(arrivals)
        ready = self._intake.ready(mono_ms)
        if ready:
            conditions = self.conditions(wall_ns, mono_ms)
            for arrival in ready:
                yield arrival, conditions

    def _tick(self, accepted: AcceptedTick, state: State, wall_ns: int, mono_ms: int) -> Iterator[Step]:
        conditions = self.conditions(wall_ns, mono_ms)
        yield domain_tick(accepted), conditions
        if conditions.feed_status in TRADABLE and (hour := self._funding.due(wall_ns, state)):
            yield hour, conditions
        for arrival in self._intake.ticked(mono_ms):
            yield arrival, conditions


def domain_tick(accepted: AcceptedTick) -> Tick:
    """Return the engine's input; what was signed travels with it."""
    tick = accepted.tick
    status = FeedStatus(tick.status)
    return Tick(tick.price_e8 / E8, status, tick.flags, accepted.text, tick.kid, tick.sig)
