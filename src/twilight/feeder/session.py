"""One connection to a venue as a plain object: frames and times go in, quotes and wishes come out.

It never touches a socket, so every limit is tested without one. Price feed specification 4, decisions E2.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from twilight.feeder.venues.shape import Control, ControlKind, Frame, TopOfBook, Venue

FRAME_BYTES_MAX: Final = 1 << 20
FRAMES_A_TURN_MAX: Final = 1_024
BAD_FRAMES_MAX: Final = 20
BAD_FRAMES_WITHIN_MS: Final = 10_000
FIRST_QUOTE_WITHIN_MS: Final = 15_000
QUOTE_WITHIN_MS: Final = 60_000
DEAD_LINK_FACTOR: Final = 3
REPLACE_BEFORE_S: Final = 600


class Ping(NamedTuple):
    """Keep the link: send this text, or a protocol ping if it is None."""

    text: str | None


class Session:
    """The state of one connection.

    `received` returns the quotes of a frame. `close_reason` is set once and says why the connection has to be
    closed. `turn` is to be called at every tick and returns what to send; between two turns at most
    ``FRAMES_A_TURN_MAX`` frames are taken, more is a flood.
    """

    def __init__(self, venue: Venue, symbols: Sequence[str], link_stale_ms: int, now_ms: int) -> None:
        self._venue = venue
        self._main = symbols[0]
        self._decode = venue.decoder(symbols)
        self._link_stale_ms = link_stale_ms
        self._opened_ms = self._heard_ms = self._pinged_ms = now_ms
        self._first_quote_ms: int | None = None
        self._quoted_ms = now_ms
        self._frames_this_turn = 0
        self._bad_ms: deque[int] = deque(maxlen=BAD_FRAMES_MAX)
        self.bad_frames = 0
        self.paused = False
        self._refused_symbols: set[str | None] = set()
        self.refusals: list[str] = []
        self.close_reason: str | None = None

    def received(self, frame: Frame, now_ms: int) -> list[TopOfBook]:
        """Return the quotes of one frame, and heed what it says about the connection."""
        self.alive(now_ms)
        if self.close_reason is not None:
            return []
        quotes: list[TopOfBook] = []
        for signal in self._decode(frame):
            if type(signal) is TopOfBook:
                quotes.append(signal)
                if signal.symbol == self._main:
                    self._quoted_ms = now_ms
                    if self._first_quote_ms is None:
                        self._first_quote_ms = now_ms
            elif isinstance(signal, Control) and signal.kind in _HEEDED:
                self._heed(signal, now_ms)
        return quotes

    def alive(self, now_ms: int) -> None:
        """Count a frame of any kind: it shows that the link lives, and too many of them are a flood."""
        self._heard_ms = now_ms
        self._frames_this_turn += 1
        if self._frames_this_turn > FRAMES_A_TURN_MAX:
            self._close(f"flood: more than {FRAMES_A_TURN_MAX} frames in one turn")

    def unreadable(self, reason: str, now_ms: int) -> None:
        """Count a frame that is no text at all."""
        self.alive(now_ms)
        self._heed(Control(ControlKind.BAD, reason), now_ms)

    def turn(self, now_ms: int) -> Ping | None:
        """Look at the time: set `close_reason` if a limit has passed, return what to send."""
        self._frames_this_turn = 0
        self._check_limits(now_ms)
        keep_alive = self._venue.keep_alive
        if keep_alive is None or self.close_reason is not None:
            return None
        every_ms = keep_alive.every_s * 1_000
        since_ms = self._pinged_ms
        if keep_alive.only_when_quiet:
            every_ms = min(every_ms, self._link_stale_ms / 2)
            since_ms = max(self._heard_ms, self._pinged_ms)
        if now_ms - since_ms < every_ms:
            return None
        self._pinged_ms = now_ms
        return Ping(keep_alive.text)

    def good_data_s(self) -> float:
        """Return for how long the connection has brought quotes."""
        return 0.0 if self._first_quote_ms is None else (self._quoted_ms - self._first_quote_ms) / 1_000

    def wants_replacement(self, now_ms: int) -> bool:
        """Say whether the venue will soon cut the connection for its age."""
        age_max_s = self._venue.limits.age_max_s
        return age_max_s is not None and (now_ms - self._opened_ms) / 1_000 >= age_max_s - REPLACE_BEFORE_S

    def _check_limits(self, now_ms: int) -> None:
        silent_ms = now_ms - self._heard_ms
        if silent_ms >= DEAD_LINK_FACTOR * self._link_stale_ms:
            self._close(f"dead link: no frame for {silent_ms} ms")
        elif self._first_quote_ms is None and now_ms - self._opened_ms >= FIRST_QUOTE_WITHIN_MS:
            self._close(f"no quote within {FIRST_QUOTE_WITHIN_MS} ms of the subscription")
        elif now_ms - self._quoted_ms >= QUOTE_WITHIN_MS:
            self._close(f"no quote for {now_ms - self._quoted_ms} ms")

    def _heed(self, control: Control, now_ms: int) -> None:
        match control.kind:
            case ControlKind.BAD:
                self._count_bad(now_ms)
            case ControlKind.RECONNECT:
                self._close(f"asked to reconnect: {control.detail}")
            case ControlKind.PAUSED:
                self.paused = True
            case ControlKind.RESUMED:
                self.paused = False
            case ControlKind.REFUSED:
                self._refused(control)

    def _refused(self, control: Control) -> None:
        """Close, unless it is a product beside the main one: its refusal must not cost the other, and is told once."""
        if control.symbol not in self._refused_symbols:
            self._refused_symbols.add(control.symbol)
            self.refusals.append(control.detail)
        if control.symbol in {None, self._main}:
            self._close(f"subscription refused: {control.detail}")

    def _count_bad(self, now_ms: int) -> None:
        self.bad_frames += 1
        self._bad_ms.append(now_ms)
        if len(self._bad_ms) == BAD_FRAMES_MAX and now_ms - self._bad_ms[0] <= BAD_FRAMES_WITHIN_MS:
            self._close(f"{BAD_FRAMES_MAX} bad frames within {BAD_FRAMES_WITHIN_MS} ms")

    def _close(self, reason: str) -> None:
        self.close_reason = self.close_reason or reason


_HEEDED: Final = frozenset(ControlKind) - {ControlKind.IGNORED, ControlKind.ALIVE, ControlKind.SUBSCRIBED}
