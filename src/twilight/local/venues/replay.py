"""A recording of frames, one JSON object a line: ``t`` (ms from the start), ``v`` (venue), ``raw``."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from twilight.local.venues.errors import RecordingError
from twilight.local.venues.registry import VENUES


@dataclass(frozen=True, slots=True)
class Raw:
    """One recorded frame, to be sent exactly as it was."""

    t_us: int
    venue: str
    text: str


class _Line(msgspec.Struct):
    t: float
    v: str
    raw: str


class Recording:
    """Yields the frames of a file (plain or gzip) in the order of time."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is opened when the frames are asked for."""
        self._path = path

    def __iter__(self) -> Iterator[Raw]:
        """Yield all frames.

        Raises:
            RecordingError: a line has another shape, an unknown venue, or goes back in time.
        """
        decoder, last_us = msgspec.json.Decoder(_Line), 0
        opener = gzip.open if self._path.suffix == ".gz" else open
        with opener(self._path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                frame = self._frame(decoder, number, line)
                if frame.t_us < last_us:
                    raise RecordingError(
                        f"{self._path}:{number}: t must not fall, was {frame.t_us} us after {last_us} us"
                    )
                last_us = frame.t_us
                yield frame

    def _frame(self, decoder: msgspec.json.Decoder[_Line], number: int, line: bytes | str) -> Raw:
        try:
            found = decoder.decode(line)
        except msgspec.DecodeError as error:
            raise RecordingError(f"{self._path}:{number}: expected t, v and raw, found {error}") from error
        if found.v not in VENUES:
            raise RecordingError(f"{self._path}:{number}: v must be one of {', '.join(VENUES)}, was {found.v!r}")
        return Raw(round(found.t * 1_000), found.v, found.raw)
