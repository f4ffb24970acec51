"""The feeder: a signed tick every 250 ms to every core, and now and then one that must not be believed."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from tests.core.feeders import SignedFeeder
from tests.simulation.virtual_time import NS, VirtualTime

PERIOD_S = 0.25
DELIVERY_S = (0.001, 0.08)
LATE_DELIVERY_S = (0.3, 3.0)
Frame = str
Receivers = Callable[[], Iterable[Callable[[Frame], None]]]


@dataclass
class Market:
    """One feeder with its key."""

    time: VirtualTime
    random: Random
    receivers: Receivers
    price: float = 65_000.0
    status: str = "HEALTHY"
    flags: tuple[str, ...] = ()
    silent: bool = False
    honest: bool = False
    volatility: float = 0.0005
    feeder: SignedFeeder = field(init=False)
    _forger: SignedFeeder = field(init=False)
    _earlier: list[Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()
        self._forger = SignedFeeder(seed=bytes(32), epoch=self.feeder.epoch + 1)
        self.time.every(PERIOD_S, self._speak)

    def restart(self) -> None:
        """Begin a new epoch, as a feeder does at its start."""
        self.feeder = SignedFeeder(epoch=self.time.now_ns // 1_000_000)

    def jump(self, share: float) -> None:
        """Move the price at once."""
        self.price = max(1_000.0, self.price * (1 + share))

    def _speak(self) -> None:
        self.price = max(1_000.0, self.price * (1 + self.random.gauss(0, self.volatility)))
        if self.silent:
            return
        frame = self.feeder.frame(self.time.now_ns // 1_000_000, self.price, self.status, flags=list(self.flags))
        self._earlier = [*self._earlier[-50:], frame]
        for receive in self.receivers():
            self._deliver(receive, frame)
            if not self.honest and self.random.random() < 0.05:
                self._deliver(receive, self._doubtful())

    def _deliver(self, receive: Callable[[Frame], None], frame: Frame) -> None:
        late = not self.honest and self.random.random() < 0.02
        self.time.after(self.random.uniform(*(LATE_DELIVERY_S if late else DELIVERY_S)), lambda: receive(frame))

    def _doubtful(self) -> Frame:
        """Return a frame that the core must ignore: a replay, a forgery, a changed price, another key, no tick."""
        now_ms, kind = self.time.now_ns // 1_000_000, self.random.randrange(5)
        if kind == 0:
            return self.random.choice(self._earlier)
        if kind == 1:
            return self._forger.frame(now_ms, self.price * 2)
        if kind == 2:
            return json.dumps(json.loads(self._earlier[-1]) | {"price_e8": 10**12, "price": "10000.00"})
        if kind == 3:
            return json.dumps(json.loads(self._forger.frame(now_ms, 1.0)) | {"kid": "0" * 16})
        return self.random.choice(("", "null", "[]", '{"type":"price"}', self._earlier[-1][:-9]))


def sent_s(text: str) -> float:
    """Return when a signed tick was made, unix seconds."""
    return int(text.split("|")[4]) / 1000


def seconds(ns: int) -> float:
    """Return nanoseconds as seconds."""
    return ns / NS
