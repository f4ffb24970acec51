"""Every line of the real captures through the adapters."""

import gzip
import json
from pathlib import Path

import pytest
from tests.feeder.venues.captures import Said, read_by_hand, received

from twilight.feeder.venues import VENUES, ControlKind, TopOfBook

SPEAKS = {
    "cf-binance.txt.gz": "binance",
    "cf-binance-us.txt.gz": "binance",
    "cf-bitfinex.txt.gz": "bitfinex",
    "cf-coinbase.txt.gz": "coinbase",
    "cf-okcoin.txt.gz": "okx",
    "cf-okx.txt.gz": "okx",
    "hft-binance-coinm-btcusdperp-bbo-20240808.jsonl.gz": "binance",
    "hft-binance-spot-btcusdt-20240808.jsonl.gz": "binance",
    "hft-binance-usdm-btcusdt-bbo-20240808.jsonl.gz": "binance",
}
SILENT = {
    "cf-bitstamp.txt.gz": "bitstamp",
    "cf-gemini-v2.txt.gz": "gemini",
    "cf-bybit-v2.txt.gz": "bybit",
    "cf-kraken-v1-ticker.txt.gz": "kraken",
    "cf-kraken-v1-trade.txt.gz": "kraken",
    "cf-kraken-v1-book.txt.gz": "kraken",
}
"""Captures of channels or of retired protocols that today's adapters must hear without hearing a price."""


@pytest.mark.parametrize(("file", "name"), SPEAKS.items())
def test_a_capture_yields_exactly_the_quotes_that_its_frames_say(shared_dir: Path, file: str, name: str) -> None:
    frames = list(received(shared_dir / "data" / "feeds" / "raw" / file))
    expected = read_by_hand(name, frames)
    symbols = sorted({quote.symbol for quote in expected})
    decode = VENUES[name].decoder(symbols)
    found = [signal for frame in frames for signal in decode(frame)]
    assert expected
    assert [Said(s.symbol, s.bid, s.ask) for s in found if isinstance(s, TopOfBook)] == expected
    assert [s for s in found if not isinstance(s, TopOfBook) and s.kind is ControlKind.BAD] == []


@pytest.mark.parametrize(("file", "name"), SILENT.items())
def test_a_capture_of_other_channels_yields_no_price(shared_dir: Path, file: str, name: str) -> None:
    frames = list(received(shared_dir / "data" / "feeds" / "raw" / file))
    assert read_by_hand(name, [frame for frame in frames if frame.startswith("{")]) == []
    symbols = ["BTC/USD", "btcusd", "ethusd", "usdtusd", "BTCUSD", "XBT/USD"]
    decode = VENUES[name].decoder(symbols)
    assert [signal for frame in frames for signal in decode(frame) if isinstance(signal, TopOfBook)] == []


@pytest.fixture(scope="module")
def every_frame(shared_dir: Path) -> list[str]:
    """All lines of the captures of many venues; those of Binance alone are in the tests above."""
    paths = sorted((shared_dir / "data" / "feeds" / "raw").glob("cf-*"))
    return [frame for path in paths for frame in received(path)]


@pytest.mark.parametrize("name", VENUES)
def test_no_line_of_any_capture_raises_in_any_adapter(every_frame: list[str], name: str) -> None:
    decode = VENUES[name].decoder(VENUES[name].symbols)
    assert all(map(decode, every_frame))


def test_the_replay_yields_exactly_the_quotes_that_its_frames_say(shared_dir: Path) -> None:
    with gzip.open(shared_dir / "data" / "feeds" / "replay" / "venues8-a.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    for name, venue in VENUES.items():
        frames = [row["raw"] for row in rows if row["v"] == name]
        decode = venue.decoder([venue.symbol, *venue.conversion.values()])
        found = [signal for frame in frames for signal in decode(frame) if isinstance(signal, TopOfBook)]
        assert [Said(s.symbol, s.bid, s.ask) for s in found] == read_by_hand(name, frames)
