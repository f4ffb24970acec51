"""P13: the index over eight venues, frames to ticks, against decoding the JSON of the same frames and nothing else.

Ours is what makes the index: the venues' adapters, the books with their order and lag, and the step every 250 ms.
The limits of a session, the signature and the record are not in it. The peer is `json.loads` over the same frames;
``msgspec_ratio`` shows the same against msgspec's untyped decoder. Both take the recorded five minutes of eight venues.
"""

import gzip
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
from tests.bench._timing import in_turns, processor_seconds, row

from twilight.domain.index.model import START, Inputs
from twilight.domain.index.params import IndexParams, SourceParams, resolve
from twilight.domain.index.step import step
from twilight.feeder.quotes import VenueBook
from twilight.feeder.venues import VENUES, TopOfBook

ID = "P13"
METRIC = "index ticks/s over eight venues, against JSON decoding of the same frames alone"
GOAL = 0.7
TICK_MS = 250
WALL_MS = 1_723_161_254_000


class Frame(NamedTuple):
    t_ms: int
    venue: str
    raw: bytes


def recorded(shared: Path) -> list[Frame]:
    """Return the frames of the replay in their order."""
    with gzip.open(shared / "data" / "feeds" / "replay" / "venues8-a.jsonl.gz") as lines:
        read = [json.loads(line) for line in lines]
    return [Frame(int(each["t"]), each["v"], each["raw"].encode()) for each in read]


def ours(frames: list[Frame]) -> int:
    """Turn all frames into ticks; return how many ticks there were."""
    config = resolve(IndexParams(), [SourceParams(v.name, v.quote) for v in VENUES.values()])
    decoders = {v.name: v.decoder(v.symbols) for v in VENUES.values()}
    books = {v.name: VenueBook(v.quote, v.symbol, v.conversion) for v in VENUES.values()}
    for book in books.values():
        book.connected(0)
    state, ticks, next_ms = START, 0, TICK_MS
    for t_ms, venue, raw in frames:
        while t_ms >= next_ms:
            quotes = {name: book.index_quote(next_ms) for name, book in books.items()}
            offers = [book.conversion_quote(name, "USDT", next_ms) for name, book in books.items()]
            conv = {"USDT": [offer for offer in offers if offer is not None]}
            state = step(config, state, Inputs(next_ms, quotes, conv)).state
            ticks, next_ms = ticks + 1, next_ms + TICK_MS
        book = books[venue]
        book.heard(t_ms)
        found = [signal for signal in decoders[venue](raw) if type(signal) is TopOfBook]
        if found:
            book.offer(found, t_ms, WALL_MS + t_ms)
    return ticks


def measure(shared: Path, runs: int = 5) -> dict[str, object]:
    """Return the row: the median of interleaved runs."""
    frames = recorded(shared)
    ticks = ours(frames)
    plain = msgspec.json.Decoder().decode
    contests: dict[str, Callable[[], object]] = {
        "ours": lambda: ours(frames),
        "json": lambda: [json.loads(frame.raw) for frame in frames],
        "msgspec": lambda: [plain(frame.raw) for frame in frames],
    }
    timed = {name: partial(processor_seconds, work) for name, work in contests.items()}
    rate = {name: ticks / seconds for name, seconds in in_turns(timed, runs).items()}
    msgspec_ratio = round(rate["ours"] / rate["msgspec"], 3)
    return row(ID, METRIC, ours=rate["ours"], peer=rate["json"], goal=GOAL, msgspec_ratio=msgspec_ratio)
