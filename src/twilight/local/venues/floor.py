"""The trading floor: a source of quotes and a list of faults become frames with times. No I/O, no clock."""

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from twilight.local.venues.errors import RefusedFaultError
from twilight.local.venues.faults import SHAPES, AnyFault, junk
from twilight.local.venues.market import SECOND_US, Tick
from twilight.local.venues.model import Quote, decimal_text
from twilight.local.venues.registry import VENUES, names_of
from twilight.local.venues.replay import Raw

FAULTS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Emission:
    """A frame that leaves a venue at ``due_us``; without a product it goes to every subscribed link."""

    due_us: int
    venue: str
    product: str | None
    text: str


_Action = Callable[[int], Iterable[Emission]]


class Floor:
    """Plays all venues on one time axis: microseconds since the market opened.

    ``advance`` hands out every frame that is due, in order. Frames of one venue
    keep their order unless a delay begins or ends between them.
    """

    def __init__(
        self,
        source: Iterable[Tick | Raw],
        *,
        faults: Iterable[AnyFault] = (),
        seed: int = 0,
        wall_us: int = 0,
        recorded: bool = False,
    ) -> None:
        """Open the market; ``wall_us`` is the unix time of its microsecond 0.

        A recording has its own heartbeats, so none are made for it.

        Raises:
            RefusedFaultError: a fault changes quotes, but a recording has only frames.
        """
        self._source: Iterator[Tick | Raw] = iter(source)
        self._rng = random.Random(seed)  # noqa: S311 - junk, not a secret
        self._recorded = recorded
        self._faults: dict[str, list[AnyFault]] = {name: [] for name in VENUES}
        self._last: dict[tuple[str, str], Quote] = {}
        self._updates = dict.fromkeys(VENUES, 0)
        self._due: list[tuple[int, int, _Action]] = []
        self._number = 0
        self.wall_us = wall_us
        self._draw()
        for name in () if recorded else VENUES:
            self._plan_beat(name, 0)
        for fault in faults:
            self.add(fault)

    def add(self, fault: AnyFault) -> None:
        """Let a fault happen, now or later.

        Raises:
            RefusedFaultError: it changes quotes during a recording, names no venue, or is one too many.
        """
        if self._recorded and fault.quote_only:
            raise RefusedFaultError(f"{fault.kind} changes quotes, but a recording is played as it is")
        if sum(map(len, self._faults.values())) >= FAULTS_MAX:
            raise RefusedFaultError(f"at most {FAULTS_MAX} faults at once; clear some first")
        names = names_of(fault.venues)
        for name in names:
            self._faults[name].append(fault)
            if fault.flood_hz():
                self._plan(fault.at_us, self._flooding(name, fault))

    def clear(self, names: Iterable[str] = ("all",)) -> None:
        """End all faults of these venues."""
        for name in names_of(names):
            self._faults[name].clear()

    def active(self, name: str, t_us: int) -> list[AnyFault]:
        """Return the faults that a venue has at ``t_us``."""
        return [fault for fault in self._faults[name] if fault.active(t_us)]

    def refuses(self, name: str, t_us: int) -> bool:
        """Tell whether a venue takes no connections."""
        return any(fault.refuses for fault in self.active(name, t_us))

    def is_mute(self, name: str, t_us: int) -> bool:
        """Tell whether a venue answers nobody."""
        return any(fault.mutes for fault in self.active(name, t_us))

    def drip_bytes_per_s(self, name: str, t_us: int) -> int | None:
        """Return how slowly a venue's frames leave, or ``None``."""
        rates = [rate for fault in self.active(name, t_us) if (rate := fault.drip_bytes_per_s()) is not None]
        return min(rates, default=None)

    def next_due_us(self) -> int | None:
        """Return when something happens next; ``None`` after the end of a recording."""
        return self._due[0][0] if self._due else None

    def advance(self, to_us: int) -> list[Emission]:
        """Return all frames due until ``to_us``."""
        frames: list[Emission] = []
        while self._due and self._due[0][0] <= to_us:
            due_us, _, action = heapq.heappop(self._due)
            frames.extend(action(due_us))
        return frames

    def snapshot(self, name: str, product: str, t_us: int) -> str | None:
        """Return the frame that a new subscriber gets at once, if there was a quote and none is held back."""
        quote = self._last.get((name, product))
        if quote is None or any(
            fault.carry(0, "-", beat=False, rng=self._rng) != (0, "-") for fault in self.active(name, t_us)
        ):
            return None
        return VENUES[name].quote(replace(quote, first=True))

    def _plan(self, due_us: int, action: _Action) -> None:
        self._number += 1
        heapq.heappush(self._due, (due_us, self._number, action))

    def _draw(self) -> None:
        item = next(self._source, None)
        if item is not None:
            self._plan(item.t_us, lambda _: self._take(item))

    def _take(self, item: Tick | Raw) -> Iterable[Emission]:
        self._draw()
        if isinstance(item, Raw):
            beat = VENUES[item.venue].is_beat(item.text)
            return self._send(item.t_us, item.venue, None, item.text, beat=beat)
        for fault in self.active(item.venue, item.t_us):
            item = fault.alter(item)
        quote = self._quote(item)
        self._last[item.venue, item.product] = quote
        return self._send(item.t_us, item.venue, item.product, VENUES[item.venue].quote(quote), beat=False)

    def _quote(self, tick: Tick) -> Quote:
        self._updates[tick.venue] += 1
        sides = decimal_text(tick.bid_e8, 2), decimal_text(tick.ask_e8, 2)
        bid, ask = SHAPES[tick.shape](*sides)
        sizes = decimal_text(tick.bid_size_e8), decimal_text(tick.ask_size_e8)
        time_us = self.wall_us + tick.t_us + tick.clock_us
        first = (tick.venue, tick.product) not in self._last
        return Quote(tick.product, bid, ask, *sizes, time_us, self._updates[tick.venue], first)

    def _send(self, t_us: int, name: str, product: str | None, text: str, *, beat: bool) -> Iterable[Emission]:
        due_us = t_us
        for fault in self.active(name, t_us):
            carried = fault.carry(due_us, text, beat=beat, rng=self._rng)
            if carried is None:
                return ()
            due_us, text = carried
        frame = Emission(due_us, name, product, text)
        if due_us <= t_us:
            return (frame,)
        self._plan(due_us, lambda _: (frame,))
        return ()

    def _plan_beat(self, name: str, t_us: int) -> None:
        if VENUES[name].heartbeat_ms:
            self._plan(t_us + VENUES[name].heartbeat_ms * 1_000, lambda due_us: self._beat(name, due_us))

    def _beat(self, name: str, t_us: int) -> Iterable[Emission]:
        self._plan_beat(name, t_us)
        for text in VENUES[name].beats(self.wall_us + t_us):
            yield from self._send(t_us, name, None, text, beat=True)

    def _flooding(self, name: str, fault: AnyFault) -> _Action:
        pause_us = max(1, round(SECOND_US / fault.flood_hz()))

        def flood(t_us: int) -> Iterable[Emission]:
            if fault not in self._faults[name] or not fault.active(t_us):
                return ()
            self._plan(t_us + pause_us, flood)
            return (Emission(t_us, name, None, junk(self._rng)),)

        return flood
