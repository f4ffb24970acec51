"""Single frames in today's formats: real ones, documented ones, malformed ones."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.feeder.venues.captures import Said, by_hand, read_by_hand

from twilight.feeder.venues import VENUES, Control, ControlKind, Signals, TopOfBook

SAMPLE_NAMES = {"kraken-v2": "kraken"}


class Sample(NamedTuple):
    venue: str
    channel: str
    raw: str


@pytest.fixture
def samples(shared_dir: Path) -> list[Sample]:
    lines = (shared_dir / "data" / "feeds" / "samples" / "wire-samples.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [Sample(SAMPLE_NAMES.get(row["venue"], row["venue"]), row["channel"], row["raw"]) for row in rows]


def decoded(name: str, frames: list[str], symbols: list[str]) -> Iterator[tuple[str, Signals]]:
    decode = VENUES[name].decoder(symbols)
    return ((frame, decode(frame)) for frame in frames)


@pytest.mark.parametrize(
    ("name", "count"),
    [("binance", 1), ("bitfinex", 1), ("bybit", 2), ("coinbase", 3), ("gemini", 1), ("kraken", 3), ("okx", 3)],
)
def test_each_sample_yields_exactly_the_quotes_that_it_says(samples: list[Sample], name: str, count: int) -> None:
    frames = [s.raw for s in samples if s.venue == name and s.channel != "malformed-or-control"]
    expected = read_by_hand(name, frames)
    symbols = sorted({quote.symbol for quote in expected})
    signals = [signal for _, answer in decoded(name, frames, symbols) for signal in answer]
    assert [Said(s.symbol, s.bid, s.ask) for s in signals if isinstance(s, TopOfBook)] == expected
    assert len(expected) == count


def test_malformed_and_control_samples_never_raise_and_never_make_a_price(samples: list[Sample]) -> None:
    wicked = [sample for sample in samples if sample.channel == "malformed-or-control"]
    for sample in wicked:
        for name in VENUES if sample.venue == "any" else [sample.venue]:
            venue = VENUES[name]
            for signal in venue.decoder([venue.symbol])(sample.raw):
                assert isinstance(signal, Control) or not 0 < signal.bid < signal.ask


@pytest.mark.parametrize("name", VENUES)
def test_no_sample_raises_in_any_adapter(samples: list[Sample], name: str) -> None:
    frames = [sample.raw for sample in samples]
    for frame, signals in decoded(name, frames, [VENUES[name].symbol]):
        assert signals
        if by_hand(frame) is None and frame != "null":
            assert signals[0] == Control(ControlKind.BAD, "not JSON")
